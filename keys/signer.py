"""`Signer`: whatever can sign with one key, wherever that key lives."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Protocol

from . import ed25519
from .public import PublicKey

Passphrase = Callable[[], bytes | None]


class Signer(Protocol):
    """A key that signs: in memory, in a file, in hardware."""

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies what this one signs."""

    def sign(self, data: bytes) -> bytes:
        """The raw signature over the data, in the form that `PublicKey.verify` takes."""


class PrivateKey:
    """A `Signer` whose secret is in memory; printing it never shows the secret."""

    __slots__ = ("_sign", "public_key", "secret")

    def __init__(self, key_type: str, secret: bytes) -> None:
        if key_type == "Ed25519":
            raw, self._sign = ed25519.secret_key(secret)
        else:
            from . import ecdsa  # see `public`

            raw, self._sign = ecdsa.secret_key(key_type, secret)
        self.public_key = PublicKey(key_type, raw)
        self.secret = secret

    def __reduce__(self) -> tuple[type[PrivateKey], tuple[str, bytes]]:
        return PrivateKey, (self.public_key.type, self.secret)

    def __repr__(self) -> str:
        return f"PrivateKey(for {self.public_key.multikey()})"

    @classmethod
    def generate(cls, key_type: str = "Ed25519") -> PrivateKey:
        """A new random key: Ed25519, P-256, P-384 or secp256k1."""
        if key_type == "Ed25519":
            return cls(key_type, secrets.token_bytes(32))
        from . import ecdsa

        return cls(key_type, ecdsa.new_secret(key_type))

    @classmethod
    def from_secret(cls, key_type: str, secret: bytes) -> PrivateKey:
        """The key of a 32-byte seed (Ed25519) or of a scalar of the curve's length; raises `InvalidKey`."""
        return cls(key_type, secret)

    def sign(self, data: bytes) -> bytes:
        """The raw signature over the data: R‖S for Ed25519, r‖s for ECDSA."""
        return self._sign(data)
