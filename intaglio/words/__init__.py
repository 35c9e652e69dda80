"""What is said to people, by code and language; below, in the roles and what they rest on, are the facts."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from wire.problem import Facts, Problem

from .language import by_code, language_of, speak, tr, tr_count, tr_in

if TYPE_CHECKING:
    from vc import Check

__all__ = [
    "language_of",
    "remedy",
    "said_by",
    "sentence",
    "speak",
    "title",
    "tr",
    "tr_count",
    "tr_in",
]


def title(problem: Problem) -> str:
    """What kind of problem it is, in a few words."""
    return tr_in("title", problem.title)


def sentence(problem: Problem) -> str:
    """What is wrong. Where the language has no sentence for the code: its kind, and the technical one."""
    if (template := by_code(problem.code)) and _asked(template) <= problem.facts.keys():
        return _with_clauses(template, problem.facts)
    kind = title(problem)
    return (
        problem.detail
        if kind == problem.title
        else tr("{title}: {detail}").format(title=kind, detail=problem.detail)
    )


def remedy(problem: Problem) -> str:
    """What a person can do about it, then about what it comes from; empty where nobody knows."""
    from .remedies import CLAIMED, REMEDIES, SPELLED

    own = tr_in("hint", problem.hint) if problem.hint else ""
    if not own and (template := REMEDIES.get(problem.code)):
        spelled = SPELLED[problem.code](problem.facts) if problem.code in SPELLED else {}
        own = tr_in("remedy", template).format_map({**problem.facts, **spelled})
    further = remedy(problem.because) if problem.because else ""
    claimed = tr_in("remedy", CLAIMED) if problem.facts.get("claimed") else ""
    return " ".join(filter(None, (own, further, claimed)))


def said_by(check: Check) -> str:
    """What a check found."""
    if check.problem is not None:
        return sentence(check.problem)
    template = by_code(check.code) or by_code(check.finding)
    return _with_clauses(template, check.facts) if template else check.text


def _with_clauses(template: str, facts: Facts) -> str:
    from .findings import CLAUSES

    said = _asked(template)
    further = (tr_in("clause", text) for fact, text in CLAUSES.items() if fact in facts and fact not in said)
    return "".join(_filled(text, facts) for text in (template, *further))


def _asked(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def _filled(template: str, facts: Facts) -> str:
    """With its facts; those that are words of ours, such as the reason of a revocation, in the language."""
    return template.format_map(
        {name: tr_in("fact", value) if isinstance(value, str) else value for name, value in facts.items()}
    )
