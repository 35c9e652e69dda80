"""Verifies evidence that trusted logs hold a document, and that its key was in force at that time."""

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
from ledger.quorum import WitnessQuorum
from ledger.requirement import LEDGERS, REQUIRED_WITNESSES, WITNESSES
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
    """The facts that evidence proved, and the last problem of evidence that proves nothing here."""

    found: tuple[Fact, ...]
    ignored: Problem | None
    unshown: NotShown | None = None
    """The reason why the issuer's published log did not show more."""
    unmet: NotKnown | None = None
    """The missing evidence of other ledgers, for an entry that is in a trusted log."""
    uncompared: str = ""
    """The log that should have it and is on no list here, of an issuer whose document was enough."""


class _Proved(NamedTuple):
    """The facts that evidence proves, before the keys are judged."""

    logged: Sequence[tuple[bytes, Fact]]
    """Entries, each with its place in a log."""
    anchored: Mapping[bytes, Sequence[Fact]]
    """The facts of other ledgers, by the digest of the checkpoint."""
    ignored: Problem | None


class _Timed(NamedTuple):
    """A log's fact about an entry, with the time that counts."""

    leaf: bytes
    fact: Fact
    lacking: NotKnown | None = None
    """The missing evidence of ledgers that the trust list requires."""


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
        """The facts attested of a credential whose log entries are in `keys`; see `facts`.

        A trusted log of its issuer has to hold it, if there is one, and so has each log that the credential
        names. For an issuer that is trusted by its DID alone, its document may do instead: it has to say of
        the key of each of the `signers` that it is for credentials and has no end. Evidence of an unlisted
        log changes nothing of that, so that stripping it gains nothing. Raises as `facts`, and `NotKnown` for
        missing evidence.
        """
        issuer, has_log = claims.issuer, bool(self.trust.policy_for(claims.issuer).logs)
        facts = self.facts(keys, evidence, issuer, others, on_ledgers=True)
        missing = _missing(claims, facts)
        # ADR 28: evidence that did not come along is looked for in the published log.
        if has_log and (missing or not facts.found) and facts.unmet is None:
            facts = self.with_published(facts, keys, issuer, missing)
            missing = _missing(claims, facts)
        # ADR 64: trusted by its DID alone, it has its document speak for the key.
        if missing and not has_log and self.trust.issuer(issuer) is not None:
            if all(key.is_for_credentials for key in signers):
                return facts._replace(uncompared=missing[0])
            raise LOG_NOT_LISTED(
                f"the log {shortened(missing[0])}, which should hold it, is not on your list for this issuer",
                log=shortened(missing[0]),
            )
        # ADR 12, threat A45: a thief of a retired key would leave the evidence out.
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
        """The facts that trusted logs attest of the entries in `keys`, while the key of each was in force.

        Evidence for other digests is refused, and so is an entry seen only after its key had ended. Evidence
        of an unknown kind or by an unknown log is left aside. The facts of logs come first, then those of
        other ledgers about their checkpoints. With `on_ledgers`, the ledgers that the trust list requires
        have to hold a checkpoint by which the entry is in the log, and they give its time.

        `others` gives the digests that evidence here may be for as well; `recurs` is as `verify_evidence`'s.
        Raises `KeyNotInForce`, or `EARLIER_DOCUMENT_MISSING`, or `NotKnown` where a host may keep back
        documents that would say more.
        """
        trust = self.trust.policy_for(issuer)
        if not evidence:
            return Attestations((), None)
        leaves = {parse_entry(leaf).digest: leaf for leaf in keys}
        entries = self._of_entries(leaves, evidence, trust, others, recurs=recurs)
        beside = [item for item in evidence if item.digest not in leaves]
        proved = self._proved(entries, beside, trust)
        timed = [
            # ADR 58: not for documents and status lists, whose newest entries are on no ledger yet.
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
        """For each item of evidence its entry, with the fact proved, or the problem that leaves it aside."""
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
            # Definite, unlike an unknown kind: the credential or its evidence was exchanged.
            elif item.digest not in others():
                raise InvalidEvidence("the evidence belongs to another credential")

    def _of_checkpoints(
        self, facts: Sequence[Fact], evidence: Sequence[Evidence], trust: TrustPolicy
    ) -> Iterator[tuple[bytes, Fact | Problem]]:
        """The facts proved of the checkpoints in `facts`; evidence for others says nothing here."""
        if not evidence:
            return
        checkpoints = {fact.checkpoint.digest: fact.checkpoint for fact in facts if fact.checkpoint}
        for item in evidence:
            if checkpoint := checkpoints.get(item.digest):
                yield item.digest, self._fact(partial(verify_anchoring, checkpoint, item, trust))

    def _fact(self, verify: Callable[..., Fact]) -> Fact | Problem:
        """The fact that evidence proves, or the problem for which it is left aside.

        Raises if it does not hold.
        """
        try:
            fact = verify(work=self.work, kinds=self.kinds)
            if fact.time is not None:
                # Threat 56: a clock that is ahead attests no time.
                require_not_ahead(fact.time, self.now, "the log's checkpoint")
        # ADR 14: left aside, it proves nothing and contradicts nothing.
        except (UnknownKind, UnknownLog, DatedAhead) as problem:
            return problem
        except NotWitnessed as problem:
            return TOO_FEW_WITNESSES.saying("{why}", why=problem)
        return fact

    def holds_kind(self, digest: bytes, evidence: Sequence[Evidence], issuer: str) -> bool:
        """Return whether a trusted log of an issuer is shown to hold a kind, by its digest.

        Evidence of another kind or by another log is left aside. Raises `InvalidEvidence` for evidence that
        does not hold, as for a credential, and `TooLarge`.
        """
        leaves, trust = {digest: entry(EntryKind.KIND, digest)}, self.trust.policy_for(issuer)
        # All of them: one that does not hold is a finding, whatever the others prove.
        facts = [fact for _, fact in self._of_entries(leaves, evidence, trust, frozenset, recurs=True)]
        return any(isinstance(fact, Fact) and fact.index is not None for fact in facts)

    def with_published(
        self, facts: Attestations, keys: Mapping[bytes, IssuerKey], issuer: str, origins: Sequence[str]
    ) -> Attestations:
        """Add the facts that the issuer's published logs show of `keys`; with `origins`, only these logs.

        Their checkpoint is of today, so only an entry's place among documents tells when a key signed.
        Raises `NotKnown` for a key that was not in force by these.
        """
        if self.logs is None:
            return facts
        try:
            evidence = [item for leaf in keys for item in self.logs.evidence(leaf, issuer, origins)]
            # The host is not believed: what it sends is proved as evidence in a bundle is (threat F14).
            shown = self.facts(keys, evidence, issuer, on_ledgers=True)
        except NotShown as problem:
            return facts._replace(unshown=problem)
        # ADR 28: the host may keep back the document that has the key.
        except KeyNotInForce as problem:
            raise left_open(problem) from None
        ignored = facts.ignored or shown.ignored
        return Attestations((*facts.found, *shown.found), ignored, unmet=shown.unmet)


def _missing(claims: Claims, facts: Attestations) -> list[str]:
    """The logs that the credential names, and that no fact is from."""
    # Threat A45: the credential's signed part names its logs, so stripped evidence is missed.
    return sorted(claims.origins - {fact.where for fact in facts.found if fact.index is not None})


def require_current(key: IssuerKey, now: datetime) -> None:
    """The key is in force now. Raises `KeyNotInForce`, and `NotKnown` where a newer document is missing."""
    _require_valid(key, now)
    # Threat 25: from its end on the key may be in other hands.
    if key.until is not None and key.until <= now:
        raise KeyNotInForce.saying("the key ended on {until}", until=f"{key.until:%Y-%m-%d}")
    newest = key.history[-1] if key.history else None
    if newest is not None and newest.index < -1:  # the trust file names a later one
        raise NEWEST_DOCUMENT_MISSING(
            "a newer document of the issuer is pinned in the trust list, and did not come along"
        )
    # Threat 25: an issuer gives a key up by leaving it out of its document.
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

    Raises `NotKnown`. If the issuer has a log, a thief of a retired key would leave out of the bundle the
    document that ends it. So any key that documents can end is open there, whichever of them came along.
    """
    require_may_have_signed(key, now)
    # Threat 25: whoever shows the file chooses which documents come along.
    if has_log and not key.is_identifier:
        raise KEY_STANDING_UNKNOWN(
            "no log has a derived proof: evidence speaks of the issuer's keys and lists only, and a newer "
            "document of the issuer may be missing"
        )


def left_open(problem: KeyNotInForce) -> Problem:
    """The open problem of a key that is not in force now, and may have been when it signed."""
    if problem.undetermined:
        return problem
    return KEY_ENDED.saying("{why}, and nothing shows that it signed before", why=problem)


def _by_ledgers(leaf: bytes, fact: Fact, proved: _Proved, trust: TrustPolicy) -> _Timed:
    """A log's fact with the time by which the required ledgers or witnesses have the entry, if any are."""
    required = trust.required(fact.where)
    if not required:
        return _Timed(leaf, fact)
    # Threat F19: of other ledgers, only what they have of this very log and entry.
    logged = [it for other, it in proved.logged if (other, it.where) == (leaf, fact.where)]
    seen = _earliest(it for digest in set(map(_digest, logged)) for it in proved.anchored.get(digest, ()))
    # The name is that of the quorum, where there is one, whatever a ledger may be called.
    if witnessed := [it.time for it in logged if it.quorum and it.time]:
        seen[WITNESSES] = min(witnessed)
    time = required.met_by(seen)
    # ADR 58: missing is open, since evidence can still be supplied.
    if time is None:
        return _Timed(leaf, fact, _lacking(required, seen, proved.ignored))
    clock = REQUIRED_WITNESSES if required.names == {WITNESSES} else LEDGERS
    stated = None if fact.quorum else fact.time
    return _Timed(leaf, replace(fact, time=time, clock=clock, stated=stated))


def _in_force(timed: Sequence[_Timed], keys: Mapping[bytes, IssuerKey], now: datetime) -> list[_Timed]:
    """The facts whose key was in force. Raises the problem of an entry without such a fact."""
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
    # One good checkpoint of an entry is enough: a newer one is from after the key's end, perhaps.
    nowhere = late.keys() - {each.leaf for each in in_force}
    for leaf in sorted(nowhere, key=lambda leaf: late[leaf].undetermined):
        if any(bound.is_fetched for bound in keys[leaf].history):  # by a host that may keep some back
            raise left_open(late[leaf])
        raise late[leaf]
    return in_force


def _digest(fact: Fact) -> bytes:
    return fact.checkpoint.digest if fact.checkpoint else b""


def _earliest(facts: Iterable[Fact]) -> dict[str, datetime]:
    """The earliest time by which each ledger had one of the checkpoints."""
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
    # Threat 12b: the authority does not answer for the key any longer.
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
    if fact.is_required:
        # Threat F19: a thief chooses the place in the log, but not when ledgers saw the key dropped.
        end = min(filter(None, (end, key.gone_by)), default=None)
    # Threat A46: however it is dated, the log saw it only after the key had ended.
    if end is not None and (fact.time is None or end <= fact.time):
        if fact.is_required:
            raise KeyNotInForce.saying(
                "the key ended on {until}, and nothing that is required shows the credential before {date}",
                until=f"{end:%Y-%m-%d}",
                date=f"{fact.time:%Y-%m-%d %H:%M}Z",
            )
        raise KeyNotInForce.saying(
            "the key ended on {until}, before the log saw the credential", until=f"{end:%Y-%m-%d}"
        )
    # Indexes of two logs cannot be compared.
    same_log = [bound for bound in key.history if bound.fact and bound.fact.where == fact.where]
    pinned = [bound for bound in key.history if bound.fact is None]
    # Documents order the entry: those before it in its own log, and pinned ones, say whose key it was.
    earlier = [*pinned, *(bound for bound in same_log if bound.index < index)]
    if not same_log or (key.pinned and not earlier):
        return
    if not earlier:
        raise EARLIER_DOCUMENT_MISSING(
            "no document of the issuer came along from before the log saw the credential"
        )
    # Threat A46: at this place in the log, the issuer's document did not have the key.
    if not key.is_in(earlier[-1]):
        raise KeyNotInForce("the key was not in the issuer's document when the log saw the credential")


def left_aside(facts: Attestations) -> str:
    """Text about evidence that came along and does not count."""
    return f"; left aside: {facts.ignored.detail}" if facts.ignored else ""


_CLOCKS = {
    "own": "time: the issuer's own clock",
    "witness": "time: the clock of independent witnesses",
    LEDGERS: "time: other ledgers, while its key was in force",
    REQUIRED_WITNESSES: "time: independent witnesses, while its key was in force",
}
"""The clock that a time is by, from `Fact.clock`; the last two are those that a trust policy requires."""


def attested(fact: Fact) -> str:
    """A fact as text for people: place, time, and whose clock."""
    if fact.index is None:
        return f"its checkpoint on {on_ledger(fact)}"
    when = f"by {moment(fact.time)} ({_CLOCKS[fact.clock]})" if fact.time else "at a time that nobody states"
    stated = f"; by the log's own clock {moment(fact.stated)}" if fact.stated else ""
    seen = f"; {_seen(fact.quorum, fact.witnesses)}" if fact.quorum else ""
    return f"entry {fact.index} of the log {fact.where}{' ' if fact.time else ', '}{when}{stated}{seen}"


def _seen(quorum: WitnessQuorum, witnesses: int) -> str:
    liars = max(quorum.overlap - 1, 0)
    return f"seen by {witnesses} of {len(quorum.of)} witnesses, of which {liars} may lie"


def on_ledger(fact: Fact) -> str:
    """Another ledger, and by when it had what it has."""
    return f"{fact.where} by {moment(fact.time)}" if fact.time else fact.where


def moment(time: datetime | None) -> str | None:
    """A time, for people."""
    return f"{str(time)[:16]}Z" if time else None
