"""What a registrar sees at a terminal before anything is signed, and what a script does not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.commandline import Program, typed
from tests.sources import ROOT
from tests.workbooks import ROWS, texts, workbook
from tests.world import HEADER, graduate, table

NAMES = (
    ("敏", "张", "zh"),
    ("Thị Ánh", "Nguyễn", "vi"),
    ("Wolfe" * 12, "Schlegel " * 6 + "Steinhausen", "en"),
)
PASSPHRASE = b"Passphrase for the issuer's keys (empty: none): "
ASKED = b"Issue 3 diplomas for good? [y/N]: "


@pytest.fixture
def three(tmp_path: Path) -> Path:
    rows = [
        graduate(row, given_name=given, family_name=family, lang=lang)
        for row, (given, family, lang) in enumerate(NAMES, 1)
    ]
    path = tmp_path / "g.csv"
    path.write_text(table(rows))
    return path


def words(path: Path, *further: str) -> list[str]:
    out = str(path.with_name("out"))
    return ["issuer", "issue", str(path), "--name", "Invented University", "--out", out, *further]


@pytest.mark.slow
def test_who_declines_has_made_no_issuer_and_who_agrees_gets_what_was_shown(
    program: Program, three: Path
) -> None:
    question = b"There is no issuer here yet: Invented University becomes one first.\n" + ASKED
    _, declined = typed(program.home, words(three), [(question, b"n")], code=5)
    assert "Declined: nothing was issued" in declined
    assert not program.home.exists()
    assert sorted(path.name for path in three.parent.iterdir()) == ["g.csv"]
    out, said = typed(program.home, words(three), [(question, b"y"), (PASSPHRASE, b"")])
    assert out == "3 issued, 0 issued before, 0 with errors\n"
    sentences = re.findall(r'^  (by Invented University: ".+)$', said, re.MULTILINE)
    assert len(sentences) == 3
    verified = program("verify", three.with_name("out"), "--offline").out
    for sentence in sentences:
        assert sentence in verified


@pytest.mark.slow
def test_what_is_shown_has_the_reading_and_what_a_wallet_shows(program: Program, tmp_path: Path) -> None:
    common = {"family_name": "", "award_date": "30/06/2026", "gpa": "3.50"}
    rows = [
        graduate(row, given_name=name, **common) for row, name in enumerate(("张敏", "王伟", "张敏", "刘洋"))
    ]
    rows.append(graduate(5, **common, email="x"))
    path = tmp_path / "g.csv"
    path.write_bytes(table(rows).replace("diploma_number", "No", 1).encode("gb18030"))
    options = ("--map", "diploma_number=No", "--dates", "day-first")
    beside: list[str] = []

    def look() -> bytes:
        beside.extend(each.name for each in tmp_path.iterdir())
        return b"n"

    asked = b"5 rows: 0 issued before, 1 with errors. Issue 4 diplomas for good? [y/N]: "
    _, said = typed(program.home, words(path, *options), [(b"Which, 1 ", b"1"), (asked, look)], code=5)
    assert beside == ["g.csv"], "nothing is written while it asks"
    assert "\n  No → diploma_number\n" in said
    assert '\nrow 6, column email: "x" is not an e-mail address\n' in said
    assert "\nwarning: rows 2 and 4 differ in nothing" in said
    assert (
        "\nIt was read as gb18030 (--encoding).\nDates such as 03/04/2026 are day first (--dates).\n" in said
    )
    assert "\nThe first 3 of 4 diplomas, unsigned, as holders will see them:\n" in said
    assert re.search("\n    awarded to  张敏\n(    .+\n)*    number      UNI-000000\n", said)
    assert said.count("    awarded on  2026-06-30\n") == 3
    assert "刘洋" not in said


@pytest.mark.slow
def test_an_issuer_that_is_here_is_asked_once_and_a_no_changes_nothing(
    issued: Program, file: Path, tmp_path: Path
) -> None:
    before = issued("issuer", "list", "--all").out
    file.write_text(file.read_text() + table([graduate(7, email="x"), graduate(8)]).partition("\r\n")[2])
    errors = tmp_path / "graduates.errors.csv"
    asked = b"8 rows: 6 issued before, 1 with errors. Issue 1 diploma for good? [y/N]: "
    typed(issued.home, words(file), [(asked, b"n")], code=5)
    assert (issued("issuer", "list", "--all").out, errors.exists()) == (before, False)
    out, said = typed(issued.home, words(file), [(asked, b"y")], code=7)
    assert out == "1 issued, 6 issued before, 1 with errors\n"
    assert said.count('row 8, column email: "x"') == 1, "shown before, and not again"
    assert f"The bad rows are in {errors}" in said
    _, said = typed(issued.home, words(file), [], code=7)
    assert "[y/N]" not in said, "there is nothing to ask about"


@pytest.mark.slow
def test_with_yes_nothing_is_shown_or_asked_and_what_is_open_is_an_error(
    program: Program, tmp_path: Path
) -> None:
    path = tmp_path / "g.csv"
    path.write_bytes(table([graduate(1, given_name="Muñoz")]).encode("cp1252"))
    _, said = typed(program.home, words(path, "--yes"), [], code=1)
    assert "--encoding NAME" in said
    assert not program.home.exists()
    options = ("--yes", "--encoding", "windows-1252")
    out, said = typed(program.home, words(path, *options), [(PASSPHRASE, b"")])
    assert out.startswith("1 issued")
    assert "unsigned" not in said
    assert "[y/N]" not in said


def test_what_is_left_of_a_file_is_shown_and_asked_about(issued: Program, file: Path) -> None:
    """In this process; what a real terminal does is tried slowly."""
    more = [graduate(7, email="x"), *(graduate(row) for row in range(8, 12))]
    file.write_text(file.read_text() + table(more).partition("\r\n")[2])
    words = ("issuer", "issue", file, "--dates", "month-first")
    declined = issued(*words, stdin=b"\n", at_terminal=True)
    assert (declined.code, declined.out) == (5, "")
    question = "11 rows: 6 issued before, 1 with errors. Issue 4 diplomas for good? [y/N]: "
    assert declined.err.endswith(f"{question}Declined: nothing was issued\n")
    assert "\nThe first 3 of 4 diplomas, unsigned, as holders will see them:\n" in declined.err
    assert "\nDates such as 03/04/2026 are month first (--dates).\n" in declined.err
    assert re.findall(r"number +(UNI-\d+)", declined.err) == ["UNI-000008", "UNI-000009", "UNI-000010"]
    agreed = issued(*words, stdin=b"y\n", at_terminal=True)
    assert (agreed.code, agreed.out) == (7, "4 issued, 6 issued before, 1 with errors\n")
    assert agreed.err.startswith(declined.err.removesuffix("Declined: nothing was issued\n"))
    assert "column email" not in agreed.err.partition("[y/N]")[2]


def test_the_order_of_dates_is_asked_about_where_one_needs_it(issued: Program, file: Path) -> None:
    days = ("30.06.2026", "2026-06-30", "06/13/2026", "03/04/2026")
    rows = [graduate(row, award_date=day, email="x") for row, day in enumerate(days, 7)]
    file.write_text(table(rows))
    told = issued("issuer", "issue", file, stdin=b"2\n", at_terminal=True)
    question = 'Dates such as "03/04/2026" can be read in several ways. Which one is right?'
    assert f"{question}\n  1  day-first: 2026-04-03\n  2  month-first: 2026-03-04\n" in told.err
    assert told.out == "0 issued, 0 issued before, 4 with errors\n", "of none of them the date"
    assert "award_date" not in told.err.partition("Which, 1 or 2")[2]
    assert "graduates.errors.csv --dates month-first\n" in told.err
    for words in (("--yes",), ("--dates", "day-first")):
        assert "Which one" not in issued("issuer", "issue", file, *words, at_terminal=True).err
    told = issued("issuer", "issue", file)
    assert "Which one" not in told.err
    assert "--dates day-first or --dates month-first" in told.err
    file.write_text(table(rows[:3]))
    told = issued("issuer", "issue", file, stdin=b"1\n", at_terminal=True)
    assert "\n  1  month-first: 2026-06-13\nWhich, 1 to 1" in told.err
    file.write_text(table(rows[:2]))
    assert "Which" not in issued("issuer", "issue", file, at_terminal=True).err


def test_without_a_terminal_nothing_is_shown_or_asked(program: Program, three: Path) -> None:
    answer = program(*words(three))
    assert (answer.code, answer.out) == (0, "3 issued, 0 issued before, 0 with errors\n")
    assert "unsigned" not in answer.err
    assert "[y/N]" not in answer.err


@pytest.mark.slow
def test_bad_rows_of_a_workbook_come_back_as_one_and_are_fed_again(program: Program, tmp_path: Path) -> None:
    email = HEADER.index("email")
    rows = [*ROWS[:3], *([*cells[:email], "x", *cells[email + 1 :]] for cells in ROWS[3:])]
    workbook(tmp_path / "g.xlsx", lambda sheet: texts(sheet, [HEADER, *rows]))
    answer = program(*words(tmp_path / "g.xlsx"))
    assert (answer.code, answer.out) == (7, "3 issued, 0 issued before, 2 with errors\n")
    first, second = tmp_path / "g.errors.xlsx", tmp_path / "g.errors-2.xlsx"
    assert f"The bad rows are in {first}" in answer.err
    answer = program(*words(first))
    assert (answer.code, answer.out) == (7, "0 issued, 0 issued before, 2 with errors\n")
    assert f"{first} is" not in answer.err
    assert f"The bad rows are in {second}" in answer.err
    kept = first.read_bytes()
    again = program(*words(tmp_path / "g.xlsx", "--errors", str(tmp_path / "e.csv")))
    assert (again.code, first.read_bytes()) == (7, kept)
    corrected = (tmp_path / "e.csv").read_text(encoding="utf-8-sig").replace('"x"', '"a@x.example"')
    (tmp_path / "e.csv").write_text(corrected)
    assert program(*words(tmp_path / "e.csv")).out == "2 issued, 0 issued before, 0 with errors\n"
    after = program(*words(tmp_path / "g.xlsx", "--errors", str(tmp_path / "e.csv")))
    assert f"{tmp_path / 'e.csv'} is not as it was written for this file: it stays as it is.\n" in after.err
    assert (tmp_path / "e.csv").read_text() == corrected


def test_for_a_file_without_a_good_row_no_issuer_is_made(program: Program, tmp_path: Path) -> None:
    """Nobody is shown anything, or agrees to anything, so nothing is for good: not even a key."""
    path = tmp_path / "g.csv"
    path.write_text(table([graduate(row, email="x") for row in range(1, 5)]))
    for at_terminal in (True, False):
        answer = program(*words(path), at_terminal=at_terminal)
        assert (answer.code, answer.out) == (7, "0 issued, 0 issued before, 4 with errors\n")
        assert not [each for each in ("Passphrase", "[y/N]", "is now the issuer") if each in answer.err]
        assert "The bad rows are in" in answer.err
        assert not (program.home / "issuer" / "issuer.json").exists()
    assert sorted(each.name for each in tmp_path.glob("g.*")) == ["g.csv", "g.errors.csv"]


def test_a_script_is_asked_no_question_and_told_once_what_is_open(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_bytes(table([graduate(1, given_name="Muñoz")]).encode("cp1252"))
    told = program(*words(path)).err
    assert "Which one is right?" not in told
    assert told.count("could be in several encodings") == 1
    assert told.startswith("g.csv can be read so:\n")
    assert "  windows-1252: Muñoz\n" in told


def test_an_example_does_not_read_as_advice(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    rows = [graduate(row, family_name="") for row in range(1, 6)]
    text = table(rows).replace("given_name", "name", 1).replace("family_name", "unused", 1)
    for row in range(1, 6):
        text = text.replace(f"Given{row}", f'"SMITH, Anna{row}"')
    path.write_text(text)
    told = program(*words(path, "--dry-run")).err
    expected = 'column name, such as "SMITH, Anna1": has a comma: write the name as it shall stand\n'
    assert f"5 rows (2, 3, 4, …), {expected}" in told


@pytest.mark.slow
def test_a_form_more_is_asked_about_as_well(issued: Program, file: Path, tmp_path: Path) -> None:
    """The rows are known, and what is to be signed is only the other form of them."""
    again = ["issuer", "issue", str(file), "--form", "vc+jwt", "--out", str(tmp_path / "out")]
    dry = issued(*again, "--dry-run")
    counts = "0 would be issued, 6 issued before, 0 with errors"
    assert dry.out == f"{counts}, 6 diplomas would be issued in another form as well\n"
    assert json.loads(issued(*again, "--dry-run", "--json").out)["lacking"] == 6
    asked = b"6 rows: 6 issued before, 0 with errors. Issue 6 diplomas in another form for good? [y/N]: "
    typed(issued.home, again, [(asked, b"n")], code=5)
    assert not (tmp_path / "out").exists()
    out, _ = typed(issued.home, again, [(asked, b"y")])
    assert out == "0 issued, 6 issued before, 0 with errors, 6 credentials added in another form\n"
    assert len(list((tmp_path / "out").glob("*+vc+jwt.json"))) == 6
    for form in ((), ("--form", "vc+jwt")):
        dry = issued("issuer", "issue", file, *form, "--dry-run")
        assert dry.out == f"{counts}\n"


@pytest.mark.parametrize("tried", [("--dry-run",), ()])
def test_a_form_that_the_kind_does_not_have_is_refused_before_there_is_an_issuer(
    program: Program, tried: tuple[str, ...]
) -> None:
    folder = ROOT / "examples" / "uses" / "age-over-18"
    words = ("issuer", "issue", folder / "rows.csv", "--kind", folder, "--name", "U", "--form", "vc+jwt")
    answer = program(*words, *tried)
    assert (answer.code, answer.out) == (1, "")
    assert "is not issued as application/vc+jwt" in answer.err
    assert not (program.home / "issuer" / "issuer.json").exists()
