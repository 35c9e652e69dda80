"""Measures work without a clock: the result is the same on every machine, however busy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType


class _EnoughError(Exception):
    pass


def calls(work: Callable[[], object], most: int = 1 << 30) -> int:
    """The number of functions that `work` calls, of Python or C; stops beyond `most`.

    Probes of `tests.measured` do not count.
    """
    counted = 0

    def count(_frame: FrameType, event: str, argument: object) -> None:
        nonlocal counted
        is_probe = getattr(argument, "__module__", None) == "slipcover.probe"
        counted += event == "call" or (event == "c_call" and not is_probe)
        if counted > most:
            sys.setprofile(None)
            raise _EnoughError

    sys.setprofile(count)
    try:
        work()
    except _EnoughError:
        pass
    finally:
        sys.setprofile(None)
    return counted
