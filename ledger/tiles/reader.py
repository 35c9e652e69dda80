"""Reading a tree of any published size from its tiles, a few of which are cached."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

from wire.problem import Damaged
from wire.text import counted

from .. import merkle
from .layout import ENTRIES, HEIGHT, WIDTH, tile_path, unframe


class TileReader:
    """Hashes and entries from a store's `get`. Raises `Damaged`, naming the tile, if one does not fit."""

    def __init__(self, get: Callable[[str], bytes | None]) -> None:
        self._get = get
        # Tiles never change, so that these need no care; 64 of them are one megabyte.
        self._rows = functools.lru_cache(maxsize=64)(self._read_tile)
        self._bundle = functools.lru_cache(maxsize=4)(self._read_bundle)  # of up to 16 MB, in another's log

    def tree(self, size: int) -> merkle.Subtree:
        """The perfect subtrees of the tree of this size, in the form that `merkle` takes."""

        def subtree(level: int, index: int) -> bytes:
            tile_level, height = divmod(level, HEIGHT)
            number, at = divmod(index << height, WIDTH)
            width = min(WIDTH, (size >> HEIGHT * tile_level) - number * WIDTH)
            row = self._rows(tile_level, number, width)[height]
            at = (at >> height) * merkle.HASH_SIZE
            return row[at : at + merkle.HASH_SIZE]

        return subtree

    def entries(self, start: int, stop: int, size: int) -> Iterator[bytes]:
        """The entries from `start` to `stop` of the log of this size."""
        for number in range(start // WIDTH, -(-stop // WIDTH)):
            first = number * WIDTH
            bundle = self._bundle(number, min(WIDTH, size - first))
            yield from bundle[max(start - first, 0) : stop - first]

    def leaves(self, start: int, stop: int, size: int) -> bytes:
        """The hashes of the entries from `start` to `stop`, one after the other."""
        hashes: list[bytes] = []
        for number in range(start // WIDTH, -(-stop // WIDTH)):
            first = number * WIDTH
            row = self._read_row(0, number, min(WIDTH, size - first))
            hashes.append(row[max(start - first, 0) * merkle.HASH_SIZE : (stop - first) * merkle.HASH_SIZE])
        return b"".join(hashes)

    def _read_tile(self, level: int, number: int, width: int) -> list[bytes]:
        rows = [self._read_row(level, number, width)]
        for _ in range(HEIGHT - 1):
            rows.append(merkle.parents(rows[-1]))
        return rows

    def _read_row(self, level: int, number: int, width: int) -> bytes:
        path, data = self._read(level, number, width)
        # More is well: a full tile, which begins with the partial one (C2SP tlog-tiles).
        if len(data) < width * merkle.HASH_SIZE:
            raise Damaged(f"{path} has not the right length")
        return data[: width * merkle.HASH_SIZE]

    def _read_bundle(self, number: int, width: int) -> list[bytes]:
        path, data = self._read(ENTRIES, number, width)
        entries = unframe(data, path)
        # A full bundle has more than the asked width; a shorter one cannot take its place.
        if len(entries) < width:
            raise Damaged(f"{path} has {counted(len(entries), 'entry', 'entries')} instead of {width}")
        return entries[:width]

    def _read(self, level: int | str, number: int, width: int) -> tuple[str, bytes]:
        """The tile of a width, or the full one, which may have replaced it since."""
        for path in (tile_path(level, number, width), tile_path(level, number)):
            data = self._get(path)
            if data is not None:
                return path, data
        raise Damaged(f"{tile_path(level, number, width)} is missing")
