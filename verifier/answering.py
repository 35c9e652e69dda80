"""Choose the thread or process that judges a request: cheap ones run inline, the others elsewhere.

A quick report is made in the event loop itself, which is faster than handing it on; a longer one by a
process, and one that needs other hosts in a thread.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor

from wire import TryLater

from .judge import Judge, Judged, Question
from .processes import Processes

INLINE_BYTES, INLINE_STEPS = 1 << 16, 20_000
"""Limits of an inline verification. A diploma's bundle has a fifth of the bytes, an eighth of the steps."""

MOST_FETCHING = 64
"""Reports that wait for the network at once."""


class Answering:
    """Judges requests for a service; without `processes`, all of it in this one."""

    def __init__(
        self,
        judge: Judge,
        processes: Processes[Question, Judged] | None = None,
        most_fetching: int = MOST_FETCHING,
    ) -> None:
        """`most_fetching` reports may wait for other hosts at once."""
        self._judge, self._processes = judge, processes
        self._fetching = _Fetching(judge, most_fetching)

    async def __call__(self, question: Question) -> Judged:
        """The report: made inline where it costs little, else by a process, and by the network if need be.

        Raises `TryLater` where too much is asked at once, and what `Judge.verifiers` raises.
        """
        if self._processes is None:
            judged = self._judge.offline(question)
        # ADR 24: a long verification must not hold the event loop, and everybody's answer with it.
        elif len(question.body) > INLINE_BYTES:
            return await self._processes(question)
        else:
            judged = self._judge.offline(question, INLINE_STEPS)
            if not judged.is_whole:
                return await self._processes(question)
        return await self._fetching(question, judged) if judged.asks else judged


class _Fetching:
    """Threads for reports that wait for the network, and for nothing else."""

    def __init__(self, judge: Judge, most: int) -> None:
        self._judge, self._room = judge, most
        self._threads = ThreadPoolExecutor(most, "fetching")

    async def __call__(self, question: Question, offline: Judged) -> Judged:
        """The report with the network, or `offline` if that does not come in time.

        Raises `TryLater` where too many wait.
        """
        # ADR 24: refused at once when full, since a queue of waiting bodies would fill the memory.
        if not self._room:
            raise TryLater("too many requests wait for other hosts")
        self._room -= 1
        asked = self._threads.submit(self._judge.online, question)
        loop = asyncio.get_running_loop()
        # The thread keeps its place until it ends, also when nobody waits for it any more.
        asked.add_done_callback(lambda _: loop.call_soon_threadsafe(self._leave))
        try:
            return await asyncio.wait_for(_result(asked), self._judge.seconds)
        except TimeoutError:
            return offline

    def _leave(self) -> None:
        self._room += 1


async def _result(future: Future[Judged]) -> Judged:
    return await asyncio.shield(asyncio.wrap_future(future))
