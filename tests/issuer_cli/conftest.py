"""A registrar's folder: a CSV of six graduates, and the same once it is issued."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commandline import Program
from tests.registrar import graduate, table


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INTAGLIO_PASSPHRASE_FILE", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [graduate(row) for row in range(1, 6)]
    path = tmp_path / "graduates.csv"
    path.write_text(table([*rows, graduate(6, given_name="Given1", family_name="=CMD")]))
    return path


@pytest.fixture
def issued(program: Program, file: Path) -> Program:
    assert program("issuer", "issue", file, "--name", "Invented University").code == 0
    return program
