"""The facts that people are shown of a credential: names, title, degree, results (Open Badges 3.0).

They decide nothing, so that they are read leniently: a member of another form is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from wire import Malformed, Problem
from wire.datetimestamp import Moment, parse_datetime

from ..claims import short_name, text_of

if TYPE_CHECKING:
    from .jsonld import Reading

DEGREE_NAME = "ext:degreeName"
"""The `identifierType` of an achievement's name for the degree, as its issuer words it.

Open Badges 3.0 names an achievement by its `otherIdentifier`s, as it does a person by `identifier`; `ext:`
begins a type that its enumeration lacks.
"""

DISPLAYED = frozenset(
    ("issuer_name", "title", "holder_name", "number", "awarded", "degree", "achievement_type", "results")
)
"""The facts of `Claims` that decide nothing."""

MOST_RESULTS = 50
"""More are not read: a small file could name thousands."""


def displayed(reading: Reading, types: Sequence[str], subject: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that `DISPLAYED` names."""
    achievement = about(reading, subject.get("achievement"))
    return {
        "issuer_name": text_of(about(reading, reading.claims["issuer"]), "name") or None,
        "title": _title(reading, types, achievement),
        "holder_name": _holder_name(reading, subject),
        "number": text_of(subject, "licenseNumber"),
        "awarded": _awarded(text_of(reading.claims, "awardedDate")),
        "degree": _degree(reading, achievement),
        "achievement_type": text_of(achievement, "achievementType"),
        "results": tuple(islice(_results(reading, subject), MOST_RESULTS)),
    }


def about(reading: Reading, value: object) -> Mapping[str, Any]:
    """All that the credential says of an object, or of an id, or of the first of several.

    Empty for what is neither, and where that cannot be told apart.
    """
    try:
        claims = reading.about(value[0] if isinstance(value, list) and value else value)
    except Problem:
        return {}
    return claims if isinstance(claims, dict) else {}


def _title(reading: Reading, types: Sequence[str], achievement: Mapping[str, Any]) -> str:
    """The name of its achievement, its own, or its types."""
    if name := text_of(achievement, "name") or text_of(reading.claims, "name"):
        return name
    return ", ".join([short_name(name) for name in types if name != "VerifiableCredential"] or types)


def _holder_name(reading: Reading, subject: Mapping[str, Any]) -> str:
    """An identifier (Open Badges 3.0), `name`, or given and family name."""
    for identifier in _each(reading, subject.get("identifier")):
        hashed = identifier.get("hashed")  # or a list of one, as any member may be
        hashed = hashed[0] if isinstance(hashed, list) and len(hashed) == 1 else hashed
        # A hash of a name is no name for people.
        if text_of(identifier, "identityType") == "name" and hashed is False:
            return text_of(identifier, "identityHash")
    if name := text_of(subject, "name"):
        return name
    return " ".join(filter(None, (_text_called(subject, part) for part in ("givenName", "familyName"))))


def _degree(reading: Reading, achievement: Mapping[str, Any]) -> str:
    for identifier in _each(reading, achievement.get("otherIdentifier")):
        if text_of(identifier, "identifierType") == DEGREE_NAME:
            return text_of(identifier, "identifier")
    return ""


def _results(reading: Reading, subject: Mapping[str, Any]) -> Iterator[str]:
    """Each value, behind the name of what it is a result of."""
    for result in _each(reading, subject.get("result", [])):
        if value := text_of(result, "value"):
            kind = text_of(about(reading, result.get("resultDescription")), "name")
            yield f"{kind} {value}".strip()


def _awarded(text: str) -> Moment | None:
    """A day, or a moment."""
    if not text:
        return None
    whole = f"{text}T00:00:00Z" if len(text) == 10 else text
    try:
        return parse_datetime(whole, "awardedDate", needs_zone=True)
    except Malformed:
        return None


def _each(reading: Reading, value: object) -> Iterator[Mapping[str, Any]]:
    for item in value if isinstance(value, list) else [value]:
        yield about(reading, item)


def _text_called(value: Mapping[str, Any], name: str) -> str:
    """The member `name`, else the first whose IRI ends with it: every vocabulary has its own givenName."""
    called = (member for member in value if name in member and short_name(member) == name)
    return text_of(value, min(called, key=lambda member: (member != name, member), default=name))
