"""`Document`: which keys it hands out, for what, and which documents and methods it refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from did import Document, InvalidDIDDocument, InvalidRelationship, InvalidVerificationMethod
from keys import PrivateKey, PublicKey
from wire import base58_encode

ISSUER = "did:web:uni.example"
KEY = PrivateKey.generate("Ed25519").public_key
OTHER = PrivateKey.generate("P-256").public_key


def method(name: str = "key-1", **members: Any) -> dict[str, Any]:
    multikey = {"type": "Multikey", "controller": ISSUER, "publicKeyMultibase": KEY.multikey()}
    given = {"id": f"{ISSUER}#{name}", **multikey, **members}
    return {member: value for member, value in given.items() if value is not None}


def of(*methods: dict[str, Any], **members: Any) -> Document:
    value = {
        "id": ISSUER,
        "verificationMethod": list(methods),
        "assertionMethod": [entry["id"] for entry in methods],
        **members,
    }
    return Document.parse(value, ISSUER)


def read(entry: dict[str, Any]) -> PublicKey:
    return of(entry).verification_method(f"{ISSUER}#key-1", "assertionMethod").key


# What it hands out


@pytest.mark.parametrize("key_type", ["Ed25519", "P-256", "P-384", "secp256k1"])
def test_multikey_and_json_web_key(key_type: str) -> None:
    key = PrivateKey.generate(key_type).public_key
    assert read(method(publicKeyMultibase=key.multikey())) == key
    for form in ("JsonWebKey", "JsonWebKey2020"):
        jwk = {**key.jwk(), "kid": "key-1"}
        assert read(method(type=form, publicKeyMultibase=None, publicKeyJwk=jwk)) == key


def test_older_ed25519_forms() -> None:
    assert read(method(type="Ed25519VerificationKey2020")) == KEY
    base58 = base58_encode(KEY.raw)
    entry = method(type="Ed25519VerificationKey2018", publicKeyMultibase=None, publicKeyBase58=base58)
    assert read(entry) == KEY


def test_the_whole_method() -> None:
    document = of(method(expires="2030-01-01T00:00:00Z", revoked="2027-06-30T12:00:00.5+02:00"))
    found = document.verification_method(f"{ISSUER}#key-1", "assertionMethod")
    assert (found.id, found.type, found.controller) == (f"{ISSUER}#key-1", "Multikey", ISSUER)
    assert found.expires == datetime(2030, 1, 1, tzinfo=UTC)
    assert found.revoked == datetime(2027, 6, 30, 12, 0, 0, 500000, timezone(timedelta(hours=2)))
    assert document.verification_method(found.id, "assertionMethod") is found


@pytest.mark.parametrize("embedded", [False, True])
@pytest.mark.parametrize("relative", [False, True])
def test_embedded_or_referenced_absolute_or_relative(embedded: bool, relative: bool) -> None:
    name = "#key-1" if relative else f"{ISSUER}#key-1"
    entry = method(id=name)
    members: dict[str, Any] = (
        {"assertionMethod": [entry]}
        if embedded
        else {"verificationMethod": [entry], "assertionMethod": [name]}
    )
    document = Document.parse({"id": ISSUER, **members}, ISSUER)
    assert document.verification_method(f"{ISSUER}#key-1", "assertionMethod").key == KEY
    with pytest.raises(InvalidRelationship):
        document.verification_method(f"{ISSUER}#key-1", "authentication")


def test_one_method_twice_is_one() -> None:
    document = of(method(), assertionMethod=[method()])
    assert [found.key for found in document.methods("assertionMethod")] == [KEY]


def test_all_methods_of_a_relationship_in_order_without_the_useless() -> None:
    document = of(
        method("odd", type="Ed25519VerificationKey2099"),
        method("b", publicKeyMultibase=OTHER.multikey()),
        method("foreign", controller="did:web:evil.example"),
        method("a"),
        assertionMethod=["#odd", "#gone", "#b", "#foreign", "#a", "did:web:other.example#key-1"],
    )
    assert [found.key for found in document.methods("assertionMethod")] == [OTHER, KEY]
    assert list(document.methods("authentication")) == []


def test_the_value_is_kept_as_it_came() -> None:
    value = {"id": ISSUER, "unheard-of": [1.0, None], "@context": "https://www.w3.org/ns/did/v1"}
    document = Document.parse(value, ISSUER)
    assert document.value is value
    assert "unheard-of" in repr(document)


@pytest.mark.parametrize(
    ("controller", "expected"),
    [("did:a:b", ("did:a:b",)), (["did:a:b", "did:a:c"], ("did:a:b", "did:a:c")), ([], ())],
)
def test_controllers(controller: Any, expected: tuple[str, ...]) -> None:
    assert of(controller=controller).controller == expected


# What a proof may not use


@pytest.mark.parametrize(
    "relationship",
    ["authentication", "keyAgreement", "verificationMethod", "service", "id", "controller", "", "@context"],
)
def test_a_purpose_that_the_method_is_not_listed_for(relationship: str) -> None:
    document = of(method(), service=[{"id": f"{ISSUER}#key-1"}])
    with pytest.raises(InvalidRelationship) as caught:
        document.verification_method(f"{ISSUER}#key-1", relationship)
    assert caught.value.type.endswith("#INVALID_RELATIONSHIP_FOR_VERIFICATION_METHOD")


@pytest.mark.parametrize(
    "did_url",
    [
        "",
        f"{ISSUER}#",
        f"{ISSUER}#key-2",
        f"{ISSUER}#KEY-1",
        f"{ISSUER}#key-1#",
        f"{ISSUER}?versionId=1#key-1",
        f"{ISSUER}/#key-1",
        "#key-1",
        "key-1",
        "did:web:evil.example#key-1",
    ],
)
def test_methods_that_are_not_there(did_url: str) -> None:
    with pytest.raises(InvalidVerificationMethod) as caught:
        of(method()).verification_method(did_url, "assertionMethod")
    assert caught.value.type == "https://w3id.org/security#INVALID_VERIFICATION_METHOD"


def test_the_did_alone_names_the_only_method_for_a_relationship() -> None:
    first, second = method(), method("key-2")
    document = of(first, second, assertionMethod=["#key-2", "#key-2"])
    assert document.verification_method(ISSUER, "assertionMethod").id == second["id"]
    with pytest.raises(InvalidVerificationMethod):
        document.verification_method(ISSUER, "authentication")
    with pytest.raises(InvalidVerificationMethod):
        of(first, second).verification_method(ISSUER, "assertionMethod")


def test_a_method_of_another_document_is_not_taken_from_this_one() -> None:
    foreign = "did:web:victim.example"
    document = of(method(id=f"{foreign}#key-1", controller=foreign), method("key-2", id="key-2"))
    for did_url in (f"{foreign}#key-1", "key-2"):
        with pytest.raises(InvalidVerificationMethod, match="has no method"):
            document.verification_method(did_url, "assertionMethod")


@pytest.mark.parametrize("controller", ["did:web:evil.example", "", ISSUER + "/", "#"])
def test_a_method_under_another_controller(controller: str) -> None:
    with pytest.raises(InvalidVerificationMethod, match="controlled by another"):
        read(method(controller=controller))


SMALL_ORDER = base58_encode(b"\x01" + bytes(31))
UNUSABLE = {
    "no type": method(type=None),
    "type no string": method(type=["Multikey"]),
    "no controller": method(controller=None),
    "controller no string": method(controller=[ISSUER]),
    "unknown type": method(type="RsaVerificationKey2018"),
    "no key": method(publicKeyMultibase=None),
    "key under another name": method(publicKeyMultibase=None, publicKeyJwk=KEY.jwk()),
    "two keys": method(publicKeyJwk=OTHER.jwk()),
    "two forms of one key": method(publicKeyBase58=base58_encode(KEY.raw)),
    "multibase no string": method(publicKeyMultibase=[KEY.multikey()]),
    "jwk no object": method(type="JsonWebKey", publicKeyMultibase=None, publicKeyJwk=json.dumps(KEY.jwk())),
    "secret key beside": method(secretKeyMultibase="z3u2"),
    "private key beside": method(privateKeyJwk={}),
    "private jwk": method(
        type="JsonWebKey", publicKeyMultibase=None, publicKeyJwk={**KEY.jwk(), "d": KEY.jwk()["x"]}
    ),
    "2020 with P-256": method(type="Ed25519VerificationKey2020", publicKeyMultibase=OTHER.multikey()),
    "2018 of small order": method(
        type="Ed25519VerificationKey2018", publicKeyMultibase=None, publicKeyBase58=SMALL_ORDER
    ),
    "2018 too short": method(
        type="Ed25519VerificationKey2018", publicKeyMultibase=None, publicKeyBase58=base58_encode(bytes(31))
    ),
    "not base58": method(publicKeyMultibase=KEY.multikey() + "0"),
    "base58 with newline": method(publicKeyMultibase=KEY.multikey() + "\n"),
    "200 KB of base58": method(publicKeyMultibase="z" + "2" * 200_000),
    "X25519": method(publicKeyMultibase="z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F"),
    "expires no time": method(expires="tomorrow"),
    "expires without zone": method(expires="2030-01-01T00:00:00"),
    "expires on no day": method(expires="2030-02-30T00:00:00Z"),
    "expires as a number": method(expires=1893456000),
    "revoked no time": method(revoked="2030-01-01"),
    "revoked as an object": method(revoked={}),
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("entry", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_methods_that_cannot_be_used_and_take_no_other_away(entry: dict[str, Any]) -> None:
    with pytest.raises(InvalidVerificationMethod, match="key-1"):
        read(entry)
    document = of(entry, method("key-2"))
    assert document.verification_method(f"{ISSUER}#key-2", "assertionMethod").key == KEY
    assert [found.key for found in document.methods("assertionMethod")] == [KEY]


# What is no document


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"id": None},
        {"id": [ISSUER]},
        {"id": "did:web:evil.example"},
        {"id": ISSUER.upper()},
        {"id": f"{ISSUER}#key-1"},
        {"didDocument": {"id": ISSUER}},
    ],
)
def test_the_document_of_another(value: dict[str, Any]) -> None:
    with pytest.raises(InvalidDIDDocument, match="not its own") as caught:
        Document.parse(value, ISSUER)
    assert caught.value.type == "https://www.w3.org/ns/did#INVALID_DID_DOCUMENT"


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "members",
    [
        {"controller": 1},
        {"controller": {}},
        {"controller": ["did:a:b", None]},
        {"verificationMethod": method()},
        {"verificationMethod": None},
        {"verificationMethod": [None]},
        {"verificationMethod": [[method()]]},
        {"verificationMethod": [{**method(), "id": 1}]},
        {"verificationMethod": [{"type": "Multikey"}]},
        {"assertionMethod": f"{ISSUER}#key-1"},
        {"assertionMethod": [1]},
        {"keyAgreement": {}},
        {"authentication": [{"type": "Multikey"}]},
    ],
)
def test_members_of_a_wrong_form(members: dict[str, Any]) -> None:
    with pytest.raises(InvalidDIDDocument):
        of(**members)


@pytest.mark.parametrize("second", ["#key-1", f"{ISSUER}#key-1"])
def test_two_methods_of_one_id(second: str) -> None:
    twin = method(id=second, publicKeyMultibase=OTHER.multikey())
    for members in (
        {"verificationMethod": [method(), twin]},
        {"authentication": [twin]},
        {"keyAgreement": [twin]},
    ):
        with pytest.raises(InvalidDIDDocument, match="two different"):
            of(method(), **members)


def test_an_absurd_number_of_methods() -> None:
    methods = [method(f"key-{number}") for number in range(128)]
    assert len(list(of(*methods).methods("assertionMethod"))) == 128
    with pytest.raises(InvalidDIDDocument, match="more than 256"):
        of(*methods, authentication=["#key-1"])


# Documents that others made


def test_documents_of_the_digital_credentials_consortium(corpora: Path) -> None:
    for name in ("legacy", "oidf"):
        value = json.loads((corpora / f"samples/dcc/dids/{name}-did.json").read_bytes())
        did = f"did:web:digitalcredentials.github.io:vc-test-fixtures:dids:{name}"
        multikey = "z6MkjXe1vZvPRqFuc9nRBtZ3e1Y9XKDFSbjFAfzLfW2bD6cZ"
        found = Document.parse(value, did).verification_method(f"{did}#{multikey}", "assertionMethod")
        assert found.key == PublicKey.from_multikey(multikey)


def test_the_first_documents_of_did_webvh_histories(corpora: Path) -> None:
    read_keys = 0
    logs = [log.read_text() for log in sorted((corpora / "vectors/did-webvh").rglob("did.jsonl"))]
    for log in filter(None, logs):  # one of the broken ones is empty
        state = json.loads(log.partition("\n")[0])["state"]
        document = Document.parse(state, state["id"])
        read_keys += sum(len(list(document.methods(name))) for name in ("authentication", "assertionMethod"))
    assert read_keys > 10
