"""One sentence about a verified credential: who, what, from whom, when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vc import Credential

from .trust import Trust


@dataclass(frozen=True, slots=True)
class Summary:
    """What a person wants to know first. Take it from `report.require()` only."""

    what: str
    whom: str
    by: str
    when: str

    def __str__(self) -> str:
        whom = f" awarded to {self.whom}" if self.whom else ""
        when = f" on {self.when}" if self.when else ""
        return f"{self.what}{whom} by {self.by}{when}"


def summarize(credential: Credential, trust: Trust) -> Summary:
    """The summary of a verified credential; the issuer's name is the trust list's, never its own."""
    subject = credential.subjects[0]
    achievement = subject.get("achievement")
    what = (_text(achievement, "name") if isinstance(achievement, dict) else "") or _text(
        credential.document, "name"
    )
    awarded = credential.document.get("awardedDate") or credential.document.get("validFrom")
    known = trust.issuer(credential.issuer)
    return Summary(
        what
        or ", ".join(name for name in credential.types if name != "VerifiableCredential")
        or "Credential",
        _name(subject),
        (known.name if known else "") or credential.issuer,
        awarded[:10] if isinstance(awarded, str) else "",
    )


def _name(subject: Mapping[str, Any]) -> str:
    """The person's name: Open Badges 3.0 keeps it among the identifiers, other credentials as `name`."""
    identifiers = subject.get("identifier", [])
    for identifier in identifiers if isinstance(identifiers, list) else [identifiers]:
        if (
            isinstance(identifier, dict)
            and identifier.get("identityType") == "name"
            and identifier.get("hashed") is False
        ):
            return _text(identifier, "identityHash")
    return _text(subject, "name")


def _text(value: Mapping[str, Any], name: str) -> str:
    """A text, or the first of several in different languages."""
    found = value.get(name)
    found = found[0] if isinstance(found, list) and found else found
    found = found.get("@value") if isinstance(found, dict) else found
    return found if isinstance(found, str) else ""
