"""Rows whose diplomas were issued before: which of them say something new."""

from __future__ import annotations

import random
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.archive.archive import Archive
from issuer.archive.kept import SeqsByRow
from issuer.archive.shard_store import ShardFolder
from issuer.issuer import Issuer
from issuer.job import bulk
from issuer.job.bulk import dry_run
from issuer.job.changes import Change
from issuer.job.order import Order, Progress
from issuer.press.document import trial
from issuer.press.press import Line
from issuer.table.source import open_source
from kinds import shipped
from tests.copying import copy_folder
from tests.world import HEADER, NOW, csv_file, graduate, issuer_in, reopened, table
from vc.status import Reason
from wire.problem import Damaged

ROWS = range(1, 24)
in_chunks = partial(csv_file, span_rows=4)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an issuer that has issued `ROWS`."""
    made = issuer_in(tmp_path_factory.mktemp("changes") / "home")
    assert changed(made, map(graduate, ROWS)) == []
    made.store.close()
    return made.home


@pytest.fixture
def issuer(home: Path, tmp_path: Path) -> Issuer:
    copy_folder(home, tmp_path / "home")
    return reopened(tmp_path / "home")


def changed(issuer: Issuer, rows: Iterable[dict[str, str]], workers: int = 0) -> list[Change]:
    source = in_chunks(issuer.home.with_name("g.csv"), list(rows))
    errors = issuer.home.with_name("errors.csv")
    result = issuer.issue_file(Order(source, errors, workers=workers))
    archive = Archive(issuer.store, ShardFolder(issuer.home / "shards"))
    tried = dry_run(
        Order(source, errors, workers=0), archive, trial(shipped()), NOW.date(), shipped().person.full
    )
    assert tried.survey.changed == result.survey.changed
    return result.survey.changed


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_the_rows_that_say_something_new_are_named_with_their_fields(issuer: Issuer, workers: int) -> None:
    assert changed(issuer, map(graduate, ROWS), workers) == []
    rows = [graduate(row, **{"gpa": "1.0", "honours": ""} if row in (3, 17) else {}) for row in range(1, 30)]
    assert changed(issuer, rows, workers) == [
        Change(row + 1, f"UNI-{row:06}", {"gpa": "1.0", "honours": ""}, False) for row in (3, 17)
    ]
    assert issuer.line(issuer.current("UNI-000003")).record["gpa"] == "3.5"


@given(
    st.dictionaries(
        st.sampled_from(["credential", "record", "seq", "gpa"]),
        st.sampled_from(['},"credential":{', "},", '"credential"', "}", ',"record":', "\\", ""])
        | st.integers(0, 9),
    )
)
def test_a_record_is_cut_out_whatever_its_columns_are_called(record: dict[str, str | int]) -> None:
    seq, found = Line.record_of(Line(7, record, {"credential": record}).to_bytes())
    assert (seq, found) == (7, orjson.dumps(record))


@pytest.mark.slow
def test_rows_of_several_jobs_are_compared_in_any_order(issuer: Issuer) -> None:
    changed(issuer, map(graduate, range(24, 40)))
    rows = [graduate(row, ects="60" if row % 10 == 0 else "180") for row in range(1, 40)]
    random.Random(1).shuffle(rows)
    found = changed(issuer, rows)
    assert {change.number for change in found} == {"UNI-000010", "UNI-000020", "UNI-000030"}
    assert all(rows[change.row - 2]["diploma_number"] == change.number for change in found)


@pytest.mark.quick(every=3)
@pytest.mark.parametrize("at_once", [1, 8, 9])
def test_rows_in_any_order_are_compared_a_portion_at_a_time(
    issuer: Issuer, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each portion has rows of each shard; how far it is counts all of them once."""
    monkeypatch.setattr(bulk, "_COMPARED", at_once)  # else all 23 rows are one portion
    rows = random.Random(7).sample([graduate(row, **{"gpa": "1.0"} if row == 17 else {}) for row in ROWS], 23)
    (change,) = changed(issuer, rows)
    assert (change.number, change.fields) == ("UNI-000017", {"gpa": "1.0"})
    reports: list[Progress] = []
    source = in_chunks(issuer.home.with_name("h.csv"), rows)
    assert issuer.issue_file(Order(source, workers=0, progress=reports.append)).issued == 0
    compared = [report for report in reports if report.stage == "comparing"]
    assert (compared[-1].done, {report.total for report in compared}) == (23, {23})


@given(st.lists(st.tuples(st.integers(0, 99), st.none() | st.integers(0, 1 << 40))))
def test_numbers_by_row_are_as_a_dict_has_them(steps: list[tuple[int, int | None]]) -> None:
    compact, plain = SeqsByRow(), dict[int, int]()
    for row, seq in steps:
        for each in (compact, plain):
            each.pop(row, None) if seq is None else each.update({row: seq})
    assert (dict(compact), len(compact), [*compact]) == (plain, len(plain), sorted(plain))
    assert [compact.get(row) for row in range(-2, 120)] == [plain.get(row) for row in range(-2, 120)]


@pytest.mark.slow
def test_a_corrected_diploma_is_compared_as_it_stands(issuer: Issuer) -> None:
    issuer.correct("UNI-000002", {"gpa": "4.0"})
    assert changed(issuer, [graduate(2, gpa="4.0")]) == []
    assert changed(issuer, [graduate(2)]) == []  # the file that it was issued from
    assert changed(issuer, [graduate(2, gpa="5.0", honours="none")]) == [
        Change(2, "UNI-000002", {"gpa": "5.0", "honours": "none"}, False)
    ]
    assert changed(issuer, [graduate(2, gpa="4.0", honours="none")]) == [
        Change(2, "UNI-000002", {"honours": "none"}, False)
    ]


@pytest.mark.slow
def test_that_a_holder_has_claimed_it_changes_nothing(issuer: Issuer) -> None:
    issuer.claim("UNI-000002", "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK")
    assert changed(issuer, [graduate(2)]) == []
    assert [change.fields for change in changed(issuer, [graduate(2, gpa="1.0")])] == [{"gpa": "1.0"}]


@pytest.mark.quick("True")
@pytest.mark.parametrize("first", [True, False])
def test_diplomas_issued_one_by_one_are_compared_as_well(tmp_path: Path, first: bool) -> None:
    issuer = issuer_in(tmp_path / "home")
    if not first:
        changed(issuer, map(graduate, ROWS))
    for row in (101, 102):
        issuer.issue(graduate(row))
    assert changed(issuer, [graduate(101), graduate(102, gpa="1.0")]) == [
        Change(3, "UNI-000102", {"gpa": "1.0"}, False)
    ]


def test_a_revoked_diploma_cannot_be_corrected(issuer: Issuer) -> None:
    issuer.revoke(["UNI-000002"], Reason.FRAUD, date=NOW, now=NOW)
    assert changed(issuer, [graduate(2), graduate(3)]) == []
    assert changed(issuer, [graduate(2, gpa="1.0")]) == [Change(2, "UNI-000002", {"gpa": "1.0"}, True)]


@pytest.mark.slow
def test_what_a_file_has_no_column_for_is_not_compared(issuer: Issuer) -> None:
    path = issuer.home.with_name("h.csv")
    path.write_text(table([graduate(2), graduate(3, ects="60")], [name for name in HEADER if name != "gpa"]))
    result = issuer.issue_file(Order(open_source(path, span_rows=4), path.with_name("errors.csv")))
    assert [(change.row, change.fields) for change in result.survey.changed] == [(3, {"ects": 60})]


def test_a_bad_row_is_an_error_and_no_change(issuer: Issuer) -> None:
    assert changed(issuer, [graduate(2, email="bad", gpa="1.0")]) == []


def test_a_shard_that_is_lost_is_told_before_anything_is_issued(issuer: Issuer) -> None:
    (shard,) = issuer.home.glob("shards/*/000001*")
    shard.unlink()
    with pytest.raises(Damaged, match=str(shard)):
        changed(issuer, map(graduate, range(1, 40)))
    assert issuer.store.count() == len(ROWS)


@pytest.mark.slow
def test_how_far_the_comparison_is_can_be_followed(issuer: Issuer) -> None:
    reports: list[Progress] = []
    source = in_chunks(issuer.home.with_name("g.csv"), [*map(graduate, reversed(ROWS))])
    issuer.issue_file(Order(source, issuer.home.with_name("errors.csv"), workers=0, progress=reports.append))
    compared = [progress.done for progress in reports if progress.stage == "comparing"]
    assert compared == [0, 4, 8, 12, 16, 20, 23]


def test_a_number_that_somebody_else_has_is_an_error(issuer: Issuer) -> None:
    rows = [
        graduate(1),
        graduate(2, given_name="Xavier", family_name="Newman"),
        graduate(3, family_name="Ng"),
    ]
    errors = issuer.home.with_name("errors.csv")
    source = in_chunks(issuer.home.with_name("g.csv"), rows)
    found = issuer.issue_file(Order(source, errors, workers=0)).survey
    assert [str(finding) for finding in found.findings[3]] == [
        'row 3, column diploma_number: "UNI-000002" was issued to somebody else'
    ]
    assert (sorted(found.known), [change.row for change in found.changed]) == ([2, 4], [4])
    assert "Xavier" in errors.read_text()


@pytest.mark.slow
def test_the_same_file_needs_no_comparison(issuer: Issuer) -> None:
    reports: list[Progress] = []
    source = in_chunks(issuer.home.with_name("g.csv"), [*map(graduate, ROWS)])
    issuer.issue_file(Order(source, issuer.home.with_name("errors.csv"), workers=0, progress=reports.append))
    assert {progress.stage for progress in reports} == {"checking"}


def test_a_shard_in_the_place_of_another_gives_nobody_elses_diploma(issuer: Issuer) -> None:
    first, second = (next(issuer.home.glob(f"shards/*/00000{number}*")) for number in range(2))
    second.write_bytes(first.read_bytes())
    with pytest.raises(Damaged, match=str(second)):
        issuer.line(issuer.current("UNI-000005"))
