"""Keys, signatures and the file that keeps secrets.

`PublicKey` verifies and is never an unfit key; a `Signer` signs, wherever its secret lives; `KeyFile` keeps
one role's keys and derived secrets. Read `public.py` first, then `signer.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .opening import open_signer
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

    def __getattr__(name: str) -> Any:
        if name == "KeyFile":  # loads key derivation and ciphers, which verifying does not need
            from .keyfile import KeyFile

            return KeyFile
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
