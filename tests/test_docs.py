"""The pages in docs/ work to the letter: their commands run here, in order, in a folder of their own."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from keys.kinds import KINDS
from kinds import parsing
from kinds.cells import TYPES
from kinds.digits import SCHEMES
from kinds.shipped import SHIPPED
from tests import softhsm
from tests.commandline import Program
from tests.conftest import ROOT
from tests.witnessing import WITNESS_KEY as PEER_KEY
from tests.workbooks import ROWS, texts, workbook
from tests.world import HEADER
from vc.forms import FORMS, VP_JWT
from verifier import Trust

EXAMPLES = ROOT / "examples/diploma"
TOKEN = re.compile(r"```console token\n(?P<file>)(?P<text>.*?)```", re.DOTALL)
BLOCK = re.compile(r"```(console|(json|csv) (?P<file>\S+))\n(?P<text>.*?)```", re.DOTALL)
LINE = re.compile(r"(?P<words>.*?)(?: > (?P<file>\S+))?(?:\s+# exit code (?P<code>\d))?")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("graduates.csv", "graduates-with-errors.csv", "programmes.csv"):
        shutil.copy(EXAMPLES / name, tmp_path)
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse battery\n")
    passphrase.chmod(0o600)
    for variable in ("INTAGLIO_PASSPHRASE_FILE", "INTAGLIO_BACKUP_PASSPHRASE_FILE"):
        monkeypatch.setenv(variable, str(passphrase))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def follow(
    page: str,
    program: Program,
    folder: Path,
    fill: Callable[[str], str] = str,
    pattern: re.Pattern[str] = BLOCK,
) -> None:
    """`fill` has, in a line, the real thing in the place of a name."""
    last = ""
    blocks = list(pattern.finditer((ROOT / "docs" / page).read_text()))
    assert blocks
    for block in blocks:
        if block["file"]:
            path = folder / block["file"]
            path.parent.mkdir(exist_ok=True)
            path.write_text(block["text"])
            continue
        for line in block["text"].splitlines():
            typed = LINE.fullmatch(fill(line))
            assert typed, line
            name, *words = shlex.split(typed["words"].replace("$ID", last))
            assert name == "intaglio"
            answer = program(*words)
            assert answer.code == int(typed["code"] or 0), (line, answer)
            last = answer.out.strip()
            if typed["file"]:
                (folder / typed["file"]).write_text(answer.out)


@pytest.mark.slow
def test_keys(program: Program, folder: Path) -> None:
    def ended(line: str) -> str:
        keys = json.loads(program("issuer", "key", "list", "--json").out)["keys"] if "KEY" in line else []
        return line.replace("KEY", next((key["multikey"] for key in keys if key["expires"]), ""))

    follow("keys.md", program, folder, ended)
    for bundle in ("diplomas/UNI-2026-00000.json", "after/UNI-2026-00000.json"):
        answer = program("verify", folder / bundle, "--offline")
        assert answer.code == 0, answer


@softhsm.needed
@pytest.mark.slow
def test_keys_on_a_token(
    program: Program, folder: Path, token: softhsm.Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = folder / "pin"
    pin.touch(0o600)
    pin.write_text(softhsm.PIN)
    monkeypatch.setenv("INTAGLIO_PIN_FILE", str(pin))
    for name in ("diplomas", "next"):
        token.make(name, *KINDS["P-256"].parameters)

    def here(line: str) -> str:
        line = line.replace("token=registrar", f"token={quote(token.label)}")
        return line.replace("/usr/lib/softhsm/libsofthsm2.so", str(softhsm.MODULE))

    follow("keys.md", program, folder, here, TOKEN)
    answer = program("verify", *Path("diplomas").glob("*.json"), "--offline")
    assert answer.code == 0, answer
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "keys.md").read_text(), re.DOTALL)
    sealed = f"lambda: Path({os.environ['INTAGLIO_PASSPHRASE_FILE']!r}).read_bytes().strip()"
    block = block.replace("passphrase=lambda: None", f"passphrase={sealed}")
    subprocess.run([sys.executable, "-c", block.replace("/run/secrets/pin", str(pin))], check=True)


def _two_years(book: Any) -> None:
    for year in ("2025", "2026"):
        sheet = book.add_worksheet(year)
        texts(sheet, [[f"Graduates of {year}"], HEADER, *ROWS])
        sheet.set_row(3, None, None, {"hidden": True})


@pytest.mark.slow
def test_issuing(program: Program, folder: Path) -> None:
    workbook(folder / "graduates.xlsx", _two_years, "")
    follow("issuing.md", program, folder)
    assert len(list((folder / "diplomas").glob("*.json"))) > 500
    assert (folder / "university.backup").stat().st_size > 10_000


@pytest.mark.slow
def test_the_pages_are_looked_at_as_issuing_prints_it(program: Program, folder: Path) -> None:
    """Also by an issuer with an address of its own, which is not this machine's."""
    url = "https://university.example"
    assert program("issuer", "init", "--name", "Example University", "--url", url).code == 0
    (typed,) = re.findall(
        r"`intaglio (issuer serve --plain[^`]*)`", (ROOT / "docs" / "issuing.md").read_text()
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = shlex.split(typed.replace("8460", str(port)))
    with subprocess.Popen(
        [sys.executable, "-m", "intaglio", *words], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as serving:
        assert serving.stdout is not None
        try:
            printed = serving.stdout.readline().strip()
            assert printed == f"http://localhost:{port}"
            assert "Example University" in httpx.get(printed).text
        finally:
            serving.terminate()


@pytest.mark.slow
def test_verifying(program: Program, folder: Path) -> None:
    assert program("issuer", "issue", "graduates.csv", "--name", "Example University").code == 0
    laboratory = ROOT / "examples" / "uses" / "laboratory-result"
    shutil.copytree(laboratory / "files", folder / "records")
    words = ("--kind", laboratory, "--files", folder / "records", "--out", "results")
    rows = shutil.copy(laboratory / "rows.csv", folder / "results.csv")  # its errors go beside it
    assert program("issuer", "issue", rows, *words).code == 7  # three rows are wrong
    follow("verifying.md", program, folder)


@pytest.mark.slow
def test_hubs(program: Program, folder: Path) -> None:
    def told(line: str) -> str:
        for name, words in (("VKEY", ("ledger", "--in", "log")), ("WITNESS", ("hub",))):
            if name in line:
                line = line.replace(name, json.loads(program(*words, "status", "--json").out)["key"])
        return line.replace("PEER", str(PEER_KEY))

    follow("hubs.md", program, folder, told)


@pytest.mark.slow
def test_kinds(program: Program, folder: Path, tmp_path: Path) -> None:
    """From a spreadsheet to a verified, corrected credential of a new kind, and what others hear of it."""
    follow("kinds.md", program, folder)
    page = (ROOT / "docs" / "kinds.md").read_text()
    (promised,) = re.findall(r"`(VALID: [^`]*)`", page)
    assert program("verify", "cards/L-2.2.json", "--offline").out.startswith(f"{promised}\n")
    assert program("verify", "cards/L-2.json", "--offline").code == 1
    stranger = ("--home", tmp_path / "stranger", "--lang", "zh", "verify", "cards/L-1.json")
    said = program(*stranger, "--trust", "library.json", "--offline").out
    assert said.startswith("有效：Example Library颁发借书证，持有人：张敏（adult）\n")
    (fields,) = json.loads(program("verify", "cards/L-2.2.json", "--offline", "--json").out)["fields"]
    assert fields == {
        "card_no": "L-2",
        "name": "Seán O'Brien-Müller",
        "level": "child",
        "over_14": False,
        "valid_until": "2036-12-31",
    }
    assert "2015-04-12" not in Path("cards/L-2.2.json").read_text()


def test_the_page_of_kinds_names_all_that_can_stand_in_one() -> None:
    tables = re.findall(r"^\| .* \|$", (ROOT / "docs" / "kinds.md").read_text(), re.MULTILINE)
    named = set(re.findall(r"[`\"](\w+)[`\"]", "\n".join(tables)))
    members = (parsing._KIND, parsing._PERSON, parsing._RULE, parsing._CATALOGUE, parsing._IDENTIFIER)
    for member in (
        *members,
        parsing._FIELD,
        parsing._REACHED,
        parsing._SOURCE,
        parsing._LOOKED_UP,
        parsing._MDOC,
        SCHEMES,
        TYPES,
    ):
        assert member.keys() <= named, member.keys() - named
    assert {*SHIPPED} <= named


@pytest.mark.slow
def test_embedding(folder: Path) -> None:
    """The blocks of one page are one program, as they stand."""
    page = (ROOT / "docs" / "library.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) > 4
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Example University Ada Invented" in done.stdout
    assert "superseded" in done.stdout


def test_the_page_of_the_trust_file_shows_all_that_can_stand_there() -> None:
    page = (ROOT / "docs" / "trust-file.md").read_text()
    (shown,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    trust = Trust.parse(shown.encode())
    assert json.loads(trust.to_bytes()) == json.loads(shown)
    entries = (trust.issuers[0], trust.logs[0], trust.logs[0].ledgers[0])
    assert all(getattr(entry, member.name) for entry in entries for member in fields(entry))
    for name in re.findall(r'^ +"(\w+)": ', shown, re.MULTILINE):
        assert f"`{name}`" in page, name


# Tests that a page names

NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def test_the_tests_that_a_page_names_are_there() -> None:
    seen = 0
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for file, name in NAMED.findall(page.read_text("utf-8")):
            seen += 1
            assert (ROOT / file).is_file(), (page.name, file)
            assert f"def {name}(" in (ROOT / file).read_text() or not name, (page.name, file, name)
    assert seen > 20


def test_each_form_has_a_test_for_whatever_is_done_with_it() -> None:
    """The cell says what a form lacks."""
    page = (ROOT / "docs/forms.md").read_text("utf-8")
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    (forms, *_), rows = lines, {name: cells for name, *cells in lines}
    for form in FORMS.keys() - {VP_JWT}:
        assert f"`{form}`" in forms
    for what in ("issue", "hold", "present", "verify", "status", "evidence"):
        assert len(rows[what]) == len(forms), what
        for cell in rows[what]:
            assert cell == "never" or any("::" in found for found in re.findall("`[^`]+`", cell)), what
