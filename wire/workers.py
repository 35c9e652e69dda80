"""Worker processes: the same function over many items, results in the order of the items.

They differ from the pools of the standard library. Workers end when their parent is killed: each has a pipe
of its own, whose other end nobody else holds. A worker that dies raises an error, instead of an endless wait.
The parent sends only a bounded number of items ahead. Items of strangers can have limits: one that takes more
fails alone.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

from .problem import DISK_FULL, Code, Problem, Unavailable, is_full

Tell = Callable[[int], None]
"""Called by a function to report how much of its item is done."""

TOLD = 0.25
"""Seconds between two reports: each one wakes the parent, which has other work."""

_Work = TypeVar("_Work")
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_AHEAD = 4  # items a worker beyond the one whose turn it is
_GRACE = 0.5  # seconds that a worker has for its item once nobody waits for it
FORKS = sys.platform == "linux"
"""True if workers get a copy of their parent's memory; elsewhere their work is pickled."""
_CONTEXT = multiprocessing.get_context("fork") if FORKS else multiprocessing.get_context("spawn")


class Told(NamedTuple):
    """A progress report of a worker: how much of an item is done."""

    number: int
    done: int


class Allowance(NamedTuple):
    """The limits of one item. A worker that exceeds them ends, and a new one takes its place."""

    seconds: float
    memory: int
    """Bytes of address space beyond those that a worker starts with; on Linux alone."""


class _Held(NamedTuple):
    """The item that a worker is processing."""

    number: int
    item: Any
    until: float
    """Its deadline, by the monotonic clock."""


WORKER_DIED = Code("worker-died", Problem, "A worker process ended")
"""A worker process ended before its work did: killed, or out of memory."""


def available_cores() -> int:
    """The number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pool(Generic[_Work]):
    """`processes` workers, each with its copy of `work`; with none, this process does everything."""

    def __init__(self, work: _Work, processes: int, allowance: Allowance | None = None) -> None:
        self.work, self._allowance = work, allowance
        self._processes: dict[Connection[Any, Any], BaseProcess] = {}
        for _ in range(processes):
            self._start()

    def _start(self) -> Connection[Any, Any]:
        ours, theirs = _CONTEXT.Pipe()
        others = [*self._processes, ours]
        memory = self._allowance and self._allowance.memory
        process = _CONTEXT.Process(target=_serve, args=(self.work, theirs, others, memory), daemon=True)
        process.start()
        theirs.close()
        self._processes[ours] = process
        return ours

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._processes:
            connection.close()
        for process in self._processes.values():
            if self._allowance:  # what it is at may take all the time that it has, for nobody
                process.join(_GRACE)
                process.kill()
            process.join()

    def map(
        self,
        function: Callable[[_Work, _Item, Tell], _Result],
        items: Iterable[_Item],
        heard: Callable[[Told], None] = lambda _: None,
        lost: Callable[[_Item], _Result] | None = None,
        *,
        small: bool = False,
    ) -> Iterator[_Result]:
        """`function(work, item, tell)` of each item, in order. Raises what it raises, or `WORKER_DIED`.

        `heard` gets the progress passed to `tell`, while this process waits for a result. If the worker of
        an item dies, `lost` gives the result instead. Of `small` items, below 64 KB each, a worker has its
        next one before it is done, and does not wait while this process writes.
        """
        if not self._processes:
            for number, item in enumerate(items):
                yield function(self.work, item, _teller(number, heard))
            return
        remaining = enumerate(items)
        busy: dict[Connection[Any, Any], _Held] = {}
        # A second item each that fits into a pipe: sent a larger one, both could wait for ever.
        seconds: dict[Connection[Any, Any], _Held] | None = (
            {} if small and FORKS and lost is None and self._allowance is None else None
        )
        done: dict[int, _Result] = {}
        following = 0
        ahead = _AHEAD * len(self._processes)

        def feed(connection: Connection[Any, Any]) -> None:
            place = busy if connection not in busy else seconds
            if place is None or connection in place or len(done) + len(busy) + len(seconds or ()) >= ahead:
                return
            for number, item in remaining:
                until = time.monotonic() + self._allowance.seconds if self._allowance else math.inf
                try:
                    connection.send((number, function, item))
                except (BrokenPipeError, ConnectionResetError):
                    if lost is None:
                        raise _died() from None
                    self._end(connection)  # it died at nothing: the item is for the next one
                    connection = self._start()
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # that is its death
                        connection.send((number, function, item))
                place[connection] = _Held(number, item, until)
                return

        def died(connection: Connection[Any, Any]) -> None:
            held = busy.pop(connection)
            self._end(connection)
            if lost is None:
                raise _died()
            done[held.number] = lost(held.item)
            feed(self._start())

        for connection in 2 * [*self._processes]:
            feed(connection)
        while True:
            while following in done:
                yield done.pop(following)
                following += 1
                for connection in [*self._processes]:
                    feed(connection)
            if not busy:
                return
            until = min(held.until for held in busy.values())
            ended = wait(list(busy), None if until == math.inf else max(0.0, until - time.monotonic()))
            for late in () if ended else [*busy]:
                if busy[late].until <= time.monotonic():
                    died(late)
            for ready in ended:
                assert isinstance(ready, Connection)
                try:
                    message = ready.recv()
                except (EOFError, ConnectionResetError):
                    died(ready)
                    continue
                if isinstance(message, Told):
                    heard(message)
                    continue
                number, result, problem = message
                del busy[ready]
                if seconds and ready in seconds:
                    busy[ready] = seconds.pop(ready)
                if problem is not None:
                    raise problem
                done[number] = result
                feed(ready)

    def _end(self, connection: Connection[Any, Any]) -> None:
        process = self._processes.pop(connection)
        connection.close()
        process.kill()
        process.join()


def each_told(rows: Iterable[_Item], tell: Tell) -> Iterator[_Item]:
    """The rows; every `TOLD` seconds `tell` is called with how many are done."""
    following = time.monotonic() + TOLD
    for done, row in enumerate(rows, 1):
        yield row
        if (now := time.monotonic()) >= following:
            following = now + TOLD
            tell(done)


def _teller(number: int, hear: Callable[[Told], None]) -> Tell:
    return lambda done: hear(Told(number, done))


def _died() -> Problem:
    return WORKER_DIED(
        "a worker process was killed or ran out of memory",
        hint="Nothing is lost: the same command goes on where it stopped.",
    )


def _serve(
    work: Any, connection: Connection[Any, Any], others: Sequence[Connection[Any, Any]], memory: int | None
) -> None:
    """The main loop of a worker: items in, results out, until the other end is closed or gone."""
    for other in others:  # a copy kept here would hide from the others that the parent is gone
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent, asked by the same key, ends us
    # Beyond the limit Python raises MemoryError, which ends this worker and fails its item alone.
    if memory is not None and sys.platform == "linux":
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + memory, taken + memory))
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            number, function, item = connection.recv()
            answer: tuple[int, Any, Problem | None]
            try:
                answer = (number, function(work, item, _teller(number, connection.send)), None)
            except Problem as problem:
                answer = (number, None, problem)
            except MemoryError:
                return  # what is left over would be in the way of the next item
            except OSError as error:
                kind = DISK_FULL if is_full(error) else Unavailable
                answer = (
                    number,
                    None,
                    kind.saying("a worker could not go on: {system}", system=error.strerror),
                )
            connection.send(answer)
