"""What is said to people, by code and language; below, in the roles and what they rest on, are the facts."""

from __future__ import annotations

from wire.problem import Problem

__all__ = ["remedy"]


def remedy(problem: Problem) -> str:
    """What a person can do about it, then about what it comes from; empty where nobody knows."""
    from .remedies import CLAIMED, REMEDIES, SPELLED

    own = problem.hint
    if not own and (template := REMEDIES.get(problem.code)):
        spelled = SPELLED[problem.code](problem.facts) if problem.code in SPELLED else {}
        own = template.format_map({**problem.facts, **spelled})
    further = remedy(problem.because) if problem.because else ""
    claimed = CLAIMED if problem.facts.get("claimed") else ""
    return " ".join(filter(None, (own, further, claimed)))
