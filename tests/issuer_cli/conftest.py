"""A registrar's folder: a CSV of six graduates, and the same once it is issued; a clock set by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from issuer.issuer import Issuer
from issuer.job.order import Order
from tests.commandline import Answer, Program
from tests.copying import copy_folder
from tests.world import NOW, csv_file, graduate, issuer_in, reopened, table

Once = Callable[[str, Callable[[], object]], None]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INTAGLIO_PASSPHRASE_FILE", raising=False)


@pytest.fixture(scope="session")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def once(program: Program, tmp_path: Path, _kept: Path) -> Once:
    """Runs `issuer issue` for the first test that asks for its outcome; each test gets a copy."""

    def issue_once(name: str, issue: Callable[[], object]) -> None:
        written = (program.home.name, "diplomas")
        if not (_kept / name).exists():
            issue()
            (_kept / name).mkdir()
            for folder in written:
                # Moved: SQLite loses its lock on a file that its process reads otherwise (howtocorrupt, 2.2).
                (tmp_path / folder).rename(_kept / name / folder)
        for folder in written:
            copy_folder(_kept / name / folder, tmp_path / folder)

    return issue_once


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [graduate(row) for row in range(1, 6)]
    path = tmp_path / "graduates.csv"
    path.write_text(table([*rows, graduate(6, given_name="Given1", family_name="=CMD")]))
    return path


@pytest.fixture
def issued(program: Program, file: Path, once: Once) -> Program:
    once("issued", lambda: done(program("issuer", "issue", file, "--name", "Invented University")))
    return program


def done(answer: Answer) -> None:
    assert answer.code == 0, answer.err


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
def registrar(program: Program, clock: Clock, once: Once) -> Program:
    """With an issuer that has the web site https://u.example, three diplomas and their bundles."""
    Path("g.csv").write_text(table([graduate(row) for row in range(1, 4)]))
    assert clock.now == NOW
    words = ("issuer", "issue", "g.csv", "--name", "U", "--url", "https://u.example")
    once("registrar", lambda: done(program(*words)))
    return program


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    issuer = issuer_in(folder / "issuer")
    source = csv_file(folder / "g.csv", [graduate(row) for row in range(1, 4)])
    issuer.issue_file(Order(source, folder / "e.csv", workers=0))
    issuer.store.close()
    return issuer.home


@pytest.fixture
def issuer(_made: Path, tmp_path: Path) -> Issuer:
    """Without a web site, and with three diplomas."""
    copy_folder(_made, tmp_path / "issuer")
    return reopened(tmp_path / "issuer")
