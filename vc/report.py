"""The result of a verification: named checks, one verdict, and claims only behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from wire import Problem
from wire.datetimestamp import format_datetimestamp
from wire.problem import Facts

from .claims import Claims


class Outcome(StrEnum):
    """The result of one check. `UNDETERMINED` is neither good nor bad: it could not be found out."""

    PASSED = "passed"
    FAILED = "failed"
    UNDETERMINED = "undetermined"
    SKIPPED = "skipped"


class Verdict(StrEnum):
    """The outcome of all checks together."""

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
    """The number of the credential in a presentation, from 0; `None` where there is only one."""
    finding: str = ""
    """The finding's own code, where it is no problem."""
    facts: Facts = MappingProxyType({})
    """The facts that the text states; of a problem, its facts."""
    part: int | None = None
    """The number of the presentation in an answer, from 0; `None` where there is only one."""

    @property
    def code(self) -> str:
        """The step's name and what was found, such as `status-revoked`; docs/codes.md lists the parts."""
        return f"{self.name}-{self.problem.code if self.problem else self.finding}"

    def to_dict(self) -> dict[str, Any]:
        """The check as JSON; the problem, which then has the facts, as RFC 9457 has it."""
        members: dict[str, Any] = {
            "step": self.step,
            "name": self.name,
            "code": self.code,
            "outcome": self.outcome.value,
            "text": self.text,
        }
        if self.part is not None:
            members["part"] = self.part
        if self.credential is not None:
            members["credential"] = self.credential
        if self.problem is not None:
            members["problem"] = self.problem.to_dict()
        elif self.facts:
            members["facts"] = dict(self.facts)
        return members


class StatusTime(NamedTuple):
    """The time as of which a credential is known not to have been revoked. Later events are not known."""

    as_of: datetime
    """The date of the status list."""
    fresh: bool
    """True if the list is of the last day, or was looked up just now where its issuer publishes it."""
    stated: bool
    """True if a verdict has to say the date: it is more than a day ago, or a newer list could not be had."""

    @classmethod
    def of_all(cls, times: Sequence[StatusTime]) -> StatusTime:
        """The times of several, at least one, as one: the oldest date; fresh if each is, stated if any is."""
        return cls(
            min(time.as_of for time in times),
            all(time.fresh for time in times),
            any(time.stated for time in times),
        )


class Report:
    """The checks of one verification, in order. Claims are reachable through `require` only."""

    def __init__(
        self,
        checks: Iterable[Check],
        credentials: Iterable[Claims],
        statuses: Sequence[StatusTime | None] = (),
        holder: str | None = None,
    ) -> None:
        self.checks = tuple(checks)
        # Threat R4: hidden, so that nobody reads claims without the verdict; `require` is the only way to
        # them.
        self._credentials = tuple(credentials)
        self.statuses = tuple(statuses)
        """The time as of which each credential was not revoked; `None` where it cannot be, or is unknown."""
        self.by_kind: Sequence[Any] = (None,) * len(self._credentials)
        """For each credential of a valid report, what its kind says of it: a `verifier.summary.ByKind`.

        `None` where that was not found out.
        """
        self.holder = holder
        """The DID that proved, for the verifier's challenge, to be the presenter's; `None` where none did."""
        self.parts: Sequence[Report] = ()
        """The reports on the presentations of an answer; empty for anything else."""

    @classmethod
    def of_answer(cls, parts: Sequence[Report]) -> Report:
        """One report on the presentations of an answer: valid if each of them is.

        It has a holder where all of them have the same.
        """
        checks = (check._replace(part=number) for number, part in enumerate(parts) for check in part.checks)
        credentials = (claims for part in parts for claims in part._credentials)  # noqa: SLF001 -- of this class
        # Threat 55: where parts were signed by different keys, nobody is the holder of the whole.
        holders = {part.holder for part in parts}
        holder = holders.pop() if len(holders) == 1 else None
        report = cls(checks, credentials, [status for part in parts for status in part.statuses], holder)
        report.by_kind = [kind for part in parts for kind in part.by_kind]
        report.parts = tuple(parts)
        return report

    @cached_property
    def verdict(self) -> Verdict:
        """Invalid if any check failed; valid only if none failed and none stayed open."""
        if self.parts:
            verdicts = {part.verdict for part in self.parts}
            # A good presentation makes up for no bad one.
            worst = (Verdict.INVALID, Verdict.UNDETERMINED, Verdict.VALID)
            return next(verdict for verdict in worst if verdict in verdicts)
        outcomes = [check.outcome for check in self.checks]
        if Outcome.FAILED in outcomes:
            return Verdict.INVALID
        # ADR 14: what could not be found out is neither false nor valid, and nor is a report without a check.
        if Outcome.UNDETERMINED in outcomes or Outcome.PASSED not in outcomes:
            return Verdict.UNDETERMINED
        # Checks alone say nothing: there has to be a claim, or a holder, that they are about.
        if not self._credentials and self.holder is None:
            return Verdict.UNDETERMINED
        return Verdict.VALID

    def __bool__(self) -> bool:
        return self.verdict is Verdict.VALID

    @property
    def status_time(self) -> datetime | None:
        """The time as of which nothing was revoked: the oldest of `statuses`; `None` where there is none."""
        return min((status.as_of for status in self.statuses if status), default=None)

    @property
    def deciding(self) -> Check | None:
        """The check that keeps the verdict from being valid: the first failed, else the last open one.

        The last, since an unknown issuer also has an unknown log, and the former says more.
        """
        failed = [check for check in self.checks if check.outcome is Outcome.FAILED]
        still_open = [check for check in self.checks if check.outcome is Outcome.UNDETERMINED]
        return next(iter(failed[:1] or still_open[-1:]), None)

    @property
    def has_claims(self) -> bool:
        """True if `require` gives credentials; where only a DID was to be proved, a valid report has none."""
        return bool(self._credentials) and bool(self)

    def require(self) -> tuple[Claims, ...]:
        """The claims of the verified credentials, at least one.

        Raises the `Problem` of the deciding check unless all is valid, and one where nothing is claimed.
        """
        # Threat R4: claims of a report that is not valid are never handed out.
        if self.has_claims:
            return self._credentials
        if self.deciding is not None and self.deciding.problem is not None:
            raise self.deciding.problem
        raise Problem("no credential was shown" if self else "nothing was verified")

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON, version 2; no claims. A valid one says who the holder is, where one proved it.

        A status that was looked up adds two members. `statusAsOf` is the oldest date of all lists of
        revocations and suspensions; `statusFresh` is true if each list is of the last day or was looked up
        just now.
        """
        members: dict[str, Any] = {"version": 2, "verdict": self.verdict.value}
        if statuses := [status for status in self.statuses if status]:
            status = StatusTime.of_all(statuses)
            members |= {"statusAsOf": format_datetimestamp(status.as_of), "statusFresh": status.fresh}
        # Threat R4: a proof that was not accepted makes nobody the holder.
        if self.holder is not None and self:
            members["holder"] = self.holder
        members["checks"] = [check.to_dict() for check in self.checks]
        return members
