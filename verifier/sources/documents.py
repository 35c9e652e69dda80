"""Which of the DID documents at hand are an issuer's own: by a pinned digest, by their chain, by its log.

A log proves that a digest was there, not whose it is. So where the trust list pins documents, and in a log
that speaks for several issuers, a document gives keys only if its digest is pinned, or if it follows from the
last pinned one: it names the digest of the version before, and is signed by a key that is in force there
(`vc.document_chain`), or by a pinned key. Without a pin, a log of one issuer binds what it holds: who else
would have put it there?

What a pinned issuer's own log holds beside the chain takes keys away, and gives keys for status lists, none
for credentials. The issuer writes so when its key was stolen: its revocations then have to be believed. A
thief of the log's keys could write so, too, and must not name a key that signs diplomas.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from did import Document, InvalidDIDDocument
from did.document import STATUS_DOCUMENT
from keys import PublicKey
from ledger import Fact
from vc.document_chain import previous, signed_by_one_of, succeeds
from wire import base64url_encode
from wire.work import Work

from .trust_entries import RecognisedIssuer

_PINNED = -1
"""Below all places in a log: the trust file has pinned documents before all others, in its order."""


@dataclass(frozen=True, slots=True)
class BoundDocument:
    """A document from a bundle that something trusted binds to its issuer."""

    document: Document
    digest: bytes
    """SHA-256 over its JCS form."""
    index: int
    """Its place in the log; below 0 for pinned documents, which come first, as the trust file has them."""
    fact: Fact | None
    """Where a trusted log holds it; `None` if its digest is pinned."""
    is_fetched: bool = False
    """Whether the log's host gave it, which may keep others back."""
    is_chained: bool = True
    """Whether its keys for credentials are its issuer's; else it shows which are so no longer."""


def by_place(documents: Iterable[BoundDocument]) -> tuple[BoundDocument, ...]:
    """By their places in the log, the pinned ones before."""
    return tuple(sorted(documents, key=lambda bound: bound.index))


def with_pinned_digest(
    document: Document, digest: bytes, issuer: RecognisedIssuer | None
) -> Iterator[BoundDocument]:
    """The document, if the entry pins its digest."""
    digests = issuer.documents if issuer else ()
    if (name := base64url_encode(digest)) in digests:
        yield BoundDocument(document, digest, digests.index(name) - len(digests), None)


def of_status_lists(bound: Iterable[BoundDocument], did: str) -> Iterator[BoundDocument]:
    """The documents of an issuer's DID for status lists, each bound as the issuer's document that has it.

    A version without one, or with one that cannot be read, stands for a document without keys. A key that
    an earlier version had is gone then, and nobody falls back on the earlier one.
    """
    for version in bound:
        value = version.document.value.get(STATUS_DOCUMENT)
        try:
            document = Document.parse(value if isinstance(value, dict) else {"id": did}, did)
        except InvalidDIDDocument:
            document = Document.parse({"id": did}, did)
        yield replace(version, document=document)


def chain(
    logged: Sequence[BoundDocument],
    bound: Iterable[BoundDocument],
    issuer: RecognisedIssuer | None,
    work: Work,
) -> tuple[BoundDocument, ...]:
    """The documents in one log which are bound otherwise, and those that follow from the last of them.

    Of two successors of one document the earlier one counts: a key that ended later could sign another.
    One whose entry here comes after that of its successor is only known to be older: who writes to the log
    could put it there once more, to have it be the newest.
    """
    pins, digests = (issuer.keys, issuer.documents) if issuer else ((), ())
    keys = [PublicKey.from_multikey(key) for key in pins if issuer and key not in issuer.list_keys]
    roots = by_place(one for one in bound if one.is_chained)  # what is beside the chain there leads nowhere
    roots = roots or tuple(one for one in by_place(logged) if _is_signed(one, keys, work))[:1]
    line = {root.digest: root for root in roots}
    # a pinned document that is not the last one leads nowhere: the chain was broken off after it
    ends = [root for root in roots if not digests or base64url_encode(root.digest) == digests[-1]]
    after = _successor(ends[-1], (*roots, *logged), keys, work) if ends else None
    while after is not None:
        line.setdefault(after.digest, after)
        after = _successor(after, (*roots, *logged), keys, work)  # which ends: each names the one before
    return tuple(_placed(list(line.values()), logged))


def _is_signed(document: BoundDocument, keys: Sequence[PublicKey], work: Work) -> bool:
    return bool(keys) and signed_by_one_of(document.document.value, keys, work)


def _successor(
    before: BoundDocument, logged: Sequence[BoundDocument], keys: Sequence[PublicKey], work: Work
) -> BoundDocument | None:
    for candidate in by_place(logged):
        value = candidate.document.value
        if previous(value) == before.digest and (
            succeeds(value, before.document, work) or _is_signed(candidate, keys, work)
        ):
            return candidate
    return None


def _placed(line: Sequence[BoundDocument], logged: Sequence[BoundDocument]) -> Iterator[BoundDocument]:
    """The documents of a chain with their places in the log, the first of each."""
    places = {document.digest: document for document in reversed(by_place(logged))}
    limit: int | None = None
    for document in reversed(line):
        place = places.get(document.digest)
        if place is not None and (limit is None or place.index < limit):
            limit = place.index
            yield place
        elif place is not None:
            yield replace(place, index=_PINNED, fact=None)
