"""What is shown of a table before it is signed is what is signed; what is declined leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from issuer.archive.archive import Archive
from issuer.archive.shard_store import ShardFolder
from issuer.archive.store import SQLiteIndex
from issuer.issuer import Issuer
from issuer.job.bulk import checked_table
from issuer.job.checked import PREVIEWED, CheckedTable
from issuer.job.numbering import NumberPattern
from issuer.job.order import Order
from issuer.press.document import trial
from issuer.table.source import Source, open_source
from kinds import Record, shipped
from tests.test_issuer_bulk import spools
from tests.world import HEADER, NOW, csv_file, graduate, issuer_in, reopened, table
from wire.problem import Declined

FULL_NAME = shipped().person.full


@pytest.fixture
def source(tmp_path: Path) -> Source:
    rows = [graduate(row, **{"email": "bad"} if row in (1, 5) else {}) for row in range(1, 10)]
    return csv_file(tmp_path / "g.csv", rows, span_rows=4)


@contextmanager
def checked(tmp_path: Path, order: Order) -> Iterator[CheckedTable]:
    """As it is where there is no issuer yet."""
    archive = Archive(SQLiteIndex(tmp_path / "none.sqlite"), ShardFolder(tmp_path / "none"))
    with checked_table(order, archive, trial(shipped()), NOW.date()) as found:
        yield found
    archive.store.close()


def noting(order: Order, seen: list[Record], stages: list[str]) -> Order:
    return replace(
        order,
        approve=lambda table: seen.extend(table.first()),
        progress=lambda progress: stages.append(progress.stage),
    )


def in_turn(stages: list[str]) -> list[str]:
    return [stage for stage, _ in groupby(stages)]


def records(issuer: Issuer) -> list[Record]:
    return [issuer.line(entry).record for entry in issuer.entries()]


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_the_rows_that_are_shown_are_signed_and_no_row_is_checked_twice(
    tmp_path: Path, source: Source, workers: int
) -> None:
    seen: list[Record] = []
    stages: list[str] = []
    issuer = issuer_in(tmp_path / "home")
    done = issuer.issue_file(noting(Order(source, workers=workers), seen, stages))
    assert done.issued == 7
    assert seen == records(issuer)[:PREVIEWED]
    assert in_turn(stages) == ["checking", "issuing"]


def test_what_is_declined_is_not_signed_and_leaves_nothing(tmp_path: Path, source: Source) -> None:
    issuer = issuer_in(tmp_path / "home")
    size = len(list(issuer.log.entries(0, 1)))
    before = {path: path.stat().st_size for path in issuer.home.rglob("*.jsonl.zst")}

    def decline(table: CheckedTable) -> None:
        assert (table.survey.rows, table.survey.good, sorted(table.survey.findings)) == (9, 7, [2, 6])
        raise Declined("nothing was issued")

    errors = tmp_path / "e.csv"
    with pytest.raises(Declined):
        issuer.issue_file(Order(source, errors, workers=0, approve=decline))
    assert (issuer.store.count(), size, errors.exists()) == (0, 1, False)
    assert {path: path.stat().st_size for path in issuer.home.rglob("*.jsonl.zst")} == before
    assert spools(issuer) == []
    assert issuer.issue_file(Order(source, errors, workers=0)).issued == 7


def test_nobody_is_asked_about_rows_of_which_none_is_to_be_signed(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "g.csv", [graduate(1, email="bad")])
    seen: list[Record] = []
    done = issuer_in(tmp_path / "home").issue_file(noting(Order(source, workers=0), seen, []))
    assert (done.issued, seen) == (0, [])


@pytest.mark.slow
def test_of_a_table_that_was_issued_in_part_the_rest_is_shown(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "home")
    issuer.issue_file(Order(csv_file(tmp_path / "g.csv", [graduate(1), graduate(3)]), workers=0))
    seen: list[Record] = []
    whole = csv_file(tmp_path / "h.csv", [graduate(row) for row in range(1, 5)])
    assert issuer.issue_file(noting(Order(whole, workers=0), seen, [])).issued == 2
    assert [record["diploma_number"] for record in seen] == ["UNI-000002", "UNI-000004"]


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_table_is_checked_before_there_is_an_issuer_and_not_again(
    tmp_path: Path, source: Source, workers: int
) -> None:
    seen: list[Record] = []
    stages: list[str] = []
    order = noting(Order(source, tmp_path / "e.csv", workers=workers), seen, stages)
    with checked(tmp_path, order) as table:
        first = table.first()
        done = issuer_in(tmp_path / "home").issue_file(order, table)
    assert (done.issued, sorted(done.survey.findings), done.error_file) == (7, [2, 6], tmp_path / "e.csv")
    assert in_turn(stages) == ["checking", "issuing"]
    assert seen == [], "whoever checked it has asked"
    issuer = reopened(tmp_path / "home")
    assert first == records(issuer)[:PREVIEWED]
    again = issuer.issue_file(replace(order, error_file=None))
    assert (again.issued, len(again.survey.known), again.survey.changed) == (0, 7, [])


def test_what_somebody_else_issued_meanwhile_is_not_issued_again(tmp_path: Path, source: Source) -> None:
    """Two may make one issuer at once: the slower one checks again, and asks again."""
    seen: list[Record] = []
    order = noting(Order(source, workers=0), seen, [])
    with checked(tmp_path, order) as table:
        faster = issuer_in(tmp_path / "home")
        faster.issue_file(Order(csv_file(tmp_path / "h.csv", [graduate(2), graduate(3)]), workers=0))
        done = reopened(tmp_path / "home").issue_file(order, table)
    assert (done.issued, sorted(done.survey.known)) == (5, [3, 4])
    assert seen[0]["diploma_number"] == "UNI-000004"


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("nothing", ["", "\u200b", "\u2060", "\u00ad", "\u3164", "\ufe0f"])
@pytest.mark.parametrize("field", ["given_name", "programme_title"])
def test_rows_that_differ_in_nothing_that_is_seen_are_named(tmp_path: Path, nothing: str, field: str) -> None:
    rows = [graduate(row, given_name="张敏", family_name="", programme_title="物理学") for row in (1, 2, 3)]
    rows[2][field] = f"{rows[2][field][0]}{nothing}{rows[2][field][1:]}"
    rows[1][field] = rows[1][field][::-1]
    with checked(tmp_path, Order(csv_file(tmp_path / "g.csv", rows), workers=0)) as table:
        found = table.alike(lambda record: f"{FULL_NAME(record)}: {record['programme_title']}")
    assert found == [(2, 4)]


@pytest.mark.quick("True")
@pytest.mark.parametrize("before", [False, True])
def test_the_numbers_that_are_shown_are_given(tmp_path: Path, before: bool) -> None:
    """Also where the table was checked before there was an issuer, by whose secret its rows are known."""
    header = [name for name in HEADER if name != "diploma_number"]
    path = tmp_path / "g.csv"
    path.write_text(table([graduate(row) for row in range(1, 6)], header))
    source = open_source(path, has_numbers=False, span_rows=2)
    seen: list[Record] = []
    order = noting(Order(source, workers=0, numbers=NumberPattern.parse("N-{seq:03}", source.kind)), seen, [])
    if before:
        with checked(tmp_path, order) as checked_before:
            seen = checked_before.first()
            done = issuer_in(tmp_path / "home").issue_file(order, checked_before)
    else:
        done = issuer_in(tmp_path / "home").issue_file(order)
    issuer = reopened(tmp_path / "home")
    assert (done.issued, seen) == (5, records(issuer)[:PREVIEWED])
    assert [record["diploma_number"] for record in seen] == ["N-001", "N-002", "N-003"]
    again = issuer.issue_file(replace(order, approve=lambda _: None))
    assert (again.issued, len(again.survey.known)) == (0, 5)
