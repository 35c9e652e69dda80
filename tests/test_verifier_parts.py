"""Parts of a bundle that the presenter chose: what they may and may not decide (invariants 12 and 13)."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from did.methods import web as did_web
from keys import PrivateKey
from ledger import EntryKind, entry, parse_entry
from tests.world import NOW, Holder, University, verifier
from vc import Anchored, Bundle, StatusList, Verdict, sign
from vc.anchoring import document_digest, log_entry
from vc.vcdm.status_lists import status_list_document
from verifier import RecognisedIssuer, Trust
from verifier.policy import AllOf, InTrustedLog, Recognised, StatusWithin
from wire import base64url_encode
from wire.datetimestamp import format_datetimestamp


def rotate(university: University) -> PrivateKey:
    """Gives it a new key; the former one is returned."""
    former, university.key = university.key, PrivateKey.generate()
    university.publish_document([university.key])
    return former


def list_by(university: University, key: PrivateKey, start: datetime, days: int = 30) -> Anchored:
    """A list in which nothing is revoked, in no log."""
    document = status_list_document(
        university.list_url, university.did, StatusList(), valid_from=start, lifetime=timedelta(days=days)
    )
    return Anchored(university.sign(document, key, created=start, suite="eddsa-jcs-2022"))


def anchored(university: University, listed: Anchored) -> Anchored:
    leaf = log_entry(listed.document, listed.document["proof"][0], EntryKind.STATUS_LIST)
    return replace(listed, evidence=(university.anchor(leaf),))


class TestStatusLists:
    @pytest.mark.parametrize("retired", [True, False])
    def test_a_signing_key_alone_revives_nothing(self, retired: bool) -> None:
        """A thief, or whoever kept a retired key, makes a new list, and leaves the newer document out."""
        university = University()
        honest, stolen = university.issue(index=7), university.key
        university.revoke(7, "fraud")
        university.now += timedelta(minutes=10)
        if retired:
            rotate(university)
        strict = AllOf((Recognised(), InTrustedLog(), StatusWithin(timedelta(days=1))))
        later = NOW + timedelta(days=400)
        forged = replace(
            honest,
            issuer_documents=(university.documents[0],),
            status_lists=(list_by(university, stolen, later),),
        )
        judge = verifier(university.trust)
        assert judge.verify(university.bundle(honest.secured), now=NOW).verdict is Verdict.INVALID
        report = judge.verify(forged.to_bytes(), now=later, policy=strict)
        assert report.verdict is Verdict.UNDETERMINED
        assert "should be in the log of its issuer" in next(
            found.text for found in report.checks if found.name == "status"
        )

    def test_of_an_issuer_without_a_log_a_signed_list_is_enough(self) -> None:
        university = University()
        diploma = university.diploma()
        del diploma["termsOfUse"]
        bundle = Bundle(university.sign(diploma), (), (), (list_by(university, university.key, NOW),))
        assert verifier(university.pinned).verify(bundle, now=NOW)

    def test_a_newer_list_that_ended_early_takes_nothing_from_an_older_one(self) -> None:
        university = University()
        bundle = university.issue(index=7)
        old = anchored(university, list_by(university, university.key, NOW - timedelta(hours=1)))
        brief = anchored(university, list_by(university, university.key, NOW - timedelta(minutes=50), days=0))
        for lists in ((old, brief), (brief, old), (old,)):
            report = verifier(university.trust).verify(replace(bundle, status_lists=lists), now=NOW)
            assert report
            assert report.status_time == NOW - timedelta(hours=1)
        ended = verifier(university.trust).verify(replace(bundle, status_lists=(brief,)), now=NOW)
        assert ended.verdict is Verdict.UNDETERMINED

    def test_a_list_whose_key_is_left_out_is_not_passed_over(self) -> None:
        """The newer list tells of a revocation, by a key whose document the presenter left out."""
        university = University()
        bundle = university.issue(index=7)
        university.now += timedelta(minutes=5)
        rotate(university)
        university.revoke(7)
        lists = (*bundle.status_lists, *university.status_lists())
        whole = replace(bundle, issuer_documents=tuple(university.documents), status_lists=lists)
        judge = verifier(university.trust)
        assert judge.verify(whole, now=NOW).verdict is Verdict.INVALID
        less = replace(whole, issuer_documents=whole.issuer_documents[:1])
        assert judge.verify(less, now=NOW).verdict is Verdict.UNDETERMINED


class TestDocuments:
    @pytest.mark.parametrize("order", [1, -1])
    def test_the_order_of_pinned_documents_is_that_of_the_trust_file(self, order: int) -> None:
        university, new = University(), PrivateKey.generate()
        documents = [
            did_web.document(university.did, {"assertionMethod": [key.public_key]})
            for key in (university.key, new)
        ]
        pinned = tuple(base64url_encode(document_digest(document)) for document in documents)
        trust = Trust((RecognisedIssuer(university.did, documents=pinned),))
        diploma = university.plain()
        by_old, by_new = (university.sign(diploma, key) for key in (university.key, new))
        supplied = tuple(map(Anchored, documents[::order]))
        judge = verifier(trust)
        assert judge.verify(Bundle(by_old, (), supplied), now=NOW).verdict is Verdict.UNDETERMINED
        withheld = Bundle(by_old, (), (Anchored(documents[0]),))
        assert judge.verify(withheld, now=NOW).verdict is Verdict.UNDETERMINED
        assert judge.verify(Bundle(by_new, (), supplied), now=NOW).verdict is Verdict.VALID


class TestEvidence:
    def test_a_newer_checkpoint_says_nothing_against_an_older_one(self) -> None:
        """The key ends between the two; that the log had the diploma before is shown by the first."""
        university = University()
        end = university.now + timedelta(minutes=30)
        document = did_web.document(university.did, {"assertionMethod": [university.key.public_key]})
        document["verificationMethod"][0]["expires"] = format_datetimestamp(end)
        leaf = entry(EntryKind.DID_DOCUMENT, document_digest(document))
        university.documents = [Anchored(document, (university.anchor(leaf),))]
        bundle = university.issue(index=7)
        university.now = end + timedelta(minutes=10)
        university.anchor(entry(EntryKind.CREDENTIAL, bytes(32)))
        leaf = log_entry(bundle.secured, bundle.secured["proof"][0])
        (index,) = university.log.append([leaf], parse_entry(leaf).digest)
        newer = university.log.evidence(index)
        judge = verifier(university.trust)
        for evidence, wanted in (
            (bundle.evidence, Verdict.VALID),
            ((*bundle.evidence, newer), Verdict.VALID),
            ((newer, *bundle.evidence), Verdict.VALID),
            ((newer,), Verdict.INVALID),
        ):
            assert judge.verify(replace(bundle, evidence=evidence), now=NOW).verdict is wanted


@pytest.mark.parametrize("other", [1, 1.0])
def test_a_context_is_compared_as_json_and_not_as_python(other: float) -> None:
    """True == 1 in Python; in JSON, and so to the signature, these are two things."""
    issuer = Holder()
    document = {
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            {"@protected": True, "grade": "urn:example:grade"},
        ],
        "type": ["VerifiableCredential"],
        "issuer": issuer.did,
        "credentialSubject": {"id": "urn:example:1", "grade": "A"},
    }
    method = f"{issuer.did}#{issuer.did.removeprefix('did:key:')}"
    signed = sign(document, issuer.key, verification_method=method, suite="eddsa-jcs-2022", created=NOW)
    judge = verifier(Trust((RecognisedIssuer(issuer.did),)))
    assert judge.verify(json.dumps(signed).encode(), now=NOW)
    altered = copy.deepcopy(signed)
    altered["@context"][1]["@protected"] = other
    assert judge.verify(json.dumps(altered).encode(), now=NOW).verdict is Verdict.INVALID


def test_recognised_for_one_kind_is_not_recognised_for_what_has_no_kind() -> None:
    issuer = Holder()
    document = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiableCredential"],
        "issuer": issuer.did,
        "credentialSubject": {"id": "urn:example:1"},
    }
    method = f"{issuer.did}#{issuer.did.removeprefix('did:key:')}"
    signed = sign(document, issuer.key, verification_method=method, created=NOW)
    for types, wanted in (
        ((), Verdict.VALID),
        (("VerifiableCredential",), Verdict.VALID),
        (("OpenBadgeCredential",), Verdict.INVALID),
    ):
        trust = Trust((RecognisedIssuer(issuer.did, types=types),))
        assert verifier(trust).verify(signed, now=NOW).verdict is wanted
