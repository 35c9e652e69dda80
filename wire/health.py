"""The findings of a check-up of a set-up: codes and facts, for good and bad results.

A `Problem` ends the operation that raised it. A finding ends nothing: it is one of many, and all are
reported. The layers above choose the words for it, by its code.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .problem import Facts, Problem, Scalar, Unavailable


class Health(StrEnum):
    """The outcome of one check."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `problem` is the fault that it found, or why it could not finish."""

    code: str
    health: Health
    facts: Facts
    problem: Problem | None = None

    @classmethod
    def passed(cls, code: str, **facts: Scalar) -> Finding:
        """A finding that all is well."""
        return cls(code, Health.PASSED, facts)

    @classmethod
    def warned(cls, code: str, problem: Problem | None = None, **facts: Scalar) -> Finding:
        """A finding worth knowing of something that works."""
        return cls(code, Health.WARNED, facts, problem)

    @classmethod
    def failed(cls, code: str, problem: Problem | None = None, **facts: Scalar) -> Finding:
        """A finding that something is wrong."""
        return cls(code, Health.FAILED, facts, problem)

    @staticmethod
    def unread(error: OSError, path: Path | None = None) -> Finding:
        """A finding of a file that the system could not read, so that its content is unknown."""
        file, reason = str(error.filename or path or ""), error.strerror
        problem = Unavailable.saying("{file} cannot be read: {system}", file=file, system=reason)
        return Finding.failed("file-unreadable", problem, file=file, reason=reason)

    @property
    def is_open(self) -> bool:
        """True if the check could not be finished, so that no fault is known."""
        return self.health is Health.FAILED and self.problem is not None and self.problem.undetermined

    @classmethod
    def of(cls, problem: Problem) -> Finding:
        """The finding of a problem, with the problem's own code and facts."""
        return cls(problem.code, Health.FAILED, problem.facts, problem)
