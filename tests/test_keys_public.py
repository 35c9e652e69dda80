"""Public keys in their written forms: Multikey and JWK, there and back, and what is refused."""

from __future__ import annotations

import ast
import json
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jwcrypto import jwk, jws

from keys import (
    InvalidKey,
    InvalidSignature,
    MessageSigner,
    PrivateKey,
    PublicKey,
    UnknownKeyType,
    public,
)
from keys.kinds import KINDS
from keys.signer import require_signs
from wire.strict import base58_decode, base58_encode, base64url_decode, base64url_encode

ALGORITHMS = {"Ed25519": "EdDSA", "P-256": "ES256", "P-384": "ES384", "secp256k1": "ES256K"}
EVERY_TYPE = pytest.mark.parametrize("key_type", ALGORITHMS)
ROOT = Path(__file__).parents[1]


def some_key(key_type: str, number: int = 7) -> PrivateKey:
    return PrivateKey.from_secret(key_type, number.to_bytes(KINDS[key_type].coordinate))


class AnotherSigns:
    """A signer that has the wrong key."""

    public_key = some_key("Ed25519").public_key

    def sign(self, data: bytes) -> bytes:
        return some_key("Ed25519", 8).sign(data)


def test_nothing_rests_on_a_signer_that_signs_with_another_key() -> None:
    require_signs(some_key("Ed25519"))
    with pytest.raises(InvalidSignature):
        require_signs(AnotherSigns())


@EVERY_TYPE
def test_its_row_has_the_sizes_of_its_keys_and_signatures(key_type: str) -> None:
    key = some_key(key_type)
    row = key.public_key.kind
    assert (len(key.public_key.raw), len(key.sign(b"data"))) == (row.key, row.signature)
    assert len(base64url_decode(key.public_key.jwk()["x"])) == row.coordinate
    assert len(key.public_key.multikey()) <= 1 + row.digits <= 71


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(st.sampled_from(sorted(ALGORITHMS)), st.integers(1, 2**250))
def test_there_and_back(key_type: str, number: int) -> None:
    key = some_key(key_type, number).public_key
    again = [
        PublicKey.from_multikey(key.multikey()),
        PublicKey.from_jwk(key.jwk()),
        PublicKey(key_type, key.raw),
        pickle.loads(pickle.dumps(key)),  # as it goes to other processes
    ]
    assert again == [key] * 4
    assert {hash(other) for other in again} == {hash(key)}
    assert key != some_key(key_type, number + 1).public_key


def test_a_key_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        some_key("Ed25519").public_key.raw = bytes(32)  # type: ignore[misc]


def test_the_example_key_of_rfc_8037() -> None:
    """Appendix A.1, A.2 and A.4: key and signature."""
    key = PrivateKey.from_secret("Ed25519", base64url_decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"))
    public = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert key.public_key.jwk() == public
    signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    assert base64url_encode(key.sign(signed)) == (
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )


@EVERY_TYPE
def test_printing_a_key_shows_the_public_part_only(key_type: str) -> None:
    key = some_key(key_type, 0x123456789ABCDEF0123456789ABCDEF0)
    shown = f"{key} {key!r} {[key]} {key.public_key!r}"
    assert key.public_key.multikey() in shown
    for form in (key.secret.hex(), repr(key.secret), base64url_encode(key.secret), base58_encode(key.secret)):
        assert form not in shown


@pytest.mark.slow
def test_importing_keys_loads_no_more_than_verifying_needs() -> None:
    serialization = "cryptography.hazmat.primitives.serialization"
    heavy = {"cryptography.x509", serialization, "keys.envelope", "keys.keyfile"}
    program = f"import sys, keys; print(sorted({heavy} & set(sys.modules))); print(keys.KeyFile.__module__)"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert run.stdout.splitlines() == ["[]", "keys.keyfile"]


# --- jwcrypto as a peer, in both directions ---------------------------------------------------------------


@EVERY_TYPE
def test_jwcrypto_reads_our_keys_and_verifies_our_signatures(key_type: str) -> None:
    key = some_key(key_type)
    peer = jwk.JWK(**key.public_key.jwk())
    header = base64url_encode(json.dumps({"alg": ALGORITHMS[key_type]}).encode())
    signing_input = f"{header}.{base64url_encode(b'payload')}"
    token = jws.JWS()
    token.allowed_algs = [ALGORITHMS[key_type]]
    token.deserialize(f"{signing_input}.{base64url_encode(key.sign(signing_input.encode()))}", peer)
    assert token.payload == b"payload"


@EVERY_TYPE
def test_we_read_the_keys_of_jwcrypto_and_verify_its_signatures(key_type: str) -> None:
    kty = KINDS[key_type].kty
    peer = jwk.JWK.generate(kty=kty, crv=key_type, kid="one", use="sig", alg=ALGORITHMS[key_type])
    key = PublicKey.from_jwk(peer.export_public(as_dict=True))
    assert key.type == key_type
    token = jws.JWS(b"payload")
    token.add_signature(peer, protected=json.dumps({"alg": ALGORITHMS[key_type]}))
    signing_input, _, signature = token.serialize(compact=True).rpartition(".")
    key.verify(base64url_decode(signature), signing_input.encode())
    with pytest.raises(InvalidSignature):
        key.verify(base64url_decode(signature), signing_input.encode() + b"x")
    secret = base64url_decode(peer.export_private(as_dict=True)["d"])
    assert PrivateKey.from_secret(key_type, secret).public_key == key


# --- Multikey ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "begins with 'z'"),
        ("u7QHXWpgBgrEKt9VL_tPJZAc6DuFy89qmIyWvAhpo9wdRGg", "begins with 'z'"),
        ("Z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", "begins with 'z'"),
        ("z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK\n", "not base58"),
        (" z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", "begins with 'z'"),
        ("z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2do0", "not base58"),
        ("z" + "z" * 200_000, "longer than"),
        ("z", "no known type"),
        ("z6", "no known type"),
        ("z" + base58_encode(b"\xec\x01" + bytes(range(32))), "no known type"),  # X25519
        ("z" + base58_encode(b"\xed\x81\x00" + bytes(range(32))), "no known type"),  # varint not minimal
        ("z" + base58_encode(b"\xed" + bytes(range(32))), "no known type"),
        ("z" + base58_encode(b"\xed\x01" + bytes(range(31))), "32 bytes"),  # threats 23
        ("z" + base58_encode(b"\xed\x01" + bytes(range(33))), "32 bytes"),
        ("z" + base58_encode(b"\xed\x01" + bytes(185)), "an Ed25519 key has 32 bytes, this one 185"),
        ("z" + base58_encode(b"\xed\x01" + bytes(186)), "32 bytes, this one 186"),
        ("z" + base58_encode(b"\xed\x01" + bytes(1312)), "32 bytes, this one 1312"),
        ("z" + base58_encode(b"\x80\x24\x02" + bytes(1311)), "point of 33 bytes"),
        ("z" + base58_encode(b"\x80\x24" + bytes(range(32))), "compressed point"),
        ("z" + base58_encode(b"\x81\x24\x02" + bytes(32)), "compressed point"),
        ("z" + base58_encode(b"\xe7\x01\x04" + bytes(64)), "compressed point"),
    ],
)
def test_refused_multikeys(text: str, said: str) -> None:
    with pytest.raises(InvalidKey, match=said):
        PublicKey.from_multikey(text)


@pytest.mark.parametrize(
    ("data", "known"),
    [
        (b"\x80\x01x", True),
        (b"\xff\x7fx", True),
        (b"\xed\x80x", False),  # a third byte of the code
        (b"\x7f\x01x", False),  # a code of one byte
        (b"\xff\x00x", False),  # not written as short as it can be
        (b"\xff\x7f", False),  # no key behind the code
    ],
)
def test_a_type_that_is_not_known_is_told_from_what_is_none(data: bytes, known: bool) -> None:
    with pytest.raises(InvalidKey) as caught:
        PublicKey.from_multikey("z" + base58_encode(data))
    assert isinstance(caught.value, UnknownKeyType) is known
    assert caught.value.undetermined is known


def test_the_same_bytes_under_another_prefix_are_another_key_or_none() -> None:  # threats 23
    raw = some_key("P-256").public_key.raw
    with pytest.raises(InvalidKey):
        PublicKey.from_multikey("z" + base58_encode(KINDS["P-384"].prefix + raw))
    with pytest.raises(InvalidKey):
        PublicKey.from_multikey("z" + base58_encode(KINDS["Ed25519"].prefix + raw))


# --- JWK --------------------------------------------------------------------------------------------------


def changed(key_type: str, **members: Any) -> dict[str, Any]:
    whole = {**some_key(key_type).public_key.jwk(), **members}
    return {name: value for name, value in whole.items() if value is not ...}


P256_X = some_key("P-256").public_key.jwk()["x"]
P256_Y = some_key("P-256").public_key.jwk()["y"]
ED_X = some_key("Ed25519").public_key.jwk()["x"]

REFUSED_JWKS = {
    "private EC": (
        changed("P-256", d=base64url_encode(some_key("P-256").secret)),
        "private member",
    ),  # threats 18
    "private OKP": (changed("Ed25519", d=base64url_encode(some_key("Ed25519").secret)), "private member"),
    "empty private": (changed("Ed25519", d=""), "private member"),
    "symmetric": ({"kty": "oct", "k": "AAAA"}, "private member"),
    "RSA": ({"kty": "RSA", "n": "AAAA", "e": "AQAB"}, "no known type"),
    "no kty": (changed("P-256", kty=...), "no known type"),
    "no crv": (changed("P-256", crv=...), "no known type"),
    "crv is a list": (changed("P-256", crv=["P-256"]), "no known type"),
    "kty of another crv": (changed("P-256", kty="OKP"), "no known type"),
    "crv of another kty": (changed("Ed25519", kty="EC"), "no known type"),
    "X25519": (changed("Ed25519", crv="X25519"), "no known type"),
    "alg of another type": (changed("P-256", alg="ES384"), "'alg'"),
    "alg symmetric": (changed("Ed25519", alg="HS256"), "'alg'"),
    "alg none": (changed("Ed25519", alg="none"), "'alg'"),
    "alg null": (changed("Ed25519", alg=None), "'alg'"),
    "alg a list": (changed("Ed25519", alg=["EdDSA"]), "'alg'"),
    "for encryption": (changed("P-256", use="enc"), "'use'"),
    "key_ops": (changed("P-256", key_ops=["deriveKey"]), "'key_ops'"),
    "key_ops a string": (changed("P-256", key_ops="verify"), "'key_ops'"),
    "no x": (changed("Ed25519", x=...), "'x' of the JWK is not a string"),
    "no y": (changed("P-256", y=...), "'y' of the JWK is not a string"),
    "x a number": (changed("Ed25519", x=5), "'x' of the JWK is not a string"),
    "padded": (changed("Ed25519", x=ED_X + "="), "'x' of the JWK cannot be decoded"),  # threats 7
    "white space": (changed("Ed25519", x=ED_X + "\n"), "'x' of the JWK cannot be decoded"),
    "left-over bits": (
        changed("Ed25519", x=ED_X[:-1] + "B"),
        "'x' of the JWK cannot be decoded",
    ),  # threats 8
    "very long": (changed("Ed25519", x="A" * 1_000_000), "'x' of the JWK cannot be decoded"),
    "short": (changed("Ed25519", x=ED_X[:40]), "30 bytes, not 32"),
    "leading zero": (
        changed("P-256", x=base64url_encode(b"\0" + base64url_decode(P256_X))),
        "33 bytes, not 32",
    ),
    "coordinates swapped": (changed("P-256", x=P256_Y, y=P256_X), "not a point"),
    "y of no point": (
        changed("P-256", y=base64url_encode(base64url_decode(P256_Y)[:-1] + b"\x01")),
        "not a point",
    ),
    "zero point": (
        changed("P-256", x=base64url_encode(bytes(32)), y=base64url_encode(bytes(32))),
        "not a point",
    ),
    "small order": (changed("Ed25519", x=base64url_encode(b"\1" + bytes(31))), "small order"),
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(("members", "said"), REFUSED_JWKS.values(), ids=REFUSED_JWKS)
def test_refused_jwks(members: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidKey, match=said) as caught:
        PublicKey.from_jwk(members)
    for value in members.values():
        assert not isinstance(value, str) or len(value) < 20 or value not in caught.value.detail


def test_minus_y_is_the_other_key() -> None:
    key = some_key("P-256").public_key
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    other = prime - int.from_bytes(base64url_decode(P256_Y))
    assert PublicKey.from_jwk(changed("P-256", y=base64url_encode(other.to_bytes(32)))).raw == (
        bytes([key.raw[0] ^ 1]) + key.raw[1:]
    )


def test_a_jwk_is_checked_whatever_was_met_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public, "_MOST_POINTS", 2)  # the bound itself, at a size that five keys reach
    for known in (public._POINTS, public._BY_MULTIKEY, public._MULTIKEYS):
        known.clear()
    key = some_key("P-256").public_key
    wrong = bytearray(base64url_decode(P256_Y))
    wrong[0] ^= 1  # as odd as the right one
    for _ in range(2):  # before its point is known, and after
        with pytest.raises(InvalidKey, match="not a point"):
            PublicKey.from_jwk(changed("P-256", y=base64url_encode(bytes(wrong))))
        PublicKey("P-256", key.raw)
    for _ in range(5):
        other = PrivateKey.generate("P-256").public_key
        assert PublicKey.from_jwk(other.jwk()) == other
        assert PublicKey.from_multikey(other.multikey()) == other
        assert len(public._POINTS) <= 2
        assert len(public._BY_MULTIKEY) <= 2
        assert len(public._MULTIKEYS) <= 2


def test_members_that_say_nothing_against_it_are_passed_over() -> None:
    key = some_key("P-256").public_key
    more = {"alg": "ES256", "use": "sig", "key_ops": ["sign", "verify"], "kid": "x", "x5t": 5, "ext": True}
    assert PublicKey.from_jwk({**key.jwk(), **more}) == key
    for alg in ("EdDSA", "Ed25519"):
        assert PublicKey.from_jwk(changed("Ed25519", alg=alg)) == some_key("Ed25519").public_key


# --- the did:key test vectors -----------------------------------------------------------------------------


def did_key_vectors(corpora: Path, name: str) -> dict[str, Any]:
    vectors: dict[str, Any] = json.loads((corpora / "vectors" / "did-key" / name).read_text())
    return {did.removeprefix("did:key:"): vector for did, vector in vectors.items()}


def test_did_key_vectors(corpora: Path) -> None:
    found = []
    for name in ("ed25519-x25519.json", "nist-curves.json", "secp256k1.json"):
        for multikey, vector in did_key_vectors(corpora, name).items():
            pair = vector.get("verificationMethod") or vector["verificationKeyPair"]
            if pair.get("publicKeyJwk", {}).get("crv") == "P-521":
                with pytest.raises(InvalidKey, match="no known type"):
                    PublicKey.from_multikey(multikey)
                continue
            key = PublicKey.from_multikey(multikey)
            assert key.multikey() == multikey
            found.append(key.type)
            if "publicKeyJwk" in pair:
                assert PublicKey.from_jwk(pair["publicKeyJwk"]) == key
                assert key.jwk() == {name: pair["publicKeyJwk"][name] for name in key.jwk()}
                assert (
                    PrivateKey.from_secret(key.type, base64url_decode(pair["privateKeyJwk"]["d"])).public_key
                    == key
                )
                with pytest.raises(InvalidKey, match="private member"):
                    PublicKey.from_jwk(pair["privateKeyJwk"])
            else:
                assert key.raw == base58_decode(pair["publicKeyBase58"])
                secret = bytes.fromhex(vector.get("seed", "")) or base58_decode(pair["privateKeyBase58"])
                assert PrivateKey.from_secret(key.type, secret).public_key == key
    assert set(found) == set(ALGORITHMS)
    assert len(found) == 16


@pytest.mark.parametrize("name", ["bls12381.json", "rsa.json", "x25519.json"])
def test_did_key_types_that_are_not_for_us(corpora: Path, name: str) -> None:
    for multikey in did_key_vectors(corpora, name):
        with pytest.raises(InvalidKey):
            PublicKey.from_multikey(multikey)


# --- A kind of key is a row; what signs messages, of which some are shown -----------------------------------


def test_no_module_but_the_table_and_its_schemes_knows_a_kind_by_name() -> None:
    for path in (ROOT / "keys").glob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        defaults = [default for node in nodes if isinstance(node, ast.arguments) for default in node.defaults]
        known = {node.value for node in nodes if isinstance(node, ast.Constant) and node not in defaults}
        assert path.name == "kinds.py" or not known & KINDS.keys(), path


class EachAlone:
    """As ecdsa-sd-2023 does: the key signs a key made for this once, and that signs each message."""

    def __init__(self, key: PrivateKey) -> None:
        self._key, self.public_key = key, key.public_key

    def sign_messages(self, messages: Sequence[bytes], header: bytes) -> bytes:
        once = PrivateKey.generate("P-256")
        base = once.public_key.raw + self._key.sign(header + once.public_key.raw)
        return base + b"".join(map(once.sign, messages))


def require_signed(key: PublicKey, shown: Mapping[int, bytes], header: bytes, signature: bytes) -> None:
    once = PublicKey("P-256", signature[:33])
    key.verify(signature[33:97], header + once.raw)
    for number, message in shown.items():
        once.verify(signature[97 + 64 * number :][:64], message)


def test_a_key_that_signs_messages_lets_some_of_them_be_shown() -> None:
    signer: MessageSigner = EachAlone(PrivateKey.generate("P-256"))
    signature = signer.sign_messages([b"name", b"born", b"degree"], b"diploma")
    require_signed(signer.public_key, {0: b"name", 2: b"degree"}, b"diploma", signature)
    for shown, header in (({1: b"later"}, b"diploma"), ({0: b"degree"}, b"diploma"), ({}, b"other")):
        with pytest.raises(InvalidSignature):
            require_signed(signer.public_key, shown, header, signature)
