"""Counts the lines that run, for `make test`: `pytest -p tests.measured`, before the product is imported.

`slipcover` puts a probe into each line of pytest's processes and their forks, for a hundredth of the time.
Programs that tests start do not count: to trace them took a tenth of the whole run, and showed three lines.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Never

from coverage import Coverage, CoverageData
from coverage.exceptions import CoverageException
from slipcover import FileMatcher, ImportManager, Slipcover

_DATA = str(Path(os.environ.get("COVERAGE_FILE", ".coverage")).absolute())
_lines = Slipcover(immediate=True)
_exit = os._exit


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
