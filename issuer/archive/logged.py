"""What the index knows of the log: how long it is, and which batches may follow. See `consistency.py`."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from wire.sqlite import Database


class Appended(NamedTuple):
    """A batch of the log: its key, and where it is."""

    key: bytes
    leaves: range


class Known(NamedTuple):
    """What the index knows of the log: its size after the last recorded batch, and what may follow."""

    size: int | None
    """None in an index of release 0.1.0."""
    begun: list[bytes]
    """Keys of batches that were journalled and not recorded yet."""


class Logged:
    """The size of the log after the last recorded batch, and the batches that were journalled since."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def intend(self, key: bytes) -> None:
        """Journals that a batch goes to the log next."""
        with self._database.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO appending VALUES (?)", (key,))

    def settle(self, batch: Appended) -> None:
        """Records that a batch is in the log; with no leaves, that it never came there."""
        with self._database.writing() as connection:
            settle(connection, batch)

    def known(self) -> Known:
        """What is known of the log."""
        with self._database.reading() as connection:
            found = connection.execute("SELECT next FROM counter WHERE name = 'log'").fetchone()
            keys = [key for (key,) in connection.execute("SELECT key FROM appending")]
        return Known(found[0] if found else None, keys)

    def adopt(self, size: int) -> None:
        """Takes a log of this size for the one that belongs to this index."""
        with self._database.writing() as connection:
            raise_to(connection, "log", size)

    def last_leaf(self) -> int:
        """The latest log entry that chunks, single credentials and lists name, -1 if none does."""
        with self._database.reading() as connection:
            (leaf,) = connection.execute(
                "SELECT max((SELECT coalesce(max(first_leaf + issued - 1), -1) FROM chunk), "
                "(SELECT coalesce(max(leaf), -1) FROM credential JOIN single USING (seq)), "
                "(SELECT coalesce(max(leaf), -1) FROM status_file))"
            ).fetchone()
        return int(leaf)


def settle(connection: sqlite3.Connection, batch: Appended) -> None:
    """Records that a batch is in the log, within the transaction that records what it was for."""
    connection.execute("DELETE FROM appending WHERE key = ?", (batch.key,))
    connection.execute("UPDATE counter SET next = max(next, ?) WHERE name = 'log'", (batch.leaves.stop,))


def raise_to(connection: sqlite3.Connection, counter: str, value: int) -> None:
    """Has a counter be at least so high."""
    connection.execute(
        "INSERT INTO counter VALUES (?, ?) ON CONFLICT DO UPDATE SET next = max(next, excluded.next)",
        (counter, value),
    )
