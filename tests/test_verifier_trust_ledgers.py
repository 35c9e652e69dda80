"""What the trust file says of ledgers: which are required, how far a log had come, and known blocks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from ledger import Reached, Requirement, TrustedLedger
from ledger.evm import KIND
from tests.gazette import NOTICE
from tests.problems import raises
from tests.test_verifier_trust_index import settle
from tests.world import NOW, University
from verifier import RecognisedIssuer, RecognisedLog, Trust, TrustSource
from verifier.problem import TRUST_DIFFERS, BlocksMissing
from verifier.sources.blocks import ROW, file_of, known_rows, with_blocks
from verifier.sources.trust_index import LONG, IndexedTrust, open_trust
from wire import Malformed, base64url_encode

UNIVERSITY = University()
A, B = TrustedLedger(NOTICE, "a"), TrustedLedger(NOTICE, "b", {"block": 7})
LOG = replace(UNIVERSITY.recognised_log, issuers=(UNIVERSITY.did,), ledgers=(A, B))
REACHED = Reached(12, bytes(range(32)), NOW)
ROWS = bytes(range(200)) * 2
DIGEST = "n" * 42 + "o"


def trusting(log: RecognisedLog) -> Trust:
    return Trust(UNIVERSITY.trust.issuers, (log,))


def file(version: int = 3, **members: Any) -> bytes:
    log = {
        "key": LOG.key,
        "issuers": [UNIVERSITY.did],
        "ledgers": [{"kind": NOTICE, "where": "a"}],
        **members,
    }
    return orjson.dumps({"version": version, "issuers": [{"id": UNIVERSITY.did}], "logs": [log]})


@pytest.mark.parametrize(
    ("requirement", "written"),
    [
        (Requirement(1, ("a", "b")), {"anyOf": ["a", "b"]}),
        (Requirement(2, ("a", "b")), {"allOf": ["a", "b"]}),
        (Requirement(1, ("a",)), {"allOf": ["a"]}),
        (
            Requirement(2, ("a", "b", Requirement(2, ("a", "b")))),
            {"atLeast": 2, "of": ["a", "b", {"allOf": ["a", "b"]}]},
        ),
    ],
)
def test_what_is_required_is_written_in_one_way_and_in_version_3(
    requirement: Requirement, written: dict[str, object]
) -> None:
    trust = trusting(replace(LOG, requires=requirement))
    value = orjson.loads(trust.to_bytes())
    assert (value["version"], value["logs"][0]["requires"]) == (3, written)
    again = Trust.parse(trust.to_bytes())
    assert again == trust
    policy = again.policy_for(UNIVERSITY.did)
    assert policy.required(UNIVERSITY.log.origin) == requirement
    assert policy.required("other.log") is None
    plain = {"atLeast": requirement.at_least, "of": [*written.values()][-1]}
    assert Trust.parse(orjson.dumps({**value, "logs": [{**value["logs"][0], "requires": plain}]})) == trust


@pytest.mark.quick(every=3)
@pytest.mark.parametrize(
    "requires",
    [
        "a",
        [],
        ["a"],
        {},
        {"of": ["a"]},
        {"atLeast": 1},
        {"atLeast": 1, "of": "a"},
        {"atLeast": 1, "of": []},
        {"atLeast": 0, "of": ["a"]},
        {"atLeast": 2, "of": ["a"]},
        {"atLeast": True, "of": ["a"]},
        {"atLeast": 1.0, "of": ["a"]},
        {"atLeast": 1, "of": ["a", "a"]},
        {"atLeast": 1, "of": ["a", "b"]},
        {"atLeast": 1, "of": ["a", 7]},
        {"atLeast": 1, "of": ["a"], "anyOf": ["a"]},
        {"anyOf": ["a"], "allOf": ["a"]},
        {"anyOf": []},
        {"allOf": ["a", {"anyOf": [[]]}]},
        {"someOf": ["a"]},
    ],
)
def test_a_requirement_that_is_not_understood_or_cannot_be_met_is_refused(requires: object) -> None:
    """`b` is no ledger of this log."""
    assert Trust.parse(file(requires={"atLeast": 1, "of": ["a"]}))
    with pytest.raises(Malformed):
        Trust.parse(file(requires=requires))


@pytest.mark.parametrize(
    "reached",
    [
        12,
        {"size": 12, "root": DIGEST},
        {"size": 0, "root": DIGEST, "time": "2026-07-01T12:00:00Z"},
        {"size": True, "root": DIGEST, "time": "2026-07-01T12:00:00Z"},
        {"size": 12, "root": 7, "time": "2026-07-01T12:00:00Z"},
        {"size": 12, "root": DIGEST[:-4], "time": "2026-07-01T12:00:00Z"},
        {"size": 12, "root": DIGEST, "time": "2026-07-01"},
        {"size": 12, "root": DIGEST, "time": "2026-07-01T12:00:00Z", "index": 1},
    ],
)
def test_so_is_one_that_no_log_reached(reached: object) -> None:
    assert Trust.parse(file(reached={"size": 12, "root": DIGEST, "time": "2026-07-01T12:00:00Z"}))
    with pytest.raises(Malformed):
        Trust.parse(file(reached=reached))


@pytest.mark.parametrize(
    "blocks",
    [
        {"rows": 0, "sha256": DIGEST},
        {"rows": True, "sha256": DIGEST},
        {"rows": 1, "sha256": DIGEST[:-4]},
        {"rows": 1, "sha256": 7},
    ],
)
def test_so_are_blocks_that_no_file_can_have(blocks: object) -> None:
    ledger = {"kind": NOTICE, "where": "a", "parameters": {"blocks": {"rows": 1, "sha256": DIGEST}}}
    assert Trust.parse(file(ledgers=[ledger]))
    with pytest.raises(Malformed):
        Trust.parse(file(ledgers=[{**ledger, "parameters": {"blocks": blocks}}]))


def test_what_a_kind_calls_blocks_is_its_own() -> None:
    for blocks in ("AAAA", {"0a": "2026-07-01T12:00:00Z"}, ["0a"]):
        trust = Trust.parse(
            file(2, ledgers=[{"kind": NOTICE, "where": "a", "parameters": {"blocks": blocks}}])
        )
        (log,) = trust.policy_for(UNIVERSITY.did).logs
        assert log.ledgers[0].parameters == {"blocks": blocks}
        assert orjson.loads(trust.to_bytes())["version"] == 2


def test_what_version_3_has_is_refused_by_name_in_a_file_of_version_2() -> None:
    members: dict[str, Any] = {
        "requires": {"anyOf": ["a"]},
        "reached": {"size": 12, "root": DIGEST, "time": "2026-07-01T12:00:00Z"},
    }
    for name, member in members.items():
        Trust.parse(file(**{name: member}))
        with pytest.raises(Malformed, match=f"{name} of logs needs version 3, and the file has version 2"):
            Trust.parse(file(2, **{name: member}))
    ledger = {"kind": NOTICE, "where": "a", "parameters": {"blocks": {"rows": 1, "sha256": DIGEST}}}
    with pytest.raises(Malformed, match="need version 3"):
        Trust.parse(file(2, ledgers=[ledger]))


def test_a_requirement_is_compared_and_is_in_the_fingerprint() -> None:
    plain, strict = trusting(LOG), trusting(replace(LOG, requires=Requirement(1, ("a",))))
    assert Trust().joined(strict) == strict.joined(strict) == strict
    assert plain.fingerprint(UNIVERSITY.did) != strict.fingerprint(UNIVERSITY.did)
    with raises(TRUST_DIFFERS, match="with other witnesses, clock or ledgers"):
        plain.joined(strict)


def test_what_only_this_list_requires_stays_when_its_issuers_file_is_added_again() -> None:
    plain, strict = trusting(LOG), trusting(replace(LOG, requires=Requirement(1, ("a",))))
    assert strict.joined(plain) == strict
    with raises(TRUST_DIFFERS, match="with other witnesses, clock or ledgers"):
        strict.joined(trusting(replace(LOG, requires=Requirement(1, ("b",)))))


def test_from_which_block_on_a_contract_is_there_needs_version_5() -> None:
    """Programs that do not know it would leave all evidence from the chain aside."""
    contract = {"contracts": ["0x5FbDB2315678afecb367f032d93F642f64180aa3"]}
    chain = {"kind": KIND, "where": "eip155:1", "parameters": {**contract, "since": 19_000_000}}
    since = Trust.parse(file(5, ledgers=[chain]))
    assert orjson.loads(since.to_bytes())["version"] == 5
    with pytest.raises(Malformed, match="need version 5, and the file has version 4"):
        Trust.parse(file(4, ledgers=[chain]))
    by_hand = Trust.parse(file(2, ledgers=[{**chain, "parameters": contract}]))
    assert orjson.loads(by_hand.to_bytes())["version"] == 2
    assert by_hand.joined(since) == by_hand, "whoever was told the contract by telephone"
    assert since.joined(by_hand) == since
    assert Trust.parse(file(2, ledgers=[{"kind": NOTICE, "where": "a", "parameters": {"since": 7}}]))


def test_what_somebody_found_out_himself_is_nobody_elses(tmp_path: Path) -> None:
    """What is known: another list with them says the same of the log, and none takes them over."""
    pinning = with_blocks(tmp_path / "trust.json", LOG, A, ROWS)
    plain, known_here = trusting(LOG), trusting(replace(LOG, ledgers=(pinning, B), reached=REACHED))
    assert orjson.loads(known_here.to_bytes())["version"] == 3
    assert Trust.parse(known_here.to_bytes()) == known_here
    assert plain.fingerprint(UNIVERSITY.did) == known_here.fingerprint(UNIVERSITY.did)
    assert Trust().joined(known_here) == plain
    assert known_here.joined(plain) == known_here
    assert plain.joined(known_here) == plain
    neighbour = RecognisedIssuer("did:example:b")
    beside = Trust((neighbour,), (replace(LOG, issuers=(neighbour.id,)),))
    (log,) = known_here.joined(beside).logs
    assert (log.ledgers, log.reached, log.issuers) == ((pinning, B), REACHED, (UNIVERSITY.did, neighbour.id))


class TestBlocks:
    @pytest.fixture(params=[0, LONG], ids=["the file", "its index"])
    def path(self, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
        """A trust file that names blocks beside it."""
        path = tmp_path / "trust.json"
        log = replace(
            LOG,
            ledgers=(with_blocks(path, LOG, A, ROWS), B),
            requires=Requirement(1, ("b",)),
            reached=REACHED,
        )
        crowd = tuple(RecognisedIssuer(f"did:example:{number}") for number in range(request.param // 20))
        path.write_bytes(Trust((*UNIVERSITY.trust.issuers, *crowd), (log,)).to_bytes())
        if request.param:
            open_trust(path)
            settle(path)
            assert isinstance(open_trust(path), IndexedTrust)
        return path

    def blocks(self, source: TrustSource) -> object:
        (log,) = source.policy_for(UNIVERSITY.did).logs
        assert (log.requires, log.reached) == (Requirement(1, ("b",)), REACHED)
        assert log.ledgers[1] == B
        return log.ledgers[0].parameters["blocks"]

    @pytest.mark.quick(every=2)
    def test_they_stand_in_its_place(self, path: Path) -> None:

        assert self.blocks(open_trust(path)) == base64url_encode(ROWS)
        assert self.blocks(Trust.parse(path.read_bytes())) != base64url_encode(ROWS), "beside what?"

    @pytest.mark.quick("its index")
    def test_rows_behind_those_that_are_named_do_not_count(self, path: Path) -> None:
        """As somebody leaves them who is killed between the two files."""
        before = self.blocks(open_trust(path))
        beside = file_of(path, LOG, A)
        beside.write_bytes(ROWS + b"\xff" * (ROW + 3))
        assert self.blocks(open_trust(path)) == before

    @pytest.mark.quick("the file-None", "its index-rows2")
    @pytest.mark.parametrize("rows", [None, b"", ROWS[:-1], b"\xff" + ROWS[1:]])
    def test_others_than_those_leave_all_of_this_issuer_open(self, path: Path, rows: bytes | None) -> None:
        beside = file_of(path, LOG, A)
        if rows is None:
            beside.unlink()
        else:
            beside.write_bytes(rows)
        source = open_trust(path)
        assert source.issuer(UNIVERSITY.did) is not None
        with pytest.raises(BlocksMissing, match=str(beside)) as missing:
            source.policy_for(UNIVERSITY.did)
        assert missing.value.undetermined

    def test_each_log_and_chain_has_its_own(self, tmp_path: Path) -> None:
        path, other = tmp_path / "trust.json", University("other.example").recognised_log
        files = {
            file_of(path, log, ledger)
            for log in (LOG, other)
            for ledger in (A, B, replace(A, kind="another/kind"))
        }
        assert len(files) == 6
        assert known_rows(path, LOG, A) == b""
        assert known_rows(path, LOG, with_blocks(path, LOG, A, ROWS)) == ROWS
