"""Decentralized identifiers: from a name such as did:web:uni.example to the keys that speak for it.

`DID` and `DIDURL` are the names, `Document` says which keys may be used for what, a `Resolver` finds the
document by the methods it is given, `METHODS` by default, or at an https URL. Whoever needs documents takes a
`DocumentSource`. Read `identifier.py` first, then `document.py`.
"""

from __future__ import annotations

from .document import Document, VerificationMethod
from .identifier import DID, DIDURL
from .methods import METHODS
from .problem import (
    DIDNotFound,
    InvalidDID,
    InvalidDIDURL,
    InvalidDocument,
    InvalidPublicKey,
    InvalidPublicKeyLength,
    InvalidRelationship,
    InvalidVerificationMethod,
    KeyNotSupported,
    MethodNotReadable,
    MethodNotSupported,
    ResolutionFailed,
)
from .resolver import DocumentSource, Method, Resolver

__all__ = [
    "DID",
    "DIDURL",
    "METHODS",
    "DIDNotFound",
    "Document",
    "DocumentSource",
    "InvalidDID",
    "InvalidDIDURL",
    "InvalidDocument",
    "InvalidPublicKey",
    "InvalidPublicKeyLength",
    "InvalidRelationship",
    "InvalidVerificationMethod",
    "KeyNotSupported",
    "Method",
    "MethodNotReadable",
    "MethodNotSupported",
    "ResolutionFailed",
    "Resolver",
    "VerificationMethod",
]
