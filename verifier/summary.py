"""What a person wants to know first about a verified credential: who, what, from whom, when."""

from __future__ import annotations

from typing import NamedTuple

from vc import Credential
from vc.vcdm.credential import text_of
from wire import Malformed
from wire.datetimestamp import parse_datetimestamp

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


def summarize(credential: Credential, trust: TrustSource) -> Summary:
    """The summary of a verified credential; the issuer's name is the trust list's, never its own."""
    awarded = text_of(credential.claims, "awardedDate") or text_of(credential.claims, "validFrom")
    known = trust.issuer(credential.issuer)
    by = (known.name if known else "") or credential.issuer
    return Summary(
        credential.title,
        credential.subject_name,
        by,
        _day(awarded),
        credential.degree_name,
        credential.achievement_type,
    )


def _day(value: object) -> str:
    """The day that a date names, with a time in its own zone or without; nothing for what is none."""
    text = value if isinstance(value, str) else ""
    try:
        parse_datetimestamp(f"{text}T00:00:00Z" if len(text) == 10 else text, "the date")
    except Malformed:
        return ""
    return text[:10]
