"""The kinds of key: one row each, and nothing else here or above knows one of them by its name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from .problem import InvalidKey
from .scheme import Scheme


class Kind(NamedTuple):
    """One row; sizes are in bytes."""

    prefix: bytes  # multicodec, as an unsigned varint
    coordinate: int  # of a JWK, and of the secret
    kty: str
    algorithms: tuple[str, ...]  # what `alg` of a JWK may say
    parameters: tuple[bytes, ...]  # CKA_EC_PARAMS on a token: DER of the curve's OID, or of its name
    digest: str  # what ECDSA signs, by `hashlib`; empty where the whole message is signed
    load: Callable[[], Scheme]
    """Called with the first key of its kind: most there are, are Ed25519."""


def _ed25519() -> Scheme:
    from . import ed25519

    return ed25519


@functools.cache
def _ecdsa(name: str, curve: str, *, low_s: bool = False) -> Scheme:
    from .ecdsa import Curve

    return Curve(name, curve, KINDS[name].digest, low_s=low_s)


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "Ed25519": Kind(
            b"\xed\x01",
            32,
            "OKP",
            ("EdDSA", "Ed25519"),
            (bytes.fromhex("06032b6570"), b"\x13\x0cedwards25519"),
            "",
            _ed25519,
        ),
        "P-256": Kind(
            b"\x80\x24",
            32,
            "EC",
            ("ES256",),
            (bytes.fromhex("06082a8648ce3d030107"),),
            "sha256",
            lambda: _ecdsa("P-256", "SECP256R1"),
        ),
        "P-384": Kind(
            b"\x81\x24",
            48,
            "EC",
            ("ES384",),
            (bytes.fromhex("06052b81040022"),),
            "sha384",
            lambda: _ecdsa("P-384", "SECP384R1"),
        ),
        "secp256k1": Kind(
            b"\xe7\x01",
            32,
            "EC",
            ("ES256K",),
            (bytes.fromhex("06052b8104000a"),),
            "sha256",
            lambda: _ecdsa("secp256k1", "SECP256K1", low_s=True),
        ),
    }
)


def scheme(key_type: str) -> Scheme:
    """The scheme of a kind by its name. Raises `InvalidKey` for none of these."""
    if key_type not in KINDS:
        raise InvalidKey.saying("the key is of no known type; known are {known}", known=", ".join(KINDS))
    return KINDS[key_type].load()
