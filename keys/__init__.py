"""Keys, signatures and the file that keeps secrets.

`PublicKey` verifies and is never an unfit key; a `Signer` signs, wherever its secret lives; `KeyFile` keeps
one role's keys and derived secrets. Read `public.py` first, then `signer.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wire.later import later

from .problem import (
    InvalidKey,
    InvalidKeyLength,
    InvalidSignature,
    PassphraseNeeded,
    UnknownKeyType,
    WrongPassphrase,
)
from .public import PublicKey
from .signer import MessageSigner, PrivateKey, Signer

if TYPE_CHECKING:
    from .keyfile import KeyFile
    from .opening import open_signer

__all__ = [
    "InvalidKey",
    "InvalidKeyLength",
    "InvalidSignature",
    "KeyFile",
    "MessageSigner",
    "PassphraseNeeded",
    "PrivateKey",
    "PublicKey",
    "Signer",
    "UnknownKeyType",
    "WrongPassphrase",
    "open_signer",
]

if not TYPE_CHECKING:  # or every name would be one of ours to a type checker
    # Opening keys loads key derivation and ciphers, which verifying does not need.
    __getattr__ = later(__name__, {"KeyFile": "keyfile", "open_signer": "opening"})
