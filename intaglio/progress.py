"""The progress of long work: a line on stderr, renewed at a terminal, printed anew now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Self, TypeVar

import click

from .terminal import say

_T = TypeVar("_T")

PATIENCE = 1.0  # seconds before anything is said
RENEWED = 0.2  # seconds between two states of the line at a terminal
PLAIN = 10.0  # seconds between two lines elsewhere


class ProgressLine:
    """Says how far work is, with rate and remaining time; a context manager."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at_terminal = sys.stderr.isatty()
        self._started = clock()
        self._next = self._started + (PATIENCE if self._at_terminal else PLAIN)
        self._stage, self._done_before, self._shown = "", 0, False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Clear the line, so that other output can take its place."""
        if self._shown:
            click.echo("\r\033[K", nl=False, err=True)
            self._shown = False

    def show(self, stage: str, done: int, total: int | None) -> None:
        """Report that so many parts of the named stage are done, of `total` if that is known."""
        now = self._clock()
        if stage != self._stage:
            if self._stage:  # a later stage may begin with all that an earlier run has done
                self._started, self._done_before = now, done
            self._stage = stage
        if now < self._next:
            return
        words = f"{stage} {done}" if total is None else f"{stage} {done} of {total}"
        if done > self._done_before and now > self._started:
            rate = (done - self._done_before) / (now - self._started)
            words += f", {rate:.0f} a second"
            words += "" if total is None else f", {max(total - done, 0) / rate:.0f} s left"
        if self._at_terminal:
            click.echo(f"\r{words}\033[K", nl=False, err=True)
            self._next, self._shown = now + RENEWED, True
        else:
            say(words)
            self._next = now + PLAIN


class Counter(ProgressLine):
    """Counts what is done of `total`."""

    def __init__(self, words: str, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._words, self._total, self._done = words, total, 0

    def count(self, more: int = 1) -> None:
        """So many more are done."""
        self._done += more
        self.show(self._words, self._done, self._total)

    def counting(self, parts: Iterable[_T]) -> Iterator[_T]:
        """The parts, each counted once the next one is asked for."""
        for part in parts:
            yield part
            self.count()
