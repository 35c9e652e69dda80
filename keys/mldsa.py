"""ML-DSA-44 (FIPS 204), which quantum computers do not break: for the cosignatures of witnesses alone.

It is no kind of key for credentials, DIDs or JWTs, so that it has no row in `kinds.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .problem import InvalidKeyLength, InvalidSignature

KEY = 1312
"""Bytes of a public key (FIPS 204, table 2)."""
SIGNATURE = 2420
"""Bytes of a signature (FIPS 204, table 2)."""


@dataclass(frozen=True, slots=True)
class MlDsaKey:
    """A public key. Raises `InvalidKeyLength`; of the right length every key is one."""

    raw: bytes
    type = "ML-DSA-44"

    def __post_init__(self) -> None:
        # FIPS 204, table 2: 1,312 bytes.
        if len(self.raw) != KEY:
            raise InvalidKeyLength.saying(
                "an ML-DSA-44 key has {bytes} bytes, this one {length}", bytes=KEY, length=len(self.raw)
            )

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raise `InvalidSignature` unless this is the key's signature over the data, without a context."""
        # Loaded here, since most processes verify none.
        from cryptography.exceptions import InvalidSignature as WrongSignature
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

        # FIPS 204, algorithm 8: of another length it is none.
        if len(signature) != SIGNATURE:
            raise InvalidSignature.saying(
                "an ML-DSA-44 signature has {bytes} bytes, this one {length}",
                bytes=SIGNATURE,
                length=len(signature),
            )
        try:
            MLDSA44PublicKey.from_public_bytes(self.raw).verify(signature, data)
        except WrongSignature as error:
            raise InvalidSignature("the ML-DSA-44 signature does not match key and data") from error


class MlDsaSigner:
    """A secret key, from its seed of 32 bytes; printing it never shows the seed."""

    def __init__(self, seed: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

        self._key = MLDSA44PrivateKey.from_seed_bytes(seed)
        self.public_key = MlDsaKey(self._key.public_key().public_bytes_raw())

    def sign(self, data: bytes) -> bytes:
        """The signature over the data, without a context."""
        return self._key.sign(data)
