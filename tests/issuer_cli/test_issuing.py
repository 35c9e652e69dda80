"""`intaglio issuer issue` as a registrar meets it: clear words for each row, sane exit codes."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from intaglio.__main__ import exit_code
from intaglio.commands.issuer.issue import _counting
from intaglio.commands.issuer.terminal import ProgressMeter
from issuer.archive.kept import ShardName
from issuer.archive.store import SQLiteIndex
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.table.source import open_source
from kinds import shipped
from kinds.cells import check_cell
from kinds.shipped import diploma_1
from tests.commandline import Program, verdict
from tests.conftest import ROOT
from tests.world import csv_file, graduate, reopened, table, template_before
from wire.files import locked
from wire.problem import TryLater

EXAMPLES = ROOT / "examples" / "diploma"


def test_from_a_csv_to_a_verified_diploma_in_two_commands(program: Program, file: Path) -> None:
    answer = program("issuer", "issue", file, "--name", "Invented University")
    assert (answer.code, answer.out) == (0, "6 issued, 0 issued before, 0 with errors\n")
    assert "graduates.csv: each of the 16 columns is the field of its name\n" in answer.err
    assert "a did:key can never change its key" in answer.err
    assert "the keys lie unencrypted" in answer.err
    assert "Without --url only Intaglio sees which diplomas were revoked" in answer.err
    assert "intaglio verify diplomas/UNI-000001.json" in answer.err
    assert sorted(path.name for path in Path("diplomas").glob("*.json")) == [
        f"UNI-{row:06}.json" for row in range(1, 7)
    ]
    assert verdict(program, "diplomas/UNI-000001.json") == (
        'VALID: by Invented University: "Bachelor of Science (Bachelor\'s degree)", '
        'to "Given1 Family1", 2026-06-30'
    )


def test_a_bundle_verifies_in_another_folder_without_the_issuer(issued: Program, tmp_path: Path) -> None:
    shutil.copy("diplomas/UNI-000002.json", tmp_path / "moved.json")
    shutil.rmtree(issued.home / "issuer")
    assert verdict(issued, tmp_path / "moved.json").startswith("VALID: ")


def test_a_home_may_have_any_name(program: Program, file: Path, tmp_path: Path) -> None:
    home = tmp_path / "100%41 #1?"
    assert program("--home", home, "issuer", "issue", file, "--name", "U").code == 0
    assert (home / "issuer" / "issuer.sqlite").stat().st_size > 0


def test_the_same_file_again_issues_nothing(issued: Program, file: Path) -> None:
    answer = issued("issuer", "issue", file)
    assert (answer.code, answer.out) == (0, "0 issued, 6 issued before, 0 with errors\n")
    assert "stays as it is" in answer.err


def test_who_issues_has_to_be_said(program: Program, file: Path) -> None:
    answer = program("issuer", "issue", file)
    assert (answer.code, answer.out) == (2, "")
    assert "--name" in answer.err
    assert program("issuer", "issue", file, "--name", " ").code == 1
    assert program("issuer", "init").code == 2
    assert not (program.home / "issuer" / "issuer.json").exists()


def test_bad_rows_stop_nothing_and_are_explained(program: Program) -> None:
    shutil.copy(EXAMPLES / "graduates-with-errors.csv", "g.csv")
    words = ("issuer", "issue", "g.csv", "--programmes", EXAMPLES / "programmes.csv", "--name", "U")
    answer = program(*words)
    assert (answer.code, answer.out) == (7, "2 issued, 0 issued before, 6 with errors\n")
    assert 'row 3, column email: "not-an-email" is not an e-mail address\n' in answer.err
    assert answer.err.count("\nrow ") == 6
    assert "warning: student number S202000 occurs twice" in answer.err
    assert "The bad rows are in g.errors.csv" in answer.err
    assert Path("g.errors.csv").stat().st_mode & 0o777 == 0o600
    again = program(*words, "--errors", "other.csv", "--json")
    found = json.loads(again.out)
    assert again.code == 7
    assert {name: found[name] for name in ("version", "issued", "issuedBefore", "failed", "errorFile")} == {
        "version": 2,
        "issued": 0,
        "issuedBefore": 2,
        "failed": 6,
        "errorFile": "other.csv",
    }
    assert found["errors"][0] == {
        "row": 3,
        "column": "email",
        "code": "bad-cell",
        "reason": "is not an e-mail address",
    }
    assert found["errors"][1]["code"] == "date-day-first"
    assert "\nIf all dates are written so: --dates day-first reads them.\n" in answer.err
    assert "not-an-email" not in again.out


def test_of_many_bad_rows_the_first_are_named(program: Program) -> None:
    rows = [graduate(row, email="x" if row % 2 else f"g{row}@x.example", gpa="x" * row) for row in range(30)]
    rows += [graduate(row, **{list(graduate(0))[row - 30]: "\x07"}) for row in range(30, 46)]
    rows += [graduate(row, award_date=f"{row}") for row in range(46, 49)]
    Path("g.csv").write_text(table(rows))
    answer = program("issuer", "issue", "g.csv", "--name", "U")
    assert answer.code == 7
    assert '\n29 rows (3, 4, 5, …), column gpa, such as "x": is not a grade average\n' in answer.err
    assert '\n15 rows (3, 5, 7, …), column email: "x" is not an e-mail address\n' in answer.err
    assert (
        sum("column" in line and line.startswith(("row", "29", "15")) for line in answer.err.splitlines())
        == 20
    )
    assert "… and 1 more line, listed with --json" in answer.err


def test_a_dry_run_leaves_nothing(program: Program, file: Path) -> None:
    answer = program("issuer", "issue", file, "--dry-run")
    assert (answer.code, answer.out) == (0, "6 would be issued, 0 issued before, 0 with errors\n")
    assert not (program.home / "issuer").exists()
    assert not Path("diplomas").exists()
    program("issuer", "issue", file, "--name", "U")
    answer = program("issuer", "issue", file, "--dry-run", "--json")
    assert json.loads(answer.out)["issuedBefore"] == 6
    csv_file(Path("bad.csv"), [graduate(1), graduate(2, email="x")])
    before = set(Path().iterdir())
    for _ in range(2):
        answer = program("issuer", "issue", "bad.csv", "--dry-run")
        assert (answer.code, "Correct these rows in bad.csv" in answer.err) == (7, True)
    assert set(Path().iterdir()) == before
    assert program("issuer", "issue", "bad.csv", "--dry-run", "--errors", "e.csv").code == 7
    assert Path("e.csv").exists()


def test_columns_can_be_mapped(program: Program) -> None:
    row = graduate(1, programme_title="Physics")
    Path("g.csv").write_text(table([row]).replace("email", "Mailbox", 1) + "\n")
    answer = program("issuer", "issue", "g.csv", "--dry-run", "--map", "email=Mailbox")
    assert "Mailbox → email" in answer.err
    answer = program("issuer", "issue", "g.csv", "--dry-run")
    assert "not used: Mailbox" in answer.err
    assert "by their own names: diploma_number, student_id" in answer.err
    assert max(map(len, answer.err.splitlines())) <= 80
    for wrong in (["--map", "email"], ["--map", "email=Mailbox", "--map", "email=gpa"]):
        assert program("issuer", "issue", "g.csv", "--dry-run", *wrong).code == 2


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (None, 4, "there is no file g.csv"),
        (b"", 1, "g.csv is empty"),
        (b"\xd0\xcf\x11\xe0", 1, "g.csv is in the format of Excel 97 to 2003"),
        (b"a,b\n1,2\n", 1, "g.csv has no column for diploma_number"),
        (table([]).encode(), 1, "g.csv has a header and no rows"),
        (table([graduate(1), graduate(2, honours="é")]).encode("cp1252"), 1, "could be in several encodings"),
    ],
)
def test_a_bad_file_is_named_with_what_to_do(
    program: Program, content: bytes | None, code: int, words: str
) -> None:
    if content is not None:
        Path("g.csv").write_bytes(content)
    answer = program("issuer", "issue", "g.csv", "--name", "U")
    assert (answer.code, answer.out) == (code, "")
    assert words in answer.err
    assert "Traceback" not in answer.err
    assert not (program.home / "issuer").exists()
    assert not Path("g.errors.csv").exists()


def test_a_row_that_now_says_something_else_is_named_with_the_command_to_correct_it(
    issued: Program, file: Path
) -> None:
    rows = [graduate(row, gpa="4.0", honours="") if row == 2 else graduate(row) for row in range(1, 4)]
    rows.append(graduate(4, given_name="Anna"))
    issued("issuer", "revoke", "UNI-000004")
    Path("h.csv").write_text(table(rows).replace("gpa", "Average grade", 1))
    answer = issued("issuer", "issue", "h.csv")
    assert (answer.code, answer.out) == (0, "0 issued, 4 issued before (2 differ), 0 with errors\n")
    assert answer.err.endswith(
        "What was issued before stays as it is; these rows differ from it:\n"
        "row 3: Average grade, honours\n"
        "  intaglio issuer correct UNI-000002 --set gpa=4.0 --set honours=\n"
        "row 5: given_name\n"
        "  diploma UNI-000004 was revoked: a new one needs a number of its own\n"
        "Bundles are in diplomas. To check one:\n  intaglio verify diplomas/UNI-000001.json\n"
    )
    told = json.loads(issued("issuer", "issue", "h.csv", "--dry-run", "--json").out)
    assert told["changed"] == [
        {"row": 3, "number": "UNI-000002", "fields": ["gpa", "honours"]},
        {"row": 5, "number": "UNI-000004", "fields": ["given_name"]},
    ]
    assert json.loads(issued("issuer", "issue", file, "--json").out)["changed"] == []


def test_the_command_to_correct_can_be_typed_as_it_is_shown(program: Program) -> None:
    Path("g.csv").write_text(table([graduate(1, diploma_number="No 1; reboot")]))
    program("issuer", "issue", "g.csv", "--name", "U")
    Path("g.csv").write_text(table([graduate(1, diploma_number="No 1; reboot", gpa="4.0")]))
    said = program("issuer", "issue", "g.csv").err
    (command,) = [line.strip() for line in said.splitlines() if "issuer correct" in line]
    assert command.endswith("correct 'No 1; reboot' --set gpa=4.0")
    assert program(*shlex.split(command)[1:]).code == 0
    assert "0 issued, 1 issued before, 0 with errors" in program("issuer", "issue", "g.csv").out
    dots = program("issuer", "correct", "No 1; reboot", "--set", "gpa=…")
    assert (dots.code, "the value in the place of the dots" in dots.err) == (2, True)


@pytest.mark.slow
def test_of_many_rows_that_differ_or_are_odd_the_first_are_named(program: Program) -> None:
    twice = [{"student_id": f"S{row // 2}"} for row in range(60)]
    Path("g.csv").write_text(table([graduate(row, **twice[row]) for row in range(60)]))
    program("issuer", "issue", "g.csv", "--name", "U")
    odd = [graduate(row, **twice[row], **({"gpa": "1.0"} if row < 30 else {})) for row in range(60)]
    Path("g.csv").write_text(table(odd))
    answer = program("issuer", "issue", "g.csv", "--dry-run", "--json")
    assert (answer.err.count("intaglio issuer correct"), answer.err.count("warning: student")) == (20, 20)
    assert "… and 10 more rows, listed with --json" in answer.err
    assert "… and 10 more warnings, listed with --json" in answer.err
    assert len(json.loads(answer.out)["changed"]) == 30


@pytest.mark.slow
def test_the_order_of_day_and_month_is_said_once_for_the_file(program: Program) -> None:
    Path("g.csv").write_text(
        table([graduate(1, award_date="30.06.2026"), graduate(2, award_date="03/04/2026")])
    )
    answer = program("issuer", "issue", "g.csv", "--name", "U")
    assert (answer.code, answer.out) == (7, "1 issued, 0 issued before, 1 with errors\n")
    assert 'row 3, column award_date: "03/04/2026" is day/month/year or month/day/year' in answer.err
    said = ("issuer", "issue", "g.csv", "--dates", "day-first")
    assert program(*said).out == "1 issued, 1 issued before, 0 with errors\n"
    assert program(*said).out == "0 issued, 2 issued before, 0 with errors\n"
    assert "award_date       2026-04-03\n" in program("issuer", "show", "UNI-000002").out
    otherwise = program("issuer", "issue", "g.csv", "--dates", "month-first")
    assert otherwise.out == "0 issued, 2 issued before (1 differs), 0 with errors\n"
    assert "correct UNI-000002 --set award_date=2026-03-04" in otherwise.err


def test_a_dry_run_finds_what_is_wrong_with_the_template(program: Program) -> None:
    Path("g.csv").write_text(table([graduate(1)]))
    template = template_before(program.home / "issuer")
    program("issuer", "init", "--name", "U")
    for broken in ("{", template.read_text().replace('"narrative"', '"narration"', 1)):
        template.write_text(broken)
        answer = program("issuer", "issue", "g.csv", "--dry-run")
        assert answer.code == 1
        assert "The template is not usable" in answer.err


def test_a_column_of_ones_own_stands_on_the_diploma(program: Program) -> None:
    template = template_before(program.home / "issuer")
    program("issuer", "init", "--name", "U")
    content = json.loads(template.read_text())
    content["credentialSubject"]["result"].append(
        {
            "$if": "thesis_title",
            "type": ["Result"],
            "resultDescription": "urn:x:thesis",
            "value": "{thesis_title}",
        }
    )
    template.write_text(json.dumps(content))
    Path("g.csv").write_text(table([graduate(1)]))
    assert "g.csv has no column for thesis_title" in program("issuer", "issue", "g.csv").err
    rows = [{**graduate(row), "Thesis": title} for row, title in ((1, "On =Tests"), (2, ""), (3, "=CMD"))]
    Path("g.csv").write_text(table(rows, [*rows[0]]))
    said = ("issuer", "issue", "g.csv", "--map", "thesis_title=Thesis")
    assert program(*said).out == "3 issued, 0 issued before, 0 with errors\n"
    assert program(*said).out == "0 issued, 3 issued before, 0 with errors\n"

    def theses(number: str) -> list[str]:
        bundle = json.loads(next(Path("diplomas").glob(f"{number}*.json")).read_bytes())
        results = bundle["credential"]["credentialSubject"]["result"]
        return [found["value"] for found in results if found["resultDescription"] == "urn:x:thesis"]

    assert [theses(f"UNI-00000{row}") for row in (1, 2, 3)] == [["On =Tests"], [], ["=CMD"]]
    assert program("verify", "diplomas/UNI-000001.json", "--offline").code == 0
    corrected = program("issuer", "correct", "UNI-000002", "--set", "thesis_title=Found", "--out", "again")
    assert corrected.code == 0
    assert "thesis_title" in program("issuer", "show", "UNI-000002").out
    template.write_text(template.read_text().replace("{programme_title}", "{programme_titel}", 1))
    misspelt = program("issuer", "correct", "UNI-000003", "--set", "gpa=1.0", "--out", "again")
    assert misspelt.code == 1
    assert "names 'programme_titel', and the record of this credential has no such field" in misspelt.err
    template.write_bytes(diploma_1().template.text)
    assert program("issuer", "correct", "UNI-000002", "--set", "gpa=1.0", "--out", "again").code == 0


@pytest.mark.slow
def test_the_bad_rows_are_issued_by_the_command_that_is_printed(program: Program) -> None:
    text = table([graduate(1, award_date="03/04/2026"), graduate(2, email="x", award_date="03/04/2026")])
    Path("g.csv").write_text(text.replace("diploma_number", "Nr", 1))
    options = ("--map", "diploma_number=Nr", "--dates", "day-first")
    answer = program("issuer", "issue", "g.csv", "--name", "U", *options)
    (command,) = [line.strip() for line in answer.err.splitlines() if "issue g.errors.csv" in line]
    Path("g.errors.csv").write_text(Path("g.errors.csv").read_text().replace('"x"', '"x@example.org"'))
    assert program(*shlex.split(command)[1:]).out == "1 issued, 0 issued before, 0 with errors\n"


def test_a_diploma_of_another_century_is_not_signed(program: Program) -> None:
    Path("g.csv").write_text(table([graduate(1, award_date="1026-06-30"), graduate(2)]))
    answer = program("issuer", "issue", "g.csv", "--name", "U")
    assert (answer.code, answer.out) == (7, "1 issued, 0 issued before, 1 with errors\n")
    assert 'row 2, column award_date: "1026-06-30" is before 1900: is the year right?' in answer.err
    assert program("issuer", "correct", "UNI-000002", "--set", "award_date=2206-06-30").code == 1


def test_what_is_told_on_ctrl_c_takes_the_place_of_the_progress(
    issuer: Issuer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    meter = ProgressMeter(iter([0.0, 5.0]).__next__)
    meter.show("Issuing", 256, 10_000)
    with pytest.raises(KeyboardInterrupt), _counting(issuer, ("diploma", "diplomas"), meter):
        raise KeyboardInterrupt
    assert re.search(r"Issuing 256 of .+\r\x1b\[KStopped: 0 diplomas issued\.\n", capsys.readouterr().err)


@pytest.mark.slow
def test_who_stops_a_job_is_told_how_far_it_is(
    program: Program, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_fours = partial(open_source, span_rows=4)
    monkeypatch.setattr("intaglio.commands.issuer.reading.open_source", in_fours)
    real = SQLiteIndex.begin_chunk

    def pressed(store: SQLiteIndex, shard: ShardName, first_seq: int) -> None:
        if shard.number == 1:
            signal.raise_signal(signal.SIGINT)
        real(store, shard, first_seq)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
    with monkeypatch.context() as patch:
        patch.setattr(SQLiteIndex, "begin_chunk", pressed)
        answer = program("issuer", "issue", file, "--name", "U", "--workers", "0")
    signal.signal(signal.SIGINT, before)
    assert (answer.code, answer.out) == (130, "")
    assert "Stopped: 4 diplomas issued.\n  The same command goes on from here" in answer.err
    assert program("issuer", "issue", file).out == "2 issued, 4 issued before, 0 with errors\n"


def test_corrections_in_an_error_file_are_never_written_over(program: Program) -> None:
    shutil.copy(EXAMPLES / "graduates-with-errors.csv", "g.csv")
    program("issuer", "issue", "g.csv", "--name", "U")
    Path("g.errors.csv").write_text("corrected by hand")
    again = program("issuer", "issue", "g.csv")
    assert "The bad rows are in g.errors-2.csv" in again.err
    assert Path("g.errors.csv").read_text() == "corrected by hand"
    before = Path("g.csv").read_bytes()
    assert program("issuer", "issue", "g.csv", "--errors", "g.csv").code == 2
    assert Path("g.csv").read_bytes() == before


def test_the_bundles_of_another_issuer_are_not_written_over(issued: Program, file: Path) -> None:
    before = {path: path.read_bytes() for path in Path("diplomas").glob("*.json")}
    answer = issued("issuer", "--home", "other", "issue", file, "--name", "Another")
    assert (answer.code, answer.out.split(",")[0]) == (7, f"{len(before)} issued")
    assert "not by this issuer" in answer.err
    assert "--out" in answer.err
    assert {path: path.read_bytes() for path in Path("diplomas").glob("*.json")} == before
    assert issued("issuer", "--home", "other", "issue", file, "--out", "others").code == 0
    assert len(list(Path("others").glob("*.json"))) == len(before)


def test_who_issues_beside_a_long_job_is_told_to_come_later(issued: Program, file: Path) -> None:
    impatient = reopened(issued.home / "issuer", lambda: datetime.now(UTC))
    impatient.patience = 0.1
    with (
        locked(issued.home / "issuer" / "issue"),
        pytest.raises(TryLater, match="another process is at work") as raised,
    ):
        impatient.issue_file(Order(open_source(file)))
    assert exit_code(raised.value) == 75
    assert issued("issuer", "issue", file).code == 0


@pytest.mark.slow
def test_name_beside_vorname_is_the_family_name(program: Program) -> None:
    rows = [{**graduate(1), "Name": "Invented", "Vorname": "Ada"}]
    header = [name for name in rows[0] if name not in ("given_name", "family_name")]
    Path("g.csv").write_text(table(rows, header, delimiter=";"))
    assert program("issuer", "issue", "g.csv", "--name", "U").out.startswith("1 issued")
    assert "Ada Invented" in program("issuer", "list").out


def test_a_retry_writes_where_the_first_run_did(program: Program) -> None:
    csv_file(Path("g.csv"), [graduate(1), graduate(2, email="x")])
    answer = program("issuer", "issue", "g.csv", "--name", "U", "--out", "a folder")
    assert "issue g.errors.csv --out 'a folder'\n" in answer.err


def test_dates_that_are_not_read_are_named_with_one_of_them_and_the_forms_that_are(program: Program) -> None:
    rows = [graduate(row, award_date=f"Juni {row}") for row in range(1, 6)]
    Path("g.csv").write_text(table(rows))
    told = program("issuer", "issue", "g.csv", "--dry-run").err
    group = '5 rows (2, 3, 4, …), column award_date, such as "Juni 1": is not a date (YYYY-MM-DD)'
    assert f"\n{group}\n" in told
    (forms,) = (line for line in told.splitlines() if line.startswith("Dates are read as "))
    months = ("30 June 2026", "30. Juni 2026", "30 juin 2026", "June 30, 2026", "30-Jun-2026")
    numbers = ("2026-06-30", "2026/06/30", "2026.06.30", "20260630", "30.06.2026", "2026年6月30日")
    for form in (*numbers, *months):
        assert form in forms
        assert check_cell(shipped().fields["award_date"], form) == "2026-06-30"
    for form in ("30/06/2026", "30-06-2026"):
        assert form in forms
        assert check_cell(shipped().fields["award_date"], form, "day-first") == "2026-06-30"
