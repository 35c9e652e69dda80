"""`intaglio issuer …` as a registrar meets it: three commands, clear words, sane exit codes."""

from __future__ import annotations

import errno
import io
import json
import os
import pty
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from issuer.bulk import Progress
from issuer.export import export, file_name
from issuer.issue import Issuer
from issuer.store import Entry, Job, Store
from issuer.template import Template
from issuer.terminal import Meter
from tests.commandline import Answer, Program
from tests.conftest import ROOT
from tests.registrar import NOW, csv_file, graduate, table
from vc import Bundle
from wire.files import locked

EXAMPLES = ROOT / "examples" / "diploma"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INTAGLIO_PASSPHRASE_FILE", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [graduate(row) for row in range(1, 6)]
    path = tmp_path / "graduates.csv"
    path.write_text(table([*rows, graduate(6, given_name="Given1", family_name="=CMD")]))
    return path


@pytest.fixture
def issued(program: Program, file: Path) -> Program:
    assert program("issuer", "issue", file, "--name", "Invented University").code == 0
    return program


def verdict(program: Program, path: str | Path) -> str:
    return program("verify", path, "--offline").out.splitlines()[0]


def test_from_a_csv_to_a_verified_diploma_in_two_commands(program: Program, file: Path) -> None:
    answer = program("issuer", "issue", file, "--name", "Invented University")
    assert (answer.code, answer.out) == (0, "6 issued, 0 issued before, 0 with errors\n")
    assert "graduates.csv: each of the 16 columns is the field of its name\n" in answer.err
    assert "a did:key can never change its key" in answer.err
    assert "the keys lie unencrypted" in answer.err
    assert "intaglio verify diplomas/UNI-000001.json" in answer.err
    assert sorted(path.name for path in Path("diplomas").iterdir()) == [
        f"UNI-{row:06}.json" for row in range(1, 7)
    ]
    assert verdict(program, "diplomas/UNI-000001.json") == (
        "VALID: Bachelor of Science awarded to Given1 Family1 by Invented University on 2026-06-30"
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
    assert 'row 2, column email: "not-an-email" is not an e-mail address\n' in answer.err
    assert answer.err.count("\nrow ") == 6
    assert "\nRow 1 is the first below the header: a spreadsheet shows it as row 2.\nrow 2, " in answer.err
    assert "warning: student number S202000 occurs twice" in answer.err
    assert "The bad rows are in g.errors.csv" in answer.err
    assert Path("g.errors.csv").stat().st_mode & 0o777 == 0o600
    again = program(*words, "--errors", "other.csv", "--json")
    found = json.loads(again.out)
    assert again.code == 7
    assert {name: found[name] for name in ("version", "issued", "issuedBefore", "failed", "errorFile")} == {
        "version": 1,
        "issued": 0,
        "issuedBefore": 2,
        "failed": 6,
        "errorFile": "other.csv",
    }
    assert found["errors"][0] == {"row": 2, "column": "email", "reason": "is not an e-mail address"}
    assert "not-an-email" not in again.out


def test_of_many_bad_rows_the_first_are_named(program: Program) -> None:
    rows = [graduate(row, email="x" if row % 2 else f"g{row}@x.example", gpa="x" * row) for row in range(30)]
    rows += [graduate(row, **{list(graduate(0))[row - 30]: "\x07"}) for row in range(30, 46)]
    rows += [graduate(row, award_date=f"{row}") for row in range(46, 49)]
    Path("g.csv").write_text(table(rows))
    answer = program("issuer", "issue", "g.csv", "--name", "U")
    assert answer.code == 7
    assert "\n29 rows (2, 3, 4, …), column gpa: is not a grade average\n" in answer.err
    assert '\n15 rows (2, 4, 6, …), column email: "x" is not an e-mail address\n' in answer.err
    assert (
        sum("column" in line and line.startswith(("row", "29", "15")) for line in answer.err.splitlines())
        == 20
    )
    assert "… and 1 more line, all of them in the error file" in answer.err


def test_a_dry_run_leaves_nothing_but_the_error_file(program: Program, file: Path) -> None:
    answer = program("issuer", "issue", file, "--dry-run")
    assert (answer.code, answer.out) == (0, "6 would be issued, 0 issued before, 0 with errors\n")
    assert not (program.home / "issuer").exists()
    assert not Path("diplomas").exists()
    program("issuer", "issue", file, "--name", "U")
    answer = program("issuer", "issue", file, "--dry-run", "--json")
    assert json.loads(answer.out)["issuedBefore"] == 6


def test_columns_can_be_mapped(program: Program) -> None:
    Path("g.csv").write_text(table([graduate(1)]).replace("email", "Mailbox", 1) + "\n")
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
        (b"PK\x03\x04\x00", 1, "g.csv is a spreadsheet's own file, not CSV"),
        (b"a,b\n1,2\n", 1, "g.csv has no column for diploma_number"),
        (table([]).encode(), 1, "g.csv has a header and no rows"),
        (table([graduate(1), graduate(2, honours="é")]).encode("cp1252"), 1, "g.csv: line 3 is not in UTF-8"),
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
        "Row 1 is the first below the header: a spreadsheet shows it as row 2.\n"
        "What was issued before stays as it is; these rows differ from it:\n"
        "row 2: Average grade, honours\n"
        "  intaglio issuer correct UNI-000002 --set gpa=4.0 --set honours=\n"
        "row 4: given_name\n"
        "  diploma UNI-000004 was revoked: a new one needs a number of its own\n"
        "Bundles are in diplomas. To check one:\n  intaglio verify diplomas/UNI-000001.json\n"
    )
    told = json.loads(issued("issuer", "issue", "h.csv", "--dry-run", "--json").out)
    assert told["changed"] == [
        {"row": 2, "number": "UNI-000002", "fields": ["gpa", "honours"]},
        {"row": 4, "number": "UNI-000004", "fields": ["given_name"]},
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


def test_the_order_of_day_and_month_is_said_once_for_the_file(program: Program) -> None:
    Path("g.csv").write_text(
        table([graduate(1, award_date="30.06.2026"), graduate(2, award_date="03/04/2026")])
    )
    answer = program("issuer", "issue", "g.csv", "--name", "U")
    assert (answer.code, answer.out) == (7, "1 issued, 0 issued before, 1 with errors\n")
    assert 'row 2, column award_date: "03/04/2026" is day/month/year or month/day/year' in answer.err
    said = ("issuer", "issue", "g.csv", "--dates", "day-first")
    assert program(*said).out == "1 issued, 1 issued before, 0 with errors\n"
    assert program(*said).out == "0 issued, 2 issued before, 0 with errors\n"
    assert "award_date       2026-04-03\n" in program("issuer", "show", "UNI-000002").out
    otherwise = program("issuer", "issue", "g.csv", "--dates", "month-first")
    assert otherwise.out == "0 issued, 2 issued before (1 differs), 0 with errors\n"
    assert "correct UNI-000002 --set award_date=2026-03-04" in otherwise.err


def test_a_dry_run_finds_what_is_wrong_with_the_template(program: Program) -> None:
    Path("g.csv").write_text(table([graduate(1)]))
    program("issuer", "init", "--name", "U")
    template = program.home / "issuer/template.json"
    for broken in ("{", template.read_text().replace('"narrative"', '"narration"', 1)):
        template.write_text(broken)
        answer = program("issuer", "issue", "g.csv", "--dry-run")
        assert answer.code == 1
        assert "The template is not usable" in answer.err


def test_a_column_of_ones_own_stands_on_the_diploma(program: Program) -> None:
    program("issuer", "init", "--name", "U")
    template = program.home / "issuer/template.json"
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
    assert "names 'programme_titel', and the record of this diploma has no such field" in misspelt.err
    template.write_text(Template.packaged().text.decode())
    assert program("issuer", "correct", "UNI-000002", "--set", "gpa=1.0", "--out", "again").code == 0


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
    assert 'row 1, column award_date: "1026-06-30" is before 1900: is the year right?' in answer.err
    assert program("issuer", "correct", "UNI-000002", "--set", "award_date=2206-06-30").code == 1


def test_who_stops_a_job_is_told_how_far_it_is(
    program: Program, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("issuer.source.SPAN_ROWS", 4)
    real = Store.begin_chunk

    def pressed(store: Store, job: Job, number: int, first_seq: int) -> None:
        if number == 1:
            signal.raise_signal(signal.SIGINT)
        real(store, job, number, first_seq)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
    with monkeypatch.context() as patch:
        patch.setattr(Store, "begin_chunk", pressed)
        answer = program("issuer", "issue", file, "--name", "U", "--workers", "0")
    signal.signal(signal.SIGINT, before)
    assert (answer.code, answer.out) == (130, "")
    assert "Stopped: 4 diplomas issued.\n  The same command goes on from here" in answer.err
    assert program("issuer", "issue", file).out == "2 issued, 4 issued before, 0 with errors\n"


def test_many_rows_get_their_bundles_by_export(
    program: Program, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("issuer.issue_cli.MOST_FILES", 3)
    answer = program("issuer", "issue", file, "--name", "U")
    assert "`intaglio issuer export` writes the bundles" in answer.err
    assert not Path("diplomas").exists()
    program("issuer", "revoke", "UNI-000001")
    assert program("issuer", "export", "--out", "all").out == "5 bundles in all\n"
    assert program("issuer", "export", "row 1", "--out", "one").out == "1 bundle in one\n"
    assert [path.name for path in Path("one").iterdir()] == ["UNI-000001.json"]


def test_with_a_web_address_there_is_a_document_to_publish(program: Program, file: Path) -> None:
    answer = program("issuer", "init", "--name", "U", "--url", "https://u.example", "--json")
    assert json.loads(answer.out)["did"] == "did:web:u.example"
    assert "did.json at https://u.example/.well-known/did.json" in answer.err
    assert program("issuer", "init", "--name", "U").code == 0  # the same again
    assert program("issuer", "init", "--name", "V").code == 1
    program("issuer", "issue", file)
    assert verdict(program, "diplomas/UNI-000001.json").startswith("VALID: ")
    answer = program("issuer", "status", "publish")
    assert answer.out.startswith("0 lists published")
    assert "https://u.example/status/" in answer.err


@pytest.mark.parametrize(
    "selector",
    ["UNI-000002", "row 2", "diplomas/UNI-000002.json", "Given2", "graduate2@example.org"],
)
def test_revoking_is_one_command_that_the_next_check_sees(issued: Program, selector: str) -> None:
    answer = issued("issuer", "revoke", selector, "--reason", "issued-in-error", "--date", "2026-07-01")
    assert (answer.code, answer.out) == (
        0,
        "revoked UNI-000002  Given2 Family2, revoked 2026-07-01: issued in error\n",
    )
    checked = issued("verify", "diplomas/UNI-000002.json", "--offline")
    assert checked.code == 1
    assert "revoked by the issuer on 2026-07-01: issued in error" in checked.out
    again = issued("issuer", "revoke", selector, "--json")
    assert json.loads(again.out)["diplomas"][0]["revoked"]["reason"] == "issued-in-error"
    assert "1 diploma had been revoked before" in again.err
    assert verdict(issued, "diplomas/UNI-000001.json").startswith("VALID")


def test_when_several_fit_nothing_is_revoked_without_a_terminal(issued: Program) -> None:
    answer = issued("issuer", "revoke", "given1")
    assert answer.code == 2
    assert "UNI-000001  Given1 Family1" in answer.err
    assert "UNI-000006  Given1 =CMD" in answer.err
    for empty, said in (("", "Nothing stands after UNI-000001"), (" ", "An empty text names no diploma")):
        assert said in issued("issuer", "revoke", "UNI-000001", empty).err
    assert issued("issuer", "revoke", "UNI-000001", "--date", "2999-01-01").code == 2
    listed = json.loads(issued("issuer", "list", "--json").out)["diplomas"]
    assert [diploma["revoked"] for diploma in listed] == [None] * 6


def test_what_fits_nothing_is_named_and_nothing_is_revoked(issued: Program) -> None:
    answer = issued("issuer", "revoke", "UNI-000001", "nobody", "UNI-000002")
    assert (answer.code, answer.out) == (4, "")
    assert "no diploma fits 'nobody'" in answer.err
    answer = issued("issuer", "revoke", "UNI-000001", "row 7")
    assert (answer.code, answer.out) == (4, "")
    assert "no diploma was issued from row 7 of graduates.csv" in answer.err
    assert "revoked" not in issued("issuer", "list").out


def test_of_which_file_a_row_is_stands_before_the_question(issued: Program) -> None:
    Path("later.csv").write_text(table([graduate(8), graduate(9)]))
    issued("issuer", "issue", "later.csv")
    question = b"row 2 of later.csv: UNI-000009  Given9 Family9\nRevoke for good: UNI-000009  Given9 Family9?"
    out, _ = typed(issued.home, ["issuer", "revoke", "row 2"], [(question, b"y")])
    assert out.startswith("revoked UNI-000009")


@pytest.mark.parametrize("verb", ["revoke", "show", "export", "correct"])
def test_a_row_in_two_words_is_explained(program: Program, verb: str) -> None:
    Path("g.csv").write_text(table([graduate(1, family_name="Brown", diploma_number="1")]))
    program("issuer", "issue", "g.csv", "--name", "U")
    answer = program("issuer", verb, "row", "1", *(["--set", "gpa=4.0"] if verb == "correct" else []))
    assert (answer.code, answer.out) == (2, "")
    assert "A row is named in one word: row:1" in answer.err
    assert program("issuer", "list").out == "1  Given1 Brown\n"


def test_nothing_is_revoked_from_before_it_was_awarded(issued: Program) -> None:
    answer = issued("issuer", "revoke", "UNI-000002", "UNI-000001", "--date", "2026-06-29")
    assert (answer.code, answer.out) == (2, "")
    assert "Diploma UNI-000002 was awarded on 2026-06-30" in answer.err
    assert "revoked" not in issued("issuer", "list").out
    assert issued("issuer", "revoke", "UNI-000001", "--date", "2026-06-30").code == 0


def test_a_diploma_can_be_revoked_before_the_ceremony(program: Program) -> None:
    Path("g.csv").write_text(table([graduate(1, award_date=f"{datetime.now(UTC).year + 1}-01-01")]))
    program("issuer", "issue", "g.csv", "--name", "U")
    assert program("issuer", "revoke", "UNI-000001").code == 0


def test_a_correction_writes_the_new_bundle(issued: Program) -> None:
    answer = issued("issuer", "correct", "UNI-000003", "--set", "family_name=Müller", "--set", "gpa=4.0")
    assert answer.out == "UNI-000003 edition 2  Given3 Müller: diplomas/UNI-000003.2.json\n"
    assert "Given3 Müller" in verdict(issued, "diplomas/UNI-000003.2.json")
    assert verdict(issued, "diplomas/UNI-000003.json").startswith("NOT VALID")
    assert issued("issuer", "correct", "UNI-000003", "--set", "gpa=excellent").code == 1
    assert issued("issuer", "correct", "UNI-000003", "--set", "gpa").code == 2
    assert issued("issuer", "correct", "UNI-000003", "--set", "gpa=1", "--set", "gpa=2").code == 2
    assert "gpa: the value is not" in issued("issuer", "correct", "UNI-000003", "--set", "gpa=x").err
    assert (
        "given_name: the value is empty"
        in issued("issuer", "correct", "UNI-000003", "--set", "given_name=").err
    )
    unknown = issued("issuer", "correct", "UNI-000003", "--set", "grade=1")
    assert unknown.code == 1
    assert "there is no field 'grade'" in unknown.err
    assert "isced_f, gpa, honours" in unknown.err
    again = issued("issuer", "correct", "UNI-000003", "--set", "gpa=4.0")
    assert (again.code, again.out) == (0, answer.out)
    assert "no new edition was issued" in again.err


def test_list_and_show_say_what_there_is(issued: Program) -> None:
    issued("issuer", "revoke", "UNI-000002", "--reason", "fraud", "--date", "2026-07-02")
    lines = issued("issuer", "list").out.splitlines()
    assert lines[:2] == [
        "UNI-000001  Given1 Family1",
        "UNI-000002  Given2 Family2, revoked 2026-07-02: fraud",
    ]
    assert issued("issuer", "list", "given3").out == "UNI-000003  Given3 Family3\n"
    shown = issued("issuer", "show", "UNI-000001")
    assert "graduate1@example.org" in shown.out
    document = json.loads(issued("issuer", "show", "UNI-000001", "--json").out)
    assert document["credential"]["id"] == document["id"]
    assert issued("issuer", "show", document["id"]).out == shown.out


def test_what_a_graduate_is_called_cannot_steer_the_terminal(program: Program) -> None:
    Path("g.csv").write_text(table([graduate(1, honours="x\u200fy")]))
    program("issuer", "issue", "g.csv", "--name", "Uni\u202eversity")
    shown = program("issuer", "show", "UNI-000001")
    assert "\u200f" not in shown.out
    assert "⟨200F⟩" in shown.out


def test_without_an_issuer_there_is_nothing_to_show(program: Program) -> None:
    for words in (
        ["list"],
        ["show", "x"],
        ["revoke", "x"],
        ["export"],
        ["status", "publish"],
        ["backup", "b"],
    ):
        if words[0] != "backup":
            answer = program("issuer", *words)
            assert (answer.code, "there is no issuer" in answer.err) == (4, True), words


def test_a_backup_is_always_encrypted_and_comes_back(
    issued: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert issued("issuer", "backup", "b").code == 6
    (tmp_path / "secret").write_text("correct horse\n")
    monkeypatch.setenv("INTAGLIO_BACKUP_PASSPHRASE_FILE", str(tmp_path / "secret"))
    assert issued("issuer", "backup", "b").out == "b\n"
    answer = issued("issuer", "--home", tmp_path / "again", "restore", "b")
    assert answer.code == 0
    assert "do not go on with this copy" in answer.err
    assert issued("--home", tmp_path / "elsewhere", "issuer", "restore", "b").code == 0
    assert issued("--home", tmp_path / "elsewhere", "verify", "diplomas/UNI-000001.json").code == 0
    assert issued("issuer", "--home", tmp_path / "again", "list").out == issued("issuer", "list").out
    assert issued("issuer", "restore", "b").code == 1
    monkeypatch.setenv("INTAGLIO_BACKUP_PASSPHRASE_FILE", str(tmp_path / "missing"))
    assert issued("issuer", "backup", "c").code == 6


def test_a_passphrase_from_a_file_protects_the_keys(
    program: Program, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("correct horse\n")
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(tmp_path / "secret"))
    answer = program("issuer", "issue", file, "--name", "U")
    assert answer.code == 0
    assert "the keys lie unencrypted" not in answer.err
    monkeypatch.delenv("INTAGLIO_PASSPHRASE_FILE")
    assert program("issuer", "revoke", "UNI-000001").code == 6
    assert program("issuer", "list").code == 0


def test_a_lost_index_stops_everything_rather_than_reviving_what_was_revoked(
    issued: Program, file: Path
) -> None:
    assert issued("issuer", "revoke", "UNI-000001").code == 0
    index = issued.home / "issuer" / "issuer.sqlite"
    kept = index.read_bytes()
    index.unlink()
    for words in (("issue", file), ("issue", file, "--dry-run"), ("list",), ("status", "publish")):
        answer = issued("issuer", *words)
        assert (answer.code, answer.out) == (1, "")
        assert f"{index} is lost" in answer.err
    assert f"{index} is lost" in issued("doctor").out
    assert not index.exists()
    index.write_bytes(kept)
    assert verdict(issued, "diplomas/UNI-000001.json").startswith("NOT VALID")


def test_lost_diplomas_are_missed_before_a_backup_is_made(
    issued: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("correct horse\n")
    (tmp_path / "secret").chmod(0o600)
    monkeypatch.setenv("INTAGLIO_BACKUP_PASSPHRASE_FILE", str(tmp_path / "secret"))
    (shard,) = (issued.home / "issuer" / "shards").glob("*/*")
    shard.unlink()
    assert f"Gone from its folder: 1 shard of diplomas: {shard}" in issued("doctor").out
    assert issued("doctor").code == 1
    answer = issued("issuer", "backup", "b")
    assert (answer.code, f"{shard} is gone" in answer.err, Path("b").exists()) == (1, True, False)


def test_an_issuer_hands_out_itself_and_not_whom_it_trusts(issued: Program, tmp_path: Path) -> None:
    issued("trust", "add", "did:example:friend")
    handed = tmp_path / "university.json"
    handed.write_text(issued("issuer", "trust").out)
    elsewhere = ("--home", tmp_path / "elsewhere")
    assert issued(*elsewhere, "trust", "add", handed).code == 0
    listed = issued(*elsewhere, "trust", "list").out
    assert ("did:key:" in listed, "friend" in listed) == (True, False)
    assert "from the file university.json" in listed
    assert issued(*elsewhere, "verify", "diplomas/UNI-000001.json", "--offline").out.startswith("VALID")


def test_what_the_owner_wrote_into_the_trust_list_stays(issued: Program, file: Path) -> None:
    path = issued.home / "trust.json"
    trust = json.loads(path.read_text())
    trust["issuers"][0].update(types=["OpenBadgeCredential"], reason="ours")
    path.write_text(json.dumps(trust))
    assert issued("issuer", "issue", file).code == 0
    assert json.loads(path.read_text()) == trust
    (did,) = (issuer["id"] for issuer in trust["issuers"])
    assert "is on your list already" in issued("trust", "add", did, "--name", "X").err
    assert json.loads(path.read_text()) == trust


def test_keys_can_be_sealed_later(
    issued: Program, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "intaglio issuer password" in issued("doctor").out
    assert issued("issuer", "password").code == 6  # nothing to seal them with
    (tmp_path / "secret").write_text("correct horse\n")
    monkeypatch.setenv("INTAGLIO_NEW_PASSPHRASE_FILE", str(tmp_path / "secret"))
    answer = issued("issuer", "password")
    assert (answer.code, "Backups and other copies" in answer.err) == (0, True)
    assert "intaglio issuer password" not in issued("doctor").out
    assert issued("issuer", "revoke", "UNI-000001").code == 6
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(tmp_path / "secret"))
    assert issued("issuer", "revoke", "UNI-000001").code == 0


def test_a_folder_that_takes_no_files_is_a_problem_and_no_traceback(program: Program, file: Path) -> None:
    Path("diplomas").write_text("a file where a folder should be")
    answer = program("issuer", "issue", file, "--name", "U")
    assert answer.code == 2
    Path("taken").mkdir()
    (Path("taken") / "UNI-000001.json").mkdir()
    answer = program("issuer", "issue", file, "--name", "U", "--out", "taken")
    assert (answer.code, answer.out) == (7, "6 issued, 0 issued before, 0 with errors\n")
    assert "UNI-000001.json: Is a directory" in answer.err
    assert "The same command with --out FOLDER writes them elsewhere" in answer.err
    answer = program("issuer", "issue", file, "--out", "taken", "--json")
    assert (answer.code, json.loads(answer.out)["bundles"]) == (7, None)
    assert program("issuer", "issue", file, "--out", "free").code == 0
    assert len(list(Path("free").iterdir())) == 6
    change = ("issuer", "correct", "UNI-000001", "--set", "gpa=4.0", "--out")
    (Path("taken") / "UNI-000001.2.json").mkdir()
    answer = program(*change, "taken")
    assert (answer.code, answer.out) == (7, "UNI-000001 edition 2  Given1 Family1\n")
    assert "UNI-000001.2.json: Is a directory" in answer.err
    assert program(*change, "free").out.endswith("edition 2  Given1 Family1: free/UNI-000001.2.json\n")


# Terminals


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def typed(
    home: Path, words: list[str], dialogue: list[tuple[bytes, bytes]], code: int = 0
) -> tuple[str, str]:
    """What the program prints to a person at a terminal who answers each question when it is asked."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "intaglio", *words],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "INTAGLIO_HOME": str(home)},
        start_new_session=True,  # so that it has no other terminal to ask at
    ) as process:
        assert process.stderr is not None
        given_up = threading.Timer(60, process.kill)  # on a question that never comes
        given_up.start()
        told = b""
        for question, answer in dialogue:
            while question not in told:
                character = process.stderr.read(1)
                assert character, told
                told += character
            told = b""
            os.write(ours, answer + b"\n")
        out, err = process.communicate()
        given_up.cancel()
    os.close(ours)
    os.close(theirs)
    assert process.returncode == code, err.decode()
    return out.decode(), err.decode()


@pytest.mark.parametrize(
    ("words", "question"),
    [
        (["revoke", "UNI-000001"], b"Revoke for good: UNI-000001  Given1 Family1?"),
        (["correct", "UNI-000001", "--set", "gpa=4.0"], b"UNI-000001  Given1 Family1. For good: gpa: 3.5"),
    ],
)
def test_on_a_terminal_nothing_is_for_good_without_a_yes(
    issued: Program, words: list[str], question: bytes
) -> None:
    before = issued("issuer", "list", "--all").out
    out, err = typed(issued.home, ["issuer", *words], [(question, b"n")], code=5)
    assert (out, f"nothing was {words[0].removesuffix('e')}ed" in err) == ("", True)
    assert issued("issuer", "list", "--all").out == before


def test_on_a_terminal_the_one_that_is_meant_is_asked_for(issued: Program) -> None:
    words = ["issuer", "revoke", "given1", "--reason", "fraud", "--yes"]
    out, _ = typed(issued.home, words, [(b"2  UNI-000006  Given1 =CMD", b"2")])
    assert out.startswith("revoked UNI-000006  Given1 =CMD, revoked ")


@pytest.mark.slow
def test_a_new_passphrase_is_asked_for_twice_and_later_once(tmp_path: Path) -> None:
    home, secret = tmp_path / "home", b"correct horse"
    new = [(b"(empty: none): ", secret), (b"Repeat for confirmation: ", secret)]
    typed(home, ["issuer", "init", "--name", "U"], new)
    assert Issuer(home / "issuer", lambda: secret, lambda: NOW).press()
    typed(home, ["issuer", "status", "publish"], [(b"Issuer passphrase: ", secret)])


def told(monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO, steps: list[tuple[float, Progress]]) -> str:
    monkeypatch.setattr(sys, "stderr", stderr)
    moments = iter([0.0, *(moment for moment, _ in steps)])
    with Meter(lambda: next(moments)) as meter:
        for _, progress in steps:
            meter(progress)
    return stderr.getvalue()


STEPS = [
    (0.1, Progress("checking", 0, 100)),
    (0.2, Progress("checking", 100, 100)),
    (0.3, Progress("issuing", 0, 100)),
    (0.9, Progress("issuing", 20, 100)),
]


def test_a_short_job_shows_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, Terminal(), STEPS) == ""


def test_a_longer_job_draws_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    longer = [*STEPS, (1.5, Progress("issuing", 60, 100)), (2.0, Progress("issuing", 100, 100))]
    drawn = told(monkeypatch, Terminal(), longer)
    assert "Issuing" in drawn
    assert "100/100" in drawn
    assert "/s" in drawn


def test_a_slow_check_is_drawn_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = [
        (0.1, Progress("checking", 0, 9)),
        (2.0, Progress("checking", 9, 9)),
        (2.1, Progress("issuing", 9, 9)),
    ]
    drawn = told(monkeypatch, Terminal(), slow)
    assert "Checking" in drawn
    assert "Issuing" in drawn


def test_a_stage_that_begins_with_much_done_has_no_rate_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    resumed = [*STEPS, (10.3, Progress("writing", 50, 100))]
    assert told(monkeypatch, io.StringIO(), resumed) == "Writing: 50 of 100\n"


def test_elsewhere_a_long_job_writes_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    longer = [*STEPS, (10.3, Progress("issuing", 50, 100)), (12.0, Progress("issuing", 60, 100))]
    assert told(monkeypatch, io.StringIO(), longer) == "Issuing: 50 of 100, 5 a second, 10 s left\n"


@pytest.mark.parametrize(
    ("number", "edition", "name"),
    [
        ("UNI-2026-1", 1, "UNI-2026-1.json"),
        ("UNI-2026-1", 3, "UNI-2026-1.3.json"),
        ("2026/17", 1, "2026_17-"),
        ("../../etc/passwd", 1, "_.._etc_passwd-"),
        ("Zeugnis Nr. ä", 1, "Zeugnis_Nr.__-"),
        ("-rf", 1, "rf-"),
        ("x" * 250, 1, "x" * 100 + "-"),
    ],
)
def test_a_bundle_is_named_after_its_number_and_stays_in_its_folder(
    number: str, edition: int, name: str
) -> None:
    found = file_name(Entry(0, number, edition, 0, "", "", None, None))
    assert found.startswith(name)
    assert "/" not in found
    assert len(found.encode()) < 200


def test_numbers_that_look_alike_get_files_of_their_own() -> None:
    names = {file_name(Entry(0, number, 1, 0, "", "", None, None)) for number in ("a/b", "a_b", "a b", "A_b")}
    assert len(names) == 4


def test_help_says_what_each_command_does(program: Program) -> None:
    answer: Answer = program("issuer", "--help")
    for command in (
        "init",
        "issue",
        "revoke",
        "correct",
        "list",
        "show",
        "export",
        "backup",
        "restore",
        "status",
    ):
        assert command in answer.out


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


def test_a_row_beyond_the_end_of_the_file_is_nobody_elses_diploma(issued: Program) -> None:
    issued("issuer", "correct", "UNI-000003", "--set", "gpa=4.0")  # takes the sequence number behind row 6
    answer = issued("issuer", "revoke", "row 7")
    assert (answer.code, answer.out) == (4, "")
    assert "no diploma was issued from row 7 of graduates.csv" in answer.err
    assert issued("issuer", "list").out.count("revoked") == 1  # the edition that was corrected


def test_bytes_that_are_no_text_name_no_diploma(issued: Program) -> None:
    odd = os.fsdecode(b"\xff")
    for words in (("show", odd), ("revoke", "UNI-000003", odd), ("export", odd), ("list", odd)):
        answer = issued("issuer", *words)
        assert (answer.code, answer.out) == (2, "")
        assert "this is not text in UTF-8" in answer.err


def test_an_export_that_fails_leaves_the_older_bundle(
    issued: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Path("diplomas/UNI-000001.json").read_bytes()

    def fails(_: Bundle) -> bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Bundle, "to_bytes", fails)
    assert issued("issuer", "export", "UNI-000001", "--out", "diplomas").code != 0
    assert Path("diplomas/UNI-000001.json").read_bytes() == before
    assert not [path for path in Path("diplomas").iterdir() if path.suffix != ".json"]


def test_a_long_export_shows_how_far_it_is(issued: Program) -> None:
    told: list[Progress] = []
    made = Issuer(issued.home / "issuer", lambda: None, lambda: NOW)
    paths = list(export(made, made.entries(), Path("all"), told.append))
    assert len(paths) == 6
    assert told == [Progress("writing", done, 6) for done in range(1, 7)]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("template.json", "template.json: line 1, column 1"),
        ("did.json", "did.json cannot be read"),
    ],
)
def test_a_damaged_file_is_named_with_the_way_out(issued: Program, name: str, words: str) -> None:
    (issued.home / "issuer" / name).write_text("oops")
    answer = issued("issuer", "correct", "UNI-000001", "--set", "gpa=4.0")
    assert (answer.code, answer.out) == (1, "")
    assert words in answer.err
    assert "from a backup" in answer.err


def test_numbers_are_listed_by_their_beginning_and_only_listed(issued: Program) -> None:
    listed = issued("issuer", "list", "UNI-00000").out.splitlines()
    assert [line.split()[0] for line in listed] == [f"UNI-00000{row}" for row in range(1, len(listed) + 1)]
    assert len(listed) > 3
    assert "No diploma fits" in issued("issuer", "list", "UNI-9").err
    assert issued("issuer", "revoke", "UNI-00000", "--yes").code == 4


def test_a_search_that_finds_very_many_says_so(program: Program) -> None:
    csv_file(Path("many.csv"), [graduate(number) for number in range(1, 121)])
    program("issuer", "issue", "many.csv", "--name", "U")
    answer = program("issuer", "list", "given")
    assert (answer.code, len(answer.out.splitlines())) == (0, 100)
    assert "More than 100 fit" in answer.err
    assert json.loads(program("issuer", "list", "given", "--json").out)["more"] is True
    assert json.loads(program("issuer", "list", "given11", "--json").out)["more"] is False
    answer = program("issuer", "revoke", "given")
    assert (answer.code, "more than 100 diplomas fit" in answer.err) == (1, True)


@pytest.mark.parametrize("name", ["x" * 5000, "x/" * 3000])
def test_a_text_that_is_too_long_for_a_file_names_no_diploma(issued: Program, name: str) -> None:
    answer = issued("issuer", "show", name)
    assert (answer.code, "no diploma fits" in answer.err) == (4, True)
    assert issued("trust", "add", name).code == 4


def test_a_weak_passphrase_seals_nothing(
    program: Program, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("12345678\n")
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(tmp_path / "secret"))
    answer = program("issuer", "issue", file, "--name", "U")
    assert (answer.code, "not only digits" in answer.err) == (1, True)
    assert not (program.home / "issuer" / "keys.json").exists()


def test_a_command_to_type_names_the_same_issuer(program: Program) -> None:
    """With the folder left out it would issue, or back up, somebody else's."""
    rows = [graduate(1), graduate(2, email="x")]
    csv_file(Path("g.csv"), rows)
    home = ("--home", "a folder/of its own")
    answer = program("issuer", *home, "issue", "g.csv", "--name", "U")
    folder = shlex.quote(str(Path("a folder/of its own").absolute()))
    assert f"`intaglio issuer --home {folder} backup FILE`" in answer.err
    assert f"  intaglio issuer --home {folder} issue g.errors.csv\n" in answer.err
    (command,) = [line.strip() for line in answer.err.splitlines() if "issue g.errors.csv" in line]
    Path("g.errors.csv").write_text(Path("g.errors.csv").read_text().replace('"x"', '"x@example.org"'))
    assert program(*shlex.split(command)[1:]).out.startswith("1 issued")
    assert not (program.home / "issuer").exists()
    whole = program(
        "--home", program.home / "other", "issuer", "issue", "g.csv", "--name", "V", "--out", "other"
    )
    assert f"intaglio --home {program.home}/other issuer issue g.errors-2.csv" in whole.err


def test_the_bundles_of_another_issuer_are_not_written_over(issued: Program, file: Path) -> None:
    before = {path: path.read_bytes() for path in Path("diplomas").iterdir()}
    answer = issued("issuer", "--home", "other", "issue", file, "--name", "Another")
    assert (answer.code, answer.out.split(",")[0]) == (7, f"{len(before)} issued")
    assert "not by this issuer" in answer.err
    assert "--out" in answer.err
    assert {path: path.read_bytes() for path in Path("diplomas").iterdir()} == before
    assert issued("issuer", "--home", "other", "issue", file, "--out", "others").code == 0
    assert len(list(Path("others").iterdir())) == len(before)


def test_a_file_of_an_edition_that_is_superseded_names_no_other(issued: Program) -> None:
    issued("issuer", "correct", "UNI-000001", "--set", "gpa=4.0", "--out", "again")
    for words in (
        ("revoke", "diplomas/UNI-000001.json"),
        ("correct", "diplomas/UNI-000001.json", "--set", "gpa=1"),
    ):
        answer = issued("issuer", *words)
        assert (answer.code, "is edition 1 of diploma UNI-000001, superseded" in answer.err) == (1, True)
        assert "edition 2" in answer.err
    assert issued("issuer", "revoke", "again/UNI-000001.2.json").code == 0


def test_nobody_waits_for_another_ones_answer(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two who make an issuer, the one at the question holds nothing that the other needs."""

    def asked(*_: object, **__: object) -> None:
        Issuer.create(program.home / "issuer", name="First", passphrase=lambda: None, clock=lambda: NOW)

    monkeypatch.setattr("issuer.cli.passphrase", asked)
    answer = program("issuer", "init", "--name", "Second")
    assert (answer.code, "another issuer lives here: First" in answer.err) == (1, True)


def test_who_issues_beside_a_long_job_is_told_to_come_later(
    issued: Program, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("issuer.issue._PATIENCE", 0.1)
    with locked(issued.home / "issuer" / "issue"):
        answer = issued("issuer", "issue", file)
    assert (answer.code, "another process is at work" in answer.err) == (75, True)
    assert issued("issuer", "issue", file).code == 0


def test_without_its_log_nothing_is_issued_and_the_doctor_says_why(issued: Program, tmp_path: Path) -> None:
    """Not even where somebody removed the checkpoint that was kept beside the folder."""
    shutil.rmtree(issued.home / "issuer" / "log")
    (issued.home / "issuer.checkpoint").unlink()
    csv_file(Path("more.csv"), [graduate(77)])
    for _ in range(2):
        answer = issued("issuer", "issue", "more.csv")
        assert (answer.code, answer.out) == (1, "")
        assert "the index knows of log entry" in answer.err
        assert "from a backup" in answer.err
    doctor = issued("doctor")
    assert (doctor.code, "the log is another one, or an old copy" in doctor.out) == (1, True)


def test_where_its_description_is_lost_no_other_issuer_is_made(issued: Program, file: Path) -> None:
    (issued.home / "issuer" / "issuer.json").unlink()
    answer = issued("issuer", "issue", file)
    assert (answer.code, "issuer.json is gone" in answer.err) == (1, True)


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


def test_revoking_what_is_revoked_says_no_more_than_that(issued: Program) -> None:
    issued("issuer", "revoke", "UNI-000001")
    answer = issued("issuer", "revoke", "UNI-000001")
    assert "had been revoked before: nothing changes there" in answer.err
    assert "The next check on this machine" not in answer.err
