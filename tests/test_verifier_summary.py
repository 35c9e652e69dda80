"""What a person wants to know first: who, what, from whom, when."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world import NAME, University
from vc import Credential
from verifier import RecognisedIssuer, Trust
from verifier.summary import summarize

UNIVERSITY = University()


@pytest.mark.parametrize(
    ("change", "when"),
    [
        ({}, "2026-06-30"),
        ({"awardedDate": "2026-05-01T23:30:00+05:00"}, "2026-05-01"),  # the day where it was awarded
        ({"awardedDate": "2026-05-01"}, "2026-05-01"),
        ({"awardedDate": "last spring"}, ""),
        ({"awardedDate": ""}, "2026-06-30"),
    ],
)
def test_when(change: dict[str, Any], when: str) -> None:
    document = {**UNIVERSITY.diploma(awardedDate="2026-05-02T00:00:00Z"), **change}
    if not change:
        del document["awardedDate"]
    found = summarize(Credential.parse(document), UNIVERSITY.trust)
    assert found[:4] == ("Master of Science", "Ada Invented", NAME, when)


@pytest.mark.parametrize(
    ("trust", "by"),
    [
        (UNIVERSITY.trust, NAME),
        (Trust(), UNIVERSITY.did),
        (Trust().adding(RecognisedIssuer(UNIVERSITY.did)), UNIVERSITY.did),
    ],
    ids=["as the list calls it", "on no list", "without a name"],
)
def test_by_whom_it_never_says_itself(trust: Trust, by: str) -> None:
    assert summarize(Credential.parse(UNIVERSITY.diploma()), trust).by == by
