"""The program in this process: what is printed where, and the exit code."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import intaglio


class Answer(NamedTuple):
    """What a command ended with and printed."""

    code: int
    out: str
    err: str


class Program:
    """Types `intaglio …`, without a terminal, with everything in the folder `home`."""

    def __init__(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.home = home
        self._monkeypatch, self._capsys = monkeypatch, capsys
        monkeypatch.setenv("INTAGLIO_HOME", str(home))

    def __call__(self, *words: object, stdin: bytes = b"") -> Answer:
        self._monkeypatch.setattr(sys, "argv", ["intaglio", *map(str, words)])
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            intaglio.main()
        assert isinstance(ended.value.code, int)
        return Answer(ended.value.code, *self._capsys.readouterr())
