"""Files without numbers: each row is given one, once and for all, whatever happens in between."""

from __future__ import annotations

import csv
import itertools
import multiprocessing
import random
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from issuer.archive.archive import Archive
from issuer.archive.kept import KindNumber
from issuer.archive.shard_store import ShardFolder
from issuer.archive.store import SQLiteIndex
from issuer.issuer import Issuer
from issuer.job.bulk import Issued, dry_run
from issuer.job.numbering import NumberPattern
from issuer.job.order import Order
from issuer.keeping.backup import backup, restore
from issuer.press.document import trial
from issuer.problem import COLUMNS_MISSING, NUMBER_COLUMN, ROWS_WITHOUT_NUMBER
from issuer.table.source import Source, open_source
from kinds import shipped
from tests.doubles import at, stops
from tests.fault.issuing import require_once
from tests.fault.kill import Work, kill_everywhere, killed_by
from tests.problems import raises
from tests.processes import ended
from tests.test_issuer_groups import transcript
from tests.world import NOW, graduate, issuer_in, reopened, table, twin

PATTERN = "{year}-{seq:03}"
COLUMNS = ["given_name", "family_name", "email", "programme_title", "achievement_type", "award_date", "gpa"]
PASSPHRASE = b"correct horse battery"
Row = Mapping[str, str]


def file(path: Path, rows: Sequence[Row], columns: Sequence[str] = COLUMNS, **options: Any) -> Source:
    """A file without numbers, nor anything else that only one person has."""
    path.write_text(table(rows, columns), encoding="utf-8")
    return open_source(path, has_numbers=False, **{"span_rows": 2, **options})


def issue(issuer: Issuer, source: Source, pattern: str = PATTERN, workers: int = 0) -> Issued:
    numbers = NumberPattern.parse(pattern, source.kind)
    errors = source.path.with_name("errors.csv")
    return issuer.issue_file(Order(source, errors, workers=workers, numbers=numbers))


def checked(folder: Path, source: Source) -> Issued:
    """By an issuer that has issued nothing yet."""
    order = Order(source, workers=0, numbers=NumberPattern.parse(PATTERN, source.kind))
    archive = Archive(SQLiteIndex(folder / "empty.sqlite"), ShardFolder(folder / "shards"))
    return dry_run(order, archive, trial(source.kind), NOW.date(), source.kind.person.full)


def given_numbers(issuer: Issuer) -> dict[str, str]:
    """By person, the numbers that stand on what was issued."""
    return {entry.name: entry.number for entry in issuer.entries()}


def kept(home: Path) -> list[tuple[bytes, str, str]]:
    with closing(sqlite3.connect(home / "issuer.sqlite")) as connection:
        return connection.execute("SELECT * FROM given_number ORDER BY number").fetchall()


def dump(home: Path) -> list[str]:
    with closing(sqlite3.connect(home / "issuer.sqlite")) as connection:
        return list(connection.iterdump())


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return issuer_in(tmp_path / "home")


def test_good_rows_get_numbers_in_their_order_and_bad_ones_once_they_are_good(
    issuer: Issuer, tmp_path: Path
) -> None:
    rows = [graduate(1), graduate(2, award_date="soon"), graduate(3)]
    assert issue(issuer, file(tmp_path / "g.csv", rows)).issued == 2
    assert given_numbers(issuer) == {"Given1 Family1": "2026-001", "Given3 Family3": "2026-002"}
    corrected = (tmp_path / "errors.csv").read_text("utf-8-sig").replace('"soon"', '"2026-06-30"')
    (tmp_path / "errors.csv").write_text(corrected)
    source = open_source(tmp_path / "errors.csv", has_numbers=False)
    assert issue(issuer, source, "X{seq}").issued == 1
    assert given_numbers(issuer)["Given2 Family2"] == "X1"
    line = issuer.line(issuer.current("X1"))
    assert line.record["diploma_number"] == "X1"
    require_once(issuer)


@pytest.mark.slow
def test_the_same_rows_in_another_order_are_known_and_what_differs_is_told(
    issuer: Issuer, tmp_path: Path
) -> None:
    rows = [graduate(row) for row in range(1, 6)]
    issue(issuer, file(tmp_path / "g.csv", rows))
    before = given_numbers(issuer)
    changed = [{**row, "gpa": "3.9"} if row == rows[1] else row for row in rows]
    again = issue(issuer, file(tmp_path / "h.csv", [*reversed(changed), graduate(6)]), "{seq}")
    assert (again.issued, len(again.survey.known)) == (1, 5)
    assert [(each.number, each.fields) for each in again.survey.changed] == [("2026-002", {"gpa": "3.9"})]
    assert given_numbers(issuer) == {**before, "Given6 Family6": "1"}


@pytest.mark.slow
def test_a_row_that_was_numbered_last_year_keeps_its_number(issuer: Issuer, tmp_path: Path) -> None:
    issue(issuer, file(tmp_path / "g.csv", [graduate(1)]))
    later = reopened(issuer.home, clock=lambda: datetime(2027, 1, 1, tzinfo=UTC))
    issue(later, file(tmp_path / "h.csv", [graduate(2), graduate(1)]))
    assert given_numbers(later) == {"Given1 Family1": "2026-001", "Given2 Family2": "2027-001"}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_two_rows_of_one_identity_are_both_findings_in_any_order(
    tmp_path: Path, order: Sequence[int]
) -> None:
    rows = [graduate(1), graduate(1, gpa="2.0", email="other@example.org"), graduate(2)]
    done = checked(tmp_path, file(tmp_path / "g.csv", [rows[at] for at in order]))
    assert (done.survey.good, len(done.survey.findings)) == (1, 2)
    for row, (finding,) in done.survey.findings.items():
        (other,) = done.survey.findings.keys() - {row}
        assert (
            finding.reason
            == f"is the same as in row {other}, and so is everything else that tells rows apart"
        )


@pytest.mark.slow
def test_who_has_a_number_of_their_own_is_issued_nothing_under_another_name(
    issuer: Issuer, tmp_path: Path
) -> None:
    columns = ["student_id", *COLUMNS]
    issue(issuer, file(tmp_path / "g.csv", [graduate(1), graduate(2)], columns))
    married = [graduate(1, family_name="Other"), graduate(2, given_name="X", family_name="Y")]
    done = issue(issuer, file(tmp_path / "h.csv", married, columns))
    assert done.issued == 0
    assert [change.fields for change in done.survey.changed] == [{"family_name": "Other"}]
    ((finding,),) = done.survey.findings.values()
    assert str(finding) == (
        "row 3, column student_id: has the number 2026-002, which was issued to somebody else"
    )


def test_a_row_that_says_nothing_of_who_it_is_gets_no_number(tmp_path: Path) -> None:
    kind = transcript()
    rows = [{"name": "\u200b", "course_1": "Logic"}, {"name": "Ada", "course_1": "Logic"}]
    done = checked(tmp_path, file(tmp_path / "g.csv", rows, ["name", "course_1"], kind=kind))
    ((finding,),) = done.survey.findings.values()
    assert str(finding) == (
        "row 2, column name: is empty, and so is all else that tells rows apart: no number is given"
    )
    assert (done.survey.good, done.next_number) == (1, "2026-001")


@pytest.mark.slow
def test_numbers_that_others_have_are_passed_over(issuer: Issuer, tmp_path: Path) -> None:
    issuer.issue(graduate(7, diploma_number="2026-001"))
    issuer.issue(graduate(8, diploma_number="2026-003"))
    issue(issuer, file(tmp_path / "g.csv", [graduate(1), graduate(2)]))
    assert given_numbers(issuer) == {
        "Given7 Family7": "2026-001",
        "Given8 Family8": "2026-003",
        "Given1 Family1": "2026-002",
        "Given2 Family2": "2026-004",
    }


@pytest.mark.slow
def test_credentials_are_those_of_a_file_that_has_the_numbers(issuer: Issuer, tmp_path: Path) -> None:
    rows = [graduate(row, diploma_number=f"2026-{row:03}") for row in range(1, 4)]
    twins = [twin(issuer, tmp_path / name / "home") for name in ("without", "with")]
    issue(twins[0], file(tmp_path / "g.csv", rows))
    (tmp_path / "h.csv").write_text(table(rows, [*COLUMNS, "diploma_number"]))
    twins[1].issue_file(Order(open_source(tmp_path / "h.csv"), workers=0))
    without, numbered = ([each.line(entry).to_bytes() for entry in each.entries()] for each in twins)
    assert without == numbered != []


# What may not be


def test_a_file_with_numbers_is_given_none(tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text(table([graduate(1)]).replace("diploma_number", "Certificate No"))
    with raises(NUMBER_COLUMN, match="g.csv has a column 'Certificate No' for diploma_number") as caught:
        open_source(tmp_path / "g.csv", has_numbers=False)
    assert caught.value.facts == {"column": "Certificate No"}


def test_an_order_has_numbers_in_its_file_or_gives_them(tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text(table([graduate(1)]))
    with raises(NUMBER_COLUMN):
        Order(open_source(tmp_path / "h.csv"), numbers=NumberPattern.parse(PATTERN, shipped()))
    with raises(NUMBER_COLUMN):
        Order(file(tmp_path / "g.csv", [graduate(1)]))


def test_a_file_without_numbers_says_that_they_may_be_given(tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text(table([graduate(1)], COLUMNS))
    with raises(COLUMNS_MISSING) as caught:
        open_source(tmp_path / "g.csv")
    assert caught.value.facts["number"] == "diploma_number"


def test_a_file_that_tells_nobody_apart_is_refused(tmp_path: Path) -> None:
    kind = transcript(required=False)
    (tmp_path / "g.csv").write_text("course_1\nLogic\n")
    with raises(COLUMNS_MISSING):
        open_source(tmp_path / "g.csv", kind=kind, has_numbers=False)


@pytest.mark.quick(".csv")
@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_records_of_several_rows_need_their_numbers(tmp_path: Path, ending: str) -> None:
    path, rows = tmp_path / f"g{ending}", [["name", "course"], ["Ada", "Logic"], ["Ada", "Algebra"]]
    if ending == ".csv":
        with path.open("w", newline="") as to:
            csv.writer(to).writerows(rows)
    else:
        with pytest.importorskip("xlsxwriter", reason="no extra [xlsx]: pip install '.[xlsx]'").Workbook(
            path
        ) as book:
            sheet = book.add_worksheet()
            for row, cells in enumerate(rows):
                sheet.write_row(row, 0, cells)
    with raises(ROWS_WITHOUT_NUMBER, match="'course' in rows, and no column for no to say which belong"):
        open_source(path, kind=transcript(), has_numbers=False)


# What is kept


@pytest.mark.slow
def test_a_dry_run_gives_no_number_and_says_which_would_be_next(issuer: Issuer, tmp_path: Path) -> None:
    issue(issuer, file(tmp_path / "g.csv", [graduate(1)]))
    issuer.issue(graduate(7, diploma_number="2026-002"))
    before = dump(issuer.home)
    source = file(tmp_path / "h.csv", [graduate(1), graduate(2), graduate(3)])
    order = Order(source, workers=0, numbers=NumberPattern.parse(PATTERN, source.kind))
    secret = partial(issuer.keys.secret, "number-identity")
    says = shipped().person.full
    done = dry_run(order, issuer.archive, trial(shipped()), NOW.date(), says, secret)
    assert (done.survey.good, len(done.survey.known), done.next_number) == (2, 1, "2026-003")
    assert [record["diploma_number"] for record in done.first] == ["2026-003", "2026-004"]
    assert checked(tmp_path, source).survey.good == 3
    assert dump(issuer.home) == before


@pytest.mark.slow
def test_another_home_has_other_digests_and_none_has_a_word_of_a_row(tmp_path: Path) -> None:
    source = file(tmp_path / "g.csv", [graduate(row) for row in range(1, 4)])
    tables = []
    for name in ("one", "other"):
        issuer = issuer_in(tmp_path / name / "home")
        issue(issuer, source)
        tables.append(kept(issuer.home))
    (one, other) = tables
    assert [number for _, number, _ in one] == [number for _, number, _ in other]
    assert not {identity for identity, _, _ in one} & {identity for identity, _, _ in other}
    for identity, number, kind in one:
        assert (len(identity), number[:5], kind) == (16, "2026-", "diploma")


@pytest.mark.slow
def test_a_backup_has_the_numbers_and_what_tells_rows_apart(issuer: Issuer, tmp_path: Path) -> None:
    source = file(tmp_path / "g.csv", [graduate(1), graduate(2)])
    issue(issuer, source)
    backup(issuer.home, tmp_path / "b", PASSPHRASE)
    restore(tmp_path / "b", tmp_path / "again", PASSPHRASE)
    put_back = reopened(tmp_path / "again")
    again = issue(put_back, file(tmp_path / "h.csv", [graduate(3), graduate(2), graduate(1)]))
    assert (again.issued, len(again.survey.known)) == (1, 2)
    assert given_numbers(put_back)["Given3 Family3"] == "2026-003"


@pytest.mark.slow
def test_a_person_is_erased_from_the_table(issuer: Issuer, tmp_path: Path) -> None:
    """As docs/operations.md says."""
    source = file(tmp_path / "g.csv", [graduate(1), graduate(2)])
    issue(issuer, source)
    assert issuer.store.numbers.forget(KindNumber("diploma", "2026-001"))
    assert [number for _, number, _ in kept(issuer.home)] == ["2026-002"]
    # The job is the same, and done: nothing is issued again by the file of then.
    assert issue(issuer, source).issued == 0


# Killed


@pytest.mark.slow
def test_the_numbers_that_were_given_stay_when_the_job_is_killed_before_a_row_is_signed(
    issuer: Issuer, tmp_path: Path
) -> None:
    rows = [graduate(row) for row in range(1, 6)]
    killed = partial(reopened, issuer.home, **at(issuer.home, "index.begin", stops(before=True)))
    assert killed_by(lambda: issue(killed(), file(tmp_path / "g.csv", rows)))
    assert [number for _, number, _ in kept(issuer.home)] == [f"2026-{row:03}" for row in range(1, 6)]
    assert list(reopened(issuer.home).entries()) == []
    # Another year, order and pattern; a row more, before the others.
    later = reopened(issuer.home, clock=lambda: datetime(2027, 1, 1, tzinfo=UTC))
    issue(later, file(tmp_path / "h.csv", [graduate(6), *reversed(rows)]), "N{seq}")
    assert given_numbers(later) == {
        **{f"Given{row} Family{row}": f"2026-{row:03}" for row in range(1, 6)},
        "Given6 Family6": "N1",
    }


@pytest.mark.slow
def test_killed_while_numbers_are_given_none_is(issuer: Issuer, tmp_path: Path) -> None:
    source = file(tmp_path / "g.csv", [graduate(row) for row in range(1, 6)])

    def killed(give: Any, kind: str, series: str, numbering: Any, identities: Any, heard: Any) -> None:
        give(kind, series, numbering, identities, partial(stops(on_call=2), heard))

    work = partial(reopened, issuer.home, **at(issuer.home, "numbers.give", killed))
    assert killed_by(lambda: issue(work(), source))
    assert kept(issuer.home) == []
    assert issue(reopened(issuer.home), source).issued == 5


@pytest.mark.slow
def test_numbers_that_are_not_given_all_at_once_are_found(issuer: Issuer, tmp_path: Path) -> None:
    rows = [graduate(row) for row in range(1, 6)]
    stop = stops(on_call=2, before=True)

    def one_by_one(give: Any, kind: str, series: str, numbering: Any, identities: Any, heard: Any) -> None:
        for portion in identities:
            stop(give, kind, series, numbering, [portion], heard)

    work = partial(reopened, issuer.home, **at(issuer.home, "numbers.give", one_by_one))
    assert killed_by(lambda: issue(work(), file(tmp_path / "g.csv", rows)))
    issue(reopened(issuer.home), file(tmp_path / "h.csv", [*reversed(rows)]))
    all_at_once = {f"Given{row} Family{row}": f"2026-{row:03}" for row in range(1, 6)}
    assert given_numbers(reopened(issuer.home)) != all_at_once


SERIES = NumberPattern.parse("{seq}", shipped()).series(2026)
kinds = map(str, itertools.count())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SQLiteIndex:
    return SQLiteIndex(tmp_path_factory.mktemp("numbers") / "index.sqlite")


@settings(max_examples=25, deadline=None)
@given(
    first=st.permutations(range(12)),
    cuts=st.lists(st.integers(0, 11), max_size=3),
    again=st.permutations(range(12)),
    portion=st.integers(1, 5),
)
def test_in_any_order_and_cut_anywhere_the_mapping_is_that_of_the_first_file(
    store: SQLiteIndex, first: list[int], cuts: list[int], again: list[int], portion: int
) -> None:
    """As SIGKILL leaves it: a transaction that did not come to its end."""
    kind = next(kinds)

    def give(people: Sequence[int], cut: int | None = None) -> dict[int, str]:
        identities = [f"{kind} {person}".encode() for person in people]
        portions = [identities[start : start + portion] for start in range(0, len(people), portion)]
        numbers: list[str] = []

        def heard(given: Sequence[str]) -> None:
            numbers.extend(given)
            if cut is not None and len(numbers) > cut:
                raise KeyboardInterrupt

        store.numbers.give(kind, SERIES.name, SERIES.numbers, portions, heard)
        return dict(zip(people, numbers, strict=True))

    for cut in cuts:
        with pytest.raises(KeyboardInterrupt):
            give(again, cut)
    assert give(first) == give(again) == {person: str(place) for place, person in enumerate(first, 1)}


def _issue_at(start: Barrier, home: Path, source: Source) -> None:
    start.wait()
    issue(reopened(home), source)


@pytest.mark.slow
def test_of_two_processes_at_once_each_person_has_one_number(issuer: Issuer, tmp_path: Path) -> None:
    """Two files with people in common, and a pattern in common."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(2)
    sources = [
        file(tmp_path / f"{name}.csv", [graduate(row) for row in people])
        for name, people in (("g", range(1, 9)), ("h", range(12, 4, -1)))
    ]
    both = [context.Process(target=_issue_at, args=(start, issuer.home, each)) for each in sources]
    for one in both:
        one.start()
    ended(both)
    found = reopened(issuer.home)
    require_once(found)
    numbers = given_numbers(found)
    assert sorted(numbers) == sorted(f"Given{row} Family{row}" for row in range(1, 13))
    assert sorted(numbers.values()) == [f"2026-{place:03}" for place in range(1, 13)]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_killed_anywhere_the_file_in_another_order_gives_the_same_numbers(
    issuer: Issuer, tmp_path: Path, workers: int
) -> None:
    rows = [graduate(row, **{"email": "bad"} if row == 3 else {}) for row in range(1, 7)]
    random_orders, places = random.Random(1), itertools.count()
    expected = {f"Given{row} Family{row}": f"2026-{place:03}" for place, row in enumerate((1, 2, 4, 5, 6), 1)}

    def prepare() -> tuple[Work, Work]:
        folder = tmp_path / str(next(places))
        home = folder / "home"
        twin(issuer, home)
        source = file(folder / "g.csv", rows)

        def work() -> None:
            issue(reopened(home), source, workers=workers)

        def check() -> None:
            if not kept(home):  # the first order that comes to its end is the one that counts
                issue(reopened(home), source)
            issue(reopened(home), file(folder / "h.csv", random_orders.sample(rows, len(rows))))
            found = reopened(home)
            assert given_numbers(found) == expected
            require_once(found)

        return work, check

    assert kill_everywhere(prepare, points=10) == 10
