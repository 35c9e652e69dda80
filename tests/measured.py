"""Coverage data: of processes that tests start, too, and of few slow tests.

A fork writes its own, and what a kill cut off is removed.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator
from pathlib import Path

import pytest
from coverage import Coverage, CoverageData
from coverage.exceptions import CoverageException


def forget_what_ran_before() -> None:
    """In a fork: what its parent ran is for the parent to write, and took a fork a tenth of a second."""
    measuring = Coverage.current()
    if measuring and measuring._collector:
        for lines in measuring._collector.data.values():
            lines.clear()


os.register_at_fork(after_in_child=forget_what_ran_before)
# At the import: hooks run as they were registered, and of the product's each line counts.


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Measure quick tests, and those marked `measured`: others run the same lines, at twice the time.

    So of other slow tests nothing counts, in processes that they start, either.
    """
    if item.get_closest_marker("slow") is None or item.get_closest_marker("measured"):
        return (yield)
    here, in_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    for_processes = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("COV")}
    try:
        return (yield)
    finally:
        os.environ |= for_processes
        sys.settrace(here)
        threading.settrace(in_threads)


@pytest.hookimpl(wrapper=True, trylast=True)  # within pytest-cov's, which combines what is left
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Remove torn files, of which coverage would warn one by one: such tests are about being cut off."""
    outcome = yield
    if not hasattr(session.config, "workerinput"):  # of pytest-xdist, beside which others are still at work
        remove_torn(Path(os.environ.get("COVERAGE_FILE", ".coverage")))
    return outcome


def remove_torn(data: Path) -> None:
    """Remove incomplete files from those beside `data` that are to be combined into it."""
    for path in data.parent.glob(f"{data.name}.*"):
        try:
            CoverageData(str(path), read_only=True).read()
        except CoverageException:
            path.unlink()
