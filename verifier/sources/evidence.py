"""What trusted logs attest of a document, and whether its key was in force at that time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ledger import (
    EntryKind,
    Evidence,
    EvidenceKind,
    Fact,
    InvalidEvidence,
    NotWitnessed,
    OfCheckpoints,
    Requirement,
    TrustPolicy,
    UnknownKind,
    UnknownLog,
    entry,
    known_kind,
    parse_entry,
    verify_anchoring,
    verify_evidence,
)
from ledger.requirement import LEDGERS
from vc import Claims
from wire import Problem
from wire.clock import DatedAhead, is_ahead, require_not_ahead
from wire.problem import Code
from wire.text import shortened
from wire.work import Work

from ..problem import (
    EVIDENCE_MISSING,
    KEY_ENDED,
    KEY_STANDING_UNKNOWN,
    LEDGER_EVIDENCE_MISSING,
    LOG_NOT_LISTED,
    NEWEST_DOCUMENT_MISSING,
    TOO_FEW_WITNESSES,
    NotKnown,
    NotShown,
)
from .keys import IssuerKey
from .trust import TrustSource

if TYPE_CHECKING:  # loaded only where a log is asked
    from .published import PublishedLogs


class KeyNotInForce(Problem):
    """The key was not the issuer's when the credential was signed, as far as anything proves."""

    code = "key-not-in-force"
    title = "Signed with a key that was not in force"


EARLIER_DOCUMENT_MISSING = Code(
    "earlier-document-missing", KeyNotInForce, "Not enough is known", undetermined=True
)
"""No document of the issuer came along that its log held before the entry: its keys then are unknown."""


CERTIFICATE_NOT_IN_FORCE = Code(
    "certificate-not-in-force", KeyNotInForce, "Not enough is known", undetermined=True
)
"""The certificate of who signed is not valid at the time that counts, and may have been when it signed."""


class Attestations(NamedTuple):
    """What evidence proved, and the last problem of evidence that proves nothing here."""

    found: tuple[Fact, ...]
    ignored: Problem | None
    unshown: NotShown | None = None
    """Why the issuer's log, where it is published, did not show more."""
    unmet: NotKnown | None = None
    """What is missing of other ledgers, for an entry that is in a trusted log."""
    uncompared: str = ""
    """The log that should have it and is on no list here, of an issuer whose document was enough."""


class _Proved(NamedTuple):
    """What evidence proves before anybody asks whether a key was in force."""

    logged: Sequence[tuple[bytes, Fact]]
    """Entries, and where in a log each is."""
    anchored: Mapping[bytes, Sequence[Fact]]
    """What other ledgers have, by the digest of the checkpoint."""
    ignored: Problem | None


class _Timed(NamedTuple):
    """What a log attests of an entry, at the time that counts."""

    leaf: bytes
    fact: Fact
    lacking: NotKnown | None = None
    """What is missing of the ledgers that the trust list requires."""


@dataclass(slots=True, eq=False)
class EvidenceCheck:
    """Checks evidence against the logs of a trust list as of `now`, each kind as `kinds` has it."""

    trust: TrustSource
    now: datetime
    work: Work
    kinds: Mapping[str, EvidenceKind]
    logs: PublishedLogs | None = None

    def of_credential(
        self,
        claims: Claims,
        keys: Mapping[bytes, IssuerKey],
        evidence: Sequence[Evidence],
        others: Callable[[], frozenset[bytes]],
        signers: Sequence[IssuerKey],
    ) -> Attestations:
        """What is attested of a credential, of which `keys` are the entries; see `facts`.

        Its issuer's log has it, where it has one that is trusted, and so has each log that it names. Of an
        issuer that is trusted by its DID alone, its document may do instead: it has to say of the key of each
        of the `signers` that it is for credentials and has no end. Evidence of a log that is on no list
        changes nothing of that, so that stripping it gains nothing. Raises as `facts`, and `NotKnown` for
        what is missing.
        """
        issuer, has_log = claims.issuer, bool(self.trust.policy_for(claims.issuer).logs)
        facts = self.facts(keys, evidence, issuer, others, on_ledgers=True)
        missing = _missing(claims, facts)
        if has_log and (missing or not facts.found) and facts.unmet is None:
            facts = self.with_published(facts, keys, issuer, missing)
            missing = _missing(claims, facts)
        if missing and not has_log and self.trust.issuer(issuer) is not None:
            if all(key.is_for_credentials for key in signers):
                return facts._replace(uncompared=missing[0])
            raise LOG_NOT_LISTED(
                f"the log {shortened(missing[0])}, which should hold it, is not on your list for this issuer",
                log=shortened(missing[0]),
            )
        if missing or (has_log and not facts.found):
            absent = (
                EVIDENCE_MISSING.saying(
                    "it should be in the log {log}, but the evidence is missing", log=shortened(missing[0])
                )
                if missing
                else EVIDENCE_MISSING("it should be in the log of its issuer, but the evidence is missing")
            )
            raise facts.unmet or facts.ignored or (facts.unshown and facts.unshown.about(absent)) or absent
        return facts

    def facts(
        self,
        keys: Mapping[bytes, IssuerKey],
        evidence: Sequence[Evidence],
        issuer: str,
        others: Callable[[], frozenset[bytes]] = frozenset,
        *,
        on_ledgers: bool = False,
        recurs: bool = False,
    ) -> Attestations:
        """What trusted logs attest of the entries in `keys`, as long as the key of each was in force.

        Evidence for other digests is refused, and an entry that was seen only after its key had ended; what
        is of a kind or by a log that is not known here is left aside. What logs attest comes first, then what
        other ledgers have of their checkpoints. With `on_ledgers` those that the trust list requires have to
        have one by which the entry is in the log, and theirs is its time.

        `others` gives the digests that evidence here may be for as well; `recurs` is as `verify_evidence`'s.
        Raises `KeyNotInForce`, or `EARLIER_DOCUMENT_MISSING`, or `NotKnown` where a host may keep back what
        would say more.
        """
        trust = self.trust.policy_for(issuer)
        if not evidence:
            return Attestations((), None)
        leaves = {parse_entry(leaf).digest: leaf for leaf in keys}
        entries = self._of_entries(leaves, evidence, trust, others, recurs=recurs)
        beside = [item for item in evidence if item.digest not in leaves]
        proved = self._proved(entries, beside, trust)
        timed = [
            _by_ledgers(leaf, fact, proved, trust) if on_ledgers else _Timed(leaf, fact)
            for leaf, fact in proved.logged
        ]
        in_force = _in_force(timed, keys, self.now)
        facts = [each.fact for each in in_force if each.lacking is None]
        if proved.anchored:
            digests = dict.fromkeys(map(_digest, facts))
            facts += [fact for digest in digests for fact in proved.anchored.get(digest, ())]
        unmet = next((each.lacking for each in reversed(in_force) if each.lacking), None)
        return Attestations(tuple(facts), proved.ignored, unmet=unmet)

    def _proved(
        self,
        entries: Iterable[tuple[bytes, Fact | Problem]],
        beside: Sequence[Evidence],
        trust: TrustPolicy,
    ) -> _Proved:
        logged: list[tuple[bytes, Fact]] = []
        ignored: Problem | None = None
        for leaf, fact in entries:
            if isinstance(fact, Problem):
                ignored = fact  # it proves nothing here; whether something is missing is decided later
            elif fact.index is None:  # and nothing tells whether its key had been given up before
                ignored = NotKnown.saying("{where} shows no place in a log", where=shortened(fact.where))
            else:
                logged.append((leaf, fact))
        anchored: dict[bytes, list[Fact]] = {}
        for digest, fact in self._of_checkpoints([fact for _, fact in logged], beside, trust):
            if isinstance(fact, Problem):
                ignored = fact
            else:
                anchored.setdefault(digest, []).append(fact)
        return _Proved(logged, anchored, ignored)

    def _of_entries(
        self,
        leaves: Mapping[bytes, bytes],
        evidence: Sequence[Evidence],
        trust: TrustPolicy,
        others: Callable[[], frozenset[bytes]],
        *,
        recurs: bool,
    ) -> Iterator[tuple[bytes, Fact | Problem]]:
        """Of each entry, by its digest, what is proved, or why that is left aside."""
        for item in evidence:
            leaf = leaves.get(item.digest, b"")
            try:
                kind = known_kind(item, self.kinds)
            except UnknownKind as problem:
                yield leaf, problem
                continue
            if isinstance(kind, OfCheckpoints):
                continue
            if leaf:
                yield leaf, self._fact(partial(verify_evidence, leaf, item, trust, recurs=recurs))
            elif item.digest not in others():
                raise InvalidEvidence("the evidence belongs to another credential")

    def _of_checkpoints(
        self, found: Sequence[Fact], evidence: Sequence[Evidence], trust: TrustPolicy
    ) -> Iterator[tuple[bytes, Fact | Problem]]:
        """What is proved of the checkpoints by which facts were found; those of others say nothing here."""
        if not evidence:
            return
        checkpoints = {fact.checkpoint.digest: fact.checkpoint for fact in found if fact.checkpoint}
        for item in evidence:
            if checkpoint := checkpoints.get(item.digest):
                yield item.digest, self._fact(partial(verify_anchoring, checkpoint, item, trust))

    def _fact(self, verify: Callable[..., Fact]) -> Fact | Problem:
        """What evidence proves, or why it is left aside. Raises where it does not hold."""
        try:
            fact = verify(work=self.work, kinds=self.kinds)
            if fact.time is not None:
                require_not_ahead(fact.time, self.now, "the log's checkpoint")
        except (UnknownKind, UnknownLog, DatedAhead) as problem:
            return problem
        except NotWitnessed as problem:
            return TOO_FEW_WITNESSES.saying("{why}", why=problem)
        return fact

    def holds_kind(self, digest: bytes, evidence: Sequence[Evidence], issuer: str) -> bool:
        """Whether a trusted log of an issuer is shown to hold a kind, by its digest.

        Evidence of another kind or by another log is left aside. Raises `InvalidEvidence` for evidence that
        does not hold, as for a credential, and `TooLarge`.
        """
        leaves, trust = {digest: entry(EntryKind.KIND, digest)}, self.trust.policy_for(issuer)
        # All of them: one that does not hold is a finding, whatever the others prove.
        found = [fact for _, fact in self._of_entries(leaves, evidence, trust, frozenset, recurs=True)]
        return any(isinstance(fact, Fact) and fact.index is not None for fact in found)

    def with_published(
        self, facts: Attestations, keys: Mapping[bytes, IssuerKey], issuer: str, origins: Sequence[str]
    ) -> Attestations:
        """With what the issuer's logs show of the entries in `keys`, or those of `origins` among them.

        Their checkpoint is of today: when a key signed is known by an entry's place among documents alone.
        Raises `NotKnown` for a key that was not in force by these.
        """
        if self.logs is None:
            return facts
        try:
            evidence = [item for leaf in keys for item in self.logs.evidence(leaf, issuer, origins)]
            shown = self.facts(keys, evidence, issuer, on_ledgers=True)
        except NotShown as problem:
            return facts._replace(unshown=problem)
        except KeyNotInForce as problem:
            raise left_open(problem) from None
        ignored = facts.ignored or shown.ignored
        return Attestations((*facts.found, *shown.found), ignored, unmet=shown.unmet)


def _missing(claims: Claims, facts: Attestations) -> list[str]:
    """The logs that the credential says it is in, of which nothing came."""
    return sorted(claims.origins - {fact.where for fact in facts.found if fact.index is not None})


def require_current(key: IssuerKey, now: datetime) -> None:
    """The key is in force now. Raises `KeyNotInForce`, and `NotKnown` where a newer document is missing."""
    _require_valid(key, now)
    if key.until is not None and key.until <= now:
        raise KeyNotInForce.saying("the key ended on {until}", until=f"{key.until:%Y-%m-%d}")
    newest = key.history[-1] if key.history else None
    if newest is not None and newest.index < -1:  # the trust file names a later one
        raise NEWEST_DOCUMENT_MISSING(
            "a newer document of the issuer is pinned in the trust list, and did not come along"
        )
    if newest is not None and not key.is_in(newest):
        raise KeyNotInForce("the key is not in the newest document of its owner that is at hand")


def require_may_have_signed(key: IssuerKey, now: datetime) -> None:
    """As `require_current`, where nothing shows when the key signed: its end leaves that open.

    Raises `NotKnown`.
    """
    try:
        require_current(key, now)
    except KeyNotInForce as problem:
        raise left_open(problem) from None


def require_standing(key: IssuerKey, now: datetime, *, has_log: bool) -> None:
    """As `require_may_have_signed`, for a derived proof: no log shows when the key signed.

    Raises `NotKnown`. Where the issuer has a log, a thief of a retired key would leave out of the bundle the
    document that ends it. So any key that documents can end is open there, whichever of them came along.
    """
    require_may_have_signed(key, now)
    if has_log and not key.is_identifier:
        raise KEY_STANDING_UNKNOWN(
            "no log has a derived proof: evidence speaks of the issuer's keys and lists only, and a newer "
            "document of the issuer may be missing"
        )


def left_open(problem: KeyNotInForce) -> Problem:
    """What is said of a key that is not in force where that need not be so for what it signed."""
    if problem.undetermined:
        return problem
    return KEY_ENDED.saying("{why}, and nothing shows that it signed before", why=problem)


def _by_ledgers(leaf: bytes, fact: Fact, proved: _Proved, trust: TrustPolicy) -> _Timed:
    """The time by which the ledgers that the trust list requires have the entry, where it requires any."""
    required = trust.required(fact.where)
    if not required:
        return _Timed(leaf, fact)
    digests = {_digest(it) for other, it in proved.logged if (other, it.where) == (leaf, fact.where)}
    seen = _earliest(it for digest in digests for it in proved.anchored.get(digest, ()))
    time = required.met_by(seen)
    if time is None:
        return _Timed(leaf, fact, _lacking(required, seen, proved.ignored))
    return _Timed(leaf, replace(fact, time=time, clock=LEDGERS, stated=fact.time))


def _in_force(timed: Sequence[_Timed], keys: Mapping[bytes, IssuerKey], now: datetime) -> list[_Timed]:
    """Those whose key was in force. Raises the problem of an entry that has none."""
    in_force: list[_Timed] = []
    late: dict[bytes, KeyNotInForce] = {}
    for each in timed:
        try:
            if keys[each.leaf].since is None:
                _require_key_in_force(keys[each.leaf], each.fact)
            else:  # of no document that could say more
                _require_valid(keys[each.leaf], each.fact.time or now)
        except KeyNotInForce as problem:  # by this checkpoint; an older one may say more
            if problem.undetermined or each.leaf not in late:
                late[each.leaf] = problem
        else:
            in_force.append(each)
    nowhere = late.keys() - {each.leaf for each in in_force}
    for leaf in sorted(nowhere, key=lambda leaf: late[leaf].undetermined):
        if any(bound.is_fetched for bound in keys[leaf].history):  # by a host that may keep some back
            raise left_open(late[leaf])
        raise late[leaf]
    return in_force


def _digest(fact: Fact) -> bytes:
    return fact.checkpoint.digest if fact.checkpoint else b""


def _earliest(facts: Iterable[Fact]) -> dict[str, datetime]:
    """By when each ledger had one of the checkpoints."""
    seen: dict[str, datetime] = {}
    for fact in facts:
        if fact.time is not None:
            seen[fact.where] = min(fact.time, seen.get(fact.where, fact.time))
    return seen


def _lacking(required: Requirement, seen: Mapping[str, datetime], ignored: Problem | None) -> NotKnown:
    return LEDGER_EVIDENCE_MISSING.saying(
        "it has to be on {wanted}, and nothing shows it on {missing}",
        wanted=str(required),
        missing=", ".join(required.missing(seen)),
        shown=", ".join(sorted(seen)) or None,
        ignored=ignored.code if ignored else None,
        because=ignored,
    )


def _require_valid(key: IssuerKey, moment: datetime) -> None:
    """Requires the certificates of a key, if it has any, to be valid at a moment (RFC 5280, 6.1.3 (a)(2)).

    Raises `CERTIFICATE_NOT_IN_FORCE`: an authority says until when it answers for a key, not that somebody
    else has it from then on. No date that the signer wrote is such a moment.
    """
    if key.since is None or key.until is None:
        return
    if moment >= key.until:
        raise CERTIFICATE_NOT_IN_FORCE.saying(
            "the certificates of the issuer ended on {until}, and nothing shows that it signed before",
            until=f"{key.until:%Y-%m-%d}",
        )
    if is_ahead(key.since, moment):
        raise CERTIFICATE_NOT_IN_FORCE.saying(
            "the certificates of the issuer are valid only from {since} on", since=f"{key.since:%Y-%m-%d}"
        )


def _require_key_in_force(key: IssuerKey, fact: Fact) -> None:
    """The key signed for its issuer at the moment, and at the place in the log, that `fact` attests.

    Other ledgers tell the moment alone: a place is the word of whoever has the log's key.
    """
    index = fact.index
    assert index is not None  # of a log
    end = key.end_for(fact, index)
    if fact.clock == LEDGERS:
        end = min(filter(None, (end, key.gone_by)), default=None)
    if end is not None and (fact.time is None or end <= fact.time):
        if fact.clock == LEDGERS:
            raise KeyNotInForce.saying(
                "the key ended on {until}, and no ledger that is required shows the credential before {date}",
                until=f"{end:%Y-%m-%d}",
                date=f"{fact.time:%Y-%m-%d %H:%M}Z",
            )
        raise KeyNotInForce.saying(
            "the key ended on {until}, before the log saw the credential", until=f"{end:%Y-%m-%d}"
        )
    same_log = [bound for bound in key.history if bound.fact and bound.fact.where == fact.where]
    pinned = [bound for bound in key.history if bound.fact is None]
    earlier = [*pinned, *(bound for bound in same_log if bound.index < index)]
    if not same_log or (key.pinned and not earlier):
        return
    if not earlier:
        raise EARLIER_DOCUMENT_MISSING(
            "no document of the issuer came along from before the log saw the credential"
        )
    if not key.is_in(earlier[-1]):
        raise KeyNotInForce("the key was not in the issuer's document when the log saw the credential")


def left_aside(facts: Attestations) -> str:
    """What is said of evidence that is shown and not counted."""
    return f"; left aside: {facts.ignored.detail}" if facts.ignored else ""


_CLOCKS = {
    "own": "time: the issuer's own clock",
    "witness": "time: the clock of independent witnesses",
    LEDGERS: "time: other ledgers, while its key was in force",
}


def attested(fact: Fact) -> str:
    """What is attested, for people: where, by when, and by whose clock."""
    if fact.index is None:
        return f"its checkpoint on {on_ledger(fact)}"
    when = f"by {moment(fact.time)} ({_CLOCKS[fact.clock]})" if fact.time else "at a time that nobody states"
    own = f"; by the log's own clock {moment(fact.stated)}" if fact.stated else ""
    return f"entry {fact.index} of the log {fact.where}{' ' if fact.time else ', '}{when}{own}"


def on_ledger(fact: Fact) -> str:
    """Another ledger, and by when it had what it has."""
    return f"{fact.where} by {moment(fact.time)}" if fact.time else fact.where


def moment(time: datetime | None) -> str | None:
    """A time, for people."""
    return f"{str(time)[:16]}Z" if time else None
