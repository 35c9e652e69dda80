"""The chain of an issuer's DID documents: each version names the one before it, and a key of that signs it.

A log proves that a digest was there, not whose it is. Anybody who may write to the log of several issuers
could put a document of another one there, with a key of his own. So a version of a document carries the
digest of the version before, and a Data Integrity proof by a key for credentials that was in force there. The
digest that the log holds covers both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from did import Document, VerificationMethod
from did.document import Use
from keys import PublicKey, Signer
from wire import Malformed, base64url_decode, base64url_encode
from wire.datetimestamp import format_datetimestamp
from wire.work import Work

from .anchoring import document_digest
from .forms.integrity import SUITES, InvalidProof, Proof, UnknownCryptosuite, verify_proof

PREVIOUS = "urn:intaglio:vocab:previous"
"""The member with the digest of the version before, as base64url."""

_PURPOSE = "assertionMethod"
_CONTEXT = {"proof": {"@id": "https://w3id.org/security#proof", "@type": "@json"}}
"""Makes the proof one JSON literal, so that JSON-LD processors find no undefined term in the document."""


def chained(
    document: Mapping[str, Any], before: Mapping[str, Any], signer: Signer, *, created: datetime
) -> dict[str, Any]:
    """The document as the successor of `before`, signed with a key that `before` has for credentials."""
    first = unchained(document)
    linked = {
        **first,
        "@context": [*first["@context"], _CONTEXT],
        PREVIOUS: base64url_encode(document_digest(before)),
    }
    key = signer.public_key
    # JCS alone, as `signed_by_one_of` requires.
    suite = next(suite for suite in SUITES.values() if suite.covers_contexts and key.type in suite.key_types)
    options = {
        "type": suite.proof_type,
        "cryptosuite": suite.name,
        "created": format_datetimestamp(created),
        "verificationMethod": f"{document['id']}#{key.multikey()}",
        "proofPurpose": _PURPOSE,
    }
    return {**linked, "proof": suite.create(linked, options, signer, Work())}


def unchained(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as the first of a new chain."""
    kept = {name: value for name, value in document.items() if name not in (PREVIOUS, "proof")}
    return {**kept, "@context": [context for context in document["@context"] if context != _CONTEXT]}


def previous(document: Mapping[str, Any]) -> bytes | None:
    """The digest of the version before, if the document names one."""
    named = document.get(PREVIOUS)
    try:
        # SHA-256 in base64url has 43 characters.
        return base64url_decode(named, limit=64) if isinstance(named, str) else None
    except Malformed:
        return None


def succeeds(document: Mapping[str, Any], before: Document, work: Work) -> bool:
    """True if `before` has a key for credentials that is in force there and signed the document.

    A key that has an end in `before` signs no successor: a thief of it could begin another history.
    """
    return signed_by_one_of(document, _in_force(before), work)


def leads(versions: Iterable[Mapping[str, Any]], did: str, first: bytes, last: bytes, work: Work) -> bool:
    """True if the chain of these versions of a document leads from the digest `first` to `last`."""
    by_digest = {document_digest(version, work): version for version in versions}
    while last != first:  # which ends: each names the one before
        before = previous(by_digest.get(last, {}))
        # Threat F27: a version that is not at hand proves nothing of the one before it.
        if before not in by_digest:
            return False
        # Threat F27: anybody can name the digest of a version; only a key of that version signs its
        # successor.
        if not succeeds(by_digest[last], Document.parse(by_digest[before], did), work):
            return False
        last = before
    return True


def signed_by_one_of(document: Mapping[str, Any], keys: Iterable[PublicKey], work: Work) -> bool:
    """True if the document's proof is by one of these keys. Raises `TooLarge` beyond `work`."""
    try:
        proof = Proof.parse(document.get("proof"))
        # Threat F27: a proof under another name or key would show that somebody signed, not the issuer.
        named = [key for key in keys if proof.verification_method == f"{document['id']}#{key.multikey()}"]
        # JCS alone signs every member: under RDF canonicalisation a context could rename what decides. And it
        # takes the proof's own @context, so that one appended to the document's would go unnoticed.
        is_covered = SUITES[proof.cryptosuite].covers_contexts and (
            proof.value.get("@context") == document.get("@context")
        )
        # Threat 35: a signature for another purpose, such as a log-in, names no successor.
        if not named or proof.purpose != _PURPOSE or not is_covered:
            return False
        verify_proof(document, proof, named[0], work=work)
    except (InvalidProof, UnknownCryptosuite, Malformed):
        return False
    return True


def signs_credentials(document: Document, method: VerificationMethod) -> bool:
    """True if a key without an end in the document is one for credentials there.

    Documents up to release 81e9505 do not say what a key signs, and have the one for diplomas in
    `authentication`, too. There, a thief of the key for status lists must get no further.
    """
    if method.signs is not None:
        return Use.CREDENTIALS in method.signs
    may_log_in = {each.key for each in document.methods("authentication")}
    # In such a document, only a key that may also log in was one for diplomas.
    return method.key in may_log_in or not may_log_in


def _in_force(document: Document) -> Iterator[PublicKey]:
    """The keys that may sign a successor."""
    for method in document.methods(_PURPOSE):
        # a key that has an end here signs no successor: a thief of it could begin another history
        if method.until is None and signs_credentials(document, method):
            yield method.key


def to_pin(versions: Sequence[Mapping[str, Any]], did: str) -> list[Mapping[str, Any]]:
    """The versions of an issuer's document, in order, up to the first from which the chain is whole.

    That version leads to all later ones. Each version before it has to be pinned by itself: a chain begins
    anew where a key was stolen, so what an earlier version leads to may be a thief's.
    """
    start = 0
    for place in range(1, len(versions)):
        before, version = versions[place - 1 : place + 1]
        is_linked = previous(version) == document_digest(before)
        if not (is_linked and succeeds(version, Document.parse(before, did), Work())):
            start = place
    return list(versions[: start + 1])
