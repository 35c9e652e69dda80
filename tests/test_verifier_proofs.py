"""Several proofs: those that are known here decide, the others are named and not counted."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from did.methods import jwk as did_jwk
from did.methods import key as did_key
from keys import PrivateKey
from tests.world import NOW, Holder, University, verifier
from vc import Bundle, Outcome, Report, Verdict, sign
from vc.forms.integrity import UnknownCryptosuite
from verifier import RecognisedIssuer, Trust, load_policy

UNIVERSITY = University()
SIGNED = UNIVERSITY.sign(UNIVERSITY.diploma(index=60))
UNKNOWN: dict[str, dict[str, Any]] = {
    "Ed25519Signature2018": {
        "type": "Ed25519Signature2018",
        "created": "2026-06-30T00:00:00Z",
        "verificationMethod": f"{UNIVERSITY.did}#key-1",
        "proofPurpose": "assertionMethod",
        "proofValue": "z3JC6bnmG4ytKmgWHYSkdUBmzJVuUv7z6JgzB6jCRTsxKgwD1J2CGhv8Xz1kwRgU5uH9q5zgJq7VXn8rL3yYQ",
    },
    "BbsBlsSignature2020": {"type": "BbsBlsSignature2020", "nonce": "x"},
    "falcon-2027": {
        "type": "DataIntegrityProof",
        "cryptosuite": "falcon-2027",
        "verificationMethod": "did:example:another#key",
        "proofPurpose": "authentication",
        "proofValue": "u",
    },
}

every_unknown = pytest.mark.parametrize("name", UNKNOWN)


def check(secured: Any = SIGNED, **options: Any) -> Report:
    bundle = secured if isinstance(secured, Bundle) else UNIVERSITY.bundle(secured)
    return verifier(UNIVERSITY.trust).verify(bundle, now=NOW, **options)


def beside(*proofs: Any) -> Bundle:
    return replace(UNIVERSITY.bundle(SIGNED), secured={**SIGNED, "proof": list(proofs)})


def said(report: Report) -> str:
    return " ".join(found.text for found in report.checks)


class TestUnknown:
    @every_unknown
    def test_beside_a_known_proof_it_is_named_and_not_counted(self, name: str) -> None:
        for proofs in ((*SIGNED["proof"], UNKNOWN[name]), (UNKNOWN[name], *SIGNED["proof"])):
            report = check(beside(*proofs))
            assert report.verdict is Verdict.VALID, report.to_dict()
            assert f"not counted, being of a kind that is not known here: '{name}'" in said(report)

    @every_unknown
    def test_alone_it_leaves_the_verdict_open(self, name: str) -> None:
        report = check(beside(UNKNOWN[name]))
        assert report.verdict is Verdict.UNDETERMINED
        assert isinstance(report.deciding and report.deciding.problem, UnknownCryptosuite)

    @every_unknown
    def test_beside_somebody_elses_it_may_be_the_issuers(self, name: str) -> None:
        signed = Holder().sign(UNIVERSITY.diploma(index=61))
        assert check(signed).verdict is Verdict.INVALID
        both = {**signed, "proof": [*signed["proof"], UNKNOWN[name]]}
        assert check(both).verdict is Verdict.UNDETERMINED

    @every_unknown
    def test_a_bad_one_beside_it_still_refuses_the_whole(self, name: str) -> None:
        bad = {**SIGNED["proof"][0], "created": "2026-06-29T00:00:00Z"}
        assert check(beside(bad, UNKNOWN[name])).verdict is Verdict.INVALID

    @pytest.mark.parametrize("suite", ["eddsa-rdfc-2022", "eddsa-jcs-2022"])
    def test_a_presentation_with_one_beside(self, suite: str) -> None:
        shown = Holder().present(SIGNED)
        bundle = UNIVERSITY.bundle(SIGNED)
        shown["proof"].append({**UNKNOWN["falcon-2027"], "cryptosuite": f"{suite}-next"})
        report = check(replace(bundle, secured=shown), challenge="challenge", domain="employer.example")
        assert report.verdict is Verdict.VALID, report.to_dict()
        holder = next(found for found in report.checks if found.name == "holder")
        assert f"'{suite}-next'" in holder.text

    def test_a_status_list_with_one_beside(self) -> None:
        bundle = UNIVERSITY.bundle(SIGNED)
        lists = tuple(
            replace(one, document={**one.document, "proof": [*one.document["proof"], UNKNOWN["falcon-2027"]]})
            for one in bundle.status_lists
        )
        assert check(replace(bundle, status_lists=lists)).verdict is Verdict.VALID

    def test_a_name_that_would_write_to_the_terminal_is_made_harmless(self) -> None:
        report = check(beside(*SIGNED["proof"], {"type": "\x1b[2J" + "x" * 200}))
        assert report.verdict is Verdict.VALID
        assert "\x1b" not in said(report)
        assert "x" * 100 not in said(report)


class TestMadeUnknown:
    """Making a known proof an unknown one is the same as removing it."""

    TWICE = UNIVERSITY.sign(UNIVERSITY.sign(UNIVERSITY.diploma(index=62)), suite="eddsa-jcs-2022")

    def made_unknown(self, document: dict[str, Any], place: int) -> dict[str, Any]:
        proofs = copy.deepcopy(document["proof"])
        proofs[place]["cryptosuite"] += "-next"
        return {**document, "proof": proofs}

    def removed(self, document: dict[str, Any], place: int) -> dict[str, Any]:
        return {**document, "proof": [one for n, one in enumerate(document["proof"]) if n != place]}

    @pytest.mark.quick(every=4)
    @pytest.mark.parametrize("policy", [None, "everyProof", {"suite": "eddsa-jcs-2022"}], ids=str)
    @pytest.mark.parametrize("place", [0, 1])
    def test_never_more_than_without_it(self, place: int, policy: Any) -> None:
        bundle = UNIVERSITY.bundle(self.TWICE)
        options = {} if policy is None else {"policy": load_policy(policy)}
        assert check(bundle, **options)
        less = check(replace(bundle, secured=self.removed(self.TWICE, place)), **options)
        relabelled = check(replace(bundle, secured=self.made_unknown(self.TWICE, place)), **options)
        assert bool(relabelled) <= bool(less)

    def test_where_the_policy_asks_for_every_proof(self) -> None:
        strict = load_policy({"allOf": ["recognised", "everyProof"]})
        report = check(beside(*SIGNED["proof"], UNKNOWN["falcon-2027"]), policy=strict)
        assert report.verdict is Verdict.UNDETERMINED
        assert "falcon-2027" in (report.deciding.text if report.deciding else "")

    def test_where_the_policy_asks_for_a_suite(self) -> None:
        policy = load_policy({"suite": "eddsa-jcs-2022"})
        assert check(SIGNED, policy=policy).verdict is Verdict.UNDETERMINED
        unknown = {**SIGNED["proof"][0], "cryptosuite": "eddsa-jcs-2022 "}
        assert check(beside(*SIGNED["proof"], unknown), policy=policy).verdict is Verdict.UNDETERMINED
        assert check(self.TWICE, policy=policy)

    def test_a_suite_that_somebody_else_used_is_not_the_issuers(self) -> None:
        signed = Holder().sign(SIGNED, suite="eddsa-jcs-2022")
        bundle = replace(UNIVERSITY.bundle(SIGNED), secured=signed)
        assert check(bundle)
        policy = load_policy({"suite": "eddsa-jcs-2022"})
        assert check(bundle, policy=policy).verdict is Verdict.UNDETERMINED

    def test_a_proof_that_builds_on_it_cannot_be_told(self) -> None:
        unknown = {**UNKNOWN["Ed25519Signature2018"], "id": "urn:example:1"}
        first = {**UNIVERSITY.diploma(index=63), "proof": [unknown]}
        chain = UNIVERSITY.sign(
            first, previous_proof="urn:example:1", proof_id="urn:example:2", suite="eddsa-jcs-2022"
        )
        report = check(chain)
        assert report.verdict is Verdict.UNDETERMINED
        assert "builds on" in said(report)

    def test_nor_does_a_chain_hold_whose_link_was_made_unknown(self) -> None:
        first = UNIVERSITY.sign(UNIVERSITY.diploma(index=64), proof_id="urn:example:1")
        chain = UNIVERSITY.sign(first, proof_id="urn:example:2", previous_proof="urn:example:1")
        bundle = UNIVERSITY.bundle(chain)
        assert check(bundle)
        for change in (self.made_unknown, self.removed):
            assert not check(replace(bundle, secured=change(chain, 0)))


class TestTwice:
    def test_the_same_proof_twice_is_one(self) -> None:
        report = check(beside(*SIGNED["proof"], *SIGNED["proof"]))
        assert report.verdict is Verdict.VALID, report.to_dict()
        bad = {**SIGNED["proof"][0], "created": "2026-06-29T00:00:00Z"}
        assert check(beside(bad, bad)).verdict is Verdict.INVALID

    def test_in_a_chain_and_under_a_presentation(self) -> None:
        first = UNIVERSITY.sign(UNIVERSITY.diploma(index=65), proof_id="urn:example:1")
        chain = UNIVERSITY.sign(
            first, proof_id="urn:example:2", previous_proof="urn:example:1", suite="eddsa-jcs-2022"
        )
        bundle = UNIVERSITY.bundle(chain)
        proofs = chain["proof"]
        assert check(replace(bundle, secured={**chain, "proof": [proofs[0], *proofs]}))
        shown = Holder().present(SIGNED)
        shown["proof"] *= 2
        options = {"challenge": "challenge", "domain": "employer.example"}
        assert check(replace(UNIVERSITY.bundle(SIGNED), secured=shown), **options)

    def test_what_python_takes_for_equal_is_not_the_same(self) -> None:
        """1 and true are two values: that with true was never signed."""
        signed = UNIVERSITY.sign(UNIVERSITY.diploma(index=66), suite="eddsa-jcs-2022")
        (proof,) = signed["proof"]
        one, true = ({**proof, "example": value} for value in (1, True))
        assert check({**signed, "proof": [one, true]}).verdict is Verdict.INVALID


class TestBareDID:
    """A DID without a fragment as `verificationMethod` names the only method that there is."""

    @pytest.mark.parametrize("create", [did_key.create, did_jwk.create])
    def test_of_a_key(self, create: Any) -> None:
        key = PrivateKey.generate()
        did = create(key.public_key)
        document = UNIVERSITY.plain(index=67, issuer=did)
        signed = sign(document, key, verification_method=did, created=NOW)
        trust = Trust().adding(RecognisedIssuer(did))
        report = verifier(trust).verify(signed, now=NOW)
        assert report.verdict is Verdict.VALID, report.to_dict()
        other = sign(document, PrivateKey.generate(), verification_method=did, created=NOW)
        assert verifier(trust).verify(other, now=NOW).verdict is Verdict.INVALID

    def test_of_an_organisation_whose_keys_change_it_names_none(self) -> None:
        """Its only key today need not be the one that signed: nobody is called a forger for that."""
        signed = sign(
            UNIVERSITY.diploma(index=68), UNIVERSITY.key, verification_method=UNIVERSITY.did, created=NOW
        )
        report = check(signed)
        assert report.verdict is Verdict.UNDETERMINED, report.to_dict()
        assert [found.outcome for found in report.checks if found.name == "issuer"] == [Outcome.UNDETERMINED]
