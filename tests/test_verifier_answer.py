"""Several presentations of one answer (OpenID4VP 1.0, 8.1): one report, and a part for each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from did import METHODS, DocumentSource, Resolution, Resolver
from intaglio.words import report as words
from tests.world import NOW, Holder, University, verifier
from vc import Bundle, Outcome, Report, Verdict
from vc.possession import Asked
from verifier import Verifier, load_policy
from verifier.sources.keys import MOST_ASKED
from verifier.verify import MAX_PRESENTATIONS
from wire import Unavailable
from wire.fetch import NoFetcher
from wire.work import Work

UNIVERSITY = University()
ADA, BEN = Holder(), Holder()
ASKED = Asked("challenge", "employer.example")


def shown(holder: Holder, index: int, **options: Any) -> Bundle:
    """A presentation of a diploma that is bound to its holder."""
    diploma = UNIVERSITY.diploma(index=index)
    bound = {**diploma, "credentialSubject": {**diploma["credentialSubject"], "id": holder.did}}
    bundle = UNIVERSITY.issue(bound)
    presented = holder.present(bundle.secured, **options)
    return Bundle(presented, bundle.evidence, bundle.issuer_documents, bundle.status_lists)


FIRST, SECOND = shown(ADA, 1), shown(ADA, 2)
EMPTY = Bundle(ADA.present())


def answer(*sources: Bundle | bytes, asked: Asked = ASKED, **options: Any) -> Report:
    return verifier(UNIVERSITY.trust).verify_all(sources, asked, now=NOW, **options)


def test_each_has_a_part_and_all_have_one_verdict() -> None:
    report = answer(FIRST, SECOND)
    assert (report.verdict, report.holder) == (Verdict.VALID, ADA.did)
    alone = [verifier(UNIVERSITY.trust).verify(one, now=NOW, asked=ASKED) for one in (FIRST, SECOND)]
    assert [part.to_dict() for part in report.parts] == [one.to_dict() for one in alone]
    assert report.require() == tuple(claims for one in alone for claims in one.require())
    assert [check.part for check in report.checks] == [0] * 9 + [1] * 9
    assert len(report.statuses) == len(report.by_kind) == 2
    told = words.for_programs(report, UNIVERSITY.trust)
    assert [check["part"] for check in told["checks"]] == [0] * 9 + [1] * 9
    assert len(told["credentials"]) == 2


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    ("bad", "verdict", "code"),
    [
        (shown(ADA, 3, challenge="another"), Verdict.INVALID, "holder-wrong-challenge"),
        (shown(ADA, 4, created=NOW - timedelta(days=400)), Verdict.INVALID, "holder-answer-too-old"),
        (UNIVERSITY.issue(index=5), Verdict.INVALID, "holder-not-presented"),
        (b"no JSON", Verdict.UNDETERMINED, "readable-no-credential"),
        (EMPTY, Verdict.UNDETERMINED, "issuer-not-known"),
    ],
)
def test_a_problem_of_one_is_that_of_the_answer(
    place: int, bad: Bundle | bytes, verdict: Verdict, code: str
) -> None:
    sources: list[Bundle | bytes] = [FIRST, SECOND]
    sources[place] = bad
    report = answer(*sources)
    assert report.verdict is verdict
    assert report.deciding is not None
    assert (report.deciding.part, report.deciding.code) == (place, code)
    assert f" (presentation {place + 1})" in words.line(report.deciding)
    assert report.parts[1 - place].verdict is Verdict.VALID
    with pytest.raises(Exception, match=str(report.deciding.problem)):
        report.require()


def test_parts_may_have_holders_of_their_own_each_of_whom_a_policy_is_asked_for() -> None:
    bound = load_policy("holderBound")
    report = answer(FIRST, shown(BEN, 6), policy=bound)
    assert (report.verdict, report.holder) == (Verdict.VALID, None)
    assert [part.holder for part in report.parts] == [ADA.did, BEN.did]
    assert answer(FIRST, EMPTY, policy=load_policy("controlsDid")).verdict is Verdict.VALID
    unasked = answer(FIRST, SECOND, asked=Asked(), policy=bound)
    codes = {check.code for check in unasked.checks if check.outcome is Outcome.UNDETERMINED}
    assert codes == {"holder-challenge-missing", "trust-subject-not-proved"}


def test_no_presentation_and_too_many_are_no_valid_answer() -> None:
    assert answer().verdict is Verdict.UNDETERMINED
    assert answer(*[FIRST] * MAX_PRESENTATIONS)
    report = answer(*[FIRST] * (MAX_PRESENTATIONS + 1))
    assert (report.verdict, report.checks[0].code) == (Verdict.UNDETERMINED, "readable-too-large")


def test_they_share_the_work() -> None:
    work = Work()
    before = work.left
    verifier(UNIVERSITY.trust).verify(FIRST, now=NOW, asked=ASKED, work=work)
    used = before - work.left
    assert answer(FIRST, work=Work(used * 3 // 2))
    report = answer(FIRST, SECOND, work=Work(used * 3 // 2))
    assert [part.verdict for part in report.parts] == [Verdict.VALID, Verdict.UNDETERMINED]
    assert report.verdict is Verdict.UNDETERMINED


def test_they_share_the_hosts_that_may_be_asked() -> None:
    asked: list[str] = []

    class Counting:
        """What is no key of itself lies on hosts, none of which answers."""

        known: DocumentSource = Resolver(METHODS, NoFetcher())

        def method(self, did: str) -> Any:
            return self.known.method(did)

        def resolve(self, did: str) -> Resolution:
            if self.method(did).self_certifying:
                return self.known.resolve(did)
            asked.append(did)
            raise Unavailable("no host answers")

    def by_stranger(number: int) -> dict[str, Any]:
        did = f"did:web:s{number}.example"
        return ADA.sign(UNIVERSITY.plain(issuer=did), verification_method=f"{did}#key")

    parts = [
        Bundle(ADA.present(by_stranger(number), by_stranger(number + 100)))
        for number in range(MAX_PRESENTATIONS)
    ]
    report = Verifier(Counting(), trust=UNIVERSITY.trust).verify_all(parts, ASKED, now=NOW, strangers=True)
    assert report.verdict is Verdict.UNDETERMINED
    assert len(asked) == MOST_ASKED
