"""The kind that a credential names: the copy that came along, and the rules that it adds.

A kind only adds to the verifier's own rules, and the credential's signed reference to it says that it has
rules. So leaving the kind out of a bundle keeps the verdict open where the kind would not accept it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from kinds import Kind
from kinds.facts import facts_of
from kinds.foreign import carried_digest
from kinds.kind import ASKS
from ledger import InvalidEvidence, OfEntries
from vc import Claims
from vc.anchoring import CarriedKind
from wire.clock import require_not_ahead
from wire.text import shortened
from wire.work import Work

from .policy import CHECK_TOO_OLD, Findings, HolderBound, Policy, StatusWithin
from .problem import CHECK_MISSING, KIND_MISSING
from .sources.evidence import EvidenceCheck
from .sources.trust import TrustSource
from .summary import kind_at_hand

_EAST = timedelta(hours=14)
"""A day begins this much earlier than in UTC, at the most, somewhere on Earth."""


def by_digest(kinds: Sequence[CarriedKind], evidence: EvidenceCheck) -> dict[str, CarriedKind]:
    """The kinds that came along, by the digests that credentials name them by.

    Raises `InvalidEvidence` where evidence is for something else: the kind was changed, or that of another.
    """
    carried: dict[str, CarriedKind] = {}
    for kind in kinds:
        digest = carried_digest(kind, evidence.work)
        of_entries = [item for item in kind.evidence if isinstance(evidence.kinds.get(item.kind), OfEntries)]
        # Threat K1: the kind or its evidence was exchanged, since they came as one part.
        if any(item.digest.hex() != digest for item in of_entries):
            raise InvalidEvidence("the evidence belongs to another kind")
        before = carried.get(digest, CarriedKind(()))
        carried[digest] = kind._replace(evidence=(*before.evidence, *kind.evidence))
    return carried


def carried(claims: Claims, kinds: Mapping[str, CarriedKind], evidence: EvidenceCheck) -> CarriedKind | None:
    """The kind, of those `by_digest`, that a credential names, marked if its issuer's log holds it.

    Raises `InvalidEvidence` where evidence for it does not hold, as for a credential.
    """
    digest = (claims.kind or "").rpartition(":")[2]
    kind = kinds.get(digest)
    if kind is None:
        return None
    return kind._replace(is_shown=evidence.holds_kind(bytes.fromhex(digest), kind.evidence, claims.issuer))


def asked_by_kind(
    claims: Claims, trust: TrustSource, carried: CarriedKind | None, work: Work
) -> tuple[Policy, ...]:
    """The rules of the kind that a credential names, if it ships or the trust list or a log binds it.

    If the kind has rules and is not at hand in such a way, the verdict stays open. Raises `TooLarge`
    where it costs more than is left of `work` to read it.
    """
    # Threat K6: the signed name says that the kind has rules, so leaving it out drops none of them.
    if not any(ASKS in name for name in claims.kinds):
        return ()
    kind = kind_at_hand(claims, trust, carried, work)
    return tuple(_rules(kind)) if kind is not None else (_Missing(),)


def _rules(kind: Kind) -> Iterator[Policy]:
    policy = kind.policy
    if policy.status_age:
        yield StatusWithin(timedelta(days=policy.status_age))
    if policy.holder:
        yield HolderBound()
    if policy.check_age:
        yield CheckedWithin(kind, *policy.check_age)
    if policy.resources:
        from .resources import ResourcesGiven  # only here: few kinds ask for files

        yield ResourcesGiven(kind)


class _Missing:
    """The kind is at hand, so that its rules are known."""

    def check(self, findings: Findings) -> None:
        """Open (`KIND_MISSING`): with the kind, the credential may be accepted or not."""
        name = shortened(min(findings.claims.kinds))
        raise KIND_MISSING(f"what the kind {name} asks for is not known here", kind=name)


class CheckedWithin(NamedTuple):
    """The last check was so many days ago at most, as a date field of the credential says."""

    kind: Kind
    field: str
    days: int

    def check(self, findings: Findings) -> None:
        """Definite (`CHECK_TOO_OLD`): this credential says nothing newer.

        Open (`CHECK_MISSING`) where it has no day, and (`DatedAhead`) where that day is yet to come.
        """
        stated = facts_of(self.kind, findings.claims).get(self.field)
        # Open, not invalid: the holder may have hidden the day.
        if stated is None:
            raise CHECK_MISSING(f"the credential does not say {self.field}", field=self.field)
        day = date.fromisoformat(stated)
        # Threat 56: a day that is yet to come would keep the check fresh until then.
        require_not_ahead(datetime.combine(day, time(), UTC) - _EAST, findings.now, self.field)
        if (findings.now.astimezone(UTC).date() - day).days > self.days:
            raise CHECK_TOO_OLD.saying(
                "{field} is more than {days} days ago", field=self.field, days=self.days
            )
