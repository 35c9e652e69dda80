"""A hub's rounds after a start: of each log, peers are asked what they have seen, until one has answered.

The log's own notes are read before. After that its monitor reads it, and names what is wrong.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from ledger.witness import WitnessedLog, WitnessState
from wire.fetch import Fetcher
from wire.problem import Problem

from .peers import Peers

_LOG = logging.getLogger(__name__)
SECONDS = 60.0
"""The time between two rounds."""


class Visited(NamedTuple):
    """The problem of one round on a log, if there is one."""

    log: WitnessedLog
    problems: tuple[Problem, ...]


class Rounds:
    """The rounds of one hub since its start; `alone`, it signs without asking anybody."""

    def __init__(self, state: WitnessState, fetcher: Fetcher, *, alone: bool = False) -> None:
        self._state, self._alone = state, alone
        self._peers = Peers(state, fetcher)
        self._sure: set[str] = set()

    def is_sure(self, origin: str) -> bool:
        """Return whether the state of a log was compared with others' since the start."""
        return self._alone or origin in self._sure

    def go(self) -> Iterator[Visited]:
        """Visit once each log of which nothing is sure."""
        for log in self._state.logs():
            if log.key is not None and not self.is_sure(log.origin):
                # The monitor reads it, too, and says so once where it is silent.
                with suppress(Problem):
                    self._peers.read(log)
                problem = self._ask(log)
                yield Visited(log, () if problem is None else (problem,))

    def repeat(self, stopped: threading.Event, seconds: float = SECONDS) -> None:
        """Go round until stopped."""
        while True:
            try:
                faults = [problem for _, problems in self.go() for problem in problems]
            except Problem as error:  # the disk's
                faults = [error]
            for problem in faults:
                _LOG.warning("%s: %s", problem.title, problem.detail, extra={"problem": problem})
            if stopped.wait(seconds):
                return

    def _ask(self, log: WitnessedLog) -> Problem | None:
        try:
            self._peers.ask(log)
        except Problem as problem:
            self._state.set_unsure(log.origin, problem.code)
            return problem
        self._state.set_unsure(log.origin, None)
        self._sure.add(log.origin)
        return None
