"""Credentials in words for the holder's terminal; what strangers wrote passes through `printable`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from vc.credential import text_of
from vc.integrity import Proof, proof_values
from vc.report import Report, Verdict
from wire.text import printable

from .wallet import Held


def title(held: Held) -> str:
    """What a credential is called: its name, the achievement's, else its most specific type."""
    credential = held.credential
    achievements = (credential.about(subject.get("achievement")) for subject in credential.subjects)
    for named in (credential.claims, *achievements):
        if text := text_of(named, "name"):
            return printable(text)
    return printable(credential.types[-1])


def issuer(held: Held) -> str:
    """Who issued it, as the credential has it."""
    return printable(held.credential.issuer_name or held.credential.issuer)


def checked(held: Held) -> str:
    """What is known of its validity: the finding when it was added, nothing newer."""
    finding = "valid" if held.verdict is Verdict.VALID else "could not be decided"
    return f"{finding} when added on {held.added:%Y-%m-%d}"


def line(held: Held) -> str:
    """A credential in one line: its id here, what, whose, from whom, how it was checked."""
    whose = printable(held.credential.subject_name)
    return f"{held.id}  {title(held)}{whose and f' of {whose}'}, {issuer(held)}; {checked(held)}"


def outdated(found: Iterable[Held]) -> set[str]:
    """The ids of those of which a later edition is held: one issuer, one number, signed later."""
    editions: dict[tuple[str, str], list[tuple[datetime, str]]] = {}
    for held in found:
        credential = held.credential
        number = text_of(credential.subjects[0], "licenseNumber")
        if number and held.verdict is Verdict.VALID:  # what anybody may have made says nothing of others
            proofs = map(Proof.parse, proof_values(credential.document))
            own = (one for one in proofs if one.verification_method.startswith(f"{credential.issuer}#"))
            signed = max((proof.created for proof in own if proof.created), default=held.added)
            editions.setdefault((credential.issuer, number), []).append((signed, held.id))
    return {name for group in editions.values() for signed, name in group if signed < max(group)[0]}


def binding(held: Held) -> str:
    """Who may show it."""
    return ", ".join(map(printable, sorted(held.bound_to))) or "no key: anyone who has the file can show it"


def card(held: Held) -> str:
    """A credential as lines: what, whose, from whom, when, how it was checked, its id here."""
    credential = held.credential
    facts = {
        "awarded to": printable(credential.subject_name),
        "from": issuer(held),
        "its DID": printable(credential.issuer),
        "valid from": credential.valid_from and f"{credential.valid_from:%Y-%m-%d}",
        "valid until": credential.valid_until and f"{credential.valid_until:%Y-%m-%d}",
        "bound to": binding(held),
        "checked": checked(held),
        "id here": held.id,
    }
    return "\n".join([title(held), *(f"  {name:<12}{fact}" for name, fact in facts.items() if fact)])


def findings(report: Report) -> list[str]:
    """One line for each check."""
    return [
        f"{check.step} {check.name:<10} {check.outcome.mark} {printable(check.text)}"
        for check in report.checks
    ]
