"""The steps of one verification and what each found: a `Problem` inside one becomes a line of the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType

from vc import Check, Outcome
from wire import Problem
from wire.problem import Facts, Scalar

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
        _forget_frames(problem)
        outcome = Outcome.UNDETERMINED if problem.undetermined else Outcome.FAILED
        self._add(outcome, problem.detail, problem=problem, facts=problem.facts)
        return True

    def stopped(self) -> bool:
        """Whether a problem ended the last step."""
        return self.found[-1].problem is not None

    def passed(self, finding: str, text: str, **facts: Scalar) -> None:
        """The step found nothing wrong; facts that are `None` or empty are none."""
        self._add(Outcome.PASSED, text, finding, facts)

    def skipped(self, finding: str, text: str, **facts: Scalar) -> None:
        """The step had nothing to look at."""
        self._add(Outcome.SKIPPED, text, finding, facts)

    def in_order(self) -> list[Check]:
        """What was found, by step and credential, in whatever order it was looked at."""
        return sorted(self.found, key=lambda found: (found.credential or 0, found.step))

    def leave_out(self, first: int, stopped: int, last: int = len(STEPS)) -> None:
        """This step and all that follow, up to the `last`, are not made, since one did not pass."""
        for step in range(first, last + 1):
            self._step = step
            self.skipped("not-reached", f"not checked: step {stopped} did not pass", stopped=stopped)

    def leave_out_all(self) -> None:
        """Nothing of a credential is checked."""
        for step in range(3, len(STEPS) + 1):
            self._step = step
            self.skipped("not-asked", "not checked: only a DID was to be proved")

    def _add(
        self,
        outcome: Outcome,
        text: str,
        finding: str = "",
        facts: Facts = MappingProxyType({}),
        problem: Problem | None = None,
    ) -> None:
        known = {name: value for name, value in facts.items() if value not in (None, "")} if facts else facts
        name = STEPS[self._step - 1]
        self.found.append(Check(self._step, name, outcome, text, problem, self.credential, finding, known))


def _forget_frames(problem: BaseException | None) -> None:
    """Leaves of a problem what it says: frames have all that was read, and these very checks, in a circle."""
    if isinstance(problem, Problem):
        problem.__traceback__ = problem.__cause__ = problem.__context__ = None
        for other in (problem.because, problem.why):
            _forget_frames(other)
