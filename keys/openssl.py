"""Ed25519 by OpenSSL, where libsodium is not installed; `ed25519` checks all encodings before it calls."""

from __future__ import annotations

from collections.abc import Callable

from cryptography import exceptions
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .problem import InvalidSignature

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P


def on_curve(point: bytes) -> bool:
    """True if 32 bytes decode to a point, of any order: x² = (y²-1)/(dy²+1) is a square (Euler)."""
    y = int.from_bytes(point, "little") & (2**255 - 1)
    ratio = (y * y - 1) * (_D * y * y + 1) % _P  # numerator · denominator is a square when the ratio is
    return pow(ratio, (_P - 1) // 2, _P) in (0, 1)


def verify(key: bytes, signature: bytes, data: bytes) -> None:
    """Raise `InvalidSignature` unless the signature is the key's over the data."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
    except exceptions.InvalidSignature:
        raise InvalidSignature("the Ed25519 signature does not match key and data") from None


def load_secret(seed: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    """The public key of a 32-byte seed, and the function that signs with it."""
    secret = Ed25519PrivateKey.from_private_bytes(seed)
    return secret.public_key().public_bytes_raw(), secret.sign
