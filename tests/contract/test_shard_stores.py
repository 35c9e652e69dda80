"""What any store of shards has to do. A new one is added to `STORES`, and passes all of this or is none.

An entry there opens the store of a folder, again and again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import pytest

from issuer.archive.kept import Job, ShardName
from issuer.archive.shard_store import ShardFolder, ShardStore
from issuer.archive.shards import FRAME_LINES, Shard, lines_of, read_shard, shard_of
from issuer.problem import SHARD_TAKEN
from tests import s3_server
from tests.doubles import instead
from tests.problems import raises
from wire.problem import Damaged


def s3(folder: Path) -> ShardStore:
    """By the least of the rights that will do."""
    from issuer.archive.shard_bucket import ShardBucket

    return ShardBucket(s3_server.server().of(folder), DID, is_new=True)


def twin_of_s3(folder: Path) -> ShardStore:
    """The same, before a store in this process."""
    from issuer.archive.shard_bucket import ShardBucket
    from tests.s3_twin import twin

    with twin().reached("owner"):  # one that may remove, too
        return ShardBucket(twin().of(folder), DID, is_new=True)


DID = "did:example:university"
STORES = MappingProxyType[str, Callable[[Path], ShardStore]](
    {
        "folder": ShardFolder,
        **({"twin": twin_of_s3} if find_spec("obstore") else {}),
        **({"s3": s3} if s3_server.AVAILABLE else {}),
    }
)
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name == "s3" else name for name in STORES]

LINES = [b'{"number": %d}' % number for number in range(3 * FRAME_LINES + 5)]
DATA = shard_of(LINES)
JOB = Job(3, b"", "g.csv", "2026-11-01T00:00:00Z", 0, 200, 4)


def name(number: int, data: bytes = DATA) -> ShardName:
    return ShardName.of(JOB, number, data)


@pytest.fixture(params=NAMES)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], ShardStore]:
    """Opens the same store each time."""
    return lambda: STORES[request.param](tmp_path / "shards")


@pytest.fixture
def store(make: Callable[[], ShardStore]) -> ShardStore:
    return make()


def test_a_new_store_has_nothing(store: ShardStore) -> None:
    store.examine()
    assert list(store.names()) == []
    for read in (lambda: store.read(name(0), 0, 1), lambda: store.end(name(0), 1)):
        with pytest.raises(Damaged, match=f"{store.address}/{name(0)}: it is missing"):
            read()


def test_what_was_written_is_there_for_who_opens_it_next(make: Callable[[], ShardStore]) -> None:
    make().write(name(0), DATA)
    assert read_shard(make(), name(0)) == DATA
    assert list(lines_of(DATA, "")) == LINES


def test_the_same_may_be_written_again(make: Callable[[], ShardStore]) -> None:
    for _ in range(2):
        make().write(name(0), DATA)
    assert list(make().names()) == [name(0)]


def test_nothing_is_written_over(store: ShardStore) -> None:
    store.write(name(0), DATA)
    for other in (b"", DATA[:-1], shard_of(LINES[1:])):
        with raises(SHARD_TAKEN):
            store.write(name(0), other)
    assert read_shard(store, name(0)) == DATA


def test_any_part_is_read(store: ShardStore) -> None:
    store.write(name(0), DATA)
    size = len(DATA)
    for start, length in ((0, 1), (0, size), (5, 20), (size - 1, 1), (size - 3, 100), (0, 10 * size)):
        assert store.read(name(0), start, length) == DATA[start : start + length]


def test_the_end_is_read_with_the_size(store: ShardStore) -> None:
    store.write(name(0), DATA)
    for length in (1, 9, len(DATA) - 1, len(DATA), len(DATA) + 1, 1 << 30):
        assert store.end(name(0), length) == (DATA[-length:], len(DATA))


def test_a_line_takes_one_read_of_the_end_and_one_of_its_frame(store: ShardStore) -> None:
    store.write(name(0), DATA)
    calls: list[tuple[int, int]] = []

    def read(real: Callable[..., bytes], shard: ShardName, start: int, length: int) -> bytes:
        calls.append((start, length))
        return real(shard, start, length)

    def end(real: Callable[..., tuple[bytes, int]], shard: ShardName, length: int) -> tuple[bytes, int]:
        calls.append((-length, length))
        return real(shard, length)

    shard = Shard(instead(store, read=read, end=end), name(0))
    second = range(FRAME_LINES, 2 * FRAME_LINES)
    assert [shard.line(number) for number in second] == [LINES[number] for number in second]
    assert calls[0] == (-4096, 4096)
    assert DATA[calls[1][0] :].startswith(b"\x28\xb5\x2f\xfd")  # RFC 8878, section 3.1.1
    assert len(calls) == 2
    assert calls[1][1] < len(DATA) / 2


def test_an_empty_shard_is_one(store: ShardStore) -> None:
    empty = shard_of([])
    store.write(name(0, empty), empty)
    assert list(lines_of(read_shard(store, name(0, empty)), "")) == []


def test_all_names_are_listed_with_those_of_before(store: ShardStore) -> None:
    names = {*(name(number) for number in range(20)), ShardName(3, 1, None), ShardName(12, 10**6, None)}
    for each in names:
        store.write(each, DATA)
    found = list(store.names())
    assert len(found) == len(names)
    assert set(found) == names


def test_what_is_removed_is_gone_and_may_be_written_again(store: ShardStore) -> None:
    for number in (1, 2):
        store.write(name(number), DATA)
    for _ in range(2):
        store.remove(name(1))
    assert list(store.names()) == [name(2)]
    store.write(name(1), DATA)
    assert read_shard(store, name(1)) == DATA


def test_who_write_one_shard_at_once_leave_one(make: Callable[[], ShardStore]) -> None:
    stores, problems = [make() for _ in range(8)], list[BaseException]()
    at_once = threading.Barrier(len(stores))

    def write(store: ShardStore) -> None:
        at_once.wait()
        try:
            store.write(name(1), DATA)
        except BaseException as problem:  # noqa: BLE001 -- shown below
            problems.append(problem)

    threads = [threading.Thread(target=write, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert list(make().names()) == [name(1)]
    assert read_shard(make(), name(1)) == DATA
