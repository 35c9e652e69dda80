"""The database of an index: its tables, and how a writer takes its turn there."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from ledger.shared.postgres import prepare_shared
from wire.postgres import address
from wire.postgres.connections import Connections, Cursor, Tenant
from wire.postgres.rows import Kinds, Row, read
from wire.postgres.tables import bring_up, require_writable

from ..problem import INDEX_NOT_DURABLE, INDEX_NOT_PREPARED, INDEX_OVERTAKEN, INDEX_ROLE
from .door import INDEX

_T = TypeVar("_T")

ISSUER = Tenant(
    what=INDEX,
    schema="intaglio_issuer",
    steps=sorted((Path(__file__).parent / "migrations").glob("[0-9]*.sql")),
    turn=0x696E7461697373,  # "intaiss"
    overtaken=INDEX_OVERTAKEN,
    not_prepared=INDEX_NOT_PREPARED,
    role=INDEX_ROLE,
    not_durable=INDEX_NOT_DURABLE,
)


def prepare_index(uri: str) -> int:
    """Make an index's tables in the database at an address, or bring them up to date: their owner's work.

    So with the tables of what machines share of the log. Returns how many steps that took. Raises as
    `bring_up` and `address.parse`.
    """
    return bring_up(address.parse(uri), ISSUER) + prepare_shared(uri)


@functools.lru_cache(maxsize=4)
def _connections(conninfo: str) -> Connections:
    """One pool for all that a process does there: a server has few connections for many machines."""
    return Connections(conninfo, partial(require_writable, tenant=ISSUER), ISSUER)


class IndexDatabase:
    """Reads and transactions of an index. Each raises what `Connections` raises.

    Nothing here outlives a transaction, so that a pgbouncer that pools transactions may stand in between.
    Transactions that decide about one credential take turns, as all writers do in SQLite: between two of its
    statements nobody else changes what the first one read.
    """

    def __init__(self, uri: str, *, patience: float) -> None:
        """Waits `patience` seconds for another process that has the turn, then raises `TryLater`."""
        self._connections = _connections(address.parse(uri))
        # A process that is paused or cut off keeps the turn for a minute at most.
        self._turn = (
            f"SET LOCAL lock_timeout = {max(1, round(patience * 1000))}; "
            "SET LOCAL idle_in_transaction_session_timeout = '60s'; "
            f"SELECT pg_advisory_xact_lock({ISSUER.turn})"
        )

    def close(self) -> None:
        """Closes the connections that nobody in this process uses now; others are opened when needed."""
        self._connections.close()

    def rows(self, kinds: Kinds, query: str, *values: object) -> Sequence[Row]:
        """The rows of one query, which sees all that was committed before it began."""
        return self._connections.run(lambda cursor: rows(cursor, kinds, query, *values))

    def write(self, work: Callable[[Cursor], _T]) -> _T:
        """An idempotent transaction, as `Connections.write` needs it."""
        return self._connections.write(work)

    def change(self, statement: str, *values: object) -> None:
        """One idempotent statement as a transaction."""
        self.write(lambda cursor: cursor.execute(statement, values))

    def in_turn(self, work: Callable[[Cursor], _T]) -> _T:
        """An idempotent transaction, while nobody else has the turn."""
        return self._connections.write(partial(self._taking_turn, work))

    def once(self, work: Callable[[Cursor], _T]) -> _T:
        """A transaction that has the turn, and is not tried again if its connection breaks."""
        return self._connections.once(partial(self._taking_turn, work))

    def once_beside(self, work: Callable[[Cursor], _T]) -> _T:
        """A transaction without the turn, which is not tried again either."""
        return self._connections.once(work)

    def streamed(self, query: str, types: Sequence[str]) -> Iterator[Row]:
        """The rows of one query, of these types, however many: they are fetched as they are consumed."""
        for row in self._connections.streamed(query, types):
            yield tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)

    def held(self, patience: float) -> AbstractContextManager[None]:
        """Holds the lock for making claim links, as `Connections.held` does."""
        return self._connections.held(f"SELECT pg_advisory_xact_lock({ISSUER.turn + 2})", patience)

    def holding(self, name: str, *, shared: bool, patience: float | None) -> AbstractContextManager[None]:
        """Holds the lock of a name, as `Connections.held` does."""
        # 63 bits of a hash, apart from the turns above, which are small numbers of one prefix
        key = int.from_bytes(sha256(b"intaglio-issuer\0" + name.encode()).digest()[:8], "big", signed=True)
        kind = "_shared" if shared else ""
        return self._connections.held(f"SELECT pg_advisory_xact_lock{kind}({key})", patience)

    def _taking_turn(self, work: Callable[[Cursor], _T], cursor: Cursor) -> _T:
        cursor.execute(self._turn, binary=False)  # so that three statements are one message
        return work(cursor)


def rows(cursor: Cursor, kinds: Kinds, query: str, *values: object) -> Sequence[Row]:
    """The rows of a query within a transaction."""
    return read(cursor.execute(query, values), kinds)


def copy_rows(cursor: Cursor, table: str, types: Sequence[str], given: Iterable[Sequence[Any]]) -> None:
    """Writes rows into a table, or some of its columns."""
    with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copying:
        copying.set_types(types)
        for row in given:
            copying.write_row(row)
