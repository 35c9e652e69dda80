"""Evidence and issuers' documents from published logs, for a credential that came without them.

Only a log that the trust list binds to the issuer is asked, at the address that its name there is, or in the
mirrors that the list names for it, where that host does not answer. Nothing
from there is believed as it is: it becomes evidence as a bundle brings it, proved by tiles up to a checkpoint
that the log signed, and is judged as such. An answer that does not fit leaves the question open, since it is
the host's fault and not the credential's.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from ledger import Evidence
from vc import Anchored
from wire import Problem
from wire.fetch import Fetcher
from wire.memory import Kept, Memory
from wire.work import Work

from ..problem import NotShown
from .trust import TrustSource

if TYPE_CHECKING:
    from ledger.lookup import Shape

    from .published_log import Files, LogSource, PublishedLog
    from .trust_entries import KindFiles

MOST_KEPT = 1 << 24
"""Bytes of the answers that are remembered."""

SERVES = 10.0
"""Seconds for which an answer is good for other reports, too."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Published:
    """Fetches files of published logs, and follows no redirect to another host.

    Keep one: an answer is reused for `SERVES` seconds, a failure as well. Otherwise a sender of many files of
    one issuer could have its host asked for each.
    """

    fetcher: Fetcher
    deadline: float = math.inf
    """A reading of `time.monotonic`, after which nobody is asked or waited for."""
    answers: Memory[str, bytes | Problem] = field(default_factory=lambda: Memory(MOST_KEPT))

    def __call__(self, url: str, limit: int) -> bytes:
        """See `LogSource`."""
        answer = self.answers.find(url, lambda: self._fetch(url, limit), deadline=self.deadline)
        if isinstance(answer, Problem):
            raise copy.copy(answer)  # the one kept would gather the traceback of every caller
        return answer

    def _fetch(self, url: str, limit: int) -> Kept[bytes | Problem]:
        answer: bytes | Problem
        try:
            # Threat F14: `same_origin`, so that no redirect leads to another host.
            answer = self.fetcher.fetch(url, accept="*/*", limit=limit, same_origin=True)
        except Problem as problem:
            answer = copy.copy(problem)  # without traceback and cause
        size = len(url) + (len(answer) if isinstance(answer, bytes) else 0)
        return Kept(answer, size, self.answers.clock() + SERVES)


class PublishedLogs:
    """The logs of the issuers of one report."""

    def __init__(
        self,
        source: LogSource,
        trust: TrustSource,
        work: Work,
        shape: Shape | None = None,
        *,
        at_once: int = 8,
    ) -> None:
        """A host is sent so many requests `at_once`. `shape` is that of look-up files, by default `SHAPE`."""
        self._source, self._trust, self._shape, self._work = source, trust, shape, work
        self._at_once = at_once
        self._logs: dict[tuple[str, str], list[PublishedLog]] = {}

    @cached_property
    def _files(self) -> Files:
        from .published_log import Files  # only here, and below: most reports ask no log

        return Files(self._source, self._work, self._at_once)

    def documents(self, issuer: str) -> tuple[Anchored, ...]:
        """The versions of an issuer's document that its logs show. Raises `NotShown` where none does.

        There are none if no log of the issuer is published under an address.
        """
        return self._gathered(issuer, lambda log: log.documents())

    def evidence(self, leaf: bytes, issuer: str, origins: Iterable[str] = ()) -> tuple[Evidence, ...]:
        """Evidence for a log entry by the issuer's logs: by those of these `origins`, if any are given.

        Raises `NotShown` where none has it; there is none if none is published under an address.
        """
        wanted = frozenset(origins)
        return self._gathered(issuer, lambda log: (log.evidence(leaf),), wanted)

    def kinds(self, issuer: str, known: Collection[str]) -> tuple[KindFiles, ...]:
        """The kinds that an issuer's logs show, but those whose digests are `known`. Raises `NotShown`."""
        return self._gathered(issuer, lambda log: log.kinds(known))

    def status_list(self, issuer: str, url: str) -> tuple[tuple[bytes, Evidence], ...]:
        """The status list under a URL as an issuer's logs show it, with its evidence. Raises `NotShown`."""
        return self._gathered(issuer, lambda log: (log.status_list(url),))

    def _gathered(
        self,
        issuer: str,
        ask: Callable[[PublishedLog], Iterable[_T]],
        origins: frozenset[str] = frozenset(),
    ) -> tuple[_T, ...]:
        items: list[_T] = []
        missing: Problem | None = None
        for places in self._of(issuer):
            # ADR 28: a credential only chooses among the logs that the trust list binds to its issuer.
            if origins and places[0].origin not in origins:
                continue
            problem: Problem | None = None
            for log in [*places]:  # its own host, then the mirrors
                try:
                    items += ask(log)
                    break
                except Problem as failure:  # of the host, whatever it is
                    problem = problem or failure
                    if failure.undetermined:  # for this report it is asked last from now on
                        places.remove(log)
                        places.append(log)
            else:
                assert problem is not None
                origin = places[0].origin
                # ADR 28: open, since no host must be able to make a diploma invalid.
                sentence = "{why}" if origin in problem.detail else "the log {log}: {why}"
                missing = NotShown.saying(sentence, log=origin, why=problem, because=problem)
        if missing and not items:
            raise missing
        return tuple(items)

    def _of(self, issuer: str) -> Iterator[list[PublishedLog]]:
        """Each log of an issuer: at its own host and in its mirrors."""
        from ledger.lookup import SHAPE
        from ledger.tiles.layout import address

        from .published_log import PublishedLog

        policy, shape = self._trust.policy_for(issuer), self._shape or SHAPE
        for origin in dict.fromkeys(log.key.name for log in policy.logs):
            key = (issuer, origin)
            if key not in self._logs:
                home = [url] if (url := address(origin)) else []
                mirrors = [url.rstrip("/") for log in policy.named(origin) for url in log.mirrors]
                self._logs[key] = [
                    PublishedLog(origin, url, policy, self._files, self._work, shape)
                    for url in dict.fromkeys((*home, *mirrors))
                ]
            if self._logs[key]:
                yield self._logs[key]
