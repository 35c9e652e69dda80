"""`intaglio trust`: what is said of an issuer's end and of ledgers, and what is required of these."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from did.methods import key as did_key
from intaglio.session import Session
from keys import PrivateKey
from ledger import TrustedLedger
from ledger.evm import KIND
from tests.commandline import Program
from tests.gazette import NAME, Gazette
from tests.world import University
from verifier import RecognisedIssuer, Trust

UNIVERSITY = University()
DAY, MOMENT = date(2026, 6, 30), datetime(2026, 6, 30, 14, tzinfo=UTC)
ASKED = "Ask at what moment of that day it closed"
CONTRACT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
CHAIN = TrustedLedger(KIND, "eip155:1", {"contracts": [CONTRACT], "since": 19_000_000})

Handed = Callable[[Trust], Path]


@pytest.fixture
def handed(tmp_path: Path) -> Handed:
    """Writes a trust file that somebody hands over."""

    def write(trust: Trust) -> Path:
        path = tmp_path / "university.json"
        path.write_bytes(trust.to_bytes())
        return path

    return write


def on(*ledgers: TrustedLedger) -> Trust:
    """The university, whose log goes to these ledgers."""
    (log,) = UNIVERSITY.trust.logs
    named = RecognisedIssuer(UNIVERSITY.did, "Example University")
    return Trust((named,), (replace(log, ledgers=ledgers),))


@pytest.mark.parametrize(("closed", "is_asked"), [(DAY, True), (MOMENT, False), (None, False)])
def test_the_moment_is_asked_for_where_an_issuer_closed_on_a_day(
    program: Program, handed: Handed, closed: date | None, is_asked: bool
) -> None:
    """A list of that morning counts for good, though one of the evening may revoke."""
    (issuer,) = on().issuers
    file = handed(replace(on(), issuers=(replace(issuer, closed=closed),)))
    added, listed = program("trust", "add", file), program("trust", "list")
    assert (added.code, listed.code) == (0, 0)
    assert [ASKED in text for text in (added.err, listed.out)] == [is_asked, is_asked]
    assert ("closed; status lists from" in added.err) == (closed is not None)


def test_a_contract_is_shown_and_since_which_block_it_is_there(program: Program, handed: Handed) -> None:
    file = handed(on(CHAIN))
    for shown in (program("trust", "add", file).err, program("trust", "list").out):
        assert f"has that log's checkpoints on eip155:1, by the contract {CONTRACT}\n" in shown
        assert "there since block 19000000\n" in shown
        assert KIND not in shown


def test_ledgers_are_required_and_no_longer(program: Program, handed: Handed) -> None:
    origin = UNIVERSITY.log.origin
    file = handed(on(CHAIN, Gazette().trusted))
    assert program("trust", "add", file).code == 0
    rule = f"any of (eip155:1, {NAME})"
    answer = program("trust", "require", origin, rule, "--json")
    assert answer.code == 0
    assert json.loads(answer.out)["requires"] == f"1 of (eip155:1, {NAME})"
    assert f"has to have it on 1 of (eip155:1, {NAME})\n" in program("trust", "list").out
    written = json.loads((program.home / "trust.json").read_bytes())["logs"][0]
    assert written["requires"] == {"anyOf": ["eip155:1", NAME]}
    policy = Session(program.home).verifier(offline=True).trust.policy_for(UNIVERSITY.did)
    assert str(policy.required(origin)) == f"1 of (eip155:1, {NAME})"
    assert program("trust", "add", file).code == 0, "the issuer's own file requires nothing"
    assert "has to have it on" in program("trust", "list").out
    assert program("trust", "require", origin, "none").out == f"{origin}: nothing is required\n"
    assert "has to have it on" not in program("trust", "list").out


@pytest.mark.parametrize(
    ("origin", "rule", "told"),
    [
        ("other.example/log", "eip155:1", "no log 'other.example/log' is on your trust list"),
        (UNIVERSITY.log.origin, "eip155:10", "`intaglio trust chain add` names it there"),
        (UNIVERSITY.log.origin, "2 of (eip155:1)", "2 of 1 different names cannot be required"),
        (UNIVERSITY.log.origin, "most of (eip155:1)", "is neither a name nor so many of several"),
    ],
)
def test_what_cannot_be_required_changes_nothing(
    program: Program, handed: Handed, origin: str, rule: str, told: str
) -> None:
    program("trust", "add", handed(on(CHAIN)))
    before = (program.home / "trust.json").read_bytes()
    answer = program("trust", "require", origin, rule)
    assert answer.code in (1, 4)
    assert told in answer.err.replace("\n  ", " ")
    assert (program.home / "trust.json").read_bytes() == before


@pytest.mark.parametrize("since", ["7", -1, True, [7]])
def test_a_block_that_is_no_number_is_followed_nowhere(
    program: Program, handed: Handed, tmp_path: Path, since: object
) -> None:
    parameters = {"contracts": [CONTRACT], "since": since}
    program("trust", "add", handed(on(replace(CHAIN, parameters=parameters))))
    nodes = tmp_path / "nodes"
    nodes.touch(0o600)
    nodes.write_text("http://127.0.0.1:8545")
    log = UNIVERSITY.log.origin
    answer = program("trust", "chain", "add", "eip155:1", "--log", log, "--rpc-file", nodes)
    assert (answer.code, "a chain is eip155: and a number" in answer.err) == (1, True), answer


def test_who_was_added_by_name_is_removed_by_name(program: Program) -> None:
    first, second = (did_key.create(PrivateKey.generate().public_key) for _ in range(2))
    assert program("trust", "add", first, "--name", "Utopia").code == 0
    assert program("trust", "add", second, "--name", first).code == 0
    assert program("trust", "remove", first).code == 0  # an id goes before a name
    assert [issuer.id for issuer in Trust.load(program.home / "trust.json").issuers] == [second]
    assert program("trust", "add", first, "--name", "Utopia").code == 0
    assert program("trust", "remove", "Utopia").code == 0
    assert program("trust", "remove", "Utopia").code == 4
