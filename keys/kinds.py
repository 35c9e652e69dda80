"""The kinds of key, one row each. No other module here or above names one of them.

Another kind is another row, whose `load` gives the module with its scheme, such as `ed25519.py`;
`tests/test_key_kinds.py` then tries it, as it tries each row.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wire.strict import base58_digits

from .problem import InvalidKey
from .scheme import Scheme


@dataclass(frozen=True, eq=False)
class KeyKind:
    """One row; sizes are in bytes."""

    prefix: bytes  # multicodec, as an unsigned varint of two bytes
    key: int  # of a public key in its raw form
    signature: int
    coordinate: int  # of a JWK, and of the secret
    kty: str
    algorithms: tuple[str, ...]  # what `alg` of a JWK may say
    parameters: tuple[bytes, ...]  # CKA_EC_PARAMS on a token: DER of the curve's OID, or of its name
    certified: str  # its curve, as `cryptography` calls that, where X.509 certificates with it are read
    digest: str  # what ECDSA signs, by `hashlib`; empty where the whole message is signed
    load: Callable[[], Scheme]
    """Called with the first key of its kind, since most keys are Ed25519 and need no other module."""

    @functools.cached_property
    def digits(self) -> int:
        """The largest number of base58 digits in a Multikey of this kind."""
        return base58_digits(len(self.prefix) + self.key)


def _ed25519() -> Scheme:
    from . import ed25519

    return ed25519


@functools.cache
def _ecdsa(name: str, curve: str, *, low_s: bool = False) -> Scheme:
    from .ecdsa import Curve

    return Curve(name, curve, KINDS[name].digest, low_s=low_s)


_ROWS = {
    "Ed25519": KeyKind(
        prefix=b"\xed\x01",
        key=32,
        signature=64,
        coordinate=32,
        kty="OKP",
        algorithms=("EdDSA", "Ed25519"),
        parameters=(bytes.fromhex("06032b6570"), b"\x13\x0cedwards25519"),
        certified="",
        digest="",
        load=_ed25519,
    ),
    "P-256": KeyKind(
        prefix=b"\x80\x24",
        key=33,
        signature=64,
        coordinate=32,
        kty="EC",
        algorithms=("ES256",),
        parameters=(bytes.fromhex("06082a8648ce3d030107"),),
        certified="secp256r1",
        digest="sha256",
        load=lambda: _ecdsa("P-256", "SECP256R1"),
    ),
    "P-384": KeyKind(
        prefix=b"\x81\x24",
        key=49,
        signature=96,
        coordinate=48,
        kty="EC",
        algorithms=("ES384",),
        parameters=(bytes.fromhex("06052b81040022"),),
        certified="secp384r1",
        digest="sha384",
        load=lambda: _ecdsa("P-384", "SECP384R1"),
    ),
    "secp256k1": KeyKind(
        prefix=b"\xe7\x01",
        key=33,
        signature=64,
        coordinate=32,
        kty="EC",
        algorithms=("ES256K",),
        parameters=(bytes.fromhex("06052b8104000a"),),
        certified="",
        digest="sha256",
        load=lambda: _ecdsa("secp256k1", "SECP256K1", low_s=True),
    ),
}
KINDS: Mapping[str, KeyKind] = MappingProxyType(_ROWS)
"""By name. Derived limits, such as that of the longest text read, are computed from the rows at each use."""


def scheme(key_type: str) -> Scheme:
    """The scheme of a kind by its name. Raises `InvalidKey` for none of these."""
    if key_type not in KINDS:
        raise InvalidKey.saying("the key is of no known type; known are {known}", known=", ".join(KINDS))
    return KINDS[key_type].load()
