"""Clocks that differ: what is dated ahead leaves the verdict open, never false; five minutes are nothing."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from intaglio.words import remedy
from ledger import EntryKind
from tests.world import NOW, Holder, University, verifier
from vc import Bundle, Report, StatusList, Verdict
from vc.vcdm.status_lists import status_list_document
from wire import Problem

SECOND = timedelta(seconds=1)
ALLOWED = timedelta(minutes=5)


def judge(university: University, bundle: Bundle, now: datetime = NOW, **options: Any) -> Report:
    return verifier(university.trust).verify(bundle, now=now, **options)


def at(university: University, ahead: timedelta) -> University:
    university.now = NOW + ahead
    return university


def whole(ahead: timedelta) -> Report:
    """Everything made by one machine whose clock is ahead."""
    university = at(University(), ahead)
    return judge(university, university.issue())


def proof(ahead: timedelta) -> Report:
    university = University()
    signed = at(university, ahead).sign(university.diploma())
    return judge(university, at(university, -SECOND).bundle(signed))


def status_list(ahead: timedelta) -> Report:
    university = University()
    bundle = university.issue()
    lists = at(university, ahead).status_lists()
    return judge(university, dataclasses.replace(bundle, status_lists=lists))


def list_from_a_server(ahead: timedelta) -> Report:
    university = University()
    bundle = university.issue()
    lists = at(university, ahead).status_lists()
    found = {item.document["id"]: json.dumps(item.document).encode() for item in lists}
    return verifier(university.trust, lists=[found.get]).verify(bundle, now=NOW)


def first_moment_of_a_list(ahead: timedelta) -> Report:
    """A list signed now that says it is from later on."""
    university = University()
    bundle = university.issue()
    bits = status_list_document(
        university.list_url, university.did, StatusList(), valid_from=NOW + ahead, lifetime=timedelta(days=1)
    )
    lists = (university._anchored(bits, EntryKind.STATUS_LIST),)
    return judge(university, dataclasses.replace(bundle, status_lists=lists))


def checkpoint(ahead: timedelta) -> Report:
    university = University()
    signed = university.sign(university.diploma())
    lists = university.status_lists()
    bundle = at(university, ahead).bundle(signed)
    return judge(university, dataclasses.replace(bundle, status_lists=lists))


def presentation(ahead: timedelta) -> Report:
    university, holder = University(), Holder()
    bundle = university.issue()
    shown = dataclasses.replace(bundle, secured=holder.present(bundle.secured))
    return judge(university, shown, NOW - ahead, challenge="challenge", domain="employer.example")


PARTS = [
    whole,
    proof,
    status_list,
    list_from_a_server,
    first_moment_of_a_list,
    checkpoint,
    presentation,
]
Part = Callable[[timedelta], Report]


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("ahead", [timedelta(seconds=5), ALLOWED])
def test_what_is_dated_up_to_five_minutes_ahead_is_from_now(part: Part, ahead: timedelta) -> None:
    report = part(ahead)
    assert report.verdict is Verdict.VALID, report.deciding


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("ahead", [ALLOWED + SECOND, timedelta(hours=6), timedelta(days=365)])
def test_what_is_dated_further_ahead_leaves_the_verdict_open(part: Part, ahead: timedelta) -> None:
    report = part(ahead)
    assert report.verdict is Verdict.UNDETERMINED, report.deciding
    assert report.deciding is not None
    assert report.deciding.problem is not None
    assert "is dated 20" in report.deciding.text
    assert "Is the clock here right?" in remedy(report.deciding.problem)


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00", "1969-12-31T23:59", "2025-07-01T00:00", "2026-07-01T09:54"]
)
def test_of_a_moment_before_all_that_nothing_can_be_told(moment: str) -> None:
    university = University()
    report = judge(university, university.issue(), datetime.fromisoformat(f"{moment}Z"))
    assert report.verdict is Verdict.UNDETERMINED
    with pytest.raises(Problem, match="later than the moment asked about"):
        report.require()


def test_what_is_false_stays_false_by_any_clock() -> None:
    university = University()
    bundle = university.issue(index=3)
    altered = dataclasses.replace(bundle, secured={**bundle.secured, "awardedDate": "2020-06-30T00:00:00Z"})
    shown = dataclasses.replace(bundle, secured=Holder().present(bundle.secured, challenge="another"))
    for years in (0, 10):
        now = NOW - timedelta(days=365 * years)
        report = judge(university, altered, now)
        assert (report.verdict, report.deciding and report.deciding.name) == (Verdict.INVALID, "signature")
        report = judge(university, shown, now, challenge="challenge", domain="employer.example")
        assert report.verdict is Verdict.INVALID


def test_a_credential_for_later_is_definitely_not_valid_yet() -> None:
    university = University()
    for seconds, verdict in ((300, Verdict.VALID), (301, Verdict.INVALID)):
        start = f"{NOW + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
        assert judge(university, university.issue(validFrom=start)).verdict is verdict


def test_an_older_checkpoint_counts_beside_one_that_is_dated_ahead() -> None:
    university = University()
    bundle = university.issue()
    at(university, timedelta(days=1)).status_lists()
    later = university.bundle(bundle.secured)
    both = dataclasses.replace(bundle, evidence=(*bundle.evidence, *later.evidence))
    assert judge(university, both).verdict is Verdict.VALID
    assert judge(university, dataclasses.replace(bundle, evidence=later.evidence)).verdict is (
        Verdict.UNDETERMINED
    )


def test_ends_get_no_tolerance() -> None:
    """Not even the moment itself: of a credential, of a proof, of a list, of a key."""
    university, end = University(), f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    method = university.documents[0].document["verificationMethod"][0]
    cases = [
        (university, university.issue(validUntil=end), Verdict.INVALID),
        (university, university.bundle(university.sign(university.diploma(), expires=NOW)), Verdict.INVALID),
    ]
    lists = University()
    bundle = lists.issue()
    bits = status_list_document(
        lists.list_url, lists.did, StatusList(), valid_from=NOW - SECOND, lifetime=SECOND
    )
    short = (lists._anchored(bits, EntryKind.STATUS_LIST),)
    cases.append((lists, dataclasses.replace(bundle, status_lists=short), Verdict.UNDETERMINED))
    for case, bundle, verdict in cases:
        assert judge(case, bundle, NOW - SECOND).verdict is Verdict.VALID
        assert judge(case, bundle).verdict is verdict
    university.publish_document([university.key], verificationMethod=[{**method, "expires": end}])
    for moment, verdict in ((NOW - SECOND, Verdict.VALID), (NOW, Verdict.INVALID)):
        university.now = moment
        assert judge(university, university.issue()).verdict is verdict
