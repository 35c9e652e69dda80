"""Status lists and a presentation of several credentials: each is opened once, none spoils another's case."""

from __future__ import annotations

import json

import pytest

from tests.world import NOW, Holder, University, verifier
from vc import Bundle, Outcome, Report, Verdict
from verifier.lists import ListSource


def published(university: University) -> dict[str, bytes]:
    """What stands at the addresses of the university's lists."""
    return {item.document["id"]: json.dumps(item.document).encode() for item in university.status_lists()}


def present(university: University, bundles: list[Bundle], source: ListSource) -> Report:
    """The verdict on all of them in one presentation, the lists being had from `source` only."""
    shown = Bundle(
        Holder().present(*(bundle.secured for bundle in bundles)),
        tuple(evidence for bundle in bundles for evidence in bundle.evidence),
        tuple(university.documents),
    )
    judge = verifier(university.trust, lists=[source])
    return judge.verify(shown, now=NOW, challenge="challenge", domain="employer.example")


def test_the_lists_of_many_revoked_credentials_are_fetched_once() -> None:
    university = University()
    bundles = [university.issue(index=index) for index in range(30, 35)]
    for index in range(30, 35):
        university.revoke(index)
    lists, asked = published(university), list[str]()

    def source(url: str) -> bytes | None:
        asked.append(url)
        return lists.get(url)

    report = present(university, bundles, source)
    assert report.verdict is Verdict.INVALID
    assert sum("issued in error" in found.text for found in report.checks) == 5
    assert sorted(asked) == sorted(lists)


@pytest.mark.parametrize("order", [1, -1])
def test_a_status_that_cannot_be_read_says_nothing_about_another_credential(order: int) -> None:
    university = University()
    diploma = university.diploma(index=41)
    diploma["credentialStatus"]["statusPurpose"] = "suspension"  # which the list does not serve
    bundles = [university.issue(index=40), university.issue(diploma)]
    report = present(university, bundles[::order], published(university).get)
    outcomes = [found.outcome for found in report.checks if found.name == "status"]
    assert outcomes[::order] == [Outcome.PASSED, Outcome.UNDETERMINED]
