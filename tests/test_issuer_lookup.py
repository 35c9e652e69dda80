"""Diplomas are found by id and e-mail address without looking through all, however they were issued."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from issuer.archive import lookup as module
from issuer.archive.kept import Appended, IdOf, Keyed, KindNumber, NewEntries, NewEntry, ShardName
from issuer.archive.lookup import PIECE, SQLiteLookup, packed_keys
from issuer.archive.store import SQLiteIndex
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.table.source import open_source
from tests.test_issuer_conversion import OF_F31E11F, written
from tests.test_issuer_store import plan
from tests.world import NOW, csv_file, graduate, index_of, issuer_in

DATE = "2026-07-01T12:00:00Z"
IO = Path("/proc/self/io")


def id_of(which: KindNumber, edition: int, copy: int, form: str) -> str:
    return f"urn:x:{which.number}:{edition}"


def fill(store: SQLiteIndex, rows: range, job: bytes = b"key") -> None:
    """A chunk with these rows; each of them is numbered as its sequence number."""
    begun = store.begin(job, "g.csv", DATE, len(rows), 1)
    store.begin_chunk(ShardName(begun.id, 0, bytes(32)), begun.first_seq)
    entries = [
        NewEntry(row, "diploma", f"N{row}", 1, 1, row, f"Ada {row}", f"A{row}@x.example") for row in rows
    ]
    store.finish_chunk(begun, 0, Appended(job, range(1)), NewEntries.of(entries))


@pytest.fixture
def store(tmp_path: Path) -> SQLiteIndex:
    return SQLiteIndex(tmp_path / "issuer.sqlite")


def unlisted(store: SQLiteIndex) -> list[tuple[int, int]]:
    return store.lookup._ranges()


@pytest.mark.parametrize(
    "ask",
    [lambda lookup: lookup.addressed("a7@X.example"), lambda lookup: lookup.identified("urn:x:N7:1", id_of)],
)
def test_ids_and_addresses_are_found_by_index(
    store: SQLiteIndex, ask: Callable[[SQLiteLookup], object]
) -> None:
    fill(store, range(20))
    store.lookup.catch_up(id_of)
    assert unlisted(store) == []
    assert ask(store.lookup) == [7]
    steps = plan(store, lambda store: ask(store.lookup))
    assert "SEARCH lookup USING PRIMARY KEY (key=?)" in steps
    scanned = [step for step in steps if "SCAN" in step]
    assert scanned == ["SCAN json_each VIRTUAL TABLE INDEX 1:", "SCAN unlisted"], "what is sought, and is new"


def test_rows_of_later_runs_and_of_before_runs_are_found(store: SQLiteIndex) -> None:
    """A key begins with its run; before there were runs, it was the digest alone."""
    store.reserve(3 << 18)
    fill(store, range((2 << 18) - 1, (2 << 18) + 2))
    fill(store, range(2), b"before")
    store.lookup.catch_up(id_of)
    digests = [hashlib.sha256(text.encode()).digest() for text in ("urn:x:N1:1", "a1@x.example")]
    with store._database.writing() as connection:
        connection.execute("DELETE FROM lookup WHERE seq = 1")
        former = [(int.from_bytes(digest[:8], signed=True), 1) for digest in digests]
        connection.executemany("INSERT INTO lookup VALUES (?, ?)", former)
        keys = connection.execute("SELECT key >> 48 FROM lookup WHERE seq <> 1").fetchall()
    assert {run for (run,) in keys} == {0, 1, 2}
    for seq in (0, 1, (2 << 18) - 1, 2 << 18, (2 << 18) + 1):
        assert store.lookup.identified(f"urn:x:N{seq}:1", id_of) == [seq]
        assert store.lookup.addressed(f"a{seq}@x.example") == [seq]


@pytest.mark.skipif(not IO.exists(), reason="no /proc/self/io to count by: only on Linux")
@pytest.mark.slow
def test_the_keys_of_a_large_file_are_written_twice_and_no_more(store: SQLiteIndex) -> None:
    """Once to SQLite's log and once to the file: not to files for sorting, nor again by the next piece."""
    store.reserve(2 * PIECE)
    written = []
    for first in (0, PIECE):
        texts = ((seq, f"urn:x:N{seq}:1", f"a{seq}@x.example") for seq in range(first, first + PIECE))
        keyed = Keyed(first, first + PIECE, b"".join(key for each in texts for key in packed_keys(*each)))
        before = bytes_written()
        store.lookup.add([keyed])
        written.append(bytes_written() - before)
    store.close()
    kept = store._database.path.stat().st_size / 2
    assert all(each < 3 * kept for each in written), [round(each / kept, 2) for each in written]


def bytes_written() -> int:
    """Bytes that this process has handed to the system so far."""
    counted = dict(line.split(": ") for line in IO.read_text().splitlines())
    return int(counted["wchar"])


def test_what_is_not_in_the_index_yet_is_found_as_well(store: SQLiteIndex) -> None:
    store.lookup = SQLiteLookup(store._database, portion=2)
    fill(store, range(5))
    assert unlisted(store) == [(0, 5)]
    assert store.lookup.addressed("a3@x.example") == [3]
    assert store.lookup.identified("urn:x:N4:1", id_of) == [4]
    assert store.lookup.identified("urn:x:N4:2", id_of) == []
    assert unlisted(store) == [(0, 5)]


def test_what_was_noted_is_put_in_piece_by_piece(store: SQLiteIndex) -> None:
    store.lookup = SQLiteLookup(store._database, piece=3)
    fill(store, range(5))
    fill(store, range(5, 9), b"another")
    fill(store, range(20, 21), b"a third")
    assert unlisted(store) == [(0, 9), (20, 21)]
    with store._database.writing() as connection:
        module._list_next(connection, id_of, 3)
    assert unlisted(store) == [(3, 9), (20, 21)]
    store.lookup.catch_up(id_of)
    assert unlisted(store) == []
    for row in (*range(9), 20):
        assert store.lookup.identified(f"urn:x:N{row}:1", id_of) == [row]
        assert store.lookup.addressed(f"a{row}@x.example") == [row]


def test_texts_of_one_hash_are_told_apart(store: SQLiteIndex) -> None:
    fill(store, range(2))
    store.lookup.catch_up(id_of)
    with store._database.writing() as connection:
        connection.execute("INSERT INTO lookup SELECT key, 1 FROM lookup WHERE seq = 0")
    assert store.lookup.identified("urn:x:N0:1", id_of) == store.lookup.addressed("a0@x.example") == [0]


def test_an_index_of_f31e11f_is_found_in_and_brought_up_to_date(tmp_path: Path) -> None:
    store = SQLiteIndex(written(OF_F31E11F, tmp_path / "issuer.sqlite"))
    (first, stop), *_ = unlisted(store)
    assert first == 0
    with closing(sqlite3.connect(tmp_path / "issuer.sqlite")) as connection:
        rows = connection.execute("SELECT seq, email FROM person").fetchall()
    assert stop > max(seq for seq, _ in rows)
    addresses = {email: [seq for seq, other in rows if other == email] for _, email in rows if email}
    for _ in range(2):
        for address, seqs in addresses.items():
            assert store.lookup.addressed(address.upper()) == seqs
        assert store.lookup.identified("urn:x:UNI-1:2", id_of) == [3]
        store.lookup.catch_up(id_of)
    assert unlisted(store) == []


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return issuer_in(tmp_path / "home")


def test_all_ways_of_issuing_end_in_the_index(issuer: Issuer, tmp_path: Path) -> None:
    source = csv_file(tmp_path / "g.csv", [graduate(row) for row in range(1, 4)])
    issuer.issue_file(Order(source, tmp_path / "errors.csv"))
    issuer.issue_many([graduate(4), graduate(5)])
    issuer.correct("UNI-000004", {"email": "Another@example.org"})
    assert unlisted(index_of(issuer)) == []
    for entry in issuer.entries():
        assert issuer.find(issuer.line(entry).credential["id"]) == [issuer.store.entry(entry.seq)]
    assert [found.edition for found in issuer.find("another@EXAMPLE.org")] == [2]
    assert [found.edition for found in issuer.find("graduate4@example.org")] == [2]  # of the edition before
    assert issuer.find("nobody@example.org") == []


class NeverBehind(SQLiteLookup):
    """Has nothing to catch up with."""

    def catch_up(self, id_of: IdOf) -> None:
        assert self._ranges() == [], "nothing is left to be read again"


def test_a_job_puts_in_the_keys_that_its_workers_made(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what a killed job left is read again, and its ids made anew."""
    rows = [graduate(1), graduate(2, email=""), *map(graduate, range(3, 10))]
    source = open_source(csv_file(tmp_path / "g.csv", rows).path, span_rows=2)
    index = index_of(issuer)
    index.lookup = NeverBehind(index._database)
    monkeypatch.setattr("issuer.job.bulk.PIECE", 4)
    issuer.issue_file(Order(source, tmp_path / "errors.csv", workers=0))
    assert unlisted(index) == []
    index.lookup = SQLiteLookup(index._database)
    for entry in issuer.entries():
        assert issuer.find(issuer.line(entry).credential["id"]) == [entry]
    assert [found.number for found in issuer.find("graduate9@example.org")] == ["UNI-000009"]


def test_a_name_may_have_an_at_in_it(issuer: Issuer) -> None:
    issuer.issue(graduate(1, given_name="Ada @home"))
    assert [found.number for found in issuer.find("a @HOME")] == ["UNI-000001"]


def test_an_address_is_found_without_a_key(issuer: Issuer) -> None:
    issuer.issue(graduate(1))

    def nobody() -> bytes | None:
        raise AssertionError("nobody is to be asked")

    opened = Issuer(issuer.home, nobody, lambda: NOW)
    assert [found.number for found in opened.find("graduate1@example.org")] == ["UNI-000001"]


def test_who_may_only_read_finds_what_is_not_in_the_index(
    store: SQLiteIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, range(3))
    store.close()
    monkeypatch.setattr(os, "access", lambda *_: False)
    reader = SQLiteIndex(tmp_path / "issuer.sqlite")
    reader.lookup.catch_up(id_of)
    assert unlisted(reader) == [(0, 3)]
    assert reader.lookup.identified("urn:x:N2:1", id_of) == [2]
