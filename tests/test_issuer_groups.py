"""Rows of one number that stand together are one record, wherever a file is cut; a wrong one takes all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intaglio.commands.issuer.text import remarks
from issuer.archive.archive import Archive
from issuer.archive.shard_store import ShardFolder
from issuer.archive.store import SQLiteIndex
from issuer.issuer import Issuer
from issuer.job.bulk import Issued, dry_run
from issuer.job.checking import Checker
from issuer.job.order import Order
from issuer.press.document import trial
from issuer.problem import COLUMN_AMBIGUOUS, COLUMNS_MISSING, UNREADABLE_FILE
from issuer.table.sheet import Packed
from issuer.table.source import NumberedRow, Source, Span, _uncut, open_source
from kinds import Kind
from kinds.cells import MOST_ITEMS
from kinds.facts import facts_of
from kinds.parsing import parse_kind
from tests.commandline import Program
from tests.problems import raises
from tests.workbooks import xlsx
from tests.world import NOW, issuer_in, reopened

FIELDS: dict[str, Any] = {
    "no": {"type": "text", "required": True, "iri": "https://schema.org/identifier", "headings": ["Number"]},
    "name": {"type": "text", "required": True, "iri": "https://schema.org/name"},
    "courses": {
        "type": "group",
        "iri": "urn:example:vocab:courses",
        "labels": {"en": "course"},
        "fields": {
            "course": {
                "type": "text",
                "required": True,
                "iri": "https://schema.org/name",
                "headings": ["课程"],
            },
            "grade": {"type": "number", "iri": "urn:example:vocab:grade"},
        },
    },
}


def transcript(**group: Any) -> Kind:
    fields = {**FIELDS, "courses": {**FIELDS["courses"], **group}}
    kind = {
        "name": "transcript",
        "version": "1",
        "nouns": {"en": ["transcript", "transcripts"]},
        "number": "no",
        "person": {"name": "name"},
        "fields": fields,
    }
    return parse_kind({"kind.json": json.dumps(kind).encode()})


KIND = transcript()
HEADER = ("Number", "Name", "Course", "Grade")


def write(path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def records(source: Source) -> list[list[NumberedRow]]:
    return [rows for span in source.spans for rows in source.records(span)]


def naive(rows: Sequence[Sequence[str]]) -> list[list[NumberedRow]]:
    """By looking at each row and the one before, in a file that is not cut."""
    together: list[list[NumberedRow]] = []
    for number, cells in enumerate(rows, 2):
        before = together[-1][-1] if together else (0, [""])
        if not any(cells):
            continue
        if before[0] == number - 1 and before[1][0].strip() == cells[0].strip() != "":
            together[-1].append((number, [*cells]))
        else:
            together.append([(number, [*cells])])
    return together


_ROW = st.tuples(
    st.sampled_from(["1", "2", " 1", "3", "", "'1", "=1"]),
    st.sampled_from(["A", "B", 'with a\nline, "and" a quote']),
    st.sampled_from(["Logic", "", "Latin"]),
    st.sampled_from(["1", "", "2.5", "x"]),
) | st.just(("", "", "", ""))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_ROW, min_size=1, max_size=25).filter(lambda rows: any(map(any, rows))), st.integers(1, 6))
def test_a_cut_parts_no_record(tmp_path: Path, rows: list[tuple[str, ...]], span_rows: int) -> None:
    path = write(tmp_path / "t.csv", rows)
    source = open_source(path, kind=KIND, span_rows=span_rows)
    assert records(source) == naive(rows)
    assert sum(span.rows for span in source.spans) == len(rows)
    assert [span.first_row for span in source.spans] == [
        2 + sum(span.rows for span in source.spans[:number]) for number in range(len(source.spans))
    ]
    for span in source.spans[:-1]:
        assert span.rows >= span_rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_ROW, min_size=1, max_size=25).filter(lambda rows: any(map(any, rows))), st.integers(1, 6))
def test_a_sheet_that_comes_in_parts_has_the_records_of_the_csv(
    tmp_path: Path, rows: list[tuple[str, ...]], span_rows: int
) -> None:
    whole = open_source(write(tmp_path / "t.csv", rows), kind=KIND)
    parts = []
    for first in range(0, len(rows), span_rows):
        some = rows[first : first + span_rows]
        csv.writer(text := io.StringIO()).writerows(some)
        parts.append(Packed.of(text.getvalue().encode(), len(some), sum(map(any, some))))
    cut = list(_uncut(parts, whole._number))
    assert sum(part.rows for part in cut) == len(rows)
    assert sum(part.filled for part in cut) == sum(map(any, rows))
    firsts = [2 + sum(part.rows for part in cut[:number]) for number in range(len(cut))]
    spans = [
        Span(number, first, part.rows, 0, 0, part.sha256)
        for number, (first, part) in enumerate(zip(firsts, cut, strict=True))
    ]
    assert records(replace(whole, spans=tuple(spans), packed=tuple(cut))) == naive(rows)


@pytest.mark.slow
@pytest.mark.parametrize("rows_of_one", [10, 500])
def test_a_large_workbook_has_records_of_several_rows(
    issuer: Issuer, tmp_path: Path, rows_of_one: int
) -> None:
    """Its rows are read 4,096 at a time, and neither number of rows divides that."""
    rows = [
        (str(number // rows_of_one), "A", f"Course {number % rows_of_one}", "1") for number in range(5_000)
    ]
    done = issued(issuer, xlsx(tmp_path / "t.xlsx", rows, HEADER), span_rows=4096)
    assert done.issued == 5_000 // rows_of_one
    assert not done.survey.findings
    for number in range(done.issued):
        assert len(issuer.line(issuer.current(str(number))).record["courses"]) == rows_of_one


class Case(NamedTuple):
    """Records of a file, in order, each with whether something is wrong with it."""

    rows: list[tuple[str, ...]]
    wrong: set[str]
    """The numbers of those that are not issued."""


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rows: list[tuple[str, ...]] = []
    wrong = set[str]()
    for number in draw(st.permutations([str(number) for number in range(draw(st.integers(1, 7)))])):
        courses = draw(st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True))
        items: list[tuple[str, ...]] = [
            (number, "A", f"Course {course}", draw(st.sampled_from(["1", "2.3", ""]))) for course in courses
        ]
        fault = draw(st.sampled_from(["", "", "", "grade", "name", "twice", "course", "short"]))
        place = draw(st.integers(0, len(items) - 1))
        if fault in ("name", "twice"):
            place = max(place, 1)
        if fault and place < len(items):
            item = items[place]
            items[place] = {
                "grade": (*item[:3], "very good"),
                "name": (number, "B", *item[2:]),
                "twice": items[0],
                "course": (number, "A", "", "1"),
                "short": item[:2],
            }[fault]
            wrong.add(number)
        rows += items
    return Case(rows, wrong)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cases(), st.integers(1, 5))
def test_a_wrong_row_takes_all_of_its_record_to_the_error_file_in_order(
    tmp_path: Path, case: Case, span_rows: int
) -> None:
    source = open_source(write(tmp_path / "t.csv", case.rows), kind=KIND, span_rows=span_rows)
    errors = tmp_path / "t.errors.csv"
    errors.unlink(missing_ok=True)
    archive = Archive(SQLiteIndex(tmp_path / "issuer.sqlite"), ShardFolder(tmp_path))
    composer = trial(KIND)
    done = dry_run(Order(source, errors, workers=0), archive, composer, NOW.date(), str)
    good = {row[0] for row in case.rows} - case.wrong
    assert (done.survey.rows, done.survey.good) == (len(good) + len(case.wrong), len(good))
    kept = error_rows(errors)
    expected = [(number, row) for number, row in enumerate(case.rows, 2) if row[0] in case.wrong]
    assert [(int(row[0]), tuple(row[3:])) for row in kept] == expected
    assert all(row[2] for row in kept)
    checker = Checker(source, NOW.date(), composer)
    for (first, cells), *further in records(source):
        record, wrong = checker.check(first, cells, further)
        assert bool(wrong) == (cells[0] in case.wrong)
        assert {each.record for each in wrong} <= {first}
        if not wrong:
            assert record["courses"] == [
                {"course": row[2], "grade": float(row[3]) if row[3] else ""}
                for row in case.rows
                if row[0] == cells[0]
            ]


def error_rows(path: Path) -> list[list[str]]:
    if not path.exists():
        return []
    return list(csv.reader(path.read_text("utf-8-sig").splitlines(keepends=True)))[1:]


def issued(issuer: Issuer, path: Path, span_rows: int = 100, **options: Any) -> Issued:
    source = open_source(path, kind=issuer.kind, span_rows=span_rows)
    return issuer.issue_file(Order(source, path.with_suffix(".errors.csv"), workers=0, **options))


def said(issuer: Issuer, number: str) -> dict[str, Any]:
    return facts_of(issuer.kind, issuer.line(issuer.current(number)).secured.claims)


def reasons(done: Issued) -> list[tuple[int, str, str]]:
    found = [each for findings in done.survey.findings.values() for each in findings]
    return [(each.row, each.column, each.reason) for each in found]


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return issuer_in(tmp_path / "home", kind=KIND)


def test_a_fault_stands_in_its_own_row_and_column(issuer: Issuer, tmp_path: Path) -> None:
    rows = [
        ("1", "A", "Logic", "1"),
        ("1", "A", "Latin", "good"),
        ("2", "B", "Logic", "1"),
        ("2", "B", "", "2"),
        ("2", "C", "Latin", "2"),
        ("3", "C", "Logic", "1"),
        ("3", "C", "", ""),
        ("4", "D", "Logic", "1"),
        ("4", "D", "Logic", "1"),
    ]
    done = issued(issuer, write(tmp_path / "t.csv", rows))
    assert reasons(done) == [
        (3, "Grade", "is not a number of up to 15 digits"),
        (6, "Name", "is not what row 4 has, which has the same number"),
        (8, "Number", "is the number of row 7 as well"),
        (10, "Course", "stands there twice"),
    ]
    assert set(done.survey.findings) == {2, 4, 7, 9}
    assert (done.issued, done.survey.rows) == (0, 4)


def test_rows_of_a_number_further_down_are_findings(issuer: Issuer, tmp_path: Path) -> None:
    rows = [
        ("1", "A", "Logic", "1"),
        ("2", "B", "Logic", "1"),
        ("1", "A", "Latin", "1"),
        ("1", "A", "Law", "1"),
        ("", "", "", ""),
        ("1", "A", "Art", "1"),
    ]
    done = issued(issuer, write(tmp_path / "t.csv", rows), span_rows=1)
    assert reasons(done) == [
        (4, "Number", "is the number of row 2 as well"),
        (7, "Number", "is the number of row 2 as well"),
    ]
    assert [row[0] for row in error_rows(tmp_path / "t.errors.csv")] == ["4", "5", "7"]
    assert said(issuer, "1")["courses"] == [{"course": "Logic", "grade": 1}]


def test_an_error_file_that_was_corrected_is_read_as_the_file_was(issuer: Issuer, tmp_path: Path) -> None:
    rows = [("1", "A", "Logic", "good"), ("1", "A", "Latin", "1"), ("=2", "B", "Art", "")]
    issued(issuer, write(tmp_path / "t.csv", rows))
    errors = tmp_path / "t.errors.csv"
    errors.write_text(errors.read_text("utf-8-sig").replace("good", "2.5"), "utf-8-sig")
    for span_rows in (1, 100):
        source = open_source(errors, kind=KIND, span_rows=span_rows)
        assert [[row for row, _ in together] for together in records(source)] == [[2, 3]]
    assert issued(issuer, errors).issued == 1
    assert said(issuer, "1")["courses"] == [
        {"course": "Logic", "grade": 2.5},
        {"course": "Latin", "grade": 1},
    ]


@pytest.mark.slow
def test_numbered_columns_are_items_by_their_numbers(issuer: Issuer, tmp_path: Path) -> None:
    header = ("Number", "Name", "Course 1", "grade_1", "课程2", "Grade2", "course_10", "Course 2026")
    rows = [
        ("1", "A", "Logic", "1", "Latin", "", "Art", "x"),
        ("2", "B", "", "", "Latin", "2", "", ""),
        ("3", "C", "", "", "", "", "", ""),
        ("4", "D", "Logic", "1", "", "2", "", ""),
    ]
    path = write(tmp_path / "t.csv", rows, header)
    source = open_source(path, kind=KIND)
    assert source.mapping["课程2"] == "course_2"
    assert source.unused == ["Course 2026"]
    done = issued(issuer, path)
    assert reasons(done) == [(5, "课程2", "is empty")]
    assert said(issuer, "1")["courses"] == [
        {"course": "Logic", "grade": 1}, {"course": "Latin"}, {"course": "Art"}
    ]  # fmt: skip
    assert said(issuer, "2")["courses"] == [{"course": "Latin", "grade": 2}]
    assert "courses" not in said(issuer, "3")


def test_a_column_can_be_named_for_an_item(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", [("1", "A", "Logic")], ("no", "name", "Fach I"))
    source = open_source(path, {"course_1": "Fach I"}, kind=KIND)
    assert source.groups == {"courses": {1: {"course": 2}}}


@pytest.mark.parametrize(
    ("header", "code", "detail"),
    [
        (
            ("no", "name", "course", "course_1"),
            COLUMN_AMBIGUOUS,
            "'course' and 'course_1' could both be course",
        ),
        (
            ("no", "name", "grade_1"),
            COLUMNS_MISSING,
            r"no column for course_1; recognised are no \(no\), name \(name\), grade_1 \(grade_1\)",
        ),
        (("no", "name", "grade"), COLUMNS_MISSING, "no column for course"),
    ],
)
def test_columns_that_make_no_items_are_refused(
    tmp_path: Path, header: Sequence[str], code: Any, detail: str
) -> None:
    with raises(code, match=detail):
        open_source(write(tmp_path / "t.csv", [["1"] * len(header)], header), kind=KIND)


def test_a_group_that_is_required_needs_a_column_and_an_item(tmp_path: Path) -> None:
    kind = transcript(required=True)
    with raises(COLUMNS_MISSING, match="no column for courses"):
        open_source(write(tmp_path / "t.csv", [("1", "A")], ("no", "name")), kind=kind)
    issuer = issuer_in(tmp_path / "home", kind=kind)
    done = issued(issuer, write(tmp_path / "t.csv", [("1", "A", "", "")]))
    assert reasons(done) == [(2, "Course", "is empty")]


def test_one_group_of_a_file_stands_in_rows(tmp_path: Path) -> None:
    prizes = {"type": "group", "fields": {"prize": {"type": "text"}}}
    files = {
        "kind.json": json.dumps(
            {**json.loads(KIND.files["kind.json"]), "fields": {**FIELDS, "prizes": prizes}}
        )
    }
    kind = parse_kind({path: text.encode() for path, text in files.items()})
    path = write(tmp_path / "t.csv", [("1", "A", "x", "y")], ("no", "name", "course", "prize"))
    with raises(UNREADABLE_FILE, match="courses and prizes in rows, of which a file has one"):
        open_source(path, kind=kind)


@pytest.mark.slow
def test_a_record_has_a_bound_and_so_has_a_span(issuer: Issuer, tmp_path: Path) -> None:
    rows = [("1", "A", f"Course {number}", "") for number in range(3 * MOST_ITEMS)]
    path = write(tmp_path / "t.csv", [*rows, ("2", "B", "Logic", "1")])
    source = open_source(path, kind=KIND, span_rows=10)
    assert max(span.rows for span in source.spans) <= MOST_ITEMS + 11
    done = issued(issuer, path, span_rows=10)
    assert done.issued == 1
    assert f"more than {MOST_ITEMS}" in reasons(done)[0][2]
    assert [entry.number for entry in issuer.entries()] == ["2"]


@pytest.mark.slow
def test_a_job_that_was_stopped_goes_on_with_the_same_records(tmp_path: Path) -> None:
    rows = [(str(number // 3), "A", f"Course {number % 3}", "1") for number in range(30)]
    path = write(tmp_path / "t.csv", rows)

    def stop(progress: Any) -> None:
        if progress.stage == "issuing" and progress.done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        issued(issuer_in(tmp_path / "home", kind=KIND), path, span_rows=2, progress=stop)
    later = reopened(tmp_path / "home", clock=lambda: NOW)
    assert 0 < later.store.count() < 10
    issued(later, path, span_rows=2)
    assert [entry.number for entry in later.entries()] == [str(number) for number in range(10)]
    for number in range(10):
        assert [item["course"] for item in said(later, str(number))["courses"]] == [
            "Course 0", "Course 1", "Course 2"
        ]  # fmt: skip
    again = issued(later, path, span_rows=2)
    assert (again.issued, len(again.survey.known), again.survey.changed) == (0, 10, [])


def test_a_row_that_says_something_else_of_an_item_is_named(issuer: Issuer, tmp_path: Path) -> None:
    issued(issuer, write(tmp_path / "t.csv", [("1", "A", "Logic", "1"), ("1", "A", "Latin", "2")]))
    done = issued(issuer, write(tmp_path / "t.csv", [("1", "A", "Logic", "1"), ("1", "A", "Latin", "3")]))
    (change,) = done.survey.changed
    (line,) = (
        line
        for lines in remarks(open_source(tmp_path / "t.csv", kind=KIND), done, ("x", "xs"), "")
        for line in lines
        if "--set" in line
    )
    assert line.endswith("issuer correct 1 --set grade_2=3")
    assert (change.row, change.number, set(change.fields)) == (2, "1", {"grade_2"})
    assert issuer.correct("1", {"grade_2": "3"}).edition == 2
    assert said(issuer, "1")["courses"] == [{"course": "Logic", "grade": 1}, {"course": "Latin", "grade": 3}]


def test_a_file_of_a_group_from_issuing_to_a_stranger(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "transcript").mkdir()
    (tmp_path / "transcript" / "kind.json").write_bytes(KIND.files["kind.json"])
    rows = [
        ("1", "A", "Logic", "1"),
        ("1", "A", "Latin", "2"),
        ("2", "B", "Law", "x"),
        ("2", "B", "Art", "1"),
    ]
    write(tmp_path / "t.csv", rows)
    words = ("issuer", "issue", "t.csv", "--kind", "transcript", "--name", "A University", "--out", "out")
    answer = program(*words, "--json")
    assert answer.code == 7
    told = json.loads(answer.out)
    assert (told["issued"], [error["row"] for error in told["errors"]]) == (1, [4])
    assert program("kind", "export", "transcript").out.strip() == "no,name,course_1,grade_1,course_2,grade_2"
    assert "course" in program("kind", "show", "transcript").out
    card = program("issuer", "show", "1").out
    assert "courses   course: Logic, grade: 1\n  courses   course: Latin, grade: 2" in card
    answer = program("issuer", "correct", "1", "--set", "grade_2=1.5", "--yes", "--out", "out")
    assert answer.code == 0, answer.err
    (tmp_path / "trust.json").write_text(program("issuer", "trust").out)
    answer = program("verify", "out/1.2.json", "--trust", "trust.json", "--offline", "--json")
    assert json.loads(answer.out)["fields"] == [
        {
            "no": "1",
            "name": "A",
            "courses": [{"course": "Logic", "grade": 1}, {"course": "Latin", "grade": 1.5}],
        }
    ]


@pytest.mark.slow
@pytest.mark.parametrize("is_ordered", [False, True])
def test_the_largest_record_is_valid_for_a_verifier(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_ordered: bool
) -> None:
    """A verifier bounds its work: what is issued has to fit in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "transcript").mkdir()
    (tmp_path / "transcript" / "kind.json").write_bytes(transcript(ordered=is_ordered).files["kind.json"])
    write(tmp_path / "t.csv", [("1", "A", f"Course {number}", "1.5") for number in range(MOST_ITEMS)])
    words = ("issuer", "issue", "t.csv", "--kind", "transcript", "--name", "A University", "--out", "out")
    assert program(*words).out == "1 issued, 0 issued before, 0 with errors\n"
    answer = program("verify", "out/1.json", "--offline", "--json")
    assert answer.code == 0, answer.out[:500]
    (fields,) = json.loads(answer.out)["fields"]
    assert len(fields["courses"]) == MOST_ITEMS
