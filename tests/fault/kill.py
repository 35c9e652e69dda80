"""Kills a piece of work at any point of its run, as SIGKILL would, and lets a test inspect the rest.

The work runs in forks of a process that has imported everything, so that hundreds of runs take seconds. A
point is an event of the interpreter (a call or a return, of Python or C): it is counted, not timed, so that
a seed always gives the same points.
"""

from __future__ import annotations

import fcntl
import io
import mmap
import os
import random
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest

Work = Callable[[], object]
IsPoint = Callable[[str, Any], bool]

_OS = getattr(os.fsync, "__self__", None)
_SYSTEM_CALLS = frozenset(
    {
        *("open", "write", "pwrite", "fsync", "fdatasync", "ftruncate", "fchmod"),
        *("rename", "replace", "unlink", "mkdir", "rmdir"),
    }
)
"""Functions of `os` that change files and their names."""


def a_sample(points: int, whole: int = 200) -> pytest.MarkDecorator:
    """So many `points` in `make test`, and in `make soak` those that go on from there."""
    return pytest.mark.parametrize("points", [points, pytest.param(whole, marks=pytest.mark.soak)])


class Reached:
    """The highest number that any fork has reached: the amount acknowledged before the end."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 8)

    @property
    def value(self) -> int:
        return int.from_bytes(self._shared[:8], "little")

    def reach(self, value: int) -> None:
        self._shared[:8] = max(value, self.value).to_bytes(8, "little")


def events(work: Work, is_point: IsPoint | None = None) -> int:
    """The number of points at which the work can be killed."""
    counted = Reached()
    try:
        _fork(partial(_run_to, work, 0, is_point, counted))
    except AssertionError as error:
        raise WorkFailed(*error.args) from error
    return counted.value


def killed(work: Work, at: int, is_point: IsPoint | None = None) -> bool:
    """Run the work in a fork that is killed, its own forks too, at an event; False if it ended before."""
    return _fork(partial(_run_to, work, at, is_point))


def killed_by(work: Work) -> bool:
    """Run the work in a fork, which it may kill itself; False if it ran to its end."""
    return _fork(work)


class WorkFailed(Exception):
    """The work fails even without a kill, so a test of kills says nothing."""


def kill_everywhere(prepare: Callable[[], tuple[Work, Work]], *, points: int, seed: int = 1) -> int:
    """Until it was killed `points` times: prepare, kill the work at a random point, at another, and check.

    Each time in a new place, `prepare` gives the work, and a check of the state afterwards that raises if it
    is wrong. Returns the number of times that it was killed before its end.
    """
    random_points = random.Random(seed)
    for _ in range(2):  # the first check loads modules here, which later forks then need not load
        work, check = prepare()
        total = events(work)
        check()
    found = tried = 0
    while found < points:
        tried += 1
        assert tried < 3 * points, "the work ends long before the points at which it is to be killed"
        work, check = prepare()
        found += killed(work, random_points.randint(1, total))
        killed(work, random_points.randint(1, total))
        check()
    return found


def kill_at_each_step(prepare: Callable[[], tuple[Work, Work]], *, most: int = sys.maxsize) -> int:
    """As `kill_everywhere`, but once before each system call that writes, or `most` of them: how often."""
    for _ in range(2):  # the first run may write what modules are compiled to
        work, check = prepare()
        total = events(work, _writes)
        check()
    points = range(1, total + 1, -(-total // most))
    for at in points:
        work, check = prepare()
        assert killed(work, at, _writes), f"the work ends before step {at} of {total}"
        check()
    return len(points)


def _writes(event: str, function: Any) -> bool:
    """True if a system call begins that changes files; calls of SQLite and other C code are not seen."""
    if event != "c_call":
        return False
    owner, name = getattr(function, "__self__", None), function.__name__
    if owner is fcntl:  # by which macOS syncs
        return bool(name == "fcntl")
    return (name in _SYSTEM_CALLS and owner is _OS) or (name == "write" and isinstance(owner, io.IOBase))


def _fork(work: Work) -> bool:
    with (
        warnings.catch_warnings()
    ):  # Python 3.12 warns of threads, such as pytest-xdist's, which the fork lacks
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _run(work)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the work failed by itself; its traceback is above"
    return False


def _run(work: Work) -> None:
    status = 1
    try:
        os.setpgid(0, 0)
        work()
        status = 0
    finally:
        if status:
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(status)


def _run_to(work: Work, at: int, is_point: IsPoint | None, counted: Reached | None = None) -> None:
    """Do the work and count its points, up to the one numbered `at`, which kills.

    There are tens of thousands, and to count one costs more than what happens there: so the interpreter calls
    one function, which does it all.
    """
    number = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal number
        if is_point is None or is_point(event, argument):
            number += 1
            if number == at:
                os.killpg(0, signal.SIGKILL)

    if at:  # coverage, which doubles the time, would lose with the process what it measured
        sys.settrace(None)
        threading.settrace(None)
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    if counted:
        counted.reach(number)
