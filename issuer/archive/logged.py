"""What the index knows of the log: how long it is, and which batches may follow. See `consistency.py`."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from .database import Database


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
            connection.exec_driver_sql("INSERT OR IGNORE INTO appending VALUES (?)", (key,))

    def settle(self, batch: Appended) -> None:
        """Records that a batch is in the log; with no leaves, that it never came there."""
        with self._database.writing() as connection:
            settle(connection, batch)

    def known(self) -> Known:
        """What is known of the log."""
        with self._database.reading() as connection:
            size = connection.exec_driver_sql("SELECT next FROM counter WHERE name = 'log'").scalar()
            return Known(size, list(connection.exec_driver_sql("SELECT key FROM appending").scalars()))

    def adopt(self, size: int) -> None:
        """Takes a log of this size for the one that belongs to this index."""
        with self._database.writing() as connection:
            raise_to(connection, "log", size)

    def last_leaf(self) -> int:
        """The latest log entry that chunks, single credentials and lists name, -1 if none does."""
        with self._database.reading() as connection:
            row = connection.exec_driver_sql(
                "SELECT max((SELECT coalesce(max(first_leaf + issued - 1), -1) FROM chunk), "
                "(SELECT coalesce(max(leaf), -1) FROM credential JOIN single USING (seq)), "
                "(SELECT coalesce(max(leaf), -1) FROM status_file))"
            ).one()
        return int(row[0])


def settle(connection: Connection, batch: Appended) -> None:
    """Records that a batch is in the log, within the transaction that records what it was for."""
    connection.exec_driver_sql("DELETE FROM appending WHERE key = ?", (batch.key,))
    connection.exec_driver_sql(
        "UPDATE counter SET next = max(next, ?) WHERE name = 'log'", (batch.leaves.stop,)
    )


def raise_to(connection: Connection, counter: str, value: int) -> None:
    """Has a counter be at least so high."""
    connection.exec_driver_sql(
        "INSERT INTO counter VALUES (?, ?) ON CONFLICT DO UPDATE SET next = max(next, excluded.next)",
        (counter, value),
    )
