"""Coverage data of processes that a test killed while they were writing it: nobody can read it."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from coverage import CoverageData
from coverage.exceptions import CoverageException


@pytest.hookimpl(wrapper=True, trylast=True)  # within pytest-cov's, which combines what is left
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Remove torn files, of which coverage would warn one by one: such tests are about being cut off."""
    outcome = yield
    if not hasattr(session.config, "workerinput"):  # of pytest-xdist, beside which others are still at work
        remove_torn(Path(os.environ.get("COVERAGE_FILE", ".coverage")))
    return outcome


def remove_torn(data: Path) -> None:
    """Remove those of the files beside `data`, to be combined into it, that are not whole."""
    for path in data.parent.glob(f"{data.name}.*"):
        try:
            CoverageData(str(path), read_only=True).read()
        except CoverageException:
            path.unlink()
