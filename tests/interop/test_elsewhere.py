"""Diplomas as they are handed out, before other people's programs: what those say before and after `revoke`.

The tables that are printed here stand in docs/interoperability.md, cell by cell.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.commandline import Program, served
from tests.conftest import ROOT
from tests.interop.ours import changed
from tests.interop.peers import FORGED, GREEN, REVOKED, Answer, javascript, peers
from tests.serving import listening

PAGE = (ROOT / "docs/interoperability.md").read_text("utf-8")
NUMBER = "UNI-2026-00000"

pytestmark = pytest.mark.slow


def issue(program: Program, *options: object) -> Path:
    """The bundle of the demo's first graduate."""
    folder = program.home.parent
    rows = (ROOT / "examples/diploma/graduates.csv").read_text("utf-8").splitlines(keepends=True)
    (folder / "graduates.csv").write_text("".join(rows[:2]), "utf-8")
    made = program("issuer", "issue", folder / "graduates.csv", "--out", folder / "out", *options)
    assert made.code == 0, made.err
    return folder / "out" / f"{NUMBER}.json"


def credential(bundle: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bundle.read_bytes())["credential"]
    return found


def table(case: str, said: Mapping[str, Mapping[str, Answer]]) -> str:
    """As docs/interoperability.md has it: what each program said at each time."""
    lines = [[case, *said], ["---"] * (len(said) + 1)]
    for name in next(iter(said.values())):
        lines.append([name, *(_cell(answers[name]) for answers in said.values())])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(answer: Answer) -> str:
    told = {name: value for name, value in answer._asdict().items() if value is not None}
    return ", ".join(f"{name} {str(value).lower()}" for name, value in told.items())


def test_a_diploma_with_an_address_is_green_until_it_is_revoked(program: Program) -> None:
    with listening() as free:
        port = free.getsockname()[1]
    program("issuer", "init", "--name", "Example University", "--url", f"https://localhost:{port}")
    diploma = credential(issue(program))
    authority = program.home / "issuer/tls/authority.pem"
    with served(program.home, "--port", port, "--tls"), javascript(authority) as ask:
        asked = peers(ask, authority)
        said = {
            "before `revoke`": {name: say(diploma) for name, say in asked.items()},
            "somebody changed it": {name: say(changed(diploma)) for name, say in asked.items()},
        }
        assert program("issuer", "revoke", NUMBER).code == 0
        said["after `revoke`"] = {name: say(diploma) for name, say in asked.items()}
    printed = table("With an address", said)
    print(printed)
    assert set(said["before `revoke`"].values()) == {GREEN}, printed
    assert set(said["somebody changed it"].values()) == {FORGED}, printed
    assert set(said["after `revoke`"].values()) == {REVOKED}, printed
    assert printed in PAGE
