"""`PublicKey`: one key that can verify, in any of its written forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import multi
from .kinds import KINDS, KeyKind, scheme
from .problem import InvalidKey
from .scheme import Point


@dataclass(frozen=True, slots=True, repr=False)
class PublicKey:
    """A public key for signatures: `type` is one of `kinds.KINDS`.

    `raw` is 32 bytes for Ed25519, the compressed point (SEC 1) for the others. There is no object for an
    unfit key: constructing one raises `InvalidKey` for wrong lengths, points off the curve, points of small
    order and other encodings than the canonical one.
    """

    type: str
    raw: bytes
    _point: Point = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_point", _point(self.type, self.raw))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.type, self.raw)  # not with what a library made of it

    def __repr__(self) -> str:
        return f"PublicKey({self.multikey()})"

    @property
    def kind(self) -> KeyKind:
        """The row of its type, with the sizes of keys and signatures."""
        return KINDS[self.type]

    @classmethod
    def from_multikey(cls, text: str) -> PublicKey:
        """The key of a `publicKeyMultibase` value or of the last part of a did:key."""
        return _BY_MULTIKEY.get(text) or _met(text, cls(*multi.multikey_decode(text)))

    def multikey(self) -> str:
        """The key as a Multikey, 'z…' (Controlled Identifiers 1.0, 2.2.2)."""
        text = _MULTIKEYS.get((self.type, self.raw))
        if text is None:
            text = multi.multikey_encode(self.type, self.raw)
            _met(text, self)
        return text

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> PublicKey:
        """The key of a public JWK (RFC 7517); one with a private member is refused.

        Raises `InvalidKey`, `InvalidKeyLength`, `UnknownKeyType`.
        """
        name, x, y = multi.jwk_decode(jwk)
        raw = scheme(name).raw(x, y)
        # Threat 22: points are cached by x and the parity of y, so a cached one says nothing of this y.
        if _point(name, raw, y).coordinates() != (x, y):
            raise InvalidKey.saying("the {curve} key is not a point of the curve", curve=name)
        return cls(name, raw)

    def jwk(self) -> dict[str, str]:
        """The key as a JWK with only its required members."""
        return multi.jwk_encode(self.type, *self._point.coordinates())

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raise `InvalidSignature` unless the raw signature is this key's over the data.

        64 bytes R‖S for Ed25519; r‖s for ECDSA, with SHA-256, for P-384 with SHA-384.
        """
        self._point.verify(signature, data)


_BY_MULTIKEY: dict[str, PublicKey] = {}
_MULTIKEYS: dict[tuple[str, bytes], str] = {}
"""Caches of keys and their Multikeys, both ways: most are needed both ways, and base58 is quadratic."""


def _met(text: str, key: PublicKey) -> PublicKey:
    if len(_BY_MULTIKEY) >= _MOST_POINTS:  # any sender brings keys, so that the memory is bounded
        _BY_MULTIKEY.clear()
        _MULTIKEYS.clear()
    _BY_MULTIKEY[text] = key
    _MULTIKEYS[key.type, key.raw] = text
    return key


_POINTS: dict[tuple[str, bytes], Point] = {}
"""Cache of decompressed points, since decompressing one costs as much as half a verification."""
_MOST_POINTS = 4096


def _point(key_type: str, raw: bytes, y: bytes | None = None) -> Point:
    point = _POINTS.get((key_type, raw))
    if point is None:
        point = scheme(key_type).point(raw, y)
        if len(_POINTS) >= _MOST_POINTS:  # any sender brings keys
            _POINTS.clear()
        _POINTS[key_type, raw] = point
    return point
