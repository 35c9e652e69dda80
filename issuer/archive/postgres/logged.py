"""The log according to the index: see `issuer/archive/logged.py`."""

from __future__ import annotations

from wire.postgres.connections import Cursor

from ...shared.database import IndexDatabase
from ..index import Logged
from ..kept import Appended, Known

_KNOWN = """
SELECT next, ARRAY(SELECT key FROM intaglio_issuer.appending) FROM intaglio_issuer.counter WHERE name = 'log'
"""
_RAISE = """
INSERT INTO intaglio_issuer.counter VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET next = greatest(counter.next, excluded.next)
"""


class PostgresLogged(Logged):
    """`Logged`, in tables of the index."""

    def __init__(self, database: IndexDatabase) -> None:
        self._database = database

    def intend(self, key: bytes) -> None:
        self._database.change("INSERT INTO intaglio_issuer.appending VALUES (%b) ON CONFLICT DO NOTHING", key)

    def settle(self, batch: Appended) -> None:
        self._database.write(lambda cursor: settle_batch(cursor, batch))

    def known(self) -> Known:
        ((size, begun),) = self._database.rows([int, list], _KNOWN)
        return Known(size, begun)

    def adopt(self, size: int) -> None:
        self._database.write(lambda cursor: raise_counter(cursor, "log", size))


def settle_batch(cursor: Cursor, batch: Appended) -> None:
    """Records that a batch is in the log, within the transaction that records what it was for."""
    cursor.execute("DELETE FROM intaglio_issuer.appending WHERE key = %b", [batch.key])
    raise_counter(cursor, "log", batch.leaves.stop)


def raise_counter(cursor: Cursor, counter: str, value: int) -> None:
    """Raises a counter to at least this value."""
    cursor.execute(_RAISE, [counter, value])
