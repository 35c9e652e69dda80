from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger import Fact
from tests.problems import raises
from tests.world import NOW, University
from vc import Credential
from vc.problem import SCHEMA_MISMATCH
from vc.vcdm.schema import Schemas
from verifier import RecognisedIssuer, load_policy
from verifier.policy import NOT_FOR_TYPE, PRESENTER_IS_ANOTHER, WRONG_TYPE, Findings
from verifier.problem import STATUS_TOO_OLD, NotKnown
from wire import Malformed
from wire.problem import Problem, Raisable

UNIVERSITY = University()
HOLDER, ANOTHER = "did:example:holder", "did:example:another"
DIPLOMA = UNIVERSITY.diploma()
CREDENTIAL = Credential.parse(
    {**DIPLOMA, "credentialSubject": {**DIPLOMA["credentialSubject"], "id": HOLDER}}
)
ISSUER = RecognisedIssuer(UNIVERSITY.did)
SCHEMAS = Schemas({"urn:a:b": {"required": ["issuer"]}, "urn:a:strict": {"required": ["missing"]}})
WITNESSED = Fact("kind", "log.example", NOW, "witness", 2, 0)
ON_CHAIN = Fact("kind", "eip155:1", NOW, "chain")


def findings(**change: Any) -> Findings:
    found = Findings(CREDENTIAL, NOW, ISSUER)
    for name, value in change.items():
        setattr(found, name, value)
    return found


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("policy", "good", "bad", "problem"),
    [
        ("recognised", {}, {"issuer": None}, NotKnown),
        (
            "recognised",
            {},
            {"issuer": RecognisedIssuer(UNIVERSITY.did, types=("urn:example:X",))},
            NOT_FOR_TYPE,
        ),
        ("anchored", {"anchors": (WITNESSED,)}, {}, NotKnown),
        (
            {"witnesses": 2},
            {"anchors": (WITNESSED,)},
            {"anchors": (replace(WITNESSED, witnesses=1),)},
            NotKnown,
        ),
        ({"anchoredOn": "eip155:1"}, {"anchors": (WITNESSED, ON_CHAIN)}, {"anchors": (WITNESSED,)}, NotKnown),
        ({"anchoredOn": "bitcoin"}, None, {"anchors": (WITNESSED, ON_CHAIN)}, NotKnown),
        ("holderBound", {"holder": HOLDER}, {}, NotKnown),
        ({"type": "OpenBadgeCredential"}, {}, None, WRONG_TYPE),
        ({"statusWithinDays": 1}, {"status_time": NOW}, {}, NotKnown),
        (
            {"statusWithinDays": 1},
            {"status_time": NOW - timedelta(days=1)},
            {"status_time": NOW - timedelta(days=1, seconds=1)},
            STATUS_TOO_OLD,
        ),
        ("controlsDid", {"holder": ANOTHER}, {}, NotKnown),
        ("anyPresenter", {"holder": ANOTHER}, {}, NotKnown),
        ({"presenter": ANOTHER}, {"holder": ANOTHER}, {"holder": "did:example:x"}, PRESENTER_IS_ANOTHER),
        ({"presenter": ANOTHER}, {"holder": HOLDER}, {}, NotKnown),
        ("everyProof", {}, {"unknown_proofs": ("'falcon-2027'",)}, NotKnown),
        ({"suite": "eddsa-jcs-2022"}, {"suites": {"eddsa-jcs-2022", "x"}}, {"suites": {"x"}}, NotKnown),
        ({"schema": "urn:a:b"}, {"schemas": SCHEMAS}, {}, NotKnown),
        ({"schema": "urn:a:c"}, None, {"schemas": SCHEMAS}, NotKnown),
        ({"schema": "urn:a:strict"}, None, {"schemas": SCHEMAS}, SCHEMA_MISMATCH),
        ({"anyOf": ["holderBound", "anchored"]}, {"holder": HOLDER}, {}, NotKnown),
        ({"allOf": ["recognised", "holderBound"]}, {"holder": HOLDER}, {}, NotKnown),
        ({"allOf": ["holderBound", {"type": "urn:example:X"}]}, None, {"holder": HOLDER}, WRONG_TYPE),
        ({"anyOf": ["holderBound", {"type": "urn:example:X"}]}, {"holder": HOLDER}, {}, NotKnown),
    ],
)
def test_each_rule_lets_pass_and_stops(
    policy: Any, good: dict[str, Any] | None, bad: dict[str, Any] | None, problem: Raisable[Problem]
) -> None:
    rule = load_policy(policy)
    if good is not None:
        rule.check(findings(**good))
    if bad is not None:
        with raises(problem):
            rule.check(findings(**bad))


def test_who_proved_nothing_is_not_the_subject_of_a_credential_that_names_none() -> None:
    nobodys = Credential.parse(DIPLOMA)
    for holder in (None, HOLDER):
        with pytest.raises(NotKnown):
            load_policy("holderBound").check(findings(claims=nobodys, holder=holder))


@pytest.mark.parametrize(
    ("subjects", "holder", "bound", "by_another"),
    [
        ([HOLDER], None, False, False),
        ([HOLDER], HOLDER, True, False),
        ([HOLDER], ANOTHER, False, True),
        ([None], ANOTHER, False, False),
        ([HOLDER, None], HOLDER, False, False),
        ([HOLDER, None], ANOTHER, False, True),
        ([HOLDER, ANOTHER], HOLDER, False, True),
    ],
)
def test_whose_a_credential_is(
    subjects: list[str | None], holder: str | None, bound: bool, by_another: bool
) -> None:
    about = [{**DIPLOMA["credentialSubject"], **({"id": who} if who else {})} for who in subjects]
    found = findings(claims=Credential.parse({**DIPLOMA, "credentialSubject": about}), holder=holder)
    assert (found.holder_bound, found.shown_by_another) == (bound, by_another)


def test_a_type_that_the_credential_has_not_is_refused() -> None:
    with raises(WRONG_TYPE):
        load_policy({"type": "urn:example:LibraryCard"}).check(findings())


def test_a_definite_no_outweighs_an_open_question() -> None:
    with raises(WRONG_TYPE):
        load_policy({"allOf": ["holderBound", {"type": "urn:example:X"}]}).check(findings())
    with pytest.raises(NotKnown):
        load_policy({"anyOf": [{"type": "urn:example:X"}, "holderBound"]}).check(findings())


@pytest.mark.parametrize("days", [1, 36_500])
def test_an_age_is_a_day_to_a_century(days: int) -> None:
    load_policy({"statusWithinDays": days}).check(findings(status_time=NOW))


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "policy",
    [
        {"allOf": []},
        {"anyOf": []},
        {"allOf": [{"anyOf": []}]},
        {"allOf": {"recognised": 1}},
        {"allOf": 1},
        {"type": "Alignment"},  # which two contexts give two meanings
        "recognized",
        {},
        {"type": 7},
        {"suite": ""},
        {"presenter": ""},
        {"presenter": ["did:example:x"]},
        {"anyPresenter": True},
        {"strangers": True},
        {"everyProof": True},
        {"statusWithinDays": "1"},
        {"statusWithinDays": True},
        {"statusWithinDays": -1},
        {"statusWithinDays": 36_501},
        {"statusWithinDays": 10**12},
        {"witnesses": -1},
        {"witnesses": 0},
        {"witnesses": 2, "type": "X"},
        ["recognised"],
        None,
    ],
)
def test_a_policy_that_is_empty_or_misspelt_never_lets_pass(policy: Any) -> None:
    with pytest.raises(Malformed):
        load_policy(policy)
