"""Worker processes: order, errors, and an end when the parent ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from select import select

import pytest

from tests.conftest import ROOT
from tests.problems import raises
from wire import workers
from wire.problem import Refused, Unavailable
from wire.workers import FORKS, WORKER_DIED, Allowance, Pool, Tell, Told, available_cores, each_told


def multiply(work: int, item: int, _tell: Tell) -> tuple[int, int]:
    if item == 13:
        raise Refused("not thirteen", hint="take twelve")
    if item == 14:
        raise OSError(28, "No space left on device")
    if item == 15:
        os.kill(os.getpid(), signal.SIGKILL)
    if item == 12:
        time.sleep(60)
    if item == 11:
        bytearray(1 << 32)
    return work * item, os.getpid()


@pytest.mark.quick("0-False", "3-True")
@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("processes", [0, 1, 3])
def test_results_come_in_the_order_of_the_items(processes: int, small: bool) -> None:
    with Pool(7, processes) as pool:
        for items in ([], [1], list(range(16, 400)), [2, 3]):
            results = pool.map(multiply, items, small=small)
            assert [result for result, _ in results] == [7 * item for item in items]
        pids = {pid for _, pid in pool.map(multiply, range(16, 200), small=small)}
    assert (os.getpid() in pids) == (processes == 0)
    assert len(pids) == max(processes, 1)


@pytest.mark.quick("False")
@pytest.mark.parametrize("small", [False, True])
def test_the_parent_does_not_run_far_ahead_of_what_is_taken(small: bool) -> None:
    given = []

    def items() -> Iterator[int]:
        for item in range(16, 1000):
            given.append(item)
            yield item

    with Pool(1, 2) as pool:
        results = pool.map(multiply, items(), small=small)
        for taken in range(1, 50):
            next(results)
            assert len(given) <= taken + workers._AHEAD * 2


def test_a_worker_that_died_before_it_is_given_more_is_told_as_well() -> None:
    with Pool(1, 1) as pool:

        def items() -> Iterator[int]:
            yield from (16, 15)
            next(iter(pool._processes.values())).join()
            yield 17

        with raises(WORKER_DIED):
            list(pool.map(multiply, items()))


@pytest.mark.parametrize("processes", [0, 2])
def test_a_problem_in_a_worker_is_raised_with_its_hint(processes: int) -> None:
    with Pool(1, processes) as pool, pytest.raises(Refused) as raised:
        list(pool.map(multiply, [16, 13, 17]))
    assert (raised.value.detail, raised.value.hint) == ("not thirteen", "take twelve")


def test_a_full_disk_in_a_worker_is_a_problem() -> None:
    with Pool(1, 1) as pool, pytest.raises(Unavailable, match="No space left") as raised:
        list(pool.map(multiply, [14]))
    assert raised.value.title == "The disk is full"


@pytest.mark.quick("False")
@pytest.mark.parametrize("small", [False, True])
def test_a_worker_that_is_killed_is_an_error_and_no_wait(small: bool) -> None:
    with Pool(1, 2) as pool, raises(WORKER_DIED):
        list(pool.map(multiply, [16, 17, 15, 18], small=small))


def begin(work: int, item: int, _tell: Tell) -> int:
    os.write(work, bytes([item]))
    return item


@pytest.mark.skipif(not FORKS, reason="no pipe that is sure to hold an item: only on Linux")
def test_a_worker_has_its_next_small_item_before_its_result_is_asked_for() -> None:
    begun, work = os.pipe()
    with os.fdopen(begun, "rb", buffering=0) as items, Pool(work, 1) as pool:
        os.close(work)
        results = pool.map(begin, range(9), small=True)
        assert next(results) == 0
        for item in range(3):  # at the third nobody has asked for the second
            assert select([items], [], [], 60)[0], "the worker waits for its parent"
            assert items.read(1) == bytes([item])
        assert not select([items], [], [], 0.1)[0]
        assert [*results] == [*range(1, 9)]


def count(_work: int, item: int, tell: Tell) -> int:
    return len(list(each_told(range(item), tell)))


@pytest.mark.quick("0.0-reports0-0", "3600.0-reports1-2")
@pytest.mark.parametrize("processes", [0, 2])
@pytest.mark.parametrize(
    ("seconds", "reports"), [(0.0, [Told(0, done) for done in range(1, 7)]), (3600.0, [])]
)
def test_what_is_done_of_an_item_is_told_before_its_result(
    monkeypatch: pytest.MonkeyPatch, processes: int, seconds: float, reports: list[Told]
) -> None:
    """Not more often than every so many seconds; workers have the time of their parent."""
    monkeypatch.setattr(workers, "TOLD", seconds)
    told: list[Told] = []
    with Pool(1, processes) as pool:
        assert list(pool.map(count, [6, 0], told.append)) == [6, 0]
    assert told == reports


@pytest.mark.slow
@pytest.mark.parametrize(
    "hostile",
    [
        15,
        12,
        pytest.param(
            11, marks=pytest.mark.skipif(sys.platform != "linux", reason="no limit of memory: only on Linux")
        ),
    ],
    ids=["killed", "too long", "too much memory"],
)
def test_an_item_that_takes_its_worker_costs_itself_alone(hostile: int) -> None:
    seconds = 1.0 if hostile == 12 else 60.0  # a busy machine keeps the others waiting
    with Pool(1, 2, Allowance(seconds, 1 << 30)) as pool:
        items = [16, 17, hostile, 18, 19, hostile, hostile, *range(20, 60)]
        found = list(pool.map(multiply, items, lost=lambda item: (-item, 0)))
        assert [result for result, _ in found] == [-item if item == hostile else item for item in items]
        assert len(pool._processes) == 2


def test_a_worker_that_dies_between_two_items_is_replaced_where_items_may_be_lost() -> None:
    with Pool(1, 1) as pool:

        def items() -> Iterator[int]:
            yield 16
            (process,) = pool._processes.values()
            process.kill()
            process.join()
            yield 17

        found = list(pool.map(multiply, items(), lost=lambda item: (-item, 0)))
        assert [result for result, _ in found] == [16, 17]
        with raises(WORKER_DIED):
            list(pool.map(multiply, items()))


@pytest.mark.slow
def test_who_wants_no_more_waits_for_no_item() -> None:
    begun = time.monotonic()
    with Pool(1, 1, Allowance(60, 1 << 30)) as pool:
        results = pool.map(multiply, [16, 12])
        next(results)
    assert time.monotonic() - begun < 30


PARENT = """
import os, signal, sys
from wire.workers import Pool

def work(fd, item, _tell):
    os.write(1, b"%d\\n" % os.getpid())
    return item

with Pool(None, 3) as pool:
    list(pool.map(work, range(30)))
    print("ready", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_workers_end_when_their_parent_is_killed() -> None:
    # The pipe ends when the last process that holds it does: a worker that stayed would hang this test.
    run = subprocess.run(
        [sys.executable, "-c", PARENT], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert run.returncode == -signal.SIGKILL
    assert b"ready" in run.stdout
    pids = {int(line) for line in run.stdout.split() if line.isdigit()}
    assert len(pids) == 3
    for pid in pids:
        assert not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes()


LARGE = """
import sys
from wire.workers import Pool

def work(_, item, _tell):
    return bytes(2_000_000)

with Pool(None, 2) as pool:
    items, is_small = [bytes(int(sys.argv[1]))] * 8, sys.argv[2:] == ["small"]
    assert [len(result) for result in pool.map(work, items, small=is_small)] == [2_000_000] * 8
"""


@pytest.mark.quick("words0")
@pytest.mark.parametrize("words", [["300000"], ["64000", "small"]])
def test_items_and_results_larger_than_a_pipe_do_not_block_each_other(words: list[str]) -> None:
    """Nor do results and the largest items that count as small, of which each worker has two."""
    subprocess.run([sys.executable, "-c", LARGE, *words], cwd=ROOT, timeout=20, check=True)


def test_the_number_of_cores_is_that_of_this_process() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
