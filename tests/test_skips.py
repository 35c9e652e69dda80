"""Tests that are skipped say why and what to install, once a kind, and can be run alone afterwards."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

SKIPPING = """
import os
import pytest

needed = pytest.mark.skipif("FILLED" not in os.environ, reason="no ink: buy ink")

@needed
@pytest.mark.parametrize("letter", ["a", "b c", "d::e"])
def test_letter(letter): ...

@pytest.fixture
def paper():
    if "FILLED" not in os.environ:
        pytest.skip("no paper: buy paper")

def test_page(paper): ...
def test_nothing(): ...
"""
ABSENT = """
import pytest

pytest.importorskip("no_such_module", reason="no such module: write it")
"""


def run(folder: Path, *words: str, **environment: str) -> list[str]:
    """The lines that pytest prints, in two processes."""
    plugins = ("-p", "xdist", "-p", "tests.skips", "-n", "2")
    command = [sys.executable, "-m", "pytest", "-q", "-c", "pytest.ini", *plugins, *words]
    settings = {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment}
    done = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.slow
def test_each_reason_is_printed_once_and_what_was_skipped_runs_alone(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "test_skipping.py").write_text(SKIPPING)
    (tmp_path / "test_absent.py").write_text(ABSENT)
    lines = run(tmp_path, "--list-skipped", "skipped")
    assert lines[-4:-1] == [
        "    3  no ink: buy ink",
        "    1  no paper: buy paper",
        "    1  no such module: write it",
    ]
    assert lines[-1].startswith("1 passed, 5 skipped")
    (tmp_path / "test_absent.py").write_text("def test_present(): ...")
    again = run(tmp_path, "@skipped", FILLED="1")
    assert again[-1].startswith("5 passed")
    assert not [line for line in again if "skipped" in line]


def reasons() -> Iterator[tuple[str, str]]:
    """Where a test of ours skips, and the words that it gives as its reason."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if "node_modules" in path.parts:
            continue
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if "skip" in text else ():
            if isinstance(node, ast.Call) and _name(node.func) in SKIPS:
                named = [word.value for word in node.keywords if word.arg == "reason"]
                (reason,) = named or node.args
                parts = reason.values if isinstance(reason, ast.JoinedStr) else [reason]
                words = (part.value for part in parts if isinstance(part, ast.Constant))
                yield f"{path.relative_to(ROOT)}:{node.lineno}", "".join(map(str, words))


def _name(node: ast.expr) -> str:
    """Of what is called, such as `pytest.skip`; unparsing each call of all tests would take two seconds."""
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


SKIPS = ("pytest.skip", "pytest.mark.skipif", "pytest.importorskip")


@pytest.mark.slow
def test_each_skip_says_what_is_missing_and_what_to_do() -> None:
    said = dict(reasons())
    assert len(said) > 20
    for where, reason in said.items():
        missing, _, remedy = reason.partition(": ")
        assert missing.startswith("no "), (where, reason)
        assert remedy, (where, reason)
