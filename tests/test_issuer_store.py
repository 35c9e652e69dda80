"""The issuer's index: numbers given out once, jobs and chunks."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from issuer.archive.archive import Archive
from issuer.archive.finding import Finder
from issuer.archive.logged import Appended
from issuer.archive.revocations import ListFile
from issuer.archive.store import EditionTaken, Job, NewEntry, Single, Store
from issuer.press.document import Profile
from issuer.press.press import Press
from issuer.table.crossing import Crossed, Incoming
from wire.problem import Damaged, NotFound, Refused, Unavailable

DATE = "2026-07-01T12:00:00Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "issuer.sqlite"


@pytest.fixture
def store(path: Path) -> Store:
    return Store(path)


def entry(seq: int, **change: object) -> NewEntry:
    values = {
        "number": f"N{seq}",
        "edition": 1,
        "leaf": seq,
        "name": f"Ada {seq}",
        "email": f"a{seq}@x.example",
    }
    return NewEntry(seq, **{**values, **change})  # type: ignore[arg-type]


def batch(start: int) -> Appended:
    return Appended(b"", range(start, start + 1))


def job_with(store: Store, count: int) -> Job:
    job = store.begin(b"key", "g.csv", DATE, count, 1)
    store.begin_chunk(job, 0, job.first_seq)
    store.finish_chunk(job, 0, batch(0), [entry(job.first_seq + index) for index in range(count)])
    return job


def test_the_file_is_private_and_fully_synced(path: Path, store: Store) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    with store._database.reading() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2


def plan(store: Store, ask: Callable[[Store], object]) -> list[str]:
    """How SQLite does the first thing that is asked of it."""
    asked: list[str] = []
    with store._database.reading() as connection:
        connection.set_trace_callback(asked.append)
    ask(store)
    statement = next(found for found in asked if found.startswith("SELECT"))
    with store._database.reading() as connection:
        return [row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]


def test_what_was_interrupted_is_found_without_reading_all_that_was_issued(store: Store) -> None:
    assert plan(store, Store.begun_singles) == [
        "SCAN credential USING INDEX begun",
        "SEARCH single USING INTEGER PRIMARY KEY (rowid=?)",
        "SEARCH batch USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN",
    ]


def test_a_job_is_begun_once_per_key(store: Store) -> None:
    job = store.begin(b"key", "g.csv", DATE, 10, 1)
    assert store.begin(b"key", "copy.csv", "2027-01-01T00:00:00Z", 10, 1) == job
    other = store.begin(b"other", "h.csv", DATE, 5, 1)
    assert (job.first_seq, other.first_seq) == (0, 10)
    assert store.latest_job() == other
    assert other.seq(2) == 10


def test_without_a_job_there_is_no_latest(store: Store) -> None:
    with pytest.raises(NotFound, match="no file was issued"):
        store.latest_job()


def test_a_chunk_is_begun_and_then_finished(store: Store) -> None:
    job = store.begin(b"key", "g.csv", DATE, 10, 1)
    store.begin_chunk(job, 0, 0)
    assert (store.begun_chunks(), store.finished_chunks(job)) == ([(job, 0)], set())
    store.finish_chunk(job, 0, batch(7), [entry(3, leaf=7)])
    assert (store.begun_chunks(), store.finished_chunks(job)) == ([], {0})
    assert store.place(3) == (job, 0, 7)
    assert store.entry(3)[:6] == (3, "N3", 1, 7, "Ada 3", "a3@x.example")


def test_a_number_without_a_chunk_is_damage(store: Store) -> None:
    with pytest.raises(Damaged, match="no chunk"):
        store.place(5)


def test_rows_are_compared_with_each_other_and_with_what_was_issued(store: Store) -> None:
    job_with(store, 3)
    rows = [
        Incoming(1, "A", "s1", b"1"),
        Incoming(2, "N1", "s2", b"2"),
        Incoming(3, "A", "s1", b"3"),
        Incoming(4, "", "", b"4"),
        Incoming(5, "", "", b"5"),
        Incoming(6, "A", "s1", b"6"),
    ]
    for _ in range(2):  # nothing is left over from the first time
        assert store.compare([rows[:2], [], rows[2:]]) == Crossed(
            [(3, 1, "A"), (6, 1, "A")], [("s1", 3, 1)], [(2, 1, b"2")]
        )


def begin(store: Store, entry: NewEntry, line: bytes = b"") -> None:
    (refused,) = store.begin_singles([[Single(entry, line, b"%d" % entry.seq, f"urn:x:{entry.seq}")]])
    if refused is not None:
        raise refused[1]


def test_a_single_credential_is_begun_then_finished(store: Store) -> None:
    begin(store, entry(0, number="A", leaf=None), b"line")
    assert store.begun_singles() == [(b"0", [(0, b"line")])]
    with pytest.raises(NotFound):
        store.current("A")
    store.finish_singles([0], batch(4), DATE)
    assert store.begun_singles() == []
    assert store.current("A").leaf == 4
    assert (store.single(0), store.single(1)) == (b"line", None)


def test_an_edition_is_issued_once_and_supersedes_those_before(store: Store) -> None:
    for seq in range(3):
        begin(store, entry(seq, number="A", edition=seq + 1, leaf=None))
        store.finish_singles([seq], batch(seq), DATE)
    with pytest.raises(EditionTaken, match="has an edition 3 already"):
        begin(store, entry(9, number="A", edition=3, leaf=None))
    assert [store.entry(seq).reason for seq in range(3)] == ["superseded", "superseded", None]
    assert store.current("A").edition == 3


def test_a_revocation_covers_every_edition_and_stays(store: Store) -> None:
    begin(store, entry(0, number="A", leaf=None))
    store.finish_singles([0], batch(0), DATE)
    begin(store, entry(1, number="A", edition=2, leaf=None))  # under way while it is revoked
    store.revocations.revoke(["A", "unknown"], "fraud", DATE)
    store.revocations.revoke(["A"], "withdrawn", "2027-01-01T00:00:00Z")
    store.finish_singles([1], batch(1), DATE)
    assert [(store.entry(seq).reason, store.entry(seq).date) for seq in range(2)] == [("fraud", DATE)] * 2
    with pytest.raises(Refused, match="was revoked"):
        begin(store, entry(2, number="A", edition=3, leaf=None))
    assert store.revocations.of_list(0) == [(0, "fraud", DATE), (1, "fraud", DATE)]


def finder(store: Store) -> Finder:
    def nobody() -> Press:
        raise AssertionError("no secret is needed")

    return Finder(store, Archive(store, Path()), Profile("did:example:u", "U", "u.example/log"), nobody)


def test_people_are_found_by_part_of_the_name_or_the_whole_address(store: Store) -> None:
    job_with(store, 12)
    begin(store, entry(20, number="N3", edition=2, leaf=None, name="Zoë Ádám", email=""))
    store.finish_singles([20], batch(12), DATE)
    assert [found.number for found in finder(store).search("ADA 1")] == ["N1", "N10", "N11"]
    assert [found.number for found in finder(store).search("A1@X.example")] == ["N1"]
    assert finder(store).search("@x.example") == []
    assert [found.edition for found in finder(store).search("ádám")] == [2]
    assert [found.edition for found in finder(store).search("ada 3")] == [
        2
    ]  # the name of a former edition leads on


def test_pages_follow_the_sequence_numbers(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("issuer.archive.store._PAGE", 3)
    job_with(store, 8)
    assert [found.seq for found in store.entries(-1)] == [0, 1, 2]
    assert [found.seq for found in store.entries(2, 5)] == [3, 4]


def test_lists_are_stale_when_new_changed_or_without_an_end_between_the_times(store: Store) -> None:
    end, before, after = (f"202{year}-01-01T00:00:00Z" for year in (7, 6, 8))
    assert store.revocations.stale_lists(before, after) == []
    assert store.revocations.first_expiry() is None
    store.reserve((1 << 17) + 1)
    job_with(store, 1)
    assert store.revocations.stale_lists(before, after) == [0, 1]
    files = [ListFile(str(number), before, b"entry", b"digest", b"content") for number in range(2)]
    store.revocations.publish(files, Appended(b"key", range(5, 7)), {0: end, 1: end}, [])
    assert store.revocations.first_expiry() == end
    assert store.revocations.stale_lists(before, after) == store.revocations.stale_lists(before, end) == []
    assert store.revocations.stale_lists(end, after) == [0, 1]
    assert store.revocations.stale_lists(before, "2026-12-31T23:59:59Z") == [0, 1]
    assert store.revocations.stale_lists(before, after, since=6) == [0]
    store.revocations.begin(b"key", files[1:])
    assert store.revocations.stale_lists(before, after) == [1]
    assert store.revocations.whole_lists() == {0}
    assert store.revocations.published("1").leaf == 6
    with pytest.raises(NotFound, match="is not published"):
        store.revocations.published("2")


def test_a_revocation_is_unpublished_until_it_is_published(store: Store) -> None:
    store.reserve((1 << 17) + 1)
    job_with(store, 1)
    store.revocations.revoke(["N131073"], "fraud", DATE)
    store.revocations.revoke(["N131073"], "withdrawn", DATE)
    (row,) = store.revocations.unpublished()
    assert row[1:] == ("fraud", DATE)
    assert store.revocations.changed_lists() == [row.seq >> 17]
    file = ListFile("1", DATE, b"entry", b"digest", b"content")
    store.revocations.publish([file], Appended(b"key", range(5, 6)), {1: DATE}, [row.seq])
    store.revocations.revoke(["N131073"], "withdrawn", DATE)
    assert store.revocations.unpublished() == store.revocations.changed_lists() == []


def test_a_locked_index_is_unavailable_and_a_broken_one_damaged(
    path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wire.sqlite.LOCK_WAIT", 0.01)
    impatient = Store(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="another process holds"):
        impatient.reserve(1)
    assert Store(path).count() == 0
    other.close()
    store.close()
    impatient.close()
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(Damaged, match="no longer a readable database"):
        Store(path)
