"""Shards: packed JSON lines that are read back one at a time."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import stat
import subprocess
import tracemalloc
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from issuer.archive.archive import unpack
from issuer.archive.frame import ZstdError, from_frame, to_frame
from issuer.archive.kept import Job, ShardName
from issuer.archive.shard_store import ShardFolder
from issuer.archive.shards import FRAME_LINES, Shard, lines_of, read_shard, shard_of
from issuer.problem import SHARD_UNLIKE
from tests.problems import raises
from wire.problem import Damaged

LARGEST = 1 << 26  # bytes
LINES = [b'{"number": %d}' % number for number in range(3 * FRAME_LINES + 5)]


OF_BEFORE = ShardName(1, 0, None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A shard as releases before named it, whose content can be changed."""
    ShardFolder(tmp_path).write(OF_BEFORE, shard_of(iter(LINES)))
    return tmp_path / "1" / "000000.jsonl.zst"


def opened(path: Path) -> Shard:
    return Shard(ShardFolder(path.parents[1]), OF_BEFORE)


def lines(path: Path) -> list[bytes]:
    return list(lines_of(read_shard(ShardFolder(path.parents[1]), OF_BEFORE), str(path)))


def test_every_line_comes_back_by_its_number(path: Path) -> None:
    shard = opened(path)
    assert [shard.line(number) for number in range(len(LINES))] == LINES
    assert lines(path) == LINES


def test_a_frame_is_the_same_whatever_was_packed_before() -> None:
    """A shard that is made again has to have the same digest, and a process packs many."""
    contents = [b"", b"a", b"\n".join(LINES), bytes(1 << 20), b"\n".join(LINES * 50), b"a"]
    options = {"checksum": True}, {"checksum": False, "level": 1}
    first = [[to_frame(data, **kind) for data in contents] for kind in options]
    assert [[to_frame(data, **kind) for data in reversed(contents)][::-1] for kind in options] == first
    assert [list(map(from_frame, frames)) for frames in first] == [contents] * 2


def test_a_name_has_the_digest_of_what_it_names(tmp_path: Path) -> None:
    data, job = shard_of(LINES), Job(7, b"", "g.csv", "", 0, 1, 1)
    shard = ShardName.of(job, 12, data)
    assert str(shard) == f"7/000012-{hashlib.sha256(data).hexdigest()}.jsonl.zst"
    assert str(ShardName(7, 12, None)) == "7/000012.jsonl.zst"
    for name in (shard, ShardName(7, 12, None), ShardName(10**9, 10**7, bytes(32))):
        assert ShardName.parse(str(name)) == name
    zero = "0" * 64
    for text in ("7/12.jsonl.zst", "07/000012.jsonl.zst", "7/0000012.jsonl.zst", "7/000012-.jsonl.zst",
                 f"7/000012-{zero[1:]}.jsonl.zst", f"7/000012-{zero[1:]}F.jsonl.zst", "issuer",
                 f"../7/000012-{zero}.jsonl.zst", "7/000012.jsonl.zst\n", "٧/000012.jsonl.zst"):  # fmt: skip
        assert ShardName.parse(text) is None


def test_what_is_under_a_name_with_another_digest_is_not_read_as_a_whole(tmp_path: Path) -> None:
    store, data = ShardFolder(tmp_path), shard_of(LINES)
    shard = ShardName(1, 0, hashlib.sha256(data).digest())
    store.write(shard, shard_of(LINES[1:]))
    with raises(SHARD_UNLIKE, match="is not what was written under this name"):
        read_shard(store, shard)


def test_a_table_that_is_longer_than_what_is_read_first_is_read_again(tmp_path: Path) -> None:
    store, many = ShardFolder(tmp_path), [b"%d" % number for number in range(600 * FRAME_LINES + 1)]
    store.write(OF_BEFORE, shard_of(many))
    shard = Shard(store, OF_BEFORE)
    assert [shard.line(number) for number in (0, 64, len(many) - 1)] == [b"0", b"64", many[-1]]


def test_a_shard_is_private(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_any_zstandard_tool_reads_a_shard(path: Path) -> None:
    with path.open("rb") as file:
        reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        assert reader.read().splitlines() == LINES
    if tool := shutil.which("zstdcat"):
        assert subprocess.run([tool, path], check=True, capture_output=True).stdout.splitlines() == LINES


@pytest.mark.slow
def test_a_small_frame_with_much_in_it_does_not_fill_the_memory() -> None:
    """A damaged index, or one from elsewhere, may state any size."""
    bomb = zstandard.compress(bytes(4 * LARGEST))
    assert len(bomb) < 30_000
    tracemalloc.start()
    try:
        with pytest.raises(Damaged, match="number 7 is not as written"):
            unpack(7, bomb)
        assert tracemalloc.get_traced_memory()[1] < 2.5 * LARGEST
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("stated", [True, False], ids=["stated", "not stated"])
def test_only_one_whole_frame_within_the_limit_is_unpacked(stated: bool) -> None:
    content = bytes(1000)
    whole = zstandard.ZstdCompressor(write_content_size=stated).compress(content)
    assert from_frame(whole) == from_frame(whole, most=1000) == content
    for part, most in ((b"", 0), (whole[:3], 1000), (whole[:-1], 1000), (whole + whole, 2000), (whole, 999)):
        with pytest.raises(ZstdError):
            from_frame(part, most)


def test_the_table_of_frames_is_that_of_the_seekable_format(path: Path) -> None:
    data = path.read_bytes()
    assert data[-4:] == (0x8F92EAB1).to_bytes(4, "little")
    assert data[-5] == 0
    frames = int.from_bytes(data[-9:-5], "little")
    assert frames == 4
    table = data[-9 - 8 * frames - 8 :]
    assert table[:4] == (0x184D2A5E).to_bytes(4, "little")
    assert int.from_bytes(table[4:8], "little") == 8 * frames + 9


def test_the_same_lines_give_the_same_bytes(path: Path) -> None:
    assert shard_of(iter(LINES)) == path.read_bytes()


def test_a_shard_may_be_empty() -> None:
    assert list(lines_of(shard_of([]), "")) == []


def test_a_line_beyond_the_last_is_damage(path: Path) -> None:
    for number in (len(LINES), 10 * len(LINES)):
        with pytest.raises(Damaged, match=f"{path}: it has fewer lines"):
            opened(path).line(number)


def test_a_missing_shard_is_damage(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="missing or cut short"):
        Shard(ShardFolder(tmp_path), OF_BEFORE)


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        (-5, "not a table of frames"),
        (-9 - 8 * 4, "does not fit its size"),
        (-9 - 8 * 4 + 4, "another length"),
    ],
)
def test_a_table_that_is_not_that_of_the_frames_is_damage(path: Path, place: int, complaint: str) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(Damaged, match=complaint):
        opened(path).line(0)


@given(st.data())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=settings().max_examples // 2,
)
def test_a_changed_shard_never_gives_other_lines(path: Path, data: st.DataObject) -> None:
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    whole = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(len(content) - 3, len(content)))])
    try:
        with contextlib.suppress(Damaged):
            assert lines(path) == LINES
        with contextlib.suppress(Damaged):
            assert [opened(path).line(each) for each in range(len(LINES))] == LINES
    finally:
        path.write_bytes(whole)
