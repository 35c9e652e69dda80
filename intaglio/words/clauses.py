"""What follows a sentence about a check or a problem, by the facts that there are besides."""

from __future__ import annotations

from collections.abc import Mapping

CLAUSES: Mapping[str, str] = {
    "reason": ": {reason}",
    "newer": "; a newer list could not be had from {newer}",
    "refresh": "; a newer version is available",
    "short_list": "; its status list has only {short_list} entries",
    "status_value": "; the issuer's message about it is {status_value}",
    "status_reference": ", explained at {status_reference}",
    "unbound": "; what is shown is bound to no key: anyone who has the file can show it",
    "uncounted": "; not counted, being of a kind that is not known here: {uncounted}",
    "stated": "; by the log's own clock {stated}",
    "ledgers": "; its checkpoint on {ledgers}",
    "ignored": "; left aside: {ignored}",
    "calls_itself": '; it calls itself "{calls_itself}"',
    "term": ": {term}",
    "at": " (at {at})",
}
"""What follows a sentence where there is this fact, in this order, unless it stands in it."""
