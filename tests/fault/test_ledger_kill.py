"""SIGKILL at any point of appending to a log, twice: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ledger import Checkpoint
from ledger.audit import audit
from ledger.tiles.journal import Capacity
from ledger.tiles.posix import PosixStore
from ledger.tiles.store import Base, Batch, Keys, Store
from tests import postgres_server, s3_server
from tests.fault.kill import Reached, Work, a_sample, kill_everywhere, killed_by
from tests.ledger_samples import naive_root, open_log, samples
from tests.processes import ended
from wire.problem import Problem, Unavailable

pytestmark = pytest.mark.slow  # hundreds of processes: for `make test`

SIZES = [2, 5, 260, 261, 300, 513, 514]
ROOT = naive_root(samples(0, SIZES[-1]))
Open = Callable[[Path], Store]
CAPACITY = Capacity(batches=2)


def _append_all(store: Store, acknowledge: Callable[[int], None] = lambda size: None) -> None:
    log = open_log(store)
    for old, new in itertools.pairwise([0, *SIZES]):
        assert log.append(samples(old, new), b"to %d" % new) == range(old, new)
        acknowledge(new)


def _plan(folder: Path, make: Open, reopen: Open) -> Callable[[], tuple[Work, Work]]:
    numbers = itertools.count()

    def prepare() -> tuple[Work, Work]:
        where = folder / str(next(numbers))
        reopen(where)  # where that has to be made, it is there by now
        acknowledged = Reached()

        def work() -> None:
            _append_all(make(where), acknowledged.reach)

        def check() -> None:
            note = reopen(where).get("checkpoint")
            log = open_log(reopen(where))
            size = log.checkpoint().size
            assert size in [0, *SIZES]
            assert size >= acknowledged.value
            if note is not None:  # no two roots for one size
                log.require_continues(Checkpoint.parse(note))
            assert audit(log).size == size
            _append_all(reopen(where))  # as the caller does who knows of no answer
            assert audit(log).root == ROOT

        return work, check

    return prepare


def _folder(where: Path) -> Store:
    return PosixStore(where, capacity=CAPACITY)


def _database(where: Path) -> Store:
    from ledger.tiles.postgres.store import PostgresStore

    gc.collect()  # logs of before, and their connections with them
    server = postgres_server.server()
    return PostgresStore(server.uri(server.of(where), "appender"), capacity=CAPACITY)


def _bucket(where: Path) -> Store:
    from ledger.tiles.s3.store import S3Store

    return S3Store(s3_server.server().of(where), capacity=CAPACITY)


def _again(work: Work) -> object:
    """As the caller does where a store is away for long: its masters may elect another one."""
    for _ in range(5):
        try:
            return work()
        except Unavailable as problem:
            print(problem.detail)
    return work()


def _kill_in_buckets(folder: Path, points: int) -> None:
    """All of it in forks, the checks, too: who has used a bucket cannot be forked any more."""
    s3_server.server()
    plan = _plan(folder, _bucket, _bucket)

    def prepare() -> tuple[Work, Work]:
        work, check = plan()
        return partial(_again, work), lambda: killed_by(partial(_again, check))

    assert kill_everywhere(prepare, points=points) == points


def _in_new_process(points: int, folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_kill_in_buckets, args=(folder, points))
    process.start()
    ended([process], within=3600)


@a_sample(12, 1000)
def test_a_kill_at_any_point_loses_nothing(tmp_path: Path, points: int) -> None:
    assert kill_everywhere(_plan(tmp_path, _folder, _folder), points=points) == points


@a_sample(2, 1000)
@postgres_server.needed
def test_a_kill_at_any_point_loses_nothing_in_a_database(tmp_path: Path, points: int) -> None:
    assert kill_everywhere(_plan(tmp_path, _database, _database), points=points) == points


@a_sample(2, 1000)
@s3_server.needed
def test_a_kill_at_any_point_loses_nothing_in_a_bucket(tmp_path: Path, points: int) -> None:
    s3_server.server()
    _in_new_process(points, tmp_path)


class JournalLast(PosixStore):
    """A planted fault: tiles and checkpoint first, the journal after them."""

    _held: tuple[Batch, ...] = ()

    def record(self, *batches: Batch) -> bool:
        self._held = batches
        return self._journal.full

    def publish(self, note: bytes, *, after: bytes | None) -> None:
        super().publish(note, after=after)
        if self._held:
            super().record(*self._held)
            self._held = ()


class KeysLast(PosixStore):
    """A planted fault: the journal is cut, and only then are its keys kept."""

    def settle(self, base: Base, keys: Callable[[], Keys] | None = None) -> None:
        before, recorded = self._journal.base.size, self._journal.keys
        self._journal.replace(base)
        self._keys.add(before, base.size, recorded)


@pytest.mark.parametrize("make", [JournalLast, pytest.param(KeysLast, marks=pytest.mark.soak)])
def test_planted_faults_are_found(make: type[PosixStore], tmp_path: Path) -> None:
    with pytest.raises((AssertionError, Problem)):
        kill_everywhere(_plan(tmp_path, lambda where: make(where, capacity=CAPACITY), _folder), points=200)
