"""A power cut at any point of issuing: what was acknowledged or signed stays, the same command finishes."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from issuer.archive.kept import EditionTaken, Entry
from issuer.desk.claims import CHALLENGE_SPENT, ClaimLinks
from issuer.identity.home import published_file
from issuer.issuer import Issuer
from issuer.job.singles import RecordRefused
from issuer.press.permutation import LIST_BITS
from issuer.press.press import Line
from issuer.shared import folder as shared_folder
from issuer.table.source import Source
from kinds import Kind, shipped
from ledger.folder import store_in
from ledger.note import Checkpoint
from ledger.tiles import posix
from tests.copying import copy_folder
from tests.doubles import instead
from tests.fault.issuing import everything, issue, require_once
from tests.fault.powerloss import Crash, Recorder, memory_folder
from tests.fault.sqlite_vfs import watched_sqlite
from tests.problems import is_a
from tests.test_kinds_issuing import residents
from tests.world import NOW, Holder, csv_file, graduate, issuer_in, of_diploma, reopened, twin, verifier_for
from vc import StatusList, Verdict
from vc.forms import INTEGRITY, SD_JWT_VC
from vc.status import Reason
from wire.problem import Problem, Refused
from wire.sqlite import connect
from wire.strict import load_json_object

pytestmark = pytest.mark.slow  # thousands of states: for `make test`

ADA = Holder()
ONE, TWO = "UNI-000001", "UNI-000002"

Promise = Callable[[Issuer], None]
"""Raises unless what was acknowledged holds of an issuer that was opened again."""
Work = Callable[[Issuer, Callable[[Promise], None]], object]
"""Work that says what it acknowledges."""

in_chunks = partial(csv_file, span_rows=2)


class Scenario(NamedTuple):
    home: Path
    """An issuer as it is before, all of it on the disk."""
    work: Work
    """What the power cut falls into."""
    again: Work
    """What is done when the power is back."""
    finished: Promise
    """What holds then."""
    killed: Work | None = None
    """Work before, which is killed in its midst."""


@pytest.fixture(autouse=True)
def _synced_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("issuer.status.lists._MOST_HELD", 2500)


@pytest.fixture
def memory() -> Iterator[Path]:
    with memory_folder() as folder:
        yield folder


@contextmanager
def opened(home: Path, **options: Any) -> Iterator[Issuer]:
    issuer = reopened(home, **options)
    try:
        yield issuer
    finally:
        issuer.store.close()


def do(home: Path, work: Work, acknowledge: Callable[[Promise], None]) -> None:
    """A checkpoint counts as acknowledged once it is signed: somebody may have seen it."""

    def publish(publish: Callable[..., None], note: bytes, **after: Any) -> None:
        acknowledge(partial(require_continues, Checkpoint.parse(note)))
        publish(note, **after)

    with opened(home, store=instead(store_in(home), publish=publish)) as issuer:
        work(issuer, acknowledge)


Crashes = list[tuple[Crash, list[Promise]]]
"""What a power cut may leave, with what was acknowledged by then."""


def cut(scenario: Scenario, folder: Path, *forgotten: Any, every: int = 1) -> Iterator[Crashes]:
    """All that a power cut may leave; where work is killed first, some of it for each sync it dies before.

    With `every`, for one sync in so many.
    """
    if scenario.killed is None:
        yield recorded(scenario, scenario.home, 0, *forgotten)
        return
    for sync in itertools.count(1, every):
        home = folder / f"killed {sync}" / "home"
        copy_folder(scenario.home, home)
        crashes = recorded(scenario, home, sync, *forgotten)
        if not crashes:
            break
        yield random.Random(sync).sample(crashes, 10)


def recorded(scenario: Scenario, home: Path, before: int, *forgotten: Any) -> Crashes:
    promises: list[Promise] = []

    def acknowledge(promise: Promise) -> None:
        promises.append(promise)
        recorder.acknowledge()

    with (
        Recorder(home.parent, [(posix, "sync_files"), (shared_folder, "sync_files")]) as recorder,
        watched_sqlite(recorder),
    ):
        killed = partial(do, home, scenario.killed, lambda promise: None) if scenario.killed else None
        if killed and not recorder.killed(killed, before):
            return []
        if forgotten:
            recorder.forget(*forgotten)
        do(home, scenario.work, acknowledge)
    return [(crash, promises[: crash.acknowledged]) for crash in recorder.crashes()]


def require_continues(checkpoint: Checkpoint, issuer: Issuer) -> None:
    issuer.log.require_continues(checkpoint)


def require_kept(scenario: Scenario, crashes: Iterable[tuple[Crash, list[Promise]]], folder: Path) -> None:
    """All that was promised holds at once, and after the work was done again."""
    for number, (crash, promises) in enumerate(crashes):
        where = folder / str(number)
        crash.restore(where)
        require_lists(where / "home")
        with opened(where / "home") as issuer:
            for promise in promises:
                promise(issuer)
            scenario.again(issuer, lambda promise: None)
            for promise in [*promises, scenario.finished]:
                promise(issuer)
            require_once(issuer)
        shutil.rmtree(where)


def require_lists(home: Path) -> None:
    """Whoever looks finds each file that was published, before anything is opened that could mend it."""
    with closing(connect(home / "issuer.sqlite", "ro")) as index:
        names = index.execute("SELECT name FROM status_file").fetchall()
    for (name,) in names:
        assert published_file(home, name) is not None


def new_home(memory: Path, kind: Kind | None = None) -> Path:
    """An issuer's folder; that of its twin is `first`."""
    first, home = memory / "first", memory / "work" / "home"
    for issuer in (issuer_in(first, kind=kind), twin(reopened(first), home)):
        issuer.store.close()
    return home


# A file of graduates


def a_file(memory: Path) -> Scenario:
    """Two chunks; an undisturbed run is what it must come to."""
    rows = [graduate(row, **{"email": "bad"} if row == 3 else {}) for row in range(1, 5)]
    return _a_file(memory, in_chunks(memory / "g.csv", rows))


def of_residents(memory: Path) -> Scenario:
    """The same of another kind."""
    source = residents(memory / "r.csv", "2008-08-02", "1990-03-07", "soon", "2008-02-29", span_rows=2)
    return _a_file(memory, source, shipped("resident"))


def in_two_forms(memory: Path) -> Scenario:
    """The same in two forms, of which a row has both or none."""
    rows = [graduate(1), graduate(2), graduate(3, email="bad")]
    return _a_file(memory, in_chunks(memory / "g.csv", rows), forms=(INTEGRITY, SD_JWT_VC))


def _a_file(memory: Path, source: Source, kind: Kind | None = None, forms: Sequence[str] = ()) -> Scenario:
    home = new_home(memory, kind)
    with opened(memory / "first") as first:
        issue(first, source, forms=forms)
        expected = everything(first)

    def require_everything(issuer: Issuer) -> None:
        assert everything(issuer) == expected

    def work(issuer: Issuer, acknowledge: Callable[[Promise], None]) -> None:
        issue(issuer, source, forms=forms)
        acknowledge(require_everything)

    return Scenario(home, work, work, require_everything)


# One at a time


def singly(memory: Path) -> Scenario:
    """Issue, correct and claim one, issue and revoke another; what was done before is left."""

    def work(issuer: Issuer, acknowledge: Callable[[Promise], None]) -> None:
        def done() -> None:
            current = issuer.current(ONE)
            issuer.bundle(current)  # is what one is given
            acknowledge(partial(require_same, current, issuer.line(current)))
            for former in issuer.entries(0, current.seq):
                acknowledge(partial(require_journalled, former, "superseded"))

        with suppress(EditionTaken):
            issuer.issue(graduate(1))
        done()
        issuer.correct(ONE, {"gpa": "4.0"})
        done()
        issuer.claim(ONE, ADA.did)
        done()
        issuer.lists.publish(now=NOW)
        for former in issuer.entries(0, issuer.current(ONE).seq):
            acknowledge(partial(require_revoked, former, "superseded"))
        with suppress(EditionTaken, Refused):
            issuer.issue(graduate(2))
        issuer.revoke([TWO], Reason.FRAUD, date=NOW, now=NOW)
        acknowledge(partial(require_revoked, issuer.current(TWO), "fraud"))

    def require_all(issuer: Issuer) -> None:
        state = sorted((entry.number, entry.edition, entry.reason) for entry in issuer.entries())
        assert state == [(ONE, 1, "superseded"), (ONE, 2, "superseded"), (ONE, 3, None), (TWO, 1, "fraud")]
        bundles = [issuer.bundle(issuer.current(number)) for number in (ONE, TWO)]
        verdicts = [verifier_for(issuer).verify(bundle, now=NOW).verdict for bundle in bundles]
        assert verdicts == [Verdict.VALID, Verdict.INVALID]

    home = new_home(memory)
    return Scenario(home, work, work, require_all)


def require_same(entry: Entry, line: Line, issuer: Issuer) -> None:
    """The edition has the place in index and log that it had, and its credential is the same."""
    assert issuer.store.entry(entry.seq)[:4] == entry[:4]
    assert issuer.line(entry) == line


def require_revoked(entry: Entry, reason: str, issuer: Issuer) -> None:
    """It is so in the index, and in the list as it is published, before anything was opened for that."""
    assert issuer.store.entry(entry.seq).reason == reason
    number, position = issuer._positions().locate(entry.seq)
    published = load_json_object(published_file(issuer.home, str(number)) or b"")
    assert StatusList.decode(published["credentialSubject"]["encodedList"])[position]


def require_journalled(entry: Entry, reason: str, issuer: Issuer) -> None:
    """It is so in the index, and in the file of the list once the lists are opened."""
    _ = issuer.lists
    require_revoked(entry, reason, issuer)
    issuer.lists.publish(now=NOW)
    number = str(entry.seq >> LIST_BITS)
    assert (issuer.home / "status" / number).read_bytes() == published_file(issuer.home, number)


def by_link(memory: Path) -> Scenario:
    """Offer a diploma by a link, and give it to the wallet that answers; it answers once."""

    def claims(issuer: Issuer) -> ClaimLinks:
        return ClaimLinks(issuer.home / "claims.sqlite", "https://uni.example")

    def work(issuer: Issuer, acknowledge: Callable[[Promise], None]) -> None:
        token = claims(issuer).offer(of_diploma(ONE), issuer, now=NOW).token
        invitation = claims(issuer).invite(token, issuer, now=NOW)
        acknowledge(partial(require_open, token))
        answer = ADA.accept(invitation)
        claims(issuer).redeem(token, answer, issuer, now=NOW)
        current = issuer.current(ONE)
        acknowledge(partial(require_same, current, issuer.line(current)))
        acknowledge(partial(require_spent, token, answer))

    def require_open(token: str, issuer: Issuer) -> None:
        claims(issuer).invite(token, issuer, now=NOW)

    def require_spent(token: str, answer: bytes, issuer: Issuer) -> None:
        try:
            claims(issuer).redeem(token, answer, issuer, now=NOW)
        except Problem as problem:
            if not is_a(problem, CHALLENGE_SPENT):
                raise
        else:
            raise AssertionError("an answer served twice")

    home = new_home(memory)
    with opened(home) as issuer:
        issuer.issue(graduate(1))
    return Scenario(home, work, lambda issuer, _: issuer.claim(ONE, ADA.did), lambda issuer: None)


# After a process that was killed


def together_after_kill(memory: Path) -> Scenario:
    """Two that went the way together come back together."""

    def work(issuer: Issuer, acknowledge: Callable[[Promise], None]) -> None:
        with suppress(RecordRefused):
            issuer.issue_many([graduate(1), graduate(2)])
        for number in (ONE, TWO):
            current = issuer.current(number)
            acknowledge(partial(require_same, current, issuer.line(current)))

    home = new_home(memory)
    return Scenario(home, work, work, lambda issuer: None, killed=work)


def a_file_after_kill(memory: Path) -> Scenario:
    """A file with nothing to issue comes next, so that the killed one is only completed, then one like it."""
    home = new_home(memory)
    good = in_chunks(memory / "g.csv", [graduate(1), graduate(2)])
    bad = in_chunks(memory / "b.csv", [graduate(1, email="bad")])
    other = in_chunks(memory / "o.csv", [graduate(2), graduate(3)])

    def again(issuer: Issuer, acknowledge: Callable[[Promise], None]) -> None:
        issue(issuer, other)
        issue(issuer, good)

    def require_all(issuer: Issuer) -> None:
        assert {entry.number for entry in issuer.entries()} == {ONE, TWO, "UNI-000003"}

    return Scenario(
        home,
        lambda issuer, _: issue(issuer, bad),
        again,
        require_all,
        killed=lambda issuer, _: issue(issuer, good),
    )


Prepare = Callable[[Path], Scenario]


@pytest.mark.parametrize(
    ("prepare", "least"),
    [
        (a_file, 500),
        (of_residents, 500),
        (in_two_forms, 500),
        (singly, 500),
        (by_link, 200),
        (together_after_kill, 200),
        (a_file_after_kill, 200),
    ],
)
@pytest.mark.parametrize(("each", "every"), [(40, 24), pytest.param(1, 1, marks=pytest.mark.soak)])
def test_nothing_acknowledged_or_signed_is_lost(
    prepare: Prepare, least: int, each: int, every: int, memory: Path
) -> None:
    """Each 40th state that may be left, where work is killed before each 24th sync; a soak tries all."""
    scenario, states = prepare(memory), 0
    for crashes in cut(scenario, memory, every=every):
        states += len(crashes)
        require_kept(scenario, crashes[:: each if scenario.killed is None else -(-each // every)], memory)
    assert states > least // every


@pytest.mark.parametrize(
    ("prepare", "forgotten"),
    [
        (a_file, [r"home/shards/.*\.tmp"]),
        (a_file, [r"home/(shards/.*)?"]),  # the folders of shards
        pytest.param(singly, [r"home/issuer\.sqlite-wal"], marks=pytest.mark.soak),  # half a minute
        # lists, before the index forgets them: a quarter of a minute
        pytest.param(singly, [r"home/status/.*"], marks=pytest.mark.soak),
        (by_link, [r"home/claims\.sqlite-wal"]),
        (together_after_kill, [r"home/issuer\.sqlite(-wal)?", 2]),  # what the killed one wrote
        (a_file_after_kill, [r"home/issuer\.sqlite(-wal)?", 2]),
    ],
)
def test_a_sync_that_is_missing_is_found(prepare: Prepare, forgotten: list[Any], memory: Path) -> None:
    scenario = prepare(memory)
    found = (
        crash
        for crashes in cut(scenario, memory, *forgotten)
        for first in range(7)
        for crash in crashes[first::7]
    )
    with pytest.raises((AssertionError, Problem)):
        require_kept(scenario, found, memory)
