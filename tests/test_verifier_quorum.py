"""Quorums of witnesses in the trust file, and as a recruiter meets them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from keys import PrivateKey
from ledger import Evidence, Requirement, TrustedLedger, VerifierKey
from ledger.evidence import parse_proof
from ledger.note import Note, SignatureType
from tests.commandline import Program
from tests.gazette import NOTICE, Gazette
from tests.problems import is_a, raises
from tests.test_verifier_anchors import KNOWN, anchored
from tests.world import NOW, University, decided, verifier
from vc import Anchored, Bundle, Report, Verdict
from verifier import RecognisedIssuer, RecognisedLog, Trust
from verifier.problem import TOO_FEW_WITNESSES, TRUST_DIFFERS
from verifier.sources.trust_entries import RecognisedWitness
from wire import Malformed

UNIVERSITY = University()
SECRETS = [PrivateKey.from_secret("Ed25519", bytes([number]) * 32) for number in (71, 72, 73)]
KEYS = [
    VerifierKey(f"{name}.example", SignatureType.COSIGNATURE, secret.public_key)
    for name, secret in zip("abc", SECRETS, strict=True)
]
A, B, C = map(str, KEYS)
OTHER = str(VerifierKey("other.example", SignatureType.COSIGNATURE, PrivateKey.generate().public_key))
BY_ONE = (RecognisedWitness(B, "Somebody"), RecognisedWitness(C, "Somebody"))
EITHER = Requirement.all(("a.example", Requirement(1, ("b.example", "c.example"))))
(LOG,) = UNIVERSITY.trust.logs
PLAIN = replace(LOG, witnesses=(A, B, C))
AT = ("--at", f"{NOW + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}", "--offline")


def trusting(log: RecognisedLog, **changes: Any) -> Trust:
    return Trust(UNIVERSITY.trust.issuers, (replace(log, **changes),))


def seen_by(bundle: Bundle, *witnesses: int, start: datetime = NOW) -> Bundle:
    """All its evidence cosigned by these witnesses, each a minute after the one before."""

    def cosigned(item: Evidence) -> Evidence:
        text = Note.parse(parse_proof(item.body)[2]).text
        lines = (
            KEYS[by].sign(SECRETS[by], text, start + timedelta(minutes=1 + place))
            for place, by in enumerate(witnesses)
        )
        return replace(item, body=item.body + b"".join(lines))

    def all_of(parts: tuple[Anchored, ...]) -> tuple[Anchored, ...]:
        return tuple(Anchored(part.document, tuple(map(cosigned, part.evidence))) for part in parts)

    return replace(
        bundle,
        evidence=tuple(map(cosigned, bundle.evidence)),
        issuer_documents=all_of(tuple(bundle.issuer_documents)),
        status_lists=all_of(tuple(bundle.status_lists)),
    )


@pytest.fixture
def program(program: Program) -> Program:
    program.home.mkdir(mode=0o700)
    (program.home / "trust.json").write_bytes(UNIVERSITY.trust.to_bytes())
    return program


@pytest.mark.parametrize(
    ("members", "written", "version"),
    [
        ({"quorum": 2}, {"witnesses": [A, B, C], "quorum": 2}, 1),
        (
            {"quorum": EITHER},
            {
                "witnesses": [A, B, C],
                "quorum": {"allOf": ["a.example", {"anyOf": ["b.example", "c.example"]}]},
            },
            8,
        ),
        (
            {"witnesses": (A, RecognisedWitness(B, "Somebody"))},
            {"witnesses": [A, {"key": B, "operator": "Somebody"}]},
            8,
        ),
    ],
    ids=["number", "groups", "operator"],
)
def test_version_8_is_written_only_where_one_of_its_values_is_used(
    members: Mapping[str, Any], written: Mapping[str, Any], version: int
) -> None:
    trust = trusting(PLAIN, **members)
    value = orjson.loads(trust.to_bytes())
    assert (value["version"], value["logs"]) == (
        version,
        [{"key": LOG.key, "issuers": list(LOG.issuers), "clock": LOG.clock, **written}],
    )
    assert Trust.parse(trust.to_bytes()) == trust
    assert trust.fingerprint(UNIVERSITY.did) != trusting(PLAIN).fingerprint(UNIVERSITY.did)
    if version == 8:
        with pytest.raises(Malformed, match="values in logs need version 8, and the file has version 7"):
            Trust.parse(orjson.dumps({**value, "version": 7}))


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "wrong",
    [
        {"witnesses": [{"key": A}]},
        {"witnesses": [{"key": A, "operator": ""}]},
        {"witnesses": [{"key": A, "operator": 7}]},
        {"witnesses": [{"key": A, "operator": "x", "mirror": True}]},
        {"witnesses": [{"key": A, "operator": "x"}, A], "quorum": 1},
        {"witnesses": [7]},
        {"witnesses": A},
        {"quorum": {"allOf": []}},
        {"quorum": {"anyOf": ["d.example"]}},
        {"quorum": {"allOf": [{"anyOf": ["a.example", "b.example"]}, {"anyOf": ["a.example"]}]}},
        {"quorum": {"atLeast": 4, "of": ["a.example", "b.example", "c.example"]}},
        {"quorum": {"allOf": ["a.example"], "of": []}},
        {"quorum": "2"},
        {"quorum": True},
        {"quorum": 2.0},
        {"quorum": 4},
        {"witnesses": [{"key": A, "operator": "x"}, {"key": B, "operator": "x"}, C], "quorum": 3},
    ],
)
def test_what_is_not_understood_is_refused_as_a_whole(wrong: Mapping[str, Any]) -> None:
    log = {"key": LOG.key, "issuers": list(LOG.issuers), "witnesses": [A, B, C], **wrong}
    with pytest.raises(Malformed):
        Trust.parse(orjson.dumps({"version": 8, "logs": [log]}))


class TestFromOthers:
    """A file that somebody hands over may ask for more of a known log, and never for less."""

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            ({"witnesses": ()}, {"quorum": 1}),
            ({"quorum": 1}, {"quorum": 2}),
            ({"quorum": 2}, {"quorum": EITHER}),
            ({"quorum": 2}, {"quorum": 2, "witnesses": (A, *BY_ONE)}),
            ({"witnesses": (A, B), "quorum": 1}, {"quorum": 2}),
        ],
    )
    def test_a_stricter_quorum_is_taken_and_a_weaker_one_refused(
        self, ours: Mapping[str, Any], theirs: Mapping[str, Any]
    ) -> None:
        known, given = trusting(PLAIN, **ours), trusting(PLAIN, **theirs)
        assert known.joined(given).logs == given.logs
        with raises(TRUST_DIFFERS, match="with other witnesses, clock or ledgers"):
            given.joined(known)

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            ({"witnesses": ()}, {}),
            ({"witnesses": (A,), "quorum": 1}, {"witnesses": (B,), "quorum": 1}),
            ({"witnesses": (A,), "quorum": 1}, {"quorum": 2}),
            ({"quorum": 1}, {"quorum": 2, "clock": OTHER}),
        ],
    )
    def test_what_is_neither_is_refused(self, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
        with raises(TRUST_DIFFERS, match="with other witnesses, clock or ledgers"):
            trusting(PLAIN, **ours).joined(trusting(PLAIN, **theirs))

    def test_what_else_the_list_has_of_the_log_stays(self) -> None:
        other = University("other.example").trust.issuers[0]
        known = Trust((*UNIVERSITY.trust.issuers, other), (replace(LOG, issuers=(*LOG.issuers, other.id)),))
        joined = known.joined(trusting(PLAIN, quorum=2))
        assert joined.logs == (replace(PLAIN, issuers=(*LOG.issuers, other.id), quorum=2),)

    def test_it_is_shown_before_it_is_asked(self, program: Program, tmp_path: Path) -> None:
        handed, list_ = tmp_path / "trust.json", program.home / "trust.json"
        handed.write_bytes(trusting(PLAIN, quorum=2).to_bytes())
        before = list_.read_bytes()
        refused = program("trust", "add", handed, stdin=b"n\n", at_terminal=True)
        assert (refused.code, list_.read_bytes()) == (5, before)
        added = program("trust", "add", handed)
        assert added.code == 0, added.err
        for told in (refused.err, added.err):
            assert "more is asked then than now" in told
            assert "has to be seen by 2 of 3 witnesses" in told
            assert "of which 0 may lie, and 1 may be away" in told
        assert Trust.load(list_).logs[0].quorum == 2
        handed.write_bytes(trusting(PLAIN, quorum=1).to_bytes())
        weaker = program("trust", "add", handed)
        assert weaker.code == 1
        assert "other witnesses" in weaker.err


class TestVerdicts:
    def test_the_report_says_who_saw_it_and_what_that_stands(self, program: Program, tmp_path: Path) -> None:
        (program.home / "trust.json").write_bytes(trusting(PLAIN, quorum=2).to_bytes())
        path = tmp_path / "diploma.json"
        path.write_bytes(seen_by(UNIVERSITY.issue(), 0, 2).to_bytes())
        shown = program("verify", path, *AT)
        assert shown.code == 0, shown.out
        said = (
            "by 2026-07-01 12:02Z (time: the clock of independent witnesses)"
            "; seen by 2 of 3 witnesses, of which 0 may lie"
        )
        assert said in shown.out
        report = json.loads(program("verify", path, *AT, "--json").out)
        facts = next(check["facts"] for check in report["checks"] if check["name"] == "evidence")
        assert {name: facts[name] for name in ("seen", "listed", "liars")} == {
            "seen": 2,
            "listed": 3,
            "liars": 0,
        }
        chinese = "".join(program("--lang", "zh", "verify", path, *AT).out.split())
        assert "；3个见证方中有2个见证，其中可有0个说谎" in chinese

    def test_groups_decide_and_too_few_leave_it_open(self) -> None:
        trust = Trust(UNIVERSITY.pinned.issuers, (replace(PLAIN, quorum=EITHER),))
        bundle = UNIVERSITY.issue(index=1)
        now = NOW + timedelta(hours=1)
        assert verifier(trust).verify(seen_by(bundle, 1, 0), now=now).verdict is Verdict.VALID
        for few in ((), (0,), (1, 2)):
            report = verifier(trust).verify(seen_by(bundle, *few), now=now)
            assert report.verdict is Verdict.UNDETERMINED
            assert any(is_a(found.problem, TOO_FEW_WITNESSES) for found in report.checks)

    def test_two_witnesses_of_one_operator_are_one(self) -> None:
        one = tuple(RecognisedWitness(vkey, "Somebody") for vkey in (A, B))
        now, bundle = NOW + timedelta(hours=1), UNIVERSITY.issue(index=2)
        strict = verifier(trusting(PLAIN, witnesses=(*one, C), quorum=2))
        assert strict.verify(seen_by(bundle, 0, 1), now=now).verdict is Verdict.UNDETERMINED
        assert strict.verify(seen_by(bundle, 0, 2), now=now).verdict is Verdict.VALID


REQUIRED = Requirement(1, ("witnesses",))


class TestRequired:
    """Where `requires` names the witnesses, their time judges as that of ledgers does."""

    def found(
        self, bundle: Bundle, issuer: RecognisedIssuer, log: RecognisedLog = PLAIN, **changes: Any
    ) -> Report:
        asked = {"witnesses": (A, B, C), "quorum": 2, "requires": REQUIRED}
        log = replace(log, **{**asked, **changes})
        trust = Trust.parse(Trust((issuer,), (log,)).to_bytes())
        return verifier(trust, evidence_kinds=KNOWN).verify(bundle, now=NOW + timedelta(hours=9))

    def test_the_report_says_whose_time_it_is(self) -> None:
        found = self.found(seen_by(UNIVERSITY.issue(index=4), 0, 2), UNIVERSITY.trust.issuers[0])
        (check,) = [check for check in found.checks if check.step == 8]
        assert (found.verdict, check.code) == (Verdict.VALID, "evidence-in-log-by-witnesses")
        assert "(time: independent witnesses, while its key was in force); seen by 2 of 3" in check.text
        assert check.facts["time"] == "2026-07-01 12:02Z"
        assert "stated" not in check.facts, "the log's own clock says nothing here"

    @pytest.mark.parametrize(("hours", "verdict"), [(1, Verdict.VALID), (5, Verdict.INVALID)])
    def test_a_key_that_ended_before_they_had_it_signed_nothing(self, hours: int, verdict: Verdict) -> None:
        """Whatever its place in the log, and whenever it is exported."""
        university = University()
        plain = university.issue(index=1)
        document = json.loads(json.dumps(university.documents[0].document))
        end = NOW + timedelta(hours=3)
        document["verificationMethod"][0]["expires"] = f"{end:%Y-%m-%dT%H:%M:%SZ}"
        university.publish_document([university.key], verificationMethod=document["verificationMethod"])
        bundle = replace(plain, issuer_documents=tuple(university.documents))
        seen = seen_by(bundle, 0, 1, start=NOW + timedelta(hours=hours))
        found = self.found(seen, university.trust.issuers[0], university.trust.logs[0])
        assert found.verdict is verdict, found.to_dict()
        if verdict is Verdict.INVALID:
            text = next(check.text for check in found.checks if check.step == 8)
            assert text == (
                "the key ended on 2026-07-01, and nothing that is required shows the credential before "
                "2026-07-01 17:02Z"
            )

    def test_what_they_had_after_the_last_day_is_not_valid(self) -> None:
        issuer = replace(UNIVERSITY.trust.issuers[0], until=NOW.date())
        bundle = UNIVERSITY.issue(index=5)
        assert self.found(seen_by(bundle, 0, 1), issuer).verdict is Verdict.VALID
        issuer = replace(issuer, until=NOW.date() - timedelta(days=1))
        found = self.found(seen_by(bundle, 0, 1), issuer)
        assert (found.verdict, decided(found).code) == (Verdict.INVALID, "trust-from-later")

    def test_with_ledgers_all_that_is_required_has_to_have_it(self) -> None:
        gazette = Gazette("gazette:a")
        both: dict[str, Any] = {
            "ledgers": (gazette.trusted,),
            "requires": Requirement.all(("witnesses", "gazette:a")),
        }
        bundle = seen_by(UNIVERSITY.issue(index=6), 0, 1)
        issuer = UNIVERSITY.trust.issuers[0]
        missing = self.found(bundle, issuer, **both)
        assert missing.verdict is Verdict.UNDETERMINED
        assert "nothing shows it on gazette:a" in decided(missing).text
        printed = anchored(bundle, gazette, NOW + timedelta(hours=2))
        both["ledgers"] = (gazette.trusted,)
        found = self.found(printed, issuer, **both)
        (check,) = [check for check in found.checks if check.step == 8]
        assert (found.verdict, check.code) == (Verdict.VALID, "evidence-in-log-by-ledgers")
        assert check.facts["time"] == "2026-07-01 14:00Z"

    def test_version_8_has_it_and_it_needs_a_quorum(self) -> None:
        trust = trusting(PLAIN, quorum=1, requires=REQUIRED)
        assert orjson.loads(trust.to_bytes())["version"] == 8
        assert Trust.parse(trust.to_bytes()) == trust
        with pytest.raises(Malformed, match="on 'witnesses', which is not among its ledgers"):
            Trust.parse(trusting(PLAIN, requires=REQUIRED).to_bytes())
        ledger = TrustedLedger(NOTICE, "witnesses")
        for of in (REQUIRED, Requirement(1, (Requirement(1, ("witnesses",)),))):
            named = trusting(LOG, ledgers=(ledger,), requires=of)
            assert orjson.loads(named.to_bytes())["version"] == 3, "a ledger may be called so"

    def test_the_command(self, program: Program) -> None:
        (program.home / "trust.json").write_bytes(trusting(PLAIN).to_bytes())
        refused = program("trust", "require", LOG.origin, "witnesses")
        assert (refused.code, "intaglio trust witness add --quorum" in refused.err) == (4, True)
        (program.home / "trust.json").write_bytes(trusting(PLAIN, quorum=2).to_bytes())
        assert program("trust", "require", LOG.origin, "witnesses").code == 0
        assert Trust.load(program.home / "trust.json").logs[0].requires == REQUIRED


class TestWitnessCommands:
    def test_a_quorum_by_hand(self, program: Program) -> None:
        add = ("trust", "witness", "add", LOG.origin)
        shown = program(*add, A)
        assert shown.code == 0, shown.err
        assert shown.err.startswith("a.example\n  fingerprint: ")
        assert program(*add, B, "--operator", "Somebody").code == 0
        answer = program(*add, C, "--operator", "Somebody", "--quorum", "2")
        assert answer.code == 0, answer.err
        assert "has to be seen by 2 of 2 witnesses" in answer.err
        assert "of which 1 may lie, and 0 may be away" in answer.err
        trust = Trust.load(program.home / "trust.json")
        assert trust.logs[0].witnesses == (A, *BY_ONE)
        listed = program("trust", "witness", "list").out
        assert "is seen by the witness b.example, of Somebody" in listed
        assert "fingerprint of c.example: " in listed
        (log,) = json.loads(program("trust", "witness", "list", "--json").out)["logs"]
        assert (log["quorum"], log["liars"], log["away"]) == (2, 1, 0)
        assert "has to be seen by 2 of 2 witnesses" in program("trust", "list").out

    def test_what_contradicts_the_list_is_refused(self, program: Program) -> None:
        add = ("trust", "witness", "add", LOG.origin)
        assert program(*add, A).code == 0
        before = (program.home / "trust.json").read_bytes()
        again = program(*add, A)
        assert (again.code, "is a witness of" in again.err) == (1, True)
        assert program("trust", "witness", "add", "other.example/log", B).code == 4
        assert program(*add, "garbage").code == 1
        assert program(*add, LOG.clock).code == 1
        too_many = program(*add, B, "--quorum", "3")
        assert (too_many.code, "has 2 witnesses, not 3" in too_many.err) == (1, True)
        assert program(*add, B, "--quorum", "1 of (d.example, e.example)").code == 1
        assert program(*add, B, stdin=b"n\n", at_terminal=True).code == 5
        assert (program.home / "trust.json").read_bytes() == before

    def test_a_witness_is_removed_where_the_quorum_can_be_met_without(self, program: Program) -> None:
        (program.home / "trust.json").write_bytes(trusting(PLAIN, quorum=3).to_bytes())
        remove = ("trust", "witness", "remove", LOG.origin)
        needed = program(*remove, "c.example")
        assert (needed.code, "has 2 witnesses, not 3" in needed.err) == (1, True)
        assert program(*remove, "d.example").code == 4
        assert program(*remove, "c.example", "--quorum", "1 of (a.example, b.example)").code == 0
        assert program(*remove, B, "--quorum", "none").code == 0
        (log,) = Trust.load(program.home / "trust.json").logs
        assert (log.witnesses, log.quorum) == ((A,), 0)

    def test_a_policy_of_other_programs_goes_in_and_out(self, program: Program, tmp_path: Path) -> None:
        list_, file = program.home / "trust.json", tmp_path / "policy"
        list_.write_bytes(trusting(PLAIN, quorum=EITHER).to_bytes())
        said = program("trust", "witness", "export", LOG.origin)
        assert said.code == 0, said.err
        file.write_text(said.out)
        assert said.out.splitlines()[0] == f"log {LOG.key}"
        list_.write_bytes(UNIVERSITY.trust.to_bytes())
        before = list_.read_bytes()
        take = ("trust", "witness", "import", LOG.origin, file)
        declined = program(*take, stdin=b"n\n", at_terminal=True)
        assert (declined.code, list_.read_bytes()) == (5, before)
        assert "fingerprint of a.example: " in declined.err
        taken = program(*take)
        assert (taken.code, "has to be seen by 2 of (a.example" in taken.err) == (0, True), taken.err
        assert Trust.load(list_).logs == (replace(PLAIN, quorum=EITHER),)
        file.write_text(said.out.replace(LOG.key, University("other.example").recognised_log.key))
        assert program(*take).code == 4
        file.write_text("quorum nobody\n")
        refused = program(*take)
        assert (refused.code, "line 1 of the policy makes no sense" in refused.err) == (1, True)

    def test_a_quorum_that_stands_nothing_says_so(self, program: Program) -> None:
        (program.home / "trust.json").write_bytes(trusting(PLAIN, quorum=1).to_bytes())
        shown = program("trust", "witness", "list").out
        assert "of which 2 may be away; the log can show two versions though none lies" in shown
        (program.home / "trust.json").write_bytes(trusting(PLAIN, quorum=EITHER).to_bytes())
        shown = program("trust", "witness", "list").out
        assert "has to be seen by 2 of (a.example, 1 of (b.example, c.example))" in shown
        assert "of which 0 may lie, and 0 may be away" in shown
        (program.home / "trust.json").write_bytes(UNIVERSITY.trust.to_bytes())
        assert "no witness" in program("trust", "witness", "list").out
