"""Problems of a DID, its document and the keys in it, by the names of the specifications."""

from __future__ import annotations

from wire.problem import Code, Malformed, Problem

DID_ERRORS = "https://www.w3.org/ns/did#"
SECURITY_ERRORS = "https://w3id.org/security#"


class ResolutionFailed(Problem):
    """Definitely no document can be had for this DID, as against `Unavailable`, which leaves it open."""

    code = "did-resolution-failed"
    type = DID_ERRORS + "INTERNAL_ERROR"
    title = "The DID cannot be resolved"


class InvalidDID(ResolutionFailed):
    """Not a DID, or not one by the rules of its method."""

    code = "invalid-did"
    type = DID_ERRORS + "INVALID_DID"
    title = "The DID is invalid"


class MethodNotSupported(ResolutionFailed):
    """A DID of a method that is not in use here. Trying again will not help, but it may be a good DID."""

    code = "did-method-not-supported"
    type = DID_ERRORS + "METHOD_NOT_SUPPORTED"
    title = "The DID method is not supported"
    undetermined = True


INVALID_DID_KEY = Code(
    "invalid-did-key", InvalidDID, "The key of the DID is invalid", DID_ERRORS + "INVALID_PUBLIC_KEY"
)
"""A did:key whose bytes are no key of their type, or one that nobody owns (did:key, 3.1.2)."""
INVALID_DID_KEY_LENGTH = Code(
    "invalid-did-key-length",
    InvalidDID,
    "The key of the DID has a wrong length",
    DID_ERRORS + "INVALID_PUBLIC_KEY_LENGTH",
)
"""A did:key with more or fewer bytes than a key of its type has (did:key, 3.1.2)."""
DID_KEY_NOT_SUPPORTED = Code(
    "did-key-not-supported",
    InvalidDID,
    "The key of the DID is of a type that is not supported",
    DID_ERRORS + "UNSUPPORTED_PUBLIC_KEY_TYPE",
    undetermined=True,
)
"""A DID that is a key, of a type that is not in use here; it may be a good one."""
INVALID_DID_KEY_FORMAT = Code(
    "invalid-did-key-format",
    ResolutionFailed,
    "The key of the DID cannot be written in this form",
    DID_ERRORS + "INVALID_PUBLIC_KEY_TYPE",
)
"""The form in which the key of a DID was asked for is not one for this key (did:key, 3.1.3)."""
DID_NOT_FOUND = Code("did-not-found", ResolutionFailed, "The DID has no document", DID_ERRORS + "NOT_FOUND")
"""The method's source of documents says that it has none for this DID."""


class DIDDeactivated(ResolutionFailed):
    """The DID was given up by its controller: no key speaks for it any more."""

    code = "did-deactivated"
    type = "about:blank"  # a resolution result says it in the metadata
    title = "The DID is deactivated"


DID_FEATURE_NOT_SUPPORTED = Code(
    "did-feature-not-supported",
    ResolutionFailed,
    "Not supported for this DID",
    DID_ERRORS + "FEATURE_NOT_SUPPORTED",
    undetermined=True,
)
"""An option of the request is not supported by this method, or not here."""


class InvalidDIDDocument(ResolutionFailed):
    """The answer is no DID document, or is that of another DID."""

    code = "invalid-did-document"
    type = DID_ERRORS + "INVALID_DID_DOCUMENT"
    title = "The DID document is invalid"


class InvalidIssuerMetadata(ResolutionFailed):
    """The metadata at an issuer's address is of another issuer, or contradicts itself.

    The present owner of the host may have put it there, so that it says nothing of the credential.
    """

    code = "invalid-issuer-metadata"
    type = "about:blank"  # no DID is resolved
    title = "The metadata of the issuer cannot be used"
    undetermined = True


DID_DOCUMENT_TOO_LARGE = Code(
    "did-document-too-large", InvalidDIDDocument, "The DID document is larger than allowed", undetermined=True
)
"""The DID document has more in it than is read here."""
INVALID_DID_OPTIONS = Code(
    "invalid-did-options", ResolutionFailed, "The options are invalid", DID_ERRORS + "INVALID_OPTIONS"
)
"""A resolution option has a value that it cannot have."""
DID_NOT_LISTED = Code("did-not-listed", ResolutionFailed, "The DID is not on the list", undetermined=True)
"""This service asks the hosts of listed DIDs only; the DID may have a document."""
INVALID_DID_URL = Code("invalid-did-url", Malformed, "The DID URL is invalid", DID_ERRORS + "INVALID_DID_URL")
"""Not a DID URL."""
DID_RESOURCE_NOT_FOUND = Code(
    "did-resource-not-found", ResolutionFailed, "The DID URL leads to nothing", DID_ERRORS + "NOT_FOUND"
)
"""The DID has a document, and the DID URL leads to nothing in it."""
DID_REPRESENTATION_NOT_SUPPORTED = Code(
    "did-representation-not-supported",
    ResolutionFailed,
    "Not to be had in this media type",
    DID_ERRORS + "REPRESENTATION_NOT_SUPPORTED",
)
"""The DID URL's content does not come in the media type that was asked for."""


class InvalidVerificationMethod(Problem):
    """The document has no such verification method, or it cannot be used, or another party controls it."""

    code = "invalid-verification-method"
    type = SECURITY_ERRORS + "INVALID_VERIFICATION_METHOD"
    title = "The verification method is invalid"


VERIFICATION_METHOD_NOT_SUPPORTED = Code(
    "verification-method-not-supported",
    InvalidVerificationMethod,
    "The verification method is of a type that is not supported",
    undetermined=True,
)
"""The verification method, or its key, is of a type that is not in use here; it may be a good one."""


class InvalidRelationship(Problem):
    """The document lists this verification method, but not for this purpose."""

    code = "invalid-relationship"
    type = SECURITY_ERRORS + "INVALID_RELATIONSHIP_FOR_VERIFICATION_METHOD"
    title = "The verification method is not for this purpose"
