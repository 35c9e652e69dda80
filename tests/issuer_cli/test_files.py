"""Files as registrars have them, at the command line: encodings and spreadsheets, said or asked about."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commandline import Program, typed
from tests.world import graduate, table

NAMES = ("张敏", "王伟", "欧阳修", "刘洋")


def test_a_file_in_gb18030_is_issued_as_it_is(program: Program) -> None:
    rows = [graduate(row, given_name=name, family_name="") for row, name in enumerate(NAMES)]
    Path("g.csv").write_bytes(table(rows).encode("gb18030"))
    answer = program("issuer", "issue", "g.csv", "--name", "U")
    assert (answer.code, answer.out) == (0, "4 issued, 0 issued before, 0 with errors\n")
    assert "张敏" in program("issuer", "list").out


def test_an_open_encoding_is_an_error_that_names_the_option(program: Program) -> None:
    Path("g.csv").write_bytes(table([graduate(1, given_name="Muñoz")]).encode("cp1252"))
    words = ("issuer", "issue", "g.csv", "--name", "U", "--dry-run")
    answer = program(*words)
    assert (answer.code, answer.out) == (1, "")
    assert "\n  windows-1252: Muñoz\n" in answer.err
    assert "--encoding NAME" in answer.err
    answer = program(*words, "--encoding", "windows-1252")
    assert answer.code == 0
    assert "Muñoz" in answer.err


def test_another_encoding_is_another_job(program: Program) -> None:
    Path("g.csv").write_bytes(table([graduate(1, given_name="Muñoz")]).encode("cp1252"))
    words = ("issuer", "issue", "g.csv", "--name", "U")
    assert program(*words, "--encoding", "windows-1250").out.startswith("1 issued")
    assert program(*words, "--encoding", "windows-1250").out == "0 issued, 1 issued before, 0 with errors\n"
    assert "1 issued before (1 differs)" in program(*words, "--encoding", "windows-1252").out


@pytest.mark.slow
def test_an_open_encoding_is_asked_about_at_a_terminal(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_bytes(table([graduate(1, given_name="Muñoz")]).encode("cp1252"))
    words = ["issuer", "issue", str(path), "--name", "U", "--dry-run"]
    _, told = typed(program.home, words, [("2  windows-1252: Muñoz".encode(), b""), (b"Which, 1 to 6", b"2")])
    assert "Muñoz" in told
