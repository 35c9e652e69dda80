"""Rows ahead of a log: an appender may add them, and only the owner of the tables may take them away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from wire.problem import Damaged

from ..ahead import tiles_ahead
from ..layout import unframe
from ..store import Batch
from .connections import Cursor

_HEAD = "SELECT size, base_size, checkpoint FROM intaglio.head"
_BATCHES = "SELECT start FROM intaglio.batch WHERE stop > %s ORDER BY start"
_PENDING = "SELECT start, key, entries FROM intaglio.pending WHERE start >= %s AND start < %s ORDER BY start"
_TILES = "SELECT path FROM intaglio.tile"
_GIVEN = "SELECT path, data FROM intaglio.tile WHERE path = ANY(%s)"


class Ahead(NamedTuple):
    """The tiles, by path, and the batches, by where they begin."""

    tiles: list[str]
    batches: list[int]

    @property
    def names(self) -> list[str]:
        """What people know them by."""
        return [*self.tiles, *(f"batch {start}" for start in self.batches)]


def read_ahead(cursor: Cursor) -> Ahead:
    """Find rows ahead of the log, while nobody appends. Raises `Damaged` where a batch is missing."""
    [(size, base, note)] = cursor.execute(_HEAD).fetchall()
    foreign = [start for (start,) in cursor.execute(_BATCHES, [size]).fetchall()]
    recorded = list(neighbouring(cursor.execute(_PENDING, [base, size]).fetchall(), base, size))

    def get_many(paths: Iterable[str]) -> Mapping[str, bytes]:
        return dict(cursor.execute(_GIVEN, [list(paths)]).fetchall())

    paths = (path for (path,) in cursor.execute(_TILES).fetchall())
    return Ahead(tiles_ahead(paths, note, base, recorded, get_many), foreign)


def neighbouring(rows: Sequence[tuple[Any, ...]], start: int, size: int) -> Iterator[Batch]:
    """The batches of rows with start, key and entries, which have to follow each other up to the log's size.

    Raises `Damaged` where one is missing.
    """
    end = start
    for at, key, entries in rows:
        if at is not None:
            batch = Batch(at, key, unframe(entries, "a batch of the log"))
            if at != end:
                break
            yield batch
            end = batch.range.stop
    if end != size:
        raise Damaged(f"the tables of the log have batches up to {end}, and it ends at {size}")
