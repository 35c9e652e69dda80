"""A kind of key that nobody here has: one more row, and it passes from its written form to a verdict.

It is ML-DSA-44, by `cryptography`, under a name and a multicodec prefix of its own.
"""

from __future__ import annotations

import json
import pickle
import secrets
from dataclasses import replace
from typing import Any

import pytest
from cryptography import exceptions
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from did import DID
from did.methods import jwk as did_jwk
from did.methods import key as did_key
from keys import InvalidKey, InvalidKeyLength, InvalidSignature, PrivateKey, PublicKey, kinds
from keys.kinds import KINDS, KeyKind
from keys.scheme import Point, Sign
from tests.world import NOW, Holder, University, decided, diploma, verifier
from vc import Bundle, Report, Verdict
from vc.forms.integrity import SUITES
from vc.forms.integrity.suites import DataIntegritySuite
from verifier import Trust
from wire import TooLarge, base58_encode, base64url_encode
from wire.fetch import NoFetcher
from wire.work import SIGNATURE, Work

LATTICE = "Lattice"
KEY, SIGNED = 1_312, 2_420  # bytes


class LatticePoint:
    """A public key."""

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY:
            raise InvalidKeyLength("the key has a wrong length")
        self._raw, self._key = raw, MLDSA44PublicKey.from_public_bytes(raw)

    def coordinates(self) -> tuple[bytes, None]:
        return self._raw, None

    def verify(self, signature: bytes, data: bytes) -> None:
        try:
            self._key.verify(signature, data)
        except exceptions.InvalidSignature:
            raise InvalidSignature("the signature does not match key and data") from None


class Lattice:
    """The scheme."""

    def point(self, raw: bytes, y: bytes | None = None) -> Point:
        return LatticePoint(raw)

    def raw(self, x: bytes, _: bytes | None) -> bytes:
        return x

    def new_secret(self) -> bytes:
        return secrets.token_bytes(32)

    def secret_key(self, secret: bytes) -> tuple[bytes, Sign]:
        key = MLDSA44PrivateKey.from_seed_bytes(secret)
        return key.public_key().public_bytes_raw(), key.sign


ROW = KeyKind(
    prefix=b"\xff\x66",
    key=KEY,
    signature=SIGNED,
    coordinate=KEY,
    kty="OKP",
    algorithms=(LATTICE,),
    parameters=(),
    certified="",
    digest="",
    load=Lattice,
)


@pytest.fixture(autouse=True)
def _one_more_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds._ROWS, LATTICE, ROW)


def suite(like: str) -> DataIntegritySuite:
    known = SUITES[like]
    assert isinstance(known, DataIntegritySuite)
    return replace(known, name=f"lattice-{like}", digests={LATTICE: "sha256"})


SUITES_OF_BOTH = {**SUITES, **{one.name: one for one in map(suite, ("eddsa-jcs-2022", "eddsa-rdfc-2022"))}}
JCS, RDFC = sorted(SUITES_OF_BOTH.keys() - SUITES.keys())


class College(Holder):
    """One whose key is of whatever kind."""

    def sign(self, document: Any, **options: Any) -> dict[str, Any]:
        suite = JCS if self.key.public_key.type == LATTICE else "eddsa-jcs-2022"
        return super().sign(document, **{"suite": suite, "suites": SUITES_OF_BOTH, **options})


@pytest.fixture
def college() -> College:
    return College(PrivateKey.generate(LATTICE))


def check(data: bytes | Bundle, trust: Trust, **options: Any) -> Report:
    return verifier(trust, suites=SUITES_OF_BOTH).verify(data, now=NOW, **options)


def test_its_written_forms_there_and_back(college: Holder) -> None:
    key = college.key.public_key
    assert (len(key.raw), len(college.key.sign(b"data"))) == (KEY, SIGNED)
    did = did_jwk.create(key)
    again = [
        PublicKey.from_multikey(key.multikey()),
        PublicKey.from_jwk(key.jwk()),
        pickle.loads(pickle.dumps(key)),
        did_key.resolve(DID.parse(college.did), NoFetcher())
        .verification_method(college.method, "assertionMethod")
        .key,
        did_jwk.resolve(DID.parse(did), NoFetcher()).verification_method(f"{did}#0", "assertionMethod").key,
    ]
    assert again == [key] * 5


@pytest.mark.parametrize("name", [JCS, RDFC])
def test_a_diploma_signed_with_it_is_valid_until_it_is_changed(college: College, name: str) -> None:
    signed = json.loads(diploma(by=college))
    del signed["proof"]
    signed = college.sign(signed, suite=name)
    assert check(json.dumps(signed).encode(), college.trust).verdict is Verdict.VALID
    altered = json.dumps({**signed, "awardedDate": "2026-06-29T00:00:00Z"}).encode()
    report = check(altered, college.trust)
    assert (report.verdict, decided(report).name) == (Verdict.INVALID, "signature")


@pytest.mark.parametrize("form", ["Multikey", "JsonWebKey"])
def test_a_document_in_a_log_may_have_it(form: str, college: Holder) -> None:
    university, key = University(), college.key.public_key
    method = f"{university.did}#{key.multikey()}"
    written = {"publicKeyJwk": key.jwk()} if form == "JsonWebKey" else {"publicKeyMultibase": key.multikey()}
    newest = university.documents[-1].document
    entry = {"id": method, "type": form, "controller": university.did, **written}
    university.publish_document(
        [university.key],
        verificationMethod=[*newest["verificationMethod"], entry],
        assertionMethod=[*newest["assertionMethod"], method],
    )
    signed = university.sign(university.diploma(), college.key, suite=RDFC, suites=SUITES_OF_BOTH)
    assert check(university.bundle(signed), university.trust).verdict is Verdict.VALID


def test_its_bytes_are_charged(college: College) -> None:
    """To the last step: what a report costs with it, and that nothing is decided with less."""

    def spent(college: College, data: bytes) -> int:
        work = Work()
        assert check(data, college.trust, work=work).verdict is Verdict.VALID
        return Work().left - work.left

    usual = College(PrivateKey.generate())
    data = diploma(by=college)
    cost = spent(college, data)
    assert 400 < cost - spent(usual, diploma(by=usual)) < SIGNATURE
    report = check(data, college.trust, work=Work(cost - 1))
    assert report.verdict is Verdict.UNDETERMINED
    assert isinstance(decided(report).problem, TooLarge)


def test_it_has_one_length(college: College) -> None:
    raw = college.key.public_key.raw
    for other in (raw[:-1], raw + b"\0", raw[:32]):
        with pytest.raises(InvalidKeyLength):
            PublicKey.from_multikey("z" + base58_encode(ROW.prefix + other))


# The others keep their limits beside it


def test_a_key_of_another_kind_may_be_no_longer_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threat 24. With a still longer kind, which is what is read at the most."""
    longest = replace(ROW, prefix=b"\xff\x67", key=5_000)
    monkeypatch.setitem(kinds._ROWS, "Longest", longest)
    for length in (KEY, longest.key):
        text = "z" + base58_encode(KINDS["Ed25519"].prefix + bytes(range(1, 5)) * (length // 4))
        with pytest.raises(InvalidKeyLength, match=f"has 32 bytes, this one {length}"):
            PublicKey.from_multikey(text)
    with pytest.raises(InvalidKey, match="longer than"):
        PublicKey.from_multikey(text + "1" * longest.digits)


def test_coordinates_and_signatures_of_another_kind_are_refused_before_they_are_decoded() -> None:
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url_encode(bytes(KEY))}
    with pytest.raises(InvalidKey, match="longer than 128 characters"):
        PublicKey.from_jwk(jwk)
    usual = College(PrivateKey.generate())
    signed = json.loads(diploma(by=usual))
    signed["proof"][0]["proofValue"] = "z" + base58_encode(bytes(range(1, 5)) * (SIGNED // 4))
    report = check(json.dumps(signed).encode(), usual.trust)
    assert report.verdict is Verdict.INVALID
    assert decided(report).text == "proof.proofValue is not base58btc"
