"""A log in a PostgreSQL database: the row `head` says where it ends, and is locked by whoever moves that.

intaglio.head      one row: the log's size, its base, the newest checkpoint
intaglio.batch     where each batch is, and its key
intaglio.pending   the entries of those that are not settled
intaglio.tile      tiles and bundles by their paths, which are only ever added

A commit of `record` or `settle` is durable, and so is, by then, all that was committed before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wire.problem import Damaged, Refused, TooLarge, TryLater

from ...problem import Overtaken
from ..disk import disk_problems
from ..journal import CAPACITY, Capacity
from ..kept import KeptCheckpoint
from ..layout import unframe
from ..store import CHECKPOINT, Base, Batch, Store
from . import address, schema
from .connections import Connections, Cursor

_RECORD = """
WITH moved AS (UPDATE intaglio.head SET size = %s WHERE size = %s RETURNING one),
     known AS (INSERT INTO intaglio.batch SELECT %s, %s, %b FROM moved RETURNING start)
INSERT INTO intaglio.pending SELECT start, %b FROM known
"""
_PENDING = """
SELECT base_size, size, start, key, entries
FROM intaglio.head LEFT JOIN intaglio.pending JOIN intaglio.batch USING (start) ON start >= %s
ORDER BY start
"""
_ADD = "INSERT INTO intaglio.tile SELECT * FROM unnest(%b::text[], %b::bytea[]) ON CONFLICT DO NOTHING"
_FULL = "SELECT count(*) >= %s OR sum(octet_length(entries)) >= %s FROM intaglio.pending"


class PostgresStore(Store):
    """A `Store` in a database that `prepare` has made ready; any number of processes and machines may use it.

    `uri` is read by `address.parse`; `kept`, `patience` and `read_only` are as `open_store` has them, and
    the log is settled when so much is pending as is the `capacity`. Raises what `Connections` raises, and
    `NotDurable` or `Refused` for a server that is not to be appended to.
    """

    def __init__(
        self,
        uri: str,
        kept: Path | None = None,
        *,
        patience: float | None = None,
        read_only: bool = False,
        capacity: Capacity = CAPACITY,
    ) -> None:
        self._kept, self._patience, self._read_only = KeptCheckpoint(kept), patience, read_only
        self._capacity = capacity
        self._turn = threading.Lock()
        admit = schema.require_readable if read_only else schema.require_appendable
        self._database = Connections(address.parse(uri), admit)

    def get(self, path: str) -> bytes | None:
        return self.get_many([path]).get(path)

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        wanted = list(paths)
        found = {}
        if CHECKPOINT in wanted:
            [[note]] = self._rows("SELECT checkpoint FROM intaglio.head")
            found = {} if note is None else {CHECKPOINT: note}
            wanted.remove(CHECKPOINT)
        if wanted:
            found |= dict(self._rows("SELECT path, data FROM intaglio.tile WHERE path = ANY(%s)", wanted))
        return found

    def kept(self) -> bytes | None:
        with disk_problems():
            return self._kept.read()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """See `Reader.lock`. Threads wait here, so that no more than one of them waits at the server."""
        if self._read_only:
            with self._database.held(f"SELECT pg_advisory_xact_lock_shared({schema.TURN})", self._patience):
                yield
            return
        if not self._turn.acquire(timeout=-1 if self._patience is None else self._patience):
            raise TryLater("another thread holds the log")
        try:
            with self._database.held(f"SELECT pg_advisory_xact_lock({schema.TURN})", self._patience):
                yield
        finally:
            self._turn.release()

    def base(self) -> Base:
        [found] = self._rows("SELECT base_size, base_root FROM intaglio.head")
        return Base(*found)

    def pending(self, start: int) -> Iterator[Batch]:
        """See `Reader.pending`. Raises `Overtaken` where they are settled, `Damaged` where one is missing."""
        rows = self._rows(_PENDING, start)
        (base, size, *_), end = rows[0], start
        if base > start:
            raise Overtaken("another writer has settled the log meanwhile")
        for _, _, at, key, entries in rows:
            if at is not None:
                batch = Batch(at, key, unframe(entries, "a batch of the log"))
                if at != end:
                    break
                yield batch
                end = batch.range.stop
        if end != size:
            raise Damaged(f"the tables of the log have batches up to {end}, and it ends at {size}")

    def find(self, key: bytes) -> range | None:
        found = self._rows("SELECT start, stop FROM intaglio.batch WHERE key = %s", key)
        return range(*found[0]) if found else None

    def record(self, batch: Batch) -> None:
        """See `Appender.record`. Raises `TooLarge` for more than the capacity has."""
        entries = b"".join(batch.framed)
        if len(entries) > self._capacity.record:
            raise TooLarge(f"a batch of the log has at most {self._capacity.record} bytes")
        values = [batch.range.stop, batch.start, batch.start, batch.range.stop, batch.key, entries]
        self._write(lambda cursor: _move(cursor, _RECORD, *values))

    def put(self, tiles: Mapping[str, bytes]) -> None:
        """See `Appender.put`. Tiles that are there stay as they are: nobody may change any."""
        try:
            self._write(lambda cursor: _copy(cursor, tiles), durably=False)
        except Overtaken:  # some are there
            self._write(lambda cursor: _add(cursor, tiles), durably=False)

    def publish(self, note: bytes, *, after: bytes | None) -> None:
        """See `Store.publish`. What is kept elsewhere is written while the row is locked, so by turns."""
        follow = "UPDATE intaglio.head SET checkpoint = %b WHERE checkpoint IS NOT DISTINCT FROM %b"

        def work(cursor: Cursor) -> None:
            _move(cursor, follow, note, after)
            with disk_problems():
                self._kept.write(note)

        self._write(work)

    @property
    def full(self) -> bool:
        [[is_full]] = self._rows(_FULL, self._capacity.batches, self._capacity.size)
        return bool(is_full)

    def settle(self, base: Base) -> None:
        def work(cursor: Cursor) -> None:
            _move(
                cursor,
                "UPDATE intaglio.head SET base_size = %s, base_root = %b WHERE size = %s",
                *base,
                base.size,
            )
            cursor.execute("DELETE FROM intaglio.pending WHERE start < %s", [base.size])

        with disk_problems():
            self._kept.sync()
        self._write(work)

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self._database.run(lambda cursor: cursor.execute(statement, values).fetchall())

    def _write(self, work: Callable[[Cursor], object], *, durably: bool = True) -> None:
        if self._read_only:
            raise Refused("the log was opened to be read")
        self._database.write(work, durably=durably)


def _move(cursor: Cursor, statement: str, *values: object) -> None:
    """Changes the one row whose condition holds, or nothing."""
    if cursor.execute(statement, values).rowcount != 1:
        raise Overtaken("another writer has changed the log meanwhile")


def _copy(cursor: Cursor, tiles: Mapping[str, bytes]) -> None:
    with cursor.copy("COPY intaglio.tile FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["text", "bytea"])
        for tile in tiles.items():
            copy.write_row(tile)


def _add(cursor: Cursor, tiles: Mapping[str, bytes]) -> None:
    cursor.execute(_ADD, [list(tiles), list(tiles.values())])
