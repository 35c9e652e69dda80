"""The chain of an issuer's DID documents: each version names the one before it, and a key of that signs it.

A log proves that a digest was there, not whose it is: anybody who may write to the log of several issuers
could put a document of another one there, with a key of his own. So a version of a document carries the
digest of the version before, and a Data Integrity proof by a key for credentials that was in force there. The
digest that the log holds covers both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from did import Document
from did.document import Use, VerificationMethod
from keys import PublicKey, Signer
from wire import Malformed, base64url_decode, base64url_encode
from wire.datetimestamp import format_datetimestamp
from wire.work import Work

from .anchoring import document_digest
from .integrity import SUITES, InvalidProof, Proof, UnknownCryptosuite, verify_proof

PREVIOUS = "urn:intaglio:vocab:previous"
"""The member with the digest of the version before, as base64url."""

_PURPOSE = "assertionMethod"
_CONTEXT = {"proof": {"@id": "https://w3id.org/security#proof", "@type": "@json"}}
"""Makes the proof one JSON literal, so that JSON-LD processors find no undefined term in the document."""


def chained(
    document: Mapping[str, Any], before: Mapping[str, Any], signer: Signer, *, created: datetime
) -> dict[str, Any]:
    """The document as the successor of `before`, signed with a key that `before` has for credentials."""
    linked = linked_back(document, before)
    key = signer.public_key
    suite = next(suite for suite in SUITES.values() if suite.covers_contexts and key.type in suite.key_types)
    options = {
        "type": suite.proof_type,
        "cryptosuite": suite.name,
        "created": format_datetimestamp(created),
        "verificationMethod": f"{document['id']}#{key.multikey()}",
        "proofPurpose": _PURPOSE,
    }
    return {**linked, "proof": suite.create(linked, options, signer, Work())}


def linked_back(document: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the digest of `before`, and nobody's signature: the first of another chain.

    Whoever pins it then knows all versions before it as well.
    """
    contexts = [context for context in document["@context"] if context != _CONTEXT]
    kept = {name: value for name, value in document.items() if name != "proof"}
    return {**kept, "@context": [*contexts, _CONTEXT], PREVIOUS: base64url_encode(document_digest(before))}


def previous(document: Mapping[str, Any]) -> bytes | None:
    """The digest of the version before, if the document names one."""
    named = document.get(PREVIOUS)
    try:
        return base64url_decode(named, limit=64) if isinstance(named, str) else None
    except Malformed:
        return None


def succeeds(document: Mapping[str, Any], before: Document, work: Work) -> bool:
    """Whether `before` has a key for credentials that is in force there and signed the document.

    A key that has an end in `before` signs no successor: a thief of it could begin another history.
    """
    return signed_by_one_of(document, _in_force(before), work)


def signed_by_one_of(document: Mapping[str, Any], keys: Iterable[PublicKey], work: Work) -> bool:
    """Whether the document's proof is by one of these keys. Raises `TooLarge` beyond `work`."""
    try:
        proof = Proof.parse(document.get("proof"))
        named = [key for key in keys if proof.verification_method == f"{document['id']}#{key.multikey()}"]
        # JCS alone signs every member: under RDF canonicalisation a context could rename what decides.
        if not named or proof.purpose != _PURPOSE or not SUITES[proof.cryptosuite].covers_contexts:
            return False
        verify_proof(document, proof, named[0], work=work)
    except (InvalidProof, UnknownCryptosuite, Malformed):
        return False
    return True


def _in_force(document: Document) -> Iterable[PublicKey]:
    return (method.key for method in document.methods(_PURPOSE) if _signs_credentials(method))


def _signs_credentials(method: VerificationMethod) -> bool:
    return method.until is None and (method.signs is None or Use.CREDENTIALS in method.signs)


def to_pin(versions: Iterable[Mapping[str, Any]], did: str) -> list[Mapping[str, Any]]:
    """The fewest of an issuer's versions, in order, by which all others are known: the last leads on to those
    after it, by signatures, and each leads back to those that it names."""
    pins: list[Mapping[str, Any]] = []
    last: Mapping[str, Any] | None = None
    for version in versions:
        names_last = last is not None and previous(version) == document_digest(last)
        if last is None or not names_last:
            pins.append(version)
        elif not succeeds(version, Document.parse(last, did), Work()):
            pins[-1:] = [version]
        last = version
    return pins
