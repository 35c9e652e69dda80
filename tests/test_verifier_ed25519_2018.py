"""`Ed25519Signature2018`, a detached JWS, and the `@context` that old proofs carry themselves.

The proofs are made with pyld's canonical form, by each of the rules that their makers' programs follow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest

from keys import PrivateKey
from tests.fuzz.oracles import by_pyld
from tests.world import NOW, Holder, decided, verifier
from vc import Report, UnknownCryptosuite, Verdict, sign
from verifier import RecognisedIssuer, Trust, load_policy
from wire import base58_encode, base64url_encode
from wire.datetimestamp import format_datetimestamp

pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning")  # pyld's, about contexts

V1 = "https://www.w3.org/2018/credentials/v1"
V2 = "https://www.w3.org/ns/credentials/v2"
OWN_2018 = "https://w3id.org/security/suites/ed25519-2018/v1"
OWN_2020 = "https://w3id.org/security/suites/ed25519-2020/v1"
SECURITY = "https://w3id.org/security/v2"
HEADER = {"alg": "EdDSA", "b64": False, "crit": ["b64"]}
HOLDER = Holder()


def credential(*contexts: Any, **change: Any) -> dict[str, Any]:
    first = {"issuanceDate": "2026-01-01T00:00:00Z"} if contexts[0] == V1 else {}
    return {
        "@context": list(contexts),
        "id": "urn:uuid:1b4d6c1e-0000-4000-8000-000000000009",
        "type": ["VerifiableCredential"],
        "issuer": HOLDER.did,
        "credentialSubject": {"id": "did:example:s"},
        **first,
        **change,
    }


def hashes(document: Mapping[str, Any], options: Mapping[str, Any], read_by: Any) -> bytes:
    canonical = (by_pyld({**options, "@context": read_by}), by_pyld(dict(document)))
    return b"".join(sha256(form.encode()).digest() for form in canonical)


def signed(
    document: Mapping[str, Any],
    kind: str = "Ed25519Signature2018",
    *,
    own: Any = None,
    read_by: Any = None,
    header: Mapping[str, Any] | str = HEADER,
    key: PrivateKey = HOLDER.key,
    **change: Any,
) -> dict[str, Any]:
    """`read_by` is the context by which the maker's program reads the options, by default the document's."""
    options = {
        "type": kind,
        "created": "2026-01-01T00:00:00Z",
        "verificationMethod": HOLDER.method,
        "proofPurpose": "assertionMethod",
        **change,
    }
    data = hashes(document, options, read_by or document["@context"])
    if kind == "Ed25519Signature2020":
        value = {"proofValue": "z" + base58_encode(key.sign(data))}
    else:
        text = header if isinstance(header, str) else json.dumps(header)
        start = base64url_encode(text.encode())
        value = {"jws": f"{start}..{base64url_encode(key.sign(start.encode() + b'.' + data))}"}
    return {**document, "proof": {**({} if own is None else {"@context": own}), **options, **value}}


def check(document: Mapping[str, Any], **options: Any) -> Report:
    trust = Trust().adding(RecognisedIssuer(HOLDER.did))
    return verifier(trust).verify(document, now=NOW, **options)


SIGNED = signed(credential(V1))


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("contexts", "own", "read_by"),
    [
        ([V1], None, None),
        ([V1], None, SECURITY),  # as jsonld-signatures did up to its version 8
        ([V1, OWN_2020], None, None),
        ([V2, OWN_2018], None, None),
        ([V2], [OWN_2018], [OWN_2018]),
        ([V2], OWN_2018, [V2, OWN_2018]),
        ([V1], SECURITY, SECURITY),
        ([V2], [SECURITY], SECURITY),
        ([V1, OWN_2020], [V1], None),  # the start of the document's
    ],
)
@pytest.mark.parametrize("extra", [{}, {"domain": "a.example", "challenge": "c", "nonce": "n"}], ids=len)
def test_a_proof_of_2018_verifies(contexts: list[str], own: Any, read_by: Any, extra: dict[str, Any]) -> None:
    document = signed(credential(*contexts), own=own, read_by=read_by, **extra)
    report = check(document)
    assert report.verdict is Verdict.VALID, report.to_dict()
    altered = check({**document, "credentialSubject": {"id": "did:example:t"}})
    assert altered.verdict is Verdict.INVALID


def test_it_counts_as_any_other_proof_does() -> None:
    assert check(SIGNED, policy=load_policy({"suite": "Ed25519Signature2018"}))
    both = signed(credential(V1, "https://w3id.org/security/data-integrity/v2"))
    both = sign(both, HOLDER.key, verification_method=HOLDER.method, created=NOW)
    assert check(both, policy=load_policy("everyProof"))
    for place in (0, 1):
        proofs = [dict(proof) for proof in both["proof"]]
        proofs[place]["created"] = "2025-12-31T00:00:00Z"
        assert check({**both, "proof": proofs}).verdict is Verdict.INVALID


CHANGES: dict[str, dict[str, Any]] = {
    "another date": {"created": "2025-12-31T00:00:00Z"},
    "an end": {"expires": "2030-01-01T00:00:00Z"},
    "another purpose": {"proofPurpose": "authentication"},
    "a payload": {"jws": SIGNED["proof"]["jws"].replace("..", ".e30.")},
    "two parts": {"jws": SIGNED["proof"]["jws"].replace("..", ".")},
    "four parts": {"jws": SIGNED["proof"]["jws"].replace("..", "...")},
    "a shorter signature": {"jws": SIGNED["proof"]["jws"][:-2]},
    "padding": {"jws": SIGNED["proof"]["jws"] + "="},
    "another header": {"jws": "e30" + SIGNED["proof"]["jws"][3:]},
    "nothing": {"jws": ""},
    "no text": {"jws": 7},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_no_change_of_the_proof_goes_unnoticed(change: dict[str, Any]) -> None:
    assert check({**SIGNED, "proof": {**SIGNED["proof"], **change}}).verdict is Verdict.INVALID


@pytest.mark.parametrize("name", ["jws", "created", "verificationMethod", "proofPurpose"])
def test_no_member_may_be_left_out(name: str) -> None:
    proof = {other: value for other, value in SIGNED["proof"].items() if other != name}
    assert check({**SIGNED, "proof": proof}).verdict is Verdict.INVALID


HEADERS: dict[str, Mapping[str, Any] | str] = {
    "another algorithm": {**HEADER, "alg": "ES256"},
    "none": {**HEADER, "alg": "none"},
    "a symmetric one": {**HEADER, "alg": "HS256"},
    "another name of it": {**HEADER, "alg": "Ed25519"},
    "an encoded payload": {**HEADER, "b64": True},
    "a number for false": {**HEADER, "b64": 0},
    "no b64": {"alg": "EdDSA", "crit": ["b64"]},
    "no crit": {"alg": "EdDSA", "b64": False},
    "an empty crit": {**HEADER, "crit": []},
    "more in crit": {**HEADER, "crit": ["b64", "exp"]},
    "twice in crit": {**HEADER, "crit": ["b64", "b64"]},
    "a text for crit": {**HEADER, "crit": "b64"},
    "a key": {**HEADER, "kid": HOLDER.method},
    "a long one": {**HEADER, "kid": "did:web:" + "x" * 500},
    "a token's": {"alg": "EdDSA", "typ": "JWT"},
    "nothing": {},
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
def test_a_signature_under_another_header_is_not_taken(header: Mapping[str, Any] | str) -> None:
    """Though it fits: a JWS of another kind by the same key must not become a proof."""
    report = check(signed(credential(V1), header=header))
    assert report.verdict is Verdict.UNDETERMINED
    assert isinstance(decided(report).problem, UnknownCryptosuite)


@pytest.mark.parametrize(
    "header", ["", "null", "[]", '{"alg":"EdDSA","b64":false,"b64":false,"crit":["b64"]}']
)
def test_a_header_that_is_none(header: str) -> None:
    assert check(signed(credential(V1), header=header)).verdict is Verdict.INVALID


@pytest.mark.parametrize(
    "header", ['{"alg":"EdDSA","crit":["b64"],"b64":false}', json.dumps(HEADER, indent=1)]
)
def test_the_header_is_compared_as_json(header: str) -> None:
    assert check(signed(credential(V1), header=header))


def test_one_suite_takes_no_signature_of_another() -> None:
    """What is signed begins with the header, here only."""
    document = credential(V1, OWN_2020)
    old, new = signed(document), signed(document, "Ed25519Signature2020")
    raw = HOLDER.key.sign(hashes(document, {**old["proof"]}, document["@context"]))
    start = old["proof"]["jws"].partition("..")[0]
    bare = {**old["proof"], "jws": f"{start}..{base64url_encode(raw)}"}
    assert check({**document, "proof": bare}).verdict is Verdict.INVALID
    for proof in (old["proof"], new["proof"]):
        other = "Ed25519Signature2020" if proof is old["proof"] else "Ed25519Signature2018"
        assert not check({**document, "proof": {**proof, "type": other}})


@pytest.mark.parametrize("kind", [{"type": "DataIntegrityProof", "cryptosuite": "eddsa-rdfc-2022"},
                                  {"type": "Ed25519Signature2020"}], ids=str)  # fmt: skip
def test_a_jws_stands_in_no_other_suite(kind: dict[str, str]) -> None:
    document = {**credential(V1, OWN_2020), "proof": {**SIGNED["proof"], **kind}}
    assert check(document).verdict is Verdict.INVALID
    both = signed(credential(V1, OWN_2020), "Ed25519Signature2020")
    both["proof"] |= {"jws": SIGNED["proof"]["jws"]}
    assert not check(both)


@pytest.mark.parametrize("name", ["creator", "proofValue", "signatureValue"])
def test_what_was_made_by_an_earlier_draft_is_open(name: str) -> None:
    for without in ("jws", "verificationMethod"):
        proof = {other: value for other, value in SIGNED["proof"].items() if other != without}
        report = check({**SIGNED, "proof": {**proof, name: "x"}})
        assert isinstance(decided(report).problem, UnknownCryptosuite)


def test_keys_are_ed25519() -> None:
    other = Holder(PrivateKey.generate("P-256"))
    proof = {**SIGNED["proof"], "verificationMethod": other.method}
    trust = Trust().adding(RecognisedIssuer(other.did))
    document = {**SIGNED, "issuer": other.did, "proof": proof}
    report = verifier(trust).verify(document, now=NOW)
    assert report.verdict is Verdict.INVALID
    assert "does not work with keys of type P-256" in decided(report).text


def test_a_type_that_no_known_context_defines_is_open() -> None:
    terms = {
        name: f"https://w3id.org/security#{name}"
        for name in ("Ed25519Signature2018", "jws", "proofPurpose", "verificationMethod")
    }
    own = {**terms, "created": "http://purl.org/dc/terms/created"}
    report = check(signed(credential(V2, own)))
    assert report.verdict is Verdict.UNDETERMINED
    assert OWN_2018 in decided(report).text


def test_nothing_is_signed_with_it() -> None:
    with pytest.raises(UnknownCryptosuite, match="nothing is signed with it"):
        sign(credential(V1), HOLDER.key, verification_method=HOLDER.method, suite="Ed25519Signature2018")


def test_presentations() -> None:
    asked: dict[str, Any] = {"challenge": "challenge", "domain": "employer.example"}
    document: dict[str, Any] = {"@context": [V1], "type": ["VerifiablePresentation"], "holder": HOLDER.did}
    subject = {"id": HOLDER.did}
    document["verifiableCredential"] = [signed(credential(V1, credentialSubject=subject))]
    now = format_datetimestamp(NOW)
    shown = signed(document, created=now, proofPurpose="authentication", **asked)
    report = check(shown, **asked)
    assert (report.verdict, report.holder) == (Verdict.VALID, HOLDER.did), report.to_dict()
    assert check(shown, **{**asked, "challenge": "another"}).verdict is Verdict.INVALID


class TestOwnContextOf2020:
    """`@context` in the proof itself, as didkit writes it where the document's does not define the type."""

    @pytest.mark.quick(every=4)
    @pytest.mark.parametrize("own", [OWN_2020, [OWN_2020]], ids=["text", "array"])
    @pytest.mark.parametrize("contexts", [[V1], [V2]], ids=str)
    @pytest.mark.parametrize("alone", [True, False])
    def test_it_is_the_suites(self, own: Any, contexts: list[str], alone: bool) -> None:
        read_by = OWN_2020 if alone else [*contexts, OWN_2020]
        document = signed(credential(*contexts), "Ed25519Signature2020", own=own, read_by=read_by)
        report = check(document)
        assert report.verdict is Verdict.VALID, report.to_dict()
        for change in (
            {"proof": {**document["proof"], "created": "2025-12-31T00:00:00Z"}},
            {"credentialSubject": {"id": "did:example:t"}},
        ):
            assert check({**document, **change}).verdict is Verdict.INVALID

    def test_one_that_gives_only_the_members_their_meaning(self) -> None:
        document = signed(credential(V1, OWN_2020), "Ed25519Signature2020", own=SECURITY)
        assert check(document)
        document["@context"] = [V1]
        assert check(document).verdict is Verdict.UNDETERMINED

    @pytest.mark.quick(every=4)
    @pytest.mark.parametrize(
        "own",
        [
            "https://w3id.org/security/suites/ed25519-2030/v1",
            [OWN_2020, "https://example.org/more"],
            [OWN_2020, {"created": "https://example.org/other"}],
            {"created": "https://example.org/other"},
            [V2],
            [True],
            None,
        ],
        ids=str,
    )
    @pytest.mark.parametrize("kind", ["Ed25519Signature2018", "Ed25519Signature2020"])
    def test_another_is_open(self, kind: str, own: Any) -> None:
        document = signed(credential(V1, OWN_2020), kind)
        document["proof"] = {"@context": own, **document["proof"]}
        report = check(document)
        assert report.verdict is Verdict.UNDETERMINED
        assert isinstance(decided(report).problem, UnknownCryptosuite)
