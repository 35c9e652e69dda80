"""Selects the DID documents that are an issuer's own: by a pinned digest, by their chain, by its log.

A log proves that a digest was there, not whose it is. So a stricter rule holds where the trust list pins
documents, and in a log that speaks for several issuers. There a document gives keys only if its digest is
pinned, or if it follows from the last pinned one: it names the digest of the version before, and is signed by
a key that is in force there (`vc.document_chain`), or by a pinned key. Without a pin, a log of one issuer
binds what it holds: who else would have put it there?

Documents that a pinned issuer's own log holds beside the chain take keys away, and give keys for status
lists, none for credentials. The issuer writes so when its key was stolen: its revocations then have to be
believed. A thief of the log's keys could write so, too, and must not name a key that signs diplomas.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import orjson

from did import Document, InvalidDIDDocument
from did.document import STATUS_DOCUMENT, status_did
from keys import PublicKey
from ledger import (
    EntryKind,
    EvidenceKind,
    Fact,
    NotWitnessed,
    OfCheckpoints,
    UnknownKind,
    UnknownLog,
    entry,
    known_kind,
    verify_evidence,
)
from vc import Anchored
from vc.anchoring import document_digest
from vc.document_chain import previous, signed_by_one_of, succeeds
from wire import Problem, base64url_encode
from wire.memory import Kept, Memory, size_parsed
from wire.work import Work

from ..problem import NotShown
from .trust import TrustSource
from .trust_entries import RecognisedIssuer

if TYPE_CHECKING:  # loaded only where a log is asked
    from .published import PublishedLogs

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
    """The fact that a trusted log holds it; `None` if its digest is pinned."""
    is_fetched: bool = False
    """True if the log's host gave it, which may keep others back."""
    is_chained: bool = True
    """True if its keys for credentials are its issuer's; otherwise it shows keys that no longer are."""


def by_place(documents: Iterable[BoundDocument]) -> tuple[BoundDocument, ...]:
    """Sort documents by their places in the log, the pinned ones first."""
    return tuple(sorted(documents, key=lambda bound: bound.index))


def with_pinned_digest(
    document: Document, digest: bytes, issuer: RecognisedIssuer | None
) -> Iterator[BoundDocument]:
    """The document, if the entry pins its digest."""
    digests = issuer.documents if issuer else ()
    # ADR 19: a pinned digest binds the document, wherever it came from.
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

    Of two successors of one document the earlier one counts: a key that ended later could sign another. A
    document whose entry comes after its successor's only counts as an older one: a writer to the log could
    add it once more to make it the newest.
    """
    pins, digests = (issuer.keys, issuer.documents) if issuer else ((), ())
    keys = [PublicKey.from_multikey(key) for key in pins if issuer and key not in issuer.list_keys]
    # what is beside the chain there leads nowhere
    roots = by_place(document for document in bound if document.is_chained)
    roots = roots or tuple(document for document in by_place(logged) if _is_signed(document, keys, work))[:1]
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
        # ADR 63, threat F27: it names the one before, and a key in force there, or a pinned one, signed it.
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
        # Threat F27: put into the log once more after its successor, it is not the newest.
        if place is not None and (limit is None or place.index < limit):
            limit = place.index
            yield place
        elif place is not None:
            yield replace(place, index=_PINNED, fact=None)


class IssuerDocuments:
    """The documents of issuers that came along with one bundle, or lie in a log that one publishes."""

    def __init__(
        self,
        trust: TrustSource,
        supplied: Sequence[Anchored],
        work: Work,
        kinds: Mapping[str, EvidenceKind],
        published: PublishedLogs | None,
    ) -> None:
        """`kinds` say how evidence is verified; `published` are the logs of issuers that can be asked."""
        self._trust, self._supplied, self._work = trust, supplied, work
        self._kinds, self._logs = kinds, published
        self._brought: dict[str, _Brought] = {}
        self._known: dict[str, tuple[BoundDocument, ...] | Problem] = {}
        self.unshown: dict[str, NotShown | None] = {}
        """The issuers whose published logs were asked, with the problem of a log that shows nothing."""

    def bound(self, issuer: str) -> tuple[BoundDocument, ...]:
        """The issuer's documents in order.

        Cached: each proof asks, and a bundle may bring thousands of evidences.
        """
        if issuer not in self._known:
            try:
                self._brought[issuer] = brought = self._of_bundle(issuer)
                self._known[issuer] = self._with_owners(issuer, brought.bound)
            except Problem as problem:
                self._known[issuer] = problem
        documents = self._known[issuer]
        if isinstance(documents, Problem):
            raise documents
        return documents

    def _of_bundle(self, issuer: str) -> _Brought:
        """The documents that came along for an issuer, cached across bundles, and charged each time.

        Most bundles bring the same few documents.
        """
        listed, policy = self._trust.issuer(issuer), self._trust.policy_for(issuer)
        supplied = _about(issuer, self._supplied)
        try:
            texts = [orjson.dumps(dict(anchored.document)) for anchored in supplied]
        except orjson.JSONEncodeError:  # JCS says what is wrong
            documents = tuple(self._read(issuer, supplied))
            return _Brought(listed, self._kinds, documents, self._binding(issuer, documents), 0)
        key: tuple[object, ...] = (policy, *texts, *(anchored.evidence for anchored in supplied))
        kept = _remembered.get(key)
        # ADR 29: only under the same entry, since this decides what binds.
        if kept is not None and (kept.entry, kept.kinds) == (listed, self._kinds):
            # ADR 29: charged each time, so that no report depends on an earlier one.
            self._work.spend(kept.steps)
            return kept
        before = self._work.left
        # copies, which nobody alters who has the bundle
        copies = [
            Anchored(orjson.loads(text), anchored.evidence)
            for text, anchored in zip(texts, supplied, strict=True)
        ]
        documents = tuple(self._read(issuer, copies))
        bound = self._binding(issuer, documents)
        brought = _Brought(listed, self._kinds, documents, bound, before - self._work.left)
        size = sum(map(size_parsed, texts)) + sum(
            len(it.body) for anchored in supplied for it in anchored.evidence
        )
        _remembered.keep(key, Kept(brought, size))
        return brought

    def _binding(self, issuer: str, documents: Iterable[BoundDocument]) -> tuple[BoundDocument, ...]:
        """The documents that count, in order. Trust alone decides: the issuer's entry and its logs."""
        policy, entry = self._trust.policy_for(issuer), self._trust.issuer(issuer)
        has_chain = self.has_chain(issuer)
        bound: list[BoundDocument] = []
        by_log: dict[str, list[BoundDocument]] = {}
        for document in documents:
            where = document.fact.where if document.fact else ""
            # ADR 63: a log shows that a digest was there, and in a shared one not whose it is.
            is_chained = where and (policy.is_shared(where) or has_chain)
            (by_log.setdefault(where, []) if is_chained else bound).append(document)
        for where, logged in by_log.items():
            line = chain(logged, list(bound), entry, self._work)
            bound += line
            if not policy.is_shared(where):
                # Threat F28: beside the chain, a thief of the log's keys could name a key of his own.
                digests = {document.digest for document in line}
                others = [document for document in logged if document.digest not in digests]
                bound += [replace(document, is_chained=False) for document in others]
        return by_place(bound)

    def _with_owners(self, issuer: str, bound: tuple[BoundDocument, ...]) -> tuple[BoundDocument, ...]:
        """Add those for this DID in its owner's documents, if it is a DID for status lists."""
        if self._trust.issuer(issuer) is None and (owner := self.owner_of(issuer)):
            return by_place([*bound, *of_status_lists(self.bound(owner.id), issuer)])
        return bound

    def with_those_of_the_log(self, issuer: str) -> tuple[BoundDocument, ...]:
        """Add the documents that the issuer's published log shows; it is asked once."""
        bound = self.bound(issuer)
        if self._logs is None or issuer in self.unshown:
            return bound
        self.unshown[issuer] = None
        if owner := self.owner_of(issuer):
            self.with_those_of_the_log(owner.id)
        try:
            shown = tuple(self._read(issuer, _about(issuer, self._logs.documents(issuer)), is_fetched=True))
            bound = self._binding(issuer, (*self._brought[issuer].documents, *shown))
            self._known[issuer] = bound = self._with_owners(issuer, bound)
        except NotShown as problem:
            self.unshown[issuer] = problem
        return bound

    def _read(
        self, issuer: str, documents: Iterable[Anchored], *, is_fetched: bool = False
    ) -> Iterator[BoundDocument]:
        for supplied in documents:
            digest = document_digest(supplied.document, self._work)
            document = Document.parse(supplied.document, issuer)
            yield from with_pinned_digest(document, digest, self._trust.issuer(issuer))
            for evidence in supplied.evidence:
                try:
                    if isinstance(known_kind(evidence, self._kinds), OfCheckpoints):  # they order none
                        continue
                    leaf, trust = entry(EntryKind.DID_DOCUMENT, digest), self._trust.policy_for(issuer)
                    fact = verify_evidence(leaf, evidence, trust, self._work, kinds=self._kinds, recurs=True)
                except (UnknownKind, UnknownLog, NotWitnessed):  # such evidence binds nothing
                    continue
                # Without a place in a log it is neither before nor after another version.
                if fact.index is not None:
                    yield BoundDocument(document, digest, fact.index, fact, is_fetched)

    def owner_of(self, did: str) -> RecognisedIssuer | None:
        """The issuer whose entry names this DID for its status lists; its documents have the DID's."""
        owner = did.rpartition(":")[0]
        # Threat F30: one DID is derived from each issuer's, and no document gives keys for another.
        if did != status_did(owner):
            return None
        entry = self._trust.issuer(owner)
        # Threat F30: the issuer's own entry has to name it as well.
        return entry if entry and did in entry.status_issuers else None

    def has_chain(self, issuer: str) -> bool:
        """Return whether documents in the issuer's own log have to follow from pinned ones, too.

        Entries of f31e11f have keys as well, and pin a document that later ones need not follow from.
        """
        entry = self._trust.issuer(issuer)
        has_pins = entry is not None and bool(entry.documents) and not entry.keys
        return has_pins and bool(self._trust.policy_for(issuer).logs)


class _Brought(NamedTuple):
    """The documents of one issuer that came along."""

    entry: RecognisedIssuer | None
    """The trust list's entry for it."""
    kinds: Mapping[str, EvidenceKind]
    documents: tuple[BoundDocument, ...]
    bound: tuple[BoundDocument, ...]
    """The documents that count, in order."""
    steps: int


_remembered: Memory[tuple[object, ...], _Brought] = Memory(1 << 21)
"""By trust policy, documents and their evidence; entry and kinds of evidence have to be the same, too."""


def _about(issuer: str, documents: Iterable[Anchored]) -> list[Anchored]:
    # Threat R7: a document about somebody else gives no keys here.
    return [anchored for anchored in documents if anchored.document.get("id") == issuer]
