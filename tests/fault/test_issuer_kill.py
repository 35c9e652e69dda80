"""SIGKILL at any point of issuing: the same command finishes, nothing is issued twice, nothing is missing."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from did.document import STATUS_DOCUMENT
from intaglio.commands.issuer.revoking import revoke_file
from issuer.archive.archive import unpack
from issuer.archive.kept import Appended, Job, NewEntries, NewEntry, ShardName
from issuer.archive.shard_store import ShardFolder
from issuer.archive.store import SQLiteIndex
from issuer.identity import documents
from issuer.identity.kind import read_kind
from issuer.identity.succession import JOURNAL
from issuer.issuer import Issuer
from issuer.job.bulk import Bulk
from issuer.job.chunk import Chunk
from issuer.job.singles import RecordRefused
from issuer.keeping.rotation import revoke, rotate
from issuer.problem import REVOKED_FOR_GOOD
from issuer.table.source import Source
from keys import KeyFile, PrivateKey, open_signer
from kinds import shipped
from ledger.audit import audit
from tests.conftest import ROOT
from tests.doubles import at, instead
from tests.fault.issuing import everything, issue, require_once
from tests.fault.kill import Reached, Work, a_sample, kill_everywhere, killed_by
from tests.problems import raises
from tests.test_kinds_issuing import residents
from tests.test_suspension import cells as licence
from tests.world import NOW, csv_file, graduate, issuer_in, listed, reopened, twin, verifier_for
from vc.forms import FORMS, INTEGRITY, SD_JWT_VC
from vc.status import Reason
from wire.problem import Problem

pytestmark = pytest.mark.slow  # hundreds of processes: for `make test`
in_chunks = partial(csv_file, span_rows=2)
TWO_FORMS = (INTEGRITY, SD_JWT_VC)

Prepare = Callable[[], tuple[Work, Work]]


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return issuer_in(tmp_path / "first")


@pytest.fixture
def source(tmp_path: Path) -> Source:
    rows = [graduate(row, **{"email": "bad"} if row == 3 else {}) for row in range(1, 7)]
    return in_chunks(tmp_path / "g.csv", rows)


@pytest.fixture
def overlapping(tmp_path: Path) -> Source:
    return in_chunks(tmp_path / "h.csv", [graduate(row) for row in range(2, 6)])


Opening = Callable[[Path], Issuer]


def same_file_again(
    issuer: Issuer, source: Source, folder: Path, workers: int = 0, forms: Sequence[str] = ()
) -> Prepare:
    issue(issuer, source, forms=forms)
    expected, numbers = everything(issuer), itertools.count()

    def prepare() -> tuple[Work, Work]:
        home = folder / str(next(numbers)) / "home"
        twin(issuer, home)

        def work() -> None:
            issue(reopened(home), source, workers, forms)

        def check() -> None:
            issue(reopened(home), source, forms=forms)
            assert everything(reopened(home)) == expected
            require_once(reopened(home))

        return work, check

    return prepare


def another_file_first(issuer: Issuer, source: Source, overlapping: Source, folder: Path) -> Prepare:
    numbers = itertools.count()

    def prepare() -> tuple[Work, Work]:
        home = folder / str(next(numbers)) / "home"
        twin(issuer, home)

        def check() -> None:
            issue(reopened(home), overlapping)
            issue(reopened(home), source)
            require_once(reopened(home))
            issued = {entry.number for entry in reopened(home).entries()}
            assert issued == {f"UNI-{row:06}" for row in range(1, 7)}

        return lambda: issue(reopened(home), source), check

    return prepare


def single_diplomas(issuer: Issuer, folder: Path, opened: Opening = reopened) -> Prepare:
    numbers = itertools.count()

    def prepare() -> tuple[Work, Work]:
        home = folder / str(next(numbers)) / "home"
        twin(issuer, home)
        opened(home).issue(graduate(1))
        acknowledged = Reached()

        def work() -> None:
            issuer = opened(home)
            if issuer.current("UNI-000001").reason is None:  # a run before may have come to the end
                issuer.correct("UNI-000001", {"gpa": "4.0"})
                acknowledged.reach(1)
                issuer.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW)
                acknowledged.reach(2)

        def check() -> None:
            issuer = opened(home)
            state = [(entry.edition, entry.reason) for entry in issuer.entries()]
            assert len(state) > (acknowledged.value >= 1)
            assert acknowledged.value < 2 or state[-1][1] == "fraud"
            if issuer.current("UNI-000001").reason is None:
                issuer.correct("UNI-000001", {"gpa": "2.0"})
            else:
                issuer.issue(graduate(2))
            require_once(issuer)

        return work, check

    return prepare


@a_sample(5)
def test_the_same_command_finishes_what_was_killed(
    issuer: Issuer, source: Source, tmp_path: Path, points: int
) -> None:
    assert kill_everywhere(same_file_again(issuer, source, tmp_path), points=points) == points


@a_sample(4)
def test_the_same_holds_of_residents(tmp_path: Path, points: int) -> None:
    first = issuer_in(tmp_path / "first", kind=shipped("resident"))
    births = ["2008-08-02", "1990-03-07", "soon", "2008-02-29", "2020-01-01", "1961-12-31"]
    source = residents(tmp_path / "r.csv", *births, span_rows=2)
    assert kill_everywhere(same_file_again(first, source, tmp_path), points=points) == points


@a_sample(3, 50)
def test_the_same_holds_with_worker_processes(
    issuer: Issuer, source: Source, tmp_path: Path, points: int
) -> None:
    prepare = same_file_again(issuer, source, tmp_path, workers=2)
    assert kill_everywhere(prepare, points=points) == points


@a_sample(4)
def test_the_same_holds_of_a_job_in_two_forms(
    issuer: Issuer, source: Source, tmp_path: Path, points: int
) -> None:
    prepare = same_file_again(issuer, source, tmp_path, forms=TWO_FORMS)
    assert kill_everywhere(prepare, points=points) == points


def in_a_second_form(issuer: Issuer, source: Source, folder: Path) -> Prepare:
    """The form of before stands; the second is added by who was killed, or by who comes next."""
    numbers = itertools.count()

    def prepare() -> tuple[Work, Work]:
        home = folder / str(next(numbers)) / "home"
        twin(issuer, home)
        issue(reopened(home), source)

        def check() -> None:
            issue(reopened(home), source, forms=TWO_FORMS)
            last = reopened(home)
            require_once(last)
            forms = [{entry.form for entry in last.editions(each)} for each in last.entries()]
            assert forms == [{"", SD_JWT_VC}] * 10

        return lambda: issue(reopened(home), source, forms=TWO_FORMS), check

    return prepare


@a_sample(4)
def test_a_form_that_is_added_is_there_once(
    issuer: Issuer, source: Source, tmp_path: Path, points: int
) -> None:
    assert kill_everywhere(in_a_second_form(issuer, source, tmp_path), points=points) == points


@a_sample(5)
def test_another_file_may_come_first(
    issuer: Issuer, source: Source, overlapping: Source, tmp_path: Path, points: int
) -> None:
    assert kill_everywhere(another_file_first(issuer, source, overlapping, tmp_path), points=points) == points


@a_sample(5)
def test_single_diplomas_and_revocations_survive(issuer: Issuer, tmp_path: Path, points: int) -> None:
    assert kill_everywhere(single_diplomas(issuer, tmp_path), points=points) == points


def revoked_by_file(issuer: Issuer, folder: Path) -> Prepare:
    numbers = itertools.count()
    named = [f"UNI-{row:06}" for row in range(1, 4)]
    file = folder / "numbers.txt"
    file.write_text("\n".join(named))

    def prepare() -> tuple[Work, Work]:
        home = folder / str(next(numbers)) / "home"
        twin(issuer, home).issue_many([graduate(row) for row in range(1, 5)])

        def work() -> None:
            revoke_file(reopened(home), file, "", Reason.FRAUD, date=NOW, now=NOW, yes=True, judge=None)

        def check() -> None:
            states = {reopened(home).current(number).reason for number in named}
            assert states in ({None}, {"fraud"})  # all of them, or none
            work()
            issuer = reopened(home)
            assert issuer.store.revocations.unpublished() == []
            valid = []
            for entry in issuer.entries():
                if verifier_for(issuer).verify(issuer.bundle(entry), now=NOW):
                    valid.append(entry.number)
            assert valid == ["UNI-000004"]
            require_once(issuer)

        return work, check

    return prepare


@a_sample(4)
def test_the_same_file_of_numbers_finishes_what_was_killed(
    issuer: Issuer, tmp_path: Path, points: int
) -> None:
    assert kill_everywhere(revoked_by_file(issuer, tmp_path), points=points) == points


@a_sample(5)
def test_lists_by_a_key_whose_signatures_differ_survive(tmp_path: Path, points: int) -> None:
    """ECDSA, as on a token: what was journalled decides, and not that a signature is made again."""
    key = PrivateKey.generate("P-256")
    first = issuer_in(tmp_path / "first", url="https://university.example", signer=key)

    def opened(home: Path) -> Issuer:
        return reopened(home, signer=key)

    assert kill_everywhere(single_diplomas(first, tmp_path, opened), points=points) == points


def suspended_and_reinstated(first: Issuer, folder: Path) -> Prepare:
    numbers = itertools.count()

    def prepare() -> tuple[Work, Work]:
        home = folder / str(next(numbers)) / "home"
        twin(first, home, form=first.form).issue_many([licence("L-1"), licence("L-2")])
        acknowledged = Reached()

        def work() -> None:
            issuer = reopened(home, form=first.form)
            run = acknowledged.value // 10 * 10 + 10  # the work is begun again after the first kill
            acknowledged.reach(run)
            issuer.suspend(["L-1"], Reason.FRAUD, now=NOW)
            acknowledged.reach(run + 1)
            issuer.reinstate(["L-1", "L-2"], now=NOW)
            acknowledged.reach(run + 2)
            issuer.suspend(["L-1", "L-2"], Reason.UNSPECIFIED, now=NOW)
            acknowledged.reach(run + 3)

        def check() -> None:
            issuer = reopened(home, form=first.form)
            issuer.lists.publish(now=NOW)  # the next who signs lists
            assert issuer.store.revocations.unpublished() == []
            states = {entry.number: entry.state for entry in issuer.entries()}
            run, stage = divmod(acknowledged.value, 10)
            both = (states["L-1"], states["L-2"])
            valid, all_suspended = ("valid", "valid"), ("suspended", "suspended")
            possible = {  # what was acknowledged last, or what was asked for next: as a whole
                0: {valid, ("suspended", "valid"), *({all_suspended} if run > 1 else ())},
                1: {("suspended", "valid"), valid, *({all_suspended} if run > 1 else ())},
                2: {valid, all_suspended},
                3: {all_suspended},
            }
            assert both in possible[stage]
            for number, state in states.items():
                report = verifier_for(issuer).verify(issuer.bundle(issuer.current(number)), now=NOW)
                assert bool(report) is (state == "valid"), report.checks
            issuer.reinstate(["L-1", "L-2"], now=NOW)
            if first.form.media_type == INTEGRITY:
                require_once(issuer)
            issuer.revoke(["L-1"], Reason.FRAUD, date=NOW, now=NOW)
            with raises(REVOKED_FOR_GOOD):
                issuer.reinstate(["L-1"], now=NOW)

        return work, check

    return prepare


@a_sample(3, 100)
@pytest.mark.parametrize("form", [INTEGRITY, SD_JWT_VC])
def test_suspensions_and_their_ends_survive(tmp_path: Path, form: str, points: int) -> None:
    kind = read_kind(ROOT / "tests" / "own_kinds" / "licence")
    options = {} if form == INTEGRITY else {"form": FORMS[form]}
    first = issuer_in(tmp_path / "first", kind=kind, url="https://city.example", **options)
    assert kill_everywhere(suspended_and_reinstated(first, tmp_path), points=points) == points


def diplomas_together(issuer: Issuer, folder: Path, opened: Opening = reopened) -> Prepare:
    """Issued at once: all or none, be it by who was killed or by who came next."""
    numbers = itertools.count()

    def prepare() -> tuple[Work, Work]:
        home = folder / str(next(numbers)) / "home"
        twin(issuer, home).issue(graduate(1))

        def work() -> None:
            with suppress(RecordRefused):  # a run before may have come to the end
                opened(home).issue_many([graduate(row) for row in (2, 3, 4)])

        def check() -> None:
            issuer = opened(home)
            issuer.issue(graduate(5))
            assert len(list(issuer.entries())) in (2, 5)
            assert issuer.store.logged.known() == (audit(issuer.log).size, [])
            require_once(issuer)

        return work, check

    return prepare


@a_sample(4)
def test_diplomas_that_are_issued_together_are_all_there_or_none(
    issuer: Issuer, tmp_path: Path, points: int
) -> None:
    assert kill_everywhere(diplomas_together(issuer, tmp_path), points=points) == points


def now() -> datetime:
    return datetime.now(UTC)


def other_keys(folder: Path, kind: str) -> Prepare:
    """Changed by who was killed, or not: what was signed before is valid, and so is what comes next.

    Keys go `away` from the key file, or come `back` into it; the folder remembers where they are. That for
    lists is `moved` to a DID of its own.
    """
    numbers, compromised = itertools.count(), kind == "compromised"
    elsewhere = KeyFile.create(folder / "elsewhere.json", {"diplomas": "P-256"}, None).path
    uri = f"{elsewhere.as_uri()}#diplomas"
    signer = open_signer(uri, passphrase=lambda: None)
    there: dict[str, Any] = {"signer": signer, "signer_uri": uri}
    moved: dict[str, Any] = {"has_status_did": True}
    after = {"away": there, "back": {"in_file": True}, "moved": moved}.get(kind, {"compromised": compromised})
    counts = {"away": (2, 2), "back": (1, 3), "compromised": (2, 2), "moved": (2, 2)}.get(
        kind, (2, 4)
    )  # of keys in the document

    def prepare() -> tuple[Work, Work]:
        home = folder / str(next(numbers)) / "home"
        before = there if kind == "back" else {}
        first = issuer_in(home, url="https://university.example", clock=now, **before)
        first.issue(graduate(1))
        former, changed = first.public_keys["assertion"], Reached()

        def work() -> None:
            issuer = reopened(home, now)
            if issuer.public_keys["assertion"] == former:  # a run before may have come to the end
                rotate(issuer, **after)
                changed.reach(1)

        def check() -> None:
            issuer = reopened(home, now)
            later = issuer.issue(graduate(2))
            assert not (home / JOURNAL).exists(), "whoever comes next finishes it"
            key = issuer.public_keys["assertion"]
            assert key != former or not changed.value
            is_there = key == signer.public_key
            assert ("status-list" in issuer.keys.public_keys) != is_there
            assert (issuer.identity.signer_uri, "assertion" in issuer.keys.public_keys) == (
                (uri, False) if is_there else ("", True)
            )
            newest = documents.newest(home)
            assert bool(issuer.identity.status_did) is (STATUS_DOCUMENT in newest)
            assert bool(issuer.identity.status_did) is (kind == "moved" and key != former)
            assert listed(home).issuer == (issuer.identity.status_did or issuer.did)
            methods = [each["id"].rpartition("#")[2] for each in newest["verificationMethod"]]
            assert (methods[0], len(methods)) == (key.multikey(), counts[key != former])
            assert orjson.loads(documents.published(home))["documents"][-1]["document"] == newest
            assert issuer.store.revocations.published("0").leaf > documents.newest_place(home, issuer.log)
            for entry in (issuer.current("UNI-000001"), later):
                report = verifier_for(issuer).verify(issuer.bundle(entry), now=now())
                assert report, report.checks
            assert issuer.store.logged.known() == (audit(issuer.log).size, [])
            require_once(issuer)

        return work, check

    return prepare


def earlier() -> datetime:
    return now() - timedelta(hours=1)


def revoked_later(folder: Path) -> Prepare:
    """A key that ended before goes out of the document: by who was killed, or by the same command again."""
    numbers = itertools.count()

    def prepare() -> tuple[Work, Work]:
        home = folder / str(next(numbers)) / "home"
        first = issuer_in(home, url="https://university.example", clock=earlier)
        entry, stolen = first.issue(graduate(1)), first.public_keys["assertion"].multikey()
        rotate(first)
        revoked = Reached()

        def work() -> None:
            revoke(Issuer(home, lambda: None, now), stolen)
            revoked.reach(1)

        def check() -> None:
            issuer = Issuer(home, lambda: None, now)
            later = issuer.issue(graduate(2))
            assert not (home / JOURNAL).exists(), "whoever comes next finishes it"
            assert not revoked.value or stolen not in orjson.dumps(documents.newest(home)).decode()
            newest = documents.newest_place(home, issuer.log)
            assert issuer.store.revocations.published("0").leaf > newest, "lists are by its keys"
            done = revoke(issuer, stolen)
            assert stolen not in orjson.dumps(documents.newest(home)).decode()
            assert (done.editions, done.entry) == (1, documents.newest_place(home, issuer.log))
            for found in (entry, later):
                report = verifier_for(issuer).verify(issuer.bundle(found), now=now())
                assert report, report.checks
            assert issuer.store.logged.known() == (audit(issuer.log).size, [])
            require_once(issuer)

        return work, check

    return prepare


@a_sample(4)
def test_a_key_that_is_revoked_later_is_so_by_who_comes_next(tmp_path: Path, points: int) -> None:
    assert kill_everywhere(revoked_later(tmp_path), points=points) == points


@pytest.mark.parametrize("kind", ["ended", "compromised", "away", "back", "moved"])
@a_sample(3)
def test_a_change_of_keys_is_finished_by_who_comes_next(tmp_path: Path, kind: str, points: int) -> None:
    assert kill_everywhere(other_keys(tmp_path, kind), points=points) == points


# Planted faults


_finish, _begin, _write = Bulk._finish, SQLiteIndex.begin_chunk, ShardFolder.write
_late: list[tuple[ShardFolder, ShardName, bytes]] = []
_unsaid: dict[int, ShardName] = {}
_HERE = 0


def kill_fork() -> None:
    """The point is named: of thousands, at random, it is hit too seldom."""
    if _HERE not in (0, os.getpid()):
        os.kill(os.getpid(), signal.SIGKILL)


def append(self: Bulk, job: Job, number: int, chunk: Chunk, kind: str) -> None:
    """As `_finish` does, which later finds it done."""
    if chunk.entries:
        self._log.append(chunk.entries, job.chunk_key(number))


def table_before_log(self: Bulk, job: Job, number: int, chunk: Chunk, kind: str) -> None:
    start = self._log.checkpoint().size
    credentials = zip(chunk.seqs, chunk.numbers, chunk.names, chunk.emails, strict=True)
    entries = [
        NewEntry(seq, kind, diploma, 1, 1, leaf, name, email)
        for leaf, (seq, diploma, name, email) in enumerate(credentials, start)
    ]
    batch = Appended(job.chunk_key(number), range(start, start + len(entries)))
    self._store.finish_chunk(job, number, batch, NewEntries.of(entries))
    kill_fork()
    append(self, job, number, chunk, kind)


def log_before_begun(self: Bulk, job: Job, number: int, chunk: Chunk, kind: str) -> None:
    append(self, job, number, chunk, kind)
    kill_fork()
    if number in _unsaid:
        assert isinstance(self._store, SQLiteIndex)
        _begin(self._store, _unsaid.pop(number), job.first_seq + 2 * number)
    _finish(self, job, number, chunk, kind)


def say_later(_: SQLiteIndex, shard: ShardName, __: int) -> None:
    _unsaid[shard.number] = shard


def log_before_shard(self: Bulk, job: Job, number: int, chunk: Chunk, kind: str) -> None:
    append(self, job, number, chunk, kind)
    kill_fork()
    while _late:
        _write(*_late.pop())
    _finish(self, job, number, chunk, kind)


def shard_later(self: ShardFolder, shard: ShardName, data: bytes) -> None:
    _late.append((self, shard, data))


@pytest.mark.parametrize(
    "planted",
    [
        {(Bulk, "_finish"): table_before_log},
        {(Bulk, "_finish"): log_before_begun, (SQLiteIndex, "begin_chunk"): say_later},
        {(Bulk, "_finish"): log_before_shard, (ShardFolder, "write"): shard_later},
    ],
    ids=["table before log", "log before begun", "log before shard"],
)
def test_a_wrong_order_of_shard_log_and_table_is_found(
    issuer: Issuer,
    source: Source,
    overlapping: Source,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    planted: dict[tuple[Any, str], Any],
) -> None:
    prepare = another_file_first(issuer, source, overlapping, tmp_path)
    for (owner, name), function in planted.items():
        monkeypatch.setattr(owner, name, function)
    undisturbed(prepare)
    monkeypatch.setitem(globals(), "_HERE", os.getpid())  # pytest itself may be a fork
    work, check = prepare()
    assert killed_by(work)
    with pytest.raises((AssertionError, Problem)):
        check()


def undisturbed(prepare: Prepare) -> None:
    """The fault does not show as long as nobody kills the work."""
    work, check = prepare()
    work()
    check()


def test_a_batch_that_comes_back_in_parts_is_found(issuer: Issuer, tmp_path: Path) -> None:
    def one_by_one(begun: Callable[[], list[tuple[bytes, list[Any]]]]) -> list[Any]:
        return [(unpack(*single).entry, [single]) for _, singles in begun() for single in singles]

    def careless(home: Path) -> Issuer:
        return reopened(home, **at(home, "index.begun_singles", one_by_one))

    undisturbed(diplomas_together(issuer, tmp_path / "undisturbed", careless))
    with pytest.raises((AssertionError, Problem)):
        kill_everywhere(diplomas_together(issuer, tmp_path, careless), points=400)


def taken_too_late(home: Path, killed_there: Callable[[], bool] = lambda: False) -> Issuer:
    """Takes a diploma's position once it is finished; killed in between where it says so."""
    index = SQLiteIndex(home / "issuer.sqlite")

    def peek(*_: object) -> int:
        with index._database.reading() as connection:
            found = connection.execute("SELECT next FROM counter WHERE name = 'seq'").fetchone()[0]
        return int(found)

    def finish_and_take(finish: Callable[..., None], seqs: Sequence[int], *arguments: Any) -> None:
        finish(seqs, *arguments)
        if killed_there():
            os.kill(os.getpid(), signal.SIGKILL)
        index.reserve(len(seqs))

    return reopened(home, index=instead(index, reserve=peek, finish_singles=finish_and_take))


def test_a_position_that_is_taken_too_late_is_found(issuer: Issuer, tmp_path: Path) -> None:
    """The point is named: of thousands, at random, it is hit too seldom."""
    undisturbed(single_diplomas(issuer, tmp_path / "undisturbed", taken_too_late))
    here = os.getpid()
    opened = partial(taken_too_late, killed_there=lambda: os.getpid() != here)
    work, _ = single_diplomas(issuer, tmp_path, opened)()
    assert killed_by(work)
    with pytest.raises(Problem):
        opened(tmp_path / "0" / "home").issue(graduate(2))
