"""`Scheme`: the operations of one kind of key. Each has a module of its own, which `kinds` loads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Sign = Callable[[bytes], bytes]
"""Makes the raw signature over some data."""


class Point(Protocol):
    """A public key that is fit for use."""

    def coordinates(self) -> tuple[bytes, bytes | None]:
        """x and, for a kind that has it, y of a JWK."""

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raises `InvalidSignature` unless the raw signature is this key's over the data."""


class Scheme(Protocol):
    """The operations of one kind of key: reading, generating, signing."""

    def point(self, raw: bytes, y: bytes | None = None) -> Point:
        """The public key of its raw form. Raises `InvalidKey`.

        Passing `y` saves a square root, which costs more than half a signature.
        """

    def raw(self, x: bytes, y: bytes | None) -> bytes:
        """The raw form of coordinates. The caller has checked their lengths, and nothing else."""

    def new_secret(self) -> bytes:
        """A random secret."""

    def secret_key(self, secret: bytes) -> tuple[bytes, Sign]:
        """The raw public key of a secret, and the function that signs with it. Raises `InvalidKey`."""
