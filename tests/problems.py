"""The problem that a test expects: a class of `Problem`, or a code of one."""

from __future__ import annotations

import pytest

from wire.problem import Code, Problem, Raisable

Kinds = Raisable[Problem] | tuple[Raisable[Problem], ...]


def is_a(problem: BaseException | None, kinds: Kinds) -> bool:
    """True if the problem is of one of the classes, or has one of the codes."""
    return any(
        isinstance(problem, Problem) and problem.code == kind.code
        if isinstance(kind, Code)
        else isinstance(problem, kind)
        for kind in (kinds if isinstance(kinds, tuple) else (kinds,))
    )


def raises(kinds: Kinds, match: str | None = None) -> pytest.RaisesExc[Problem]:
    """As `pytest.raises`, for codes, too."""

    def check(problem: Problem) -> bool:
        assert is_a(problem, kinds), f"{problem.code}: {problem}"
        return True

    return pytest.raises(Problem, match=match, check=check)
