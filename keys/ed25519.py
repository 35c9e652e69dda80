"""Ed25519 (RFC 8032) with the checks that the libraries leave out or make differently.

Under a key of small order anyone can "sign": OpenSSL accepts (R of small order, S = 0). libsodium and
OpenSSL also differ in the malformed encodings that they accept. So key, R and S are checked here first;
for signatures that pass, both libraries give the same answer.
"""

from __future__ import annotations

from .problem import InvalidKey, InvalidKeyLength, InvalidSignature
from .scheme import Sign

try:
    from .sodium import load_secret, on_curve, verify
except ImportError:
    from .openssl import load_secret, on_curve, verify

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_ORDER_8_Y = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
# y of the eight points whose order divides the cofactor; both signs of x are of small order or no encoding
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _ORDER_8_Y, _P - _ORDER_8_Y})


class Point:
    """A public key that is fit for use: constructing one raises `InvalidKey` for any other."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        if len(raw) != 32:  # RFC 8032 5.1.5
            raise InvalidKeyLength.saying("an Ed25519 key has 32 bytes, this one {length}", length=len(raw))
        if not _sound(raw):  # threat 21: under a key of small order anyone can sign
            raise InvalidKey("the Ed25519 key is of small order or not in canonical form; nobody owns it")
        if not on_curve(raw):  # RFC 8032 5.1.3: an encoding whose x² has no square root is no point
            raise InvalidKey("the Ed25519 key is not a point of the curve")
        self.raw = raw

    def coordinates(self) -> tuple[bytes, None]:
        """The one member `x` of a JWK: the encoded point (RFC 8037 2)."""
        return self.raw, None

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raise `InvalidSignature` unless these 64 bytes are the key's signature over the data."""
        # RFC 8032 5.1.7 step 1: 64 bytes, and S below the order, or S + L would be a second signature.
        if len(signature) != 64:
            raise InvalidSignature.saying(
                "an Ed25519 signature has 64 bytes, this one {length}", length=len(signature)
            )
        if int.from_bytes(signature[32:], "little") >= _L:
            raise InvalidSignature("S of the Ed25519 signature is not below the order of the group")
        if not _sound(signature[:32]):  # threat 21: the two libraries differ in such an R
            raise InvalidSignature("R of the Ed25519 signature is of small order or not in canonical form")
        verify(self.raw, signature, data)


def to_x25519(raw: bytes) -> bytes:
    """The X25519 key of the owner of this public key: u of the point, computed from its y (RFC 7748, 4.1)."""
    y = int.from_bytes(raw, "little") & (1 << 255) - 1  # without the sign of x
    return ((1 + y) * pow(1 - y, -1, _P) % _P).to_bytes(32, "little")


def point(raw: bytes, y: bytes | None = None) -> Point:  # noqa: ARG001 -- a JWK has none
    """The public key of its 32 bytes. Raises `InvalidKey`."""
    return Point(raw)


def raw(x: bytes, _: bytes | None) -> bytes:
    """x itself: an Ed25519 key has no other coordinate."""
    return x


def new_secret() -> bytes:
    """A random seed."""
    import secrets  # imported lazily: a verifier generates no keys

    return secrets.token_bytes(32)


def secret_key(secret: bytes) -> tuple[bytes, Sign]:
    """The public key of a 32-byte secret (the seed of RFC 8032), and the function that signs with it.

    Raises `InvalidKey`.
    """
    # RFC 8032 5.1.5: the seed; 64 bytes would be seed and public key, which others write.
    if len(secret) != 32:
        raise InvalidKey.saying("an Ed25519 secret has 32 bytes, this one {length}", length=len(secret))
    return load_secret(secret)


def _sound(encoded: bytes) -> bool:
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    return y < _P and y not in _SMALL_ORDER_Y  # RFC 8032 5.1.3: y of p or more is not decoded
