"""Credentials in words for the holder's terminal; what strangers wrote passes through `printable`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from holder.wallet import Held
from vc.integrity import Proof, proof_values
from vc.model.credential import Credential, text_of
from vc.report import Report, Verdict
from wire.text import printable


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


def found(report: Report) -> str:
    """What a check says now, in the words of `verify`: the verdict and, unless it is valid, the reason."""
    deciding = report.deciding
    if report:
        status = report.statuses[0] if report.statuses else None
        return f"VALID as of {status.as_of:%Y-%m-%d}" if status and status.stated else "VALID"
    words = "NOT VALID" if report.verdict is Verdict.INVALID else "COULD NOT BE DECIDED"
    return f"{words}: {printable(deciding.text)[:400]}" if deciding else words


def checked(held: Held) -> str:
    """What is known of its validity: the finding when it was added, nothing newer."""
    finding = "valid" if held.verdict is Verdict.VALID else "could not be decided"
    return f"{finding} when added on {held.added:%Y-%m-%d}"


def name(held: Held) -> str:
    """A credential in a few words: its id here, its number, what, whose, from whom."""
    whose, number = printable(held.credential.subject_name), printable(held.number)
    numbered = f"{number}  " if number else ""
    return f"{held.id}  {numbered}{title(held)}{whose and f' of {whose}'}, {issuer(held)}"


def line(held: Held) -> str:
    """A credential in one line, with how it was checked."""
    return f"{name(held)}; {checked(held)}"


def outdated(found: Iterable[Held]) -> set[str]:
    """The ids of those of which a later edition is held: one issuer, one number, signed later."""
    editions: dict[tuple[str, str], list[tuple[datetime, str]]] = {}
    for held in found:
        credential = held.credential
        if held.number and held.verdict is Verdict.VALID:  # what anybody may have made says nothing of others
            proofs = map(Proof.parse, proof_values(credential.document))
            own = (one for one in proofs if one.verification_method.startswith(f"{credential.issuer}#"))
            signed = max((proof.created for proof in own if proof.created), default=held.added)
            editions.setdefault((credential.issuer, held.number), []).append((signed, held.id))
    return {name for group in editions.values() for signed, name in group if signed < max(group)[0]}


def binding(held: Held) -> str:
    """Who may show it."""
    return ", ".join(map(printable, sorted(held.bound_to))) or "no key: anyone who has the file can show it"


def card(held: Held) -> str:
    """A credential as lines: what, whose, how well, from whom, when, how it was checked, its id here."""
    credential = held.credential
    facts = {
        "awarded to": printable(credential.subject_name),
        "awarded on": printable(text_of(credential.claims, "awardedDate")[:10]),
        "result": "; ".join(map(printable, results(credential))),
        "credits": printable(str(credential.subjects[0].get("creditsEarned", ""))),
        "number": printable(held.number),
        "from": issuer(held),
        "its DID": printable(credential.issuer),
        "valid from": credential.valid_from and f"{credential.valid_from:%Y-%m-%d}",
        "valid until": credential.valid_until and f"{credential.valid_until:%Y-%m-%d}",
        "bound to": binding(held),
        "checked": checked(held),
        "id here": held.id,
    }
    return "\n".join([title(held), *(f"  {name:<12}{fact}" for name, fact in facts.items() if fact)])


def results(credential: Credential) -> Iterator[str]:
    """The results that Open Badges 3.0 has of the first subject, each with what it is a result of."""
    found = credential.subjects[0].get("result", [])
    for result in map(credential.about, found if isinstance(found, list) else [found]):
        if value := text_of(result, "value"):
            kind = text_of(credential.about(result.get("resultDescription")), "name")
            yield f"{kind} {value}".strip()


def checks(report: Report) -> list[str]:
    """One line for each check."""
    return [
        f"{check.step} {check.name:<10} {check.outcome.mark} {printable(check.text)}"
        for check in report.checks
    ]
