"""Turns: batches the concurrent calls of many threads; the first thread in does the work of all (ADR 34)."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from .problem import Problem, Unavailable

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")


class _Call(Generic[_Asked, _Answer]):
    def __init__(self, asked: _Asked) -> None:
        self.asked = asked
        self.answer: _Answer | None = None
        self.error: Problem | OSError | None = None
        self.is_done = False


class Turns(Generic[_Asked, _Answer]):
    """Batches concurrent calls: the first thread in does the work of every thread that is waiting.

    `work` gets all arguments, and gives an answer or a problem for each; an error that it raises is raised by
    all calls of the batch. Only one thread is in `work` at a time, and no call waits for more than the batch
    under way and the next one.
    """

    def __init__(self, work: Callable[[Sequence[_Asked]], Sequence[_Answer | Problem]]) -> None:
        self._work = work
        self._waiting: deque[_Call[_Asked, _Answer]] = deque()
        self._turn = threading.Lock()

    def __call__(self, asked: _Asked) -> _Answer:
        call: _Call[_Asked, _Answer] = _Call(asked)
        self._waiting.append(call)
        with self._turn:
            if not call.is_done:
                self._serve([self._waiting.popleft() for _ in range(len(self._waiting))])
        if call.error is not None:
            raise call.error
        assert call.answer is not None
        return call.answer

    def _serve(self, calls: Sequence[_Call[_Asked, _Answer]]) -> None:
        error: Problem | OSError = Unavailable("the thread that did this together with others was stopped")
        try:
            answers = self._work([call.asked for call in calls])
            for call, answer in zip(calls, answers, strict=True):
                if isinstance(answer, Problem):
                    call.error = answer
                else:
                    call.answer = answer
                call.is_done = True
        except (Problem, OSError) as raised:
            error = raised
        finally:
            for call in calls:
                if not call.is_done:
                    call.error, call.is_done = error, True
