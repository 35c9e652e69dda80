"""What a person wants to know first about a verified credential: who, what, from whom, when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from vc import Claims
from vc.claims import text_of
from wire import Problem

from .sources.trust import TrustSource, names_another

if TYPE_CHECKING:
    from kinds import Kind

_BADGES = frozenset({"OpenBadgeCredential", "AchievementCredential"})
"""The types of Open Badges 3.0, which the diploma describes."""


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
    kind: Kind | None = None
    """The kind that it names, where the very bytes of that are believed."""
    facts: Mapping[str, Any] = MappingProxyType({})
    """Its facts, by the fields of that kind."""


def summarize(claims: Claims, trust: TrustSource) -> Summary:
    """The summary of a verified credential; the issuer's name is the trust list's, never its own."""
    known = trust.issuer(claims.issuer)
    kind, facts = by_kind(claims, trust)
    return Summary(
        claims.title,
        claims.holder_name,
        (known.name if known else "") or claims.issuer,
        day_of(claims),
        claims.degree,
        claims.achievement_type,
        kind,
        facts,
    )


def fields_of(claims: Claims, trust: TrustSource) -> dict[str, Any]:
    """The facts of a verified credential by the fields of the kind that it names; a badge names none."""
    kind = kind_at_hand(claims, trust)
    if kind is None and (claims.kind is not None or _BADGES.isdisjoint(claims.types)):
        return {}
    from kinds import shipped
    from kinds.facts import facts_of

    return facts_of(kind or shipped(), claims)


def by_kind(claims: Claims, trust: TrustSource) -> tuple[Kind | None, Mapping[str, Any]]:
    """The kind that a credential names, where its very bytes are believed, and what it says of the fields.

    Believed are those that come with the program, and those in the issuer's entry on the trust list. A badge
    whose kind has no sentence has none here: it is shown as badges are, its degree in the reader's words.
    """
    kind = kind_at_hand(claims, trust)
    if kind is None or not (kind.sentence or _BADGES.isdisjoint(claims.types)):
        return None, {}
    from kinds.facts import facts_of, named_kind

    is_shipped = named_kind(claims) is not None
    if not is_shipped and any(names_another(parts, claims.issuer, trust) for parts in kind.sentence.values()):
        kind = replace(kind, sentence={})
    return kind, facts_of(kind, claims)


def kind_at_hand(claims: Claims, trust: TrustSource) -> Kind | None:
    """The kind that a credential names, where its very bytes are believed; see `by_kind`."""
    if claims.kind is None:  # most: a start is not to wait for kinds
        return None
    from kinds.facts import named_kind

    if kind := named_kind(claims):
        return kind
    try:
        entry = trust.issuer(claims.issuer)
    except Problem:  # a registry that cannot be asked now: the verdict is there, and needs no words
        return None
    return named_kind(claims, (files.files for files in entry.kinds)) if entry else None


def day_of(claims: Claims) -> str:
    """The day of its award, empty where that is no date; else the first on which it is valid."""
    moment = claims.awarded if text_of(claims.said, "awardedDate") else claims.starts
    return str(moment.day) if moment else ""
