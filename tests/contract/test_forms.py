"""What every form owes issuers, holders and verifiers. Another one adds a case, and changes nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from did import METHODS, Resolver
from did.methods import key as did_key
from intaglio.words import report as words
from issuer import Order
from issuer.issuer import Issuer
from issuer.keeping.export import export
from issuer.problem import FORM_NOT_GIVEN
from keys import PrivateKey
from tests.jwt_vc import JWTForm
from tests.line import LineForm
from tests.problems import raises
from tests.world import NOW, csv_file, graduate, issuer_in, trust_in
from vc import Bundle, Claims, Enveloped, Outcome, Report, Verdict
from vc.forms import FORMS, INTEGRITY, SDJWTVC, VCJWT, DataIntegrity
from vc.jose import NOT_ASKED
from vc.possession import MAX_AGE, Asked
from vc.problem import UnsupportedForm
from vc.said import FACT_LOST, require_said
from vc.secured import Carried, Form, Options, Secured
from vc.status import Reason
from verifier import RecognisedIssuer, Trust, Verifier, load_policy
from verifier.summary import fields_of
from wire.fetch import NoFetcher
from wire.work import Work

CASES: dict[str, Form] = {
    "JSON": DataIntegrity(),
    "JSON by JCS": DataIntegrity(suite="eddsa-jcs-2022"),
    "a line": LineForm(),
    "another's JWT": JWTForm(),
    "JWT": VCJWT(),
    "SD-JWT VC": SDJWTVC(),
}
PARAMETERS = [
    name if name in ("JSON", "SD-JWT VC") else pytest.param(name, marks=pytest.mark.slow) for name in CASES
]
"""All of them; the quick ones are one that is JSON, and one that encloses it and discloses parts."""
KEY = PrivateKey.generate()
HOLDER = did_key.create(KEY.public_key)
ASKED = Asked("n-0S6_WzA2Mj", "https://employer.example")


@pytest.fixture(params=PARAMETERS)
def form(request: pytest.FixtureRequest) -> Form:
    return CASES[request.param]


@pytest.fixture
def issuer(tmp_path: Path, form: Form) -> Issuer:
    """One with a web address, and so with a status entry, which says what a statement does elsewhere."""
    return issuer_in(tmp_path / "home", form=form, url="https://university.example")


def judge(issuer: Issuer, form: Form, trust: Trust | None = None) -> Verifier:
    forms = {**FORMS, form.media_type: form}
    known = trust_in(issuer) if trust is None else trust
    return Verifier(Resolver(METHODS, NoFetcher()), trust=known, forms=forms)


def check(issuer: Issuer, form: Form, number: str, **options: Any) -> Report:
    bundle = issuer.bundle(issuer.current(number))
    return judge(issuer, form, **options).verify(bundle.to_bytes(), now=NOW)


def code(report: Report) -> str:
    return report.deciding.code if report.deciding else ""


def test_it_is_verified_with_its_status_its_evidence_and_its_holder(issuer: Issuer, form: Form) -> None:
    issuer.issue(graduate(1))
    report = check(issuer, form, "UNI-000001")
    (claims,) = report.require()
    assert {"status-not-revoked", "evidence-in-log"} <= {one.code for one in report.checks}
    # Where a form has a claim for each field, which of them is the number its kind says.
    number = claims.number or fields_of(claims, Trust())["diploma_number"]
    assert (claims.holder_name, number) == ("Given1 Family1", "UNI-000001")
    assert claims.valid_from is not None
    assert Bundle.parse(issuer.claim("UNI-000001", HOLDER), issuer.forms)
    (claims,) = check(issuer, form, "UNI-000001").require()
    assert claims.subjects[0]["id"] == HOLDER


def test_one_that_was_revoked_is_not_valid(issuer: Issuer, form: Form) -> None:
    issuer.issue(graduate(1))
    issuer.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW)
    report = check(issuer, form, "UNI-000001")
    assert report.verdict is Verdict.INVALID
    assert report.deciding is not None
    assert report.deciding.code == "status-revoked"


def test_an_issuer_that_nobody_knows_is_open_and_named(issuer: Issuer, form: Form) -> None:
    issuer.issue(graduate(1))
    report = check(issuer, form, "UNI-000001", trust=Trust())
    assert (report.verdict, issuer.did in words.reason(report)) == (Verdict.UNDETERMINED, True)
    for policy in ("recognised", {"type": "urn:other"}):
        known = Trust().adding(RecognisedIssuer(issuer.did, types=("urn:another",)))
        bundle = issuer.bundle(issuer.current("UNI-000001"))
        assert not judge(issuer, form, known).verify(bundle, now=NOW, policy=load_policy(policy))


@pytest.mark.slow
def test_what_it_says_reaches_programs_as_json(issuer: Issuer, form: Form) -> None:
    issuer.issue(graduate(1))
    report = check(issuer, form, "UNI-000001")
    (said,) = json.loads(json.dumps(words.for_programs(report, Trust())))["credentials"]
    assert said == report.require()[0].said


@pytest.mark.slow
def test_singles_files_claims_and_corrections_keep_it(issuer: Issuer, form: Form, tmp_path: Path) -> None:
    issuer.issue(graduate(1))
    rows = [graduate(row) for row in (2, 3)]
    issuer.issue_file(Order(csv_file(tmp_path / "g.csv", rows), tmp_path / "errors.csv", workers=0))
    issuer.claim("UNI-000001", HOLDER)
    issuer.correct("UNI-000002", {"gpa": "4.0"})
    assert {issuer.line(each).secured.form for each in issuer.entries()} == {form.media_type}
    shown = [issuer.current(f"UNI-{number:06}") for number in (1, 2, 3)]
    for path in export(issuer, shown, tmp_path / "out"):
        assert judge(issuer, form).verify(path.read_bytes(), now=NOW).verdict is Verdict.VALID
    for each in set(issuer.entries()) - set(shown):
        report = judge(issuer, form).verify(issuer.bundle(each), now=NOW)
        assert report.deciding is not None
        assert report.deciding.code == "status-superseded"


@pytest.mark.slow
def test_it_stands_beside_another_under_one_number(issuer: Issuer, form: Form, tmp_path: Path) -> None:
    """Both are issued, claimed, corrected and revoked together, singly and from a file; each is its own."""
    other = SDJWTVC().media_type if form.media_type == INTEGRITY else INTEGRITY
    both = [form.media_type, other]
    issuer.issue(graduate(1), forms=both)
    source = csv_file(tmp_path / "g.csv", [graduate(row) for row in (2, 3)])
    assert issuer.issue_file(Order(source, tmp_path / "errors.csv", workers=0, forms=both)).issued == 2
    issuer.correct("UNI-000002", {"gpa": "4.0"})
    for each in both:
        issuer.claim("UNI-000003", HOLDER, form=each)
    standing = [each for each in issuer.entries() if each.reason is None]
    assert sorted((each.number, issuer.line(each).secured.form) for each in standing) == sorted(
        (f"UNI-{number:06}", each) for number in (1, 2, 3) for each in both
    )
    assert len({issuer.line(each).id for each in standing}) == len({each.leaf for each in standing}) == 6
    verify = partial(judge(issuer, form).verify, now=NOW)
    assert {verify(bundle.to_bytes()).verdict for bundle in issuer.bundles(standing)} == {Verdict.VALID}
    issuer.revoke([f"UNI-{number:06}" for number in (1, 2, 3)], Reason.FRAUD, date=NOW, now=NOW)
    revoked = [issuer.store.entry(each.seq) for each in standing]
    assert {code(verify(bundle)) for bundle in issuer.bundles(revoked)} == {"status-revoked"}


def test_one_that_is_not_given_issues_nothing(issuer: Issuer, form: Form) -> None:
    """A program without it would write JSON beside it, and a correction turn one into the other."""
    issuer.issue(graduate(1))
    before = {path: path.read_bytes() for path in issuer.home.rglob("*.json")}
    without = Issuer(issuer.home, lambda: None, lambda: NOW)
    assert (without.identity.form or INTEGRITY) == form.media_type
    if form.media_type == INTEGRITY:
        assert without.issue(graduate(2))
        return
    for sign in (
        partial(without.issue, graduate(2)),
        partial(without.correct, "UNI-000001", {"gpa": "4.0"}),
        partial(without.claim, "UNI-000001", HOLDER),
        partial(without.release, "UNI-000001"),
        partial(without.issue_file, Order(csv_file(issuer.home.parent / "g.csv", [graduate(3)]), workers=0)),
    ):
        with raises(FORM_NOT_GIVEN, match=re.escape(form.media_type)) as refused:
            sign()
        assert refused.value.undetermined
    assert {path: path.read_bytes() for path in issuer.home.rglob("*.json")} == before
    assert len(list(without.entries())) == 1
    without.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW)


def test_one_that_is_derived_has_no_evidence_of_its_own(issuer: Issuer, form: Form) -> None:
    """What came along is about the one that it was derived from: it is not another's.

    Of an issuer that has a log, a document that ends the key may have been left out: that stays open.
    """
    bundle = issuer.bundle(issuer.issue(graduate(1)))
    read = Changing(form, leaves=lambda *_: ())
    report = judge(issuer, read).verify(bundle, now=NOW)
    assert (report.verdict, code(report)) == (Verdict.UNDETERMINED, "evidence-key-standing-unknown")
    by_document = Trust().adding(trust_in(issuer).issuers[0])
    report = judge(issuer, read, by_document).verify(bundle, now=NOW)
    assert report.verdict is Verdict.VALID
    assert "evidence-derived" in {one.code for one in report.checks}
    for policy in ("anchored", {"witnesses": 1}, {"anchoredOn": "eip155:1"}):
        report = judge(issuer, read, by_document).verify(bundle, now=NOW, policy=load_policy(policy))
        assert (report.verdict, code(report)) == (Verdict.UNDETERMINED, "trust-no-log-entry")


# An answer


class Holding(NamedTuple):
    """A form, and a diploma in it that is bound to the holder's key."""

    form: Form
    judge: Verifier
    bundle: Bundle

    def shown(self, created: datetime | None = NOW) -> Bundle:
        """The diploma as its form presents it, or else within JSON."""
        method = f"{HOLDER}#{KEY.public_key.multikey()}"
        options = Options(method, "authentication", created, ASKED.challenge, ASKED.domain)
        try:
            presented = self.form.present([self.bundle.secured], KEY, options)
        except UnsupportedForm:
            presented = FORMS[INTEGRITY].present([self.bundle.secured], KEY, options)
        return replace(self.bundle, secured=presented)


@pytest.fixture(scope="module", params=PARAMETERS)
def holding(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Holding:
    form = CASES[request.param]
    issuer = issuer_in(tmp_path_factory.mktemp("issuer") / "home", form=form)
    issuer.issue(graduate(1))
    bundle = Bundle.parse(issuer.claim("UNI-000001", HOLDER), issuer.forms)
    return Holding(form, judge(issuer, form), bundle)


BOUND = load_policy("holderBound")


def test_its_holder_answers_what_is_asked(holding: Holding) -> None:
    ask = partial(holding.judge.verify, holding.shown().to_bytes(), now=NOW, policy=BOUND)
    report = ask(asked=ASKED)
    assert (report.verdict, report.holder) == (Verdict.VALID, HOLDER)
    assert code(ask(asked=ASKED._replace(challenge="another"))) == "holder-wrong-challenge"
    assert code(ask(asked=ASKED._replace(domain="https://other.example"))) == "holder-wrong-domain"


def test_one_that_was_made_long_ago_is_no_answer(holding: Holding) -> None:
    for age, asked, expected in (
        (MAX_AGE, ASKED, ""),
        (MAX_AGE + timedelta(seconds=1), ASKED, "holder-answer-too-old"),
        (timedelta(days=400), ASKED, "holder-answer-too-old"),
        (timedelta(days=1), ASKED._replace(max_age=timedelta(days=1)), ""),
    ):
        answer = holding.shown(NOW - age)
        report = holding.judge.verify(answer, now=NOW, asked=asked, policy=BOUND)
        assert (code(report), bool(report)) == (expected, not expected), age


def test_one_without_a_time_is_refused_but_in_json(holding: Holding) -> None:
    """RFC 9901, 4.3, requires one of a key binding; VC Data Integrity 1.0, 2.1, does not of a proof."""
    if isinstance(holding.form, SDJWTVC | VCJWT):  # which makes none, and of others' reads none
        with raises(NOT_ASKED):
            holding.shown(None)
        return
    answer = holding.shown(None)
    report = holding.judge.verify(answer, now=NOW, asked=ASKED)
    assert bool(report) is not isinstance(answer.secured, Enveloped)
    assert code(report) in ("", "holder-invalid-proof")


def test_one_that_nobody_asked_for_shows_no_holder(holding: Holding) -> None:
    answer = holding.shown(NOW - timedelta(days=400))
    by_file = partial(holding.judge.verify, answer, now=NOW, unasked=True)
    assert (by_file().verdict, by_file().holder) == (Verdict.VALID, None)
    for policy in ("holderBound", "controlsDid", "anyPresenter"):
        report = by_file(policy=load_policy(policy))
        assert (report.verdict, report.deciding and report.deciding.name) == (Verdict.UNDETERMINED, "trust")
    report = holding.judge.verify(answer, now=NOW, policy=BOUND)
    open_ones = {one.code for one in report.checks if one.outcome is Outcome.UNDETERMINED}
    assert open_ones == {"holder-challenge-missing", "trust-subject-not-proved"}
    assert (report.verdict, report.holder) == (Verdict.UNDETERMINED, None)


# A form that leaves something out


class Changing:
    """A form that reads otherwise than it is written."""

    def __init__(self, inner: Form, lost: str = "", **members: Any) -> None:
        self.inner, self.lost, self.members = inner, lost, members
        self.media_type, self.limit = inner.media_type, inner.limit

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.inner, name)

    def read(
        self, content: Carried, forms: Mapping[str, Form], work: Work, asked: Asked | None = None
    ) -> Secured:
        found = self.inner.read(content, forms, work, asked)
        vars(found).update(self.members)
        if self.lost and found.presentation is None:
            vars(found)["claims"] = replace(found.claims, **LOSSES[self.lost])
        return found


LOSSES: dict[str, dict[str, Any]] = {
    "id": {"id": None},
    "issuer": {"issuer": "did:example:another"},
    "valid_from": {"starts": None},
    "status": {"entries": (), "terms": ()},
    "log": {"terms": ()},
    "schema": {"schemas": ()},
    "holder": {"subjects": ({"name": "x"},)},
}


def test_a_form_that_loses_a_fact_issues_nothing(tmp_path: Path, form: Form) -> None:
    issuer_in(tmp_path / "home", form=form).issue(graduate(1))
    for fact in LOSSES:
        lossy = Issuer(tmp_path / "home", lambda: None, lambda: NOW, form=Changing(form, fact))
        claim, issue = partial(lossy.claim, "UNI-000001", HOLDER), partial(lossy.issue, graduate(2))
        with raises(FACT_LOST, match="log|status" if fact == "log" else fact):  # which may be stated there
            (claim if fact == "holder" else issue)()
        assert len(list(lossy.entries())) == 1, fact


def test_so_does_one_that_loses_its_end(tmp_path: Path, form: Form) -> None:
    """Templates may have one; the shipped one has not."""
    issuer = issuer_in(tmp_path / "home", form=form)
    entry = issuer.issue(graduate(1))
    line = issuer.line(entry)
    facts, _ = issuer.press().composer.parts(line.record, entry.seq)
    require_said(facts, line.secured.claims)
    with raises(FACT_LOST, match="valid_until"):
        require_said(facts._replace(valid_until=NOW + timedelta(days=1)), line.secured.claims)


def test_no_form_can_make_claims_without_what_decides() -> None:
    """Each fact has to be named, were it to say that there is none."""
    facts: dict[str, Any] = {
        name: None
        for name, field in Claims.__dataclass_fields__.items()
        if field.default is field.default_factory
    }
    facts |= {"said": {}, "types": (), "subjects": ({},), "entries": (), "terms": (), "schemas": ()}
    assert {"issuer", "starts", "ends", "entries", "terms"} <= facts.keys()
    assert Claims(**facts).status == ()
    for name in facts:
        with pytest.raises(TypeError, match=name):
            Claims(**{other: fact for other, fact in facts.items() if other != name})


def test_bytes_and_dates_are_said_as_json() -> None:
    facts: dict[str, Any] = dict.fromkeys(("id", "issuer_name", "starts", "ends", "awarded"))
    facts |= {"types": (), "entries": (), "terms": (), "schemas": (), "issuer": "did:example:a"}
    facts |= {"title": "", "holder_name": "", "number": ""}
    said = {"picture": b"\xff", "born": date(2000, 1, 31), "at": [NOW], "ok": {"deep": (1, None, "x")}}
    claims = Claims(said=said, subjects=(said,), **facts)
    expected = {
        "picture": "_w",
        "born": "2000-01-31",
        "at": ["2026-07-01T12:00:00Z"],
        "ok": {"deep": [1, None, "x"]},
    }
    assert claims.said == claims.subjects[0] == expected
