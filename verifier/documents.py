"""Where an issuer's DID document may come from, and how far each source is believed (invariant 13).

A did:key or did:jwk speaks for itself. A document from a bundle is the presenter's word: it counts if
the trust file pins its digest, or if a log that the trust file binds to this issuer holds it. Keys
pinned in the trust file need no document. What is left is the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from did import (
    Document,
    DocumentSource,
    InvalidDID,
    MethodNotSupported,
    ResolutionFailed,
    VerificationMethod,
)
from keys import PublicKey
from ledger import EntryKind, Fact, NotWitnessed, UnknownLog, entry, verify_evidence
from vc import Anchored
from vc.anchoring import document_digest
from vc.presentation import MAX_CREDENTIALS
from wire import Problem, Unavailable, base64url_encode

from .trust import ASK_ISSUER, Trust

MOST_ASKED = 1 + MAX_CREDENTIALS
"""DIDs looked up on the network for one report: the holder's and the issuers'. Each may keep it waiting."""


class UnnamedKey(Problem):
    """A proof names an issuer whose keys change, but none of the keys."""

    title = "The proof does not name its key"
    undetermined = True
    advice = "Ask the issuer for a credential whose proof names the key."


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A key that may sign for an issuer, and why it is believed."""

    key: PublicKey
    provenance: str
    """For people: where the key is known from."""
    until: datetime | None = None
    """From then on the key no longer signs for the issuer."""
    history: tuple[BoundDocument, ...] = ()
    """The issuer's documents known from a trusted log, in order; empty for other sources."""


@dataclass(frozen=True, slots=True)
class BoundDocument:
    """A document from a bundle that something trusted binds to its issuer."""

    document: Document
    index: int
    """Its place in the log; below 0 for pinned documents, which come first, as the trust file has them."""
    fact: Fact | None
    """Where a trusted log holds it; `None` if its digest is pinned."""

    def has(self, key: PublicKey) -> bool:
        """Whether `key` may make assertions by this document."""
        return key in {method.key for method in self.document.methods("assertionMethod")}


class IssuerKeys:
    """Finds the key of a proof, for the issuers of one bundle."""

    def __init__(self, resolver: DocumentSource, trust: Trust, supplied: Sequence[Anchored]) -> None:
        self._resolver, self._trust, self._supplied = resolver, trust, supplied
        self._known: dict[str, tuple[BoundDocument, ...] | Problem] = {}
        self._asked = set[str]()

    def find(self, issuer: str, method: str, relationship: str = "assertionMethod") -> IssuerKey:
        """The key that `method`, a DID URL, names in `issuer`'s document, for `relationship`.

        Raises the `Problem` that keeps it from being found; open ones where more knowledge would help.
        """
        did_method = self._resolver.method(issuer)
        if did_method is not None and did_method.self_certifying:
            found = self._resolver.resolve(issuer).verification_method(method, relationship)
            return IssuerKey(found.key, "the key is the identifier itself", _end(found))
        if method == issuer:  # the only key of today need not be the one that signed
            raise UnnamedKey(f"a proof does not say which key of {issuer} made it, and these can change")
        bound = self._bound(issuer)
        for candidate in reversed(bound):
            try:
                found = candidate.document.verification_method(method, relationship)
            except Problem:
                continue
            return IssuerKey(found.key, _provenance(candidate), _end(found), bound)
        for pinned in self._pinned_keys(issuer):
            if method.endswith("#" + pinned.multikey()):
                return IssuerKey(pinned, "the key is pinned in the trust list")
        self._asked.add(issuer)
        if len(self._asked) > MOST_ASKED:
            raise Unavailable(f"the keys of more than {MOST_ASKED} DIDs would have to be looked up")
        try:
            found = self._resolver.resolve(issuer).verification_method(method, relationship)
        except InvalidDID:
            raise
        except MethodNotSupported as problem:
            raise MethodNotSupported(problem.detail, hint=ASK_ISSUER) from problem
        except (Unavailable, ResolutionFailed) as problem:  # a host that is gone does not make a forger
            detail = f"the keys of {issuer} are not known here: {problem.detail}"
            raise Unavailable(detail, hint=ASK_ISSUER) from problem
        return IssuerKey(found.key, f"the key is in the document that {issuer} publishes", _end(found))

    def _bound(self, issuer: str) -> tuple[BoundDocument, ...]:
        """In order; worked out once, since each proof asks, and a bundle may bring thousands of evidences."""
        if issuer not in self._known:
            try:
                self._known[issuer] = tuple(sorted(self._read(issuer), key=lambda found: found.index))
            except Problem as problem:
                self._known[issuer] = problem
        known = self._known[issuer]
        if isinstance(known, Problem):
            raise known
        return known

    def _read(self, issuer: str) -> Iterator[BoundDocument]:
        entry_for_issuer = self._trust.issuer(issuer)
        pinned = entry_for_issuer.documents if entry_for_issuer else ()
        for supplied in self._supplied:
            if supplied.document.get("id") != issuer:
                continue
            document = Document.parse(supplied.document, issuer)
            digest = document_digest(supplied.document)
            if (name := base64url_encode(digest)) in pinned:
                yield BoundDocument(document, pinned.index(name) - len(pinned), None)
            for evidence in supplied.evidence:
                try:
                    fact = verify_evidence(
                        entry(EntryKind.DID_DOCUMENT, digest), evidence, self._trust.policy_for(issuer)
                    )
                except (UnknownLog, NotWitnessed):  # such a log binds nothing
                    continue
                yield BoundDocument(document, fact.index, fact)

    def _pinned_keys(self, issuer: str) -> tuple[PublicKey, ...]:
        entry_for_issuer = self._trust.issuer(issuer)
        return tuple(map(PublicKey.from_multikey, entry_for_issuer.keys if entry_for_issuer else ()))


def _provenance(bound: BoundDocument) -> str:
    if bound.fact is None:
        return "the key is in a document that is pinned in the trust list"
    return f"the key is in a document that the trusted log {bound.fact.origin} holds"


def _end(method: VerificationMethod) -> datetime | None:
    return min((moment for moment in (method.expires, method.revoked) if moment), default=None)
