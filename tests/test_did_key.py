"""did:key and did:jwk: the specifications' vectors, round trips, and identifiers that are not canonical."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from did import (
    DID,
    DID_FEATURE_NOT_SUPPORTED,
    METHODS,
    Document,
    InvalidDID,
    Resolver,
    dereferencing_result,
    resolution_result,
)
from did.document import RELATIONSHIPS
from did.methods import jwk, key
from keys import PrivateKey, PublicKey, ed25519
from tests.problems import raises
from wire import base58_decode, base58_encode, base64url_decode, base64url_encode
from wire.fetch import NoFetcher

ED25519 = "z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"  # of seed zero, in the specification's vectors
X25519 = "z6LShs9GGnqk85isEBzzshkuVWrVKsRp24GnDuHk8QWkARMW"
P256_JWK = (  # the first example of the did:jwk specification
    "eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVVM3l6OTFQSDZDZEgyVjAi"
    "LCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9"
)
TYPES = ["Ed25519", "P-256", "P-384", "secp256k1"]


def resolve_key(identifier: str) -> PublicKey:
    did = f"did:key:{identifier}"
    document = key.resolve(DID.parse(did), NoFetcher())
    return document.verification_method(f"{did}#{identifier}", "assertionMethod").key


def resolve_jwk(value: dict[str, Any] | bytes) -> Any:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return jwk.resolve(DID.parse(f"did:jwk:{base64url_encode(data)}"), NoFetcher())


# did:key


def test_the_document_of_a_did_key() -> None:
    did, method_id = f"did:key:{ED25519}", f"did:key:{ED25519}#{ED25519}"
    agreement = f"did:key:{ED25519}#{X25519}"
    assert key.resolve(DID.parse(did), NoFetcher()).value == {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": did,
        "verificationMethod": [
            {"id": method_id, "controller": did, "type": "Multikey", "publicKeyMultibase": ED25519},
            {"id": agreement, "controller": did, "type": "Multikey", "publicKeyMultibase": X25519},
        ],
        "authentication": [method_id],
        "assertionMethod": [method_id],
        "capabilityInvocation": [method_id],
        "capabilityDelegation": [method_id],
        "keyAgreement": [agreement],
    }


def test_key_agreement_is_by_the_key_that_the_vectors_have(corpora: Path) -> None:
    vectors = json.loads((corpora / "vectors/did-key/ed25519-x25519.json").read_bytes())
    for did, vector in vectors.items():
        document = key.resolve(DID.parse(did), NoFetcher()).value
        assert document["keyAgreement"] == vector["didDocument"]["keyAgreement"]
        found = document["verificationMethod"][1]
        assert document["keyAgreement"] == [f"{did}#{found['publicKeyMultibase']}"]
    assert len(vectors) >= 4


@pytest.mark.parametrize("first", range(8))
def test_whoever_has_the_seed_has_the_key_for_key_agreement(first: int) -> None:
    seed = bytes([first] * 32)
    secret = X25519PrivateKey.from_private_bytes(hashlib.sha512(seed).digest()[:32])  # RFC 8032, 5.1.5
    public_key = PrivateKey.from_secret("Ed25519", seed).public_key
    assert ed25519.to_x25519(public_key.raw) == secret.public_key().public_bytes_raw()


@pytest.mark.parametrize("name", ["nist-curves", "secp256k1"])
def test_a_key_on_another_curve_agrees_on_keys_itself(name: str, corpora: Path) -> None:
    """The vectors of the method say so, for P-256, P-384 and secp256k1."""
    vectors = json.loads((corpora / f"vectors/did-key/{name}.json").read_bytes())
    compared = 0
    for did, vector in vectors.items():
        if did.startswith("did:key:z2J9"):  # P-521, which is not in use here
            continue
        document = key.resolve(DID.parse(did), NoFetcher()).value
        assert document.get("keyAgreement") == vector["didDocument"]["keyAgreement"]
        assert len(document["verificationMethod"]) == 1
        compared += 1
    assert compared >= 5


class TestOptions:
    """did:key 0.9, 3.1.3 and 3.1.4: `publicKeyFormat` and `enableExperimentalPublicKeyTypes`."""

    RESOLVER = Resolver(METHODS, NoFetcher())
    DID = f"did:key:{ED25519}"

    def document(self, did: str = DID, **options: Any) -> dict[str, Any]:
        result = resolution_result(self.RESOLVER, did, options=options)
        assert result["didResolutionMetadata"] == {"contentType": "application/did"}, result
        return dict(result["didDocument"])

    def error(self, did: str = DID, **options: Any) -> str:
        result = resolution_result(self.RESOLVER, did, options=options)
        assert result["didDocument"] is None
        kind: str = result["didResolutionMetadata"]["error"]["type"]
        return kind.removeprefix("https://www.w3.org/ns/did#")

    def test_without_any_it_is_as_ever(self) -> None:
        assert self.document(publicKeyFormat="Multikey") == self.document()
        assert self.document(enableExperimentalPublicKeyTypes=True) == self.document()
        assert self.document(noSuchOption=1) == self.document()

    def test_a_json_web_key(self) -> None:
        document = self.document(publicKeyFormat="JsonWebKey2020")
        own, agreement = document["verificationMethod"]
        assert {own["type"], agreement["type"]} == {"JsonWebKey2020"}
        assert PublicKey.from_jwk(own["publicKeyJwk"]) == PublicKey.from_multikey(ED25519)
        assert agreement["publicKeyJwk"]["crv"] == "X25519"
        assert base64url_decode(agreement["publicKeyJwk"]["x"]) == base58_decode(X25519[1:])[2:]
        assert document["keyAgreement"] == [agreement["id"]]
        assert "publicKeyMultibase" not in own

    @pytest.mark.parametrize("key_type", TYPES)
    @pytest.mark.parametrize("form", ["Multikey", "JsonWebKey2020"])
    def test_what_is_read_from_it_is_the_key(self, key_type: str, form: str) -> None:
        public_key = PrivateKey.generate(key_type).public_key
        did = key.create(public_key)
        found = self.RESOLVER.resolve(did, options={"publicKeyFormat": form}).document
        for purpose in ("assertionMethod", "authentication"):
            method = found.verification_method(f"{did}#{public_key.multikey()}", purpose)
            assert (method.type, method.key) == (form, public_key)

    @pytest.mark.parametrize(
        ("form", "agreement"),
        [
            ("Ed25519VerificationKey2020", "X25519KeyAgreementKey2020"),
            ("Ed25519VerificationKey2018", "X25519KeyAgreementKey2019"),
        ],
    )
    def test_the_formats_of_one_type_of_key(self, form: str, agreement: str) -> None:
        options: dict[str, Any] = {"publicKeyFormat": form, "enableExperimentalPublicKeyTypes": True}
        document = self.document(**options)
        assert [method["type"] for method in document["verificationMethod"]] == [form, agreement]
        assert len(document["@context"]) == 3
        did = self.DID
        found = self.RESOLVER.resolve(did, options=options).document
        method = found.verification_method(f"{did}#{ED25519}", "assertionMethod")
        assert method.key == PublicKey.from_multikey(ED25519)
        other = key.create(PrivateKey.generate("P-256").public_key)
        assert self.error(other, **options) == "INVALID_PUBLIC_KEY_TYPE"

    @pytest.mark.parametrize("enabled", [False, None, "true", 1])
    def test_what_is_experimental_has_to_be_enabled(self, enabled: Any) -> None:
        options: dict[str, Any] = {"publicKeyFormat": "Ed25519VerificationKey2018"}
        assert self.error(**options) == "INVALID_PUBLIC_KEY_TYPE"
        options["enableExperimentalPublicKeyTypes"] = enabled
        assert self.error(**options) == "INVALID_PUBLIC_KEY_TYPE"

    @pytest.mark.parametrize("form", ["unknown", "", 7, None, ["Multikey"]])
    def test_a_format_that_is_not_known(self, form: Any) -> None:
        for enabled in (False, True):
            options = {"publicKeyFormat": form, "enableExperimentalPublicKeyTypes": enabled}
            assert self.error(**options) == "UNSUPPORTED_PUBLIC_KEY_TYPE"

    def test_one_for_key_agreement_holds_no_key_for_signatures(self) -> None:
        assert self.error(publicKeyFormat="X25519KeyAgreementKey2020") == "INVALID_PUBLIC_KEY_TYPE"

    @pytest.mark.parametrize("fragment", [ED25519, X25519])
    def test_of_a_did_url(self, fragment: str) -> None:
        options: dict[str, Any] = {"publicKeyFormat": "JsonWebKey2020"}
        found = dereferencing_result(self.RESOLVER, f"{self.DID}#{fragment}", options=options)
        assert found["content"]["type"] == "JsonWebKey2020"
        options = {"publicKeyFormat": "Ed25519VerificationKey2018"}
        found = dereferencing_result(self.RESOLVER, f"{self.DID}#{fragment}", options=options)
        assert found["dereferencingMetadata"]["error"]["type"].endswith("#INVALID_PUBLIC_KEY_TYPE")
        assert found["content"] is None

    def test_an_earlier_version_is_not_to_be_had_in_any(self) -> None:
        with raises(DID_FEATURE_NOT_SUPPORTED):
            self.RESOLVER.resolve(self.DID, version="1", options={"publicKeyFormat": "Multikey"})

    def test_other_methods_have_none(self) -> None:
        did = jwk.create(PrivateKey.generate().public_key)
        assert self.document(did, publicKeyFormat="unknown") == self.document(did)


@pytest.mark.parametrize("name", ["bls12381", "rsa", "x25519"])
def test_a_key_of_another_type_is_open(name: str, corpora: Path) -> None:
    """An RSA key is longer than any Multikey in use here."""
    vectors = json.loads((corpora / f"vectors/did-key/{name}.json").read_bytes())
    dids = [did for entry in ([*vectors], *vectors.values()) for did in entry if did.startswith("did:key:")]
    if name == "bls12381":  # two keys in one, by a draft
        dids = [did for did in dids if not did.startswith("did:key:z5Tc")]
    assert dids
    for did in dids:
        with pytest.raises(InvalidDID) as caught:
            resolve_key(did.removeprefix("did:key:"))
        assert caught.value.undetermined, did
        assert caught.value.type.endswith("#UNSUPPORTED_PUBLIC_KEY_TYPE")


def test_a_key_known_by_its_seed() -> None:
    assert resolve_key(ED25519) == PrivateKey.from_secret("Ed25519", bytes(32)).public_key


@pytest.mark.parametrize("name", ["ed25519-x25519", "nist-curves", "secp256k1"])
def test_key_material_of_the_vectors(name: str, corpora: Path) -> None:
    vectors = json.loads((corpora / f"vectors/did-key/{name}.json").read_bytes())
    compared = 0
    for did, vector in vectors.items():
        if did.startswith("did:key:z2J9"):  # P-521, which is not in use here
            with pytest.raises(InvalidDID):
                resolve_key(did.removeprefix("did:key:"))
            continue
        method = vector["didDocument"]["verificationMethod"][0]
        if "publicKeyJwk" in method:
            expected = PublicKey.from_jwk(method["publicKeyJwk"])
        else:
            expected = PublicKey(resolve_key(did[8:]).type, base58_decode(method["publicKeyBase58"]))
        assert resolve_key(did.removeprefix("did:key:")) == expected
        compared += 1
    assert compared >= 5


@pytest.mark.parametrize("name", ["bls12381", "rsa", "x25519"])
def test_keys_of_other_types_are_refused(name: str, corpora: Path) -> None:
    vectors = json.loads((corpora / f"vectors/did-key/{name}.json").read_bytes())
    dids = [did for entry in ([*vectors], *vectors.values()) for did in entry if did.startswith("did:key:")]
    assert dids
    for did in dids:
        with pytest.raises(InvalidDID):
            resolve_key(did.removeprefix("did:key:"))


@pytest.mark.parametrize("key_type", TYPES)
def test_the_document_of_a_key_is_what_it_says_when_read_again(key_type: str) -> None:
    public_key = PrivateKey.generate(key_type).public_key
    for document in (
        key.resolve(DID.parse(key.create(public_key)), NoFetcher()),
        resolve_jwk(public_key.jwk()),
        resolve_jwk({**public_key.jwk(), "use": "sig"}),
    ):
        again = Document.parse(document.value, document.id)
        assert (again.id, again.controller) == (document.id, document.controller)
        assert (again._methods, again._relationships) == (document._methods, document._relationships)
        for relationship in RELATIONSHIPS:
            assert again.methods(relationship) == document.methods(relationship)


@pytest.mark.parametrize("key_type", TYPES)
def test_did_key_and_did_jwk_there_and_back(key_type: str) -> None:
    public_key = PrivateKey.generate(key_type).public_key
    assert resolve_key(key.create(public_key).removeprefix("did:key:")) == public_key
    did = jwk.create(public_key)
    document = jwk.resolve(DID.parse(did), NoFetcher())
    assert document.verification_method(f"{did}#0", "assertionMethod").key == public_key


_RAW = base58_decode(ED25519[1:])
_COORDINATE = bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0")
NOT_CANONICAL: dict[str, dict[str, str]] = {
    "INVALID_DID": {
        "another multibase": "u" + base64url_encode(_RAW),
        "hexadecimal": "f" + _RAW.hex(),
        "no multibase": ED25519[1:],
        "a version": f"1:{ED25519}",
        "a negative version": f"-4:{ED25519}",
        "foreign characters": ED25519[:-1] + "0",
        "percent-encoded": "%7A" + ED25519[1:],
        "far too long": "z" + "2" * 2000,
    },
    "INVALID_PUBLIC_KEY": {
        "a leading zero byte": "z1" + ED25519[1:],
        "an over-long varint": "z" + base58_encode(b"\xed\x81\x00" + _RAW[2:]),
        "small order": "z" + base58_encode(b"\xed\x01\x01" + bytes(31)),
        "all zero": "z" + base58_encode(b"\xed\x01" + bytes(32)),
        "y beyond the prime": "z" + base58_encode(b"\xed\x01" + b"\xf0" + b"\xff" * 30 + b"\x7f"),
        "off the curve": "z" + base58_encode(b"\x80\x24\x02" + b"\xff" * 32),
        "no compressed point": "z" + base58_encode(b"\x80\x24\x04" + _RAW[2:]),
        "only z": "z",
    },
    "INVALID_PUBLIC_KEY_LENGTH": {
        "prefix of P-256": "z" + base58_encode(b"\x80\x24" + _RAW[2:]),
        "a byte short": "z" + base58_encode(_RAW[:-1]),
        "a byte long": "z" + base58_encode(_RAW + b"\0"),
        "uncompressed P-256": "z" + base58_encode(b"\x80\x24\x04" + _COORDINATE * 2),
        "the test suite's": "zTjsVPtY",
        "as many as an RSA key": "z" + base58_encode(_RAW[:2] + bytes(range(1, 251)) * 2),
    },
    "UNSUPPORTED_PUBLIC_KEY_TYPE": {
        "X25519": "z" + base58_encode(b"\xec\x01" + _RAW[2:]),
        "P-521": "z" + base58_encode(b"\x82\x24\x02" + bytes(66)),
        "RSA of 8192 bits": "z" + base58_encode(b"\x85\x24" + b"\x30" * 1038),
        "ML-DSA-44": "z" + base58_encode(b"\x90\x24" + b"\x30" * 1312),
    },
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("identifier", "code"),
    [
        pytest.param(identifier, code, id=name)
        for code, identifiers in NOT_CANONICAL.items()
        for name, identifier in identifiers.items()
    ],
)
def test_one_key_has_one_did(identifier: str, code: str) -> None:
    with pytest.raises(InvalidDID) as caught:
        resolve_key(identifier)
    assert caught.value.type == f"https://www.w3.org/ns/did#{code}"
    assert caught.value.undetermined is (code == "UNSUPPORTED_PUBLIC_KEY_TYPE")


# did:jwk


def test_the_example_of_the_specification() -> None:
    did = f"did:jwk:{P256_JWK}"
    public_jwk = {
        "crv": "P-256",
        "kty": "EC",
        "x": "acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0",
        "y": "_KcyLj9vWMptnmKtm46GqDz8wf74I5LKgrl2GzH3nSE",
    }
    relationships = (
        "assertionMethod",
        "authentication",
        "capabilityInvocation",
        "capabilityDelegation",
        "keyAgreement",
    )
    assert jwk.resolve(DID.parse(did), NoFetcher()).value == {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"],
        "id": did,
        "verificationMethod": [
            {"id": f"{did}#0", "type": "JsonWebKey2020", "controller": did, "publicKeyJwk": public_jwk}
        ],
        **{name: [f"{did}#0"] for name in relationships},
    }
    assert jwk.create(PublicKey.from_jwk(public_jwk)) == did


def test_a_key_for_signatures_is_not_for_key_agreement() -> None:
    public_jwk = PrivateKey.generate("P-256").public_key.jwk()
    assert "keyAgreement" not in resolve_jwk({**public_jwk, "use": "sig"}).value
    assert "keyAgreement" in resolve_jwk(public_jwk).value


def test_other_members_stay_in_the_key() -> None:
    public_jwk = {**PrivateKey.generate("Ed25519").public_key.jwk(), "kid": "mine", "x-note": [1]}
    assert resolve_jwk(public_jwk).value["verificationMethod"][0]["publicKeyJwk"] == public_jwk


_JWK = PrivateKey.generate("P-256").public_key.jwk()
NO_JWK: dict[str, dict[str, Any] | bytes] = {
    "no JSON": b"{",
    "no object": b"[]",
    "a member twice": json.dumps(_JWK).encode()[:-1] + b', "kty": "EC"}',
    "private": {**_JWK, "d": _JWK["x"]},
    "symmetric": {"kty": "oct", "k": "c2VjcmV0"},
    "for encryption": {"kty": "OKP", "crv": "X25519", "use": "enc", "x": _JWK["x"]},
    "another use": {**_JWK, "use": "enc"},
    "another algorithm": {**_JWK, "alg": "HS256"},
    "off the curve": {**_JWK, "y": _JWK["x"]},
    "RSA": {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
    "empty": {},
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("value", NO_JWK.values(), ids=NO_JWK.keys())
def test_what_is_no_public_key_for_signatures(value: dict[str, Any] | bytes) -> None:
    with pytest.raises(InvalidDID):
        resolve_jwk(value)


@pytest.mark.parametrize(
    "identifier", [P256_JWK + "=", P256_JWK + "A", P256_JWK[:-1], "!!", "%7B%7D", "e30:e30"]
)
def test_base64url_in_its_canonical_form_only(identifier: str) -> None:
    with pytest.raises(InvalidDID):
        jwk.resolve(DID("jwk", identifier), NoFetcher())
