"""A file of a rich format is read in a process of its own, with bounds on memory and time.

A file that crashes its reader or grows in it ends that process only. This is no sandbox: a file that takes
its reader over acts as this user. It sends JSON and text: unpickling would run it here, too.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from wire.problem import Problem

from ..problem import UNREADABLE_FILE

PATIENCE = 120.0
"""The time in seconds after which a silent reader is ended."""

LARGEST = 1 << 28
"""Most bytes of one message of a reader: rows of a span, or the first rows of all sheets."""

_T = TypeVar("_T")
Serve = Callable[[Path, "Connection[Any, Any]"], None]
"""The life of the process that reads a file, and sends by `answer`."""


def limit_process(memory: int, seconds: int) -> None:
    """Limits this process to bytes of memory and seconds of CPU, for good; it says nothing at a terminal."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)  # where memory ends, what aborts writes to the registrar's terminal
    limits = ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0))
    for limit, most in limits:
        with suppress(ValueError, OSError):  # some systems have no such limit
            resource.setrlimit(limit, (most, most))


class Rows(NamedTuple):
    """Consecutive rows, as CSV in UTF-8."""

    length: int
    filled: int
    hidden: int
    """The number of hidden rows that have something in them."""
    text: bytes


def answer(connection: Connection[Any, Any], value: object, text: bytes = b"") -> None:
    """Sends a value of JSON, and bytes after it, from the reader; a text refuses the file."""
    connection.send_bytes(json.dumps(value).encode() + b"\n" + text)


def _rows(counts: Any, text: bytes) -> Rows | None:
    if counts is None:
        return None
    length, filled, hidden = map(int, counts)
    return Rows(length, filled, hidden, text)


class BoundedReader(NamedTuple):
    """The process that reads a file, at the other end of a pipe."""

    path: Path
    connection: Connection[Any, Any]

    def receive(self, read: Callable[[Any, bytes], _T]) -> _T:
        """The result of `read` for the reader's next message: a value of JSON, and the bytes after it.

        Raises `UNREADABLE_FILE` for a refusal, where `read` cannot read it, and if the reader ended or stays
        silent.
        """
        try:
            if not self.connection.poll(PATIENCE):
                raise unreadable(self.path, f"it could not be read in {PATIENCE:.0f} seconds")
            head, _, text = self.connection.recv_bytes(LARGEST).partition(b"\n")
            value = json.loads(head)
            if isinstance(value, str):
                raise unreadable(self.path, value)
            return read(value, text)
        # The reader ended by its limits, or sent something else than it was written to send.
        except (OSError, EOFError, TypeError, ValueError, RecursionError):
            raise unreadable(self.path, "it is damaged, or takes too much memory or time") from None

    def rows(self) -> Iterator[Rows]:
        """The rows that follow, a span at a time. Raises as `receive`."""
        while (rows := self.receive(_rows)) is not None:
            yield rows

    def send(self, wanted: object) -> None:
        """Sends a request; `receive` notices if the reader is gone."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(wanted)


@contextmanager
def bounded(path: Path, serve: Serve) -> Iterator[BoundedReader]:
    """A process that runs `serve` on the file; it is killed when the block ends."""
    context = multiprocessing.get_context("spawn")  # nothing of this process is in it
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(path.absolute(), theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield BoundedReader(path, ours)
    finally:
        ours.close()
        process.kill()  # whatever it is at
        process.join()


def unreadable(path: Path, words: str) -> Problem:
    """The problem of a file that has to be exported in another way."""
    return UNREADABLE_FILE(f"{path.name}: {words}", hint='Save it as "CSV UTF-8", or mend that.')
