"""Rows ahead of a log: an appender may add them, and only the tables' owner may remove them (threat F24)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from wire.postgres.connections import Cursor
from wire.postgres.rows import Row, read, read_one
from wire.problem import Damaged

from ..ahead import tiles_ahead
from ..layout import LARGEST, unframe
from ..store import Batch

_HEAD = "SELECT size, base_size, checkpoint FROM intaglio.head"
_BATCHES = "SELECT start FROM intaglio.batch WHERE stop > %s ORDER BY start"
_PENDING = "SELECT start, key, entries FROM intaglio.pending WHERE start >= %s AND start < %s ORDER BY start"
_TILES = "SELECT path FROM intaglio.tile"
GIVEN = "SELECT path, data FROM intaglio.tile WHERE path = ANY(%s) AND octet_length(data) <= %s"
"""Tiles by path. A value longer than any tile counts as missing: it would fill the memory (threat F32)."""


class Ahead(NamedTuple):
    """The tiles, by path, and the batches, by their first index."""

    tiles: list[str]
    batches: list[int]

    @property
    def names(self) -> list[str]:
        """The rows' names in messages."""
        return [*self.tiles, *(f"batch {start}" for start in self.batches)]


def read_ahead(cursor: Cursor) -> Ahead:
    """Find rows ahead of the log, while nobody appends. Raises `Damaged` where a batch is missing."""
    size, base, note = read_one(cursor.execute(_HEAD), [int, int, bytes | None])
    foreign = [start for (start,) in read(cursor.execute(_BATCHES, [size]), [int])]
    rows = read(cursor.execute(_PENDING, [base, size]), [int, bytes, bytes])
    recorded = list(neighbouring(rows, base, size))

    def get_many(paths: Iterable[str]) -> Mapping[str, bytes]:
        return dict(read(cursor.execute(GIVEN, [list(paths), LARGEST]), [str, bytes]))

    paths = (path for (path,) in read(cursor.execute(_TILES), [str]))
    return Ahead(tiles_ahead(paths, note, base, recorded, get_many), foreign)


def neighbouring(rows: Sequence[Row], start: int, size: int) -> Iterator[Batch]:
    """The batches in rows of start, key and entries; they have to follow each other up to the log's size.

    Raises `Damaged` where one is missing.
    """
    if start < 0:  # threat F32: as an appender may write; the levels of such a tree have no end
        raise Damaged(f"the tables of the log have a base of {start} entries")
    end = start
    for at, key, entries in rows:
        if at != end:
            break
        batch = Batch(at, key, unframe(entries, "a batch of the log"))
        yield batch
        end = batch.range.stop
    # A row that is missing was acknowledged: it is part of the log.
    if end != size:
        raise Damaged(f"the tables of the log have batches up to {end}, and it ends at {size}")
