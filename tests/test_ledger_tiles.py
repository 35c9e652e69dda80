"""The tlog-tiles layout, and trees that grow by tiles, against the tree read literally from RFC 6962."""

from __future__ import annotations

import random
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import merkle
from ledger.note import SignatureType, VerifierKey, checkpoint_text
from ledger.tiles.ahead import require_none_ahead, tiles_ahead
from ledger.tiles.edge import Edge
from ledger.tiles.layout import entries_before, frame, full_tiles, partial_tiles, tile_path, unframe
from ledger.tiles.reader import TileReader
from ledger.tiles.store import Batch
from tests.ledger_samples import ORIGIN, SIGNER, naive_path, naive_proof, naive_root
from wire.problem import Damaged

LARGE = [b"entry %d" % index for index in range(65536 + 2)]


def grown(sizes: list[int]) -> tuple[Edge, dict[str, bytes]]:
    """The edge and the tiles of a tree that has had these sizes."""
    files: dict[str, bytes] = {}
    edge = Edge()
    for old, new in pairwise([0, *sizes]):
        edge, tiles = edge.extend(Batch(old, b"", LARGE[old:new]))
        files.update(tiles)
    return edge, files


def loaded(files: dict[str, bytes], size: int) -> Edge:
    return Edge.load(lambda paths: {path: files[path] for path in paths if path in files}, size)


def test_paths() -> None:
    """The examples of C2SP tlog-tiles, "Merkle Tree"."""
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path(3, 0) == "tile/3/000"
    assert tile_path("entries", 1000, 255) == "tile/entries/x001/000.p/255"


def test_the_tiles_of_two_sizes() -> None:
    """The examples of C2SP tlog-tiles, "Partial Tiles"."""
    tiles = [*full_tiles(0, 70000), *partial_tiles(70000)]
    assert [path for path in tiles if not path.startswith(("tile/0/", "tile/entries/"))] == [
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]
    level_0 = [path for path in tiles if path.startswith("tile/0/")]
    assert level_0 == [*(tile_path(0, number) for number in range(273)), "tile/0/273.p/112"]
    assert [*full_tiles(0, 256), *partial_tiles(256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
    assert list(full_tiles(600, 70000)) == [
        path for path in full_tiles(0, 70000) if path not in full_tiles(0, 600)
    ]


@given(size=st.integers(1, 1 << 20))
def test_a_tile_tells_the_least_size_of_its_tree(size: int) -> None:
    own = [*full_tiles(size - 1, size), *partial_tiles(size)]
    assert max(map(entries_before, own)) == size
    assert all(entries_before(path) <= size for path in own)
    assert all(entries_before(path) > size for path in full_tiles(size, size + 300))
    assert entries_before(f"tile/x/{size}") == entries_before("checkpoint") == 0


GROWTH = st.tuples(st.integers(0, 600), st.integers(0, 600), st.integers(1, 600))


@given(GROWTH, st.data())
def test_of_tiles_ahead_of_a_log_those_are_named_that_it_did_not_write(
    sizes: tuple[int, int, int], data: st.DataObject
) -> None:
    """Settled up to one size, signed up to another, recorded up to a third, with all tiles put."""
    base, signed, end = accumulate(sizes)
    batches = [
        Batch(start, b"", LARGE[start:stop])
        for start, stop in ((base, signed), (signed, end), (end, end))
        if start < stop
    ]
    _, files = grown([base, signed, end])
    note = signed_note(signed) if signed else None

    def ahead() -> list[str]:
        return tiles_ahead(
            files, note, base, batches, lambda paths: {p: files[p] for p in paths if p in files}
        )

    assert ahead() == []
    _, later = grown([base, signed, end + data.draw(st.integers(1, 600))])
    beyond = [path for path in later if entries_before(path) > signed]
    false = data.draw(st.sets(st.sampled_from(beyond), min_size=1))
    right = {path: files[path] for path in false if path in files}
    files.update(dict.fromkeys(false, b"x"))
    named = ahead()
    assert {path for path in named if path in right} == right.keys()
    assert {path for path in false if entries_before(path) > end} <= set(named) <= false


def signed_note(size: int) -> bytes:
    """A checkpoint of that size; nobody here looks whose it is."""
    text = checkpoint_text(ORIGIN, size, naive_root([]))
    return b"%b\n%b" % (
        text,
        VerifierKey(ORIGIN, SignatureType.ED25519, SIGNER.public_key).sign(SIGNER, text),
    )


def test_the_first_of_many_are_named() -> None:
    require_none_ahead([])
    for count, end in ((1, "a0"), (5, "a4"), (7, "a4 and 2 more")):
        with pytest.raises(Damaged, match=f"ahead of it: (a0, .*)?{end}$") as caught:
            require_none_ahead([f"a{number}" for number in range(count)])
        assert caught.value.facts["rows"] == count


def test_entries_in_a_bundle() -> None:
    entries = [b"", b"a", b"\0" * 0xFFFF]
    assert unframe(b"".join(frame(entries)), "x") == entries
    for data in (b"\0", b"\0\2a", b"\0\1ab"):
        with pytest.raises(Damaged, match="tile/entries/000"):
            unframe(data, "tile/entries/000")


SIZES = [
    *(1, 2, 3, 255, 256, 257, 511, 512, 513, 65537),
    *(pytest.param(size, marks=pytest.mark.soak) for size in (65535, 65536)),
]


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_roots_and_proofs_around_powers_of_256(size: int) -> None:
    """However the tree came to this size."""
    entries = LARGE[:size]
    root = naive_root(entries)
    chosen = random.Random(size)
    for _ in range(2):
        sizes = sorted({*chosen.choices(range(1, size + 1), k=5), size})
        edge, files = grown(sizes)
        assert edge.root == root
        assert loaded(files, size) == edge
        wanted = {*full_tiles(0, size), *partial_tiles(size)}
        assert wanted <= set(files)
        assert all(".p/" in path for path in set(files) - wanted)
        tree = TileReader(files.get).tree(size)
        assert merkle.root(0, size, tree) == root
        for index in {0, size - 1, size // 2, size // 256 * 256 - 1} & set(range(size)):
            assert merkle.inclusion_proof(index, size, tree) == naive_path(index, entries)
        for old in {1, sizes[0], size // 256 * 256, size - 1} & set(range(1, size)):
            assert merkle.consistency_proof(old, size, tree) == naive_proof(old, entries)
            assert merkle.root(0, old, tree) == naive_root(entries[:old])
    assert list(TileReader(files.get).entries(0, size, size)) == entries


@given(st.lists(st.integers(1, 1100), min_size=1, max_size=8, unique=True).map(sorted), st.data())
def test_any_way_to_grow_gives_the_same_tree(sizes: list[int], data: st.DataObject) -> None:
    size = sizes[-1]
    edge, files = grown(sizes)
    whole, expected = grown([size])
    assert edge == whole
    assert expected.items() <= files.items()
    reader = TileReader(files.get)
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, size)] * 2)))
    assert list(reader.entries(start, stop, size)) == LARGE[start:stop]
    index = data.draw(st.integers(0, size - 1))
    assert merkle.inclusion_proof(index, size, reader.tree(size)) == naive_path(index, LARGE[:size])


def test_a_full_tile_stands_for_its_partial_one() -> None:
    """A reader that has an old checkpoint, after the partial tiles of it are gone."""
    _, files = grown([300, 600])
    del files["tile/0/001.p/44"], files["tile/entries/001.p/44"]
    tree = TileReader(files.get).tree(300)
    assert merkle.root(0, 300, tree) == naive_root(LARGE[:300])
    assert list(TileReader(files.get).entries(250, 300, 300)) == LARGE[250:300]


@pytest.mark.parametrize("path", ["tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"])
@pytest.mark.parametrize("damage", [None, b"", b"short"])
def test_missing_and_short_tiles_are_named(path: str, damage: bytes | None) -> None:
    _, files = grown([300])
    del files[path]
    if damage is not None:
        files[path] = damage
    with pytest.raises(Damaged, match=path):
        loaded(files, 300)
    reader = TileReader(files.get)
    with pytest.raises(Damaged, match=path):
        list(reader.entries(0, 300, 300)) if "entries" in path else merkle.root(0, 300, reader.tree(300))


def test_a_bundle_with_too_few_entries_is_named() -> None:
    _, files = grown([300])
    files["tile/entries/001.p/44"] = b"".join(frame(LARGE[256:299]))
    with pytest.raises(Damaged, match=r"tile/entries/001.p/44 has 43 entries"):
        list(TileReader(files.get).entries(0, 300, 300))
    with pytest.raises(Damaged, match=r"tile/entries/001.p/44 has other entries"):
        loaded(files, 300)
