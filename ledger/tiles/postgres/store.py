"""A log in a PostgreSQL database: the row `head` has its end, and a writer locks the row to change it.

intaglio.head      one row: the log's size, its base, the newest checkpoint, its newest move
intaglio.batch     the range of each batch, and the digest of its key
intaglio.pending   the entries of batches that are not settled
intaglio.tile      tiles and bundles by their paths, which are only ever added

A commit of `record` or `settle` is durable, and makes all earlier commits durable.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from wire.postgres import address
from wire.postgres.connections import Connections, Cursor
from wire.postgres.rows import Kinds, Row, checked, only, read, read_one
from wire.problem import Damaged, Refused, TooLarge, TryLater

from ...problem import Overtaken
from ..ahead import require_none_ahead
from ..journal import CAPACITY, Capacity
from ..keys import key_digest
from ..layout import LARGEST
from ..store import CHECKPOINT, Base, Batch, Keys, Mark, State, Store, StoreHead, require_not_left
from . import schema
from .ahead import GIVEN, neighbouring, read_ahead

_T = TypeVar("_T")

_RECORD = """
WITH moved AS (UPDATE intaglio.head SET size = %s WHERE size = %s AND coalesce(state, 'here') <> 'left'
               RETURNING one),
     new AS (SELECT given.*
             FROM moved, unnest(%s::bigint[], %s::bigint[], %b::bytea[], %b::bytea[], %b::bytea[])
                         AS given (start, stop, digest, key, entries)),
     known AS (INSERT INTO intaglio.batch SELECT start, stop, digest FROM new)
INSERT INTO intaglio.pending (start, key, entries) SELECT start, key, entries FROM new
"""
_PUBLISH = """
UPDATE intaglio.head SET checkpoint = %b
WHERE checkpoint IS NOT DISTINCT FROM %b AND coalesce(state, 'here') <> 'left'
"""
_SETTLE = """
UPDATE intaglio.head SET size = %s, base_size = %s, base_root = %b
WHERE size = %s AND coalesce(state, 'here') <> 'left'
"""
_SEAL = """
UPDATE intaglio.head SET move = %s, state = %s
WHERE move IS NOT DISTINCT FROM %s AND state IS NOT DISTINCT FROM %s
"""
_IS_NEW = "AND size = 0 AND checkpoint IS NULL"
_HEAD = "SELECT base_size, base_root, move, state FROM intaglio.head"
_MOVE: Kinds = [str | None, str | None]
_MARK = "SELECT move, state FROM intaglio.head"
_CHECKPOINT = "SELECT checkpoint FROM intaglio.head"
_BATCH = "SELECT start, stop FROM intaglio.batch WHERE key = %b"
_KEYS = """
SELECT start, stop, key FROM intaglio.batch, intaglio.head
WHERE start >= %s AND stop <= base_size ORDER BY start LIMIT 65536
"""
_PENDING = """
SELECT base_size, size, start, key, entries
FROM intaglio.head LEFT JOIN intaglio.pending ON start >= %s
ORDER BY start
"""
_ADD = "INSERT INTO intaglio.tile SELECT * FROM unnest(%b::text[], %b::bytea[]) ON CONFLICT DO NOTHING"
_FULL = "SELECT count(*) >= %s OR sum(octet_length(entries)) >= %s FROM intaglio.pending"


class PostgresStore(Store):
    """A `Store` in a database that `prepare` has made ready; any number of processes and machines may use it.

    `uri` is read by `address.parse`; `patience` and `read_only` are as in `open_store`. The log is settled
    when `capacity` is pending. Raises what `Connections` raises, and `LEDGER_NOT_DURABLE` or `Refused` for a
    server that cannot be appended to.
    """

    def __init__(
        self,
        uri: str,
        *,
        patience: float | None = None,
        read_only: bool = False,
        capacity: Capacity = CAPACITY,
    ) -> None:
        self._patience, self._read_only, self._capacity = patience, read_only, capacity
        self._turn = threading.Lock()
        admit = schema.require_readable if read_only else schema.require_appendable
        self._database = Connections(address.parse(uri), admit, schema.LOG)

    def get(self, path: str) -> bytes | None:
        return self.get_many([path]).get(path)

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        wanted = list(paths)
        stored = {}
        if CHECKPOINT in wanted:
            (note,) = self._row([bytes | None], _CHECKPOINT)
            stored = {} if note is None else {CHECKPOINT: note}
            wanted.remove(CHECKPOINT)
        if wanted:
            stored |= dict(self._rows([str, bytes], GIVEN, wanted, LARGEST))
        return stored

    @contextmanager
    def lock(self) -> Iterator[None]:
        """See `Reader.lock`. Threads wait here, so that at most one of them waits at the server."""
        if self._read_only:
            with self._database.held(
                f"SELECT pg_advisory_xact_lock_shared({schema.LOG.turn})", self._patience
            ):
                yield
            return
        if not self._turn.acquire(timeout=-1 if self._patience is None else self._patience):
            raise TryLater("another thread holds the log")
        try:
            with self._database.held(f"SELECT pg_advisory_xact_lock({schema.LOG.turn})", self._patience):
                yield
        finally:
            self._turn.release()

    def head(self) -> StoreHead:
        """See `Reader.head`. Raises `Damaged`."""
        size, root, *move = self._row([int, bytes, *_MOVE], _HEAD)
        if size < 0:  # threat F32: as an appender may write; levels of such a tree have no end
            raise Damaged(f"the tables of the log have a base of {size} entries")
        return StoreHead(Base(size, root), _mark(tuple(move)))

    def pending(self, start: int) -> Iterator[Batch]:
        """See `Reader.pending`. Raises `Overtaken` where they are settled, `Damaged` where one is missing."""
        rows = self._rows([int, int, int | None, bytes | None, bytes | None], _PENDING, start)
        base, size = only({row[:2] for row in rows})
        if base > start:  # one statement reads both, so they belong together
            raise Overtaken("another writer has settled the log meanwhile")
        recorded = checked([row[2:] for row in rows if row[2] is not None], [int, bytes, bytes])
        yield from neighbouring(recorded, start, size)

    def examine(self) -> None:
        """See `Examined.examine`: name the rows that an appender wrote ahead of the log.

        Raises `LEDGER_TILES_AHEAD`.
        """
        with self.lock():
            require_none_ahead(self._database.run(read_ahead).names)

    def find(self, key: bytes) -> range | None:
        """See `Reader.find`. Raises `Damaged`."""
        rows = self._rows([int, int], _BATCH, key_digest(key))
        for start, stop in rows:
            if not 0 <= start < stop:  # threat F32: as an appender may write; no tile has a negative number
                raise Damaged(f"the tables of the log have a batch from {start} to {stop}")
            return range(start, stop)
        return None

    def keys(self) -> Keys:
        """See `Reader.keys`. Raises `Damaged`."""
        end = 0
        while rows := self._rows([int, int, bytes], _KEYS, end):
            for start, stop, digest in rows:
                if not start == end < stop:  # threat F32: a database that lies could give keys for ever
                    raise Damaged(f"the tables of the log have keys up to {end}, and then of {start}")
                yield digest, range(start, stop)
                end = stop

    def put(self, tiles: Mapping[str, bytes]) -> None:
        """See `Appender.put`. Tiles that are there stay as they are: nobody may change any."""
        try:
            self._write(lambda cursor: _copy(cursor, "tile", ("text", "bytea"), tiles.items()), durably=False)
        except Overtaken:  # some are there, and a COPY, which is faster, knows no ON CONFLICT
            self._write(lambda cursor: _add(cursor, tiles), durably=False)

    def record(self, *batches: Batch) -> bool:
        """See `Appender.record`. Raises `TooLarge` for more than the capacity has."""
        # A batch is one row, which readers take whole; a field of PostgreSQL ends at 1 GB.
        if max(sum(map(len, batch.framed)) for batch in batches) > self._capacity.record:
            raise TooLarge(f"a batch of the log has at most {self._capacity.record} bytes")

        def work(cursor: Cursor) -> bool:
            _record(cursor, batches)
            counted = cursor.execute(_FULL, [self._capacity.batches, self._capacity.size])
            return read_one(counted, [bool | None]) == (True,)

        return self._write(work)

    def publish(self, note: bytes, *, after: bytes | None) -> None:
        self._write(lambda cursor: _move_on(cursor, _PUBLISH, note, after))

    def settle(self, base: Base, keys: Callable[[], Keys] | None = None) -> None:
        def work(cursor: Cursor) -> None:
            _move_on(cursor, _SETTLE, base.size, *base, base.size if keys is None else 0)
            if keys is not None:
                rows = ((at.start, at.stop, digest) for digest, at in keys())
                _copy(cursor, "batch", ("int8", "int8", "bytea"), rows)
            # In the transaction that moves the base: a batch is pending or settled, never neither.
            cursor.execute("DELETE FROM intaglio.pending WHERE start < %s", [base.size])

        self._write(work)

    def seal(self, mark: Mark, *, after: Mark | None) -> None:
        statement = _SEAL + _IS_NEW if mark.state is State.COMING else _SEAL
        self._write(lambda cursor: _move(cursor, statement, *_columns(mark), *_columns(after)))

    def _rows(self, kinds: Kinds, statement: str, *values: object) -> Sequence[Row]:
        return self._database.run(lambda cursor: read(cursor.execute(statement, values), kinds))

    def _row(self, kinds: Kinds, statement: str, *values: object) -> Row:
        return self._database.run(lambda cursor: read_one(cursor.execute(statement, values), kinds))

    def _write(self, work: Callable[[Cursor], _T], *, durably: bool = True) -> _T:
        # Also where the role could write: a reader has asked for no more than to look.
        if self._read_only:
            raise Refused("the log was opened to be read")
        return self._database.write(work, durably=durably)


def _move(cursor: Cursor, statement: str, *values: object, rows: int = 1) -> None:
    """Run a conditional statement. Raises `Overtaken` where its condition does not hold for all rows."""
    # ADR 38: the compare-and-swap of each deciding write; PostgreSQL tells by the count of rows.
    if cursor.execute(statement, values).rowcount != rows:
        raise Overtaken("another writer has changed the log meanwhile")


def _move_on(cursor: Cursor, statement: str, *values: object, rows: int = 1) -> None:
    """As `_move`, where part of the condition is that the log has not left. Raises `LOG_SEALED` then."""
    try:
        _move(cursor, statement, *values, rows=rows)
    except Overtaken:
        require_not_left(_mark(read_one(cursor.execute(_MARK), _MOVE)))
        raise


def _mark(row: Row) -> Mark | None:
    name, state = row
    if name is None:
        return None
    if state not in [*State]:  # by a later program: whether the log may be appended to is not known
        raise Damaged("the tables of the log have a move whose state is not known here")
    return Mark(name, State(state))


def _columns(mark: Mark | None) -> tuple[str | None, str | None]:
    return (None, None) if mark is None else (mark.name, mark.state.value)


def _record(cursor: Cursor, batches: Sequence[Batch]) -> None:
    starts, stops = [batch.start for batch in batches], [batch.range.stop for batch in batches]
    keys, entries = [batch.key for batch in batches], [b"".join(batch.framed) for batch in batches]
    values = [stops[-1], starts[0], starts, stops, [key_digest(key) for key in keys], keys, entries]
    _move_on(cursor, _RECORD, *values, rows=len(batches))


def _copy(cursor: Cursor, table: str, types: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    with cursor.copy(f"COPY intaglio.{table} FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def _add(cursor: Cursor, tiles: Mapping[str, bytes]) -> None:
    cursor.execute(_ADD, [list(tiles), list(tiles.values())])
