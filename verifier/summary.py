"""What a person wants to know first about a verified credential: who, what, from whom, when."""

from __future__ import annotations

from typing import NamedTuple

from vc import Claims
from vc.claims import text_of

from .sources.trust import TrustSource


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


def summarize(claims: Claims, trust: TrustSource) -> Summary:
    """The summary of a verified credential; the issuer's name is the trust list's, never its own."""
    known = trust.issuer(claims.issuer)
    return Summary(
        claims.title,
        claims.holder_name,
        (known.name if known else "") or claims.issuer,
        day_of(claims),
        claims.degree,
        claims.achievement_type,
    )


def day_of(claims: Claims) -> str:
    """The day of its award, empty where that is no date; else the first on which it is valid."""
    moment = claims.awarded if text_of(claims.said, "awardedDate") else claims.starts
    return str(moment.day) if moment else ""
