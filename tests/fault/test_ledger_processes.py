"""Four processes append at once, each killed at random points: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import itertools
import mmap
import multiprocessing
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger import merkle
from ledger.audit import audit
from ledger.log import Log
from ledger.tiles.journal import Capacity
from ledger.tiles.posix import PosixStore
from ledger.tiles.store import Store
from tests import postgres_server, s3_server
from tests.fault.kill import Reached, Work, killed_by
from tests.ledger_samples import open_log
from tests.processes import ended

pytestmark = pytest.mark.slow

Open = Callable[[Path], Store]
LANES = 4  # processes at once
TURN = 5  # batches that one appends before it is started anew, if nobody kills it
STEPS = ("record", "put", "publish", "settle")
WHERE = tuple(f"{when} {step}" for step in STEPS for when in ("in", "after"))


def posix(folder: Path) -> Store:
    return PosixStore(folder, capacity=Capacity(batches=3))


def postgres(folder: Path) -> Store:
    from ledger.tiles.postgres.store import PostgresStore

    server = postgres_server.server()
    return PostgresStore(server.uri(server.of(folder), "appender"), capacity=Capacity(batches=3))


ENGINES = [
    pytest.param(posix, id="posix"),
    pytest.param(postgres, id="postgres", marks=postgres_server.needed),
]


class Watched:
    """A store that says to another process at which step it is; `begun` is told the first."""

    def __init__(self, store: Store, step: mmap.mmap, begun: Callable[[], object]) -> None:
        self._store, self._step, self._begun = store, step, begun

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in STEPS:
            return found

        def called(*arguments: Any, **options: Any) -> Any:
            self._step[0] = WHERE.index(f"in {name}")
            if name == STEPS[0]:
                self._begun()
            result = found(*arguments, **options)
            self._step[0] += 1
            return result

        return called


class Lane:
    """One of the processes: it appends batch after batch, and writes down what is acknowledged and seen."""

    def __init__(self, make: Open, folder: Path, name: int) -> None:
        self._make, self._folder, self._name = make, folder, name
        self._step, self._reached = mmap.mmap(-1, 1), Reached()
        self._notes = folder.with_name(f"lane {name}")
        self._notes.touch()

    def batch(self, number: int) -> tuple[list[bytes], bytes]:
        key = b"%d/%d" % (self._name, number)
        return [b"%b/%d" % (key, entry) for entry in range(1 + number * 37 % 90)], key

    def acknowledged(self) -> list[tuple[int, int, int]]:
        """Each batch's number, and the indices that it was told to have."""
        return [_three(words) for kind, *words in self._lines() if kind == "acknowledged"]

    def heads(self) -> set[tuple[int, bytes]]:
        seen = [words for kind, *words in self._lines() if kind == "head"]
        return {(int(size), bytes.fromhex(root)) for size, root in seen}

    def kills(self) -> Counter[str]:
        return Counter(WHERE[int(words[0])] for kind, *words in self._lines() if kind == "killed")

    def _lines(self) -> list[list[str]]:
        return [line.split() for line in self._notes.read_text().splitlines()]

    def _note(self, *words: object) -> None:
        descriptor = os.open(self._notes, os.O_WRONLY | os.O_APPEND)
        os.write(descriptor, (" ".join(map(str, words)) + "\n").encode())
        os.close(descriptor)

    def work(self, at: int = 0) -> None:
        """Appends some batches; killed at an event, counted from the first batch that is recorded on."""
        counted = itertools.count(1)

        def count(*_: object) -> None:
            number = next(counted)
            if number == at:
                os.kill(os.getpid(), signal.SIGKILL)
            if not at:
                self._reached.reach(number)

        def begin() -> None:
            if sys.getprofile() is not count:
                sys.setprofile(count)

        log = open_log(Watched(self._make(self._folder), self._step, begin))
        self._see(log)
        first = len(self.acknowledged())
        for number in range(first, first + TURN):
            indices = log.append(*self.batch(number))
            self._note("acknowledged", number, indices.start, indices.stop)
            self._see(log)

    def events(self) -> int:
        """How many points there are at which the work can be killed."""
        assert not killed_by(self.work)
        return self._reached.value

    def _see(self, log: Log) -> None:
        checkpoint = log.checkpoint()
        self._note("head", checkpoint.size, checkpoint.root.hex())

    def run(self, kills: int, total: int) -> None:
        """Works until it was killed so many times, each time at another point."""
        points = random.Random(self._name)
        while kills:
            if killed_by(partial(self.work, points.randint(1, total))):
                self._note("killed", self._step[0])
                kills -= 1


def _three(words: list[str]) -> tuple[int, int, int]:
    number, start, stop = map(int, words)
    return number, start, stop


def kill_four(
    make: Open, folder: Path, kills: int, first: Callable[[Work], object] = lambda work: work()
) -> str:
    lanes = [Lane(make, folder / "log", name) for name in range(LANES)]
    make(folder / "log")
    first(lanes[0].work)  # which imports what its forks then need not import
    sys.setprofile(None)
    total = lanes[0].events()
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=lane.run, args=(kills // LANES, total)) for lane in lanes]
    for process in processes:
        process.start()
    ended(processes, within=3600)  # on a machine that is busy
    log = open_log(make(folder / "log"))
    checkpoint = audit(log)
    entries = Counter(log.entries(0, checkpoint.size))
    assert set(entries.values()) == {1}, "none is there twice"
    asked = 0
    for lane in lanes:
        numbers = lane.acknowledged()
        assert [number for number, _, _ in numbers] == [*range(len(numbers))]
        for number, start, stop in numbers:
            batch, key = lane.batch(number)
            assert list(log.entries(start, stop)) == batch, "what was acknowledged is where it was said to be"
            assert log.append(batch, key) == range(start, stop)
            asked += stop - start
    assert log.checkpoint() == checkpoint, "nothing was appended anew"
    heads = set[tuple[int, bytes]]().union(*(lane.heads() for lane in lanes))
    assert len({size for size, _ in heads}) == len(heads), "never two roots of one size"
    for size, root in heads:
        proof = log.consistency(size, checkpoint.size)
        merkle.verify_consistency(size, root, checkpoint.size, checkpoint.root, proof)
    found = sum((lane.kills() for lane in lanes), Counter[str]())
    steps = ", ".join(f"{found[step]} {step}" for step in WHERE)
    batches = sum(len(lane.acknowledged()) for lane in lanes)
    return (
        f"{found.total()} kills ({steps}); {batches} batches of {asked} entries acknowledged, log of "
        f"{checkpoint.size}, {len(heads)} heads seen: none lost, none twice, one root a size"
    )


# For the forks, which inherit it: Python 3.12 warns of threads.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", ENGINES)
def test_four_processes_are_killed(make: Open, tmp_path: Path) -> None:
    kill_four(make, tmp_path, 8)


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", ENGINES)
def test_four_processes_are_killed_a_thousand_times(
    make: Open, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    told = kill_four(make, tmp_path, 1000)
    with capsys.disabled():
        print(f"\n{request.node.callspec.id}: {told}")


def bucket(folder: Path) -> Store:
    from ledger.tiles.s3.store import S3Store

    return S3Store(s3_server.server().of(folder), capacity=Capacity(batches=3))


def _in_buckets(folder: Path, kills: int) -> None:
    print(f"s3: {kill_four(bucket, folder, kills, killed_by)}")


def _in_new_process(folder: Path, kills: int) -> None:
    """Who has used a bucket cannot be forked any more."""
    s3_server.server()
    process = multiprocessing.get_context("spawn").Process(target=_in_buckets, args=(folder, kills))
    process.start()
    ended([process], within=7200)


@s3_server.needed
def test_four_processes_are_killed_in_a_bucket(tmp_path: Path) -> None:
    _in_new_process(tmp_path, 4)


@pytest.mark.soak
@s3_server.needed
def test_four_processes_are_killed_a_thousand_times_in_a_bucket(tmp_path: Path) -> None:
    _in_new_process(tmp_path, 1000)
