"""An issuer of ours that is trusted by its DID alone: what its document says is enough, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from did import METHODS, Resolver
from did.document import SIGNS
from did.methods import web as did_web
from keys import PrivateKey
from tests.world import COLLEGE, NOW, University, decided, verifier
from vc import Bundle, Report, Verdict
from vc.anchoring import anchoring_terms, document_digest
from verifier import RecognisedIssuer, Trust, Verifier
from verifier.policy import InTrustedLog, Policy
from wire import base64url_encode
from wire.datetimestamp import format_datetimestamp
from wire.fetch import NoFetcher

ENDS = format_datetimestamp(NOW + timedelta(days=30))
ENDED = format_datetimestamp(NOW - timedelta(days=30))

UNIVERSITY = University()
TERMS = [anchoring_terms(UNIVERSITY.log.origin)]
DIPLOMA = UNIVERSITY.sign({**UNIVERSITY.plain(), "termsOfUse": TERMS})
WHOLE = UNIVERSITY.bundle(DIPLOMA)
ALONE = Trust().adding(RecognisedIssuer(UNIVERSITY.did))


class Host(NoFetcher):
    """What the university publishes."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = orjson.dumps(document)

    def fetch(self, url: str, **_: Any) -> bytes:
        assert url == did_web.url(UNIVERSITY.did)
        return self._document


def document(**method: Any) -> dict[str, Any]:
    made = did_web.document(UNIVERSITY.did, {"assertionMethod": [UNIVERSITY.key.public_key]})
    return {**made, "verificationMethod": [{**made["verificationMethod"][0], **method}]}


SAYS = document(**{SIGNS: ["credentials"]})


def verify(
    shown: Mapping[str, Any] | Bundle,
    published: Mapping[str, Any] = SAYS,
    trust: Trust = ALONE,
    policy: Policy | None = None,
) -> Report:
    judge = Verifier(Resolver(METHODS, Host(published)), trust=trust)
    return judge.verify(shown, now=NOW, policy=policy)


def evidence(report: Report) -> str:
    return next(check.code for check in report.checks if check.name == "evidence")


@pytest.mark.parametrize("shown", [DIPLOMA, replace(WHOLE, issuer_documents=(), status_lists=())])
def test_its_document_says_that_the_key_is_for_diplomas(shown: Mapping[str, Any] | Bundle) -> None:
    """With evidence of the log, which is on no list, as without."""
    report = verify(shown)
    assert report.verdict is Verdict.VALID, report.checks
    assert evidence(report) == "evidence-not-compared"


@pytest.mark.parametrize(
    "published",
    [
        document(),
        document(**{SIGNS: ["credentials"], "expires": ENDS}),
        document(**{SIGNS: ["credentials"], "expires": ENDED}),
        document(**{SIGNS: ["credentials"], "revoked": ENDED}),
    ],
    ids=["it says nothing", "the key is to end", "the key ended", "the key was revoked"],
)
def test_one_that_says_less_leaves_it_open(published: Mapping[str, Any]) -> None:
    for shown in (DIPLOMA, replace(WHOLE, issuer_documents=(), status_lists=())):
        assert verify(shown, published).verdict is Verdict.UNDETERMINED


def test_a_log_that_is_bound_to_it_has_to_show_it() -> None:
    assert verify(DIPLOMA, trust=UNIVERSITY.trust).verdict is Verdict.UNDETERMINED
    assert verify(WHOLE, trust=UNIVERSITY.trust).verdict is Verdict.VALID


def test_evidence_that_contradicts_is_not_valid() -> None:
    other = UNIVERSITY.bundle(UNIVERSITY.sign(UNIVERSITY.plain(index=8)))
    report = verify(replace(WHOLE, issuer_documents=(), status_lists=(), evidence=other.evidence))
    assert report.verdict is Verdict.INVALID
    assert decided(report).name == "evidence"


def test_a_policy_asks_for_more() -> None:
    assert verify(DIPLOMA, policy=InTrustedLog()).verdict is Verdict.UNDETERMINED


def test_a_pinned_document_says_it_as_well_and_a_pinned_key_says_nothing() -> None:
    pins = (base64url_encode(document_digest(SAYS)),)
    trust = Trust().adding(RecognisedIssuer(UNIVERSITY.did, documents=pins))
    assert verify(DIPLOMA, trust=trust).verdict is Verdict.VALID
    assert verify(DIPLOMA, trust=UNIVERSITY.pinned).verdict is Verdict.UNDETERMINED
    stranger = document(
        **{SIGNS: ["credentials"], "publicKeyMultibase": PrivateKey.generate().public_key.multikey()}
    )
    assert verify(DIPLOMA, stranger, trust).verdict is Verdict.UNDETERMINED


def test_a_did_that_is_a_key_says_it_itself() -> None:
    diploma = COLLEGE.sign(
        {**UNIVERSITY.plain(), "issuer": {"id": COLLEGE.did, "type": ["Profile"]}, "termsOfUse": TERMS}
    )
    report = verifier(COLLEGE.trust).verify(diploma, now=NOW)
    assert report.verdict is Verdict.VALID, report.checks
    assert evidence(report) == "evidence-not-compared"
