"""One sentence about a verified credential: who, what, from whom, when."""

from __future__ import annotations

from dataclasses import dataclass

from vc import Credential
from vc.credential import text_of

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
    what = text_of(credential.about(subject.get("achievement")), "name") or text_of(credential.claims, "name")
    awarded = credential.claims.get("awardedDate") or credential.claims.get("validFrom")
    known = trust.issuer(credential.issuer)
    return Summary(
        what
        or ", ".join(name for name in credential.types if name != "VerifiableCredential")
        or "Credential",
        credential.subject_name,
        (known.name if known else "") or credential.issuer,
        awarded[:10] if isinstance(awarded, str) else "",
    )
