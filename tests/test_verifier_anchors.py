"""Diplomas whose log's checkpoints are on another ledger, too, which a policy can ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from did.methods import web as did_web
from keys import PrivateKey
from ledger import KINDS, Checkpoint, Evidence, EvidenceKind, Fact, OfEntries, TrustPolicy
from ledger.evidence import parse_proof
from tests.gazette import NAME, NOTICE, NOTICES, Gazette
from tests.world import NOW, Holder, University, verifier
from vc import Anchored, Bundle, Report, Verdict
from vc.anchoring import anchoring_terms, document_digest
from vc.forms import FORMS
from verifier import Trust
from verifier.policy import Policy, load_policy

PRINTED = NOW - timedelta(hours=1)
KNOWN = {**KINDS, NOTICE: NOTICES}
ASKED = load_policy({"allOf": ["anchored", {"anchoredOn": NAME}]})


def checkpoint(evidence: Evidence) -> Checkpoint:
    return Checkpoint.parse(parse_proof(evidence.body)[2])


def anchored(bundle: Bundle, gazette: Gazette, now: datetime = PRINTED) -> Bundle:
    """With what an issue of the gazette shows of each checkpoint in the bundle, wherever it is."""

    def more(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
        return (*filter(None, map(gazette.collect, map(checkpoint, evidence))), *evidence)

    parts: list[Bundle | Anchored] = [bundle, *bundle.issuer_documents, *bundle.status_lists]
    gazette.submit([checkpoint(item) for part in parts for item in part.evidence])
    gazette.print(now)
    documents, lists = (
        tuple(replace(part, evidence=more(part.evidence)) for part in of)
        for of in (bundle.issuer_documents, bundle.status_lists)
    )
    return replace(bundle, evidence=more(bundle.evidence), issuer_documents=documents, status_lists=lists)


def believing(trust: Trust, *gazettes: Gazette) -> Trust:
    """With these gazettes for each of its logs, and what they printed so far."""
    ledgers = tuple(gazette.trusted for gazette in gazettes)
    return Trust(trust.issuers, tuple(replace(log, ledgers=ledgers) for log in trust.logs))


def judged(
    shown: Bundle | Mapping[str, object],
    trust: Trust,
    policy: Policy | None = ASKED,
    now: datetime = NOW,
    kinds: Mapping[str, EvidenceKind] = KNOWN,
    **asked: Any,
) -> tuple[Verdict, str]:
    judge = verifier(trust, evidence_kinds=kinds)
    report: Report = judge.verify(shown, now=now, policy=policy, **asked)
    return report.verdict, " ".join(check.text for check in report.checks)


@pytest.fixture
def gazette() -> Gazette:
    return Gazette()


def test_a_policy_asks_for_another_ledger(gazette: Gazette) -> None:
    university = University()
    plain = university.issue()
    bundle = anchored(plain, gazette)
    trust = Trust.parse(believing(university.trust, gazette).to_bytes())
    verdict, said = judged(Bundle.parse(bundle.to_bytes(), FORMS), trust)
    assert verdict is Verdict.VALID, said
    assert f"of the log {university.log.origin} by 2026-07-01 10:00Z (time: the issuer's own clock)" in said
    assert "; its checkpoint on gazette:example by 2026-07-01 11:00Z" in said
    for lacking, kinds in ((plain, KNOWN), (bundle, KINDS)):
        verdict, said = judged(lacking, trust, kinds=kinds)
        assert verdict is Verdict.UNDETERMINED
        assert "there is no evidence from 'gazette:example'" in said
        assert judged(lacking, trust, None, kinds=kinds)[0] is Verdict.VALID


def test_what_the_trust_file_does_not_name_is_left_aside_by_name(gazette: Gazette) -> None:
    """How its evidence is verified, the verifier knows; whether it is believed, the trust file says."""
    university, other = University(), Gazette("gazette:other")
    bundle = anchored(university.issue(), gazette)
    for gazettes in ((), (other,), (Gazette(),)):  # the last knows no issue
        trust = believing(university.trust, *gazettes)
        verdict, said = judged(bundle, trust)
        assert (verdict, "there is no evidence from 'gazette:example'" in said) == (
            Verdict.UNDETERMINED,
            True,
        )
        verdict, said = judged(bundle, trust, None)
        assert verdict is Verdict.VALID
        assert "left aside: evidence of the kind 'gazette.example/notice@v1' is by no ledger" in said
        assert "gazette:example" not in said
    both = believing(university.trust, other, gazette)
    assert judged(bundle, both)[0] is Verdict.VALID


def test_a_ledger_is_believed_for_the_log_that_names_it(gazette: Gazette) -> None:
    """One that is on the list for somebody else's log says nothing here."""
    university, other = University(), University("other.example")
    bundle = anchored(university.issue(), gazette)
    trust = university.trust.joined(believing(other.trust, gazette))
    assert judged(bundle, trust)[0] is Verdict.UNDETERMINED
    assert (
        judged(anchored(other.issue(), gazette), other.trust.joined(believing(university.trust, gazette)))[0]
        is Verdict.UNDETERMINED
    )
    trust = believing(university.trust, gazette).joined(other.trust)
    assert judged(bundle, trust)[0] is Verdict.VALID


def test_parameters_that_the_kind_does_not_read_leave_its_evidence_aside(gazette: Gazette) -> None:
    """They are the trust file's fault, and no fault of the diploma."""
    university = University()
    bundle = anchored(university.issue(), gazette)
    [log] = university.trust.logs
    broken = replace(gazette.trusted, parameters={"0a": "yesterday"})
    trust = Trust(university.trust.issuers, (replace(log, ledgers=(broken,)),))
    verdict, said = judged(bundle, trust, None)
    assert (verdict, "of the ledger gazette:example is not read here" in said) == (Verdict.VALID, True), said
    assert judged(bundle, trust)[0] is Verdict.UNDETERMINED


def test_no_ledger_stands_for_a_log_that_a_diploma_names(gazette: Gazette) -> None:
    """Though it be called like that log: it shows no diploma, only the checkpoint of some log."""
    university, named = University(), "log.example/diplomas"
    document = university.diploma()
    document["termsOfUse"] = [*document["termsOfUse"], anchoring_terms(named)]
    gazette.name = named
    bundle = anchored(university.issue(document), gazette)
    verdict, said = judged(bundle, believing(university.trust, gazette), None)
    assert (verdict, f"it should be in the log {named!r}" in said) == (Verdict.UNDETERMINED, True), said


def test_a_notice_counts_beside_its_log_alone(gazette: Gazette) -> None:
    """That a checkpoint exists is no word for whoever signed it."""
    university = University()
    bundle = anchored(university.issue(), gazette)
    trust = believing(university.trust, gazette)
    unlogged = replace(bundle, evidence=tuple(item for item in bundle.evidence if item.kind == NOTICE))
    assert judged(unlogged, trust, None)[0] is Verdict.UNDETERMINED
    stranger = Trust((university.trust.issuers[0],))
    assert judged(bundle, stranger, load_policy({"anchoredOn": NAME}))[0] is Verdict.UNDETERMINED


def test_a_notice_that_does_not_hold_is_refused(gazette: Gazette) -> None:
    university = University()
    bundle = anchored(university.issue(), gazette)
    notice, *others = bundle.evidence
    altered = replace(bundle, evidence=(replace(notice, body=b"other news\n"), *others))
    assert judged(altered, believing(university.trust, gazette), None)[0] is Verdict.INVALID
    gazette.printed = {issue: NOW + timedelta(hours=1) for issue in gazette.printed}
    verdict, said = judged(bundle, believing(university.trust, gazette))
    assert (verdict, "later than the moment asked about" in said) == (Verdict.UNDETERMINED, True), said


def test_no_notice_brings_a_key_back(gazette: Gazette) -> None:
    """Signed with a key that was given up: a later time by another ledger changes nothing."""
    university = University()
    old = university.key
    university.key = PrivateKey.generate()
    university.publish_document([university.key])
    forged = university.bundle(university.sign(university.diploma(), old))
    bundle = anchored(forged, gazette)
    assert judged(bundle, believing(university.trust, gazette), None)[0] is Verdict.INVALID


def test_a_log_that_is_called_like_a_chain_is_none(gazette: Gazette) -> None:
    university = University("eip155:1")
    asked = load_policy({"anchoredOn": university.log.origin})
    verdict, said = judged(university.issue(), university.trust, asked)
    assert (verdict, "there is no evidence from" in said) == (Verdict.UNDETERMINED, True), said


def test_the_time_of_another_ledger_shows_that_it_is_from_before(gazette: Gazette) -> None:
    """Where the log states no time, and its issuer is recognised until a day that is over."""
    university = University()
    bundle = anchored(university.issue(), gazette)
    [log], [issuer] = university.trust.logs, university.trust.issuers
    trust = Trust((replace(issuer, until=date(2026, 7, 1)),), (replace(log, clock=""),))
    late = NOW + timedelta(days=3)
    assert judged(bundle, believing(trust, gazette), None, late)[0] is Verdict.VALID
    assert judged(bundle, trust, None, late)[0] is Verdict.UNDETERMINED


def test_each_credential_of_a_presentation_by_its_own(gazette: Gazette) -> None:
    university, holder = University(), Holder()
    bundles = [university.issue(index=index) for index in (7, 8)]
    shown = holder.present(*(bundle.secured for bundle in bundles))
    evidence = tuple(item for bundle in bundles for item in bundle.evidence)
    lists = university.status_lists()
    both = anchored(Bundle(shown, evidence, tuple(university.documents), lists), gazette)
    trust = believing(university.trust, gazette)
    made: dict[str, Any] = {"challenge": "challenge", "domain": "employer.example"}
    verdict, said = judged(both, trust, **made)
    assert verdict is Verdict.VALID, said
    one = gazette.collect(checkpoint(evidence[1]))
    less = replace(both, evidence=tuple(item for item in both.evidence if item != one))
    assert len(less.evidence) == len(both.evidence) - 1
    assert judged(less, trust, **made)[0] is Verdict.UNDETERMINED


def test_what_shows_an_entry_without_its_place_is_left_aside(gazette: Gazette) -> None:
    """Anybody can have any digest printed: only places in a log tell what came before a key's end."""

    def vouch(about: bytes, evidence: Evidence, trust: TrustPolicy) -> Fact:
        return Fact(evidence.kind, "wall:example", PRINTED, "wall")

    university = University()
    bundle = university.issue()
    [logged] = bundle.evidence
    scrawled = replace(logged, kind="wall.example/scrawl")
    kinds = {**KINDS, scrawled.kind: OfEntries(vouch)}
    documents = tuple(
        replace(part, evidence=(replace(part.evidence[0], kind=scrawled.kind), *part.evidence))
        for part in bundle.issuer_documents
    )
    asked = load_policy({"anchoredOn": "wall:example"})
    both = replace(bundle, evidence=(scrawled, logged), issuer_documents=documents)
    verdict, said = judged(both, university.trust, None, kinds=kinds)
    assert (verdict, "left aside: 'wall:example' shows no place in a log" in said) == (Verdict.VALID, True), (
        said
    )
    assert judged(both, university.trust, asked, kinds=kinds)[0] is Verdict.UNDETERMINED
    alone = replace(both, evidence=(scrawled,))
    assert judged(alone, university.trust, None, kinds=kinds)[0] is Verdict.UNDETERMINED


def test_what_shows_a_document_without_its_place_binds_nothing() -> None:
    """Anybody can have any document printed, also one with a key of his own."""
    university, thief = University(), PrivateKey.generate()
    plain = university.plain()
    document = did_web.document(university.did, {"assertionMethod": [thief.public_key]})
    scrawl = Evidence("wall.example/scrawl", document_digest(document), b"")
    wall = OfEntries(lambda *_: Fact(scrawl.kind, "wall:example", PRINTED, "wall"))
    forged = Bundle(university.sign(plain, thief), issuer_documents=(Anchored(document, (scrawl,)),))
    by_name = Trust(university.trust.issuers)
    verdict, said = judged(forged, by_name, None, kinds={**KINDS, scrawl.kind: wall})
    assert verdict is Verdict.UNDETERMINED, said
