"""The right edge of a tree: its partial tiles and bundle, which give its root and let it grow."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from wire.problem import Damaged

from .. import merkle
from .layout import ENTRIES, HEIGHT, WIDTH, frame, partial_tiles, tile_path, unframe
from .store import Batch

_FULL = WIDTH * merkle.HASH_SIZE


@dataclass(frozen=True)
class Edge:
    """A tree's size, the framed entries of its partial bundle, and the hashes of its partial tiles.

    `rows` has one value a level, empty where the last tile is full.
    """

    size: int = 0
    bundle: tuple[bytes, ...] = ()
    rows: tuple[bytes, ...] = ()

    @classmethod
    def load(cls, get_many: Callable[[Iterable[str]], Mapping[str, bytes]], size: int) -> Edge:
        """The edge of a tree from a store. Raises `Damaged` for tiles that are missing or do not fit."""
        stored = get_many(partial_tiles(size))

        def read(level: int | str, number: int, width: int) -> bytes:
            path = tile_path(level, number, width)
            data = stored.get(path) if width else b""
            # A row of another length would move all later hashes.
            if data is None or (level != ENTRIES and len(data) != width * merkle.HASH_SIZE):
                raise Damaged(f"{path} is missing or has not the right length")
            return data

        rows: list[bytes] = []
        above = size
        while above:
            rows.append(read(len(rows), above // WIDTH, above % WIDTH))
            above //= WIDTH
        where = tile_path(ENTRIES, size // WIDTH, size % WIDTH)
        entries = unframe(read(ENTRIES, size // WIDTH, size % WIDTH), where)
        # The next bundle begins with these entries, the next tile with these hashes: they have to agree.
        if merkle.leaf_hashes(entries) != b"".join(rows[:1]):
            raise Damaged(f"{where} has other entries than those whose hashes are in the tile of level 0")
        return cls(size, tuple(frame(entries)), tuple(rows))

    @functools.cached_property
    def root(self) -> bytes:
        """The root of the tree."""
        return merkle.edge_root(self.rows)

    def partial(self) -> dict[str, bytes]:
        """The edge's bundle and tiles, by their paths."""
        held = [data for data in (b"".join(self.bundle), *self.rows) if data]
        return dict(zip(partial_tiles(self.size), held, strict=True))

    def extend(self, batch: Batch) -> tuple[Edge, dict[str, bytes]]:
        """The edge after a batch, and the tiles and bundles that the batch adds."""
        framed = [*self.bundle, *batch.framed]
        tiles = dict(_bundles(self.size // WIDTH, framed))
        rows: list[bytes] = []
        added = merkle.leaf_hashes(batch.entries)
        before = self.size
        while added or len(rows) < len(self.rows):
            row = (self.rows[len(rows)] if len(rows) < len(self.rows) else b"") + added
            if added:
                tiles.update(_tiles(len(rows), before // WIDTH, row))
            full = len(row) // _FULL * _FULL
            added = merkle.parents(row[:full], HEIGHT)
            rows.append(row[full:])
            before //= WIDTH
        edge = Edge(batch.range.stop, tuple(framed[len(framed) // WIDTH * WIDTH :]), tuple(rows))
        return edge, tiles


def _bundles(number: int, framed: list[bytes]) -> Iterator[tuple[str, bytes]]:
    for at in range(0, len(framed), WIDTH):
        chunk = framed[at : at + WIDTH]
        yield tile_path(ENTRIES, number + at // WIDTH, len(chunk)), b"".join(chunk)


def _tiles(level: int, number: int, row: bytes) -> Iterator[tuple[str, bytes]]:
    for at in range(0, len(row), _FULL):
        chunk = row[at : at + _FULL]
        yield tile_path(level, number + at // _FULL, len(chunk) // merkle.HASH_SIZE), chunk
