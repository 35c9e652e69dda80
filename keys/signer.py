"""`Signer`: signs with one key, which is in memory, in a file or in hardware."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from .kinds import scheme
from .public import PublicKey

Passphrase = Callable[[], bytes | None]

_TRIAL = b"Does this key sign?"


class Signer(Protocol):
    """A key that signs: in memory, in a file, in hardware."""

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies what this one signs."""

    def sign(self, data: bytes) -> bytes:
        """The raw signature over the data, in the form that `PublicKey.verify` takes."""


def require_signs(signer: Signer) -> None:
    """Sign and verify a text of no meaning, before anything depends on this key.

    Raises any problem that prevents it.
    """
    signer.public_key.verify(signer.sign(_TRIAL), _TRIAL)


class MessageSigner(Protocol):
    """A key that signs several messages at once; their holder can later disclose a selection of them."""

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies what this one signs."""

    def sign_messages(self, messages: Sequence[bytes], header: bytes) -> bytes:
        """One signature over the messages in this order, and over the header, which is always disclosed.

        The cryptosuite defines the form of the signature, and the proof that discloses some of the messages.
        """


class PrivateKey:
    """A `Signer` whose secret is in memory; printing it never shows the secret."""

    __slots__ = ("_sign", "public_key", "secret")

    def __init__(self, key_type: str, secret: bytes) -> None:
        raw, self._sign = scheme(key_type).secret_key(secret)
        self.public_key = PublicKey(key_type, raw)
        self.secret = secret

    def __reduce__(self) -> tuple[type[PrivateKey], tuple[str, bytes]]:
        return PrivateKey, (self.public_key.type, self.secret)

    def __repr__(self) -> str:
        return f"PrivateKey(for {self.public_key.multikey()})"

    @classmethod
    def generate(cls, key_type: str = "Ed25519") -> PrivateKey:
        """A new random key of one of `kinds.KINDS`."""
        return cls(key_type, scheme(key_type).new_secret())

    @classmethod
    def from_secret(cls, key_type: str, secret: bytes) -> PrivateKey:
        """The key of a 32-byte seed (Ed25519) or of a scalar of the curve's length; raises `InvalidKey`."""
        return cls(key_type, secret)

    def sign(self, data: bytes) -> bytes:
        """The raw signature over the data: R‖S for Ed25519, r‖s for ECDSA."""
        return self._sign(data)
