"""The database of an index: its tables, and how a writer takes its turn there."""

from __future__ import annotations

import functools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ledger.shared.postgres import prepare_shared
from wire.postgres import address
from wire.postgres.connections import LEASE, Connections, Cursor, Tenant
from wire.postgres.rows import Kinds, Row, read
from wire.postgres.tables import bring_up, require_writable
from wire.problem import TryLater

from ..problem import INDEX_NOT_DURABLE, INDEX_NOT_PREPARED, INDEX_OVERTAKEN, INDEX_ROLE, TAKEN_OVER
from .door import INDEX

_T = TypeVar("_T")

_COUNT_UP = """
INSERT INTO intaglio_issuer.fence VALUES (%s, 1)
ON CONFLICT (name) DO UPDATE SET number = fence.number + 1 RETURNING number
"""
_FIRST = "INSERT INTO intaglio_issuer.fence VALUES (%s, 0) ON CONFLICT DO NOTHING"
_NUMBER = "SELECT number FROM intaglio_issuer.fence WHERE name = %s"
_STANDING = """
SELECT fence.name FROM unnest(%s::text[], %s::bigint[]) AS own (name, number)
JOIN intaglio_issuer.fence USING (name, number) FOR SHARE OF fence
"""


class _Fence(NamedTuple):
    """A lock that a thread holds, and its number; a higher one in the database is another holder's."""

    name: str
    number: int


_held = threading.local()
"""The locks of each thread, by the address of the database."""

_COPY_BEGINS, _COPY_ENDS = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
"""Signature, flags, length of an extension; and what stands in the place of a row's number of columns."""

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

    def __init__(self, uri: str, *, patience: float, lease: float = LEASE) -> None:
        """Waits `patience` seconds for another process that has the turn, then raises `TryLater`.

        A holder of a lock that gives no sign of life for `lease` seconds loses it.
        """
        self._uri, self._lease = uri, lease
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
        return self._connections.write(self._fenced(work))

    def change(self, statement: str, *values: object) -> None:
        """One idempotent statement as a transaction."""
        self.write(lambda cursor: cursor.execute(statement, values))

    def in_turn(self, work: Callable[[Cursor], _T]) -> _T:
        """An idempotent transaction, while nobody else has the turn."""
        return self._connections.write(partial(self._taking_turn, self._fenced(work)))

    def once(self, work: Callable[[Cursor], _T]) -> _T:
        """A transaction that has the turn, and is not tried again if its connection breaks."""
        return self._connections.once(partial(self._taking_turn, self._fenced(work)))

    def once_beside(self, work: Callable[[Cursor], _T]) -> _T:
        """A transaction without the turn, which is not tried again either."""
        return self._connections.once(self._fenced(work))

    def streamed(self, query: str, types: Sequence[str]) -> Iterator[Row]:
        """The rows of one query, of these types, however many: they are fetched as they are consumed."""
        for row in self._connections.streamed(query, types):
            yield tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)

    def held(self, patience: float) -> AbstractContextManager[None]:
        """Holds the lock for making claim links, as `Connections.held` does."""
        return self._connections.held(f"SELECT pg_advisory_xact_lock({ISSUER.turn + 2})", patience)

    @contextmanager
    def holding(self, name: str, *, shared: bool, patience: float | None) -> Iterator[None]:
        """Holds the lock of a name, as `Connections.held` does. Raises `TryLater` after `patience`.

        Taking one alone counts its number up (ADR 75). Until the block ends, all that this thread
        writes here raises `TAKEN_OVER` once another has the lock, as one that stood still or was cut off
        would find. Raises `TryLater` after `patience`.
        """
        # 64 bits of a hash, apart from the turns above, which are small numbers of one prefix
        key = int.from_bytes(sha256(b"intaglio-issuer\0" + name.encode()).digest()[:8], "big", signed=True)
        kind = "_shared" if shared else ""
        if patience == 0 and not self._is_free(f"SELECT pg_try_advisory_xact_lock{kind}({key})"):
            raise TryLater.saying("another process is at work on {file}", file=name)
        with self._connections.held(f"SELECT pg_advisory_xact_lock{kind}({key})", patience, self._lease):
            fence, fences = _Fence(name, self._number(name, shared=shared)), self._fences()
            fences.append(fence)
            try:
                yield
            finally:
                fences.remove(fence)

    def _number(self, name: str, *, shared: bool) -> int:
        """The number of a lock that was just taken: a holder alone counts it up, sharers leave it."""
        if shared:
            while not (numbers := self.rows([int], _NUMBER, name)):
                self._connections.write(lambda cursor: cursor.execute(_FIRST, [name]))
        else:
            # Durable: a number that a crash took back would be another's a second time.
            numbers = self._connections.write(lambda cursor: rows(cursor, [int], _COUNT_UP, name))
        return int(numbers[0][0])

    def _is_free(self, trial: str) -> bool:
        """Asks before it waits, so that the server's journal is not filled with locks that were not got."""
        return self._connections.run(lambda cursor: rows(cursor, [bool], trial)) == [(True,)]

    def _fences(self) -> list[_Fence]:
        held: defaultdict[str, list[_Fence]] = _held.__dict__.setdefault("held", defaultdict(list))
        return held[self._uri]

    def _fenced(self, work: Callable[[Cursor], _T]) -> Callable[[Cursor], _T]:
        """Some work that is done while the thread's locks are its own: to its end, nobody takes one.

        The order of locks: those of names, then the turn, then these rows, then the rows of the work. Who
        counts a number up holds nothing else in that transaction, so that no circle of waiting arises.
        """
        fences = list(dict.fromkeys(self._fences()))

        def fenced(cursor: Cursor) -> _T:
            columns = [each.name for each in fences], [each.number for each in fences]
            if len(rows(cursor, [str], _STANDING, *columns)) < len(fences):
                raise TAKEN_OVER("another machine has taken over what this one was doing")
            return work(cursor)

        return fenced if fences else work

    def _taking_turn(self, work: Callable[[Cursor], _T], cursor: Cursor) -> _T:
        cursor.execute(self._turn, binary=False)  # so that three statements are one message
        return work(cursor)


def rows(cursor: Cursor, kinds: Kinds, query: str, *values: object) -> Sequence[Row]:
    """The rows of a query within a transaction."""
    return read(cursor.execute(query, values), kinds)


def copy_rows(cursor: Cursor, table: str, types: Sequence[str], incoming: Iterable[Sequence[Any]]) -> None:
    """Writes rows into a table, or some of its columns.

    Where the transaction may be tried again, `incoming` must be made anew each time: a used iterator writes
    nothing.
    """
    with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copying:
        copying.set_types(types)
        for row in incoming:
            copying.write_row(row)


def copy_packed(cursor: Cursor, table: str, portions: Iterable[bytes | bytearray]) -> None:
    """Writes rows that are packed as `COPY` takes them in its binary form, many in each portion.

    Where there are thousands in a statement, that costs half of what `copy_rows` does.
    """
    with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copying:
        for portion in chain([_COPY_BEGINS], portions, [_COPY_ENDS]):
            copying.write(portion)
