"""Judges one request of a service, offline or with the network.

The same code runs in the service, its threads and its processes, so nothing here knows HTTP.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from did import DocumentSource, Method, Resolution
from vc import Outcome, Report, Verdict
from vc.status.kind import StatusKinds, entries
from wire import Unavailable
from wire.work import BODY_STEPS, Work

from .policy import Policy
from .sources.lists import Fetched, ListSource, is_web_address
from .sources.published import Published
from .sources.trust import TrustSource
from .status import Suspended
from .summary import fields_of
from .verify import Verifier

if TYPE_CHECKING:
    from .sources.published_log import LogSource

FRESH = timedelta(hours=1)
"""Greatest age of a status list that is not fetched again."""

REPORT_SECONDS = 10.0
"""Time limit for the network; afterwards the report is made without the missing answers."""

_STATUS = {Verdict.VALID: 200, Verdict.INVALID: 400, Verdict.UNDETERMINED: 422}


class Verifiers(NamedTuple):
    """`offline` answers what it can; `online` may fetch, and does not run where others wait."""

    offline: Verifier
    online: Verifier


class Current:
    """The verifiers that `make` builds from a trust file, rebuilt once the file changes."""

    def __init__(self, trust_file: Path, make: Callable[[], Verifiers]) -> None:
        self._file, self._make = trust_file, make
        self._kept: tuple[object, Verifiers] | None = None

    def __call__(self) -> Verifiers:
        """Raises what `make` raises: a list that cannot be read must not leave the former one in force."""
        mark = self._mark()
        if self._kept is None or self._kept[0] != mark:
            # Forgotten first: if `make` raises, nobody is judged by the former list.
            self._kept = None
            self._kept = mark, self._make()
        return self._kept[1]

    def _mark(self) -> object:
        try:
            state = self._file.stat()
        except OSError:  # `make` says what it is
            return None
        return state.st_ino, state.st_mtime_ns, state.st_size


class Question(NamedTuple):
    """A request."""

    body: bytes
    now: datetime
    challenge: str | None = None
    domain: str | None = None
    unasked: bool = False
    resources: frozenset[bytes] = frozenset()
    """As of `Verifier.verify`."""


class Judged(NamedTuple):
    """The answer to it."""

    status: int
    content: bytes
    asks: bool = False
    """True if the network may change the answer."""
    is_whole: bool = True
    """True if the given steps were enough to judge it."""


@dataclass(frozen=True)
class Judge:
    """Judges requests; `policy` and `strangers` are those of `Verifier.verify`."""

    verifiers: Callable[[], Verifiers]
    """Asked at each request, since the trust list may have changed."""
    policy: Policy | None = None
    strangers: bool = False
    seconds: float = REPORT_SECONDS
    """Time limit for asking other hosts."""

    def __call__(self, question: Question) -> Judged:
        """The final answer, with the network where it is needed."""
        judged = self.offline(question)
        return self.online(question) if judged.asks else judged

    def offline(self, question: Question, steps: int = BODY_STEPS) -> Judged:
        """The answer without the network."""
        return self._judge(self.verifiers().offline, question, steps)

    def online(self, question: Question) -> Judged:
        """The answer with all that the network gives in time."""
        return self._judge(_hurried(self.verifiers().online, self.seconds), question, BODY_STEPS)

    def report(self, question: Question, steps: int = BODY_STEPS, seconds: float | None = None) -> Report:
        """The final answer as a report; `seconds` is the time left, if that is less than `self.seconds`."""
        offline = self.verifiers().offline
        report = self._report(offline, question, Work(steps))
        if not _asks_for_the_network(report, question.now, offline.status_kinds):
            return report
        verifier = _hurried(self.verifiers().online, self.seconds if seconds is None else seconds)
        return self._report(verifier, question, Work(steps))

    def _judge(self, verifier: Verifier, question: Question, steps: int) -> Judged:
        work = Work(steps)
        report = self._report(verifier, question, work)
        content, asks = (
            orjson.dumps(_answer(report, verifier.trust)),
            _asks_for_the_network(report, question.now, verifier.status_kinds),
        )
        return Judged(_STATUS[report.verdict], content, asks, work.left >= 0)

    def _report(self, verifier: Verifier, question: Question, work: Work) -> Report:
        return verifier.verify(
            question.body,
            now=question.now,
            policy=self.policy,
            strangers=self.strangers,
            challenge=question.challenge,
            domain=question.domain,
            unasked=question.unasked,
            resources=question.resources,
            work=work,
        )


def _hurried(verifier: Verifier, seconds: float) -> Verifier:
    """A copy of the verifier that asks no host once so many seconds have passed."""
    deadline = time.monotonic() + seconds

    def hurried(source: ListSource) -> ListSource:
        if isinstance(source, Fetched):
            return replace(source, deadline=deadline)

        def found(url: str) -> bytes | None:
            if is_web_address(url):
                _require_time(deadline)
            return source(url)

        return found

    def hurried_log(logs: LogSource) -> LogSource:
        if isinstance(logs, Published):
            return replace(logs, deadline=deadline)

        def found(url: str, limit: int) -> bytes:
            _require_time(deadline)
            return logs(url, limit)

        return found

    in_time = copy.copy(verifier)
    in_time.resolver = _Hurried(verifier.resolver, deadline)
    in_time.lists = tuple(hurried(source) for source in verifier.lists)
    in_time.logs = verifier.logs and hurried_log(verifier.logs)
    return in_time


@dataclass(frozen=True)
class _Hurried:
    """A source of documents up to a deadline."""

    source: DocumentSource
    deadline: float

    def method(self, did: str) -> Method | None:
        return self.source.method(did)

    def resolve(self, did: str) -> Resolution:
        method = self.method(did) if did.startswith("did:") else None
        # A DID that is its own key asks no host, and is resolved after the deadline as well.
        if method is None or not method.self_certifying:
            _require_time(self.deadline)
        return self.source.resolve(did)


def _require_time(deadline: float) -> None:
    # Threat 58: a hundred slow hosts, one after the other, would hold a thread for minutes.
    if time.monotonic() > deadline:
        raise Unavailable("it was not asked for: other hosts took the time that a report has")


def _asks_for_the_network(report: Report, now: datetime, kinds: StatusKinds) -> bool:
    if report.verdict is Verdict.UNDETERMINED:
        return any(isinstance(check.problem, Unavailable) for check in report.checks)
    failed = [check.problem for check in report.checks if check.outcome is Outcome.FAILED]
    if failed and all(isinstance(problem, Suspended) for problem in failed):
        return True  # a newer list may have lifted it
    # A valid report is made again only on an older list: it may have been revoked since.
    if not report or report.status_time is None or now - report.status_time <= FRESH:
        return False
    statuses = (status for credential in report.require() for status in entries(credential, kinds))
    return any(is_web_address(status.entry.list_url) for status in statuses)


def _answer(report: Report, trust: TrustSource) -> dict[str, Any]:
    answer = report.to_dict()
    # Threat R4: nothing of a credential is in the answer unless the report is valid.
    if report.has_claims:
        answer["credentials"] = [dict(claims.said) for claims in report.require()]
        pairs = zip(report.require(), report.by_kind, strict=True)
        answer["fields"] = [fields_of(claims, trust, kind) for claims, kind in pairs]
    return answer
