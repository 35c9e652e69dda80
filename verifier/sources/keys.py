"""Sources of an issuer's DID document, and how far each is believed (invariant 13).

A did:key or did:jwk speaks for itself. For any other issuer the trust file may have pins: keys, digests of
documents, a log bound to it. If there is one, only content that a pin verifies counts, wherever it comes
from: a document from a bundle is the presenter's word, one from the network the word of whoever holds the
host today. A log's documents go before pinned keys, since they say when a key ended; if those that came along
lack the key, the published log is asked for others. Only an issuer without pins is looked up on the network;
one that has a URL and no DID, at that URL or in the metadata of its host, and only if the trust file names
it. An address that the trust file binds to a DID is that DID's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

from did import (
    DIDURL,
    VERIFICATION_METHOD_NOT_SUPPORTED,
    Document,
    DocumentSource,
    InvalidDID,
    InvalidIssuerMetadata,
    InvalidRelationship,
    InvalidVerificationMethod,
    MethodNotSupported,
    ResolutionFailed,
    VerificationMethod,
)
from did.document import Use
from did.methods import key as did_key
from did.resolution import own_method
from keys import PublicKey
from ledger import (
    Fact,
)
from vc import InvalidProof
from vc.anchoring import document_digest
from vc.document_chain import previous, signs_credentials
from vc.possession import MAX_CREDENTIALS
from wire import Problem, Unavailable
from wire.problem import Code
from wire.strict import is_url
from wire.text import claimed, shortened
from wire.work import Work, base58_steps

from ..problem import (
    DOCUMENT_NOT_CHAINED,
    ISSUER_DOCUMENT_MISSING,
    ISSUER_METHOD_NOT_SUPPORTED,
    ISSUER_NOT_PINNED,
    ISSUER_UNREACHABLE,
    KEY_NAMED_BY_NO_DID,
    KEY_NOT_PINNED,
    KEY_NOT_PUBLISHED,
    KEY_OWNER_UNKNOWN,
    NotKnown,
)
from .documents import BoundDocument, IssuerDocuments, by_place, with_pinned_digest
from .trust import TrustSource
from .trust_entries import RecognisedIssuer

MOST_ASKED = 1 + MAX_CREDENTIALS
"""DIDs looked up on the network for one report: the holder's and the issuers'. Each may keep it waiting."""
UNNAMED_KEY = Code("unnamed-key", Problem, "The proof does not name its key", undetermined=True)
"""A proof names an issuer whose keys change, but none of the keys."""
KEY_OF_ANOTHER_USE = Code("key-of-another-use", InvalidProof)
"""The key is the issuer's, and not for what it signed here: such as one for status lists."""


class KeySource(NamedTuple):
    """The source of a key, as a code and in words."""

    code: str
    text: str
    log: str | None = None
    """The log that holds a document which has it."""
    subject: str | None = None
    """The name in the certificate that has it."""


class IssuerKey(NamedTuple):
    """A key that may sign for an issuer, and why it is believed."""

    key: PublicKey
    source: KeySource
    until: datetime | None = None
    """From then on the key no longer signs for the issuer."""
    history: tuple[BoundDocument, ...] = ()
    """The issuer's documents known from a trusted log, in order; empty for other sources."""
    pinned: bool = False
    """True if the trust file says that it was the issuer's before the first document of `history`."""
    guessed: bool = False
    """True if nothing says that the proof names this key: that it does not fit then shows nothing."""
    relationship: str = "assertionMethod"
    """The verification relationship that it is used for, as documents call it."""
    revoked: datetime | None = None
    """The time from which somebody else had it, too, by the newest document that has it."""
    signs: frozenset[str] | None = None
    """The uses of the key; `None` where neither the trust list nor a document states them."""
    since: datetime | None = None
    """For a key of a certificate, the time from which its chain is valid."""

    @property
    def is_identifier(self) -> bool:
        """True if the identifier is the key: no document can end it."""
        return self.source == _ITSELF

    @property
    def is_for_credentials(self) -> bool:
        """True if the issuer's document says that it signs credentials, and states no end."""
        return self.signs is not None and Use.CREDENTIALS in self.signs and self.until is None

    def require_use(self, use: Use) -> None:
        """Refuses a key that is for something else.

        Raises `InvalidProof` (`KEY_OF_ANOTHER_USE`), or the open `VERIFICATION_METHOD_NOT_SUPPORTED` for uses
        unknown here. Otherwise a thief of the key for status lists, which has to be online, could sign
        diplomas.
        """
        # ADR 63: methods that state no use are read as before.
        if self.signs is None or use in self.signs:
            return
        # ADR 14: a use of a later version may include this one, so it stays open.
        if not self.signs or not self.signs <= set(Use):
            raise VERIFICATION_METHOD_NOT_SUPPORTED.saying(
                "the key {key} is for {uses}, which is not known here",
                key=shortened(self.key.multikey()),
                uses=shortened(", ".join(sorted(self.signs))) or "nothing",
            )
        # Threats F26, F30: a diploma by the key for status lists.
        raise _of_another_use(self.key.multikey(), self.signs, use)

    def end_for(self, fact: Fact, index: int) -> datetime | None:
        """The time from which the key proves nothing, for the entry at `index` that `fact` attests.

        A document that states an expiry does so for later entries; a revocation holds for all that the key
        signed. An entry that other ledgers date is judged by that date alone. Indexes of different logs
        cannot be compared, so each log is evaluated on its own; the earliest end counts.
        """
        ends: list[datetime | None] = []
        logs: list[str | None] = []
        for bound in reversed(self.history):
            where = bound.fact.where if bound.fact else None
            if logs and (where is None or where in logs):
                continue
            # ADR 58: where ledgers give the time, the place in the log does not decide.
            is_later = where == fact.where and not fact.is_required and bound.index > index
            if not is_later and (methods := self._methods(bound)):
                logs.append(where)
                ends += [self.revoked, *(method.expires for method in methods)]
        return min(filter(None, ends), default=None) if logs else self.until

    @property
    def gone_by(self) -> datetime | None:
        """The earliest time of a document without the key, if no later document has it again.

        Indexes of different logs cannot be compared, so each log is evaluated on its own. A log that never
        had the key says nothing beside one that had.
        """
        logged = [bound for bound in reversed(self.history) if bound.fact]
        having = {bound.fact.where for bound in logged if bound.fact and self.is_in(bound)}
        ends: list[datetime] = []
        for where in having or {bound.fact.where for bound in logged if bound.fact}:
            of_log = (bound for bound in logged if bound.fact and bound.fact.where == where)
            without = takewhile(lambda bound: not self.is_in(bound), of_log)
            ends += [bound.fact.time for bound in without if bound.fact and bound.fact.time]
        return min(ends, default=None)

    def _methods(self, bound: BoundDocument) -> list[VerificationMethod]:
        methods = bound.document.methods(self.relationship)
        # A document that lacks this very key says nothing of its end.
        return [method for method in methods if method.key is self.key or method.key == self.key]

    def is_in(self, bound: BoundDocument) -> bool:
        """Return whether this document lets the key be used for its relationship."""
        if self._methods(bound):
            return True
        # A document may refer to a did:key, which then has the key that is meant.
        reference = f"{did_key.create(self.key)}#{self.key.multikey()}"
        return bound.document.refers_to(reference, self.relationship)


class IssuerKeys:
    """Finds the key of a proof, for the issuers of one bundle."""

    def __init__(
        self,
        resolver: DocumentSource,
        trust: TrustSource,
        documents: IssuerDocuments,
        work: Work,
        looked_up: set[str],
        *,
        strangers: bool,
    ) -> None:
        """`looked_up` gathers the DIDs that are looked up on the network, over all bundles of one answer.

        `strangers` lets documents of issuers be looked up whom the trust list does not name.
        """
        self._resolver, self._trust, self._work, self._strangers = resolver, trust, work, strangers
        self._documents = documents
        self.asks_for_holders: bool
        """True if the document of a presenter is looked up; most presenters are on no list."""
        self._asked = looked_up
        self._certified: dict[tuple[tuple[bytes, ...], str], tuple[str, IssuerKey]] = {}

    def signer(self, method: str, issuer: str) -> str:
        """The owner of the key that `method` names: its DID or URL. Raises `INVALID_DID_URL`.

        The document of an `issuer` that has no DID may refer to a DID that is a key. The set of keys in the
        metadata of an `issuer` is that issuer's.
        """
        if not method.startswith("did:") and is_url(method):
            from did import issuer_metadata  # only here, and below: most issuers have a DID

            document = method.partition("#")[0]
            # Threat 44c: a set of keys speaks for no other issuer than its metadata's.
            return issuer if issuer and document == issuer_metadata.location(issuer) else document
        did = _did_of(method)
        return did if not issuer or issuer.startswith("did:") or not self._is_key(did) else issuer

    def _is_key(self, name: str) -> bool:
        method = self._resolver.method(name) if name.startswith("did:") else None
        return method is not None and method.self_certifying

    def are_one(self, did: str, other: str) -> bool:
        """Return whether two DIDs are the same key, such as a did:key and the did:jwk of that key."""
        first, second = own_method(did, self._resolver), own_method(other, self._resolver)
        for method in filter(None, (first, second)):
            self._work.spend(base58_steps(method.key.kind.digits))
        # Threat 55: two names are one presenter only by the very same key.
        return first is not None and second is not None and first.key == second.key

    def certified(self, chain: Sequence[bytes], named: str) -> tuple[str, IssuerKey]:
        """The issuer and the key that certificates name, which are in DER, the leaf first.

        `named` is `Claims.issuer`. Computed once for a report. The key of the leaf signs credentials and
        status lists alike: no purpose of a certificate tells one from the other. Raises as
        `anchors.certified`.
        """
        asked = (tuple(chain), named)
        if asked not in self._certified:
            from .anchors import certified  # only here: most issuers have a DID

            issuer, key = certified(chain, named, self._trust, self._work)
            subject = claimed(key.subject)
            source = KeySource("key-certified", f'the key is certified for "{subject}"', subject=subject)
            issuer_key = IssuerKey(key.key, source, key.until, signs=_ANY_USE, since=key.since)
            self._certified[asked] = issuer, issuer_key
        return self._certified[asked]

    def find(
        self, issuer: str, method: str, relationship: str, *, is_named: bool, use: Use | None = None
    ) -> IssuerKey:
        """The key that `method`, a DID URL or other URL, names in `issuer`'s document, for `relationship`.

        It is looked up where the trust list names it: as an issuer, or else, as `is_named` says, beside one.
        Raises the `Problem` that keeps it from being found; open ones, `NotKnown` and `UNNAMED_KEY`, where
        more knowledge would help, and `InvalidProof` (`KEY_OF_ANOTHER_USE`) unless it is for `use`.
        """
        entry = self._trust.issuer(issuer)
        if entry is not None and entry.id != issuer:
            # The trust list binds this address to a DID, whose documents have the key: no host is asked.
            issuer = entry.id
            # The fragment is a name in the set at the address. Of a DID that is a key, there is one only.
            method = issuer if self._is_key(issuer) else f"{issuer}#{method.partition('#')[2]}"
        owner = self._documents.owner_of(issuer)
        listed = {listed for each in (entry, owner) if each for listed in each.list_keys}
        try:
            key = self._find(issuer, method, relationship, is_named=is_named, use=use)
        except Problem as problem:
            named = method.partition("#")[2]
            # No document at hand has the key; the trust list alone says enough.
            if problem.undetermined and use is Use.CREDENTIALS and named in listed:
                raise _of_another_use(named, _FOR_LISTS, use) from problem
            raise
        self._work.spend(base58_steps(key.key.kind.digits))  # nothing, for a curve's
        # A bundle may leave out the document that says so, and bring one of before. A document that says
        # something goes first: no fingerprint covers `listKeys`, where a file could name the diploma key.
        is_for_lists = bool(listed) and key.signs is None and key.key.multikey() in listed
        # A DID for status lists that is no issuer of its own signs nothing else, whatever its document says.
        if is_for_lists or (owner and not entry):
            key = key._replace(signs=_FOR_LISTS)
        if use is not None:
            key.require_use(use)
        return key

    def _is_pinned(self, issuer: RecognisedIssuer) -> bool:
        """Return whether something is pinned, so that the network's word alone does not count."""
        # ADR 19: where one of these is pinned, the network brings only what it verifies.
        return bool(
            issuer.keys or issuer.documents or issuer.anchors or self._trust.policy_for(issuer.id).logs
        )

    def _find(
        self, issuer: str, method: str, relationship: str, *, is_named: bool, use: Use | None
    ) -> IssuerKey:
        if self._is_key(issuer):
            stated = self._resolver.resolve(issuer).document.verification_method(method, relationship)
            return IssuerKey(stated.key, _ITSELF, stated.until, signs=_ANY_USE)
        if method == issuer:  # the only key of today need not be the one that signed
            raise UNNAMED_KEY.saying(
                "a proof does not say which key of {issuer} made it, and these can change", issuer=issuer
            )
        # ADR 19: documents in a log go before pinned keys, since they tell when a key ended.
        bound = self._documents.bound(issuer)
        if key := self._newest(bound, method, relationship, use):
            return key
        # ADR 24: a sender chooses the holder, so no log is asked for him before all else has passed.
        if relationship != "authentication" or self.asks_for_holders:
            bound = self._documents.with_those_of_the_log(issuer)
            if key := self._newest(bound, method, relationship, use):
                return key
        entry, logs = self._trust.issuer(issuer), self._trust.policy_for(issuer).logs
        owner = self._documents.owner_of(issuer) if entry is None else None
        pinned = owner if owner and self._is_pinned(owner) else None
        if pinned is not None:
            # whoever holds the host today could have his own key in the document that lies there
            issuer, entry, logs = pinned.id, pinned, self._trust.policy_for(pinned.id).logs
            if not (entry.documents or logs):
                return _pinned_for_lists(entry, method, use)
        elif entry is not None and (entry.keys or (entry.documents and not logs)):
            return self._pinned(entry, bound, method, relationship, use)
        # Threat F27: in a shared log, documents count by a pin alone.
        if any(log.is_shared for log in logs) and not (entry and entry.documents):
            raise ISSUER_NOT_PINNED.saying(
                "a log of {issuer} speaks for others, too, and the trust list pins no document of its own",
                issuer=issuer,
            )
        # Threat F28: the log's keys alone put it there, and must name no key for diplomas.
        if any(not document.is_chained and document.document.has(method) for document in bound):
            raise DOCUMENT_NOT_CHAINED.saying(
                "the key {key} is in a document that does not follow from that pinned for {issuer}",
                key=shortened(method),
                issuer=issuer,
            )
        # ADR 19, threat F9: where something is pinned, the network does not speak.
        if logs or pinned:
            detail = f"no document from the log of {issuer} came along that has the key {shortened(method)}"
            absent = ISSUER_DOCUMENT_MISSING(detail, issuer=issuer, key=shortened(method))
            if unshown := self._documents.unshown.get(issuer):
                raise unshown.about(absent)
            raise absent
        if entry is not None and entry.anchors:  # which certify no key of its document
            raise not_pinned(issuer, method)
        self._require_looked_up(issuer, method, relationship, is_named=is_named or entry is not None)
        stated = self._of_today(self._published(issuer, method), method, relationship)
        source = KeySource("key-published", f"the key is in the document that {issuer} publishes")
        return IssuerKey(stated.key, source, stated.until, signs=stated.signs)

    def _pinned(
        self,
        issuer: RecognisedIssuer,
        bound: Sequence[BoundDocument],
        method: str,
        relationship: str,
        use: Use | None,
    ) -> IssuerKey:
        """A key by the entry's pins alone; the network is asked only for what they verify."""
        keys = tuple(map(PublicKey.from_multikey, issuer.keys))
        logged = tuple(each for each in bound if each.fact is not None)
        for key in keys:
            if method.endswith("#" + key.multikey()):
                return IssuerKey(key, _PINNED, None, logged, pinned=True)
        # ADR 19: proofs may name the key otherwise, such as `#key-1`, so the only one is tried.
        if len(keys) == 1 and not issuer.documents:
            return IssuerKey(keys[0], _PINNED, None, logged, pinned=True, guessed=True)
        self._require_looked_up(issuer.id, method, relationship, is_named=True)
        document = self._published(issuer.id, method)
        digest = document_digest(document.value, self._work)
        bound = by_place([*bound, *with_pinned_digest(document, digest, issuer)])
        if newest := self._newest(bound, method, relationship, use):
            return newest
        published = self._of_today(document, method, relationship)
        # Threat F9: the host only says which key has this name; the pin decides if it counts.
        if published.key not in keys:
            raise not_pinned(issuer.id, method)
        return IssuerKey(published.key, _PINNED, published.until, logged, pinned=True, signs=published.signs)

    def _published(self, issuer: str, method: str) -> Document:
        """The document that the network has of an issuer, or the metadata of which `method` names a key.

        Raises the open `Problem` that keeps it from being had.
        """
        if not issuer.startswith("https://"):
            return self._resolved(issuer, issuer)
        from did import issuer_metadata

        location = issuer_metadata.location(issuer)
        if location is None or not method.startswith(f"{location}#"):
            return self._resolved(issuer, issuer)
        metadata = self._resolved(location, issuer)
        # SD-JWT VC, 3.3: letter by letter. Two addresses that differ by a slash share a location.
        if metadata.value.get(issuer_metadata.ISSUER) != issuer:
            raise InvalidIssuerMetadata.saying(
                "the metadata at {url} is of another issuer", url=shortened(location)
            )
        return metadata

    def _resolved(self, name: str, issuer: str) -> Document:
        self._asked.add(issuer)
        # Threat 58: a hundred slow hosts, each asked in turn.
        if len(self._asked) > MOST_ASKED:
            raise Unavailable.saying(
                "the keys of more than {most} DIDs would have to be looked up", most=MOST_ASKED
            )
        try:
            return self._resolver.resolve(name).document
        except (InvalidDID, InvalidIssuerMetadata):
            raise
        except MethodNotSupported as problem:
            raise ISSUER_METHOD_NOT_SUPPORTED.saying("{why}", why=problem) from problem
        except (Unavailable, ResolutionFailed) as problem:  # a host that is gone does not make a forger
            raise ISSUER_UNREACHABLE.saying(
                "cannot get the keys of {issuer}: {why}", issuer=issuer, why=problem
            ) from problem

    def _require_looked_up(self, signer: str, method: str, relationship: str, *, is_named: bool) -> None:
        """Refuse a key of an unlisted name: a sender could else make this host connect anywhere (SSRF)."""
        # Threats 58, F11: nothing but DIDs and https leads to a host.
        if not signer.startswith(("https://", "did:")):
            raise KEY_NAMED_BY_NO_DID.saying(
                "the key {key} is named by no DID and no https URL, and is not looked up",
                key=shortened(method),
            )
        if relationship == "authentication":
            if not self.asks_for_holders:
                raise NotKnown(
                    "the presenter's key is not looked up, since what is presented did not pass as it is"
                )
        # Threat F11: a stranger's URL is never fetched, and a stranger's DID only for `strangers`.
        elif not (is_named or (self._strangers and signer.startswith("did:"))):
            raise KEY_OWNER_UNKNOWN(
                f"the key {shortened(method)} is not looked up: its owner is not on your list",
                key=shortened(method),
            )

    def _newest(
        self, bound: Sequence[BoundDocument], method: str, relationship: str, use: Use | None
    ) -> IssuerKey | None:
        """The key as the newest document with it states it; outside the chain only keys for lists count."""
        is_for_lists = use is Use.STATUS_LISTS
        for candidate in reversed(bound):
            # ADR 63: beside the chain, documents give keys for lists alone.
            if not (candidate.is_chained or is_for_lists):
                continue
            try:
                stated = self._method(candidate.document, method, relationship)
            except Problem:
                continue
            if use is Use.CREDENTIALS:
                # ADR 63: a key for lists that signed a credential would make one of whoever stole it.
                self._require_stated_use(candidate, stated)
            return IssuerKey(
                stated.key,
                _source(candidate),
                stated.until,
                tuple(
                    version
                    for version in bound
                    if version.is_chained
                    or is_for_lists
                    or not _has(version.document, stated.key, relationship)
                ),
                relationship=relationship,
                revoked=stated.revoked,
                signs=stated.signs,
            )
        return None

    def _require_stated_use(self, bound: BoundDocument, method: VerificationMethod) -> None:
        """Require a document of a pinned chain to say that its key signs credentials.

        Raises `VERIFICATION_METHOD_NOT_SUPPORTED`.
        Documents of 81e9505 leave it to `listKeys`, which no fingerprint covers: a trust file from which it
        was taken would let the key for status lists sign diplomas, for a thief who has the log's keys.
        """
        is_of_before = method.signs is None and previous(bound.document.value) is None
        if not is_of_before or method.until is not None or not self._documents.has_chain(bound.document.id):
            return
        if not signs_credentials(bound.document, method):
            raise VERIFICATION_METHOD_NOT_SUPPORTED.saying(
                "the pinned documents of {issuer} do not say what the key {key} signs",
                issuer=bound.document.id,
                key=shortened(method.key.multikey()),
            )

    def _of_today(self, document: Document, method: str, relationship: str) -> VerificationMethod:
        """The method in a document that the network has, which may have had others when it was used."""
        try:
            return self._method(document, method, relationship)
        except (InvalidVerificationMethod, InvalidRelationship) as problem:
            raise KEY_NOT_PUBLISHED.saying(
                "the document that {issuer} publishes now does not tell: {why}",
                issuer=document.id,
                why=problem,
            ) from problem

    def _method(self, document: Document, method: str, relationship: str) -> VerificationMethod:
        did = method.partition("#")[0]
        if document.refers_to(method, relationship) and self._is_key(did):
            document = self._resolver.resolve(did).document
        return document.verification_method(method, relationship)


@lru_cache(1024)  # of bounded length
def _did_of(did_url: str) -> str:
    return str(DIDURL.parse(did_url).did)


def _pinned_for_lists(issuer: RecognisedIssuer, method: str, use: Use | None) -> IssuerKey:
    """Return a key of the DID for status lists of an issuer whose entry pins nothing but keys.

    No document is bound that could have it, so that only `listKeys` name it. Raises the open
    `KEY_NOT_PINNED`.
    """
    name = method.partition("#")[2]
    # Threat F30: whoever holds the host could publish a key of his own for lists.
    if use is not Use.STATUS_LISTS or name not in issuer.list_keys:
        raise not_pinned(issuer.id, method)
    return IssuerKey(PublicKey.from_multikey(name), _PINNED, pinned=True)


def _of_another_use(key: str, uses: Collection[str], use: Use) -> InvalidProof:
    return KEY_OF_ANOTHER_USE.saying(
        "the key {key} signs {uses} for its issuer, not {use}",
        key=shortened(key),
        uses=", ".join(sorted(uses)),
        use=use.value,
    )


def _has(document: Document, key: PublicKey, relationship: str) -> bool:
    return any(method.key == key for method in document.methods(relationship))


def not_pinned(issuer: str, method: str) -> NotKnown:
    """Open: the trust list has keys or documents of the issuer, and this key is not among them."""
    return KEY_NOT_PINNED(
        f"the key {shortened(method)} is not among those that the trust list pins for {issuer}",
        issuer=issuer,
        key=shortened(method),
    )


_ANY_USE = frozenset(Use)
_FOR_LISTS = frozenset({Use.STATUS_LISTS})
_ITSELF = KeySource("key-itself", "the key is the identifier itself")
_PINNED = KeySource("key-pinned", "the key is pinned in the trust list")


def _source(bound: BoundDocument) -> KeySource:
    if bound.fact is None:
        return KeySource("document-pinned", "the key is in a document that is pinned in the trust list")
    log = bound.fact.where
    return KeySource("document-in-log", f"the key is in a document that the trusted log {log} holds", log)
