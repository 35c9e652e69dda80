"""Look-up files: every leaf is found, hardly ever written, and asked for in a crowd."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from math import log
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger import merkle
from ledger.lookup import CROWD, SHAPE, YOUNG, Found, LookupFiles, Shape, find
from ledger.tiles.edge import Edge
from ledger.tiles.layout import proof_tiles, tile_path
from ledger.tiles.reader import TileReader
from ledger.tiles.store import Batch
from wire.problem import Damaged, Malformed

SMALL = Shape(run=4, files=1)


class Tree:
    """A log's tiles, and the hashes of its leaves."""

    def __init__(self) -> None:
        self.edge, self.files, self.leaves = Edge(), dict[str, bytes](), list[bytes]()

    @property
    def size(self) -> int:
        return self.edge.size

    def grow(self, count: int) -> None:
        entries = [sha256(at.to_bytes(8)).digest() for at in range(self.size, self.size + count)]
        self.leaves += map(merkle.leaf_hash, entries)
        self.edge, tiles = self.edge.extend(Batch(self.size, b"key", entries))
        self.files.update(tiles)

    def update(self, lookup: LookupFiles) -> None:
        lookup.update(self.files.get, self.size)


def look(lookup: LookupFiles, leaf: bytes, shape: Shape = SMALL) -> list[Found]:
    """As a stranger does, who sees files only."""
    young = lookup.get(YOUNG)
    assert young is not None
    found = shape.find_young(young, leaf)
    for level, number in shape.runs(shape.start(young)):
        file = lookup.get(shape.path(level, number, leaf))
        assert file is not None
        found += find(file, leaf)
    return found


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and path.name not in ("young", "young.lock"))


class Counting(LookupFiles):
    """Counts how often each leaf is written into a run."""

    written: Counter[bytes]

    def _write(self, folder: Path, name: str, records: bytes) -> str:
        self.written.update(records[at : at + 6] for at in range(0, len(records), 12))
        return super()._write(folder, name, records)


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=4))
@example([4096, 9])
def test_every_leaf_is_found_and_written_once_a_level(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int]
) -> None:
    tree, lookup = Tree(), Counting(folder := tmp_path_factory.mktemp("lookup"), SMALL)
    lookup.written = Counter()
    seen: dict[Path, tuple[int, bytes]] = {}
    for step in steps:
        tree.grow(step)
        tree.update(lookup)
        for path in files(folder):
            state = path.stat().st_ino, path.read_bytes()
            assert seen.setdefault(path, state) == state, "a file of a run never changes"
    for index, leaf in enumerate(tree.leaves):
        assert [found.index for found in look(lookup, leaf)] == [index]
    assert not look(lookup, sha256(b"another").digest())
    runs = tree.size >> SMALL.run
    assert lookup.written.keys() == {leaf[:6] for leaf in tree.leaves[: runs << SMALL.run]}
    assert max(lookup.written.values(), default=0) <= log(max(runs, 1), 16) + 1
    kept = {*SMALL.runs(runs << SMALL.run), *SMALL.runs(max(runs - 1, 0) << SMALL.run)}
    assert {tuple(map(int, run.parts[-2:])) for run in folder.glob("lookup/[0-9]*/*")} == kept


def test_whoever_asks_for_one_of_a_crowd_asks_for_all(tmp_path: Path) -> None:
    """Else the sets that two people ask for would have little in common but the leaf that they mean."""
    tree, lookup = Tree(), LookupFiles(tmp_path, Shape(run=9, files=2))
    tree.grow((1 << 9) + 27)
    tree.update(lookup)
    assert [path.stat().st_size // 12 > 64 for path in files(tmp_path)] == [True] * 4, "evenly"
    crowds = {found.crowd for leaf in tree.leaves for found in look(lookup, leaf, Shape(9, 2))}
    assert Counter(index for crowd in crowds for index in crowd) == Counter(range(tree.size))
    assert min(map(len, crowds)) >= CROWD


@pytest.mark.slow
def test_a_file_has_a_thousand_leaves_where_there_are_that_many(tmp_path: Path) -> None:
    tree, lookup = Tree(), LookupFiles(tmp_path)
    tree.grow(1 << 16)
    tree.update(lookup)
    assert len(list(files(tmp_path))) == 32
    assert min(path.stat().st_size // 12 for path in files(tmp_path)) > 1000
    assert [found.index for found in look(lookup, tree.leaves[4711], SHAPE)] == [4711]


@pytest.mark.quick("names1", "names3")
@pytest.mark.parametrize("names", [(), ("run",), ("run", "run"), ("merged",), ("young",)])
def test_what_was_interrupted_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    """Killed after any step that lasts; each of them is one rename."""
    tree, lookup = Tree(), LookupFiles(tmp_path, SMALL)
    tree.grow(16 * 15 + 1)
    tree.update(lookup)
    tree.grow(16 * 2)
    whole = Path.rename, Path.replace
    left = len(names) + (names == ("merged",)) + 3 * (names == ("young",))

    class Killed(BaseException):
        pass

    def dies(function: object) -> object:
        def moved(path: Path, target: Path) -> Path:
            nonlocal left
            if not left:
                raise Killed
            left -= 1
            return whole[function == "replace"](path, target)

        return moved

    monkeypatch.setattr(Path, "rename", dies("rename"))
    monkeypatch.setattr(Path, "replace", dies("replace"))
    with pytest.raises(Killed):
        tree.update(lookup)
    monkeypatch.undo()
    young = lookup.get(YOUNG)
    assert young is not None
    for index in range(SMALL.start(young)):  # what was found before still is
        assert index in [found.index for found in look(lookup, tree.leaves[index])]
    tree.update(lookup)
    for index, leaf in enumerate(tree.leaves):
        assert [found.index for found in look(lookup, leaf)] == [index]
    assert not (tmp_path / "lookup" / ".unfinished").exists()


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_nothing_torn(tmp_path: Path) -> None:
    tree, lookup = Tree(), LookupFiles(tmp_path, SMALL)
    tree.grow(16 * 40)
    pid = os.fork()
    if not pid:  # pragma: no cover -- measured in the parent only
        write = LookupFiles._write

        def last(self: LookupFiles, folder: Path, name: str, records: bytes) -> str:
            written = write(self, folder, name, records)
            if folder.parent.joinpath("1").exists():
                os.kill(os.getpid(), signal.SIGKILL)
            return written

        LookupFiles._write = last  # type: ignore[method-assign]
        tree.update(lookup)
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    assert (tmp_path / "lookup" / ".unfinished").exists()
    tree.update(lookup)
    assert lookup.get(YOUNG) == (16 * 40).to_bytes(8), "as soon as a run is full"
    runs = {"/".join(run.parts[-2:]) for run in tmp_path.glob("lookup/[0-9]*/*")}
    assert runs == {"1/0", "1/1", *(f"0/{number}" for number in range(32, 40))}, "what was merged is gone"
    for index, leaf in enumerate(tree.leaves):
        assert [found.index for found in look(lookup, leaf)] == [index]


def test_files_of_another_log_or_damaged_ones_are_made_anew(tmp_path: Path) -> None:
    tree, lookup = Tree(), LookupFiles(tmp_path, SMALL)
    tree.grow(100)
    tree.update(lookup)
    (tmp_path / YOUNG).write_bytes(b"torn")
    tree.update(lookup)
    shorter = Tree()
    shorter.grow(40)
    for other in (tree, shorter):
        other.update(lookup)
        assert all(look(lookup, leaf) for leaf in other.leaves)
    shutil.rmtree(tmp_path / "lookup")
    assert lookup.get(YOUNG) is None
    tree.files.clear()
    with pytest.raises(Damaged, match="missing"):
        tree.update(lookup)
    tree.files.update({tile_path(0, 0, 100): b"short", tile_path(0, 0): b"short"})
    with pytest.raises(Damaged, match="length"):
        tree.update(lookup)


@pytest.mark.parametrize("young", [b"", bytes(7), (1 << 15).to_bytes(8), (1 << 63).to_bytes(8)])
def test_a_file_of_the_youngest_that_is_none(young: bytes) -> None:
    with pytest.raises(Malformed, match="does not begin"):
        SHAPE.find_young(young, bytes(32))


def test_a_file_that_has_one_leaf_everywhere_costs_no_more() -> None:
    leaf = bytes(range(1, 33))
    assert len(find((leaf[:6] + bytes(6)) * 40_000, leaf)) == 4
    assert len(SHAPE.find_young(bytes(8) + leaf[:6] * 60_000, leaf)) == 4


def test_records_that_are_not_aligned_are_none() -> None:
    leaf = bytes(range(1, 33))
    assert not find(b"\0" + leaf[:6] + bytes(20), leaf)
    assert [found.index for found in find(bytes(12) + leaf[:6] + (9).to_bytes(6) + leaf[:4], leaf)] == [9]


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(st.integers(1, 70_000), st.data())
def test_the_tiles_of_a_proof_are_enough_for_it(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    known = {tile_path(*tile): bytes(32 * tile[2]) for tile in proof_tiles(index, size)}
    asked = set[str]()

    def get(path: str) -> bytes | None:
        asked.add(path)
        return known.get(path)

    merkle.inclusion_proof(index, size, TileReader(get).tree(size))
    assert asked <= known.keys()
