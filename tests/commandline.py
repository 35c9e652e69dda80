"""Runs the program in this process, and returns its output and exit code."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

import intaglio.__main__
from intaglio.deployment import USUAL
from intaglio.session import utc_now


class Answer(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


class Keyboard(io.TextIOWrapper):
    """The lines that a person types at a terminal."""

    def isatty(self) -> bool:
        return True


class Program:
    """Types `intaglio …`, without a terminal unless asked for, with everything in the folder `home`."""

    def __init__(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.home = home
        self.now = utc_now
        self.deployment = USUAL
        self._monkeypatch, self._capsys = monkeypatch, capsys
        monkeypatch.setenv("INTAGLIO_HOME", str(home))

    def __call__(self, *words: object, stdin: bytes = b"", at_terminal: bool = False) -> Answer:
        self._monkeypatch.setattr(sys, "argv", ["intaglio", *map(str, words)])
        device = Keyboard if at_terminal else io.TextIOWrapper
        self._monkeypatch.setattr(sys, "stdin", device(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            # the language is that of this run
            copy_context().run(partial(intaglio.__main__.main, self.now, deployment=self.deployment))
        assert isinstance(ended.value.code, int)
        return Answer(ended.value.code, *self._capsys.readouterr())


def verdict(program: Program, path: str | Path) -> str:
    """The first line of `verify`'s output for a file."""
    return program("verify", path, "--offline").out.splitlines()[0]


@contextlib.contextmanager
def served(home: Path, *options: object) -> Iterator[None]:
    """`intaglio issuer serve` for the issuer in `home`, a process of its own, as long as the block lasts."""
    with subprocess.Popen(
        [sys.executable, "-m", "intaglio", "issuer", "serve", *map(str, options)],
        env={**os.environ, "INTAGLIO_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("https://localhost:")
        try:
            yield
        finally:
            process.terminate()


def typed(
    home: Path, words: list[str], dialogue: Sequence[tuple[bytes, bytes | Callable[[], bytes]]], code: int = 0
) -> tuple[str, str]:
    """The program's output to a person at a terminal who answers each question when it is asked.

    An answer may be a function, which is called while the program waits for the answer.
    """
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "intaglio", *words],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "INTAGLIO_HOME": str(home)},
        start_new_session=True,  # so that it has no other terminal to ask at
    ) as process:
        assert process.stderr is not None
        given_up = threading.Timer(60, process.kill)  # on a question that never comes
        given_up.start()
        shown = heard = b""
        for question, answer in dialogue:
            while question not in shown:
                character = process.stderr.read(1)
                assert character, shown
                shown += character
            heard, shown = heard + shown, b""
            os.write(ours, (answer if isinstance(answer, bytes) else answer()) + b"\n")
        out, err = process.communicate()
        given_up.cancel()
    os.close(ours)
    os.close(theirs)
    assert process.returncode == code, err.decode()
    return out.decode(), (heard + err).decode()
