"""The queue before a log: what threads of a process append at once goes as one batch of waits for the disk.

Nobody waits for company: who comes first appends, and in the next turn all that came meanwhile go along, as
many as make up `MOST` entries. Each has its own key and its own answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from wire.problem import Problem
from wire.turns import Turns

MOST = 4096
"""Entries that are appended together. A batch of more goes alone."""


class Queued(NamedTuple):
    """A batch to append, which has no index yet."""

    entries: Sequence[bytes]
    key: bytes


class Queue:
    """Hands to `append` what is asked for together, and gives each caller its own answer.

    What `append` raises is raised by all whose batches it was given.
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
        if group and size + len(each.entries) > MOST:
            yield group
            group, size = [], 0
        group.append(each)
        size += len(each.entries)
    yield group
