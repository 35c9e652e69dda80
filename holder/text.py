"""Credentials in words for the holder's terminal; what strangers wrote passes through `printable`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from vc.report import Report, Verdict
from wire.text import printable

from .wallet import Held


def title(held: Held) -> str:
    """What a credential is called: its name, the achievement's, else its most specific type."""
    credential = held.credential
    achievements = (subject.get("achievement") for subject in credential.subjects)
    names = [item.get("name") for item in achievements if isinstance(item, dict)]
    for name in (credential.document.get("name"), *names):
        if text := _one_text(name):
            return printable(text)
    return printable(credential.types[-1])


def issuer(held: Held) -> str:
    """Who issued it, as the credential has it."""
    return printable(held.credential.issuer_name or held.credential.issuer)


def checked(held: Held) -> str:
    """What is known of its validity: the finding when it was added, nothing newer."""
    finding = "valid" if held.verdict is Verdict.VALID else "could not be decided"
    return f"{finding} when added on {held.added:%Y-%m-%d}"


def binding(held: Held) -> str:
    """Who may show it."""
    return ", ".join(map(printable, sorted(held.bound_to))) or "no key: anyone who has the file can show it"


def card(held: Held) -> str:
    """A credential as lines: what, from whom, when, whose, then each claim."""
    credential = held.credential
    facts = {
        "from": f"{issuer(held)} ({printable(credential.issuer)})",
        "valid from": credential.valid_from and f"{credential.valid_from:%Y-%m-%d}",
        "valid until": credential.valid_until and f"{credential.valid_until:%Y-%m-%d}",
        "bound to": binding(held),
        "checked": checked(held),
        "id here": held.id,
    }
    lines = [title(held), *(f"  {name:<12}{fact}" for name, fact in facts.items() if fact)]
    for subject in credential.subjects:
        lines += ["", *_claims(subject, "  ")]
    return "\n".join(lines)


def findings(report: Report) -> list[str]:
    """One line for each check."""
    return [
        f"{check.step} {check.name:<10} {check.outcome.value:<13}{printable(check.text)}"
        for check in report.checks
    ]


def _claims(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    """Each member on a line of its own, those of objects indented below; lists of values on one line."""
    for name, member in value.items():
        items = member if isinstance(member, list) else [member]
        plain = [item if isinstance(item, str) else json.dumps(item) for item in items if _is_plain(item)]
        if plain:
            yield f"{indent}{printable(name)}: {', '.join(map(printable, plain))}"
        for item in items:
            if isinstance(item, dict):
                yield f"{indent}{printable(name)}:"
                yield from _claims(item, indent + "  ")
            elif isinstance(item, list):
                yield from _claims({name: item}, indent + "  ")


def _is_plain(item: Any) -> bool:
    return not isinstance(item, dict | list)


def _one_text(value: Any) -> str:
    """A text, or the first of a language value (VCDM 2.0, 11.1)."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("@value")
    return value if isinstance(value, str) else ""
