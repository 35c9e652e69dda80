"""docs/operations.md works to the letter: its commands run here, in order, against a real server."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests import postgres_server
from tests.commandline import Answer, Program, verdict
from tests.conftest import ROOT
from tests.test_docs import LINE, folder
from tests.test_service_logs import running

__all__ = ["folder"]
PAGE = ROOT / "docs" / "operations.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
ADDRESS = re.compile(r"postgresql://(\w+)@db\.uni\.example/(\w+)")


@postgres_server.needed
@pytest.mark.slow
def test_the_page(
    program: Program, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sections on an engine with one home, then those on any log with another."""
    page = PAGE.read_text()
    engines, others = page[: (at := page.index("## Move the log"))], page[at:]
    assert "once had" in follow(engines, program, folder).err
    another = Program(folder / "another", monkeypatch, capsys)
    answer = follow(others, another, folder)
    assert "every tile and the checkpoint follow" in answer.out
    given = sorted((folder / "given").iterdir())
    assert [verdict(another, path)[:5] for path in given[2:5]] == ["VALID"] * 3


def follow(text: str, program: Program, folder: Path) -> Answer:
    """What the last of its commands answered that is one of ours, and ends."""
    server = postgres_server.server()
    told = ADDRESS.sub(lambda found: server.uri(found[2], found[1]), text)
    told = told.replace("~/.intaglio", str(program.home)).replace(
        "file:///srv/log", (folder / "log").as_uri()
    )
    lines = [line for block in BLOCK.findall(told) for line in block.splitlines()]
    assert len(lines) > 8
    for line in lines:
        typed = LINE.fullmatch(line)
        assert typed, line
        name, *words = shlex.split(typed["words"])
        if words[:2] == ["ledger", "serve"]:
            with running(program.home, *words) as (url, _):
                assert httpx.get(url).text.splitlines()[1].isdigit()
                assert httpx.get(urljoin(url, "/readyz")).json()["status"] == "ok"
        elif name == "intaglio":
            answer = program(*words)
            assert answer.code == int(typed["code"] or 0), (line, answer)
        else:
            done = subprocess.run(
                [f"{postgres_server.PROGRAMS}/{name}", *words], capture_output=True, text=True
            )
            assert done.returncode == 0, (line, done.stderr)
    return answer
