"""The demo and the samples: what they tell is what happens."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from examples.diploma import chain, demo
from tests.commandline import Program
from tests.conftest import ROOT
from tests.copying import copy_folder
from tests.pages import Reader, running
from verifier import Trust


def intaglio(*words: str | Path, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "intaglio", *map(str, words)],
        env={**os.environ, "INTAGLIO_HOME": str(home)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.slow
def test_the_demo_ends_with_all_verdicts_as_told(tmp_path: Path) -> None:
    """At a terminal, where some of its commands would ask; with `--json`, it is told beside that as ever."""
    here, there = os.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "intaglio", "demo", "--json"],
        env={**os.environ, "INTAGLIO_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        stdin=there,
        timeout=300,
    )
    os.close(here)
    os.close(there)
    story = done.stderr
    assert done.returncode == 0, done.stdout + story
    assert "All verdicts as told" in story
    both_clocks = r"time: the issuer's own clock\); its checkpoint on eip155:31337 by 20"
    if chain.program() is None:
        assert "anvil, a chain for one machine, is not installed here (make peers)" in story
    else:
        assert re.search(both_clocks, story)
    assert "is seen by 2 of 3 witnesses" in story
    assert "seen by 2 of 3 witnesses, of which 0 may lie" in story
    assert "2 of 3 are needed: 1 may be away, and 0 may lie" in story
    valid = 3 if chain.program() is None else 4
    assert story.count("VALID: ") == valid + 4  # and four NOT VALID
    assert story.count("COULD NOT BE DECIDED: ") == 1
    result = json.loads(done.stdout)
    assert (result["version"], result["folder"]) == (2, None)
    codes = [verdict["exitCode"] for verdict in result["verdicts"]]
    assert codes == [0, 0, 1, 1, 1, 3, 1, *([0] if chain.program() else []), 0]
    assert result["verdicts"][6]["answer"].startswith("NOT VALID: ")


def test_the_demo_ends_with_what_to_type_next(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which `--json` leaves out. What is told before that, the test above has."""
    monkeypatch.setattr(demo, "_story", lambda folder: [])  # which takes twenty seconds
    assert program("demo").out.endswith("\n  intaglio demo --serve\n")


@pytest.mark.slow
def test_the_demo_as_a_page_checks_its_diplomas_and_leaves_nothing(tmp_path: Path) -> None:
    with running(Trust(), tmp_path / "home", "demo", "--serve") as page:
        address = urlsplit(page.line)
        origin = f"http://{address.netloc}"
        assert "Check a credential" in httpx.get(page.line).text
        assert "intaglio use run diploma" in httpx.get(f"{page.line}uses").text
        while "Ctrl-C" not in page.said:
            time.sleep(0.05)
        files = dict(re.findall(r"^ *(\S.*?)  +(/\S+\.json)$", page.said, re.MULTILINE))
        found = {}
        for what, file in files.items():
            upload = {"file": ("a.json", Path(file).read_bytes())}
            sent = httpx.post(page.line, files=upload, headers={"Origin": origin}, timeout=60)
            found[what] = Reader(sent.text).title
        assert found == {
            "as issued": "Valid (1 file)",
            "a better grade": "Not valid: altered or forged (1 file)",
            "revoked": "Not valid: revoked (1 file)",
            "by an unknown issuer": "Could not be decided (1 file)",
            "another's proof": "Not valid (1 file)",
        }
        folder = next(parent for parent in Path(file).parents if parent.name.startswith("intaglio-demo-"))
        assert folder.is_dir()
        assert page.end(signal.SIGINT) in (0, 130, -signal.SIGINT)
    assert not folder.exists()
    assert "Traceback" not in page.said


@pytest.mark.slow  # the rule is tried in tests/test_wire_terminal.py
@pytest.mark.parametrize(("setting", "bold"), [("1", False), ("", True)])
def test_no_color_means_plain_text(setting: str, bold: bool) -> None:
    """On a terminal, which is where anything is bold. What is tested is the first line of the story."""
    here, there = os.openpty()
    environment = {**os.environ, "NO_COLOR": setting}
    words = [sys.executable, "-m", "intaglio", "demo"]
    with subprocess.Popen(words, env=environment, stdin=there, stdout=there, stderr=there) as told:
        os.close(there)
        shown = b""
        while b"invented people" not in shown:
            shown += os.read(here, 4096)
        told.terminate()
    os.close(here)
    assert (b"\x1b[1m" in shown) == bold


@pytest.mark.slow
def test_there_is_a_sample_of_each_verdict(tmp_path: Path) -> None:
    folder = tmp_path / "tryout"
    told = intaglio("samples", folder, home=tmp_path).stdout
    as_json = json.loads(intaglio("samples", tmp_path / "json", "--json", home=tmp_path).stdout)
    verdicts = {}
    for path in folder.glob("*.json"):
        if path.name != "trust.json":
            done = intaglio("verify", path, "--trust", folder / "trust.json", "--offline", home=tmp_path)
            verdicts[path.name] = done.returncode
            (line,) = [line for line in told.splitlines() if f"{path}  " in line]
            assert f"exit code {done.returncode}" in line
            if path.name == "revoked.json":  # as the line promises
                assert re.search(r"revoked by the issuer on [0-9-]{10}: issued in error", done.stdout), (
                    done.stdout
                )
    assert {found["file"]: found["exitCode"] for found in as_json["files"]} == verdicts
    assert Path(as_json["trust"]).exists()
    assert verdicts == {
        "valid.json": 0,
        "altered.json": 1,
        "revoked.json": 1,
        "no-evidence.json": 3,
        "unknown-issuer.json": 3,
    }


@pytest.mark.slow
def test_samples_are_written_where_a_clone_has_the_same_files_and_never_over_others(tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    copy_folder(ROOT / "examples/diploma", folder)
    assert intaglio("samples", folder, home=tmp_path).returncode == 0
    before = {path: path.read_bytes() for path in folder.glob("*.json") if path.is_file()}
    again = intaglio("samples", folder, home=tmp_path)
    assert (again.returncode, "written over: trust.json, valid.json" in again.stderr) == (1, True)
    assert {path: path.read_bytes() for path in before} == before
    (tmp_path / "own").mkdir()
    (tmp_path / "own/graduates.csv").write_text("my own")
    assert intaglio("samples", tmp_path / "own", home=tmp_path).returncode == 1
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["graduates.csv"]
