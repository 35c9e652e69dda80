"""The queue before a log: threads that append at the same time share their waits for the disk (ADR 34).

No thread waits for company: the first one in appends at once. The next turn takes all calls that came
meanwhile, up to `MOST` entries. Each has its own key and its own answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from wire.problem import Problem
from wire.turns import Turns

MOST = 4096
"""Entries that are appended together. A larger batch goes alone."""


class Queued(NamedTuple):
    """A batch to append, which has no index yet."""

    entries: Sequence[bytes]
    key: bytes


class Queue:
    """Passes concurrent batches to `append` together, and gives each caller its own answer.

    A problem that `append` raises is raised to every caller whose batch it was given.
    """

    def __init__(self, append: Callable[[Sequence[Queued]], Sequence[range | Problem]]) -> None:
        self._append = append
        self._turns: Turns[Queued, range] = Turns(self._work)

    def __call__(self, entries: Sequence[bytes], key: bytes) -> range:
        """The indices of the entries, once they are appended."""
        return self._turns(Queued(entries, key))

    def _work(self, asked: Sequence[Queued]) -> list[range | Problem]:
        return [answer for group in _groups(asked) for answer in self._answers(group)]

    def _answers(self, group: Sequence[Queued]) -> Sequence[range | Problem]:
        try:
            return self._append(group)
        except Problem as problem:
            return [problem] * len(group)


def _groups(asked: Sequence[Queued]) -> Iterator[list[Queued]]:
    group: list[Queued] = []
    size = 0
    for each in asked:
        # A bound for what one caller waits for on behalf of the others.
        if group and size + len(each.entries) > MOST:
            yield group
            group, size = [], 0
        group.append(each)
        size += len(each.entries)
    yield group
