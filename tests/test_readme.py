"""What the README promises works to the letter: its blocks run here, in a folder of their own."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.commandline import served
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
    if (folder / "passphrase").exists() and "wallet" in words:
        environment["INTAGLIO_PASSPHRASE_FILE"] = str(folder / "passphrase")
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


def require_begins(command: str, folder: Path) -> None:
    """What stays until it is stopped says where it is."""
    begun = subprocess.Popen(
        [sys.executable, "-m", *shlex.split(command)],
        cwd=folder,
        env={**os.environ, "INTAGLIO_HOME": str(folder / "home")},
        stdout=subprocess.PIPE,
        text=True,
    )
    with begun:
        assert begun.stdout is not None
        assert begun.stdout.readline().startswith("http")
        begun.terminate()


@pytest.mark.slow
def test_a_first_diploma_in_three_commands(tmp_path: Path) -> None:
    """In an empty folder, and with nothing that is not said."""
    (commands,) = [text for _, text in BLOCKS if "intaglio verify diplomas/" in text]
    (promised,) = [text for _, text in BLOCKS if text.startswith("VALID")]
    for command in commands.strip().splitlines():
        answer = run(command, tmp_path)
    assert answer.startswith(promised.strip())


@pytest.mark.slow
def test_the_table_of_next_commands_works(folder: Path) -> None:
    """One after the other, with what the program printed in the place of the words in capitals."""
    (folder / "passphrase").write_text("correct horse battery")
    run('intaglio issuer issue graduates.csv --name "Example University"', folder)
    words = {"FILE": "diplomas/UNI-2026-00005.json", "TEXT": "a-challenge", "NAME": "employer.example"}
    table = README[README.index("| You want to") : README.index("## For engineers")]
    with contextlib.ExitStack() as services:
        for command in re.findall(r"`(intaglio [^`]*)`", table):
            if command == "intaglio issuer serve":
                services.enter_context(served(folder / "home"))  # where links made without --url lead
                continue
            if command in ("intaglio verify --page", "intaglio verifier serve"):
                require_begins(command, folder)
                continue
            typed = re.sub(r"\b(FILE|TEXT|NAME|LINK|ID)\b", lambda found: words[found[0]], command)
            elsewhere = command == "intaglio wallet receive LINK"  # to this machine it does not go
            asks = ("wallet receive", "wallet present")
            typed += " --yes" if any(verb in typed for verb in asks) else ""  # as one at a terminal says
            answer = run(typed, folder, expect=1 if elsewhere else 0)
            if command == "intaglio issuer trust":
                words["FILE"] = "trust.json"
                (folder / "trust.json").write_text(answer)
            elif command == "intaglio trust add FILE":
                words["FILE"] = "diplomas/UNI-2026-00005.json"
            elif command == "intaglio wallet import FILE":
                words["ID"] = answer.strip()
            elif command.startswith("intaglio issuer claim"):
                words["LINK"] = answer.split()[-1]
                words["FILE"] = str(folder / "home/issuer/tls/authority.pem")
    answer = run("intaglio verify diplomas/UNI-2026-00000.json", folder, expect=1)
    assert "revoked by the issuer on " in answer
    assert "issued in error" in answer


@pytest.mark.slow
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


def test_each_page_of_docs_stands_once_in_the_list_and_each_extra_is_named() -> None:
    listed = [
        target
        for line in README.splitlines()
        if line.startswith("- [")
        for target in re.findall(r"\]\((docs/[^)]+\.md)\)", line)
    ]
    assert sorted(listed) == sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert [extra for extra in extras if f"`[{extra}]`" not in README] == []
