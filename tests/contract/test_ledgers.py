"""What any store of a log has to do. A new one is added to `STORES`, and passes all of this or is none.

An entry there opens the store of a folder, again and again, and settles after a few batches.
"""

from __future__ import annotations

import itertools
import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from ledger import Checkpoint, Log, merkle, verify_evidence
from ledger.audit import audit
from ledger.log import LogReader
from ledger.move import move, reserve_target, seal_source
from ledger.problem import LOG_SEALED, Overtaken
from ledger.tiles.journal import Capacity
from ledger.tiles.keys import key_digest
from ledger.tiles.layout import full_tiles, partial_tiles
from ledger.tiles.memory import MemoryStore
from ledger.tiles.posix import PosixStore
from ledger.tiles.store import Base, Batch, Mark, State, Store, mark_of
from tests import postgres_server, s3_server
from tests.ledger_samples import COSIGNER, ORIGIN, SIGNER, naive_root, open_log, sample, samples, trust_in
from tests.problems import raises
from tests.processes import ended
from tests.sqlite_store import SqliteStore
from wire.problem import Conflict, Damaged, Malformed, NotFound, Refused, TooLarge, Unavailable


def postgres(folder: Path, *, read_only: bool = False) -> Store:
    """By the least of the roles that will do."""
    from ledger.tiles.postgres.store import PostgresStore

    server = postgres_server.server()
    uri = server.uri(server.of(folder), "reader" if read_only else "appender")
    return PostgresStore(uri, read_only=read_only, capacity=Capacity(batches=3))


def postgres_twin(folder: Path, *, read_only: bool = False) -> Store:
    """The same engine, before a server in this process."""
    from ledger.tiles.postgres.store import PostgresStore
    from tests.postgres_twin import twin

    uri = twin().uri(twin().of(folder), "reader" if read_only else "appender")
    return PostgresStore(uri, read_only=read_only, capacity=Capacity(batches=3))


def s3(folder: Path, *, read_only: bool = False) -> Store:
    """By the least of the rights that will do."""
    from ledger.tiles.s3.store import S3Store

    uri = s3_server.server().of(folder)
    return S3Store(uri, read_only=read_only, capacity=Capacity(batches=3))


def s3_twin(folder: Path, *, read_only: bool = False) -> Store:
    """The same engine, before a store in this process."""
    from ledger.tiles.s3.store import S3Store
    from tests.s3_twin import twin

    with twin().reached("reader" if read_only else "appender"):
        return S3Store(twin().of(folder), read_only=read_only, capacity=Capacity(batches=3))


MEMORIES: dict[Path, MemoryStore] = {}
STORES = MappingProxyType[str, Callable[[Path], Store]](
    {
        "memory": lambda folder: MEMORIES.setdefault(folder, MemoryStore()),
        "posix": lambda folder: PosixStore(folder, capacity=Capacity(batches=3)),
        "sqlite": SqliteStore,
        **({"postgres_twin": postgres_twin} if find_spec("psycopg") else {}),
        **({"s3_twin": s3_twin} if find_spec("obstore") else {}),
        **({"postgres": lambda folder: postgres(folder)} if postgres_server.PROGRAMS else {}),
        **({"s3": lambda folder: s3(folder)} if s3_server.AVAILABLE else {}),
    }
)
READERS = MappingProxyType[str, Callable[[Path], Store]](
    {
        "posix": lambda folder: PosixStore(folder, read_only=True),
        "sqlite": lambda folder: SqliteStore(folder, read_only=True),
        **(
            {"postgres_twin": lambda folder: postgres_twin(folder, read_only=True)}
            if find_spec("psycopg")
            else {}
        ),
        **({"s3_twin": lambda folder: s3_twin(folder, read_only=True)} if find_spec("obstore") else {}),
        **({"postgres": lambda folder: postgres(folder, read_only=True)} if postgres_server.PROGRAMS else {}),
        **({"s3": lambda folder: s3(folder, read_only=True)} if s3_server.AVAILABLE else {}),
    }
)
# Those that several processes can use at the same time.
SHARED = STORES.keys() - {"memory", "postgres_twin", "s3_twin"}

SLOW = {"postgres", "s3", "sqlite"}  # by servers, which take long to begin, and by another in a file
SAMPLED = {"sqlite": 3, "postgres": 13, "postgres_twin": 13, "s3": 29, "s3_twin": 29}
AT_ANY_CALL = pytest.mark.parametrize(
    "steps", [pytest.param(SAMPLED, id="a sample"), pytest.param({}, id="each", marks=pytest.mark.soak)]
)
"""Of how many calls of a store one fails, or has another come before it."""
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in STORES]

MOVES = [
    pytest.param(name, to, marks=[] if is_quick else pytest.mark.slow)
    for name, to in itertools.product(STORES, STORES)
    for is_quick in [not {name, to} & {*SLOW, "postgres_twin", "s3_twin"}]
]

READ = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in READERS]

SIZES = [1, 3, 255, 256, 300, 512, 700]


@pytest.fixture(params=NAMES)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Opens the same store each time."""
    return lambda: STORES[request.param](tmp_path / "log")


@pytest.fixture
def store(make: Callable[[], Store]) -> Store:
    return make()


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
    indices = (0, 255, 256, 511, 512, 699)
    assert log.evidence_for(indices) == {index: log.evidence(index) for index in indices}
    for index in indices:
        [entry] = samples(index, index + 1)
        fact = verify_evidence(entry, log.evidence(index), trust_in(log))
        assert (fact.index, fact.checkpoint, fact.clock) == (index, log.checkpoint(), "own")


def test_old_evidence_and_checkpoints_stay_valid(store: Store) -> None:
    log = open_log(store)
    grow(log, SIZES[:4])
    old = log.evidence(7)
    checkpoints = grow(log, SIZES[4:])
    assert verify_evidence(sample(7), old, trust_in(log)).index == 7
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


@pytest.mark.slow
def test_all_stores_hold_the_same_files(tmp_path: Path) -> None:
    """Byte for byte, so that proofs survive a move from one to another."""
    found = []
    for name, make in STORES.items():
        store = make(tmp_path / name)
        grow(open_log(store))
        paths = [*full_tiles(0, 700), *partial_tiles(700), "checkpoint"]
        found.append(store.get_many([*paths, "tile/0/999"]))
        assert list(found[0]) == paths
        assert found[-1] == {path: store.get(path) for path in paths}
    assert all(files == found[0] for files in found)


def test_threads_go_along_with_who_comes_first(store: Store) -> None:
    """One batch each, of which many are recorded at once; a known key, a wrong one and a twin among them."""
    calls = Counter[str]()
    slow = threading.Event()

    def count(call: str) -> None:
        calls[call] += 1
        if call == "publish":
            slow.wait(0.05)

    log = open_log(Unlocked(store, count))
    log.append([b"known"], b"known")
    calls.clear()
    asked = [([b"%d" % number] * 3, b"%d" % (number % 19)) for number in range(20)]
    asked += [([b"known"], b"known"), ([b"other"], b"known"), ([b"huge"] * 5000, b"huge")]
    found: dict[int, range | Conflict] = {}
    at_once = threading.Barrier(len(asked))

    def work(number: int) -> None:
        at_once.wait()
        try:
            found[number] = log.append(*asked[number])
        except Conflict as problem:
            found[number] = problem

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls["record"] < 10, "each would be 20"
    for number, (entries, _) in enumerate(asked):
        at = found[number]
        if isinstance(at, range):
            assert list(log.entries(*_ends(at))) == entries
    conflicts = {number for number, at in found.items() if isinstance(at, Conflict)}
    assert 21 in conflicts
    assert len(conflicts & {0, 19}) == 1, "of two with one key, who came later"
    assert len(conflicts) == 2
    assert audit(log).size == 1 + 19 * 3 + 5000


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


def _append_in_process(engine: str, folder: Path, name: int) -> None:
    """By four threads, which go along with each other; the processes take turns."""
    log = open_log(STORES[engine](folder))

    def append(number: int) -> None:
        entries = [b"%d/%d/%d" % (name, number, index) for index in range(40)]
        assert list(log.entries(*_ends(log.append(entries, b"%d/%d" % (name, number))))) == entries

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(append, range(20)))


def _ends(indices: range) -> tuple[int, int]:
    return indices.start, indices.stop


# For the forks, which inherit it: Python 3.12 warns of threads.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(SHARED))
def test_processes_append_at_once(name: str, tmp_path: Path) -> None:
    context: Any = multiprocessing.get_context("spawn" if name == "s3" else "fork")  # obstore bears no fork
    folder = tmp_path / "log"
    STORES[name](folder)
    processes = [
        context.Process(target=_append_in_process, args=(name, folder, number)) for number in range(4)
    ]
    for process in processes:
        process.start()
    ended(processes)
    log = open_log(STORES[name](folder))
    assert audit(log).size == 4 * 20 * 40
    _append_in_process(name, folder, 1)  # the same once more
    assert log.checkpoint().size == 4 * 20 * 40


class Failing:
    """A store that fails once, before or after it has done what it was asked the n-th time."""

    def __init__(self, store: Store, at: int, *, before: bool) -> None:
        self._store, self._left, self._before = store, at, before
        self.failed = False

    def lock(self) -> AbstractContextManager[object]:
        return self._store.lock()

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._store, name)

        def called(*arguments: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left == 0 and self._before:
                self.failed = True
                raise Unavailable("invented failure")
            result = function(*arguments, **named)
            if self._left == 0:
                self.failed = True
                raise Unavailable("invented failure")
            return result

        return called


@pytest.mark.slow
@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("before", [True, False])
@AT_ANY_CALL
def test_any_one_failure_loses_nothing(
    name: str, before: bool, steps: dict[str, int], tmp_path: Path
) -> None:
    """Whatever fails, and whether it was done or not, the same call made again succeeds, and once only."""
    sizes = [1, 2, 260, 261, 600]
    root = naive_root(samples(0, 600))
    for at in range(1, 1000, steps.get(name, 1)):
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
            assert at > 50
            return


class Unlocked:
    """A store whose lock was lost: all who use it believe that they hold it. `before` is told each call."""

    def __init__(self, store: Store, before: Callable[[str], object] = lambda name: None) -> None:
        self._store, self._before = store, before
        self.published: list[tuple[bytes | None, bytes]] = []

    def lock(self) -> AbstractContextManager[object]:
        return nullcontext()

    def publish(self, note: bytes, *, after: bytes | None) -> None:
        self._before("publish")
        self._store.publish(note, after=after)
        self.published.append((after, note))

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._store, name)

        def called(*arguments: Any, **named: Any) -> Any:
            self._before(name)
            return function(*arguments, **named)

        return called


def require_one_history(log: Log, published: list[tuple[bytes | None, bytes]], *batches: list[bytes]) -> None:
    """One checkpoint followed each, and every entry is there once."""
    assert audit(log).size == sum(map(len, batches))
    assert Counter(log.entries(0, log.checkpoint().size)) == Counter(itertools.chain(*batches))
    following = dict(published)
    assert len(following) == len(published)
    note: bytes | None = None
    for _ in published:
        note = following[note]
        log.require_continues(Checkpoint.parse(note))
    assert note == log.checkpoint().note


def test_two_writers_who_both_hold_the_lock(make: Callable[[], Store]) -> None:
    """They meet before they record, at the same head, and again before they publish the same size."""
    barrier = threading.Barrier(2)
    stores, found = [], dict[bytes, range]()

    def work(name: bytes) -> None:
        met = set()

        def meet(call: str) -> None:
            if call in ("record", "publish") and call not in met:
                met.add(call)
                barrier.wait(timeout=60)

        stores.append(store := Unlocked(make(), meet))
        met.add("publish")  # while it is opened
        log = open_log(store)
        met.clear()
        for number in range(8):
            key = b"%b/%d" % (name, number)
            found[key] = log.append([key] * 3, key)

    grow(open_log(first := Unlocked(make())), [250])
    threads = [threading.Thread(target=work, args=(name,)) for name in (b"one", b"other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log = open_log(make())
    assert len(found) == 16
    for key, at in found.items():
        assert list(log.entries(*_ends(at))) == [key] * 3
    published = [each for store in (first, *stores) for each in store.published]
    require_one_history(log, published, samples(0, 250), *([key] * 3 for key in found))


@pytest.mark.slow
@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("key", [b"other", b"mine"])
@AT_ANY_CALL
def test_another_writer_at_any_point(name: str, key: bytes, steps: dict[str, int], tmp_path: Path) -> None:
    """Before any call of one, another who holds the lock, too, appends and settles; the same batch, even."""
    mine, more = samples(250, 255), samples(300, 303)
    others = mine if key == b"mine" else samples(400, 405)
    for at in range(1, 1000, steps.get(name, 1)):
        calls, folder = itertools.count(1), tmp_path / str(at)
        other = Unlocked(STORES[name](folder))

        def interrupt(_: str) -> None:
            if next(calls) == at:  # noqa: B023 -- called before the next round
                log = open_log(other)  # noqa: B023
                log.append(others, key)
                for index, entry in enumerate(more):
                    log.append([entry], b"%d" % index)

        grow(open_log(first := Unlocked(STORES[name](folder))), [250])
        log = open_log(store := Unlocked(STORES[name](folder), interrupt))
        for _ in range(2):
            assert list(log.entries(*_ends(log.append(mine, b"mine")))) == mine
        if next(calls) <= at:
            assert at > 20
            return
        written = [mine] if others == mine else [mine, others]
        published = [*first.published, *store.published, *other.published]
        require_one_history(open_log(STORES[name](folder)), published, samples(0, 250), *written, more)


def test_what_decides_has_one_winner(make: Callable[[], Store]) -> None:
    store, other = make(), make()
    log = open_log(store)
    log.append(samples(0, 5), b"0")
    before = log.checkpoint().note
    settled = store.head()
    pending = list(store.pending(settled.base.size))
    assert (other.head(), list(other.pending(settled.base.size))) == (settled, pending)
    store.record(Batch(5, b"one", [b"one"]))
    for start in (0, 4, 5, 7):
        with pytest.raises(Overtaken):
            other.record(Batch(start, b"other", [b"other"]))
    with pytest.raises(Overtaken):
        other.settle(Base(5, log.checkpoint().root))
    assert list(store.pending(5)) == [Batch(5, b"one", [b"one"])]
    for after in (None, b"", before[:-1]):
        with pytest.raises(Overtaken):
            other.publish(b"other", after=after)
    store.publish(b"next", after=before)
    with pytest.raises(Overtaken):
        other.publish(b"other", after=before)
    assert other.get("checkpoint") == b"next"


def test_of_many_at_once_one_wins(make: Callable[[], Store]) -> None:
    def record(store: Store, batch: Batch) -> None:
        assert store.head().base.size == 0
        assert [known.start for known in store.pending(0)][:number] == [*range(number)]
        store.record(batch)

    stores, note = [make() for _ in range(4)], None
    for number in range(5):
        each = [(store, b"%d/%d" % (number, at)) for at, store in enumerate(stores)]
        won = _race([partial(record, store, Batch(number, name, [name])) for store, name in each])
        assert [batch.key for batch in make().pending(0)][number:] == [each[won][1]]
        won = _race([partial(store.publish, name, after=note) for store, name in each])
        note = each[won][1]
        assert make().get("checkpoint") == note


def _race(calls: list[Callable[[], None]]) -> int:
    """The number of the one call that succeeded, of some that are made at once."""
    barrier, won = threading.Barrier(len(calls)), list[int]()

    def work(number: int) -> None:
        barrier.wait(timeout=60)
        with suppress(Overtaken):
            calls[number]()
            won.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [winner] = won
    return winner


def test_a_sealed_log_is_read_and_never_appended_to(make: Callable[[], Store]) -> None:
    store = make()
    before = open_log(make())  # who has it open, and knows of nothing
    grow(before, [3, 300])
    assert mark_of(store) is None
    seal_source(store, "one")
    assert mark_of(make()) == Mark("one", State.LEFT)
    for name in ("one", "other"):
        with pytest.raises(Overtaken):
            seal_source(make(), name)
        with pytest.raises(Overtaken):
            reserve_target(make(), name)
        for after in (None, Mark("one", State.HERE), Mark("other", State.LEFT)):
            with pytest.raises(Overtaken):
                make().seal(Mark(name, State.HERE), after=after)
    last = before.checkpoint()
    for log in (before, open_log(make())):
        with raises(LOG_SEALED):
            log.append([b"more"], b"more")
        assert log.append(samples(0, 3), b"to 3") == range(3)
        assert verify_evidence(sample(7), log.evidence(7), trust_in(log)).index == 7
        assert audit(log) == last
    writes: list[Callable[[], object]] = [
        lambda: store.record(Batch(300, b"more", [b"more"])),
        lambda: store.publish(b"note", after=last.note),
        lambda: store.settle(Base(300, last.root)),
    ]
    for write in writes:
        with raises(LOG_SEALED):
            write()


def test_a_log_is_sealed_before_any_call_of_a_writer(make: Callable[[], Store]) -> None:
    """What was recorded by then goes along with the move, signed for or not."""
    grow(open_log(make()), [3])
    target, moved = MemoryStore(), list[Checkpoint]()

    def interrupt(call: str) -> None:
        if call == "publish" and not moved:
            moved.append(move(make(), target))

    log = open_log(Unlocked(make(), interrupt))
    with raises(LOG_SEALED):
        log.append(samples(3, 5), b"to 5")
    assert (moved[0].size, log.checkpoint().size) == (3, 3)
    with raises(LOG_SEALED):  # it would sign
        open_log(make())
    log = open_log(target)
    assert log.checkpoint().size == 5
    assert log.append(samples(3, 5), b"to 5") == range(3, 5)
    assert audit(log).root == naive_root(samples(0, 5))


def test_of_many_who_seal_at_once_one_wins(make: Callable[[], Store]) -> None:
    grow(open_log(make()), [3])
    names = [f"{number}" for number in range(4)]
    stores = [make() for _ in names]
    won = _race(
        [
            partial(store.seal, Mark(name, State.LEFT), after=None)
            for store, name in zip(stores, names, strict=True)
        ]
    )
    assert mark_of(make()) == Mark(names[won], State.LEFT)


def test_a_store_is_reserved_once_and_only_while_it_is_empty(make: Callable[[], Store]) -> None:
    stores, names = [make() for _ in range(4)], ["0", "1", "2", "3"]
    won = _race([partial(reserve_target, store, name) for store, name in zip(stores, names, strict=True)])
    assert mark_of(make()) == Mark(names[won], State.COMING)
    with raises(LOG_SEALED):  # nor is a checkpoint of nothing signed there
        open_log(make())
    assert make().get("checkpoint") is None
    for after in (None, Mark("4", State.COMING), Mark(names[won], State.HERE)):
        with pytest.raises(Overtaken):
            make().seal(Mark("4", State.HERE), after=after)


def _record(store: Store) -> None:
    assert store.head().base.size == 0
    store.record(Batch(0, b"key", [b"entry"]))


@pytest.mark.parametrize("begin", [open_log, _record])
def test_a_log_that_is_there_is_not_reserved(
    make: Callable[[], Store], begin: Callable[[Store], object]
) -> None:
    begin(make())
    with pytest.raises(Overtaken):
        reserve_target(make(), "one")


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize(("name", "to"), MOVES)
def test_a_log_moves_to_any_engine(name: str, to: str, tmp_path: Path) -> None:
    """With its keys, of settled batches and of others; what was proved stays proved; and back, by another."""

    def make() -> Store:
        return STORES[name](tmp_path / "log")

    log = open_log(make())
    checkpoints = grow(log)
    proved = [log.evidence(index) for index in (0, 255, 256, 699)]
    with pytest.raises(Conflict, match="already"):
        move(make(), make())

    def target() -> Store:
        return STORES[to](tmp_path / "target")

    portions: list[int] = []
    assert move(make(), target(), portions.append) == checkpoints[-1]
    assert sum(portions) <= 700
    assert move(make(), target()) == checkpoints[-1], "once more changes nothing"
    paths = [*full_tiles(0, 700), *partial_tiles(700), "checkpoint"]
    assert target().get_many(paths) == make().get_many(paths)
    moved = open_log(target())
    for old, new in zip([0, *SIZES], SIZES, strict=False):
        assert moved.append(samples(old, new), b"to %d" % new) == range(old, new)
    assert moved.append(samples(700, 1000), b"to 1000") == range(700, 1000)
    assert audit(moved).root == naive_root(samples(0, 1000))
    for index, evidence in zip((0, 255, 256, 699), proved, strict=True):
        assert verify_evidence(sample(index), evidence, trust_in(moved)).index == index
    for each in checkpoints:
        moved.require_continues(each)
    with pytest.raises(Conflict, match="elsewhere"):
        move(make(), STORES[to](tmp_path / "another"))
    with pytest.raises(Conflict, match="already"):
        move(target(), make())
    with pytest.raises(Conflict, match="elsewhere"):
        move(make(), make())
    move(target(), last := MemoryStore())
    assert open_log(last).append(samples(0, 1), b"to 1") == range(1)
    assert audit(open_log(last)).size == 1000


@pytest.mark.slow
@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("role", ["source", "target"])
@AT_ANY_CALL
def test_a_move_that_fails_anywhere_goes_on(
    name: str, before: bool, role: str, steps: dict[str, int], tmp_path: Path
) -> None:
    """Neither of the two is signed for meanwhile, but the old one as long as it is not sealed."""
    for at in range(1, 1000, steps.get(name, 1)):
        source, target = MemoryStore(), STORES[name](tmp_path / str(at))
        log = open_log(source)
        grow(log)
        failing = Failing(source if role == "source" else target, at, before=before)
        try:
            move(*((failing, target) if role == "source" else (source, failing)))
        except Unavailable:
            if mark_of(target) is not None and mark_of(target) != Mark(_name(source), State.HERE):
                with raises(LOG_SEALED):
                    open_log(target).append([b"more"], b"more")
            if mark_of(source) is not None:
                with raises(LOG_SEALED):
                    log.append([b"more"], b"more")
        assert move(source, target).size == 700
        moved = open_log(target)
        assert audit(moved).root == naive_root(samples(0, 700))
        assert moved.append(samples(0, 1), b"to 1") == range(1)
        if not failing.failed:
            assert at > 8
            return


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "memory" else pytest.mark.slow) for name in STORES]
)
@AT_ANY_CALL
def test_the_same_move_made_by_another_at_any_point(name: str, steps: dict[str, int], tmp_path: Path) -> None:
    """Which also holds the lock, is done with it, and its log goes on: nothing of that is undone."""
    for at in range(1, 1000, steps.get(name, 1)):
        calls, folder, source = itertools.count(1), tmp_path / str(at), MemoryStore()
        grow(open_log(source), [2, 260])
        source.record(Batch(260, b"to 262", samples(260, 262)))  # by a writer that died then

        def interrupt(_: str) -> None:
            if next(calls) == at:  # noqa: B023 -- called before the next round
                move(source, Unlocked(STORES[name](folder)))  # noqa: B023
                grow(open_log(Unlocked(STORES[name](folder))), [263, 264])  # noqa: B023

        try:
            move(source, Unlocked(STORES[name](folder), interrupt))
        except Conflict:  # that came before it had reserved the place
            assert at < 3
        log = open_log(STORES[name](folder))
        assert log.append(samples(260, 262), b"to 262") == range(260, 262)
        assert audit(log).root == naive_root(samples(0, log.checkpoint().size))
        if next(calls) <= at:
            assert at > 10
            return
        assert log.checkpoint().size == 264


def test_a_log_that_was_being_begun_at_the_target_gives_way(make: Callable[[], Store]) -> None:
    """It saw a new store, and signed for nothing once that was reserved."""
    grow(open_log(source := MemoryStore()), [300])

    def interrupt(call: str) -> None:
        if call == "publish" and mark_of(make()) is None:
            reserve_target(make(), "ledger.example/log 00")

    begun = open_log(Unlocked(make(), interrupt))
    assert begun.checkpoint().size == 0
    with raises(LOG_SEALED):
        begun.append([b"entry"], b"key")
    assert move(source, make()).size == 300
    assert begun.append(samples(300, 301), b"to 301") == range(300, 301)
    assert audit(begun).root == naive_root(samples(0, 301))


def test_keys_come_only_to_a_store_where_nothing_was_recorded(make: Callable[[], Store]) -> None:
    log = open_log(make())
    log.append(samples(0, 3), b"to 3")
    settled = make().head()
    with pytest.raises(Overtaken):
        make().settle(Base(5, bytes(32)), lambda: iter([(key_digest(b"to 5"), range(5))]))
    assert make().head() == settled
    assert log.append(samples(0, 3), b"to 3") == range(3)


@pytest.mark.slow
def test_it_is_read_from_other_threads_while_one_writes(make: Callable[[], Store]) -> None:
    """By `get` and `get_many`, and without the lock: as whoever serves a log does."""
    grow(open_log(store := make()), [300])
    whole = store.get_many(["tile/0/000", "tile/entries/000"])
    is_over, seen, ready = threading.Event(), list[set[int]](), threading.Barrier(4)

    def read() -> None:
        sizes = set()
        ready.wait(timeout=60)
        while True:
            last = is_over.is_set()
            sizes.add(Checkpoint.parse(store.get("checkpoint") or b"").size)
            assert store.get_many(["tile/0/999", *whole]) == whole
            assert store.get("tile/0/000") == whole["tile/0/000"]
            if last:
                break
        seen.append(sizes)

    log = open_log(store)
    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    ready.wait(timeout=60)
    with store.lock():  # which no reader waits for
        last = grow(open_log(Unlocked(store)), [301, 302, 303, 600])[-1]
    is_over.set()
    for thread in threads:
        thread.join()
    assert len(seen) == 3, "none has failed"
    assert all(600 in sizes and sizes <= {300, 301, 302, 303, 600} for sizes in seen)
    assert log.checkpoint() == last


def test_the_contract_is_one_that_can_be_kept_in_an_afternoon() -> None:
    assert len([name for name in dir(Store) if not name.startswith("_")]) <= 12


def _name(store: Store) -> str:
    mark = mark_of(store)
    return mark.name if mark else ""


def test_a_store_that_fails_to_settle_says_so(store: Store) -> None:
    """It is not taken for what another writer did."""
    failures = [Damaged("invented")]

    def fail(call: str) -> None:
        if call == "settle" and failures:
            raise failures.pop()

    log = open_log(Unlocked(store, fail))
    with pytest.raises(Damaged, match="invented"):
        grow(log, [1, 2, 3])
    size = log.checkpoint().size
    assert log.append(samples(size - 1, size), b"to %d" % size) == range(size - 1, size)
    assert grow(log, [size + 1, size + 2])[-1] == audit(log)


def test_a_store_that_never_lets_one_win(store: Store) -> None:
    """As one that ignores conditions may do: that ends, and nothing is signed."""

    def overtaken(call: str) -> None:
        if call == "record":
            raise Overtaken("invented")

    log = open_log(Unlocked(store, overtaken))
    with pytest.raises(Overtaken, match="100 times"):
        log.append([b"entry"], b"key")
    assert log.checkpoint().size == 0


def test_a_batch_of_any_size_costs_as_many_calls(store: Store) -> None:
    """Each is a round trip where the store is elsewhere; each tile is read back before anything is signed."""
    calls: list[str] = []
    log = open_log(Unlocked(store, calls.append))
    counts = set()
    for size in (1, 2, 700, 701, 5000):
        start = log.checkpoint().size
        calls.clear()
        log.append(samples(start, size), b"%d" % size)
        counts.add(len([name for name in calls if name != "settle"]))
        assert calls.count("put") == 1
    assert counts == {9}
    calls.clear()
    open_log(Unlocked(store, calls.append))
    assert len(calls) < 20


@pytest.mark.parametrize("name", READ)
def test_a_store_that_was_opened_to_be_read(name: str, tmp_path: Path) -> None:
    """It has everything, its lock is shared, and nothing is written, nor by mistake."""
    log = open_log(STORES[name](tmp_path / "log"))
    grow(log)
    log.append([b"pending"], b"pending")
    before = snapshot(tmp_path)
    store, other = READERS[name](tmp_path / "log"), READERS[name](tmp_path / "log")
    with store.lock(), other.lock():
        assert [batch.key for batch in store.pending(store.head().base.size)][-1:] == [b"pending"]
    writes: list[Callable[[], object]] = [
        lambda: store.record(Batch(701, b"another", [b"entry"])),
        lambda: store.put({"tile/0/000": bytes(8192)}),
        lambda: store.publish(b"note", after=log.checkpoint().note),
        lambda: store.settle(Base(701, log.checkpoint().root)),
    ]
    for write in writes:
        with pytest.raises(Refused):
            write()
    reader = LogReader(ORIGIN, SIGNER.public_key, COSIGNER.public_key, store)
    assert (reader.find(b"to 3"), reader.find(b"pending")) == (range(1, 3), range(700, 701))
    assert audit(reader) == log.checkpoint()
    assert snapshot(tmp_path) == before


def snapshot(folder: Path) -> dict[Path, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".sqlite-shm")
    return {path: path.read_bytes() for path in files}


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

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        found = self._store.get_many(paths)
        return {path: bytes(len(data)) if path == self.path else data for path, data in found.items()}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
