"""Files as registrars have them, at the command line: encodings and spreadsheets, said or asked about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.commandline import Program, typed
from tests.workbooks import ROWS, texts, workbook
from tests.world import HEADER, graduate, table

NAMES = ("张敏", "王伟", "欧阳修", "刘洋")


@pytest.mark.slow
def test_a_file_in_gb18030_is_issued_as_it_is(program: Program) -> None:
    rows = [graduate(row, given_name=name, family_name="") for row, name in enumerate(NAMES)]
    Path("g.csv").write_bytes(table(rows).encode("gb18030"))
    answer = program("issuer", "issue", "g.csv", "--name", "U")
    assert (answer.code, answer.out) == (0, "4 issued, 0 issued before, 0 with errors\n")
    assert "张敏" in program("issuer", "list").out


@pytest.mark.parametrize(
    ("between", "says"),
    [("", ""), ("\n", ", 1 empty row left out"), ("\n,,,\n", ", 2 empty rows left out")],
)
def test_empty_rows_are_counted_in_the_summary(between: str, says: str, program: Program) -> None:
    wrong = graduate(2, award_date="someday")
    others = table([wrong, graduate(3)]).split("\n", 1)[1]
    Path("g.csv").write_text(table([graduate(1)]) + between + others)
    answer = program("issuer", "issue", "g.csv", "--name", "U", "--dry-run")
    assert answer.out == f"2 would be issued, 0 issued before, 1 with errors{says}\n"


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_workbook_is_issued_and_its_bad_rows_come_back(program: Program) -> None:
    def fill(sheet: Any) -> None:
        texts(sheet, [["Graduates of 2026"], HEADER, *ROWS])
        sheet.write_formula(3, HEADER.index("given_name"), "=NA()", None, "#N/A")

    workbook(Path("g.xlsx"), fill)
    answer = program("issuer", "issue", "g.xlsx", "--name", "U")
    assert (answer.code, answer.out) == (7, "4 issued, 0 issued before, 1 with errors\n")
    assert "g.xlsx, sheet Graduates: each of the 16 columns" in answer.err
    assert "1 row stands above the headings" in answer.err
    assert 'row 4, column given_name: "#N/A" is an error of the spreadsheet' in answer.err
    assert Path("g.errors.xlsx").exists()
    answer = program("issuer", "issue", "g.xlsx", "--errors", "g.errors.csv")
    assert (answer.code, answer.out) == (7, "0 issued, 4 issued before, 1 with errors\n")
    errors = Path("g.errors.csv")
    errors.write_text(errors.read_text().replace("#N/A", "Anna"), encoding="utf-8")
    assert program("issuer", "issue", errors).out.startswith("1 issued")


@pytest.mark.slow
def test_what_would_be_asked_of_a_workbook_is_an_error_that_names_the_option(
    program: Program, tmp_path: Path
) -> None:
    def fill(book: Any) -> None:
        for name in ("2026", "2025"):
            sheet = book.add_worksheet(name)
            texts(sheet, [HEADER, *ROWS])
            sheet.set_row(2, None, None, {"hidden": True})

    workbook(Path("g.xlsx"), fill, "")
    words = ("issuer", "issue", "g.xlsx", "--name", "U", "--dry-run")
    answer = program(*words)
    assert (answer.code, "--sheet NAME" in answer.err) == (1, True)
    assert "\n  2025: student_id, given_name, family_name\n" in answer.err
    answer = program(*words, "--sheet", "2025")
    assert (answer.code, "--hidden include or --hidden skip" in answer.err) == (1, True)
    answer = program(*words, "--sheet", "2025", "--hidden", "skip")
    assert answer.out.startswith("4 would be issued")
    assert "1 hidden row left out" in answer.err
    dialogue = [(b"Which, 1 or 2", b"2"), (b"Which, 1 or 2", b"1")]
    file = str(tmp_path / "g.xlsx")
    out, _ = typed(program.home, ["issuer", "issue", file, "--name", "U", "--dry-run"], dialogue)
    assert out.startswith("5 would be issued")
