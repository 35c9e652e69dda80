"""Time that no issuer can set: what the trust list requires of other ledgers decides when an entry was there.

The story of the stolen keys is here: whoever has every key of an issuer signs what he likes, on whatever day
he likes, by the issuer's own clock; and dates nothing back on a ledger that is not his.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from did.methods import web as did_web
from intaglio.words import remedy
from keys import PrivateKey
from ledger import Checkpoint, Reached, Requirement
from tests.gazette import NOTICE, Gazette
from tests.test_verifier_anchors import KNOWN, anchored, believing, checkpoint
from tests.world import NOW, Holder, University, decided, verifier
from vc import Bundle, Outcome, Report, Verdict
from vc.forms import FORMS
from verifier import Trust

A, B = "gazette:a", "gazette:b"
ISSUED = NOW - timedelta(days=20)
PRINTED = ISSUED + timedelta(hours=6)
STOLEN = NOW - timedelta(days=10)


def requiring(trust: Trust, requirement: Requirement, *gazettes: Gazette) -> Trust:
    known = believing(trust, *gazettes)
    logs = tuple(replace(log, requires=requirement) for log in known.logs)
    return Trust.parse(Trust(known.issuers, logs).to_bytes())


def report(shown: Bundle, trust: Trust, now: datetime = NOW) -> Report:
    return verifier(trust, evidence_kinds=KNOWN).verify(Bundle.parse(shown.to_bytes(), FORMS), now=now)


def evidence_step(found: Report) -> tuple[Verdict, str, str]:
    (check,) = [check for check in found.checks if check.step == 8]
    return found.verdict, check.code, check.text


def also(bundle: Bundle, gazette: Gazette, now: datetime) -> Bundle:
    """The checkpoints of a bundle that one gazette has, in another one, too."""
    plain = replace(bundle, evidence=tuple(item for item in bundle.evidence if item.kind != NOTICE))
    documents = tuple(replace(part, evidence=part.evidence[-1:]) for part in bundle.issuer_documents)
    lists = tuple(replace(part, evidence=part.evidence[-1:]) for part in bundle.status_lists)
    more = anchored(replace(plain, issuer_documents=documents, status_lists=lists), gazette, now)
    return replace(bundle, evidence=(*bundle.evidence, *more.evidence[: -len(plain.evidence)]))


ONE = Requirement(1, (A,))


@pytest.fixture
def gazette() -> Gazette:
    return Gazette(A)


@pytest.fixture
def university() -> University:
    return University(now=ISSUED)


class TestTime:
    def test_it_is_that_of_the_ledger_and_the_report_says_so(
        self, university: University, gazette: Gazette
    ) -> None:
        bundle = anchored(university.issue(), gazette, PRINTED)
        found = report(bundle, requiring(university.trust, ONE, gazette))
        assert evidence_step(found) == (
            Verdict.VALID,
            "evidence-in-log-by-ledgers",
            "entry 1 of the log university.example/log by 2026-06-11 18:00Z (time: other ledgers, while its "
            "key was in force); by the log's own clock 2026-06-11 12:00Z; its checkpoint on gazette:a by "
            "2026-06-11 18:00Z",
        )
        (check,) = [check for check in found.to_dict()["checks"] if check["step"] == 8]
        assert check["facts"] == {
            "log": "university.example/log",
            "index": 1,
            "time": "2026-06-11 18:00Z",
            "stated": "2026-06-11 12:00Z",
            "ledgers": "gazette:a by 2026-06-11 18:00Z",
        }

    def test_without_a_requirement_it_is_shown_and_the_verdict_is_as_before(
        self, university: University, gazette: Gazette
    ) -> None:
        bundle = anchored(university.issue(), gazette, PRINTED)
        verdict, code, text = evidence_step(report(bundle, believing(university.trust, gazette)))
        assert (verdict, code) == (Verdict.VALID, "evidence-in-log")
        assert "(time: the issuer's own clock); its checkpoint on gazette:a by 2026-06-11 18:00Z" in text

    def test_without_the_evidence_it_is_open_and_what_is_missing_is_named(
        self, university: University, gazette: Gazette
    ) -> None:
        bundle = anchored(university.issue(), gazette, PRINTED)
        trust = requiring(university.trust, ONE, gazette)
        logged = tuple(item for item in bundle.evidence if item.kind != NOTICE)
        bare = report(replace(bundle, evidence=logged), trust)
        assert evidence_step(bare) == (
            Verdict.UNDETERMINED,
            "evidence-ledger-evidence-missing",
            "it has to be on gazette:a, and nothing shows it on gazette:a",
        )
        gazette.printed = {}
        unpinned = report(bundle, requiring(university.trust, ONE, gazette))
        assert evidence_step(unpinned)[:2] == evidence_step(bare)[:2]
        problem = decided(unpinned).problem
        assert problem is not None
        assert problem.facts == {"wanted": A, "missing": A, "ignored": "unknown-ledger"}
        assert problem.because is not None
        assert remedy(problem).endswith(remedy(problem.because))

    def test_a_ledger_that_says_tomorrow_says_nothing_today(
        self, university: University, gazette: Gazette
    ) -> None:
        bundle = anchored(university.issue(validFrom="2026-06-01T00:00:00Z"), gazette, PRINTED)
        trust = requiring(university.trust, ONE, gazette)
        assert report(bundle, trust, PRINTED).verdict is Verdict.VALID
        early = report(bundle, trust, PRINTED - timedelta(hours=3))
        assert evidence_step(early)[:2] == (Verdict.UNDETERMINED, "evidence-ledger-evidence-missing")

    @pytest.mark.parametrize("member", ["expires", "revoked"])
    @pytest.mark.parametrize(("hours", "verdict"), [(7, Verdict.VALID), (5, Verdict.INVALID)])
    def test_a_key_that_ended_before_its_ledger_had_it_signed_nothing(
        self, university: University, gazette: Gazette, member: str, hours: int, verdict: Verdict
    ) -> None:
        """In whichever document that stands: what comes later in a log is the word of who has its key."""
        university.issue(index=1)
        document = json.loads(json.dumps(university.documents[0].document))
        plain = university.issue(index=2)
        end = ISSUED + timedelta(hours=hours)
        document["verificationMethod"][0][member] = f"{end:%Y-%m-%dT%H:%M:%SZ}"
        university.publish_document([university.key], verificationMethod=document["verificationMethod"])
        bundle = replace(plain, issuer_documents=tuple(university.documents))
        found = report(anchored(bundle, gazette, PRINTED), requiring(university.trust, ONE, gazette))
        assert found.verdict is verdict, found.checks
        if verdict is Verdict.INVALID:
            assert evidence_step(found)[1:] == (
                "evidence-key-not-in-force",
                "the key ended on 2026-06-11, and nothing that is required shows the credential before "
                "2026-06-11 18:00Z",
            )

    @pytest.mark.parametrize(("hours", "verdict"), [(7, Verdict.VALID), (5, Verdict.INVALID)])
    def test_so_it_is_for_one_that_went_out_of_the_document(
        self, university: University, gazette: Gazette, hours: int, verdict: Verdict
    ) -> None:
        """Whoever changes keys has to have all that they signed on the ledgers first."""
        plain = university.issue()
        old, university.key = university.key, PrivateKey.generate()
        university.now = ISSUED + timedelta(hours=hours)
        university.publish_document([university.key])
        bundle = replace(
            plain, issuer_documents=tuple(university.documents), status_lists=university.status_lists()
        )
        trust = requiring(university.trust, ONE, gazette)
        assert report(bundle, trust).verdict is Verdict.UNDETERMINED
        found = report(anchored(bundle, gazette, PRINTED), requiring(university.trust, ONE, gazette))
        assert found.verdict is verdict, found.checks
        assert old != university.key

    @pytest.mark.parametrize(
        ("expires", "gone", "verdict"),
        [
            (5, 9, Verdict.INVALID),
            (9, 5, Verdict.INVALID),
            (7, 9, Verdict.VALID),
            (9, 7, Verdict.VALID),
        ],
    )
    def test_where_a_key_expires_and_goes_out_of_the_document_the_earlier_end_counts(
        self, university: University, gazette: Gazette, expires: int, gone: int, verdict: Verdict
    ) -> None:
        """The ledger has the diploma six hours after it was issued; both ends are hours after that, too."""
        plain = university.issue()
        methods = json.loads(json.dumps(university.documents[0].document["verificationMethod"]))
        methods[0]["expires"] = f"{ISSUED + timedelta(hours=expires):%Y-%m-%dT%H:%M:%SZ}"
        university.publish_document([university.key], verificationMethod=methods)
        university.key = PrivateKey.generate()
        university.now = ISSUED + timedelta(hours=gone)
        university.publish_document([university.key])
        bundle = replace(
            plain, issuer_documents=tuple(university.documents), status_lists=university.status_lists()
        )
        found = report(anchored(bundle, gazette, PRINTED), requiring(university.trust, ONE, gazette))
        assert found.verdict is verdict, found.checks
        if verdict is Verdict.INVALID:
            assert evidence_step(found)[1] == "evidence-key-not-in-force"

    def test_what_the_log_itself_has_from_after_the_end_needs_no_ledger_to_be_refused(
        self, university: University, gazette: Gazette
    ) -> None:
        old, university.key = university.key, PrivateKey.generate()
        university.publish_document([university.key])
        late = university.bundle(university.sign(university.diploma(), old))
        trust = requiring(university.trust, ONE, gazette)
        assert report(late, trust).verdict is Verdict.INVALID

    def test_an_issuer_that_is_recognised_until_a_day_is_so_by_the_ledgers_alone(
        self, university: University, gazette: Gazette
    ) -> None:
        """One of two that came later is enough to be too late, where both are required."""
        other = Gazette(B)
        bundle = also(anchored(university.issue(), gazette, PRINTED), other, STOLEN + timedelta(days=1))
        until = replace(university.trust.issuers[0], until=STOLEN.date())
        trust = Trust((until,), university.trust.logs)
        for requirement, verdict in (
            (ONE, Verdict.VALID),
            (Requirement(1, (A, B)), Verdict.VALID),
            (Requirement(1, (B,)), Verdict.INVALID),
            (Requirement(2, (A, B)), Verdict.INVALID),
        ):
            found = report(bundle, requiring(trust, requirement, gazette, other))
            assert found.verdict is verdict, requirement
        assert decided(found).code == "trust-from-later"
        assert report(bundle, believing(trust, gazette, other)).verdict is Verdict.VALID


class TestStolenKeys:
    """The thief copied the folder of the issuer whole: the key of diplomas, of the log, of its clock."""

    def forged(self, university: University) -> Bundle:
        """From before the theft, as far as the issuer's own clock tells."""
        thief = university.robbed(ISSUED - timedelta(hours=6))
        thief.issue(index=70), thief.issue(index=71)
        return thief.issue(index=666)

    def test_his_diploma_is_not_valid_and_the_one_from_before_is(
        self, university: University, gazette: Gazette
    ) -> None:
        genuine = anchored(university.issue(), gazette, PRINTED)
        forged = self.forged(university)
        assert report(forged, university.trust), "by the issuer's own clock it is as good as any"
        required = requiring(university.trust, ONE, gazette)
        assert report(genuine, required).verdict is Verdict.VALID
        assert evidence_step(report(forged, required))[:2] == (
            Verdict.UNDETERMINED,
            "evidence-ledger-evidence-missing",
        )
        # He has it printed, today; the issuer tells everybody that its keys were stolen.
        forged = anchored(forged, gazette, NOW - timedelta(hours=1))
        until = replace(university.trust.issuers[0], until=STOLEN.date())
        told = requiring(Trust((until,), university.trust.logs), ONE, gazette)
        assert report(genuine, told).verdict is Verdict.VALID
        found = report(forged, told)
        assert (found.verdict, decided(found).code) == (Verdict.INVALID, "trust-from-later")
        assert decided(found).text == (
            "the issuer did:web:university.example is recognised for what is from 2026-06-21 or before, and "
            "nothing that is required shows this before 2026-07-01 11:00Z"
        )

    def test_nor_is_it_where_the_document_says_how_long_the_key_is_good(
        self, university: University, gazette: Gazette
    ) -> None:
        document = json.loads(json.dumps(university.documents[0].document))
        document["verificationMethod"][0]["expires"] = f"{STOLEN:%Y-%m-%dT%H:%M:%SZ}"
        university.publish_document([university.key], verificationMethod=document["verificationMethod"])
        genuine = anchored(university.issue(), gazette, PRINTED)
        thief = university.robbed(ISSUED - timedelta(hours=6))
        thief.publish_document([thief.key], verificationMethod=document["verificationMethod"])
        forged = anchored(thief.issue(index=666), gazette, NOW - timedelta(hours=1))
        trust = requiring(university.trust, ONE, gazette)
        assert report(genuine, trust).verdict is Verdict.VALID
        found = report(forged, trust)
        assert evidence_step(found)[:2] == (Verdict.INVALID, "evidence-key-not-in-force")
        assert report(forged, believing(university.trust, gazette)).verdict is Verdict.VALID

    def test_the_true_notice_of_another_checkpoint_helps_him_nothing(
        self, university: University, gazette: Gazette
    ) -> None:
        genuine = anchored(university.issue(), gazette, PRINTED)
        forged = self.forged(university)
        trust = requiring(university.trust, ONE, gazette)
        both = replace(forged, evidence=(*forged.evidence, *genuine.evidence))
        assert report(both, trust).verdict is Verdict.INVALID, "evidence of another diploma"
        notices = tuple(item for item in genuine.evidence if item.kind == NOTICE)
        (own,) = (checkpoint(item) for item in forged.evidence)
        for added in (notices, tuple(replace(item, digest=own.digest) for item in notices)):
            found = report(replace(forged, evidence=(*forged.evidence, *added)), trust)
            assert found.verdict is not Verdict.VALID


class TestEachTakenAway:
    """The report names what is missing, and the verdict follows what is required."""

    @pytest.mark.quick(every=4)
    @pytest.mark.parametrize(
        ("requirement", "without"),
        [
            (Requirement(2, (A, B)), {A: False, B: False}),
            (Requirement(1, (A, B)), {A: True, B: True}),
            (Requirement(1, (A,)), {A: False, B: True}),
            (Requirement(2, (A, B, "gazette:c")), {A: True, B: True, "gazette:c": True}),
            (Requirement(1, (Requirement.all((A, B)), "gazette:c")), {A: True, B: True, "gazette:c": True}),
            (Requirement.all((Requirement(1, (A, B)), "gazette:c")), {A: True, B: True, "gazette:c": False}),
        ],
        ids=str,
    )
    def test_in_turn(
        self, university: University, requirement: Requirement, without: dict[str, bool]
    ) -> None:
        gazettes = {name: Gazette(name) for name in without}
        plain = university.issue()
        notices = {}
        for day, (name, gazette) in enumerate(gazettes.items()):
            whole = anchored(plain, gazette, PRINTED + timedelta(days=day))
            (notices[name],) = (item for item in whole.evidence if item.kind == NOTICE)
        trust = requiring(university.trust, requirement, *gazettes.values())
        for left_out, is_enough in without.items():
            kept = tuple(notice for name, notice in notices.items() if name != left_out)
            verdict, _, text = evidence_step(report(replace(plain, evidence=(*plain.evidence, *kept)), trust))
            assert verdict is (Verdict.VALID if is_enough else Verdict.UNDETERMINED)
            assert (
                f"has to be on {requirement}, and nothing shows it on {left_out}" in text
            ) is not is_enough
            assert is_enough or all(
                name not in text.partition("nothing")[2] for name in {*without} - {left_out}
            )
        whole = replace(plain, evidence=(*plain.evidence, *notices.values()))
        assert report(whole, trust).verdict is Verdict.VALID

    def test_two_checkpoints_each_on_another_ledger_count_together(self, university: University) -> None:
        """Each has what was the log's newest when its turn came."""
        gazettes = Gazette(A), Gazette(B)
        plain = university.issue()
        first = anchored(plain, gazettes[0], PRINTED)
        university.now += timedelta(days=1)
        university.issue(index=8)
        (entry,) = plain.evidence
        (index,) = (int(line[6:]) for line in entry.body.split(b"\n") if line.startswith(b"index "))
        second = anchored(
            replace(plain, evidence=(university.log.evidence(index),)),
            gazettes[1],
            PRINTED + timedelta(days=1),
        )
        both = replace(plain, evidence=(*first.evidence, *second.evidence))
        trust = requiring(university.trust, Requirement(2, (A, B)), *gazettes)
        verdict, _, text = evidence_step(report(both, trust))
        assert verdict is Verdict.VALID
        assert "by 2026-06-12 18:00Z (time: other ledgers" in text
        assert "its checkpoint on gazette:a by 2026-06-11 18:00Z" in text
        for alone, shown in ((first, A), (second, B), (plain, None)):
            found = report(alone, trust)
            problem = decided(found).problem
            assert problem
            assert (found.verdict, problem.facts.get("shown")) == (Verdict.UNDETERMINED, shown)

    def test_what_another_credential_is_on_is_none_of_this_one(
        self, university: University, gazette: Gazette
    ) -> None:
        early = anchored(university.issue(index=8), gazette, PRINTED)
        late = university.issue(index=9)
        shown = Holder().present(early.secured, late.secured)
        evidence = (*early.evidence, *late.evidence)
        both = Bundle(shown, evidence, tuple(university.documents), late.status_lists)
        found = verifier(requiring(university.trust, ONE, gazette), evidence_kinds=KNOWN).verify(
            both, now=NOW, challenge="challenge", domain="employer.example"
        )
        steps = {check.credential: check.outcome for check in found.checks if check.step == 8}
        assert steps == {0: Outcome.PASSED, 1: Outcome.UNDETERMINED}

    def test_what_another_signature_is_on_is_none_of_this_one(
        self, university: University, gazette: Gazette
    ) -> None:
        """Each is an entry of its own: the key of the one that was printed late had ended by then."""
        ended, other = university.key, PrivateKey.generate()
        document = did_web.document(university.did, {"assertionMethod": [ended.public_key, other.public_key]})
        document["verificationMethod"][0]["expires"] = f"{STOLEN:%Y-%m-%dT%H:%M:%SZ}"
        university.publish_document([], **document)
        signed = university.sign(university.sign(university.diploma(), ended), other)
        plain = university.bundle(signed)
        by_ended, by_other = (replace(plain, evidence=(item,)) for item in plain.evidence)
        late = STOLEN + timedelta(days=1)
        for times, verdict in (
            ((PRINTED, late), Verdict.VALID),
            ((late, PRINTED), Verdict.INVALID),
        ):
            gazette = Gazette(A)
            parts = [
                anchored(part, gazette, time) for part, time in zip((by_ended, by_other), times, strict=True)
            ]
            both = replace(plain, evidence=tuple(item for part in parts for item in part.evidence))
            found = report(both, requiring(university.trust, ONE, gazette))
            assert found.verdict is verdict, found.checks

    def test_an_old_checkpoint_on_a_new_ledger_needs_no_new_diploma(self, university: University) -> None:
        """Its time there is that of the new ledger: who still believes the old one asks for either."""
        old, new = Gazette(A), Gazette(B)
        bundle = anchored(university.issue(), old, PRINTED)
        both = also(bundle, new, STOLEN)
        assert both.secured == bundle.secured
        by_new = requiring(university.trust, Requirement(1, (B,)), new)
        assert "by 2026-06-21 12:00Z (time: other ledgers" in evidence_step(report(both, by_new))[2]
        either = requiring(university.trust, Requirement(1, (A, B)), old, new)
        assert "by 2026-06-11 18:00Z (time: other ledgers" in evidence_step(report(both, either))[2]


class TestALogThatWentBack:
    """A trusted header tells how far the log had come by then."""

    def knowing(self, university: University, time: datetime, newest: Checkpoint) -> Trust:
        (log,) = university.trust.logs
        known = replace(log, reached=Reached(newest.size, newest.root, time))
        return Trust.parse(Trust(university.trust.issuers, (known,)).to_bytes())

    def test_one_restored_from_yesterday_is_not_believed_by_who_knows_better(
        self, university: University
    ) -> None:
        yesterday = university.robbed(ISSUED)  # the same keys, and what the log had then
        before = university.issue()
        university.issue(index=8)
        trust = self.knowing(university, PRINTED, university.log.checkpoint())
        yesterday.now = PRINTED + timedelta(days=1)
        restored = yesterday.issue(index=9)
        assert report(restored, university.trust).verdict is Verdict.VALID
        found = report(restored, trust)
        assert evidence_step(found)[:2] == (Verdict.UNDETERMINED, "evidence-log-contradicted")
        assert report(before, trust).verdict is Verdict.VALID

    def test_nor_is_another_of_that_size(self, university: University) -> None:
        twin = university.robbed(ISSUED)
        genuine, forged = university.issue(index=8), twin.issue(index=9)
        (known,), (other,) = map(checkpoint, genuine.evidence), map(checkpoint, forged.evidence)
        assert known.size == other.size
        trust = self.knowing(university, PRINTED, known)
        assert report(genuine, trust).verdict is Verdict.VALID
        found = report(forged, trust)
        assert evidence_step(found)[:2] == (Verdict.UNDETERMINED, "evidence-log-contradicted")
        assert "come to 2 entries that are not those of its checkpoint" in decided(found).text

    def test_one_that_did_not_grow_since_is_signed_anew(self, university: University) -> None:
        university.now += timedelta(hours=2)
        bundle = university.issue()
        (same,) = map(checkpoint, bundle.evidence)
        earlier = university.now - timedelta(hours=1)
        assert report(bundle, self.knowing(university, earlier, same)).verdict is Verdict.VALID

    def test_without_a_time_a_smaller_one_may_be_of_before(self, university: University) -> None:
        bundle = university.issue()
        university.issue(index=8)
        (log,) = self.knowing(university, ISSUED, university.log.checkpoint()).logs
        trust = Trust(university.trust.issuers, (replace(log, clock=""),))
        assert report(bundle, trust).verdict is Verdict.VALID

    def test_clocks_may_differ_a_little(self, university: University) -> None:
        university.now += timedelta(minutes=5)
        bundle = university.issue()
        university.issue(index=8)
        newest = university.log.checkpoint()
        assert report(bundle, self.knowing(university, ISSUED, newest)).verdict is Verdict.VALID
