"""What killed processes leave of their coverage data is no reason to warn."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from coverage import Coverage, CoverageData
from coverage.exceptions import CoverageException

from tests.conftest import ROOT
from tests.measured import remove_torn

PROGRAM = """
import multiprocessing, os
from tests import measured

def before():
    return "line 6"
def begun():
    return "line 8"
def forked():
    return "line 10"
def spawned():
    return "line 12"

if __name__ == "__main__":
    before()
    os.register_at_fork(after_in_child=begun)
    for method, target in ("fork", forked), ("spawn", spawned):
        process = multiprocessing.get_context(method).Process(target=target)
        process.start()
        process.join()
"""


def test_only_whole_data_is_left_to_be_combined(tmp_path: Path) -> None:
    """A warning would fail this test, as any does."""
    for name in ("whole", "torn"):
        data = CoverageData(str(tmp_path / f".coverage.{name}"))
        data.add_lines({"a.py": list(range(1, 1000))})
        data.close()
    torn = tmp_path / ".coverage.torn"
    (tmp_path / ".coverage.half").write_bytes(torn.read_bytes()[: torn.stat().st_size // 2])
    torn.write_bytes(b"")
    remove_torn(tmp_path / ".coverage")
    assert [path.name for path in tmp_path.iterdir()] == [".coverage.whole"]
    measured = Coverage(data_file=tmp_path / ".coverage", config_file=False)
    measured.combine()
    assert measured.get_data().measured_files() == {"a.py"}


@pytest.mark.slow
def test_each_process_that_a_test_starts_is_measured_and_a_fork_writes_what_it_ran(tmp_path: Path) -> None:
    (program := tmp_path / "program.py").write_text(PROGRAM)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    options = (f"--rcfile={ROOT / 'pyproject.toml'}", "--source=.")
    subprocess.run(
        [sys.executable, "-m", "coverage", "run", *options, program],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    found = set[frozenset[int]]()
    for path in tmp_path.glob(".coverage.*"):
        data = CoverageData(str(path), read_only=True)
        # The resource tracker of multiprocessing outlives the program, so that its file may not be whole yet.
        with contextlib.suppress(CoverageException):
            data.read()
            found.add(frozenset({6, 8, 10, 12} & {*(data.lines(str(program.resolve())) or ())}))
    assert found - {frozenset()} == {frozenset({6}), frozenset({8, 10}), frozenset({12})}


MARKED = """
import os, threading
import pytest

def slow():
    return "line 6"
def in_its_thread():
    return "line 8"
def slow_and_measured():
    return "line 10"
def quick():
    return "line 12"
def in_a_thread():
    return "line 14"

def run(*functions):
    here, there = functions
    here()
    thread = threading.Thread(target=there)
    thread.start()
    thread.join()

@pytest.mark.slow
def test_slow():
    assert "COVERAGE_FILE" not in os.environ
    run(slow, in_its_thread)

@pytest.mark.slow
@pytest.mark.measured
def test_slow_and_measured():
    slow_and_measured()

def test_quick():
    assert "COVERAGE_FILE" in os.environ
    run(quick, in_a_thread)
"""


@pytest.mark.slow
def test_slow_tests_are_measured_only_if_they_are_marked(tmp_path: Path) -> None:
    """Their processes find no setting of coverage in their environment; tests after them do."""
    (test := tmp_path / "test_three.py").write_text(MARKED)
    (tmp_path / "conftest.py").write_text("from tests.measured import pytest_runtest_call")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n slow\n measured")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    options = ("--cov=.", "--cov-report=", "--rootdir=.", "--import-mode=importlib")
    measured = tmp_path / ".coverage"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, test],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT), "COVERAGE_FILE": str(measured)},
        check=True,
    )
    data = CoverageData(str(measured))
    data.read()
    assert {6, 8, 10, 12, 14} & {*(data.lines(str(test.resolve())) or ())} == {10, 12, 14}
