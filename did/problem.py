"""What can be wrong with a DID, its document and the keys in it, by the names of the specifications."""

from __future__ import annotations

from wire.problem import Malformed, Problem

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


class InvalidPublicKey(InvalidDID):
    """A did:key whose bytes are no key of their type, or one that nobody owns (did:key, 3.1.2)."""

    code = "invalid-did-key"
    type = DID_ERRORS + "INVALID_PUBLIC_KEY"
    title = "The key of the DID is invalid"


class InvalidPublicKeyLength(InvalidPublicKey):
    """A did:key with more or fewer bytes than a key of its type has (did:key, 3.1.2)."""

    code = "invalid-did-key-length"
    type = DID_ERRORS + "INVALID_PUBLIC_KEY_LENGTH"
    title = "The key of the DID has a wrong length"


class KeyNotSupported(InvalidDID):
    """A DID that is a key, of a type that is not in use here; it may be a good one."""

    code = "did-key-not-supported"
    type = DID_ERRORS + "UNSUPPORTED_PUBLIC_KEY_TYPE"
    title = "The key of the DID is of a type that is not supported"
    undetermined = True


class InvalidPublicKeyType(ResolutionFailed):
    """The form in which the key of a DID was asked for is not one for this key (did:key, 3.1.3)."""

    code = "invalid-did-key-format"
    type = DID_ERRORS + "INVALID_PUBLIC_KEY_TYPE"
    title = "The key of the DID cannot be written in this form"


class DIDNotFound(ResolutionFailed):
    """The method's source of documents says that it has none for this DID."""

    code = "did-not-found"
    type = DID_ERRORS + "NOT_FOUND"
    title = "The DID has no document"


class DIDDeactivated(ResolutionFailed):
    """Whoever controlled the DID gave it up: no key speaks for it any more."""

    code = "did-deactivated"
    type = "about:blank"  # a resolution result says it in the metadata
    title = "The DID is deactivated"


class FeatureNotSupported(ResolutionFailed):
    """What was asked for beside the document is not to be had by this method, or not here."""

    code = "did-feature-not-supported"
    type = DID_ERRORS + "FEATURE_NOT_SUPPORTED"
    title = "Not supported for this DID"
    undetermined = True


class InvalidDIDDocument(ResolutionFailed):
    """What stands where the DID document should be is none, or is one of another DID."""

    code = "invalid-did-document"
    type = DID_ERRORS + "INVALID_DID_DOCUMENT"
    title = "The DID document is invalid"


class DocumentTooLarge(InvalidDIDDocument):
    """The DID document has more in it than is read here."""

    code = "did-document-too-large"
    title = "The DID document is larger than allowed"
    undetermined = True


class InvalidDIDURL(Malformed):
    """Not a DID URL."""

    code = "invalid-did-url"
    type = DID_ERRORS + "INVALID_DID_URL"
    title = "The DID URL is invalid"


class ResourceNotFound(ResolutionFailed):
    """The DID has a document, and the DID URL leads to nothing in it."""

    code = "did-resource-not-found"
    type = DID_ERRORS + "NOT_FOUND"
    title = "The DID URL leads to nothing"


class RepresentationNotSupported(ResolutionFailed):
    """What the DID URL leads to is not to be had in the media type that was asked for."""

    code = "did-representation-not-supported"
    type = DID_ERRORS + "REPRESENTATION_NOT_SUPPORTED"
    title = "Not to be had in this media type"


class InvalidVerificationMethod(Problem):
    """The document has no such verification method, or it cannot be used, or another party controls it."""

    code = "invalid-verification-method"
    type = SECURITY_ERRORS + "INVALID_VERIFICATION_METHOD"
    title = "The verification method is invalid"


class MethodNotReadable(InvalidVerificationMethod):
    """The verification method, or its key, is of a type that is not in use here; it may be a good one."""

    code = "verification-method-not-supported"
    title = "The verification method is of a type that is not supported"
    undetermined = True


class InvalidRelationship(Problem):
    """The document lists this verification method, but not for this purpose."""

    code = "invalid-relationship"
    type = SECURITY_ERRORS + "INVALID_RELATIONSHIP_FOR_VERIFICATION_METHOD"
    title = "The verification method is not for this purpose"
