"""Keys that nobody owns, everybody owns, or that are not the issuer's: no diploma is good by them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from did.methods import key as did_key
from keys import PrivateKey, ed25519, openssl
from tests.world import NOW, University, verifier
from vc import Anchored, Bundle, Outcome, Report, Verdict, sign
from vc.anchoring import document_digest
from verifier import RecognisedIssuer, Trust
from wire import Malformed, base58_decode, base58_encode, base64url_encode

L = 2**252 + 27742317777372353535851937790883648493
UNIVERSITY = University()
KEY = UNIVERSITY.key.public_key


def multikey(prefix: bytes, raw: bytes) -> str:
    return "z" + base58_encode(prefix + raw)


def did_jwk(**members: Any) -> str:
    return f"did:jwk:{base64url_encode(json.dumps(members).encode())}"


def unsigned(issuer: str) -> dict[str, Any]:
    return UNIVERSITY.plain(issuer=issuer)


def diploma(issuer: str, method: str, signature: bytes, suite: str = "eddsa-jcs-2022") -> bytes:
    """A bare diploma whose signature somebody made up."""
    proof = {
        "type": "DataIntegrityProof",
        "cryptosuite": suite,
        "verificationMethod": method,
        "proofPurpose": "assertionMethod",
        "proofValue": "z" + base58_encode(signature),
    }
    return json.dumps({**unsigned(issuer), "proof": proof}).encode()


def check(data: bytes | Bundle, trust: Trust | None = None, **options: Any) -> Report:
    return verifier(UNIVERSITY.trust if trust is None else trust).verify(data, now=NOW, **options)


def pinning(document: Mapping[str, Any]) -> Trust:
    """A trust list with an issuer's document."""
    digest = base64url_encode(document_digest(document))
    return Trust().adding(RecognisedIssuer(document["id"], documents=(digest,)))


# 21: Ed25519

IDENTITY = b"\1" + bytes(31)
FORGED = IDENTITY + bytes(32)
"""Under a key of small order this "signature" fits whatever is signed: R of small order, S = 0."""
NOBODY = {
    "order 1": IDENTITY,
    "order 2": (2**255 - 20).to_bytes(32, "little"),
    "order 4": bytes(32),
    "order 1, y not below p": (2**255 - 18).to_bytes(32, "little"),
    "order 1, sign of 0": b"\1" + bytes(30) + b"\x80",
}


@pytest.fixture
def _openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library that is used where libsodium, which looks at such keys itself, is not there."""
    for name in ("on_curve", "verify"):
        monkeypatch.setattr(ed25519, name, getattr(openssl, name))


def test_the_library_underneath_takes_such_a_signature_for_anything() -> None:
    """Else the tests below would show nothing."""
    Ed25519PublicKey.from_public_bytes(IDENTITY).verify(FORGED, b"anything at all")


@pytest.mark.usefixtures("_openssl")
@pytest.mark.parametrize("raw", NOBODY.values(), ids=NOBODY.keys())
def test_a_key_of_small_order_signs_no_diploma(raw: bytes) -> None:
    key = multikey(b"\xed\x01", raw)
    jwk = did_jwk(kty="OKP", crv="Ed25519", x=base64url_encode(raw))
    for did, method in ((f"did:key:{key}", f"did:key:{key}#{key}"), (jwk, f"{jwk}#0")):
        trust = Trust().adding(RecognisedIssuer(did))
        report = check(diploma(did, method, FORGED), trust)
        assert (report.verdict, report.checks[2].name) == (Verdict.INVALID, "issuer")
    with pytest.raises(Malformed):  # nor can it be pinned
        Trust.parse(Trust().adding(RecognisedIssuer(UNIVERSITY.did, keys=(key,))).to_bytes())


@pytest.mark.usefixtures("_openssl")
@pytest.mark.parametrize("raw", NOBODY.values(), ids=NOBODY.keys())
def test_nor_does_it_in_an_issuers_own_document(raw: bytes) -> None:
    did, key = UNIVERSITY.did, multikey(b"\xed\x01", raw)
    entry = {"id": f"{did}#x", "type": "Multikey", "controller": did, "publicKeyMultibase": key}
    document = {"id": did, "verificationMethod": [entry], "assertionMethod": [f"{did}#x"]}
    bundle = Bundle(json.loads(diploma(did, f"{did}#x", FORGED)), (), (Anchored(document),))
    assert check(bundle, pinning(document)).verdict is not Verdict.VALID


# 22, 23, 59: the written form of a key

ED25519, P256 = b"\xed\x01", b"\x80\x24"
POINT = PrivateKey.generate("P-256").public_key
UNFIT_DIDS = {
    "off the curve": f"did:key:{multikey(P256, bytes([2]) + bytes([255] * 32))}",
    "the point at infinity": f"did:key:{multikey(P256, bytes(33))}",
    "off the curve, as a JWK": did_jwk(**{**POINT.jwk(), "y": POINT.jwk()["x"]}),
    "prefix of another type": f"did:key:{multikey(P256, KEY.raw)}",
    "a byte short": f"did:key:{multikey(ED25519, KEY.raw[:-1])}",
    "a byte long": f"did:key:{multikey(ED25519, KEY.raw + bytes(1))}",
    "not the canonical base58": f"did:key:z1{KEY.multikey()[1:]}",
    "base64url instead": f"did:key:u{base64url_encode(ED25519 + KEY.raw)}",
    "a line end": f"did:key:{KEY.multikey()}\n",
    "200 KB": "did:key:z" + "2" * 200_000,
    "with its private part": did_jwk(**KEY.jwk(), d=base64url_encode(UNIVERSITY.key.secret)),  # 18
    "a secret that both know": did_jwk(kty="oct", k="c2VjcmV0"),
    "for encryption": did_jwk(**KEY.jwk(), use="enc"),
}


@pytest.mark.parametrize("did", UNFIT_DIDS.values(), ids=UNFIT_DIDS.keys())
def test_an_issuer_whose_did_is_no_fit_key_issues_nothing(did: str) -> None:
    """Signed by the key behind it, where there is one: were the DID taken, the diploma would be valid."""
    method = f"{did}#0" if did.startswith("did:jwk:") else f"{did}#{did.removeprefix('did:key:')}"
    signed = sign(unsigned(did), UNIVERSITY.key, verification_method=method, suite="eddsa-jcs-2022")
    report = check(json.dumps(signed).encode(), Trust().adding(RecognisedIssuer(did)))
    assert report.verdict is Verdict.INVALID
    assert report.deciding is not None
    assert report.deciding.name in ("readable", "issuer")


def test_the_same_with_the_canonical_did_is_valid() -> None:
    for did, fragment in ((did_key.create(KEY), KEY.multikey()), (did_jwk(**KEY.jwk()), "0")):
        signed = sign(unsigned(did), UNIVERSITY.key, verification_method=f"{did}#{fragment}")
        assert check(json.dumps(signed).encode(), Trust().adding(RecognisedIssuer(did)))


@pytest.mark.parametrize("suite", ["ecdsa-rdfc-2019", "ecdsa-jcs-2019"])
def test_a_key_works_in_the_suites_of_its_type_only(suite: str) -> None:
    data = diploma(did_key.create(KEY), f"{did_key.create(KEY)}#{KEY.multikey()}", bytes(64), suite)
    report = check(data, Trust().adding(RecognisedIssuer(did_key.create(KEY))))
    assert report.verdict is Verdict.INVALID
    assert "does not work with keys of type Ed25519" in report.checks[3].text


# 9, 10, 11, 24: the written form of a signature

SIGNED = UNIVERSITY.issue(index=1)
GOOD: str = SIGNED.secured["proof"][0]["proofValue"]
RAW = base58_decode(GOOD[1:])
VALUES = {
    "a line end": f"{GOOD}\n",
    "a space": f" {GOOD}",
    "a foreign character": f"{GOOD[:-1]}0",
    "200 KB": "z" + "2" * 200_000,
    "a zero byte in front": f"z1{GOOD[1:]}",
    "base64url": f"u{base64url_encode(RAW)}",
    "no prefix": GOOD[1:],
    "a byte long": "z" + base58_encode(RAW + bytes(1)),
    "a byte short": "z" + base58_encode(RAW[:-1]),
    "S + L": "z" + base58_encode(RAW[:32] + (int.from_bytes(RAW[32:], "little") + L).to_bytes(32, "little")),
    "all zero": "z" + base58_encode(bytes(64)),
    "empty": "",
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_a_signature_has_one_written_form(value: str) -> None:
    bare = {**SIGNED.secured, "proof": [{**SIGNED.secured["proof"][0], "proofValue": value}]}
    report = check(Bundle(bare, (), SIGNED.issuer_documents, SIGNED.status_lists))
    assert (report.verdict, report.deciding and report.deciding.step in (3, 4)) == (Verdict.INVALID, True)


def ecdsa_values() -> dict[str, bytes]:
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    signature = PrivateKey.generate("P-256").sign(b"")
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    return {
        "r = s = 0": bytes(64),
        "r = 0": bytes(32) + signature[32:],
        "r = s = n": order.to_bytes(32) * 2,
        "DER": encode_dss_signature(r, s),
        "over-long": b"\0" + signature[:32] + b"\0" + signature[32:],
    }


@pytest.mark.parametrize("name", ecdsa_values())
def test_an_ecdsa_signature_is_two_numbers_in_range(name: str) -> None:
    did = did_key.create(POINT)
    data = diploma(did, f"{did}#{POINT.multikey()}", ecdsa_values()[name], "ecdsa-jcs-2019")
    report = check(data, Trust().adding(RecognisedIssuer(did)))
    assert (report.verdict, report.checks[3].outcome) == (Verdict.INVALID, Outcome.FAILED)


# 25, R7: whose key it is, and what for

EVIL = "did:web:evil.example"


def method(did: str, **members: Any) -> dict[str, Any]:
    return {
        "id": f"{did}#{KEY.multikey()}",
        "type": "Multikey",
        "controller": did,
        "publicKeyMultibase": KEY.multikey(),
        **members,
    }


NOT_IN_FORCE: dict[str, dict[str, Any]] = {
    "revoked": {"verificationMethod": {"revoked": "2026-06-30T00:00:00Z"}},
    "expired": {"verificationMethod": {"expires": "2026-06-30T00:00:00Z"}},
    "for no assertion": {"assertionMethod": []},
    "for authentication": {"assertionMethod": [], "authentication": True},
    "under another controller": {"verificationMethod": {"controller": EVIL}},
    "of another DID": {"verificationMethod": {"id": f"{EVIL}#{KEY.multikey()}"}},
    "of a type for something else": {"verificationMethod": {"type": "X25519KeyAgreementKey2020"}},
    "published with its secret": {"verificationMethod": {"secretKeyMultibase": "z3u2"}},
    "in the document of another": {"id": EVIL},
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("change", NOT_IN_FORCE.values(), ids=NOT_IN_FORCE.keys())
@pytest.mark.parametrize("anchored", [True, False])
def test_a_key_that_is_not_the_issuers_for_assertions(change: dict[str, Any], anchored: bool) -> None:
    """In a document that a trusted log holds, or that the trust list pins."""
    university = University()
    university.key = UNIVERSITY.key
    did = university.did
    document = {**change, "verificationMethod": [method(did, **change.get("verificationMethod", {}))]}
    document.setdefault("assertionMethod", [document["verificationMethod"][0]["id"]])
    if "authentication" in document:
        document["authentication"] = [document["verificationMethod"][0]["id"]]
    university.documents.clear()
    university.publish_document([], **document)
    (published,) = university.documents
    if anchored:
        trust, bundle = university.trust, university.issue()
    else:
        trust = pinning(published.document)
        bundle = Bundle(university.sign(unsigned(did)), (), (Anchored(published.document),))
    assert check(bundle, trust).verdict is not Verdict.VALID


@pytest.mark.parametrize("anchored", [True, False])
def test_a_key_that_is_in_force_is_good_in_either_way(anchored: bool) -> None:
    university = University()
    if anchored:
        assert check(university.issue(), university.trust)
    else:
        document = university.documents[0].document
        bundle = Bundle(university.sign(unsigned(university.did)), (), (Anchored(document),))
        assert check(bundle, pinning(document))
