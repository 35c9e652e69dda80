"""Revocation details: the date and coded reason of each revocation, since a list itself has only bits.

They are signed as the list is, and lie beside it in pages.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from wire import Malformed
from wire.datetimestamp import parse_datetimestamp

from ..claims import Claims
from .bits import INVALID_STATUS_LIST
from .entry import StatusEntry

PAGE_ENTRIES = 512
"""Positions of a list whose revocation details stand on one page."""


class Reason(StrEnum):
    """The reason for a revocation; a code, since words about a person do not belong in a public list."""

    UNSPECIFIED = "unspecified"
    ISSUED_IN_ERROR = "issued-in-error"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    FRAUD = "fraud"
    KEY_COMPROMISE = "key-compromise"


class Revocation(NamedTuple):
    """One line of the revocation details."""

    position: int
    date: datetime
    reason: str


def page_of(index: int) -> int:
    """The page that has the details of a position."""
    return index // PAGE_ENTRIES


def details_url(list_url: str, page: int | None = None) -> str:
    """The address of a page of a list's revocation details, or of all of them: f31e11f made no pages."""
    return f"{list_url}-details" if page is None else f"{list_url}-details-{page}"


def details_urls(entry: StatusEntry) -> tuple[str, str]:
    """The addresses that may have the details of an entry: its page, and the one beside the whole list."""
    return details_url(entry.list_url, page_of(entry.index)), details_url(entry.list_url)


def read_revocation(entry: StatusEntry, claims: Claims) -> Revocation | None:
    """The line of verified revocation details about the entry's position; `None` without one.

    Raises `INVALID_STATUS_LIST` where the details belong to another list, `Malformed` where they have no
    form.
    """
    # Threat 57: the same issuer signs the details of its other lists, and other documents.
    if "RevocationDetails" not in claims.types or claims.subjects[0].get("id") != entry.list_url:
        raise INVALID_STATUS_LIST("the revocation details belong to another status list")
    lines = claims.subjects[0].get("revocations")
    if not isinstance(lines, list):
        raise Malformed("the revocation details have no list of revocations")
    for line in lines:
        match line:
            # The other positions are those of other people.
            case [int(position), date, str(reason)] if position == entry.index:
                return Revocation(position, parse_datetimestamp(date, "revocations"), reason)
    return None
