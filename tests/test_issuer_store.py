"""The issuer's index in SQLite: how it finds what, and a file that is locked or broken."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from issuer.archive.archive import Archive
from issuer.archive.finding import Finder
from issuer.archive.kept import Appended, Job, NewEntries, NewEntry, ShardName, Single
from issuer.archive.shard_store import ShardFolder
from issuer.archive.store import SQLiteIndex
from issuer.press.document import Profile
from wire.problem import Damaged, Unavailable

DATE = "2026-07-01T12:00:00Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "issuer.sqlite"


@pytest.fixture
def store(path: Path) -> SQLiteIndex:
    return SQLiteIndex(path)


def entry(seq: int, **change: object) -> NewEntry:
    values = {
        "kind": "diploma",
        "number": f"N{seq}",
        "edition": 1,
        "copy": 1,
        "leaf": seq,
        "name": f"Ada {seq}",
        "email": f"a{seq}@x.example",
    }
    return NewEntry(seq, **{**values, **change})  # type: ignore[arg-type]


def batch(start: int) -> Appended:
    return Appended(b"", range(start, start + 1))


def job_with(store: SQLiteIndex, count: int) -> Job:
    job = store.begin(b"key", "g.csv", DATE, count, 1)
    store.begin_chunk(ShardName(job.id, 0, bytes(32)), job.first_seq)
    store.finish_chunk(
        job, 0, batch(0), NewEntries.of([entry(job.first_seq + index) for index in range(count)])
    )
    return job


def plan(store: SQLiteIndex, ask: Callable[[SQLiteIndex], object]) -> list[str]:
    """How SQLite does what is asked of it."""
    asked: list[str] = []
    with store._database.reading() as connection:
        connection.set_trace_callback(asked.append)
    ask(store)
    statements = [statement for statement in asked if statement.startswith("SELECT")]
    with store._database.reading() as connection:
        plans = [connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall() for statement in statements]
    return [row[-1] for steps in plans for row in steps]


def test_what_was_interrupted_is_found_without_reading_all_that_was_issued(store: SQLiteIndex) -> None:
    assert plan(store, SQLiteIndex.begun_singles) == [
        "SCAN credential USING INDEX begun",
        "SEARCH single USING INTEGER PRIMARY KEY (rowid=?)",
        "SEARCH batch USING INTEGER PRIMARY KEY (rowid=?)",
    ]


def begin(store: SQLiteIndex, entry: NewEntry, line: bytes = b"") -> None:
    (refused,) = store.begin_singles([[Single(entry, line, b"%d" % entry.seq, f"urn:x:{entry.seq}")]])
    if refused is not None:
        raise refused[1]


def finder(store: SQLiteIndex) -> Finder:
    def nobody() -> NoReturn:
        raise AssertionError("no secret is needed")

    return Finder(
        store,
        Archive(store, ShardFolder(Path())),
        Profile("did:example:u", "U", "u.example/log"),
        nobody,
        nobody,
    )


def test_people_are_found_by_part_of_the_name_or_the_whole_address(store: SQLiteIndex) -> None:
    job_with(store, 12)
    begin(store, entry(20, number="N3", edition=2, leaf=None, name="Zoë Ádám", email=""))
    store.finish_singles([20], batch(12), DATE)
    assert [found.number for found in finder(store).search("ADA 1")] == ["N1", "N10", "N11"]
    assert [found.number for found in finder(store).search("A1@X.example")] == ["N1"]
    assert finder(store).search("@x.example") == []
    assert [found.edition for found in finder(store).search("ádám")] == [2]
    found = finder(store).search("ada 3")
    assert [entry.edition for entry in found] == [2], "the name of a former edition leads on"


def test_a_locked_index_is_unavailable_and_a_broken_one_damaged(path: Path, store: SQLiteIndex) -> None:
    impatient = SQLiteIndex(path, patience=0.01)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="another process holds"):
        impatient.reserve(1)
    assert SQLiteIndex(path).count() == 0
    other.close()
    store.close()
    impatient.close()
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(Damaged, match="no longer a readable database"):
        SQLiteIndex(path)
