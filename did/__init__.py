"""Decentralized identifiers: from a name such as did:web:uni.example to the keys that speak for it.

`DID` and `DIDURL` are the names; a `Document` lists the keys of a DID by their permitted uses. A `Resolver`
finds the document by its methods, `METHODS` by default, or at an https URL. Functions that need documents
take a `DocumentSource`. Read `identifier.py` first, then `document.py` and `resolution.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wire.later import later

from .document import Document, VerificationMethod
from .identifier import DID, DIDURL
from .methods import METHODS
from .problem import (
    DID_FEATURE_NOT_SUPPORTED,
    DID_KEY_NOT_SUPPORTED,
    DID_NOT_FOUND,
    DID_NOT_LISTED,
    DID_REPRESENTATION_NOT_SUPPORTED,
    DID_RESOURCE_NOT_FOUND,
    INVALID_DID_KEY,
    INVALID_DID_KEY_FORMAT,
    INVALID_DID_KEY_LENGTH,
    INVALID_DID_OPTIONS,
    INVALID_DID_URL,
    VERIFICATION_METHOD_NOT_SUPPORTED,
    DIDDeactivated,
    InvalidDID,
    InvalidDIDDocument,
    InvalidIssuerMetadata,
    InvalidRelationship,
    InvalidVerificationMethod,
    MethodNotSupported,
    ResolutionFailed,
)
from .resolution import DocumentSource, Method, Resolution
from .resolver import Resolver

if TYPE_CHECKING:
    from .dereference import Content
    from .result import dereferencing_result, resolution_result

__all__ = [
    "DID",
    "DIDURL",
    "DID_FEATURE_NOT_SUPPORTED",
    "DID_KEY_NOT_SUPPORTED",
    "DID_NOT_FOUND",
    "DID_NOT_LISTED",
    "DID_REPRESENTATION_NOT_SUPPORTED",
    "DID_RESOURCE_NOT_FOUND",
    "INVALID_DID_KEY",
    "INVALID_DID_KEY_FORMAT",
    "INVALID_DID_KEY_LENGTH",
    "INVALID_DID_OPTIONS",
    "INVALID_DID_URL",
    "METHODS",
    "VERIFICATION_METHOD_NOT_SUPPORTED",
    "Content",
    "DIDDeactivated",
    "Document",
    "DocumentSource",
    "InvalidDID",
    "InvalidDIDDocument",
    "InvalidIssuerMetadata",
    "InvalidRelationship",
    "InvalidVerificationMethod",
    "Method",
    "MethodNotSupported",
    "Resolution",
    "ResolutionFailed",
    "Resolver",
    "VerificationMethod",
    "dereferencing_result",
    "resolution_result",
]

_LATER = {"Content": "dereference", "dereferencing_result": "result", "resolution_result": "result"}
"""The module of each name that is loaded at first use: only services that answer others need them."""

if not TYPE_CHECKING:  # or every name would be one of ours to a type checker
    __getattr__ = later(__name__, _LATER)
