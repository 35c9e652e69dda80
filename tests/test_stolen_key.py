"""The example of the stolen keys tells what happens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

FOLDER = ROOT / "examples" / "stolen-key"


@pytest.mark.slow
def test_the_story_is_the_one_on_its_page(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, FOLDER / "story.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    _, told = re.findall(r"^```\n(.*?)^```", (FOLDER / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert done.stdout == told
    verdicts = re.findall(r"^  (\w+): (.+)$", done.stdout, re.MULTILINE)
    assert verdicts == [
        ("Ada", "VALID"),
        ("Mallory", "VALID"),
        ("Ada", "VALID"),
        ("Mallory", "COULD NOT BE DECIDED"),
        ("Ada", "VALID"),
        ("Mallory", "NOT VALID"),
    ]
