"""What the verbs of the issuer's command line share: options, questions, progress.

Nothing is asked without a terminal; a bar is drawn on one, plain lines go elsewhere.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from issuer.job.order import Progress

from ...terminal import say

if TYPE_CHECKING:
    import rich.progress

PARTLY = 7
"""The exit code when some rows could not be issued, or what was issued could not be written."""

PATIENCE = 1.0  # seconds before a bar is drawn
PLAIN = 10.0  # seconds between plain lines

out_option = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("diplomas"),
    show_default=True,
    help="Folder for the bundles.",
)


def pairs(texts: tuple[str, ...], option: str) -> dict[str, str]:
    """What an option that takes FIELD=… was given. Raises a usage error for anything else."""
    found: dict[str, str] = {}
    for field, equals, value in (item.partition("=") for item in texts):
        if not field.strip() or not equals:
            raise click.UsageError(f"{option} takes FIELD=…, with a field's name before the sign.")
        if value.strip() == "…":
            raise click.UsageError(f"{option} {field}: write the value in the place of the dots.")
        if field.strip() in found:
            raise click.UsageError(f"{option} names {field.strip()} twice.")
        found[field.strip()] = value
    return found


def choose(question: str, lines: list[str]) -> int:
    """The number of the line that a person picks. Raises a usage error where there is nobody to ask."""
    if not sys.stdin.isatty():
        raise click.UsageError("\n  ".join([f"{question} Name the diploma by its number:", *lines]))
    say(question, *(f"{number}  {line}" for number, line in enumerate(lines, 1)))
    asked = f"Which, 1 to {len(lines)} (Ctrl-C for none)"
    picked: int = click.prompt(asked, type=click.IntRange(1, len(lines)), err=True)
    return picked - 1


class ProgressMeter:
    """Shows how far a job is, with rate and remaining time, once it takes longer than a second."""

    _WORDS = {  # noqa: RUF012
        "checking": "Checking ",
        "comparing": "Comparing",
        "issuing": "Issuing  ",
        "writing": "Writing  ",
    }

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
            words = f"{self._WORDS[progress.stage].strip()}: {progress.done} of {progress.total}"
            taken = now - self._started
            if taken > 0:  # a stage may begin with all that an earlier run has done
                left = (progress.total - progress.done) / progress.done * taken
                words += f", {progress.done / taken:.0f} a second, {left:.0f} s left"
            say(words)


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
            return Text(f"{task.finished_speed or task.speed or 0:.0f}/s")

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True))
    bar.start()
    return bar
