"""What any store of a log has to do. A new one is added to `STORES`, and passes all of this or is none."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from ledger import Checkpoint, Log, merkle, verify_evidence
from ledger.audit import audit
from ledger.tiles.layout import full_tiles, partial_tiles
from ledger.tiles.memory import MemoryStore
from ledger.tiles.posix import PosixStore
from ledger.tiles.store import Store
from tests.ledger_samples import naive_root, open_log, samples, trust_in
from tests.processes import ended
from wire.problem import Conflict, Damaged, Malformed, NotFound, TooLarge, Unavailable

STORES = MappingProxyType({"memory": lambda folder: MemoryStore(), "posix": PosixStore})
SHARED = {"posix"}  # those that several processes can use at the same time

SIZES = [1, 3, 255, 256, 300, 512, 700]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr("ledger.tiles.journal._MOST", 3)  # so that a store of any kind settles often
    return STORES[request.param](tmp_path / "log")


def grow(log: Log, sizes: list[int] = SIZES) -> list[Checkpoint]:
    found = []
    for size in sizes:
        start = log.checkpoint().size
        assert log.append(samples(start, size), b"to %d" % size) == range(start, size)
        found.append(log.checkpoint())
    return found


def test_a_new_log_is_empty_and_signed_for(store: Store) -> None:
    checkpoint = open_log(store).checkpoint()
    assert (checkpoint.size, checkpoint.root) == (0, merkle.EMPTY_ROOT)


def test_entries_are_kept_in_order(store: Store) -> None:
    log = open_log(store)
    for checkpoint in grow(log):
        assert checkpoint.root == naive_root(samples(0, checkpoint.size))
    assert list(log.entries(0, 700)) == samples(0, 700)
    assert list(log.entries(254, 258)) == samples(254, 258)


def test_every_entry_has_evidence(store: Store) -> None:
    log = open_log(store)
    grow(log)
    for index in (0, 255, 256, 511, 512, 699):
        [entry] = samples(index, index + 1)
        fact = verify_evidence(entry, log.evidence(index), trust_in(log))
        assert (fact.index, fact.size, fact.clock) == (index, 700, "own")


def test_old_evidence_and_checkpoints_stay_valid(store: Store) -> None:
    log = open_log(store)
    grow(log, SIZES[:4])
    old = log.evidence(7)
    checkpoints = grow(log, SIZES[4:])
    assert verify_evidence(*samples(7, 8), old, trust_in(log)).size == 256
    for earlier in checkpoints:
        for later in checkpoints[checkpoints.index(earlier) :]:
            proof = log.consistency(earlier.size, later.size)
            merkle.verify_consistency(earlier.size, earlier.root, later.size, later.root, proof)
        log.require_continues(earlier)


def test_a_key_is_appended_once(store: Store) -> None:
    log = open_log(store)
    last = grow(log)[-1]
    for _ in range(2):
        for old, new in zip([0, *SIZES], SIZES, strict=False):
            assert log.append(samples(old, new), b"to %d" % new) == range(old, new)
            with pytest.raises(Conflict):
                log.append(samples(old, new + 1), b"to %d" % new)
            with pytest.raises(Conflict):
                log.append(samples(old + 1, new + 1), b"to %d" % new)
        assert log.checkpoint() == last
        log = open_log(store)


def test_what_cannot_be_appended(store: Store) -> None:
    log = open_log(store)
    for entries, key in (([], b"key"), ([b"entry"], b""), ([b"entry"], b"k" * 256)):
        with pytest.raises(Malformed):
            log.append(entries, key)
    with pytest.raises(TooLarge):
        log.append([b"entry", bytes(0x10000)], b"key")
    assert log.checkpoint().size == 0
    assert log.append([bytes(0xFFFF), b""], b"k" * 255) == range(2)


def test_each_entry_is_proved_in_each_tree_that_has_it(store: Store) -> None:
    log = open_log(store)
    for tree in grow(log, [1, 3, 5]):
        for index in range(tree.size):
            leaf = merkle.leaf_hash(samples(index, index + 1)[0])
            merkle.verify_inclusion(leaf, index, tree.size, log.prove(index, tree.size), tree.root)


def test_what_is_not_there(store: Store) -> None:
    log = open_log(store)
    grow(log, [5])
    for ask in (
        lambda: log.entries(0, 6),
        lambda: log.entries(-1, 2),
        lambda: log.entries(3, 2),
        lambda: log.prove(5, 5),
        lambda: log.prove(-1, 5),
        lambda: log.prove(0, 6),
        lambda: log.prove(0, -1),
        lambda: log.consistency(5, 6),
        lambda: log.consistency(4, 3),
        lambda: log.consistency(-1, 3),
        lambda: log.evidence(5),
        lambda: log.evidence(-1),
    ):
        with pytest.raises(NotFound):
            ask()


def test_all_stores_hold_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte for byte, so that proofs survive a move from one to another."""
    monkeypatch.setattr("ledger.tiles.journal._MOST", 3)
    found = []
    for name, make in STORES.items():
        store = make(tmp_path / name)
        grow(open_log(store))
        paths = [*full_tiles(0, 700), *partial_tiles(700), "checkpoint"]
        found.append({path: store.get(path) for path in paths})
        assert None not in found[0].values()
    assert all(files == found[0] for files in found)


def test_two_logs_over_one_store_take_turns(store: Store) -> None:
    first, second = open_log(store), open_log(store)
    for number in range(12):
        for log in (first, second) if number % 3 else (second,):
            start = first.checkpoint().size
            assert log.append(samples(start, start + 50), b"%d" % start) == range(start, start + 50)
    assert audit(first) == second.checkpoint()
    assert first.checkpoint().root == naive_root(samples(0, first.checkpoint().size))


def test_threads_append_at_once(store: Store) -> None:
    log = open_log(store)
    found: list[range] = []

    def work(name: int) -> None:
        for number in range(10):
            found.append(log.append([b"%d/%d" % (name, number)] * 3, b"%d/%d" % (name, number)))
            log.checkpoint()

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found, key=lambda indices: indices.start) == [range(at, at + 3) for at in range(0, 120, 3)]
    assert audit(log).size == 120


def _append_in_process(make: Callable[[Path], Store], folder: Path, name: int) -> None:
    log = open_log(make(folder))
    for number in range(20):
        entries = [b"%d/%d/%d" % (name, number, index) for index in range(40)]
        assert list(log.entries(*_ends(log.append(entries, b"%d/%d" % (name, number))))) == entries


def _ends(indices: range) -> tuple[int, int]:
    return indices.start, indices.stop


# For the forks, which inherit it: Python 3.12 warns of threads, and coverage of what they never import.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(SHARED))
def test_processes_append_at_once(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.tiles.journal._MOST", 3)
    fork = multiprocessing.get_context("fork")
    folder = tmp_path / "log"
    processes = [
        fork.Process(target=_append_in_process, args=(STORES[name], folder, number)) for number in range(3)
    ]
    for process in processes:
        process.start()
    ended(processes)
    log = open_log(STORES[name](folder))
    assert audit(log).size == 3 * 20 * 40
    _append_in_process(STORES[name], folder, 1)  # the same once more
    assert log.checkpoint().size == 3 * 20 * 40


class Failing:
    """A store that fails once, before or after it has done what it was asked the n-th time."""

    def __init__(self, store: Store, at: int, *, before: bool) -> None:
        self._store, self._left, self._before = store, at, before
        self.failed = False

    def lock(self) -> AbstractContextManager[None]:
        return self._store.lock()

    @property
    def full(self) -> bool:
        return self._store.full

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._store, name)

        def called(*arguments: Any) -> Any:
            self._left -= 1
            if self._left == 0 and self._before:
                self.failed = True
                raise Unavailable("invented failure")
            result = function(*arguments)
            if self._left == 0:
                self.failed = True
                raise Unavailable("invented failure")
            return result

        return called


@pytest.mark.slow
@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("before", [True, False])
def test_any_one_failure_loses_nothing(
    name: str, before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails, and whether it was done or not, the same call made again succeeds, and once only."""
    monkeypatch.setattr("ledger.tiles.journal._MOST", 2)
    sizes = [1, 2, 260, 261, 600]
    root = naive_root(samples(0, 600))
    for at in range(1, 1000):
        store = STORES[name](tmp_path / str(at))
        open_log(store)
        failing = Failing(store, at, before=before)
        logs: list[Log] = []
        for old, new in zip([0, *sizes], sizes, strict=False):
            for _ in range(2):
                try:
                    logs = logs or [open_log(failing)]
                    assert logs[0].append(samples(old, new), b"to %d" % new) == range(old, new)
                    logs[0].evidence(old)
                except Unavailable:
                    continue
        checkpoint = audit(open_log(store))
        assert (checkpoint.size, checkpoint.root) == (600, root)
        if not failing.failed:
            assert at > 100
            return


def test_a_store_that_does_not_give_back_what_it_was_given(store: Store) -> None:
    """Nothing is signed, and the log goes on once the store is well."""
    log = open_log(store)
    grow(log, [300])
    before = log.checkpoint()
    log.store = lying = _Lying(store)
    for path, message in (
        ("tile/1/000.p/1", "right edge"),  # not written this time
        ("tile/entries/001.p/45", "tile/entries/001.p/45"),
        ("tile/0/001.p/45", "tile/0/001.p/45"),
    ):
        lying.path = path
        with pytest.raises(Damaged, match=message):
            log.append(samples(300, 301), b"another")
        assert log.checkpoint() == before
    lying.path = ""
    assert log.append(samples(300, 301), b"another") == range(300, 301)
    assert audit(log).root == naive_root(samples(0, 301))


class _Lying:
    def __init__(self, store: Store) -> None:
        self._store = store
        self.path = ""

    def get(self, path: str) -> bytes | None:
        data = self._store.get(path)
        return bytes(len(data)) if path == self.path and data is not None else data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
