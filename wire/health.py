"""What is found when a set-up is looked over: codes and facts, of what is well as of what is not.

A `Problem` ends what somebody asked for. A finding ends nothing: one of many, of which a person or a program
hears all. What to say of one stands above, by its code.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .problem import Facts, Problem, Scalar, Unavailable


class Health(StrEnum):
    """How a finding leaves what was looked at."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found out; `problem` is what kept from finding out more, or what is wrong."""

    code: str
    health: Health
    facts: Facts
    problem: Problem | None = None

    @classmethod
    def passed(cls, code: str, **facts: Scalar) -> Finding:
        """Of what is well."""
        return cls(code, Health.PASSED, facts)

    @classmethod
    def warned(cls, code: str, **facts: Scalar) -> Finding:
        """Of what is worth knowing, and works."""
        return cls(code, Health.WARNED, facts)

    @classmethod
    def failed(cls, code: str, problem: Problem | None = None, **facts: Scalar) -> Finding:
        """Of what is wrong."""
        return cls(code, Health.FAILED, facts, problem)

    @staticmethod
    def unread(error: OSError, path: Path | None = None) -> Finding:
        """Of a file that the system does not read: whether anything is wrong with it is not known."""
        file, reason = str(error.filename or path or ""), error.strerror
        problem = Unavailable.saying("{file} cannot be read: {system}", file=file, system=reason)
        return Finding.failed("file-unreadable", problem, file=file, reason=reason)

    @property
    def is_open(self) -> bool:
        """Whether nothing is known to be wrong, and something could not be looked at."""
        return self.health is Health.FAILED and self.problem is not None and self.problem.undetermined

    @classmethod
    def of(cls, problem: Problem) -> Finding:
        """Of a problem that nothing more is to be said of; it has the problem's code and facts."""
        return cls(problem.code, Health.FAILED, problem.facts, problem)
