"""ECDSA over P-256, P-384 and secp256k1: signatures as r‖s of fixed length, never DER (RFC 7518 3.4).

Signing is deterministic (RFC 6979). For secp256k1, signing emits the lower of s and n-s, as its users expect.
Verification accepts both, since hardware emits both; so a signature's bytes never identify anything.
"""

from __future__ import annotations

import secrets

from cryptography import exceptions
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from .problem import InvalidKey, InvalidKeyLength, InvalidSignature
from .scheme import Sign


class Curve:
    """The scheme of one curve; `curve` is its name in `cryptography`."""

    def __init__(self, name: str, curve: str, digest: str, *, low_s: bool) -> None:
        self.name, self.low_s = name, low_s
        self.curve: ec.EllipticCurve = getattr(ec, curve)()
        self.algorithm = ec.ECDSA(getattr(hashes, digest.upper())(), deterministic_signing=True)
        self.size = self.curve.key_size // 8  # bytes of a coordinate and of a scalar
        self.order = self.curve.group_order

    def point(self, raw: bytes, y: bytes | None = None) -> Point:
        """The public key of a compressed point (SEC 1 2.3.4), with its `y` if known. Raises `InvalidKey`."""
        return Point(self, raw, y)

    def raw(self, x: bytes, y: bytes | None) -> bytes:
        """A point in compressed form. `Point` checks that it is on the curve."""
        assert y is not None, "a JWK of such a key has both"
        return bytes([2 + (y[-1] & 1)]) + x

    def new_secret(self) -> bytes:
        """A random secret scalar, uniform over those that the curve has."""
        return (1 + secrets.randbelow(self.order - 1)).to_bytes(self.size)

    def secret_key(self, secret: bytes) -> tuple[bytes, Sign]:
        """The public key of a secret scalar of fixed length, and the function that signs with it.

        Raises `InvalidKey`.
        """
        scalar = int.from_bytes(secret)
        if len(secret) != self.size or not 0 < scalar < self.order:  # SEC 1 3.2.1: 1 to n-1
            raise InvalidKey.saying(
                "a {curve} secret is {size} bytes, above zero and below the order",
                curve=self.name,
                size=self.size,
            )
        key = ec.derive_private_key(scalar, self.curve)
        numbers = key.public_key().public_numbers()

        def sign(data: bytes) -> bytes:
            r, s = decode_dss_signature(key.sign(data, self.algorithm))
            # If s fits, so does order - s; on this curve libsecp256k1 verifies the lower of the two only.
            if self.low_s and s > self.order // 2:
                s = self.order - s
            return r.to_bytes(self.size) + s.to_bytes(self.size)

        return self.raw(numbers.x.to_bytes(self.size), numbers.y.to_bytes(self.size)), sign


class Point:
    """A public key that is fit for use: constructing one raises `InvalidKey` for any other."""

    __slots__ = ("_coordinates", "_curve", "_key")

    def __init__(self, curve: Curve, raw: bytes, y: bytes | None = None) -> None:
        self._curve = curve
        self._coordinates = None if y is None else (raw[1:], y)
        size = 1 + curve.size
        # SEC 1 2.3.4: a compressed point has one length, so that each key has one form (threat 22).
        if len(raw) != size:
            raise InvalidKeyLength.saying(
                "a {curve} key is one compressed point of {size} bytes", curve=curve.name, size=size
            )
        if raw[0] not in (2, 3):  # SEC 1 2.3.4: 0 and 4 begin other forms (threat 22)
            raise InvalidKey.saying("the {curve} key is not one compressed point", curve=curve.name)
        try:
            encoded = raw if y is None else b"\x04" + raw[1:] + y
            self._key = ec.EllipticCurvePublicKey.from_encoded_point(curve.curve, encoded)
        except ValueError:  # threat 22: off the curve
            raise InvalidKey.saying("the {curve} key is not a point of the curve", curve=curve.name) from None

    def coordinates(self) -> tuple[bytes, bytes]:
        """x and y, each of the curve's fixed length."""
        if self._coordinates is None:
            numbers = self._key.public_numbers()
            size = self._curve.size
            self._coordinates = numbers.x.to_bytes(size), numbers.y.to_bytes(size)
        return self._coordinates

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raise `InvalidSignature` unless these bytes are r‖s of the key's signature over the data."""
        name, size = self._curve.name, self._curve.size
        # Threats 9 to 11: r‖s has one fixed length (RFC 7518 3.4), and both numbers are in range.
        if len(signature) != 2 * size:
            raise InvalidSignature.saying(
                "a {curve} signature has {size} bytes, this one {length}",
                curve=name,
                size=2 * size,
                length=len(signature),
            )
        r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
        if not (0 < r < self._curve.order and 0 < s < self._curve.order):  # SEC 1 4.1.4 step 1
            raise InvalidSignature.saying(
                "r or s of the {curve} signature is zero or not below the order", curve=name
            )
        try:
            self._key.verify(encode_dss_signature(r, s), data, self._curve.algorithm)
        except exceptions.InvalidSignature:
            raise InvalidSignature.saying(
                "the {curve} signature does not match key and data", curve=name
            ) from None
