"""What strangers wrote, on the terminal: it steers nothing, whichever command shows it (A40)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commandline import Program
from tests.world import COLLEGE, NOW, University, bundle, diploma
from verifier import RecognisedIssuer, Trust

HOSTILE = "\x1b[2J\x9b2J\u202eDILAV\u2066\u200f\r\nVALID\x07"
STEERING = {character for character in HOSTILE if not character.isprintable()} - {"\n"}
CLAIMS: dict[str, Any] = {
    "name": HOSTILE,
    "description": HOSTILE,
    "issuer": {"id": COLLEGE.did, "type": ["Profile"], "name": HOSTILE},
    "credentialSubject": {
        "id": "urn:example:\u202ex",
        "type": ["AchievementSubject"],
        "achievement": {
            "id": "urn:example:achievement",
            "type": ["Achievement"],
            "name": HOSTILE,
            "description": HOSTILE,
            "criteria": {"narrative": HOSTILE},
        },
    },
}


@pytest.fixture
def program(program: Program, monkeypatch: pytest.MonkeyPatch) -> Program:
    """With a wallet, and a trust list that has the issuer of the tests."""
    program.home.mkdir(mode=0o700)
    (program.home / "trust.json").write_bytes(COLLEGE.trust.to_bytes())
    (program.home / "passphrase").write_text("correct horse battery")
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(program.home / "passphrase"))
    assert program("wallet", "init").code == 0
    return program


def shown(program: Program, *words: object, code: int = 0, stdin: bytes = b"") -> str:
    """All that a command printed; nothing of it may steer a terminal."""
    answer = program(*words, stdin=stdin)
    assert answer.code == code, answer.err
    printed = answer.out + answer.err
    assert not set(printed) & STEERING, words
    assert "\nVALID" not in printed.replace("\nVALID: ", "")
    return printed


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_a_credential_in_the_wallet(program: Program, option: tuple[str, ...]) -> None:
    kept = program("wallet", "import", "-", "--json", stdin=bundle(diploma(**CLAIMS)))
    name = json.loads(kept.out)["id"]
    for words in (("list",), ("show", name), ("delete", name, "--yes")):
        assert "2J" in shown(program, "wallet", *words, *option)


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_a_credential_that_is_verified(program: Program, option: tuple[str, ...]) -> None:
    at = ("--at", f"{NOW:%Y-%m-%dT%H:%M:%SZ}")
    good = shown(program, "verify", "-", "--offline", *at, *option, stdin=diploma(**CLAIMS))
    assert "DILAV" in good
    hostile = {**json.loads(diploma()), "type": ["VerifiableCredential", HOSTILE]}
    shown(program, "verify", "-", "--offline", *at, *option, code=3, stdin=json.dumps(hostile).encode())
    unknown = {**json.loads(diploma()), "issuer": "did:web:x.example", HOSTILE: 1}
    shown(program, "verify", "-", "--offline", *at, *option, code=1, stdin=json.dumps(unknown).encode())


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_a_trust_file_that_somebody_handed_over(program: Program, option: tuple[str, ...]) -> None:
    stranger = University("stranger.example")
    log = stranger.recognised_log
    issuer = RecognisedIssuer(f"did:example:{HOSTILE}", HOSTILE, (HOSTILE,), reason=HOSTILE)
    handed: Path = program.home / "handed.json"
    handed.write_bytes(Trust().adding(issuer, log).to_bytes())
    assert "2J" in shown(program, "trust", "add", handed, *option)
    assert "2J" in shown(program, "trust", "list", *option)


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_headings_of_a_file(program: Program, option: tuple[str, ...]) -> None:
    file = program.home / "graduates.csv"
    file.write_text("one\x1b[2J,two\u202e\n1,2\n")
    assert "2J" in shown(program, "issuer", "issue", file, *option, code=1)


def test_names_of_files(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    file = program.home / "\x1b[2J.json"
    file.write_text("[]")
    assert "2J" in shown(program, "verify", file, "--trust", file, code=2)
    monkeypatch.setenv("INTAGLIO_HOME", str(program.home / "\x1b[2J"))
    assert "2J" in shown(program, "doctor")
