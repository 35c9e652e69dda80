"""Combines the status entries of a valid credential into one finding with remarks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vc.report import StatusTime
from vc.status import StatusEntry
from wire.problem import Scalar
from wire.text import claimed

_PASSED = {
    "revocation": ("not-revoked", "not revoked as of {date}"),
    "suspension": ("not-suspended", "not suspended as of {date}"),
    "refresh": ("current", "no newer version is available as of {date}"),
    "message": ("message", "the issuer's message about it as of {date} is {status_value}"),
}
"""The finding and its text, by purpose."""
_REFRESHED = "refresh", "a newer version is available as of {date}"
_REMARKS = {
    "refresh": "; a newer version is available",
    "short_list": "; its status list has only {short_list} entries",
    "status_value": "; the issuer's message about it is {status_value}",
    "status_reference": ", explained at {status_reference}",
}
"""Remarks beside a finding, by fact."""

PURPOSES = tuple(_PASSED)
"""The purposes that are known here (Bitstring Status List 2.1), the weightiest first."""
DECIDING = ("revocation", "suspension")
"""The purposes whose value can keep a credential from being valid."""

_LONGEST_WORDS = 200
"""Most characters that are shown of an issuer's text about a status."""


class Standing(NamedTuple):
    """The newest list's value for one entry that does not keep its credential from being valid."""

    entry: StatusEntry
    value: int
    entries: int
    """The number of entries in the list."""
    time: StatusTime
    is_short: bool = False
    """True if the list has fewer entries than its kind asks for."""


def described(standings: Sequence[Standing], stale: str) -> tuple[str, str, dict[str, Scalar]]:
    """The finding by the weightiest purpose, its text with the remarks by the others, and its facts.

    `stale` follows the finding in the text. A message is for programmers and not for end users (2.1): the
    text has its value alone, and only the facts have the issuer's words.
    """
    purpose = min((standing.entry.purpose for standing in standings), key=PURPOSES.index)
    is_refreshed = any(standing.value for standing in standings if standing.entry.purpose == "refresh")
    finding, text = _REFRESHED if purpose == "refresh" and is_refreshed else _PASSED[purpose]
    short = [standing.entries for standing in standings if standing.is_short]
    facts: dict[str, Scalar] = {
        "date": f"{str(min(standing.time.as_of for standing in standings))[:16]}Z",
        "refresh": (is_refreshed and finding != "refresh") or None,
        "short_list": min(short) if short else None,
    }
    if messages := [standing for standing in standings if standing.entry.purpose == "message"]:
        texts = [dict(standing.entry.messages).get(standing.value, "") for standing in messages]
        references = dict.fromkeys(url for standing in messages for url in standing.entry.references)
        facts |= {
            "status_value": ", ".join(f"0x{standing.value:x}" for standing in messages),
            "status_message": claimed("; ".join(filter(None, texts)), _LONGEST_WORDS),
            "status_reference": claimed(", ".join(references), _LONGEST_WORDS) if references else "",
        }
    remarks = [
        template.format_map(facts)
        for fact, template in _REMARKS.items()
        if facts.get(fact) and f"{{{fact}}}" not in text
    ]
    return finding, f"{text.format_map(facts)}{stale}{''.join(remarks)}", facts
