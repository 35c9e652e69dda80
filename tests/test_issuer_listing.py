"""Selecting from all that was issued: by kind, state, day, claim and title; who has claimed, and when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from issuer.archive.kept import EditionState, Entry
from issuer.archive.listing import ClaimedBy, Filter
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.keeping.overview import overview
from kinds import shipped
from tests.copying import copy_folder
from tests.doubles import instead
from tests.world import NOW, Holder, csv_file, graduate, issuer_in, reopened
from vc.status import Reason

DAY = timedelta(days=1)
ADA, EVE = Holder(), Holder()
TITLES = ("Computer Science", "Information Systems", "Law", "Law", "Physics", "Physics")


def number(row: int) -> str:
    return f"UNI-{row:06}"


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five diplomas of a file and one alone; on later days some are corrected, revoked and claimed."""
    home = tmp_path_factory.mktemp("history") / "home"
    time = NOW
    issuer = issuer_in(home, clock=lambda: time)
    rows = [graduate(row, programme_title=TITLES[row]) for row in range(5)]
    issuer.issue_file(Order(csv_file(home.parent / "g.csv", rows), home.parent / "e.csv", workers=0))
    time += DAY
    issuer.issue(graduate(5, programme_title=TITLES[5]))
    issuer.correct(number(1), {"gpa": "4.0"})
    issuer.revoke([number(2)], Reason.FRAUD, date=time, now=time)
    for row in (3, 4):
        issuer.claim(number(row), ADA.did)
    time += DAY
    issuer.correct(number(3), {"gpa": "4.0"})
    issuer.claim(number(0), EVE.did)
    issuer.release(number(0))
    issuer.store.close()
    return home


@pytest.fixture
def issuer(history: Path, tmp_path: Path) -> Issuer:
    copy_folder(history, tmp_path / "home")
    return reopened(tmp_path / "home", lambda: NOW + 2 * DAY)


def selected(issuer: Issuer, **wanted: Any) -> list[str]:
    """Row and edition of each that is selected."""
    return [
        f"{int(entry.number[4:])}.{entry.edition}"
        for entry in issuer.listing.select(issuer.entries(), Filter(**wanted))
    ]


ALL = ["0.1", "1.1", "2.1", "3.1", "4.1", "5.1", "1.2", "3.2", "4.2", "3.3", "0.2", "0.3"]
FIRST_DAY = NOW.date()


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ALL),
        ({"kind": "diploma"}, ALL),
        ({"kind": "resident"}, []),
        ({"state": EditionState.VALID}, ["5.1", "1.2", "4.2", "3.3", "0.3"]),
        ({"state": EditionState.REVOKED}, ["2.1"]),
        ({"state": EditionState.SUPERSEDED}, ["0.1", "1.1", "3.1", "4.1", "3.2", "0.2"]),
        ({"until": FIRST_DAY}, ALL[:5]),
        ({"since": FIRST_DAY + DAY}, ALL[5:]),
        ({"since": FIRST_DAY + DAY, "until": FIRST_DAY + DAY}, ["5.1", "1.2", "3.2", "4.2"]),
        ({"since": FIRST_DAY + 3 * DAY}, []),
        ({"until": FIRST_DAY - DAY}, []),
        ({"claimed": True}, ["4.2", "3.3"]),
        ({"claimed": False}, ["2.1", "5.1", "1.2", "0.3"]),
        ({"claimed": False, "state": EditionState.VALID}, ["5.1", "1.2", "0.3"]),
        ({"title": "SCIENCE", "state": EditionState.VALID}, ["0.3"]),
        ({"title": "s", "claimed": True}, ["4.2"]),
        ({"title": "alchemy"}, []),
    ],
)
def test_what_is_wanted_is_selected_in_the_order_of_issue(
    history: Path, wanted: dict[str, Any], found: list[str]
) -> None:
    assert selected(reopened(history, lambda: NOW + 2 * DAY), **wanted) == found


def test_the_day_of_issue_is_that_of_utc(issuer: Issuer) -> None:
    first = next(issuer.entries())
    assert issuer.listing.issued(first) == NOW
    assert datetime.combine(NOW.date(), NOW.time(), UTC) == NOW


@pytest.mark.slow
def test_a_job_that_was_begun_later_is_read_from_its_credentials(issuer: Issuer, tmp_path: Path) -> None:
    assert selected(issuer, since=FIRST_DAY + 2 * DAY) == ["3.3", "0.2", "0.3"]
    other = reopened(issuer.home, lambda: NOW + 2 * DAY)
    other.issue_file(Order(csv_file(tmp_path / "h.csv", [graduate(9)]), tmp_path / "e.csv", workers=0))
    assert selected(issuer, since=FIRST_DAY + 2 * DAY) == ["3.3", "0.2", "0.3", "9.1"]


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("row", "claim"),
    [
        (0, None),  # released since
        (1, None),
        (2, None),
        (3, ClaimedBy(ADA.did, NOW + DAY)),  # corrected since
        (4, ClaimedBy(ADA.did, NOW + DAY)),
        (5, None),
    ],
)
def test_who_has_claimed_and_when(issuer: Issuer, row: int, claim: ClaimedBy | None) -> None:
    assert issuer.listing.claim(issuer.current(number(row))) == claim


def test_a_wallet_that_took_the_place_of_another_has_claimed_then(issuer: Issuer) -> None:
    issuer.claim(number(0), ADA.did)
    assert issuer.listing.claim(issuer.current(number(0))) == ClaimedBy(ADA.did, NOW + 2 * DAY)
    former = issuer.store.copies(issuer.current(number(0)).which, 2)[0]
    assert issuer.listing.claim(former) == ClaimedBy(EVE.did, NOW + 2 * DAY)


def test_entries_are_taken_one_by_one(issuer: Issuer) -> None:
    """Also where each credential is read for its title."""
    for title in ("", "s"):
        taken = 0

        def entries() -> Any:
            nonlocal taken
            for entry in issuer.entries():
                taken += 1
                yield entry

        for _ in zip(range(1), issuer.listing.select(entries(), Filter(title=title)), strict=False):
            assert taken == 1


def test_first_editions_are_not_read_to_know_whether_they_are_claimed(issuer: Issuer) -> None:
    read: list[int] = []

    def line(line: Callable[..., Any], seq: int, leaf: int) -> Any:
        read.append(seq)
        return line(seq, leaf)

    listing = type(issuer.listing)(instead(issuer.archive, line=line))
    assert [*listing.select(issuer.entries(), Filter(claimed=True))]
    editions = {entry.seq: entry.edition for entry in issuer.entries()}
    assert {editions[seq] for seq in read} == {2, 3}


def test_the_overview_counts_credentials_editions_and_claims(issuer: Issuer) -> None:
    found = overview(issuer, NOW + 2 * DAY)
    assert (found.credentials, found.claimed) == (6, 2)
    assert found.states == {EditionState.VALID: 5, EditionState.REVOKED: 1, EditionState.SUPERSEDED: 6}
    assert found.last is not None
    assert (found.last.job.file, found.last.job.length, found.last.is_finished) == ("g.csv", 5, True)
    assert found.due == [0], "a claim has superseded an edition since"
    assert issuer.keys.is_open is False
    issuer.lists.publish(now=NOW + 2 * DAY)
    found = overview(issuer, NOW + 2 * DAY)
    assert found.due == []
    assert found.lists[0] is not None
    due, end = found.lists[0]
    assert NOW + 2 * DAY < due < end
    assert overview(issuer, due).due == [0]


def test_a_new_issuer_has_nothing_to_count(tmp_path: Path) -> None:
    found = overview(issuer_in(tmp_path / "home", kind=shipped("resident")), NOW)
    assert (found.credentials, found.claimed, found.last, found.states) == (0, 0, None, {})


def test_a_file_that_was_interrupted_is_not_finished(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "home")
    issuer.store.begin(b"key", "g.csv", "2026-07-01T12:00:00Z", 5, 2)
    found = overview(issuer, NOW)
    assert found.last is not None
    assert not found.last.is_finished
    assert found.lists == {0: None}


def test_an_entry_knows_its_state() -> None:
    entry = Entry(0, "diploma", "N", 1, 1, 0, "", "", None, None)
    states = [entry._replace(reason=reason).state for reason in (None, "superseded", "fraud")]
    assert states == [EditionState.VALID, EditionState.SUPERSEDED, EditionState.REVOKED]
