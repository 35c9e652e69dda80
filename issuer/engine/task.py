"""What a worker of a cluster does with a task: it calls a function that its own settings allow."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from importlib.metadata import version

from .answer import MOST_BYTES, answered, of_problem
from .problem import FUNCTION_NOT_ALLOWED, WORKER_RELEASE

_ONE = threading.Lock()
_allowed: Collection[str] = ()
_since: float | None = None  # when the task in hand began, by the monotonic clock


def allow(functions: Collection[str]) -> None:
    """Allows this process to call the functions of these names, `module:callable`, and no others."""
    global _allowed
    _allowed = functions


def seconds() -> float:
    """The time that this process has been at the task in hand; 0 while it has none."""
    return 0.0 if (since := _since) is None else time.monotonic() - since


def call(release: str, function: str, item: bytes) -> bytes:
    """The answer to a task of a driver of that release: `answered`, or the problem that prevents it."""
    if release != (ours := version("intaglio")):  # another release may sign other bytes for the same row
        return of_problem(
            WORKER_RELEASE.saying(
                "a worker has release {ours}, and the driver {theirs}", ours=ours, theirs=release
            )
        )
    # A task names what it wants called: without this list it could name anything that is installed.
    if function not in _allowed:
        return of_problem(
            FUNCTION_NOT_ALLOWED.saying("a worker's settings do not allow {function}", function=function)
        )
    global _since
    with _ONE:  # a task of before the scheduler vanished may still run: a press is for one thread
        _since = time.monotonic()
        try:
            return answered(function, item)[: MOST_BYTES + 1]
        finally:
            _since = None
