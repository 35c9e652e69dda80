"""`intaglio issuer key`: the keys that sign are listed, announced, and changed for others."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from issuer.identity import documents
from issuer.identity.succession import KeyChange, with_keys
from keys import PublicKey
from tests.commandline import Program
from tests.issuer_cli.conftest import Clock
from tests.world import graduate, reopened, table


def states(registrar: Program) -> list[str]:
    return [line[:27].strip() for line in registrar("issuer", "key", "list").out.splitlines()]


@pytest.mark.slow
def test_keys_are_announced_and_take_the_place_of_others(registrar: Program, clock: Clock) -> None:
    assert states(registrar) == ["signs credentials", "signs status lists"]
    added = registrar("issuer", "key", "add", "--key-type", "P-256")
    assert added.code == 0, added.err
    assert "Publish" in added.err
    assert "https://u.example/.well-known/did.json" in added.err
    announced = added.out.splitlines()
    assert {PublicKey.from_multikey(key).type for key in announced} == {"P-256"}
    assert registrar("issuer", "key", "add").code == 1
    clock.now += timedelta(days=3)
    done = registrar("issuer", "key", "rotate", "--yes", "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert (len(said["ended"]), said["compromised"], said["editionsBefore"], said["lists"]) == (
        2,
        False,
        3,
        [0],
    )
    assert "the 3 editions issued until now, here by the log, elsewhere by the document" in done.err
    assert states(registrar) == ["signs credentials", "signs status lists", *["ended on 2026-07-04"] * 2]
    listed = json.loads(registrar("issuer", "key", "list", "--json").out)["keys"]
    assert [key["multikey"] for key in listed[:2]] == announced
    assert [key["expires"] for key in listed] == [None, None, *["2026-07-04T12:00:00Z"] * 2]
    Path("more.csv").write_text(table([graduate(4)]))
    clock.now += timedelta(days=1)
    assert registrar("issuer", "issue", "more.csv").code == 0
    assert registrar("issuer", "export", "--out", "all").code == 0
    for bundle in (*sorted(Path("all").glob("*.json")), "diplomas/UNI-000001.json"):
        answer = registrar("verify", bundle, "--offline")
        assert answer.code == 0, answer.out


def test_of_compromised_keys_it_is_said_whose_verdict_changes_where(registrar: Program) -> None:
    done = registrar("issuer", "key", "rotate", "--compromised", "--yes")
    assert done.code == 0, done.err
    for words in (
        "For those who have your trust file: the 3 editions issued until now stay valid",
        "not valid with evidence, and open without",
        "For programs that read the document alone: the 3 editions issued until now are no longer valid.",
    ):
        assert words in " ".join(done.err.split()), done.err
    assert states(registrar) == ["signs credentials", "signs status lists", *["revoked"] * 2]


def test_an_issuer_moves_its_lists_to_a_did_of_their_own(registrar: Program, clock: Clock) -> None:
    """Whoever has the trust file of before adds the new one: it names another signer."""
    Path("before.json").write_text(registrar("issuer", "trust").out)
    assert registrar("--home", "other", "trust", "add", "before.json", "--yes").code == 0
    clock.now += timedelta(days=1)
    refused = registrar("issuer", "init", "--status-did")
    assert (refused.code, "key rotate --status-did" in refused.err) == (1, True)
    done = registrar("issuer", "key", "rotate", "--status-did", "--yes")
    assert done.code == 0, done.err
    assert "did:web:u.example:status" in done.err
    assert "its fingerprint is as before" in " ".join(done.err.split())
    assert registrar("issuer", "init", "--status-did").code == 0
    assert states(registrar) == ["signs credentials", "ended on 2026-07-02", "signs status lists", "revoked"]
    assert "credentials" not in registrar("issuer", "key", "list").out.splitlines()[2]
    Path("after.json").write_text(registrar("issuer", "trust").out)
    (entry,) = json.loads(Path("after.json").read_text())["issuers"]
    assert entry["statusIssuers"] == ["did:web:u.example:status"]
    assert registrar("issuer", "export", "--out", "all").code == 0

    bundle = "all/UNI-000001.json"
    assert registrar("verify", bundle, "--offline").code == 0, "the issuer's own machine knows it"
    assert registrar("--home", "other", "verify", bundle, "--offline").code == 3
    assert registrar("--home", "other", "trust", "add", "after.json", "--yes").code == 0
    assert registrar("--home", "other", "verify", bundle, "--offline").code == 0


def test_a_did_key_has_no_other_did_for_lists(program: Program) -> None:
    answer = program("issuer", "init", "--name", "U", "--status-did")
    assert (answer.code, "Leave out --status-did" in answer.err) == (1, True)
    assert not (program.home / "issuer" / "issuer.json").exists()
    told = program("issuer", "init", "--name", "U").err
    assert "its key, the only one for credentials and status lists" in " ".join(told.split())


def test_what_programs_of_others_make_of_it_is_said_at_once(program: Program) -> None:
    Path("g.csv").write_text(table([graduate(1)]))
    where = ("--name", "U", "--url", "https://u.example", "--status-did")
    answer = program("issuer", "issue", "g.csv", *where)
    assert answer.code == 0, answer.err
    assert "refuse lists by another issuer" in answer.err
    assert "under did:web:u.example:status" in program("doctor").out


def test_a_key_that_ended_earlier_is_revoked_later(registrar: Program, clock: Clock) -> None:
    stolen, of_lists = (line.split()[-1] for line in registrar("issuer", "key", "list").out.splitlines())
    answer = registrar("issuer", "key", "revoke", stolen, "--yes")
    assert (answer.code, "rotate --compromised" in answer.err) == (1, True)
    assert registrar("issuer", "key", "revoke", "zDn", "--yes").code == 4
    clock.now += timedelta(days=1)
    assert registrar("issuer", "key", "rotate", "--yes").code == 0
    clock.now += timedelta(days=30)
    done = registrar("issuer", "key", "revoke", stolen, "--yes", "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert (said["ended"], said["compromised"], said["editionsBefore"]) == ([stolen], True, 3)
    while_there = "the 3 editions issued while it was there to sign credentials"
    for words in (
        "Publish",
        f"For those who have your trust file: {while_there} stay valid, since the log had them before.",
        "not valid with evidence, and open without",
        f"For programs that read the document alone: {while_there} are no longer valid.",
    ):
        assert words in " ".join(done.err.split()), done.err
    assert states(registrar) == ["signs credentials", "signs status lists", "ended on 2026-07-02", "revoked"]
    assert registrar("verify", "diplomas/UNI-000001.json", "--offline").code == 0
    assert "no verdict changes" in registrar("issuer", "key", "revoke", of_lists, "--yes").err
    assert states(registrar)[2:] == ["revoked"] * 2


def test_a_change_that_was_interrupted_is_told_of_and_finished(registrar: Program, clock: Clock) -> None:
    home = registrar.home / "issuer"
    made = reopened(home, lambda: clock.now)
    made.keys.add({"assertion-next": "Ed25519"})
    key = made.keys.public_keys["assertion-next"]
    KeyChange("add", with_keys(documents.newest(home), {"assertion": key}), {}).write(home)
    answer = registrar("doctor")
    assert "A change of its keys was begun and is not done." in answer.out
    assert registrar("issuer", "status", "publish").code == 0
    assert states(registrar)[0] == "next for credentials"
    assert "was begun" not in registrar("doctor").out


def test_a_did_key_has_no_other_keys(issued: Program) -> None:
    answer = issued("issuer", "key", "rotate", "--yes")
    assert answer.code == 1
    assert "is its identifier, and cannot change" in answer.err
