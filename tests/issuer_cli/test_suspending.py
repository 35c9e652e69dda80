"""`intaglio issuer suspend|reinstate`, what lists say then, and bundles without evidence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commandline import Program, verdict
from tests.conftest import ROOT
from tests.issuer_cli.conftest import Clock

LICENCE = ROOT / "tests" / "own_kinds" / "licence"
CITY = ("--name", "City", "--url", "https://city.example", "--kind", LICENCE)
ASKED = "Log proofs and status lists stay out of the bundles: offline the verdict is open"

pytestmark = pytest.mark.slow


@pytest.fixture
def city(program: Program, clock: Clock) -> Program:
    assert clock
    Path("rows.csv").write_bytes((LICENCE / "rows.csv").read_bytes())
    assert program("issuer", "issue", "rows.csv", *CITY, "--out", "out").code == 7
    return program


def test_it_is_suspended_shown_as_such_and_reinstated(city: Program) -> None:
    answer = city("issuer", "suspend", "row 2", "--reason", "fraud")
    line = "L-1  Ada Müller, suspended 2026-07-01: fraud\n"
    assert (answer.code, answer.out) == (0, f"suspended {line}")
    assert "Others see it when they fetch the lists" in answer.err
    assert verdict(city, "out/L-1.json") == "NOT VALID: suspended by the issuer as of 2026-07-01 12:00Z"
    assert "The issuer may lift it" in city("verify", "out/L-1.json", "--offline").out
    assert verdict(city, "out/L-2.json").startswith("VALID")

    assert city("issuer", "list").out.splitlines()[0] == line.strip()
    assert city("issuer", "list", "--state", "suspended").out == line
    (listed,) = json.loads(city("issuer", "list", "L-1", "--json").out)["diplomas"]
    assert (listed["revoked"], listed["suspended"]["reason"]) == (None, "fraud")
    table = city("issuer", "list", "L-1", "--format", "jsonl", "--columns", "state,reason,revoked").out
    assert json.loads(table) == {"state": "suspended", "reason": "fraud", "revoked": None}
    shown = city("issuer", "status", "show")
    assert "2 editions: 1 valid, 0 revoked, 0 superseded, 1 suspended" in shown.out
    assert json.loads(city("issuer", "status", "show", "--json").out)["suspended"] == 1

    for refused in (("claim", "L-1"), ("correct", "L-1", "--set", "name=Bo", "--yes")):
        answer = city("issuer", *refused)
        assert (answer.code, "is suspended" in answer.err) == (1, True)
        assert "issuer reinstate" in answer.err
    again = city("issuer", "suspend", "L-1", "--reason", "withdrawn")
    assert "1 taxi licence had been suspended before: nothing changes there." in again.err
    assert city("issuer", "export", "--out", "all").out == "1 bundle in all\n"

    answer = city("issuer", "reinstate", "out/L-1.json")
    assert (answer.code, answer.out) == (0, "reinstated L-1  Ada Müller\n")
    assert verdict(city, "out/L-1.json").startswith("VALID")
    assert "not suspended: nothing changes there." in city("issuer", "reinstate", "L-2").err
    shown = city("issuer", "status", "show")
    assert "2 editions: 2 valid, 0 revoked, 0 superseded\n" in shown.out


def test_what_is_revoked_stays_so(city: Program) -> None:
    city("issuer", "suspend", "L-1", "L-2")
    assert city("issuer", "revoke", "L-1", "--reason", "fraud").out.startswith("revoked L-1")
    for verb in ("suspend", "reinstate"):
        answer = city("issuer", verb, "L-1", "--json")
        assert (answer.code, json.loads(answer.out)["error"]["code"]) == (1, "revoked-for-good")
    assert verdict(city, "out/L-1.json") == "NOT VALID: revoked by the issuer on 2026-07-01: fraud"


def test_who_closes_hears_who_stays_suspended(city: Program) -> None:
    city("issuer", "suspend", "L-1")
    answer = city("issuer", "close", "--yes")
    assert "1 edition suspended: nobody can reinstate them afterwards." in answer.err
    answer = city("issuer", "reinstate", "L-1", "--json")
    assert (answer.code, json.loads(answer.out)["error"]["code"]) == (1, "issuer-closed")


def test_who_is_asked_and_says_no_suspends_nobody(city: Program) -> None:
    answer = city("issuer", "suspend", "L-1", stdin=b"n\n", at_terminal=True)
    assert (answer.code, "Suspend: L-1  Ada Müller?" in answer.err) == (5, True)
    assert verdict(city, "out/L-1.json").startswith("VALID")
    city("issuer", "suspend", "L-1")
    answer = city("issuer", "reinstate", "L-1", stdin=b"n\n", at_terminal=True)
    assert (answer.code, "Reinstate: L-1  Ada Müller" in answer.err) == (5, True)
    assert city("issuer", "suspend", "L-1", "--reason", "superseded").code == 2


def test_a_diploma_is_of_a_kind_that_is_not_suspended(registrar: Program) -> None:
    answer = registrar("issuer", "suspend", "UNI-000001", "--json")
    assert json.loads(answer.out)["error"]["code"] == "not-suspendable"
    assert not (registrar.home / "issuer" / "status" / "0-suspension").exists()


def test_a_kind_that_is_suspended_asks_for_an_address(program: Program) -> None:
    Path("rows.csv").write_bytes((LICENCE / "rows.csv").read_bytes())
    answer = program("issuer", "issue", "rows.csv", "--name", "City", "--kind", LICENCE, "--json")
    assert json.loads(answer.out)["error"]["code"] == "suspension-needs-address"
    assert not (program.home / "issuer" / "issuer.json").exists()


def test_bundles_without_evidence_are_open_offline_and_say_so_before(registrar: Program) -> None:
    answer = registrar("issuer", "export", "UNI-000001", "--no-evidence", "--out", "bare")
    assert answer.err.splitlines()[0] == f"{ASKED}, and verifiers will ask https://u.example."
    bundle = json.loads(Path("bare/UNI-000001.json").read_text())
    assert [bundle[part] for part in ("evidence", "issuerDocuments", "statusLists")] == [[], [], []]
    trust = json.loads(registrar("issuer", "trust", "--json").out)
    Path("trust.json").write_text(json.dumps({name: trust[name] for name in ("issuers", "logs", "version")}))
    elsewhere = ("--trust", "trust.json", "--offline")
    registrar("issuer", "export", "UNI-000001", "--out", "whole")
    Path("moved").mkdir()
    registrar.home.rename("moved/home")
    assert registrar("verify", "whole/UNI-000001.json", *elsewhere).code == 0
    assert registrar("verify", "bare/UNI-000001.json", *elsewhere).code == 3


def test_a_file_is_issued_without_evidence(program: Program, file: Path) -> None:
    answer = program("issuer", "issue", file, "--name", "U", "--no-evidence", "--out", "bare")
    assert f"{ASKED}, and this issuer has no web address for verifiers to ask." in answer.err
    assert json.loads(Path("bare/UNI-000001.json").read_text())["statusLists"] == []
