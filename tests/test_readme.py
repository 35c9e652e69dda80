"""What the README promises works to the letter: its blocks run here, in a folder of their own."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "examples/diploma/graduates.csv", tmp_path)
    return tmp_path


def run(command: str, folder: Path, expect: int = 0) -> str:
    program, *words = shlex.split(command)
    assert program == "intaglio"
    environment = {**os.environ, "INTAGLIO_HOME": str(folder / "home")}
    environment.pop("INTAGLIO_PASSPHRASE_FILE", None)
    done = subprocess.run(
        [sys.executable, "-m", "intaglio", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout


def test_a_first_diploma_in_three_commands(folder: Path) -> None:
    (commands,) = [text for _, text in BLOCKS if "pip install" in text]
    (promised,) = [text for _, text in BLOCKS if text.startswith("VALID")]
    install, issue, verify = commands.strip().splitlines()
    assert install == 'pip install ".[all]"'
    run(issue, folder)
    assert run(verify, folder).startswith(promised.strip())


@pytest.mark.slow
def test_the_table_of_next_commands_exists(folder: Path) -> None:
    run('intaglio issuer issue graduates.csv --name "Example University"', folder)
    for command in re.findall(r"`(intaglio [^`]*)`", README):
        words = command.split()
        known = " ".join(words[: 3 if words[1] in ("issuer", "wallet", "ledger") else 2])
        run(f"{known} --help", folder)
    run("intaglio issuer correct UNI-2026-00000 --set gpa=3.80", folder)
    run("intaglio issuer revoke UNI-2026-00001 --reason issued-in-error", folder)
    answer = run("intaglio verify diplomas/UNI-2026-00001.json", folder, expect=1)
    assert "revoked by the issuer on " in answer
    assert "issued in error" in answer


def test_the_library_example_runs(folder: Path) -> None:
    run('intaglio issuer issue graduates.csv --name "Example University"', folder)
    shutil.copy(folder / "home/trust.json", folder)
    shutil.copy(folder / "diplomas/UNI-2026-00000.json", folder / "diploma.json")
    (program,) = [text for kind, text in BLOCKS if kind == "python"]
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(done.stdout.splitlines()) == 9
    assert "failed" not in done.stdout


def test_every_link_in_the_documents_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"
