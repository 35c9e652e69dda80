"""A log that goes to another engine: who has it open, what keeps it from going, and what a crash leaves."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from ledger.audit import audit
from ledger.move import PORTION, move, reserve_target, seal_source
from ledger.problem import LOG_SEALED, NO_LOG, Overtaken
from ledger.tiles.engines import open_store
from ledger.tiles.journal import CAPACITY, Journal
from ledger.tiles.keys import key_digest
from ledger.tiles.memory import MemoryStore
from ledger.tiles.posix import PosixStore
from ledger.tiles.store import Base, Batch, Mark, State, Store, mark_of
from tests import postgres_server
from tests.doubles import instead
from tests.ledger_samples import naive_root, open_log, samples
from tests.problems import is_a, raises
from tests.processes import ended
from wire import Problem
from wire.problem import Conflict, Damaged

pytestmark = pytest.mark.slow  # between engines, one of them a server

Make = Callable[[Path], str]


def folder(where: Path) -> str:
    return where.as_uri()


def database(where: Path) -> str:
    server = postgres_server.server()
    return server.uri(server.of(where), "appender")


DATABASE = pytest.param(database, id="postgresql", marks=postgres_server.needed)
WAYS = [pytest.param(folder, id="file"), DATABASE]


@pytest.fixture
def filled() -> MemoryStore:
    store = MemoryStore()
    log = open_log(store)
    for stop in (300, 512, 600):
        log.append(samples(log.checkpoint().size, stop), b"%d" % stop)
    return store


def _append_when_told(make: Callable[[], Store], pipe: Connection[str, str]) -> None:
    log = open_log(make())
    for number in range(3):
        pipe.send("ready")
        pipe.recv()
        try:
            log.append([b"%d" % number], b"%d" % number)
        except Problem as problem:
            pipe.send("sealed" if is_a(problem, LOG_SEALED) else problem.code)
            return
    pipe.send("never")


@pytest.mark.filterwarnings("ignore")  # Python 3.12 warns of threads, which the fork lacks
@pytest.mark.parametrize("place", WAYS)
def test_a_writer_in_another_process_learns_of_it(place: Make, tmp_path: Path) -> None:
    """It has the log open, has appended to it, and looks nowhere but where it appends."""

    def make() -> Store:
        return open_store(place(tmp_path / "log"))

    make()
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()
    writer = fork.Process(target=_append_when_told, args=(make, theirs))
    writer.start()
    assert ours.recv() == "ready"
    ours.send("go on")
    assert ours.recv() == "ready"
    move(make(), target := MemoryStore())
    ours.send("go on")
    assert ours.recv() == "sealed"
    ended([writer])
    assert open_log(make()).checkpoint().size == 1
    assert open_log(target).append([b"1"], b"1") == range(1, 2)


def test_what_stands_at_the_target_already_is_not_written_again(filled: MemoryStore) -> None:
    """So that a move that was interrupted goes on where it was."""
    written: list[int] = []

    def put(real: Callable[[dict[str, bytes]], None], tiles: dict[str, bytes]) -> None:
        written.append(len(tiles))
        real(tiles)

    target = MemoryStore()
    for _ in range(2):
        with pytest.raises(Damaged, match="invented"):
            move(filled, instead(target, put=put, settle=_fails))
    assert len(written) == 2, "full tiles, and those at the edge"
    assert move(filled, target).size == 600


def _fails(*_: object) -> None:
    raise Damaged("invented")


def test_more_than_one_portion(tmp_path: Path) -> None:
    """Whose tiles of the second level are partial in between."""
    source, portions = MemoryStore(), list[int]()
    log = open_log(source)
    log.append([b"%d" % number for number in range(PORTION + 300)], b"many")
    last = log.checkpoint()
    move(source, target := PosixStore(tmp_path / "log"), portions.append)
    assert portions == [PORTION, 300]
    assert audit(open_log(target)) == last
    assert not list((tmp_path / "log/tile/2").rglob("*.p/[2-9]*"))


def test_a_target_that_loses_a_tile_is_not_opened(filled: MemoryStore, tmp_path: Path) -> None:
    def put(real: Callable[[dict[str, bytes]], None], tiles: dict[str, bytes]) -> None:
        real({path: data for path, data in tiles.items() if path != "tile/0/001"})

    target = PosixStore(tmp_path / "log")
    with pytest.raises(Damaged, match="tile/0/001 does not read back"):
        move(filled, instead(target, put=put))
    with raises(LOG_SEALED):
        open_log(target).append([b"more"], b"more")
    assert move(filled, target).size == 600


def test_entries_that_do_not_give_the_root_are_not_signed_for(filled: MemoryStore) -> None:
    entries = filled.get("tile/entries/001")
    assert entries is not None
    filled.put({"tile/entries/001": entries[:-1] + bytes([entries[-1] ^ 1])})
    target = MemoryStore()
    with pytest.raises(Damaged, match="the root that it had"):
        move(filled, target)
    with raises(LOG_SEALED):
        open_log(target)
    filled.put({"tile/entries/001": entries})
    assert move(filled, target).size == 600


def test_there_has_to_be_a_log_that_is_open(filled: MemoryStore) -> None:
    with raises(NO_LOG):
        move(MemoryStore(), MemoryStore())
    reserved = MemoryStore()
    reserve_target(reserved, "one")
    with raises(LOG_SEALED, match="has not come yet"):
        move(reserved, MemoryStore())
    assert mark_of(filled) is None


def test_a_place_that_was_reserved_for_another_log_stays_so(filled: MemoryStore) -> None:
    target = MemoryStore()
    reserve_target(target, "other.example/log 00")
    with pytest.raises(Conflict, match="already"):
        move(filled, target)
    assert mark_of(filled) is None, "it goes on"


def test_a_log_that_has_left_for_one_place_goes_to_no_other(filled: MemoryStore) -> None:
    """Not even to one that is kept for another move of the same log."""
    reserved = MemoryStore()
    reserve_target(reserved, "ledger.example/log 00")
    move(filled, MemoryStore())
    for target in (MemoryStore(), reserved):
        with pytest.raises(Conflict, match="elsewhere"):
            move(filled, target)
    with raises(LOG_SEALED):
        open_log(reserved)


def test_a_place_that_is_given_to_another_move_meanwhile_is_not_opened(filled: MemoryStore) -> None:
    target = MemoryStore()

    def settle(real: Callable[..., None], *given: object) -> None:
        target.seal(Mark("other.example/log 00", State.COMING), after=target.head().mark)
        real(*given)

    with pytest.raises(Overtaken, match="not reserved for this move"):
        move(filled, instead(target, settle=settle))
    with raises(LOG_SEALED):
        open_log(target)


def test_what_the_log_signed_at_its_new_place_is_not_replaced(filled: MemoryStore) -> None:
    """The same move, made by another process, was faster at the last step."""
    target, faster = MemoryStore(), list[Store]()

    def pending(real: Callable[[int], Iterator[Batch]], start: int) -> list[Batch]:
        recorded = list(real(start))
        if not faster:
            faster.append(instead(target, lock=lambda _: nullcontext()))  # its lock was lost
            move(filled, faster[0])
            open_log(faster[0]).append(samples(600, 601), b"601")
        return recorded

    assert move(filled, instead(target, pending=pending)).size == 601
    assert audit(open_log(target)).root == naive_root(samples(0, 601))


def test_keys_that_an_interrupted_move_left_are_not_kept(filled: MemoryStore, tmp_path: Path) -> None:
    """They may be of another log: this one has appended nothing under them."""
    target = PosixStore(tmp_path / "log")
    (tmp_path / "log/keys/0-5").write_bytes(b"".join(_records([(key_digest(b"other"), range(5))])))
    move(filled, target)
    with target.lock():
        assert target.head().base.size == 600
        assert target.find(b"other") is None
    assert open_log(target).append([b"other"], b"other") == range(600, 601)


def test_half_of_a_log_that_comes_is_no_damaged_one(tmp_path: Path) -> None:
    """As a kill leaves it in the midst of what is taken over last: a journal, and no checkpoint yet."""
    store = PosixStore(tmp_path / "log")
    reserve_target(store, "one")
    Journal(tmp_path / "log/journal", CAPACITY).replace(Base(600, bytes(32)))
    with raises(LOG_SEALED, match="has not come yet"):
        open_log(store)


def test_of_two_copies_of_a_log_one_comes(filled: MemoryStore, tmp_path: Path) -> None:
    """Of one name, so that both may have taken the place that was reserved for it."""
    other, target = MemoryStore(), MemoryStore()
    open_log(other).append(samples(0, 300), b"300")
    reserve_target(target, "ledger.example/log 00")
    for each in (other, filled):
        seal_source(each, "ledger.example/log 00")
    assert move(other, target).size == 300
    with pytest.raises(Conflict, match="300 entries has come first"):
        move(filled, target)


def test_a_mark_that_cannot_be_read_closes_the_log(filled: MemoryStore, tmp_path: Path) -> None:
    store = PosixStore(tmp_path / "log")
    move(filled, store)
    assert mark_of(store) == Mark(mark_of(filled).name, State.HERE)  # type: ignore[union-attr]
    log = open_log(store)
    for written in (b"", b"{}", b'{"name": "one", "state": "somewhere"}'):
        (tmp_path / "log/mark.json").write_bytes(written)
        with pytest.raises(Damaged, match=r"mark\.json cannot be read"):
            log.append([b"more"], b"more")


def test_keys_come_once_where_a_crash_left_them_twice(tmp_path: Path) -> None:
    """Of a settling that was interrupted, and of the next one, which had more batches."""
    source = PosixStore(tmp_path / "log")
    log = open_log(source)
    for number in range(400):
        log.append([b"%d" % number], b"%d" % number)
    with source.lock():
        base = source.head().base.size
        known = list(source.keys())
        assert [at.start for _, at in known] == [*range(base)]
        runs = tmp_path / "log/keys"
        [whole] = runs.iterdir()
        records = whole.read_bytes()
        (runs / "0-2").write_bytes(b"".join(_records(known[:2])))
        (runs / f"1-{base + 1}").write_bytes(
            b"".join(_records([*known[1:], (b"k" * 32, range(base, base + 1))]))
        )
        assert list(source.keys()) == known
        assert whole.read_bytes() == records
    move(source, target := MemoryStore())
    assert open_log(target).append([b"7"], b"7") == range(7, 8)
    assert audit(open_log(target)).root == naive_root([b"%d" % number for number in range(400)])


def _records(known: list[tuple[bytes, range]]) -> list[bytes]:
    return sorted(digest + at.start.to_bytes(8) + at.stop.to_bytes(8) for digest, at in known)
