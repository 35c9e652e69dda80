"""ECDSA: deterministic signatures of RFC 6979, raw r‖s only, and points of the curve only."""

from __future__ import annotations

import contextlib
import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from keys import InvalidKey, InvalidSignature, PrivateKey, PublicKey

ORDERS = {
    "P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "P-384": 2**384 - 0x389CB27E0BC8D220A7E5F24DB74F58851313E695333AD68D,
    "secp256k1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
}
PRIMES = {
    "P-256": 2**256 - 2**224 + 2**192 + 2**96 - 1,
    "P-384": 2**384 - 2**128 - 2**96 + 2**32 - 1,
    "secp256k1": 2**256 - 2**32 - 977,
}
SIZES = {"P-256": 32, "P-384": 48, "secp256k1": 32}
CURVES = pytest.mark.parametrize("key_type", ORDERS)

VECTORS = {  # RFC 6979 A.2.5 and A.2.6 ("sample"); for secp256k1 the well-known ones for the key 1
    "P-256": (
        "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
        "0360FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6",
        b"sample",
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
    ),
    "P-384": (
        "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
        "02EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13",
        b"sample",
        "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C"
        "81A648152E44ACF96E36DD1E80FABE46"
        "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94F"
        "A329C145786E679E7B82C71A38628AC8",
    ),
    "secp256k1": (
        "0000000000000000000000000000000000000000000000000000000000000001",
        "0279BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798",
        b"Satoshi Nakamoto",
        "934B1EA10A4B3C1757E2B0C017D0B6143CE3C9A7E6A4A49860D7A6AB210EE3D8"
        "2442CE9D2B916064108014783E923EC36B49743E2FFA1C4496F01A512AAFD9E5",
    ),
}


def raw(key_type: str, r: int, s: int) -> bytes:
    return r.to_bytes(SIZES[key_type]) + s.to_bytes(SIZES[key_type])


def numbers(signature: bytes) -> tuple[int, int]:
    half = len(signature) // 2
    return int.from_bytes(signature[:half]), int.from_bytes(signature[half:])


@CURVES
def test_vectors(key_type: str) -> None:
    secret, public, message, signature = VECTORS[key_type]
    key = PrivateKey.from_secret(key_type, bytes.fromhex(secret))
    assert key.public_key == PublicKey(key_type, bytes.fromhex(public))
    assert key.sign(message).hex().upper() == signature
    key.public_key.verify(bytes.fromhex(signature), message)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(ORDERS)), st.binary(max_size=100), st.data())
def test_signs_and_verifies_and_nothing_else_verifies(
    key_type: str, message: bytes, data: st.DataObject
) -> None:
    key = PrivateKey.from_secret(key_type, data.draw(st.integers(1, 2**255)).to_bytes(SIZES[key_type]))
    signature = key.sign(message)
    key.public_key.verify(signature, message)
    bad = bytearray(signature)
    bad[data.draw(st.integers(0, len(bad) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    for wrong_signature, wrong_message in ((bytes(bad), message), (signature, message + b"\0")):
        with pytest.raises(InvalidSignature):
            key.public_key.verify(wrong_signature, wrong_message)


@CURVES
def test_both_s_verify_and_only_secp256k1_emits_the_lower_one(key_type: str) -> None:
    key = PrivateKey.from_secret(key_type, (7).to_bytes(SIZES[key_type]))
    order = ORDERS[key_type]
    emitted_high = set()
    for number in range(20):
        data = bytes([number])
        r, s = numbers(key.sign(data))
        emitted_high.add(s > order // 2)
        key.public_key.verify(raw(key_type, r, order - s), data)
    assert emitted_high == ({False} if key_type == "secp256k1" else {False, True})


@CURVES
def test_r_and_s_out_of_range(key_type: str) -> None:  # threats 10
    key = PrivateKey.from_secret(key_type, (7).to_bytes(SIZES[key_type]))
    order, largest = ORDERS[key_type], 2 ** (8 * SIZES[key_type]) - 1
    r, s = numbers(key.sign(b"data"))
    for pair in ((0, s), (r, 0), (0, 0), (order, s), (r, order), (order, order), (largest, s), (r, largest)):
        with pytest.raises(InvalidSignature, match="r or s"):
            key.public_key.verify(raw(key_type, *pair), b"data")


@CURVES
def test_only_the_one_length_and_no_der(key_type: str) -> None:  # threats 9, 11
    key = PrivateKey.from_secret(key_type, (7).to_bytes(SIZES[key_type]))
    signature = key.sign(b"data")
    r, s = numbers(signature)
    half = len(signature) // 2
    over_long = b"\0" + signature[:half] + b"\0" + signature[half:]
    for wrong in (
        encode_dss_signature(r, s),
        over_long,
        signature + b"\0",
        signature[:-1],
        signature[:half],
        b"",
    ):
        with pytest.raises(InvalidSignature, match=f"{2 * half} bytes"):
            key.public_key.verify(wrong, b"data")


@CURVES
def test_points_off_the_curve_and_other_forms_are_no_keys(key_type: str) -> None:  # threats 22
    size, prime = SIZES[key_type], PRIMES[key_type]
    x, y = PrivateKey.generate(key_type).public_key._point.coordinates()
    assert y is not None
    wrong_form = [
        b"",
        b"\0",  # the identity
        bytes(1 + size),
        b"\4" + x + y,  # uncompressed
        bytes([6 + y[-1] % 2]) + x,  # the first byte of the hybrid form
        b"\2" + x[:-1],
        b"\2" + x + b"\0",
        x,
    ]
    for point in wrong_form:
        with pytest.raises(InvalidKey, match="one compressed point"):
            PublicKey(key_type, point)
    on_curve = 0
    for small in range(1, 41):
        with contextlib.suppress(InvalidKey):
            PublicKey(key_type, b"\2" + small.to_bytes(size))
            on_curve += 1
    assert 5 < on_curve < 35
    for small in range(1, 41):  # x + p instead of x
        with pytest.raises(InvalidKey, match="not a point"):
            PublicKey(key_type, b"\2" + (small + prime).to_bytes(size))


@CURVES
def test_secrets_out_of_range(key_type: str) -> None:
    size, order = SIZES[key_type], ORDERS[key_type]
    for secret in (bytes(size), order.to_bytes(size), b"\xff" * size, b"\1", bytes(size) + b"\1", b""):
        with pytest.raises(InvalidKey, match=f"{size} bytes"):
            PrivateKey.from_secret(key_type, secret)
    PrivateKey.from_secret(key_type, (order - 1).to_bytes(size))


def test_new_secrets_reach_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    for chosen, secret in ((0, 1), (ORDERS["P-256"] - 2, ORDERS["P-256"] - 1)):
        monkeypatch.setattr(secrets, "randbelow", lambda below, chosen=chosen: min(chosen, below - 1))
        assert PrivateKey.generate("P-256").secret == secret.to_bytes(32)


def test_unknown_types() -> None:
    for key_type in ("P-521", "X25519", "ed25519", ""):
        with pytest.raises(InvalidKey, match="no known type"):
            PublicKey(key_type, bytes(32))
        with pytest.raises(InvalidKey, match="no known type"):
            PrivateKey.generate(key_type)
