"""Single diplomas from many threads at once go together, and what is wrong is said to its own caller."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from did.methods import key as did_key
from issuer.archive.kept import EditionTaken, Entry
from issuer.issuer import Issuer
from issuer.job.singles import RecordRefused
from keys import PrivateKey
from kinds import InvalidRecord
from ledger.tiles.store import Batch
from tests.doubles import at, stops
from tests.fault.issuing import require_once
from tests.problems import is_a
from tests.world import NOW, graduate, issuer_in, reopened, verifier_for
from vc import Bundle, Verdict
from vc.forms import FORMS
from vc.status import Reason
from wire.problem import Problem, Raisable, Refused, TryLater, Unavailable
from wire.turns import Turns


def at_once(calls: Sequence[Callable[[], object]]) -> list[object]:
    """What each call of a thread of its own returned or raised; none begins before all can."""
    start = threading.Barrier(len(calls), timeout=30)

    def run(call: Callable[[], object]) -> object:
        start.wait()
        try:
            return call()
        except Problem as problem:
            return problem

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.fixture
def appended() -> list[int]:
    """How many entries each batch had that went into the log."""
    return []


@pytest.fixture
def issuer(tmp_path: Path, appended: list[int]) -> Issuer:
    def record(record: Callable[[Batch], None], batch: Batch) -> None:
        appended.append(len(batch.entries))
        record(batch)

    home = issuer_in(tmp_path / "home").home
    return reopened(home, **at(home, "log.record", record))


@pytest.mark.slow
def test_a_hundred_calls_at_once_are_answered_and_none_is_told_to_come_later(
    issuer: Issuer, appended: list[int]
) -> None:
    """Nobody has a moment's patience with another process: it is no other that they wait for."""
    issuer.patience = issuer.log_patience = 0.0
    issuer.issue(graduate(0))
    appended.clear()
    answers = at_once([partial(issuer.issue, graduate(row)) for row in range(1, 101)])
    assert [answer.number for answer in answers if isinstance(answer, Entry)] == [
        f"UNI-{row:06}" for row in range(1, 101)
    ]
    require_once(issuer)
    assert sum(appended) == 100
    assert len(appended) < 50


@pytest.mark.slow
def test_claims_of_many_wallets_at_once_go_together(issuer: Issuer, appended: list[int]) -> None:
    issuer.issue_many([graduate(row) for row in range(20)])
    issuer.log_patience = 5.0
    appended.clear()
    holders = [did_key.create(PrivateKey.generate().public_key) for _ in range(20)]
    answers = at_once([partial(issuer.claim, f"UNI-{row:06}", holders[row]) for row in range(20)])
    bundles = [Bundle.parse(answer, FORMS) for answer in answers if isinstance(answer, bytes)]
    assert [bundle.secured["credentialSubject"]["id"] for bundle in bundles] == holders
    assert {verifier_for(issuer).verify(bundle, now=NOW).verdict for bundle in bundles} == {Verdict.VALID}
    assert len(appended) < 30  # with those for the list of what is superseded; alone, each has two
    require_once(issuer)


def test_each_caller_is_told_what_is_wrong_with_its_own(issuer: Issuer) -> None:
    issuer.issue(graduate(50))
    issuer.revoke(["UNI-000050"], Reason.FRAUD, date=NOW, now=NOW)
    rows = [1, 2, 1, 3, 1, 50]
    answers = at_once([partial(issuer.issue, graduate(row)) for row in rows])
    kinds = Counter((row, type(answer)) for row, answer in zip(rows, answers, strict=True))
    assert kinds == {(1, Entry): 1, (1, EditionTaken): 2, (2, Entry): 1, (3, Entry): 1, (50, Refused): 1}
    require_once(issuer)


def test_several_are_issued_in_their_order_with_one_signature_of_the_log(
    issuer: Issuer, appended: list[int]
) -> None:
    before = issuer.log.checkpoint().size
    appended.clear()
    entries = issuer.issue_many(graduate(row) for row in (3, 1, 2))
    assert [entry.number for entry in entries] == ["UNI-000003", "UNI-000001", "UNI-000002"]
    assert [entry.leaf for entry in entries] == [before, before + 1, before + 2]
    assert appended[0] == 3
    assert issuer.issue_many([]) == []
    require_once(issuer)


@pytest.mark.quick(every=3)
@pytest.mark.parametrize(
    ("records", "position", "kind", "detail"),
    [
        ([graduate(1), graduate(2, email="x")], 1, InvalidRecord, "record 2: email: the value "),
        (
            [graduate(1), graduate(9), graduate(2)],
            1,
            EditionTaken,
            "record 2: the credential has an edition 1",
        ),
        (
            [graduate(1), graduate(2), graduate(1)],
            2,
            EditionTaken,
            "record 3: the credential has an edition 1",
        ),
    ],
)
def test_one_bad_record_of_several_is_named_and_none_is_issued(
    issuer: Issuer, records: list[dict[str, str]], position: int, kind: Raisable[Problem], detail: str
) -> None:
    issuer.issue(graduate(9))
    with pytest.raises(RecordRefused, match=detail) as refused:
        issuer.issue_many(records)
    assert refused.value.position == position
    assert is_a(refused.value.problem, kind)
    assert [entry.number for entry in issuer.entries()] == ["UNI-000009"]
    good = [record for place, record in enumerate(records) if place != position]
    assert len(issuer.issue_many(good)) == len(good)
    require_once(issuer)


def test_what_was_begun_and_not_finished_is_nobodys_loss(tmp_path: Path) -> None:
    """The log could not be written to: who asked is told so, and the next call completes what was begun."""
    home = issuer_in(tmp_path / "home").home
    reopened(home).issue(graduate(0))
    busy = TryLater("another process is at work on the log")
    issuer = reopened(home, **at(home, "log.record", stops(busy, before=True)))
    with pytest.raises(TryLater):
        issuer.issue_many([graduate(1), graduate(2)])
    issuer.issue(graduate(3))
    assert len(list(issuer.entries())) == 4
    require_once(issuer)


def test_who_waits_for_a_thread_that_is_stopped_is_told() -> None:
    entered, waiting = threading.Event(), threading.Event()

    def work(asked: Sequence[int]) -> list[int | Problem]:
        if asked == [0]:
            entered.set()
            assert waiting.wait(30)
            return [0]
        raise KeyboardInterrupt

    turns: Turns[int, int] = Turns(work)
    answers: list[object] = []

    def ask(number: int) -> None:
        try:
            answers.append(turns(number))
        except (Problem, KeyboardInterrupt) as error:
            answers.append(type(error))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    threads[0].start()
    assert entered.wait(30)
    for thread in threads[1:]:
        thread.start()
    while len(turns._waiting) < 2:
        pass
    waiting.set()
    for thread in threads:
        thread.join(30)
    assert answers[0] == 0
    assert set(answers[1:]) == {KeyboardInterrupt, Unavailable}
