"""The claims of a credential, whatever form secures it. Every value is JSON.

A form makes `Claims` from all facts that decide, each by its keyword. A fact that it left out, such as a
revocation, would be taken for one that the credential does not have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Self
from urllib.parse import unquote

from wire import Problem, base64url_encode
from wire.datetimestamp import Moment, format_datetimestamp
from wire.jcs import LARGEST_INTEGER

from .problem import MalformedCredential, UnsupportedForm

ANCHORED_IN_LOG = "urn:intaglio:vocab:AnchoredInLog"
"""The type of a term of use whose `id` names a log in which the credential is."""
LOG = "urn:intaglio:log:"
KIND = "urn:intaglio:vocab:Kind"
"""The type of a term of use whose `id` is the URN of the kind that the credential was made by."""
JSON_SCHEMA = "JsonSchema"
"""The type of an entry of `credentialSchema` that names a JSON Schema (VC JSON Schema, 2.1)."""
STATUS_STATEMENT = "urn:intaglio:vocab:StatusStatement"
"""The type of a term of use whose `id` is a position in a status list that no address leads to."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Claims:
    """A credential's claims, read from the form that secured them; nothing is true before that verified."""

    said: Mapping[str, Any]
    """All that it says, under the names that its form gives them; do not change it."""
    id: str | None
    types: tuple[str, ...]
    issuer: str
    """The issuer's URL, in most cases a DID."""
    issuer_name: str | None
    """The issuer's name for itself; its word only."""
    subjects: tuple[Mapping[str, Any], ...]
    """About whom or what it is: one at least."""
    starts: Moment | None
    """Its first moment, which without a time zone is known to 14 hours only."""
    ends: Moment | None
    entries: tuple[Mapping[str, Any], ...]
    """Its status entries, as Bitstring Status List 2.1 words them."""
    terms: tuple[Mapping[str, Any], ...]
    """Its terms of use, each with a `type`."""
    schemas: tuple[Mapping[str, Any], ...]
    """The schemas that it names, each with `id` and `type`."""
    title: str
    """Its name, as people are shown it."""
    holder_name: str
    """The name of the first subject; empty where it has none, as what follows."""
    number: str
    """Its issuer's number for it."""
    awarded: Moment | None
    """The day or moment of its award."""
    degree: str = ""
    """The degree as its issuer words it."""
    achievement_type: str = ""
    """The `achievementType` of Open Badges 3.0, such as BachelorDegree."""
    results: tuple[str, ...] = ()
    """The results of the first subject, each as one text."""
    vct: str = ""
    """The type of an SD-JWT VC, a text that no context explains; empty in other forms."""
    unread: Problem | None = None
    """The reason why its meaning cannot be read; `said` is then worth nothing."""
    kinds: frozenset[str] = field(init=False, default=frozenset())
    """The URNs of the kinds that it says it was made by: one, as a rule."""

    def __post_init__(self) -> None:
        """Raises `MalformedCredential` for one that says more than once where its status stands.

        Raises `UnsupportedForm` as `json_of`.
        """
        object.__setattr__(self, "said", json_of(self.said))
        object.__setattr__(self, "subjects", tuple(map(json_of, self.subjects)))
        self._read_terms()

    def _read_terms(self) -> None:
        kinds = frozenset(str(terms.get("id")) for terms in self.terms if has_type(terms, KIND))
        object.__setattr__(self, "kinds", kinds)
        statements = [terms for terms in self.terms if has_type(terms, STATUS_STATEMENT)]
        if not statements:
            return
        # ADR 26: a statement stands in the place of an entry. Of two places, one could be another edition's
        # (F13).
        if self.entries or len(statements) > 1:
            raise MalformedCredential("the credential says more than once where its status stands")
        # Threat F13: without a position nobody could find out that it was revoked.
        if not _position(statements[0])[1].isdigit():
            raise MalformedCredential("the status statement names no position in a list")

    def reworded(self, chosen: Callable[[dict[str, Any]], dict[str, Any]]) -> Self:
        """A copy in which `chosen` has picked one language of each text that is there in several."""
        subjects = tuple(chosen(dict(subject)) for subject in self.subjects)
        return replace(self, said=chosen(dict(self.said)), subjects=subjects)

    @property
    def status(self) -> tuple[Mapping[str, Any], ...]:
        """The places of its status: its entries, or its status statement, written as an entry."""
        for terms in self.terms:
            # ADR 26: the statement stands where a status entry would.
            if has_type(terms, STATUS_STATEMENT):
                list_url, position = _position(terms)
                entry = {
                    "type": "BitstringStatusListEntry",
                    "statusPurpose": "revocation",
                    "statusListIndex": position,
                    "statusListCredential": list_url,
                }
                return (entry,)
        return self.entries

    @property
    def origins(self) -> frozenset[str]:
        """The logs that it says it is in."""
        return frozenset(
            unquote(str(terms.get("id")).removeprefix(LOG))
            for terms in self.terms
            if has_type(terms, ANCHORED_IN_LOG)
        )

    @property
    def kind(self) -> str | None:
        """The URN of the kind that it says it was made by, however often; of two, neither."""
        # Threat K2: of two kinds that are named at once, neither has the words for this credential.
        return next(iter(self.kinds)) if len(self.kinds) == 1 else None

    @property
    def valid_from(self) -> datetime | None:
        """Its first moment, in UTC; see `starts`."""
        return self.starts and self.starts.utc

    @property
    def valid_until(self) -> datetime | None:
        """Its last moment, in UTC; see `ends`."""
        return self.ends and self.ends.utc


def json_of(value: object) -> Any:
    """A value of a form that is not JSON, as JSON: bytes in base64url, dates and times as text.

    Raises the open `UnsupportedForm` for an integer that not every program reads as the same number.
    """
    match value:
        case str() | None | float():  # most are
            return value
        case int():
            if abs(value) > LARGEST_INTEGER:  # RFC 7493, 2.2; beyond 64 bits no report could hold it
                raise UnsupportedForm("an integer is beyond 2^53-1, which programs read as different numbers")
            return value
        case list() | tuple():
            return list(map(json_of, value))
        case dict() | Mapping():  # a `dict` is told quickly
            return {str(name): item if type(item) is str else json_of(item) for name, item in value.items()}
        case bytes():
            return base64url_encode(value)
        case datetime():
            return format_datetimestamp(value)
        case date():
            return value.isoformat()
    return value


def has_type(item: Mapping[str, Any], name: str) -> bool:
    """True if `name` is one of the types of an object that has a `type`."""
    types = item["type"]
    return name in (types if isinstance(types, list) else [types])


def text_of(value: Mapping[str, Any], name: str) -> str:
    """The member `name`: a text, or the first of several in different languages (VCDM 2.0, 11.1)."""
    text = value.get(name)
    text = text[0] if isinstance(text, list) and text else text
    text = text.get("@value") if isinstance(text, dict) else text
    return text if isinstance(text, str) else ""


def short_name(iri: str) -> str:
    """The last part of an IRI, as people know a type or a property; a name that is no IRI stays."""
    return re.split("[#/:]", iri.rstrip("#/:"))[-1] or iri


def _position(statement: Mapping[str, Any]) -> tuple[str, str]:
    """List and position of a status statement; the latter empty where it is no number."""
    list_url, _, position = str(statement.get("id")).partition("#")
    # `str.isdigit` alone takes the digits of other scripts as well.
    return list_url, position if position.isascii() else ""
