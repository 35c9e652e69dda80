"""docs/operations.md works to the letter: its commands run here, in order, against a real server."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests import postgres_server
from tests.commandline import Program
from tests.conftest import ROOT
from tests.test_docs import LINE, folder

__all__ = ["folder"]
PAGE = ROOT / "docs" / "operations.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
ADDRESS = re.compile(r"postgresql://(\w+)@db\.uni\.example/(\w+)")


@postgres_server.needed
@pytest.mark.slow
def test_the_page(program: Program, folder: Path) -> None:
    server = postgres_server.server()
    told = ADDRESS.sub(lambda found: server.uri(found[2], found[1]), PAGE.read_text())
    lines = [line for block in BLOCK.findall(told) for line in block.splitlines()]
    assert len(lines) > 15
    for line in lines:
        typed = LINE.fullmatch(line)
        assert typed, line
        name, *words = shlex.split(typed["words"])
        if name == "intaglio":
            answer = program(*words)
            assert answer.code == int(typed["code"] or 0), (line, answer)
        else:
            done = subprocess.run(
                [f"{postgres_server.PROGRAMS}/{name}", *words], capture_output=True, text=True
            )
            assert done.returncode == 0, (line, done.stderr)
    assert "once had" in answer.err
