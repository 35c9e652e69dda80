"""`Ed25519Signature2020`: verified by the rules of every suite, with its context and a date; never made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from keys import PrivateKey
from tests.world import NOW, Holder, University, decided, verifier
from vc import SUITES, Bundle, Outcome, Report, UnknownCryptosuite, Verdict, sign
from vc.vcdm.presentation import presentation
from vc.vcdm.status_lists import status_list_document
from verifier import RecognisedIssuer, Trust, load_policy
from wire.datetimestamp import format_datetimestamp
from wire.work import Work

NAME = "Ed25519Signature2020"
CONTEXT = "https://w3id.org/security/suites/ed25519-2020/v1"
UNIVERSITY = University()
KEY = UNIVERSITY.key
METHOD = f"{UNIVERSITY.did}#{KEY.public_key.multikey()}"
TRUST = Trust().adding(RecognisedIssuer(UNIVERSITY.did, keys=(KEY.public_key.multikey(),)))


def diploma(**change: Any) -> dict[str, Any]:
    document = UNIVERSITY.plain()
    return {**document, "@context": [*document["@context"], CONTEXT], **change}


def signed(document: Mapping[str, Any], key: PrivateKey = KEY, **change: Any) -> dict[str, Any]:
    """As its makers' programs do, which this one does not: the row of the mapping can, `sign` refuses."""
    options = {
        "type": NAME,
        "created": "2026-06-30T00:00:00Z",
        "verificationMethod": METHOD,
        "proofPurpose": "assertionMethod",
        **change,
    }
    options = {name: value for name, value in options.items() if value is not None}
    return {**document, "proof": SUITES[NAME].create(document, options, key, Work())}


def check(document: Mapping[str, Any] | Bundle, **options: Any) -> Report:
    return verifier(TRUST).verify(document, now=NOW, **options)


SIGNED = signed(diploma())


def test_it_counts_as_any_other_proof_does() -> None:
    assert check(SIGNED)
    assert check(SIGNED, policy=load_policy({"suite": NAME}))
    both = sign(SIGNED, KEY, verification_method=METHOD, created=NOW)
    assert check(both, policy=load_policy("everyProof"))
    for place, name in ((0, "created"), (1, "created")):
        proofs = [dict(proof) for proof in both["proof"]]
        proofs[place][name] = "2026-06-29T00:00:00Z"
        assert check({**both, "proof": proofs}).verdict is Verdict.INVALID


@pytest.mark.parametrize(
    "change",
    [
        {"validFrom": "2026-06-29T00:00:00Z"},
        {"proof": {**SIGNED["proof"], "created": "2026-06-29T00:00:00Z"}},
        {"proof": {**SIGNED["proof"], "nonce": "x"}},
        {"proof": {**SIGNED["proof"], "expires": "2030-01-01T00:00:00Z"}},
        {"proof": {**SIGNED["proof"], "proofPurpose": "authentication"}},
        {"proof": {**SIGNED["proof"], "proofValue": "u" + SIGNED["proof"]["proofValue"][1:]}},
        {"proof": {name: value for name, value in SIGNED["proof"].items() if name != "created"}},
        {"proof": {name: value for name, value in SIGNED["proof"].items() if name != "proofValue"}},
    ],
)
def test_no_change_goes_unnoticed(change: dict[str, Any]) -> None:
    assert check({**SIGNED, **change}).verdict is Verdict.INVALID


def test_it_has_a_date_even_where_the_signature_fits_without() -> None:
    assert check(signed(diploma(), created=None)).verdict is Verdict.INVALID


def test_a_proof_that_is_over_or_dated_ahead() -> None:
    over = signed(diploma(), expires="2026-06-30T12:00:00Z")
    assert check(over).verdict is Verdict.INVALID
    assert check(signed(diploma(), created="2026-07-02T00:00:00Z")).verdict is Verdict.UNDETERMINED


def test_only_its_own_context_says_what_it_is() -> None:
    """Else a context of the document's own could call anything so."""
    document = diploma()
    *others, _ = document["@context"]
    own = {"Ed25519Signature2020": "https://w3id.org/security#Ed25519Signature2020"}
    terms = {
        name: f"https://w3id.org/security#{name}"
        for name in ("proofPurpose", "proofValue", "verificationMethod")
    }
    terms["created"] = "http://purl.org/dc/terms/created"
    report = check(signed({**document, "@context": [*others, {**own, **terms}]}))
    assert report.verdict is Verdict.UNDETERMINED
    assert CONTEXT in decided(report).text


def test_keys_are_ed25519() -> None:
    other = PrivateKey.generate("P-256")
    pins = (other.public_key.multikey(),)
    proof = {**SIGNED["proof"], "verificationMethod": f"{UNIVERSITY.did}#{pins[0]}"}
    trust = Trust().adding(RecognisedIssuer(UNIVERSITY.did, keys=pins))
    report = verifier(trust).verify({**SIGNED, "proof": proof}, now=NOW)
    assert report.verdict is Verdict.INVALID
    assert "does not work with keys of type P-256" in decided(report).text


@pytest.mark.parametrize(
    "change",
    [
        {"type": "DataIntegrityProof", "cryptosuite": NAME},
        {"type": "eddsa-rdfc-2022"},
        {"type": [NAME]},
        {"type": "https://w3id.org/security#Ed25519Signature2020"},
    ],
    ids=str,
)
def test_under_another_name_it_is_another_suite(change: dict[str, Any]) -> None:
    report = check({**SIGNED, "proof": {**SIGNED["proof"], **change}})
    assert report.verdict is Verdict.UNDETERMINED
    assert isinstance(decided(report).problem, UnknownCryptosuite)


def test_nothing_is_signed_with_it() -> None:
    with pytest.raises(UnknownCryptosuite, match="nothing is signed with it"):
        sign(diploma(), KEY, verification_method=METHOD, created=NOW, suite=NAME)


def test_it_draws_on_the_same_budget() -> None:
    def cost(document: Mapping[str, Any]) -> int:
        work = Work()
        assert check(document, work=work)
        return Work().left - work.left

    other = sign(diploma(), KEY, verification_method=METHOD, created=NOW)
    for document in (SIGNED, other):  # so that the contexts of both are read, whatever ran before
        check(document)
    assert abs(cost(SIGNED) - cost(other)) < 100
    report = check(SIGNED, work=Work(cost(SIGNED) - 1))
    assert report.verdict is Verdict.UNDETERMINED


def test_status_lists() -> None:
    """By the key of the diploma, in no log: read, believed, and refused once altered."""
    url = UNIVERSITY.list_url
    document = UNIVERSITY.diploma()
    del document["termsOfUse"]
    document = signed({**document, "@context": [*document["@context"], CONTEXT]})
    university = University()
    for revoked, verdict in ((0, Verdict.VALID), (1, Verdict.INVALID)):
        university.bits[7] = revoked
        listed = status_list_document(
            url, UNIVERSITY.did, university.bits, valid_from=NOW, lifetime=NOW - UNIVERSITY.now
        )
        listed = signed({**listed, "@context": [*listed["@context"], CONTEXT]})
        bundle = Bundle(document, status_lists=UNIVERSITY.status_lists()[:0])
        brought = replace(
            bundle, status_lists=(replace(UNIVERSITY.documents[0], document=listed, evidence=()),)
        )
        report = check(brought)
        status = next(found for found in report.checks if found.name == "status")
        assert report.verdict is verdict, report.to_dict()
        assert status.outcome is (Outcome.FAILED if revoked else Outcome.PASSED)
    altered = {**listed, "validFrom": "2026-06-30T00:00:00Z"}
    brought = replace(brought, status_lists=(replace(brought.status_lists[0], document=altered),))
    assert check(brought).verdict is Verdict.INVALID


def test_presentations() -> None:
    holder = Holder()
    document = presentation(holder.did, [SIGNED])
    document["@context"].append(CONTEXT)
    asked = {"challenge": "challenge", "domain": "employer.example"}
    options = {"verificationMethod": holder.method, "created": format_datetimestamp(NOW), **asked}
    shown = signed(document, holder.key, proofPurpose="authentication", **options)
    report = check(shown, **asked)
    assert (report.verdict, report.holder) == (Verdict.VALID, holder.did), report.to_dict()
    assert check(shown, **{**asked, "challenge": "another"}).verdict is Verdict.INVALID
