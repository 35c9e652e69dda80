"""What a service does with one request: a verdict from what is known here, or with the network.

It is the same in the service itself, in its threads and in its processes, so that nothing here knows HTTP.
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
"""A status list may have become that old before it is fetched anew."""

REPORT_SECONDS = 10.0
"""After them a report is made without what the network did not give."""

_STATUS = {Verdict.VALID: 200, Verdict.INVALID: 400, Verdict.UNDETERMINED: 422}


class Verifiers(NamedTuple):
    """`offline` answers what it can; `online` may fetch, and does not run where others wait."""

    offline: Verifier
    online: Verifier


class Current:
    """The verifiers that `make` makes of a trust file, made anew once the file is another one."""

    def __init__(self, trust_file: Path, make: Callable[[], Verifiers]) -> None:
        self._file, self._make = trust_file, make
        self._kept: tuple[object, Verifiers] | None = None

    def __call__(self) -> Verifiers:
        """Raises what `make` raises: with a list that cannot be read nobody is judged by the former one."""
        mark = self._mark()
        if self._kept is None or self._kept[0] != mark:
            self._kept = None
            self._kept = mark, self._make()
        return self._kept[1]

    def _mark(self) -> object:
        try:
            found = self._file.stat()
        except OSError:  # `make` says what it is
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


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
    """Whether the network may know more."""
    is_whole: bool = True
    """Whether it could be judged within the steps that were given."""


@dataclass(frozen=True)
class Judge:
    """Judges requests; `policy` and `strangers` are those of `Verifier.verify`."""

    verifiers: Callable[[], Verifiers]
    """Asked at each request, since the trust list may have changed."""
    policy: Policy | None = None
    strangers: bool = False
    seconds: float = REPORT_SECONDS
    """After them nobody is asked any more."""

    def __call__(self, question: Question) -> Judged:
        """The last word, with the network where it is needed."""
        found = self.offline(question)
        return self.online(question) if found.asks else found

    def offline(self, question: Question, steps: int = BODY_STEPS) -> Judged:
        """What is known here."""
        return self._judge(self.verifiers().offline, question, steps)

    def online(self, question: Question) -> Judged:
        """With what the network gives in time."""
        return self._judge(_hurried(self.verifiers().online, self.seconds), question, BODY_STEPS)

    def report(self, question: Question, steps: int = BODY_STEPS, seconds: float | None = None) -> Report:
        """The last word as a report; what is left of the time may be less than `self.seconds`."""
        offline = self.verifiers().offline
        found = self._report(offline, question, Work(steps))
        if not _asks_for_the_network(found, question.now, offline.status_kinds):
            return found
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
    """The same, but so many seconds from now nobody is asked any more."""
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
        if method is None or not method.self_certifying:
            _require_time(self.deadline)
        return self.source.resolve(did)


def _require_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise Unavailable("it was not asked for: other hosts took the time that a report has")


def _asks_for_the_network(report: Report, now: datetime, kinds: StatusKinds) -> bool:
    if report.verdict is Verdict.UNDETERMINED:
        return any(isinstance(check.problem, Unavailable) for check in report.checks)
    failed = [check.problem for check in report.checks if check.outcome is Outcome.FAILED]
    if failed and all(isinstance(problem, Suspended) for problem in failed):
        return True  # a newer list may have lifted it
    if not report or report.status_time is None or now - report.status_time <= FRESH:
        return False
    found = (status for credential in report.require() for status in entries(credential, kinds))
    return any(is_web_address(status.entry.list_url) for status in found)


def _answer(report: Report, trust: TrustSource) -> dict[str, Any]:
    answer = report.to_dict()
    if report.has_claims:
        answer["credentials"] = [dict(claims.said) for claims in report.require()]
        found = zip(report.require(), report.by_kind, strict=True)
        answer["fields"] = [fields_of(claims, trust, said) for claims, said in found]
    return answer
