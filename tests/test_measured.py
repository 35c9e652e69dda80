"""A line counts as covered if a test runs it, a fork of a test, or another process that some tests start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from coverage import CoverageData

from tests.conftest import ROOT

PRODUCT = """
def within():
    return "line 3"
def forked():
    return "line 5"
def spawned():
    return "line 7"
"""

TESTS = """
import multiprocessing, threading
import pytest
import product

def run(within, forked, spawned):
    thread = threading.Thread(target=within)
    thread.start()
    thread.join()
    for method, function in ("fork", forked), ("spawn", spawned):
        process = multiprocessing.get_context(method).Process(target=function)
        process.start()
        process.join()
        assert process.exitcode == 0

def test_it(): run(product.within, product.forked, product.spawned)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("marks", "lines"), [((), {3, 5, 7}), (("slow",), {3, 5}), (("slow", "measured"), {3, 5, 7})]
)
def test_lines_count_in_pytest_and_its_forks_and_in_processes_of_tests_that_are_quick_or_marked(
    tmp_path: Path, marks: tuple[str, ...], lines: set[int]
) -> None:
    (tmp_path / "product").mkdir()
    (product := tmp_path / "product/__init__.py").write_text(PRODUCT)
    decorated = "".join(f"@pytest.mark.{mark}\n" for mark in marks) + "def test_it"
    (tmp_path / "test_it.py").write_text(TESTS.replace("def test_it", decorated))
    (tmp_path / "pyproject.toml").write_text(
        "[tool.pytest.ini_options]\nmarkers = ['slow', 'measured']\n"
        "[tool.coverage.run]\nsource = ['product']\nparallel = true\npatch = ['subprocess', '_exit']\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "tests.measured"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        check=True,
    )
    subprocess.run([sys.executable, "-m", "coverage", "combine", "-q"], cwd=tmp_path, check=True)
    data = CoverageData(str(tmp_path / ".coverage"))
    data.read()
    assert {3, 5, 7} & {*(data.lines(str(product)) or ())} == lines
