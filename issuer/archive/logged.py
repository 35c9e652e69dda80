"""The log according to the index: its size, and the batches that may follow. See `consistency.py`."""

from __future__ import annotations

import sqlite3

from wire.sqlite import Database

from .index import Logged
from .kept import Appended, Known


class SQLiteLogged(Logged):
    """`Logged`, in tables of the index."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def intend(self, key: bytes) -> None:
        self._database.write("INSERT OR IGNORE INTO appending VALUES (?)", key)

    def settle(self, batch: Appended) -> None:
        with self._database.writing() as connection:
            settle(connection, batch)

    def known(self) -> Known:
        with self._database.reading() as connection:
            row = connection.execute("SELECT next FROM counter WHERE name = 'log'").fetchone()
            keys = [key for (key,) in connection.execute("SELECT key FROM appending")]
        return Known(row[0], keys)

    def adopt(self, size: int) -> None:
        with self._database.writing() as connection:
            raise_to(connection, "log", size)


def settle(connection: sqlite3.Connection, batch: Appended) -> None:
    """Records that a batch is in the log, within the transaction that records what it was for."""
    connection.execute("DELETE FROM appending WHERE key = ?", (batch.key,))
    connection.execute("UPDATE counter SET next = max(next, ?) WHERE name = 'log'", (batch.leaves.stop,))


def raise_to(connection: sqlite3.Connection, counter: str, value: int) -> None:
    """Raises a counter to at least this value."""
    connection.execute(
        "INSERT INTO counter VALUES (?, ?) ON CONFLICT DO UPDATE SET next = max(next, excluded.next)",
        (counter, value),
    )
