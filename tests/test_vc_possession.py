"""Whoever answers a challenge has the key now: the same holds for a presentation and for a claim."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from did import DID, Document, Method, Resolver
from did.methods import web as did_web
from exchange.claim import INVALID_ACCEPTANCE, Acceptance
from keys import PrivateKey
from tests.problems import is_a
from vc import sign
from vc.possession import ANSWER_TOO_OLD, MAX_AGE, WRONG_CHALLENGE, WRONG_DOMAIN, Asked
from vc.vcdm.presentation import presentation
from verifier import Trust, Verifier, load_policy
from wire.clock import CLOCK_SKEW, DatedAhead
from wire.fetch import Fetcher, NoFetcher
from wire.problem import Problem

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
KEY = PrivateKey.generate()
HOLDER, OTHER = "did:web:holder.example", "did:web:other.example"
CHALLENGE, DOMAIN = "challenge", "https://uni.example"


def shown(*, holder: str = HOLDER, **options: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "verification_method": f"{HOLDER}#{KEY.public_key.multikey()}",
        "purpose": "authentication",
        "created": NOW,
        "challenge": CHALLENGE,
        "domain": DOMAIN,
        **options,
    }
    return sign(presentation(holder, []), KEY, **settings)


def documents(**method: Any) -> Resolver:
    """Documents with the one key for each purpose, with these members."""

    def resolve(did: DID, fetcher: Fetcher) -> Document:
        keys = {"authentication": [KEY.public_key], "assertionMethod": [KEY.public_key]}
        document = did_web.document(str(did), keys)
        document["verificationMethod"][0].update(method)
        return Document.parse(document, str(did))

    return Resolver({"web": Method(resolve)}, NoFetcher())


def claimed(document: dict[str, Any], source: Resolver) -> Problem | None:
    try:
        Acceptance.parse(orjson.dumps(document)).verify(domain=DOMAIN, documents=source, now=NOW)
    except Problem as problem:
        return problem
    return None


def presented(document: dict[str, Any], source: Resolver, **asked: Any) -> Problem | None:
    judge = Verifier(source, trust=Trust())
    asked = {"challenge": CHALLENGE, "domain": DOMAIN, **asked}
    report = judge.verify(document, now=NOW, policy=load_policy("controlsDid"), **asked)
    assert bool(report) is (report.deciding is None)
    return report.deciding.problem if report.deciding else None


doors = pytest.mark.parametrize("door", [claimed, presented])


@pytest.mark.quick(every=4)
@doors
@pytest.mark.parametrize(
    ("options", "method"),
    [
        ({}, {}),
        ({"created": NOW - MAX_AGE}, {}),
        ({"created": None}, {}),
        ({"created": NOW + CLOCK_SKEW}, {}),
        ({"expires": NOW + SECOND}, {}),
        ({}, {"expires": "2026-07-01T12:00:01Z"}),
        ({}, {"revoked": "2026-07-01T12:00:01Z"}),
    ],
)
def test_it_is_good_up_to_its_end(door: Any, options: dict[str, Any], method: dict[str, Any]) -> None:
    assert door(shown(**options), documents(**method)) is None


@pytest.mark.quick(every=3)
@doors
@pytest.mark.parametrize(
    ("options", "method"),
    [
        ({"expires": NOW}, {}),
        ({}, {"expires": "2026-07-01T12:00:00Z"}),
        ({}, {"revoked": "2026-07-01T12:00:00Z"}),
        ({}, {"expires": "2027-01-01T00:00:00Z", "revoked": "2026-01-01T00:00:00Z"}),
        ({"purpose": "assertionMethod"}, {}),
        ({"holder": OTHER}, {}),
        ({"domain": "https://other.example"}, {}),
        ({"domain": [DOMAIN, "https://other.example"]}, {}),
        ({"domain": None}, {}),
    ],
)
def test_what_proves_no_possession_is_refused(
    door: Any, options: dict[str, Any], method: dict[str, Any]
) -> None:
    problem = door(shown(**options), documents(**method))
    assert problem is not None
    assert not problem.undetermined
    assert ("domain" in options) is is_a(problem, WRONG_DOMAIN)


@doors
@pytest.mark.parametrize("age", [MAX_AGE + SECOND, timedelta(days=400)])
def test_one_that_was_made_long_ago_is_refused(door: Any, age: timedelta) -> None:
    problem = door(shown(created=NOW - age), documents())
    assert is_a(problem, ANSWER_TOO_OLD)
    assert not problem.undetermined


def test_whoever_asks_says_how_old_an_answer_may_be() -> None:
    day = timedelta(days=1)
    asked = {"challenge": None, "domain": None, "asked": Asked(CHALLENGE, DOMAIN, max_age=day)}
    assert presented(shown(created=NOW - day), documents(), **asked) is None
    assert is_a(presented(shown(created=NOW - day - SECOND), documents(), **asked), ANSWER_TOO_OLD)


@doors
def test_what_is_dated_ahead_is_open(door: Any) -> None:
    problem = door(shown(created=NOW + CLOCK_SKEW + SECOND), documents())
    assert isinstance(problem, DatedAhead)


def test_the_challenge() -> None:
    """A claim is asked for by its own challenge, which the issuer then spends."""
    assert is_a(presented(shown(challenge="another"), documents()), WRONG_CHALLENGE)
    assert is_a(presented(shown(challenge=None), documents()), WRONG_CHALLENGE)
    assert is_a(claimed(shown(challenge=None), documents()), INVALID_ACCEPTANCE)
    assert presented(shown(domain=None), documents(), domain=None) is None
    open_question = presented(shown(), documents(), challenge=None)
    assert open_question is not None
    assert open_question.undetermined


def test_what_nobody_can_read_is_no_claim() -> None:
    document = {**presentation(HOLDER, []), "remark": "of no context"}
    options: dict[str, Any] = {"verification_method": f"{HOLDER}#{KEY.public_key.multikey()}"}
    signed = sign(
        document,
        KEY,
        suite="eddsa-jcs-2022",
        purpose="authentication",
        challenge=CHALLENGE,
        domain=DOMAIN,
        **options,
    )
    for door in (claimed, presented):
        assert door(signed, documents()) is not None
