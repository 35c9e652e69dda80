"""An issuer whose key for diplomas is on a token: made, used and changed by commands alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from issuer.identity import documents
from keys.kinds import KINDS
from tests import softhsm
from tests.commandline import Answer, Program, typed
from tests.conftest import ROOT
from tests.softhsm import PIN, Token
from tests.world import graduate, listed, table

pytestmark = [softhsm.needed, pytest.mark.slow]
WRONG = "wrong-pin-4321"


@pytest.fixture
def pin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "pin"
    path.touch(0o600)
    path.write_text(f"{PIN}\n")
    monkeypatch.setenv("INTAGLIO_PIN_FILE", str(path))
    return path


def key_on(token: Token, name: str, kind: str = "P-256") -> str:
    return token.make(name, KINDS[kind].parameters[0], edwards=kind == "Ed25519")


def alone(program: Program, *words: str, pin: Path | None) -> Answer:
    """In a process of its own, where nobody has logged in before."""
    environment = {**os.environ, "INTAGLIO_HOME": str(program.home), "PYTHONPATH": str(ROOT)}
    environment.pop("INTAGLIO_PIN_FILE", None)
    if pin is not None:
        environment["INTAGLIO_PIN_FILE"] = str(pin)
    command = [sys.executable, "-m", "intaglio", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return Answer(done.returncode, done.stdout, done.stderr)


def rows(first: int, count: int) -> Path:
    path = Path(f"{first}.csv")
    path.write_text(table([graduate(row) for row in range(first, first + count)]))
    return path


def done(answer: Answer) -> Answer:
    assert answer.code == 0, answer.err + answer.out
    assert PIN not in answer.err + answer.out
    return answer


def verdicts(program: Program, folder: str) -> list[str]:
    """Of the bundles of all diplomas, as they are handed out now."""
    done(program("issuer", "export", "--out", folder))
    names = sorted(Path(folder).glob("*.json"))
    return [program("verify", name, "--offline").out.partition(":")[0] for name in names]


def names_nobody(program: Program) -> None:
    """The PIN is in no file of the program's."""
    for path in program.home.rglob("*"):
        assert path.is_dir() or PIN.encode() not in path.read_bytes(), path


def test_an_issuer_lives_with_its_key_on_a_token(program: Program, token: Token, pin: Path) -> None:
    first, second = key_on(token, "the first"), key_on(token, "the second", "Ed25519")
    whose = ("--name", "U", "--url", "https://u.example")
    done(program("issuer", "init", *whose, "--key", first))
    home = program.home / "issuer"
    assert json.loads((home / "issuer.json").read_bytes())["signerUri"] == first
    assert json.loads((home / "keys.json").read_bytes())["keys"].keys() == {"log", "cosigner"}
    told = done(program("issuer", "issue", rows(0, 20), "--workers", "2"))
    assert told.out.startswith("20 issued")
    assert "0 issued, 20 issued before" in done(program("issuer", "issue", Path("0.csv"))).out
    done(program("issuer", "revoke", "UNI-000003", "--yes"))
    assert verdicts(program, "all") == ["VALID"] * 19
    assert program("verify", "diplomas/UNI-000003.json").code == 1
    doctor = done(program("doctor"))
    assert f"Its key for credentials is kept elsewhere: {first}. Its other keys lie in {home}" in doctor.out
    listing = done(program("issuer", "key", "list"))
    assert (first in listing.err, listing.out.startswith("signs credentials and lists ")) == (True, True)
    assert len(listing.out.splitlines()) == 1

    refused = program("issuer", "key", "rotate", "--yes")
    assert (refused.code, "--key keys.json" in refused.err) == (1, True)
    done(program("issuer", "key", "add", "--key", second))
    done(program("issuer", "key", "rotate", "--key", second, "--yes"))
    assert json.loads((home / "issuer.json").read_bytes())["signerUri"] == second
    done(program("issuer", "issue", rows(20, 2)))
    done(program("issuer", "correct", "UNI-000020", "--set", "gpa=4.0", "--yes"))
    assert verdicts(program, "on another") == ["VALID"] * 21

    done(program("issuer", "key", "rotate", "--key", "keys.json", "--key-type", "P-256", "--yes"))
    assert "signerUri" not in json.loads((home / "issuer.json").read_bytes())
    assert "assertion" in json.loads((home / "keys.json").read_bytes())["keys"]
    pin.unlink()
    done(program("issuer", "issue", rows(30, 2)))
    assert verdicts(program, "in the file") == ["VALID"] * 23
    assert f"Its keys lie in {home / 'keys.json'}." in done(program("doctor")).out

    pin.write_text(PIN)
    again = program("issuer", "key", "rotate", "--key", first, "--yes")
    assert (again.code, "or did before" in again.err) == (1, True)
    third = key_on(token, "the third")
    done(program("issuer", "key", "rotate", "--key", third, "--compromised", "--yes"))
    done(program("issuer", "issue", rows(40, 2)))
    assert verdicts(program, "back") == ["VALID"] * 25
    other = program("issuer", "init", *whose, "--key", first)
    assert (other.code, "signs with another key" in other.err) == (1, True)
    done(program("issuer", "init", *whose, "--key", third))
    names_nobody(program)


def test_what_signs_nothing_needs_no_token(program: Program, token: Token, pin: Path) -> None:
    """Nobody is asked for the PIN to look, to export, or to give a lost token up."""
    uri = key_on(token, "absent")
    done(program("issuer", "init", "--name", "U", "--url", "https://u.example", "--key", uri))
    done(program("issuer", "issue", rows(0, 2)))
    pin.unlink()
    for words in (
        ("issuer", "list"),
        ("issuer", "export", "--out", "out"),
        ("issuer", "status", "publish"),
        ("issuer", "backup", "backup.file"),
        ("issuer", "key", "rotate", "--key", "keys.json", "--lost", "--yes"),
        ("issuer", "issue", str(rows(2, 1))),
    ):
        backup = Path("passphrase")
        backup.touch(0o600)
        backup.write_text("four or five random words")
        os.environ["INTAGLIO_BACKUP_PASSPHRASE_FILE"] = str(backup)
        try:
            done(alone(program, *words, pin=None))
        finally:
            del os.environ["INTAGLIO_BACKUP_PASSPHRASE_FILE"]
    assert verdicts(program, "all") == ["VALID"] * 3


def test_a_revocation_without_the_token_leaves_no_trace(program: Program, token: Token, pin: Path) -> None:
    """Neither in the index nor in the log nor in a list, and it ends with exit code 3."""
    uri, home = key_on(token, "revoking"), program.home / "issuer"
    done(program("issuer", "init", "--name", "U", "--url", "https://u.example", "--key", uri))
    done(program("issuer", "issue", rows(0, 2)))
    wrong = Path("wrong")
    wrong.touch(0o600)
    wrong.write_text(WRONG)

    def recorded() -> dict[Path, bytes]:
        files = (*(home / "log").rglob("*"), *(home / "status").rglob("*"), home / "issuer.json")
        return {path: path.read_bytes() for path in files if path.is_file() and path.stat().st_size}

    before = recorded()
    for words in (
        ("revoke", "UNI-000000", "--yes"),
        ("status", "publish", "--status-lifetime", "30d"),
        ("key", "add", "--key", key_on(token, "revoking next")),
    ):
        for given in (None, wrong):
            if given is None or words[0] == "revoke":
                answer = alone(program, "issuer", *words, pin=given)
                assert (answer.code, recorded()) == (6 if words[0] == "key" else 3, before), answer
    away = token.file.parent.rename(token.file.parents[2] / "away")
    try:
        answer = alone(program, "issuer", "revoke", "UNI-000000", "--yes", pin=pin)
        assert (answer.code, recorded(), "is not there" in answer.err) == (3, before, True)
    finally:
        away.rename(token.file.parent)
    assert "revoked" not in done(alone(program, "issuer", "list", pin=None)).out
    assert verdicts(program, "before") == ["VALID"] * 2
    done(alone(program, "issuer", "revoke", "UNI-000000", "--yes", pin=pin))
    assert verdicts(program, "after") == ["VALID"]
    key = json.loads((home / "issuer.json").read_bytes())["signerKey"]
    assert listed(home).document["proof"][0]["verificationMethod"].endswith(f"#{key}")


class Case(NamedTuple):
    """A token's address and a PIN with which nothing signs, and what is said of it."""

    address: str
    pin: Path | None
    code: int
    said: str
    remedy: str


def test_a_wrong_pin_and_an_absent_token_lose_nothing(program: Program, token: Token, pin: Path) -> None:
    uri, wrong, file = key_on(token, "lost"), Path("wrong"), str(rows(0, 20))
    wrong.touch(0o600)
    wrong.write_text(WRONG)
    cases = [
        Case(uri, wrong, 6, "does not take the PIN", "look it up rather than guess"),
        Case(uri, None, 6, "wants a PIN, and none was given", "INTAGLIO_PIN_FILE"),
        Case(uri.replace("Registrar", "Another"), pin, 4, "token is not there", "See that it is connected"),
        Case(uri.replace("lost", "nothing"), pin, 4, "does not have the key nothing", ""),
        Case(f"{uri}x", pin, 3, "does not work", ""),
        Case(f"{uri}&pin-value={PIN}", pin, 1, "has a PIN in it", "choose another PIN"),
    ]
    whose, home = ("--name", "U", "--url", "https://u.example"), program.home / "issuer"

    def refused(case: Case, *words: str) -> None:
        answer = alone(program, *words, pin=case.pin)
        assert answer.code == case.code, answer
        assert case.said in answer.err
        assert case.remedy in " ".join(answer.err.split()), answer.err
        assert not any(secret in answer.err for secret in (PIN, WRONG))

    for case in cases:
        refused(case, "issuer", "init", *whose, "--key", case.address)
        assert not (home / "issuer.json").exists()
    done(alone(program, "issuer", "init", *whose, "--key", uri, pin=pin))
    for case in cases[:2]:
        refused(case._replace(code=3), "issuer", "issue", file, "--workers", "2")
    before = documents.newest(home)
    key_on(token, "lost next")
    for case in cases:
        address = case.address.replace("lost", "lost%20next")
        refused(case, "issuer", "key", "rotate", "--key", address, "--yes")
    assert documents.newest(home) == before
    assert not (home / "rotation.json").exists()
    away = token.file.parent.rename(token.file.parents[2] / "away")
    try:
        refused(Case(uri, pin, 3, "is not there", "See that it is connected"), "issuer", "issue", file)
    finally:
        away.rename(token.file.parent)
    assert done(alone(program, "issuer", "issue", file, pin=pin)).out.startswith("20 issued")
    assert verdicts(program, "all") == ["VALID"] * 20


def test_a_did_key_may_be_on_a_token(program: Program, token: Token, pin: Path) -> None:
    """It signs the lists, too: revoking needs it."""
    uri = key_on(token, "for ever", "Ed25519")
    done(program("issuer", "init", "--name", "U", "--key", uri))
    done(program("issuer", "issue", rows(0, 3)))
    done(program("issuer", "revoke", "UNI-000000", "--yes"))
    assert verdicts(program, "all") == ["VALID"] * 2
    assert program("issuer", "key", "rotate", "--key", "keys.json", "--yes").code == 1
    answer = alone(program, "issuer", "revoke", "UNI-000001", "--yes", pin=None)
    assert (answer.code, "none was given" in answer.err) == (3, True)
    assert verdicts(program, "as before") == ["VALID"] * 2


def test_a_person_types_the_pin(program: Program, token: Token) -> None:
    uri = key_on(token, "typed")
    words = ["issuer", "init", "--name", "U", "--url", "https://u.example", "--key", uri]
    asked = [(b"PIN of the token", PIN.encode()), (b"Passphrase for the issuer's keys", b"")]
    _, err = typed(program.home, words, asked)
    assert PIN not in err
    file, out = rows(0, 40).absolute(), Path("out").absolute()
    words = ["issuer", "issue", str(file), "--workers", "2", "--out", str(out)]
    asked = [(b"PIN of the token", PIN.encode()), (b"Issue 40 diplomas for good?", b"y")]
    said, err = typed(program.home, words, asked)
    assert said.startswith("40 issued")
    assert err.count("PIN of the token") <= 1, "once, and not by each worker"
    assert PIN not in err
    for words in (
        ["issuer", "revoke", "UNI-000001", "--yes"],
        ["issuer", "key", "add", "--key", key_on(token, "typed next")],
        ["issuer", "close", "--yes"],
    ):
        _, err = typed(program.home, words, [(b"PIN of the token", PIN.encode())])
        assert err.count("PIN of the token") <= 1, "once for both keys"


def test_who_restores_another_s_issuer_agrees_to_its_token_and_its_module(
    program: Program, token: Token, pin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's own module runs once it is agreed to; one that others could have put there does not."""
    phrase = tmp_path / "phrase"
    phrase.touch(0o600)
    phrase.write_text("four or five random words")
    monkeypatch.setenv("INTAGLIO_BACKUP_PASSPHRASE_FILE", str(phrase))
    theirs = ("--home", str(tmp_path / "theirs"))
    copy = Path(shutil.copy(str(softhsm.MODULE), tmp_path / "libtoken.so"))
    uri = key_on(token, "theirs")
    for number, address in enumerate((uri, uri.replace(str(softhsm.MODULE), str(copy)))):
        init = ("issuer", "init", "--name", "U", "--url", "https://u.example", "--key", address)
        done(alone(program, *theirs, *init, pin=pin))
        done(alone(program, *theirs, "issuer", "issue", str(rows(0, 2)), pin=pin))
        done(alone(program, *theirs, "issuer", "backup", f"b{number}", pin=pin))
        restore = ("issuer", "restore", f"b{number}")
        answer = alone(program, *restore, pin=pin)
        assert (answer.code, "token=Registrar" in answer.err) == (1, True), answer
        digest = answer.err.partition("--agree ")[2][:64]
        done(alone(program, "--agree", digest, *restore, pin=pin))
        correct = ("issuer", "correct", "UNI-000001", "--set", "gpa=4.0", "--yes")
        answer = alone(program, *correct, pin=pin)
        if address == uri:
            done(answer)
        else:
            assert (answer.code, "INTAGLIO_PKCS11_MODULE" in answer.err) == (3, True), answer
            monkeypatch.setenv("INTAGLIO_PKCS11_MODULE", str(copy))
            done(alone(program, *correct, pin=pin))
        for home in (program.home, tmp_path / "theirs", Path("diplomas")):
            shutil.rmtree(home)
