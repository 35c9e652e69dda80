"""Ed25519 by libsodium, about twice as fast as OpenSSL; `ed25519` checks all encodings before it calls."""

from __future__ import annotations

from collections.abc import Callable

from nacl import bindings, exceptions

from .problem import InvalidSignature


def on_curve(point: bytes) -> bool:
    """True if 32 bytes decode to a point, of any order."""
    try:
        bindings.crypto_core_ed25519_add(point, point)
    except exceptions.RuntimeError:
        return False
    return True


def verify(key: bytes, signature: bytes, data: bytes) -> None:
    """Raise `InvalidSignature` unless the signature is the key's over the data."""
    try:
        bindings.crypto_sign_open(signature + data, key)
    except exceptions.BadSignatureError:
        raise InvalidSignature("the Ed25519 signature does not match key and data") from None


def load_secret(seed: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    """The public key of a 32-byte seed, and the function that signs with it."""
    public, secret = bindings.crypto_sign_seed_keypair(seed)
    return public, lambda data: bindings.crypto_sign(data, secret)[:64]
