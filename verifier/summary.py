"""One sentence about a verified credential: who, what, from whom, when."""

from __future__ import annotations

from dataclasses import dataclass

from vc import Credential
from vc.model.credential import text_of
from wire import Malformed
from wire.datetimestamp import parse_datetimestamp
from wire.text import claimed, isolated

from .sources.trust_index import TrustList


@dataclass(frozen=True, slots=True)
class Summary:
    """What a person wants to know first. Take it from `report.require()` only.

    The members are as they stand in the credential; the sentence is safe to show.
    """

    what: str
    whom: str
    by: str
    when: str

    def __str__(self) -> str:
        """The issuer first; then, in quotation marks, what the credential claims, which has none in it."""
        by, what, whom = (isolated(claimed(words)) for words in (self.by, self.what, self.whom))
        to = f', to "{whom}"' if whom else ""
        when = f", {self.when}" if self.when else ""
        return f'by {by}: "{what}"{to}{when}'


def summarize(credential: Credential, trust: TrustList) -> Summary:
    """The summary of a verified credential; the issuer's name is the trust list's, never its own."""
    subject = credential.subjects[0]
    what = text_of(credential.about(subject.get("achievement")), "name") or text_of(credential.claims, "name")
    awarded = text_of(credential.claims, "awardedDate") or text_of(credential.claims, "validFrom")
    known = trust.issuer(credential.issuer)
    return Summary(
        what
        or ", ".join(name for name in credential.types if name != "VerifiableCredential")
        or "Credential",
        credential.subject_name,
        (known.name if known else "") or credential.issuer,
        _day(awarded),
    )


def _day(value: object) -> str:
    """The day that a date names, with a time in its own zone or without; nothing for what is none."""
    text = value if isinstance(value, str) else ""
    try:
        parse_datetimestamp(f"{text}T00:00:00Z" if len(text) == 10 else text, "the date")
    except Malformed:
        return ""
    return text[:10]
