"""Tests that run in several processes run once each, and what fails in any of them fails the run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.sources import ROOT

pytestmark = pytest.mark.slow

CONFTEST = """
import os
from tests import forks
from tests.forks import pytest_addoption

os.environ["FIRST"] = str(os.getpid())

def pytest_runtestloop(session):
    return forks.run(session, {"test_0.py", "test_1.py"})
"""
FILE = """
import os
import time
from pathlib import Path

import pytest

@pytest.mark.parametrize("number", range(3))
def test_it(number):
    Path(f"{__file__}.{number}.{os.getpid()}").touch()
    (begun := Path(__file__).parent / "begun").mkdir(exist_ok=True)
    (begun / str(os.getpid())).touch()
    until = time.monotonic() + 60
    while len(list(begun.iterdir())) < 3:  # so that each process gets some
        assert time.monotonic() < until
        time.sleep(0.01)
    assert os.environ["FIRST"] == str(os.getpid()) or not FAILS
"""


@pytest.mark.parametrize("fails", [False, True])
def test_each_test_runs_once_and_a_failure_in_a_fork_fails_the_run(tmp_path: Path, fails: bool) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for number in range(6):
        (tmp_path / f"test_{number}.py").write_text(FILE.replace("FAILS", str(fails)))
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # which takes longer than the tests
    ran = subprocess.run(
        [*words, "--forks", "3", str(tmp_path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == fails, ran.stdout + ran.stderr
    runs, processes = Counter[str](), defaultdict[str, set[str]](set)
    for path in tmp_path.glob("test_*.py.*"):
        file, _, run = path.name.partition(".py.")
        runs[file] += 1
        processes[file].add(run.partition(".")[2])
    assert runs == {f"test_{number}": 3 for number in range(6)}
    assert len(set[str]().union(*processes.values())) == 3
    assert len(processes["test_0"] | processes["test_1"]) == 1, "they stand together"
