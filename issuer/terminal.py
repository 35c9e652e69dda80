"""What the issuer's command line needs of a terminal: passphrases, questions, progress.

Talk goes to stderr. Nothing is asked without a terminal; a bar is drawn on one, plain lines go elsewhere.
"""

from __future__ import annotations

import os
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from keys import PassphraseNeeded

from .bulk import Progress

if TYPE_CHECKING:
    import rich.progress

PATIENCE = 1.0  # seconds before a bar is drawn
PLAIN = 10.0  # seconds between plain lines


def say(first: str, *further: str) -> None:
    """A line on stderr, and further ones that belong to it."""
    click.echo("\n  ".join([first, *filter(None, further)]), err=True)


def passphrase(prompt: str, variable: str = "INTAGLIO_PASSPHRASE_FILE", *, new: bool = False) -> bytes | None:
    """From the file that the variable names, else from a prompt; `None` if there is neither or nothing typed.

    The same bytes for é however it is typed. Raises `PassphraseNeeded` for a file that cannot be read.
    """
    if file := os.environ.get(variable):
        try:
            typed = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise PassphraseNeeded(f"{variable} names a file that cannot be read") from None
    elif sys.stdin.isatty():
        typed = click.prompt(
            prompt, hide_input=True, confirmation_prompt=new, err=True, default="", show_default=False
        )
    else:
        return None
    return unicodedata.normalize("NFC", typed).encode() or None


def choose(question: str, lines: list[str]) -> int:
    """The number of the line that a person picks. Raises a usage error where there is nobody to ask."""
    if not sys.stdin.isatty():
        raise click.UsageError("\n  ".join([f"{question} Name the diploma by its number:", *lines]))
    say(question, *(f"{number}  {line}" for number, line in enumerate(lines, 1)))
    picked: int = click.prompt("Which", type=click.IntRange(1, len(lines)), err=True)
    return picked - 1


class Meter:
    """Shows how far a job is, with rate and remaining time, once it takes longer than a second."""

    _WORDS = {"checking": "Checking", "issuing": "Issuing "}  # noqa: RUF012

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = clock()
        self._stage, self._started, self._shown = "", self._begun, self._begun
        self._bar: rich.progress.Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, progress: Progress) -> None:
        now = self._clock()
        if progress.stage != self._stage:
            self._stage, self._started = progress.stage, now
            if self._bar is not None:
                self._bar.add_task(self._WORDS[progress.stage], total=progress.total)
        if self._bar is None and now - self._begun > PATIENCE and sys.stderr.isatty():
            self._bar = _bar()
            self._bar.add_task(self._WORDS[progress.stage], total=progress.total)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[-1], completed=progress.done)
        elif now - self._shown > PLAIN and progress.done:
            self._shown = now
            rate = progress.done / (now - self._started)
            left = (progress.total - progress.done) / rate
            say(
                f"{self._WORDS[progress.stage].strip()}: {progress.done} of {progress.total} rows, "
                f"{rate:.0f} a second, {left:.0f} s left"
            )


def _bar() -> rich.progress.Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.finished_speed or task.speed or 0:.0f} rows/s")

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True))
    bar.start()
    return bar
