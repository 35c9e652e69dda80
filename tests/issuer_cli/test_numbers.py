"""`intaglio issuer issue --number`: a file without numbers, from the refusal to the corrected error file."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.commandline import Program
from tests.issuer_cli.conftest import Clock
from tests.world import graduate, table

COLUMNS = ["name", "email", "programme_title", "achievement_type", "award_date"]
PATTERN = "{year}-{seq:06}"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    rows = [graduate(row, name=f"Name {row}") for row in range(1, 4)]
    rows[1]["award_date"] = "soon"
    path = tmp_path / "results.csv"
    path.write_text(table(rows, COLUMNS))
    return path


@pytest.fixture(autouse=True)
def _standing(clock: Clock) -> None:
    """The year is part of the numbers."""


def test_without_the_option_it_is_the_way_out_that_is_named(program: Program, results: Path) -> None:
    answer = program("issuer", "issue", results, "--name", "U")
    assert answer.code == 1
    assert "results.csv has no column for diploma_number" in answer.err
    way_out = "If the file has no numbers, have them given: --number '{year}-{seq:06}'"
    assert f"--map diploma_number=COLUMN. {way_out}" in answer.err
    results.write_text(results.read_text().replace("award_date", "when"))
    assert "--map award_date=COLUMN. If the file has no numbers" in program("issuer", "issue", results).err
    missing = program("issuer", "issue", results, "--number", PATTERN)
    assert "results.csv has no column for award_date;" in missing.err
    assert "--number" not in missing.err


def test_a_pattern_that_is_none_is_refused_before_there_is_an_issuer(program: Program, results: Path) -> None:
    answer = program("issuer", "issue", results, "--name", "U", "--number", "{month}-{seq}")
    assert answer.code == 1
    assert "the pattern of numbers has {month} in it: in braces may stand {year}, {seq}" in answer.err
    assert "Write the year, the place in the year's numbers, and plain text: --number" in answer.err
    assert not (program.home / "issuer").exists()


def test_a_file_with_numbers_is_told_both(program: Program, tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text(table([graduate(1)]))
    answer = program("issuer", "issue", tmp_path / "g.csv", "--name", "U", "--number", PATTERN)
    assert answer.code == 1
    assert "g.csv has a column 'diploma_number' for diploma_number, and numbers are to be given" in answer.err
    assert "Leave out --number to issue by the numbers in the file" in answer.err


@pytest.mark.slow
def test_a_dry_run_asks_for_the_passphrase_of_the_keys(
    program: Program, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the keys a row is known that was given its number before."""
    (tmp_path / "passphrase").write_text("correct horse battery")
    (tmp_path / "passphrase").chmod(0o600)
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    command = ("issuer", "issue", results, "--number", PATTERN)
    assert program(*command, "--name", "U").code == 7
    assert json.loads(program(*command, "--dry-run", "--json").out)["issuedBefore"] == 2
    monkeypatch.delenv("INTAGLIO_PASSPHRASE_FILE")
    answer = program(*command, "--dry-run")
    assert (answer.code, answer.out) == (6, "")


@pytest.mark.slow
def test_the_error_file_is_issued_with_the_same_pattern(program: Program, results: Path) -> None:
    dry = program("issuer", "issue", results, "--name", "U", "--number", PATTERN, "--dry-run", "--json")
    assert json.loads(dry.out)["nextNumber"] == "2026-000001"
    answer = program("issuer", "issue", results, "--name", "U", "--number", PATTERN)
    assert (answer.code, answer.out) == (7, "2 issued, 0 issued before, 1 with errors\n")
    assert f"issuer issue {results.with_name('results.errors.csv')} --number '{PATTERN}'" in answer.err
    errors = results.with_name("results.errors.csv")
    errors.write_text(errors.read_text("utf-8-sig").replace('"soon"', '"2026-06-30"'))
    index = program.home / "issuer" / "issuer.sqlite"
    with closing(sqlite3.connect(index)) as connection:
        before = list(connection.iterdump())
        dry = program("issuer", "issue", errors, "--number", PATTERN, "--dry-run")
        assert "New rows would get numbers from 2026-000003 on." in dry.err
        assert list(connection.iterdump()) == before
    answer = program("issuer", "issue", errors, "--number", PATTERN)
    assert answer.out == "1 issued, 0 issued before, 0 with errors\n"
    listed = program("issuer", "list").out
    assert listed.splitlines() == ["2026-000001  Name 1", "2026-000002  Name 3", "2026-000003  Name 2"]
    again = program("issuer", "issue", results, "--number", "X{seq}", "--json")
    assert json.loads(again.out)["issuedBefore"] == 2
    assert Path("diplomas/2026-000001.json").exists()
