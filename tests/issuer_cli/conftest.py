"""A registrar's folder: a CSV of six graduates, and the same once it is issued; a clock set by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from issuer.issuer import Issuer
from issuer.job.order import Order
from tests.commandline import Program
from tests.world import NOW, csv_file, graduate, issuer_in, table


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


class Clock:
    """The program's, set by hand."""

    def __init__(self) -> None:
        self.now = NOW


@pytest.fixture
def clock(program: Program) -> Clock:
    standing = Clock()
    program.now = lambda: standing.now
    return standing


@pytest.fixture
def registrar(program: Program, clock: Clock) -> Program:
    """With an issuer that has the web site https://u.example, three diplomas and their bundles."""
    Path("g.csv").write_text(table([graduate(row) for row in range(1, 4)]))
    assert clock.now == NOW
    assert program("issuer", "issue", "g.csv", "--name", "U", "--url", "https://u.example").code == 0
    return program


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """Without a web site, and with three diplomas."""
    made = issuer_in(tmp_path / "issuer")
    made.issue_file(
        Order(
            csv_file(tmp_path / "g.csv", [graduate(row) for row in range(1, 4)]),
            tmp_path / "e.csv",
            workers=0,
        )
    )
    return made
