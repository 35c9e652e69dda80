"""`Scheme`: what a kind of key can do. Each is in a module of its own, which `kinds` loads."""

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
    """How keys of one kind are read and made, and how they sign."""

    def point(self, raw: bytes, y: bytes | None = None) -> Point:
        """The public key of its raw form. Raises `InvalidKey`.

        `y`, where it is known, spares a square root, which costs more than half a signature.
        """

    def raw(self, x: bytes, y: bytes | None) -> bytes:
        """The raw form of coordinates, of which nothing but the length was looked at."""

    def new_secret(self) -> bytes:
        """A random secret."""

    def secret_key(self, secret: bytes) -> tuple[bytes, Sign]:
        """The raw public key of a secret, and what signs with it. Raises `InvalidKey`."""
