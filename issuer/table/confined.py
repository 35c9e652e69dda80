"""A file of a rich format is read in a process of its own, and a hostile one ends only that process."""

from __future__ import annotations

import multiprocessing
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from wire.problem import Problem

from ..problem import UNREADABLE_FILE

PATIENCE = 120.0
"""The time in seconds after which a silent reader is ended."""

Serve = Callable[[Path, "Connection[Any, Any]"], None]
"""The life of the process that reads a file; a refusal is sent as a text."""


def limit_process(memory: int, seconds: int) -> None:
    """Limits this process to bytes of memory and seconds of CPU, for good; it says nothing at a terminal."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)  # where memory ends, what aborts writes to the registrar's terminal
    limits = ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0))
    for limit, most in limits:
        with suppress(ValueError, OSError):  # some systems have no such limit
            resource.setrlimit(limit, (most, most))


class ConfinedReader(NamedTuple):
    """The process that reads a file, at the other end of a pipe."""

    path: Path
    connection: Connection[Any, Any]

    def receive(self) -> Any:
        """The reader's next message.

        Raises `UNREADABLE_FILE` for a refusal, and if the reader ended or stays silent.
        """
        try:
            if not self.connection.poll(PATIENCE):
                raise unreadable(self.path, f"it could not be read in {PATIENCE:.0f} seconds")
            message = self.connection.recv()
        except (EOFError, ConnectionResetError):  # by the limits on its memory and time, or by a fault in it
            raise unreadable(self.path, "it is damaged, or takes too much memory or time") from None
        if isinstance(message, str):
            raise unreadable(self.path, message)
        return message

    def send(self, wanted: object) -> None:
        """Sends a request; `receive` notices if the reader is gone."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(wanted)


@contextmanager
def confined(path: Path, serve: Serve) -> Iterator[ConfinedReader]:
    """A process that runs `serve` on the file; it is killed when the block ends."""
    context = multiprocessing.get_context("spawn")  # nothing of this process is in it
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(path.absolute(), theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ConfinedReader(path, ours)
    finally:
        ours.close()
        process.kill()  # whatever it is at
        process.join()


def unreadable(path: Path, words: str) -> Problem:
    """The problem of a file that has to be exported in another way."""
    return UNREADABLE_FILE(f"{path.name}: {words}", hint='Save it as "CSV UTF-8", or mend that.')
