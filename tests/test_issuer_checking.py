"""Checking a file before anything is signed, and the error file that comes of it."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest

from intaglio.words import remedy
from issuer.archive.archive import Archive
from issuer.archive.shard_store import ShardFolder
from issuer.archive.store import SQLiteIndex
from issuer.job.bulk import Issued, dry_run
from issuer.job.checking import Survey, read_catalogue
from issuer.job.order import Order
from issuer.press.document import trial
from issuer.problem import CATALOGUE_COLUMN_MISSING, TOO_MANY_FINDINGS, UNREADABLE_FILE
from issuer.table.finding import CellFinding
from issuer.table.source import open_source
from kinds import shipped
from kinds.parsing import parse_kind
from tests.conftest import ROOT
from tests.problems import raises
from tests.test_kinds_facts import CLUB
from tests.world import NOW, csv_file, graduate, table
from wire.problem import Refused

DIPLOMAS = ROOT / "examples" / "diploma"


PROGRAMME = ("programme_code", "programme_title", "achievement_type", "eqf_level", "ects", "isced_f")


def survey(tmp_path: Path, file: Path, catalogue: Path | None = None) -> Survey:
    programmes = read_catalogue(catalogue, shipped()) if catalogue else None
    return tried(tmp_path, Order(open_source(file), tmp_path / "errors.csv", programmes)).survey


def tried(tmp_path: Path, order: Order) -> Issued:
    archive = Archive(SQLiteIndex(tmp_path / "index.sqlite"), ShardFolder(tmp_path / "shards"))
    return dry_run(order, archive, trial(shipped()), NOW.date(), shipped().person.full)


def said(found: Survey) -> list[str]:
    return [str(finding) for findings in found.findings.values() for finding in findings]


def test_the_planted_errors_are_found_each_with_row_column_and_reason(tmp_path: Path) -> None:
    found = survey(tmp_path, DIPLOMAS / "graduates-with-errors.csv", DIPLOMAS / "programmes.csv")
    assert said(found) == [
        'row 3, column email: "not-an-email" is not an e-mail address',
        'row 4, column award_date: "30/06/2026" is day/month/year: write YYYY-MM-DD',
        'row 6, column programme_code: "UNKNOWN" is not in the catalogue of programmes',
        'row 7, column ects: "abc" is not a number of credits',
        "row 8, column eqf_level: the row has 9 cells, the header 16",
        'row 9, column diploma_number: "UNI-2026-00000" is the number of row 2 as well',
    ]
    assert found.warnings == [
        "student number S202000 occurs twice, first in row 2: a second diploma, or a mistake?"
    ]
    assert (found.rows, found.good) == (8, 2)


def test_a_person_who_occurs_twice_is_told_of_in_the_words_of_the_kind(tmp_path: Path) -> None:
    kind = parse_kind(
        {"kind.json": json.dumps({**CLUB, "name": "pass", "nouns": {"en": ["pass", "passes"]},
                                  "person": {"id": "who"}}).encode()}
    )  # fmt: skip
    (file := tmp_path / "passes.csv").write_text("no,who\n1,A\n2,B\n3,A\n")
    archive = Archive(SQLiteIndex(tmp_path / "i.sqlite"), ShardFolder(tmp_path / "shards"))
    order = Order(open_source(file, kind=kind), None, workers=0)
    found = dry_run(order, archive, trial(kind), NOW.date(), kind.person.full).survey
    assert found.warnings == ["who A occurs twice, first in row 2: a second pass, or a mistake?"]


def test_the_example_graduates_are_all_good(tmp_path: Path) -> None:
    found = survey(tmp_path, DIPLOMAS / "graduates.csv", DIPLOMAS / "programmes.csv")
    assert (found.rows, found.good, found.warnings) == (500, 500, [])
    assert not (tmp_path / "errors.csv").exists()


def test_the_examples_are_the_shared_samples(corpora: Path) -> None:
    for name in ("graduates.csv", "graduates-with-errors.csv"):
        assert (DIPLOMAS / name).read_bytes() == (corpora / "samples" / "graduates" / name).read_bytes()


def test_the_error_file_can_be_corrected_and_fed_back(tmp_path: Path) -> None:
    survey(tmp_path, DIPLOMAS / "graduates-with-errors.csv", DIPLOMAS / "programmes.csv")
    errors = tmp_path / "errors.csv"
    assert stat.S_IMODE(errors.stat().st_mode) == 0o600
    text = errors.read_text(encoding="utf-8-sig")
    assert '"\'=CMD"' in text  # no formula in a spreadsheet
    source = open_source(errors)
    original = open_source(DIPLOMAS / "graduates-with-errors.csv")
    assert source.header == original.header
    as_they_came = [
        cells for span in original.spans for row, cells in original.rows(span) if row not in (2, 5)
    ]
    assert [cells for span in source.spans for _, cells in source.rows(span)] == as_they_came
    for wrong, right in [
        ("not-an-email", "student1@example.org"),
        ("30/06/2026", "2026-06-30"),
        ("UNKNOWN", "MC-AI"),
        ('"abc"', '"5"'),
        ("UNI-2026-00000", "UNI-2026-00007"),
    ]:
        text = text.replace(wrong, right)
    errors.write_text(text)
    shutil.copy(errors, tmp_path / "corrected.csv")
    found = survey(tmp_path, tmp_path / "corrected.csv", DIPLOMAS / "programmes.csv")
    assert said(found) == ["row 6, column eqf_level: the row has 9 cells, the header 16"]
    assert found.good == 5


def test_all_that_is_wrong_with_a_row_is_said_at_once(tmp_path: Path) -> None:
    csv_file(tmp_path / "g.csv", [graduate(1, email="x", ects="many")])
    found = survey(tmp_path, tmp_path / "g.csv")
    assert [finding.column for finding in found.findings[2]] == ["email", "ects"]
    source = open_source(tmp_path / "errors.csv")
    (span,) = source.spans
    first = (tmp_path / "errors.csv").read_text(encoding="utf-8-sig").splitlines()[1]
    assert first.startswith('"2","email; ects","is not an e-mail address; is not a number of credits",')
    assert span.rows == 1


def test_cells_beyond_the_header_are_an_error_unless_they_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    head, row, other = table([graduate(1), graduate(2)]).splitlines()
    path.write_text(f"{head}\n{row},,\n{other},surplus\nonly\n")
    assert said(survey(tmp_path, path)) == [
        "row 3, column diploma_number: the row has 17 cells, the header 16",
        "row 4, column given_name: the row has 1 cell, the header 16",
    ]


def test_a_cell_that_took_in_the_rows_below_it_is_no_note(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    head, *rows = table([graduate(row) for row in range(1, 6)]).splitlines()
    reason = ": holds whole rows: is a quotation mark missing?"
    for first, last in ((f'{rows[0]},"a', f'{rows[1]},b"'), (f'"{rows[0]},', f'{rows[3]},\n"x{"," * 16}')):
        path.write_text("\n".join([f"{head},note", first, f"{rows[2]},", last]))
        assert [told.endswith(reason) for told in said(survey(tmp_path, path))] == [True]
    fields = head.split(",")  # two halves of two people, if the mark stands before an unused column between
    at = fields.index("gpa")
    halves = [row.split(",") for row in rows[:2]]
    halves = [
        [*half[:at], mark, *half[at:]] for half, mark in zip(halves, ('"excellent', 'good"'), strict=True)
    ]
    for end in ("\n", "\r\n", "\r"):
        lines = [[*fields[:at], "notes", *fields[at:]], *halves]
        path.write_bytes(end.join(",".join(line) for line in lines).encode())
        assert [told.endswith(reason) for told in said(survey(tmp_path, path))] == [True]
    path.write_text(f'{head},note\n{rows[0]},"two\nlines, and a third\none"\n')
    assert said(survey(tmp_path, path)) == []


def test_columns_without_a_heading_may_be_missing_from_a_row(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    head, *rows = table([graduate(row) for row in (1, 2, 3)]).splitlines()
    path.write_text(f"{head},,\n{rows[0]},,\n{rows[1]}\n{rows[2]},,Jr\n")
    assert said(survey(tmp_path, path)) == ['row 4, column R, which has no heading: "Jr" is not empty']
    assert open_source(path).unused == []


def test_the_column_is_called_as_the_file_calls_it(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_text(table([graduate(1, email="x")]).replace("email", "E-Mail", 1))
    assert said(survey(tmp_path, path)) == ['row 2, column E-Mail: "x" is not an e-mail address']


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"programme_title": "Bachelor"}, 'is not what the catalogue has ("Bachelor of Science")'),
        ({"achievement_type": "MasterDegree"}, 'is not what the catalogue has ("BachelorDegree")'),
        ({"ects": "60"}, 'is not what the catalogue has ("180")'),
        ({"programme_code": ""}, "is not in the catalogue of programmes"),
        ({"eqf_level": ""}, None),
    ],
)
def test_a_row_may_not_contradict_the_catalogue(
    tmp_path: Path, change: dict[str, str], reason: str | None
) -> None:
    catalogue = tmp_path / "programmes.csv"
    catalogue.write_text(table([graduate(0)], header=PROGRAMME))
    csv_file(tmp_path / "g.csv", [graduate(1, **change)])
    found = survey(tmp_path, tmp_path / "g.csv", catalogue)
    assert [finding.reason for finding in found.findings.get(2, [])] == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("rows", "detail"),
    [
        (["A,Arts", "A,Law"], "programmes.csv: row 3 has a programme code that an earlier row has"),
        (["A,"], "programmes.csv: row 2, column Degree: is empty"),
    ],
)
def test_a_catalogue_has_to_make_sense_itself(tmp_path: Path, rows: list[str], detail: str) -> None:
    catalogue = tmp_path / "programmes.csv"
    catalogue.write_text("\n".join(["programme_code,Degree", *rows]))
    with raises(UNREADABLE_FILE) as raised:
        read_catalogue(catalogue, shipped())
    assert raised.value.detail == detail


def test_a_catalogue_needs_a_column_to_be_searched_by(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_text(table([graduate(1)]).replace("programme_code", "faculty", 1))
    with raises(CATALOGUE_COLUMN_MISSING, match="no column for programme_code") as raised:
        survey(tmp_path, path, DIPLOMAS / "programmes.csv")
    assert "--map programme_code=COLUMN" in remedy(raised.value)


@pytest.mark.parametrize(
    ("award", "doubt"),
    [
        ("1899-12-31", "is before 1900: is the year right?"),
        ("1900-01-01", ""),
        ("2027-07-01", ""),  # a year from NOW
        ("2027-07-02", "is more than a year ahead: is the year right?"),
    ],
)
def test_an_award_of_another_time_is_not_signed(tmp_path: Path, award: str, doubt: str) -> None:
    path = tmp_path / "g.csv"
    text = table([graduate(1), graduate(2, award_date=award, birth_date="")]).replace(
        "award_date", "Date of award", 1
    )
    path.write_text(text)
    found = survey(tmp_path, path)
    assert [str(finding) for finding in found.findings.get(3, [])] == (
        [f'row 3, column Date of award: "{award}" {doubt}'] if doubt else []
    )


def test_a_file_that_is_all_wrong_is_given_up() -> None:
    found = Survey(most=2)
    found.add(CellFinding(row, "email", "is no e-mail address") for row in (2, 2, 3))
    with raises(TOO_MANY_FINDINGS, match="more than 2 rows are not as expected"):
        found.add([CellFinding(4, "email", "is no e-mail address")])


def test_an_error_file_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "g.csv", [graduate(1, email="x")])
    with pytest.raises(Refused, match="cannot be written") as raised:
        tried(tmp_path, Order(source, Path("/proc/errors.csv")))
    assert "--errors" in remedy(raised.value)
