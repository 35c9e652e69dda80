"""did:key: the identifier is the public key itself, as a Multikey. It can never be rotated or revoked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from keys import PublicKey
from wire.fetch import Fetcher

from ..document import RELATIONSHIPS, Document
from ..identifier import DID
from ..problem import InvalidDID, InvalidVerificationMethod, KeyNotSupported, MethodNotReadable

_RELATIONSHIPS = tuple(name for name in RELATIONSHIPS if name != "keyAgreement")


def create(public_key: PublicKey) -> str:
    """The DID of a key."""
    return f"did:key:{public_key.multikey()}"


def resolve(did: DID, fetcher: Fetcher) -> Document:  # noqa: ARG001
    """The document that the DID stands for: one Multikey, for every use but key agreement.

    Raises `InvalidDID` unless the identifier is the one canonical Multikey of a key that may be used.
    """
    multikey = did.method_specific_id
    method = {"type": "Multikey", "publicKeyMultibase": multikey}
    return expand(did, multikey, method, "https://w3id.org/security/multikey/v1", _RELATIONSHIPS)


def expand(
    did: DID, fragment: str, method: Mapping[str, Any], context: str, relationships: Iterable[str]
) -> Document:
    """The document of a DID that is a key. The key is read at once, since an unfit one is no DID at all."""
    identifier, method_id = str(did), f"{did}#{fragment}"
    value = {
        "@context": ["https://www.w3.org/ns/did/v1", context],
        "id": identifier,
        "verificationMethod": [{"id": method_id, "controller": identifier, **method}],
        **{name: [method_id] for name in relationships},
    }
    document = Document.parse(value, identifier)
    try:
        document.verification_method(method_id, "assertionMethod")
    except MethodNotReadable as problem:
        raise KeyNotSupported(problem.detail, hint=problem.hint) from problem
    except InvalidVerificationMethod as problem:
        raise InvalidDID(problem.detail, hint=problem.hint) from problem
    return document
