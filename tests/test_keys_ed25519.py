"""Ed25519: the vectors of RFC 8032, and the keys and signatures that the libraries take and we do not."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keys import InvalidKey, InvalidSignature, PrivateKey, PublicKey, ed25519, openssl, sodium

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

RFC_8032 = {  # section 7.1: secret, public, message, signature
    "TEST 1": (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    "TEST 2": (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    "TEST 3": (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    "TEST SHA(abc)": (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").hexdigest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
}


@pytest.fixture(params=[sodium, openssl], ids=["libsodium", "OpenSSL"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Each test once with each library under `keys.ed25519`."""
    module: ModuleType = request.param
    for name in ("load_secret", "on_curve", "verify"):
        monkeypatch.setattr(ed25519, name, getattr(module, name))
    return module


# --- the curve, in the plainest way, for making unsound points --------------------------------------------

Affine = tuple[int, int]


def add(a: Affine, b: Affine) -> Affine:
    product = D * a[0] * b[0] * a[1] * b[1] % P
    return (
        (a[0] * b[1] + b[0] * a[1]) * pow(1 + product, -1, P) % P,
        (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, -1, P) % P,
    )


def times(scalar: int, point: Affine) -> Affine:
    result = (0, 1)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def encode(point: Affine) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def decode(encoded: bytes) -> Affine | None:
    number = int.from_bytes(encoded, "little")
    y, sign = number % 2**255 % P, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square:
        return None
    return (P - x if x & 1 != sign else x) % P, y


def small_order_points() -> list[Affine]:
    """All eight, from any point of the curve: L times it has an order that divides 8."""
    for y in range(2, 100):
        if point := decode(y.to_bytes(32, "little")):
            small = times(L, point)
            found = [times(n, small) for n in range(8)]
            if len(set(found)) == 8:
                return found
    raise AssertionError


TORSION = small_order_points()
BASE: Affine = decode((4 * pow(5, -1, P) % P).to_bytes(32, "little")) or (0, 1)
SMALL_ORDER = sorted({encode(point) for point in TORSION})
NOT_CANONICAL = [  # y and y + p, and a sign where x = 0, are other spellings of the same points
    (y | sign << 255).to_bytes(32, "little") for y in range(P, 2**255) for sign in (0, 1)
] + [((1 << 255) | y).to_bytes(32, "little") for y in (1, P - 1)]


def test_the_helpers_of_this_file_know_the_curve() -> None:
    public = hashlib.sha512(bytes.fromhex(RFC_8032["TEST 1"][0])).digest()[:32]
    scalar = int.from_bytes(public, "little") & ((1 << 254) - 8) | (1 << 254)
    assert encode(times(scalar, BASE)).hex() == RFC_8032["TEST 1"][1]
    assert len(SMALL_ORDER) == 8
    assert times(L, BASE) == (0, 1)


# --- vectors ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC_8032.values(), ids=RFC_8032)
def test_rfc_8032(secret: str, public: str, message: str, signature: str) -> None:
    key = PrivateKey.from_secret("Ed25519", bytes.fromhex(secret))
    assert key.public_key == PublicKey("Ed25519", bytes.fromhex(public))
    assert key.sign(bytes.fromhex(message)).hex() == signature
    key.public_key.verify(bytes.fromhex(signature), bytes.fromhex(message))


@pytest.mark.usefixtures("backend")
def test_any_one_bit_changed_is_refused() -> None:
    key = PrivateKey.from_secret("Ed25519", bytes(range(32)))
    data = b"data"
    good = key.sign(data)
    key.public_key.verify(good, data)
    for bit in range(512):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InvalidSignature):
            key.public_key.verify(bytes(bad), data)
    for other in (b"", b"Data", b"data\0"):
        with pytest.raises(InvalidSignature, match="does not match"):
            key.public_key.verify(good, other)
    with pytest.raises(InvalidSignature, match="does not match"):
        PrivateKey.generate().public_key.verify(good, data)


# --- unsound keys and signatures (threats 21) -------------------------------------------------------------


@pytest.mark.quick(every=4)
@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("raw", SMALL_ORDER + NOT_CANONICAL, ids=bytes.hex)
def test_keys_of_small_order_or_in_another_spelling_are_no_keys(raw: bytes) -> None:
    with pytest.raises(InvalidKey, match="small order or not in canonical form"):
        PublicKey("Ed25519", raw)


@pytest.mark.usefixtures("backend")
def test_half_of_all_values_are_no_points() -> None:
    loaded = 0
    for y in range(2, 52):
        raw = y.to_bytes(32, "little")
        if decode(raw):
            loaded += 1
            PublicKey("Ed25519", raw)
        else:
            with pytest.raises(InvalidKey, match="not a point"):
                PublicKey("Ed25519", raw)
    assert 0 < loaded < 50


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_both_libraries_and_the_formula_agree_on_what_is_a_point(raw: bytes) -> None:
    assert sodium.on_curve(raw) == openssl.on_curve(raw) == (decode(raw) is not None)


@pytest.mark.quick(every=4)
@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("r", SMALL_ORDER + NOT_CANONICAL, ids=bytes.hex)
def test_r_of_small_order_or_in_another_spelling_is_refused(r: bytes) -> None:
    with pytest.raises(InvalidSignature, match="R of the"):
        PrivateKey.generate().public_key.verify(r + bytes(32), b"")


@pytest.mark.usefixtures("backend")
def test_s_has_one_form() -> None:
    key = PrivateKey.from_secret("Ed25519", bytes(32))
    signature = key.sign(b"data")
    s = int.from_bytes(signature[32:], "little")
    for other in (s + L, s + 2 * L, L, 2**256 - 1):
        with pytest.raises(InvalidSignature, match="S of the"):
            key.public_key.verify(signature[:32] + other.to_bytes(32, "little"), b"data")


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("length", [0, 32, 63, 65, 128])
def test_a_signature_has_64_bytes(length: int) -> None:
    with pytest.raises(InvalidSignature, match="64 bytes"):
        PrivateKey.generate().public_key.verify(bytes(length), b"")


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_keys_and_secrets_have_32_bytes(length: int) -> None:
    with pytest.raises(InvalidKey, match="32 bytes"):
        PublicKey("Ed25519", bytes(length))
    with pytest.raises(InvalidKey, match="32 bytes"):
        PrivateKey.from_secret("Ed25519", bytes(length))


def verdict(library: ModuleType, key: bytes, signature: bytes, data: bytes) -> bool:
    try:
        library.verify(key, signature, data)
    except InvalidSignature:
        return False
    return True


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    secret=st.integers(1, L - 1),
    nonce=st.integers(1, L - 1),
    key_torsion=st.sampled_from(TORSION),
    nonce_torsion=st.sampled_from(TORSION),
    data=st.binary(max_size=8),
)
def test_both_libraries_agree_on_points_with_a_part_of_small_order(
    secret: int, nonce: int, key_torsion: Affine, nonce_torsion: Affine, data: bytes
) -> None:
    """Where cofactored and plain verification differ; a checkpoint must not verify on one machine only."""
    key = encode(add(times(secret, BASE), key_torsion))
    r = encode(add(times(nonce, BASE), nonce_torsion))
    challenge = int.from_bytes(hashlib.sha512(r + key + data).digest(), "little") % L
    signature = r + ((nonce + challenge * secret) % L).to_bytes(32, "little")
    PublicKey("Ed25519", key)
    plain_equation = add(nonce_torsion, times(challenge, key_torsion)) == (0, 1)
    assert verdict(sodium, key, signature, data) == verdict(openssl, key, signature, data) == plain_equation


def test_without_libsodium_openssl_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nacl", None)
    monkeypatch.delitem(sys.modules, "keys.sodium")
    spec = importlib.util.find_spec("keys.ed25519")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.verify is openssl.verify
    assert vars(ed25519)["verify"] is sodium.verify
