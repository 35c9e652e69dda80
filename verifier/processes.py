"""Worker processes for long verifications: in a thread they would hold the interpreter, and all answers.

Each has a pipe of its own, so that it ends with its parent. If one is killed, its request is answered 503 and
a new process takes its place. They are spawned, not forked: the service has threads by then.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import queue
import resource
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Generic, Self, TypeVar

from wire import TryLater

_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")

MEMORY = 1 << 30
"""Bytes of address space of one process: a second defence behind the counted limits."""

_CONTEXT = multiprocessing.get_context("spawn")


class Processes(Generic[_Question, _Answer]):
    """Workers that each answer by their own `make()`; `make`, questions and answers have to be picklable."""

    def __init__(
        self,
        make: Callable[[], Callable[[_Question], _Answer]],
        processes: int,
        *,
        waiting: int = 8,
        patience: float = 30.0,
        memory: int = MEMORY,
    ) -> None:
        """`waiting` questions may wait for a worker; one has `patience` seconds to answer."""
        self._workers = [_Worker[_Question, _Answer](make, patience, memory) for _ in range(processes)]
        self._free: queue.SimpleQueue[_Worker[_Question, _Answer]] = queue.SimpleQueue()
        for worker in self._workers:
            self._free.put(worker)
        self._threads = ThreadPoolExecutor(processes, "judging")
        self._room = processes + waiting

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.end()
        self._threads.shutdown()

    async def __call__(self, question: _Question) -> _Answer:
        """The answer of one worker. Raises `TryLater` where too many wait, or the process died."""
        # ADR 24: refused at once when full, since waiting questions hold their bodies in memory.
        if not self._room:
            raise TryLater("too much is being verified at once")
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, question)
        finally:
            self._room += 1

    def _ask(self, question: _Question) -> _Answer:
        worker = self._free.get()  # there are as many threads as workers
        try:
            return worker.ask(question)
        finally:
            self._free.put(worker)


class _Worker(Generic[_Question, _Answer]):
    def __init__(
        self, make: Callable[[], Callable[[_Question], _Answer]], patience: float, memory: int
    ) -> None:
        self._make, self._patience, self._memory = make, patience, memory
        self._start()

    def _start(self) -> None:
        self._pipe: Connection[_Question, _Answer | None]
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_serve, args=(self._make, theirs, self._memory), daemon=True)
        self._process.start()
        theirs.close()
        self._is_ready = False

    def end(self) -> None:
        self._pipe.close()  # which ends it, if it waits for a question
        self._process.join(0.5)
        self._process.kill()
        self._process.join()

    def ask(self, question: _Question) -> _Answer:
        if not self._process.is_alive():
            self.end()
            self._start()
        try:
            if not self._is_ready:  # it first imports what it needs
                self._pipe.recv()
                self._is_ready = True
            self._pipe.send(question)
            if self._pipe.poll(self._patience) and (answer := self._pipe.recv()) is not None:
                return answer
        except (EOFError, OSError):
            pass
        self.end()
        raise TryLater("the process that verified this ended, or took too long")


def _serve(
    make: Callable[[], Callable[[_Question], _Answer]],
    pipe: Connection[_Answer | None, _Question],
    memory: int,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent, asked by the same key, ends this
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    judge = make()
    try:
        pipe.send(None)
        while True:
            pipe.send(judge(pipe.recv()))
    except (EOFError, ConnectionError):  # the parent ended
        return
    except MemoryError:  # what is left over would be in the way of the next question
        return
