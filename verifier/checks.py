"""The steps of one verification and what each found: a `Problem` inside one becomes a line of the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType

from vc import Check, Outcome
from wire import Problem

STEPS = ("readable", "holder", "issuer", "signature", "dates", "status", "schema", "evidence", "trust")


@dataclass(slots=True)
class Checks:
    """Collects what each step found."""

    found: list[Check] = field(default_factory=list)
    credential: int | None = None
    """Which credential of a presentation is looked at, if it has several."""
    _step: int = 0

    def step(self, step: int) -> Checks:
        """For a `with` statement: a `Problem` inside ends the step with it; nothing else is caught."""
        self._step = step
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(problem, Problem):
            return False
        outcome = Outcome.UNDETERMINED if problem.undetermined else Outcome.FAILED
        self._add(outcome, problem.detail, problem)
        return True

    def stopped(self) -> bool:
        """Whether a problem ended the last step."""
        return self.found[-1].problem is not None

    def passed(self, text: str) -> None:
        """The step found nothing wrong."""
        self._add(Outcome.PASSED, text)

    def skipped(self, text: str) -> None:
        """The step had nothing to look at."""
        self._add(Outcome.SKIPPED, text)

    def in_order(self) -> list[Check]:
        """What was found, by step and credential, in whatever order it was looked at."""
        return sorted(self.found, key=lambda found: (found.credential or 0, found.step))

    def leave_out(self, first: int, reason: str, last: int = len(STEPS)) -> None:
        """This step and all that follow, up to the `last`, are not made."""
        for step in range(first, last + 1):
            self._step = step
            self.skipped(f"not checked: {reason}")

    def _add(self, outcome: Outcome, text: str, problem: Problem | None = None) -> None:
        self.found.append(Check(self._step, STEPS[self._step - 1], outcome, text, problem, self.credential))
