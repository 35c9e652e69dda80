"""Counts the lines that run, for `make test`: `pytest -p tests.measured`, before the product is imported.

In pytest's own processes and their forks, `slipcover` puts a probe into each line: a hundredth of the time.
Coverage traces, which doubled the time of quick tests. So it only traces the processes that tests start, if
these are quick or marked `measured`, and combines all data.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Never

import pytest
from coverage import Coverage, CoverageData
from coverage.exceptions import CoverageException
from slipcover import FileMatcher, ImportManager, Slipcover

_DATA = str(Path(os.environ.get("COVERAGE_FILE", ".coverage")).absolute())
_FOR_PROCESSES = {"COVERAGE_PROCESS_START": str(Path("pyproject.toml").absolute()), "COVERAGE_FILE": _DATA}
_lines = Slipcover(immediate=True)
_exit = os._exit


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Measure the processes that a test starts, unless it is slow and not marked."""
    if item.get_closest_marker("slow") and not item.get_closest_marker("measured"):
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _FOR_PROCESSES.items():
            patch.setenv(name, value)
        return (yield)


def pytest_unconfigure() -> None:
    """Write which lines this process ran, for `coverage combine`."""
    data = CoverageData(_DATA, suffix=True)
    data.add_lines(_lines.newly_seen)
    data.write()


def _begin_fork() -> None:
    _lines.lock = threading.RLock()  # which a thread that the fork lacks may have held
    _lines.signal_child_process()


def _end_fork(status: int) -> Never:
    # A test may have filled the disk, or closed all files: its fork ends as the test has it end, uncounted.
    with contextlib.suppress(OSError, CoverageException):
        pytest_unconfigure()
    _exit(status)


_product = FileMatcher(Coverage().get_option("run:source"))
ImportManager(_lines, _product).__enter__()  # for as long as this process runs
os.register_at_fork(after_in_child=_begin_fork)
os._exit = _end_fork
