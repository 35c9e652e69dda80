"""The index of a leaf in a log, from static files: for those who have an entry and not its index (ADR 27).

Leaves are sorted by the first bits of their hash, which tiles of level 0 hold, for entries of any form. They
lie in runs of 2^16 leaves, each of 32 files, in order of their hash. Sixteen runs are merged into one of
sixteen times as many files, so that a file always has about 2,000 leaves, and no leaf is written more than
once a level. A run never changes. Leaves younger than the last run lie in one file. Below a folder or a URL:

lookup/young                   the number of leaves in runs (8 bytes), then the prefix of each leaf since
lookup/<level>/<run>/<file>    prefix and index (6 bytes each) of every leaf whose hash begins with these bits

Nothing here is trusted: an index counts once the tiles prove it. All files can be made again from the tiles.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wire.files import locked, make_private_folder, sync_files, sync_folder, write_durably
from wire.problem import Malformed

from .merkle import HASH_SIZE
from .tiles.layout import number_path
from .tiles.reader import TileReader

YOUNG = "lookup/young"
CROWD = 10
"""Leaves that are asked for together, so that the host does not learn which one is meant (threat F15)."""
MOST = 4
"""Places looked at in a file: hardly ever do several leaves begin with the same 48 bits."""
_MERGED = 16
_PREFIX, _INDEX, _START = 6, 6, 8  # bytes
_RECORD = _PREFIX + _INDEX


@dataclass(frozen=True, slots=True)
class Found:
    """A possible index of a leaf, and the crowd to ask for with it: each leaf of a crowd has the same one."""

    index: int
    crowd: tuple[int, ...]


@dataclass(frozen=True)
class Shape:
    """The division of leaves into files: runs of 2^`run` leaves, each of 2^`files` files."""

    run: int = 16
    files: int = 5

    def runs(self, stop: int) -> Iterator[tuple[int, int]]:
        """Level and number of each run that together hold the leaves below `stop`, a multiple of a run."""
        count, level = stop >> self.run, 0
        while count:
            yield from ((level, number) for number in range(count // _MERGED * _MERGED, count))
            count, level = count // _MERGED, level + 1

    def path(self, level: int, number: int, leaf: bytes) -> str:
        """The file of a run in which a leaf stands, if it is in that run."""
        return f"lookup/{level}/{number}/{number_path(_first_bits(leaf, self.bits(level)))}"

    def bits(self, level: int) -> int:
        """The number of bits of a hash that select the file."""
        return self.files + 4 * level

    def start(self, young: bytes) -> int:
        """The number of leaves in runs. Raises `Malformed`."""
        start = int.from_bytes(young[:_START])
        # The host's word (threat F14): no start that a log's own files could not have.
        if len(young) < _START or start % (1 << self.run) or start >> 8 * _INDEX:
            raise Malformed("the look-up file of the youngest leaves does not begin as one")
        return start

    def find_young(self, young: bytes, leaf: bytes) -> list[Found]:
        """The possible indices of a leaf among the youngest. Raises `Malformed`."""
        start = self.start(young)
        count = (len(young) - _START) // _PREFIX
        # Bounded: a host may send a file in which each record begins as the leaf does (threat F14).
        places = itertools.islice(_places(young[_START:], leaf, _PREFIX), MOST)
        return [Found(start + at, tuple(start + other for other in _crowd(at, count))) for at in places]


SHAPE = Shape()


def find(file: bytes, leaf: bytes) -> list[Found]:
    """The possible indices of a leaf, from the file of a run that would have it."""

    def index(at: int) -> int:
        return int.from_bytes(file[at * _RECORD + _PREFIX : (at + 1) * _RECORD])

    count = len(file) // _RECORD
    places = itertools.islice(_places(file, leaf, _RECORD), MOST)
    return [Found(index(at), tuple(map(index, _crowd(at, count)))) for at in places]


def _places(records: bytes, leaf: bytes, width: int) -> Iterator[int]:
    """The records of a width that begin as the leaf does."""
    at = records.find(leaf[:_PREFIX])
    while at >= 0:
        if at % width == 0:
            yield at // width
        at = records.find(leaf[:_PREFIX], at + 1)


def _crowd(place: int, count: int) -> range:
    """Places far from each other, at least ten of them; the same for each of them."""
    # threat F15: a crowd that differed by its member would tell which of them is meant.
    crowds = max(count // CROWD, 1)
    return range(place % crowds, count, crowds)


def _first_bits(leaf: bytes, bits: int) -> int:
    return int.from_bytes(leaf[:_PREFIX]) >> 8 * _PREFIX - bits


class LookupFiles:
    """The look-up files of one log, in a folder above `lookup/`; several processes may write there."""

    def __init__(self, folder: Path, shape: Shape = SHAPE) -> None:
        self._root, self._folder, self._shape = folder, folder / "lookup", shape

    def get(self, path: str) -> bytes | None:
        """The file at a path such as `Shape.path` gives, if there is one."""
        try:
            return (self._root / path).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None

    def update(self, get: Callable[[str], bytes | None], size: int) -> None:
        """Bring the files up to a log of this size, whose tiles `get` has; after a kill, call it again.

        Raises `Damaged` where tiles are missing.
        """
        make_private_folder(self._folder)
        with locked(self._folder / "young"):
            start, stop = self._covered()
            if stop == size:
                return
            if stop > size:  # of another log, or damaged
                self._remove_but(set())
                start = 0
            tiles, run = TileReader(get), 1 << self._shape.run
            while start + run <= size:
                start += run
                for level, number in self._shape.runs(start):
                    self._require_run(level, number, tiles, size)
                self._publish(start, b"")
                self._remove_but({*self._shape.runs(start), *self._shape.runs(start - run)})
            self._publish(start, tiles.leaves(start, size, size))

    def _covered(self) -> tuple[int, int]:
        """The number of leaves in runs, and the number of all leaves here."""
        young = self.get(YOUNG)
        if young is None:
            return 0, -1
        try:
            start = self._shape.start(young)
        except Malformed:
            return 0, 1 << 8 * _INDEX
        return start, start + (len(young) - _START) // _PREFIX

    def _publish(self, start: int, leaves: bytes) -> None:
        prefixes = [leaves[at : at + _PREFIX] for at in range(0, len(leaves), HASH_SIZE)]
        write_durably(self._root / YOUNG, b"".join([start.to_bytes(_START), *prefixes]), 0o644)

    def _require_run(self, level: int, number: int, tiles: TileReader, size: int) -> None:
        """Make a run; its folder is named once all its files are on the disk."""
        folder = self._folder / str(level) / str(number)
        # A run's folder is named last, by one rename: if it is there, all of it is.
        if folder.exists():
            return
        for each in self._parts(level, number):
            self._require_run(*each, tiles, size)
        pools = self._merged(level, number) if level else self._new(number, tiles, size)
        import shutil  # only here: who reads writes no runs

        unfinished = self._folder / ".unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        paths = [self._write(unfinished, name, records) for name, records in self._filed(level, pools)]
        # Before the rename: else a power cut could leave a named run of empty files, made by nobody again.
        sync_files(unfinished, paths)
        make_private_folder(folder.parent)
        unfinished.rename(folder)
        sync_folder(folder.parent)

    def _new(self, number: int, tiles: TileReader, size: int) -> Iterator[list[bytes]]:
        start, run = number << self._shape.run, 1 << self._shape.run
        leaves = tiles.leaves(start, start + run, size)
        yield sorted(
            leaves[at * HASH_SIZE : at * HASH_SIZE + _PREFIX] + (start + at).to_bytes(_INDEX)
            for at in range(run)
        )

    def _merged(self, level: int, number: int) -> Iterator[list[bytes]]:
        """The records of one file from each of the sixteen runs at a time: they make sixteen new files."""
        runs = [self._folder / f"{part[0]}/{part[1]}" for part in self._parts(level, number)]
        for file in range(1 << self._shape.bits(level - 1)):
            data = b"".join([(run / number_path(file)).read_bytes() for run in runs])
            yield sorted(data[at : at + _RECORD] for at in range(0, len(data), _RECORD))

    def _parts(self, level: int, number: int) -> list[tuple[int, int]]:
        """The runs that this one is merged from."""
        return [(level - 1, number * _MERGED + each) for each in range(_MERGED)] if level else []

    def _filed(self, level: int, pools: Iterator[list[bytes]]) -> Iterator[tuple[str, bytes]]:
        bits = self._shape.bits(level)
        each = 1 << (4 if level else self._shape.files)  # files of a pool
        for number, pool in enumerate(pools):
            begins = [
                bisect_left(pool, file, key=lambda record: _first_bits(record, bits))
                for file in range(number * each, (number + 1) * each + 1)
            ]
            for at, (begin, end) in enumerate(itertools.pairwise(begins)):
                yield number_path(number * each + at), b"".join(pool[begin:end])

    def _write(self, folder: Path, name: str, records: bytes) -> str:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(records)
        return name

    def _remove_but(self, runs: set[tuple[int, int]]) -> None:
        """Remove all other runs. Merged ones stay until the next run, for readers that still look there."""
        import shutil

        names = {f"{level}/{number}" for level, number in runs}
        for folder in self._folder.glob("[0-9]*/[0-9]*"):
            if f"{folder.parent.name}/{folder.name}" not in names:
                shutil.rmtree(folder)
