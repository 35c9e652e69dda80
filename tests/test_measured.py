"""A line counts as covered if pytest runs it, in any thread, or a fork of a test does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from coverage import CoverageData

from tests.conftest import ROOT

PRODUCT = """
def in_thread():
    return "line 3"
def in_fork():
    return "line 5"
def nowhere():
    return "line 7"
"""

TESTS = """
import multiprocessing, threading
import product

def test_it():
    thread = threading.Thread(target=product.in_thread)
    thread.start()
    thread.join()
    process = multiprocessing.get_context("fork").Process(target=product.in_fork)
    process.start()
    process.join()
    assert process.exitcode == 0
"""


@pytest.mark.slow
def test_lines_count_in_pytest_and_its_forks(tmp_path: Path) -> None:
    (tmp_path / "product").mkdir()
    (product := tmp_path / "product/__init__.py").write_text(PRODUCT)
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pyproject.toml").write_text("[tool.coverage.run]\nsource = ['product']\n")
    path = {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    for words in ("pytest -q -p tests.measured", "coverage combine -q"):
        command = [sys.executable, "-m", *words.split()]
        subprocess.run(command, cwd=tmp_path, env={**os.environ, **path}, check=True)
    data = CoverageData(str(tmp_path / ".coverage"))
    data.read()
    assert {3, 5, 7} & {*(data.lines(str(product)) or ())} == {3, 5}
