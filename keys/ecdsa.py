"""ECDSA over P-256, P-384 and secp256k1: signatures as r‖s of fixed length, never DER (RFC 7518 3.4).

Signing is deterministic (RFC 6979). For secp256k1 s is made the lower of s and n-s, as its users expect;
for verification both stand, since hardware emits both: so a signature's bytes never identify anything.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from cryptography import exceptions
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from .problem import InvalidKey, InvalidKeyLength, InvalidSignature


class _Curve(NamedTuple):
    curve: ec.EllipticCurve
    algorithm: ec.ECDSA
    size: int  # bytes of a coordinate and of a scalar
    order: int


_CURVES: Mapping[str, _Curve] = MappingProxyType(
    {
        name: _Curve(
            curve, ec.ECDSA(digest, deterministic_signing=True), curve.key_size // 8, curve.group_order
        )
        for name, curve, digest in (
            ("P-256", ec.SECP256R1(), SHA256()),
            ("P-384", ec.SECP384R1(), SHA384()),
            ("secp256k1", ec.SECP256K1(), SHA256()),
        )
    }
)


def _curve(key_type: str) -> _Curve:
    curve = _CURVES.get(key_type)
    if curve is None:
        raise InvalidKey(f"the key is of no known type; known are Ed25519, {', '.join(_CURVES)}")
    return curve


class Point:
    """A public key that is fit for use: constructing one raises `InvalidKey` for any other."""

    __slots__ = ("_curve", "_key", "_type")

    def __init__(self, key_type: str, raw: bytes) -> None:
        self._type, self._curve = key_type, _curve(key_type)
        size = 1 + self._curve.size
        if len(raw) != size:
            raise InvalidKeyLength(f"a {key_type} key is one compressed point of {size} bytes")
        if raw[0] not in (2, 3):
            raise InvalidKey(f"the {key_type} key is not one compressed point")
        try:
            self._key = ec.EllipticCurvePublicKey.from_encoded_point(self._curve.curve, raw)
        except ValueError:
            raise InvalidKey(f"the {key_type} key is not a point of the curve") from None

    def coordinates(self) -> tuple[bytes, bytes]:
        """x and y, each of the curve's fixed length."""
        numbers = self._key.public_numbers()
        return numbers.x.to_bytes(self._curve.size), numbers.y.to_bytes(self._curve.size)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raise `InvalidSignature` unless these bytes are r‖s of the key's signature over the data."""
        size = self._curve.size
        if len(signature) != 2 * size:
            raise InvalidSignature(
                f"a {self._type} signature has {2 * size} bytes, this one {len(signature)}"
            )
        r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
        if not (0 < r < self._curve.order and 0 < s < self._curve.order):
            raise InvalidSignature(f"r or s of the {self._type} signature is zero or not below the order")
        try:
            self._key.verify(encode_dss_signature(r, s), data, self._curve.algorithm)
        except exceptions.InvalidSignature:
            raise InvalidSignature(f"the {self._type} signature does not match key and data") from None


def compressed(x: bytes, y: bytes) -> bytes:
    """A point in compressed form (SEC 1 2.3.3); whether it is on the curve is for `Point` to say."""
    return bytes([2 + (y[-1] & 1)]) + x


def new_secret(key_type: str) -> bytes:
    """A random secret scalar, uniform over those that the curve has."""
    curve = _curve(key_type)
    return (1 + secrets.randbelow(curve.order - 1)).to_bytes(curve.size)


def secret_key(key_type: str, secret: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    """The public key of a secret scalar of fixed length, and the function that signs with it."""
    curve = _curve(key_type)
    scalar = int.from_bytes(secret)
    if len(secret) != curve.size or not 0 < scalar < curve.order:
        raise InvalidKey(f"a {key_type} secret is {curve.size} bytes, above zero and below the order")
    key = ec.derive_private_key(scalar, curve.curve)
    numbers = key.public_key().public_numbers()
    low_s = key_type == "secp256k1"

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, curve.algorithm))
        if low_s and s > curve.order // 2:
            s = curve.order - s
        return r.to_bytes(curve.size) + s.to_bytes(curve.size)

    return compressed(numbers.x.to_bytes(curve.size), numbers.y.to_bytes(curve.size)), sign
