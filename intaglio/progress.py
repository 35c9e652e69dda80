"""How far long work is: a line on stderr that is renewed at a terminal, now and then a new one elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import click

from .terminal import say

PATIENCE = 1.0  # seconds before anything is said
RENEWED = 0.2  # seconds between two states of the line at a terminal
PLAIN = 10.0  # seconds between two lines elsewhere


class Counter:
    """Counts what is done of `total`, and says so with rate and remaining time; a context manager."""

    def __init__(self, words: str, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._words, self._total, self._clock = words, total, clock
        self._begun = clock()
        self._at_terminal = sys.stderr.isatty()
        self._next = self._begun + (PATIENCE if self._at_terminal else PLAIN)
        self._done, self._shown = 0, False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            click.echo("\r\033[K", nl=False, err=True)  # the line's place is needed

    def count(self, more: int = 1) -> None:
        """So many more are done."""
        self._done += more
        now = self._clock()
        if now < self._next:
            return
        rate = self._done / (now - self._begun)
        left = max(self._total - self._done, 0) / rate
        words = f"{self._words} {self._done} of {self._total}, {rate:.0f} a second, {left:.0f} s left"
        if self._at_terminal:
            click.echo(f"\r{words}\033[K", nl=False, err=True)
            self._next, self._shown = now + RENEWED, True
        else:
            say(words)
            self._next = now + PLAIN
