"""No comparison that binds is lost unnoticed: each one deleted, each one inverted, and a test that fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.bindings import BINDINGS
from tests.mutation.source import Source
from tests.mutation.workshop import ROOT


def test_each_is_where_the_list_says() -> None:
    sources = {file: Source(file, (ROOT / file).read_text()) for file in {each.file for each in BINDINGS}}
    for binding in BINDINGS:
        source = sources[binding.file]
        assert list(binding.edits(source)), binding
        for test in binding.tests:
            assert (ROOT / test.partition("::")[0]).is_file(), test
        assert binding.tests, binding
    assert len({(each.file, each.function, each.expression) for each in BINDINGS}) == len(BINDINGS)


def test_one_that_is_gone_is_an_error() -> None:
    source = Source("x.py", "def f(a, b):\n    if a != b and a < b:\n        raise ValueError\n")
    gone = BINDINGS[0]._replace(file="x.py", function="f", expression="a == b")
    with pytest.raises(LookupError):
        list(gone.edits(source))
    with pytest.raises(LookupError):
        list(gone._replace(function="g").edits(source))
    with pytest.raises(LookupError, match="2 times"):
        list(gone._replace(expression="a").edits(Source("x.py", "def f(a):\n    return a, a\n")))
    deleted, inverted = gone._replace(expression="a != b", gone="False").edits(source)
    assert deleted[1].text == "False"
    assert inverted[1].text == "(not (a != b))"


@pytest.mark.slow
@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.soak)])
def test_each_deleted_fails_the_test_that_is_named_for_it(every: int, tmp_path: Path) -> None:
    """Each fourth; CI tries all."""
    _break_all(tmp_path, "--deleted", every=every)


@pytest.mark.soak  # an inverted one refuses what is good: that fails far more tests than the one named
def test_each_deleted_or_inverted_fails_the_test_that_is_named_for_it(tmp_path: Path) -> None:
    _break_all(tmp_path)


def _break_all(folder: Path, *options: str, every: int = 1) -> None:
    command = [sys.executable, "-m", "tests.mutation", "bindings", "--folder", str(folder), *options]
    command += ["--every", str(every)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1500)
    assert done.returncode in (0, 1), done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result for result in results if not result["as_expected"]] == []
    assert {(result["file"], result["expression"]) for result in results if result["how"] != "control"} == {
        (binding.file, binding.expression) for binding in BINDINGS[::every]
    }
