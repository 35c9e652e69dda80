"""Which of the DID documents at hand are an issuer's own: by a pinned digest, by its log, by their chain.

In a log that speaks for one issuer an entry alone binds a document: who else would have put it there? In one
that speaks for several, each of them could put a document of another one there, with a key of its own. There
a document counts if the trust list pins its digest, or if it follows from such a one: it names the digest of
the version before and is signed by a key in force there (`vc.document_chain`), or by a pinned key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from did import Document
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


def of_shared_log(
    logged: Sequence[BoundDocument],
    bound: Iterable[BoundDocument],
    issuer: RecognisedIssuer | None,
    work: Work,
) -> Iterator[BoundDocument]:
    """Those in one log of several issuers that follow from a document which is bound otherwise.

    Of two successors of one document the earlier one counts: a key that ended later could sign another.
    One whose entry here comes after that of its successor is only known to be older: anybody could have put
    it there once more, to have it be the newest.
    """
    pins = issuer.keys if issuer else ()
    keys = [PublicKey.from_multikey(key) for key in pins if issuer and key not in issuer.list_keys]
    roots = list(bound) or [one for one in by_place(logged) if _is_signed(one, keys, work)][:1]
    followed = set[bytes]()
    for root in by_place(roots):
        line: list[BoundDocument] = []
        after: BoundDocument | None = root
        while after is not None and after.digest not in followed:
            line.append(after)
            followed.add(after.digest)
            after = _successor(after, logged, keys, work)
        yield from _placed(line, logged)


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
