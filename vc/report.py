"""What a verification found: named checks, one verdict, and claims only behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from wire import Problem

from .credential import Credential


class Outcome(StrEnum):
    """How one check ended. `UNDETERMINED` is neither good nor bad: it could not be found out."""

    PASSED = "passed"
    FAILED = "failed"
    UNDETERMINED = "undetermined"
    SKIPPED = "skipped"

    @property
    def mark(self) -> str:
        """For people, nine columns wide."""
        return _MARKS[self]


_MARKS: Mapping[Outcome, str] = {
    Outcome.PASSED: "✓ ok     ",
    Outcome.FAILED: "✗ FAILED ",
    Outcome.UNDETERMINED: "? OPEN   ",
    Outcome.SKIPPED: "– skipped",
}


class Verdict(StrEnum):
    """All checks together."""

    VALID = "valid"
    INVALID = "invalid"
    UNDETERMINED = "undetermined"


class Check(NamedTuple):
    """One step of a verification: its number and name, how it ended, and the finding in plain words."""

    step: int
    name: str
    outcome: Outcome
    text: str
    problem: Problem | None = None
    credential: int | None = None
    """Which credential of a presentation, from 0; `None` where there is only one."""

    def to_dict(self) -> dict[str, Any]:
        """The check as JSON; the problem as RFC 9457 has it."""
        found: dict[str, Any] = {
            "step": self.step,
            "name": self.name,
            "outcome": self.outcome.value,
            "text": self.text,
        }
        if self.credential is not None:
            found["credential"] = self.credential
        return {**found, "problem": self.problem.to_dict()} if self.problem else found


class Report:
    """The checks of one verification, in order. Claims are reachable through `require` only."""

    def __init__(
        self,
        checks: Iterable[Check],
        credentials: Iterable[Credential],
        status_time: datetime | None = None,
    ) -> None:
        self.checks = tuple(checks)
        self._credentials = tuple(credentials)
        self.status_time = status_time
        """As of when what is valid was not revoked; `None` where nothing can be."""

    @property
    def verdict(self) -> Verdict:
        """Invalid if any check failed; valid only if none failed and none stayed open."""
        outcomes = {check.outcome for check in self.checks}
        if Outcome.FAILED in outcomes:
            return Verdict.INVALID
        if Outcome.UNDETERMINED in outcomes or Outcome.PASSED not in outcomes or not self._credentials:
            return Verdict.UNDETERMINED
        return Verdict.VALID

    def __bool__(self) -> bool:
        return self.verdict is Verdict.VALID

    @property
    def deciding(self) -> Check | None:
        """The check that keeps the verdict from being valid: the first failed, else the last open one.

        The last, since an unknown issuer also has an unknown log, and the former says more.
        """
        failed = [check for check in self.checks if check.outcome is Outcome.FAILED]
        still_open = [check for check in self.checks if check.outcome is Outcome.UNDETERMINED]
        return next(iter(failed[:1] or still_open[-1:]), None)

    def require(self) -> tuple[Credential, ...]:
        """The verified credentials. Raises the `Problem` of the deciding check unless all is valid."""
        if self:
            return self._credentials
        if self.deciding is not None and self.deciding.problem is not None:
            raise self.deciding.problem
        raise Problem("nothing was verified")

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON, version 1; no claims."""
        return {
            "version": 1,
            "verdict": self.verdict.value,
            "checks": [check.to_dict() for check in self.checks],
        }
