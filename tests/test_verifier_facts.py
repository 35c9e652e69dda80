"""What a suite's signature covers and what a DID method is like they say themselves: names decide nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from did import DID, METHODS, Document, Method, Resolver
from did.methods import key as did_key
from keys import PrivateKey
from tests.world import NOW, University, verifier
from vc import SUITES, Verdict, sign
from vc.forms.integrity import DataIntegritySuite
from verifier import RecognisedIssuer, Trust, Verifier
from wire.fetch import Fetcher, NoFetcher

KEY = PrivateKey.generate()


def document(issuer: str, **change: Any) -> dict[str, Any]:
    return University().plain(issuer=issuer, **change)


@pytest.mark.parametrize(
    ("like", "name", "verdict"),
    [
        ("eddsa-jcs-2022", "example-2026", Verdict.UNDETERMINED),
        ("eddsa-rdfc-2022", "example-rdfc-like-jcs", Verdict.VALID),
    ],
)
def test_whether_contexts_are_signed_is_a_fact_of_the_suite(like: str, name: str, verdict: Verdict) -> None:
    standard = SUITES[like]
    assert isinstance(standard, DataIntegritySuite)
    suites = {**SUITES, name: replace(standard, name=name)}
    did = did_key.create(KEY.public_key)
    signed = sign(
        document(did),
        KEY,
        verification_method=f"{did}#{KEY.public_key.multikey()}",
        created=NOW,
        suite=name,
        suites=suites,
    )
    judge = verifier(Trust().adding(RecognisedIssuer(did)), suites=suites)
    assert judge.verify(signed, now=NOW)
    signed["@context"] = [*signed["@context"], "https://www.w3.org/ns/did/v1"]
    assert judge.verify(signed, now=NOW).verdict is verdict


def test_whether_a_did_speaks_for_itself_is_a_fact_of_the_method() -> None:
    def resolve(did: DID, fetcher: Fetcher) -> Document:
        assert fetcher
        key = did_key.resolve(DID("key", did.method_specific_id), NoFetcher()).value
        method = {**key["verificationMethod"][0], "id": f"{did}#0", "controller": str(did)}
        return Document.parse({"id": str(did), "assertionMethod": [method]}, str(did))

    multikey = KEY.public_key.multikey()
    did = f"did:example:{multikey}"
    signed = sign(document(did), KEY, verification_method=f"{did}#0", created=NOW)
    trust = Trust().adding(RecognisedIssuer(did))
    found = {}
    for fact in (True, False):
        methods = {**METHODS, "example": Method(resolve, self_certifying=fact, rotates=not fact)}
        report = Verifier(Resolver(methods, NoFetcher()), trust=trust).verify(signed, now=NOW)
        found[fact] = next(check.text for check in report.checks if check.name == "issuer")
    assert found[True].endswith("the key is the identifier itself")
    assert found[False].endswith(f"the key is in the document that {did} publishes")
