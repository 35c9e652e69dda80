"""What a stranger brings is handed in once, and every command knows it: a form, a DID method, an engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from did import DID, METHODS, Document, Method
from did.problem import ResolutionFailed
from intaglio.deployment import Deployment
from issuer import Description
from issuer.issuer import Issuer
from ledger.tiles.engines import ENGINES
from ledger.tiles.posix import PosixStore
from tests.commandline import Program
from tests.jwt_vc import MEDIA_TYPE, JWTForm
from tests.world import graduate, table
from vc.forms import FORMS
from wire.fetch import Fetcher

FORMS_HERE = {**FORMS, MEDIA_TYPE: JWTForm()}


@pytest.fixture
def registrar(program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Program:
    """Its issuer was made by a program with that form."""
    monkeypatch.chdir(tmp_path)
    Issuer.create(program.home / "issuer", Description("U"), lambda: None, program.now, form=JWTForm())
    Path("g.csv").write_text(table([graduate(1)]))
    return program


def test_each_command_knows_a_form_that_was_handed_in(
    registrar: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = registrar("issuer", "issue", "g.csv")
    assert (without.code, "not at hand" in without.err) == (3, True)
    registrar.deployment = Deployment(forms=FORMS_HERE)
    assert registrar("issuer", "issue", "g.csv").code == 0
    assert registrar("issuer", "export", "--out", "out").code == 0
    file = "out/UNI-000001.json"
    assert json.loads(Path(file).read_text())["secured"]["form"] == MEDIA_TYPE
    assert registrar("verify", file, "--offline").code == 0
    Path("passphrase").write_text("correct horse battery")
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", "passphrase")
    assert registrar("wallet", "init").code == 0
    assert registrar("wallet", "import", file).code == 0
    assert "Given1" in registrar("wallet", "list").out
    assert registrar("issuer", "correct", "UNI-000001", "--set", "gpa=4.0", "--yes").code == 0
    assert registrar("doctor").code == 0


def test_a_did_method_too(program: Program) -> None:
    """Of an unknown method nothing can be looked up; this one answers, and says that there is none."""

    def resolve(did: DID, fetcher: Fetcher) -> Document:
        raise ResolutionFailed("there is no such DID")

    typed = ("trust", "add", "did:stranger:x", "--yes")
    assert "Pin its key" in program(*typed).err
    program.deployment = Deployment(methods={**METHODS, "stranger": Method(resolve)})
    assert "there is no such DID" in program(*typed).err


def test_and_an_engine(program: Program, tmp_path: Path) -> None:
    opened: list[str] = []

    def engine(uri: str, **options: object) -> PosixStore:
        opened.append(uri)
        return PosixStore(tmp_path / "elsewhere", read_only=bool(options.get("read_only")))

    program.deployment = Deployment(engines={**ENGINES, "stranger": engine})
    assert program("issuer", "init", "--name", "U", "--ledger", "stranger://log").code == 0
    assert set(opened) == {"stranger://log"}
    assert (tmp_path / "elsewhere").exists()
