"""docs/chains.md works to the letter: its commands run here, in order, with gazettes for ledgers."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from intaglio.deployment import Deployment
from tests.commandline import Program
from tests.gazette import NAME, NOTICE
from tests.gazette_anchor import GazetteAnchor, gazette_file, gazettes
from tests.test_docs import folder, follow
from tests.world import NOW

__all__ = ["folder"]
SECOND = "gazette:second"


@pytest.mark.slow
def test_the_page(program: Program, folder: Path) -> None:
    ledgers = [GazetteAnchor(name, file=gazette_file(folder, name)) for name in (NAME, SECOND)]
    program.deployment = Deployment(anchors=gazettes(folder))
    now = NOW
    program.now = lambda: now

    def fill(line: str) -> str:
        """Between two commands a few minutes pass, and what was sent is printed."""
        nonlocal now
        now += timedelta(minutes=5)
        for ledger in ledgers:
            ledger.print(now)
        return line.replace("NAME", NAME).replace("SECOND", SECOND)

    follow("chains.md", program, folder, fill)
    assert [len(ledger.notices) for ledger in ledgers] == [1, 1]
    bundles = list((folder / "bundles").glob("*.json"))
    assert len(bundles) > 1
    for bundle in bundles:
        evidence = json.loads(bundle.read_text())["evidence"]
        assert [each["type"] for each in evidence].count(NOTICE) == 2
