"""Worker processes: the same function over many items, results in the order of the items.

Unlike the pools of the standard library, these workers end when their parent is killed (each has a pipe of
its own, whose other end nobody else holds), a worker that dies is an error and not a wait for ever, and
the parent never runs further ahead than it can take results in.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

from wire.problem import DISK_FULL, Code, Problem, Unavailable, is_full

Tell = Callable[[int], None]
"""By which a function says how much of its item is done."""

TOLD = 256
"""Rows after which it does."""

_Work = TypeVar("_Work")
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_AHEAD = 4  # items a worker beyond the one whose turn it is
FORKS = sys.platform == "linux"
"""Whether a worker has a copy of its parent's memory; elsewhere its work is pickled."""
_CONTEXT = multiprocessing.get_context("fork") if FORKS else multiprocessing.get_context("spawn")


class Told(NamedTuple):
    """What a worker says while it is at work: how much of an item is done."""

    number: int
    done: int


WORKER_DIED = Code("worker-died", Problem, "A worker process ended")
"""A worker process ended before its work did: killed, or out of memory."""


def available_cores() -> int:
    """The number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pool(Generic[_Work]):
    """`processes` workers, each with its copy of `work`; none, and everything is done in this process."""

    def __init__(self, work: _Work, processes: int) -> None:
        self.work = work
        self._connections: list[Connection[Any, Any]] = []
        self._processes = []
        for _ in range(processes):
            ours, theirs = _CONTEXT.Pipe()
            self._connections.append(ours)
            process = _CONTEXT.Process(target=_serve, args=(work, theirs, self._connections), daemon=True)
            process.start()
            theirs.close()
            self._processes.append(process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections:
            connection.close()
        for process in self._processes:
            process.join()

    def map(
        self,
        function: Callable[[_Work, _Item, Tell], _Result],
        items: Iterable[_Item],
        heard: Callable[[Told], None] = lambda _: None,
    ) -> Iterator[_Result]:
        """`function(work, item, tell)` of each item, in order. Raises what it raises, or `WORKER_DIED`.

        What `tell` is told is heard here while a result is waited for.
        """
        if not self._processes:
            for number, item in enumerate(items):
                yield function(self.work, item, _teller(number, heard))
            return
        remaining = enumerate(items)
        busy: set[Connection[Any, Any]] = set()  # each does one item: sent a second, both could wait for ever
        done: dict[int, _Result] = {}
        following = 0
        ahead = _AHEAD * len(self._connections)

        def feed(connection: Connection[Any, Any]) -> None:
            if connection in busy or len(done) + len(busy) >= ahead:
                return
            for number, item in remaining:
                _send(connection, (number, function, item))
                busy.add(connection)
                return

        for connection in self._connections:
            feed(connection)
        while True:
            while following in done:
                yield done.pop(following)
                following += 1
                for connection in self._connections:
                    feed(connection)
            if not busy:
                return
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                said = _receive(ready)
                if isinstance(said, Told):
                    heard(said)
                    continue
                number, result, problem = said
                busy.remove(ready)
                if problem is not None:
                    raise problem
                done[number] = result
                feed(ready)


def each_told(rows: Iterable[_Item], tell: Tell) -> Iterator[_Item]:
    """The rows, of which every few hundred are told."""
    for done, row in enumerate(rows, 1):
        yield row
        if done % TOLD == 0:
            tell(done)


def _teller(number: int, hear: Callable[[Told], None]) -> Tell:
    return lambda done: hear(Told(number, done))


def _send(connection: Connection[Any, Any], item: Any) -> None:
    try:
        connection.send(item)
    except (BrokenPipeError, ConnectionResetError):
        raise _died() from None


def _receive(connection: Connection[Any, Any]) -> Any:
    try:
        return connection.recv()
    except (EOFError, ConnectionResetError):
        raise _died() from None


def _died() -> Problem:
    return WORKER_DIED(
        "a worker process was killed or ran out of memory",
        hint="Nothing is lost: the same command goes on where it stopped.",
    )


def _serve(work: Any, connection: Connection[Any, Any], others: Sequence[Connection[Any, Any]]) -> None:
    """A worker's life: items in, results out, until the other end is closed or gone."""
    for other in others:  # a copy kept here would hide from the others that the parent is gone
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent, asked by the same key, ends us
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            number, function, item = connection.recv()
            answer: tuple[int, Any, Problem | None]
            try:
                answer = (number, function(work, item, _teller(number, connection.send)), None)
            except Problem as problem:
                answer = (number, None, problem)
            except OSError as error:
                kind = DISK_FULL if is_full(error) else Unavailable
                answer = (number, None, kind(f"a worker could not go on: {error.strerror}"))
            connection.send(answer)
