"""As of when nothing was revoked: said with the verdict where it is long ago, and bounded where one asks."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from intaglio.commands.verify import render
from intaglio.pages.view import judgement
from ledger import Fact
from tests.commandline import Answer, Program
from tests.serving import listening, serving
from tests.test_verifier_status import published
from tests.world import AWARDED, NOW, Holder, University, verifier
from vc import Bundle, Credential, Report, Verdict
from verifier import RecognisedIssuer, Trust, load_policy
from verifier.http import create_app
from verifier.judge import Verifiers
from verifier.policy import Findings, Recognised
from verifier.problem import NotKnown
from verifier.sources.lists import ListSource
from wire import Unavailable
from wire.datetimestamp import format_datetimestamp
from wire.work import Work

UNIVERSITY = University()
BUNDLE = UNIVERSITY.issue()
LISTED = UNIVERSITY.now
"""The date of the list in that bundle, which is good for 30 days."""

TOLD = 'by Example University: "Master of Science", to "Ada Invented", 2026-06-30'
SECOND = timedelta(seconds=1)


class Recruiter:
    """Verifies at a terminal, on a day that is named, without the network unless told otherwise."""

    def __init__(self, program: Program, folder: Path) -> None:
        self._program, self._file = program, folder / "shown.json"
        program.home.mkdir(mode=0o700)
        self.trusts(UNIVERSITY.trust)

    def trusts(self, trust: Trust) -> None:
        (self._program.home / "trust.json").write_bytes(trust.to_bytes())

    def __call__(self, at: datetime, *options: object, shown: Bundle = BUNDLE) -> Answer:
        self._file.write_bytes(shown.to_bytes())
        return self._program("verify", self._file, "--offline", "--at", format_datetimestamp(at), *options)

    def reads(self, at: datetime, *options: object, shown: Bundle = BUNDLE) -> str:
        """The first line."""
        return self(at, *options, shown=shown).out.splitlines()[0]


@pytest.fixture
def recruiter(program: Program, tmp_path: Path) -> Recruiter:
    return Recruiter(program, tmp_path)


def judge(at: datetime, *sources: ListSource, shown: Bundle = BUNDLE, trust: Trust | None = None) -> Report:
    return verifier(trust or UNIVERSITY.trust, lists=sources).verify(shown, now=at)


def unreachable(url: str) -> bytes | None:
    raise Unavailable(f"{url} does not answer")


class TestTheVerdict:
    def test_it_says_the_day_of_a_status_that_is_older_than_a_day(self, recruiter: Recruiter) -> None:
        assert recruiter.reads(LISTED + timedelta(days=1)) == f"VALID: {TOLD}"
        assert recruiter.reads(LISTED + timedelta(days=1) + SECOND) == f"VALID as of 2026-07-01: {TOLD}"

    def test_json_has_the_moment_and_whether_it_is_fresh(self, recruiter: Recruiter) -> None:
        for age, fresh in ((timedelta(days=1), True), (timedelta(days=1) + SECOND, False)):
            answer = recruiter(LISTED + age, "--json")
            told = json.loads(answer.out)
            assert (answer.code, told["verdict"]) == (0, "valid")
            assert (told["statusAsOf"], told["statusFresh"]) == ("2026-07-01T10:00:00Z", fresh)

    def test_it_says_so_where_a_newer_list_could_not_be_had(self) -> None:
        report = judge(NOW, unreachable)
        assert render(report, UNIVERSITY.trust)[0] == f"VALID as of 2026-07-01: {TOLD}"
        assert report.to_dict()["statusFresh"], "it is two hours old"
        later = judge(NOW + timedelta(days=2), unreachable).to_dict()
        assert (later["verdict"], later["statusFresh"]) == ("valid", False)

    @pytest.mark.parametrize("sources", [(), (unreachable,)])
    @pytest.mark.parametrize("age", [timedelta(minutes=5), timedelta(days=1), timedelta(days=1) + SECOND])
    def test_the_page_says_it_where_the_command_does(
        self, sources: tuple[ListSource, ...], age: timedelta
    ) -> None:
        report = judge(LISTED + age, *sources)
        page = judgement("a.json", BUNDLE.to_bytes(), report, UNIVERSITY.trust, (), "en", Work())
        says_day = bool(sources) or age > timedelta(days=1)
        assert page.as_of == (LISTED if says_day else None)
        assert render(report, UNIVERSITY.trust)[0].startswith("VALID as of ") is says_day

    def test_a_list_that_was_just_looked_up_is_fresh_however_old(self) -> None:
        at = NOW + timedelta(days=20)
        lists = published(UNIVERSITY)
        report = judge(at, lists.get)
        assert report.to_dict()["statusFresh"]
        assert report.statuses[0] is not None
        assert report.statuses[0].stated, "what it says is of that day nevertheless"
        assert not judge(at, lists.get, unreachable).to_dict()["statusFresh"]

    def test_of_several_credentials_each_has_its_day_and_the_report_the_oldest(
        self, recruiter: Recruiter
    ) -> None:
        other = University("other.example")
        other.now += timedelta(minutes=5)  # by when the other one's is more than a day old
        bundles = [other.issue(), BUNDLE]
        at = LISTED + timedelta(days=1) + SECOND
        shown = Bundle(
            Holder().present(*(bundle.secured for bundle in bundles)),
            tuple(evidence for bundle in bundles for evidence in bundle.evidence),
            tuple(document for bundle in bundles for document in bundle.issuer_documents),
            tuple(found for bundle in bundles for found in bundle.status_lists),
        )
        recruiter.trusts(UNIVERSITY.trust.joined(other.trust))
        asked = ("--challenge", "challenge", "--domain", "employer.example", "--shown-within", "2d")
        first, second, *_ = recruiter(at, *asked, shown=shown).out.splitlines()
        assert (first, second) == (f"VALID: {TOLD}", f"VALID as of 2026-07-01: {TOLD}")
        told = json.loads(recruiter(at, *asked, "--json", shown=shown).out)
        assert (told["statusAsOf"], told["statusFresh"]) == ("2026-07-01T10:00:00Z", False)

    def test_what_cannot_be_revoked_has_no_such_day(self, recruiter: Recruiter) -> None:
        diploma = UNIVERSITY.diploma()
        del diploma["credentialStatus"]
        answer = recruiter(NOW + timedelta(days=9), "--json", shown=UNIVERSITY.issue(diploma))
        assert answer.code == 0
        assert "statusAsOf" not in answer.out

    def test_nothing_is_told_of_what_is_revoked_or_not_known(self) -> None:
        assert "statusAsOf" not in judge(NOW, shown=replace(BUNDLE, status_lists=())).to_dict()

    def test_at_its_end_a_list_leaves_the_question_open(self, recruiter: Recruiter) -> None:
        end = LISTED + timedelta(days=30)
        assert recruiter.reads(end - SECOND).startswith("VALID as of 2026-07-01: ")
        answer = recruiter(end)
        assert answer.code == 3
        assert answer.out.startswith("COULD NOT BE DECIDED: the newest status list at hand was good until ")


class TestHowOldItMayBe:
    @pytest.mark.parametrize(
        ("option", "age"),
        [("1d", timedelta(days=1)), ("3h", timedelta(hours=3)), ("20d", timedelta(days=20))],
    )
    def test_an_older_status_leaves_it_open(self, option: str, age: timedelta, recruiter: Recruiter) -> None:
        assert recruiter(LISTED + age, "--status-within", option).code == 0
        answer = recruiter(LISTED + age + SECOND, "--status-within", option)
        assert answer.code == 3
        assert answer.out.startswith("COULD NOT BE DECIDED: the newest status is of 2026-07-01, older than")
        assert "What to do: " in answer.out

    def test_so_does_none_at_all(self, recruiter: Recruiter) -> None:
        diploma = UNIVERSITY.diploma()
        del diploma["credentialStatus"]
        answer = recruiter(NOW, "--status-within", "30d", shown=UNIVERSITY.issue(diploma))
        assert answer.code == 3
        assert "no status that could be looked up" in answer.out

    def test_it_adds_to_a_policy(self, recruiter: Recruiter, tmp_path: Path) -> None:
        policy = tmp_path / "policy.json"
        policy.write_text('{"type": "urn:example:LibraryCard"}')
        options = ("--policy", policy, "--status-within", "1d")
        assert recruiter(NOW, *options).code == 1
        policy.write_text('{"type": "OpenBadgeCredential"}')
        assert recruiter(NOW, *options).code == 0
        assert recruiter(NOW + timedelta(days=2), *options).code == 3

    @pytest.mark.parametrize("age", ["30", "d", "0d", "-1d", "1.5d", "30 d", "5m", "٣d", "999999d"])
    def test_another_age_is_wrong_use(self, age: str, recruiter: Recruiter) -> None:
        answer = recruiter(NOW, "--status-within", age)
        assert (answer.code, answer.out) == (2, "")
        assert "such as 30d or 12h" in answer.err


def changed(**change: Any) -> Trust:
    """What the recruiter trusts, something else being said of the university."""
    trust = UNIVERSITY.trust
    return replace(trust, issuers=tuple(replace(issuer, **change) for issuer in trust.issuers))


CLOSED = date(2026, 7, 10)


def on(day: date, hour: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


class TestAnIssuerThatClosed:
    """The trust list says the day."""

    CENTURY = on(date(2126, 1, 1))

    @pytest.mark.parametrize(
        ("listed", "verdict"), [(on(CLOSED), Verdict.VALID), (on(CLOSED) - SECOND, Verdict.UNDETERMINED)]
    )
    def test_lists_of_that_day_have_no_end_and_older_ones_have(
        self, listed: datetime, verdict: Verdict
    ) -> None:
        university = University()
        university.now = listed
        bundle = university.issue(validFrom=AWARDED)
        trust = university.trust.adding(
            RecognisedIssuer(university.did, "Example University", closed=CLOSED), university.recognised_log
        )
        end = listed + timedelta(days=30)
        assert judge(end - SECOND, shown=bundle, trust=trust).verdict is Verdict.VALID
        assert judge(end, shown=bundle, trust=trust).verdict is verdict
        assert judge(self.CENTURY, shown=bundle, trust=trust).verdict is verdict
        assert judge(end, shown=bundle, trust=university.trust).verdict is Verdict.UNDETERMINED

    def test_a_list_from_before_a_revocation_says_its_day_and_then_ends(self, recruiter: Recruiter) -> None:
        """With a list of the closing at hand, it never counts."""
        university = University()
        old = university.issue(index=7)
        university.now += timedelta(days=3)
        university.revoke(7)
        university.now = on(CLOSED, 9)
        last = university.status_lists()
        trust = university.trust.adding(
            RecognisedIssuer(university.did, "Example University", closed=CLOSED), university.recognised_log
        )
        recruiter.trusts(trust)
        for day in (on(CLOSED, 12), self.CENTURY):
            whole = replace(old, status_lists=(*old.status_lists, *last))
            assert recruiter(day, shown=whole).code == 1
        assert recruiter.reads(on(CLOSED, 12), shown=old).startswith("VALID as of 2026-07-01: ")
        for day in (LISTED + timedelta(days=30), self.CENTURY):
            assert recruiter(day, shown=old).code == 3

    def test_from_the_closing_on_an_older_list_says_its_day_however_young(self, recruiter: Recruiter) -> None:
        closed = LISTED + timedelta(hours=1)
        recruiter.trusts(changed(closed=closed))
        assert recruiter.reads(closed - SECOND) == f"VALID: {TOLD}"
        assert recruiter.reads(closed) == f"VALID as of 2026-07-01: {TOLD}"

    def test_its_last_list_still_has_an_age(self, recruiter: Recruiter) -> None:
        recruiter.trusts(changed(closed=date(2026, 7, 1)))
        assert recruiter.reads(self.CENTURY) == f"VALID as of 2026-07-01: {TOLD}"
        assert recruiter(self.CENTURY, "--status-within", "365d").code == 3


UNTIL = date(2026, 7, 1)
EVENING = datetime(2026, 7, 1, 23, 59, 59, tzinfo=UTC)
END = EVENING.replace(microsecond=999_999)


class TestAnIssuerRecognisedUntilADay:
    def test_the_list_shows_the_day(self, program: Program, recruiter: Recruiter) -> None:
        recruiter.trusts(changed(until=UNTIL))
        assert "    for what is from 2026-07-01 or before\n" in program("trust", "list").out

    def test_what_a_trusted_log_shows_to_be_from_then_stays_recognised(self, recruiter: Recruiter) -> None:
        recruiter.trusts(changed(until=UNTIL))
        assert recruiter(EVENING + timedelta(days=9)).code == 0
        recruiter.trusts(changed(until=UNTIL - timedelta(days=1)))
        answer = recruiter(NOW)
        assert answer.code == 3
        assert "is recognised for what is from 2026-06-30 or before" in answer.out.splitlines()[0]

    def test_dates_that_the_issuer_wrote_show_nothing(self) -> None:
        """Not even with a signature over them: whoever signs can write what he likes."""
        university = University()
        diploma = university.diploma(validFrom="2020-01-01T00:00:00Z", awardedDate="2020-01-01T00:00:00Z")
        del diploma["termsOfUse"], diploma["credentialStatus"]
        pinned = RecognisedIssuer(
            university.did, keys=(university.key.public_key.multikey(),), until=date(2026, 7, 1)
        )
        bundle = Bundle(university.sign(diploma))
        for at, verdict in ((EVENING, Verdict.VALID), (EVENING + SECOND, Verdict.UNDETERMINED)):
            assert judge(at, shown=bundle, trust=Trust((pinned,))).verdict is verdict

    @pytest.mark.parametrize(
        ("time", "passes"),
        [(END, True), (END + timedelta(microseconds=1), False), (None, False)],
    )
    def test_the_log_saw_it_on_that_day_at_the_latest(self, time: datetime | None, passes: bool) -> None:
        issuer = RecognisedIssuer(UNIVERSITY.did, until=UNTIL)
        credential = Credential.parse(UNIVERSITY.diploma())
        seen = Fact("kind", "log.example", time, "own" if time else "none", 0, 0)
        later = replace(seen, time=EVENING + timedelta(days=5), clock="own")
        findings = Findings(credential, NOW + timedelta(days=9), issuer, anchors=(later, seen))
        if passes:
            Recognised().check(findings)
        else:
            with pytest.raises(NotKnown):
                Recognised().check(findings)

    def test_the_day_lasts_to_its_very_end(self) -> None:
        issuer = RecognisedIssuer(UNIVERSITY.did, until=UNTIL)
        credential = Credential.parse(UNIVERSITY.diploma())
        Recognised().check(Findings(credential, END, issuer))
        with pytest.raises(NotKnown):
            Recognised().check(Findings(credential, END + timedelta(microseconds=1), issuer))

    def test_the_last_day_that_there_is_never_comes(self) -> None:
        issuer = RecognisedIssuer(UNIVERSITY.did, until=date.max)
        Recognised().check(Findings(Credential.parse(UNIVERSITY.diploma()), NOW, issuer))


def test_the_service_looks_for_a_newer_list_before_it_says_that_a_status_is_too_old() -> None:
    university, asked = University(), {"allOf": ["recognised", {"statusWithinDays": 1}]}
    bundle = university.issue()
    university.now += timedelta(days=3)
    judges = Verifiers(
        verifier(university.trust), verifier(university.trust, lists=[published(university).get])
    )
    app = create_app(lambda: judges, clock=lambda: university.now, policy=load_policy(asked))
    with listening() as listener, serving(app, listener):
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/verify"
        told = httpx.post(address, content=bundle.to_bytes()).json()
    assert told["verdict"] == "valid"
    assert told["statusFresh"]
    assert told["statusAsOf"] == format_datetimestamp(university.now)
