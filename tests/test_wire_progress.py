"""How far long work is, told in time and to whom it helps."""

from __future__ import annotations

import io
import sys

import pytest

from intaglio.progress import Counter, ProgressLine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, step: float, count: int) -> str:
    """What stands on stderr after work of which each part takes so many seconds."""
    times = iter(range(1000))
    monkeypatch.setattr(sys, "stderr", stream)
    with Counter("Verifying", count, clock=lambda: next(times) * step) as counter:
        for _ in range(count):
            counter.count()
    return stream.getvalue()


def test_what_is_done_within_a_second_is_not_talked_of(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, Terminal(), 0.1, 9) == ""


def test_at_a_terminal_a_line_is_renewed_and_then_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = told(monkeypatch, Terminal(), 0.125, 10)
    states = shown.split("\r")[1:]
    assert states[0] == "Verifying 8 of 10, 8 a second, 0 s left\033[K"
    assert states[1] == "Verifying 10 of 10, 8 a second, 0 s left\033[K"
    assert states[2:] == ["\033[K"]


def test_where_nobody_knows_how_much_there_is_only_the_rate_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(0, 100, 4))
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    with ProgressLine(clock=lambda: next(times)) as progress:
        for done in range(1, 4):
            progress.show("Verifying", done * 100, None)
    assert stream.getvalue() == "Verifying 300, 25 a second\n"


def test_elsewhere_a_line_comes_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = told(monkeypatch, io.StringIO(), 4, 6)
    assert shown.splitlines() == [
        "Verifying 3 of 6, 0 a second, 12 s left",
        "Verifying 6 of 6, 0 a second, 0 s left",
    ]
