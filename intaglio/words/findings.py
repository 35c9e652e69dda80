"""What checks find that is no problem, as sentences by code; facts stand in braces."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

FINDINGS: Mapping[str, str] = MappingProxyType(
    {
        "readable-well-formed": "well-formed",
        "holder-shown": "shown by {holder}, for this challenge and domain",
        "holder-shown-anywhere": "shown by {holder}, for this challenge; its domain was not compared",
        "holder-anyone": "not checked: anyone can hold a file",
        "holder-unasked": "not checked: nobody here asked for this presentation",
        "issuer-key-itself": "{issuer}: the key is the identifier itself",
        "issuer-key-pinned": "{issuer}: the key is pinned in the trust list",
        "issuer-key-published": "{issuer}: the key is in the document that {issuer} publishes",
        "issuer-document-pinned": "{issuer}: the key is in a document that is pinned in the trust list",
        "issuer-document-in-log": "{issuer}: the key is in a document that the trusted log {log} holds",
        "signature-unchanged": "unchanged since the issuer signed it",
        "dates-in-force": "since {since}, until {until}",
        "dates-in-force-from": "since {since}, without an end",
        "dates-in-force-until": "no first day, until {until}",
        "dates-in-force-always": "no first day, without an end",
        "status-irrevocable": "the credential has no status: it cannot be revoked",
        "status-not-revoked": "not revoked as of {date}",
        "schema-fits": "has the form of {schemas}",
        "schema-none-known": "the credential names no schema that is known here",
        "evidence-in-log": "entry {index} of the log {log} by {time} (time: the issuer's own clock)",
        "evidence-in-log-witnessed": (
            "entry {index} of the log {log} by {time} (time: the clock of independent witnesses)"
        ),
        "evidence-in-log-undated": "entry {index} of the log {log}, at a time that nobody states",
        "evidence-in-no-log": "in no log",
        "trust-accepted": "accepted by the policy",
        "not-reached": "not checked: step {stopped} did not pass",
        "not-asked": "not checked: only a DID was to be proved",
    }
)
"""By a check's code; the last two by the finding alone, which any step may have."""

CLAUSES: Mapping[str, str] = MappingProxyType(
    {
        "reason": ": {reason}",
        "newer": "; a newer list could not be had from {newer}",
        "unbound": "; what is shown is bound to no key: anyone who has the file can show it",
        "uncounted": "; not counted, being of a kind that is not known here: {uncounted}",
        "ignored": "; left aside: {ignored}",
        "calls_itself": '; it calls itself "{calls_itself}"',
    }
)
"""What follows a sentence where there is this fact, in this order, unless it stands in it."""
