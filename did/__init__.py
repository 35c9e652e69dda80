"""Decentralized identifiers: from a name such as did:web:uni.example to the keys that speak for it.

`DID` and `DIDURL` are the names, `Document` says which keys may be used for what, a `Resolver` finds the
document by the methods it is given, `METHODS` by default, or at an https URL. Whoever needs documents takes a
`DocumentSource`. Read `identifier.py` first, then `document.py` and `resolution.py`.
"""

from __future__ import annotations

from .dereference import Content
from .document import Document, VerificationMethod
from .identifier import DID, DIDURL
from .methods import METHODS
from .problem import (
    DIDDeactivated,
    DIDNotFound,
    FeatureNotSupported,
    InvalidDID,
    InvalidDIDDocument,
    InvalidDIDURL,
    InvalidPublicKey,
    InvalidPublicKeyLength,
    InvalidPublicKeyType,
    InvalidRelationship,
    InvalidVerificationMethod,
    KeyNotSupported,
    MethodNotReadable,
    MethodNotSupported,
    RepresentationNotSupported,
    ResolutionFailed,
    ResourceNotFound,
)
from .resolution import DocumentSource, Method, Resolution
from .resolver import Resolver
from .result import dereferencing_result, resolution_result

__all__ = [
    "DID",
    "DIDURL",
    "METHODS",
    "Content",
    "DIDDeactivated",
    "DIDNotFound",
    "Document",
    "DocumentSource",
    "FeatureNotSupported",
    "InvalidDID",
    "InvalidDIDDocument",
    "InvalidDIDURL",
    "InvalidPublicKey",
    "InvalidPublicKeyLength",
    "InvalidPublicKeyType",
    "InvalidRelationship",
    "InvalidVerificationMethod",
    "KeyNotSupported",
    "Method",
    "MethodNotReadable",
    "MethodNotSupported",
    "RepresentationNotSupported",
    "Resolution",
    "ResolutionFailed",
    "Resolver",
    "ResourceNotFound",
    "VerificationMethod",
    "dereferencing_result",
    "resolution_result",
]
