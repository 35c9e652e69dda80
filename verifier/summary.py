"""The summary of a verified credential for people: holder, title, issuer and day."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from vc import Claims
from vc.anchoring import CarriedKind
from vc.claims import text_of
from wire import Problem, TooLarge
from wire.work import NAMES_COMPARED, Work

from .sources.trust import NamedTrust, TrustSource, names_another

if TYPE_CHECKING:
    from kinds import Kind

    from .sources.trust_entries import RecognisedIssuer

_BADGES = frozenset({"OpenBadgeCredential", "AchievementCredential"})
"""The types of Open Badges 3.0, which the diploma describes."""


class ByKind(NamedTuple):
    """The kind that a credential names, if its exact bytes are at hand, and how far it is believed."""

    kind: Kind | None = None
    speaks: bool = False
    """True if its sentence is shown; otherwise its labels are anybody's word, and are quoted."""
    is_believed: bool = True
    """True if programs may take its fields for the issuer's: it is sound, and something trusted binds it."""

    def facts(self, claims: Claims) -> dict[str, Any]:
        """The facts of the credential, by the fields of the kind."""
        if self.kind is None:
            return {}
        from kinds.facts import facts_of

        return facts_of(self.kind, claims)


class Summary(NamedTuple):
    """Take it from `report.require()` only. The members are as they stand in the credential."""

    what: str
    whom: str
    by: str
    when: str
    degree: str
    """The degree as the issuer words it; empty where it has only a type."""
    achievement_type: str
    """Of Open Badges 3.0, such as BachelorDegree; empty for other credentials."""
    by_kind: ByKind = ByKind()
    facts: Mapping[str, Any] = MappingProxyType({})
    """Its facts, by the fields of its kind."""

    @property
    def kind(self) -> Kind | None:
        """The kind that it names, where its very bytes are at hand."""
        return self.by_kind.kind


def summarize(claims: Claims, trust: TrustSource, of_kind: ByKind | None = None) -> Summary:
    """The summary of a verified credential; the issuer's name is the trust list's, never its own.

    `of_kind` is from the report's `by_kind`; without it, only kinds that ship or that the trust list has are
    used.
    """
    entry = trust.issuer(claims.issuer)
    of_kind = by_kind(claims, trust) if of_kind is None else of_kind
    if of_kind.kind and not (of_kind.kind.sentence or _BADGES.isdisjoint(claims.types)):
        of_kind = ByKind()  # shown as badges are, its degree in the reader's words
    return Summary(
        claims.title,
        claims.holder_name,
        # Threat 38: anybody can call himself like another; the list's name was looked at.
        (entry.name if entry else "") or claims.issuer,
        day_of(claims),
        claims.degree,
        claims.achievement_type,
        of_kind,
        of_kind.facts(claims),
    )


def fields_of(claims: Claims, trust: TrustSource, of_kind: ByKind | None = None) -> dict[str, Any]:
    """The facts of a verified credential by the fields of the kind that it names; a badge names none.

    A kind that is not believed gives no facts: programs take them for the issuer's word.
    """
    if claims.kind is not None or _BADGES.isdisjoint(claims.types):
        of_kind = by_kind(claims, trust) if of_kind is None else of_kind
        return of_kind.facts(claims) if of_kind.is_believed else {}
    from kinds import shipped
    from kinds.facts import facts_of

    return facts_of(shipped(), claims)


def by_kind(
    claims: Claims, trust: TrustSource, carried: CarriedKind | None = None, work: Work | None = None
) -> ByKind:
    """The kind that a credential names, and how far its words are believed, within `work`.

    Its words are believed if it ships with the program or the issuer's entry on the trust list has it. They
    are also believed if it was `carried` along and the issuer's log is shown to hold it. One that does not
    ship has to pass `kinds.check`, too, and must not speak in anybody else's name. Otherwise its labels are
    quoted.
    """
    if claims.kind is None:  # most: a start is not to wait for kinds
        return ByKind()
    from kinds.facts import named_kind

    if kind := named_kind(claims):
        return ByKind(kind, speaks=True)
    from kinds.check import is_sound  # what ships needs no proof: a start is not to wait for it

    work = work or Work()
    try:
        kind = kind_at_hand(claims, trust, carried, work)
        is_believed = kind is not None
        if kind is None and carried is not None:
            kind = named_kind(claims, [carried], work)
    except TooLarge:  # the verdict needs no words
        return ByKind()
    if kind is None:
        return ByKind()
    # Threat K4: anybody's kind could have one fact read as another, so programs get none.
    if not (is_believed and is_sound(kind, work)):
        return ByKind(kind, is_believed=False)
    try:
        # A kind may have thousands of languages, and a list thousands of names.
        names = len(trust.looks) if isinstance(trust, NamedTrust) else 0
        work.spend(len(kind.sentence) * names // NAMES_COMPARED)
    except TooLarge:
        return ByKind(kind)
    entry = listed_issuer(claims, trust)
    issuer = entry.id if entry else claims.issuer
    # Threat K3: constant text could borrow the name of another issuer on the list.
    borrows = any(names_another(parts, issuer, trust) for parts in kind.sentence.values())
    return ByKind(kind, speaks=not borrows)


def kind_at_hand(
    claims: Claims, trust: TrustSource, carried: CarriedKind | None = None, work: Work | None = None
) -> Kind | None:
    """The kind that a credential names, where it ships or something trusted binds it to the issuer.

    Raises `TooLarge` if reading it costs more than is left of `work`.
    """
    if claims.kind is None:
        return None
    from kinds.facts import named_kind

    entry = listed_issuer(claims, trust)
    listed = [CarriedKind(each.files) for each in entry.kinds] if entry else []
    # Threat K1: a kind in a bundle is the sender's word until the issuer's log is shown to hold it.
    shown = [carried] if carried is not None and carried.is_shown else []
    return named_kind(claims, [*listed, *shown], work)


def listed_issuer(claims: Claims, trust: TrustSource) -> RecognisedIssuer | None:
    """Return the trust list's entry for a credential's issuer; `None` also where it cannot be asked now."""
    try:
        return trust.issuer(claims.issuer)
    except Problem:  # of a registry
        return None


def day_of(claims: Claims) -> str:
    """The day of its award, empty where that is no date; else the first on which it is valid."""
    moment = claims.awarded if text_of(claims.said, "awardedDate") else claims.starts
    return str(moment.day) if moment else ""
