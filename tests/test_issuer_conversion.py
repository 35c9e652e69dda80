"""The index of f31e11f or 81e9505 becomes one of now: whole or not at all, whoever opens it at once."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from issuer.archive.archive import unpack
from issuer.archive.frame import to_frame
from issuer.archive.kept import Appended, KindNumber, NewEntries, ShardName
from issuer.archive.store import SQLiteIndex
from issuer.archive.tables import VERSION
from issuer.identity.home import published_file
from tests.copying import copy_folder
from tests.fault.kill import Work, a_sample, kill_everywhere
from tests.fixtures.make import unpack as unpack_home
from tests.processes import ended
from tests.world import of_diploma
from wire.problem import Damaged, Refused
from wire.sqlite import connect, require_known

FIXTURES = Path(__file__).parent / "fixtures"
OF_F31E11F = FIXTURES / "index-f31e11f.sql"
"""An index as the release of this commit left it: three diplomas of a file, a correction, one half done."""
OF_81E9505 = FIXTURES / "index-81e9505.sql"
"""The same, as 81e9505 left it, which opened it and did nothing else."""

OF_FFBA36C = FIXTURES / "index-ffba36c.sql"
"""The same, as ffba36c left it, which had kinds and gave no numbers."""

OF_9015E12 = FIXTURES / "index-9015e12.sql"
"""The same, as 9015e12 left it, which gave numbers, and whose issuers had one form."""

OF_23B01E4 = FIXTURES / "index-23b01e4.sql"
"""The same, as 23b01e4 left it, which had forms, and took no number before it signed."""

SCRIPTS = {
    "f31e11f": OF_F31E11F,
    "81e9505": OF_81E9505,
    "ffba36c": OF_FFBA36C,
    "9015e12": OF_9015E12,
    "23b01e4": OF_23B01E4,
}
OLDER = pytest.mark.parametrize(
    "script", [pytest.param(script, id=commit) for commit, script in SCRIPTS.items()]
)


def written(script: Path, path: Path) -> Path:
    """An index as a fixture has it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(script.read_text())
    return path


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [f"-- {version(path)}", *connection.iterdump()]


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def tables(path: Path) -> dict[str, object]:
    """Each table's columns and each index, however their definition was written."""
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
        return {
            name: connection.execute("SELECT * FROM pragma_table_info(?)", (name,)).fetchall()
            + connection.execute("SELECT name FROM pragma_index_info(?)", (name,)).fetchall()
            for (name,) in names
        }


@OLDER
def test_an_index_is_converted_and_has_all_that_it_had(script: Path, tmp_path: Path) -> None:
    path = written(script, tmp_path / "issuer.sqlite")
    store = SQLiteIndex(path)
    found = [(entry.number, entry.edition, entry.name, entry.reason) for entry in store.entries(-1)]
    assert found == [
        ("UNI-1", 1, "张敏", "superseded"),
        ("UNI-2", 1, "Siobhán O'Brien-Müller", None),
        ("UNI-3", 1, "Nguyễn Thị Ánh", "fraud"),
        ("UNI-1", 2, "张敏", None),
    ]
    ((key, [(seq, line)]),) = store.begun_singles()
    assert (seq, key) == (4, unpack(4, line).entry), "it went into the log alone"
    assert store.reserve(1) == 5
    # A list is signed anew where nothing tells what was published last.
    assert (store.revocations.files(), store.revocations.whole_lists()) == ([], set())
    store.close()
    new = tmp_path / "new.sqlite"
    SQLiteIndex(new).close()
    assert tables(path) == tables(new)
    assert version(path) == version(new) == VERSION


def test_what_had_one_form_has_the_issuer_s_own(tmp_path: Path) -> None:
    """Kinds, copies, given numbers and jobs stay; in each place where a form stands now, it is that one."""
    path = written(OF_9015E12, tmp_path / "issuer.sqlite")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO credential VALUES (5, 'club', 'UNI-1', 1, 1, 5)")
        connection.execute("INSERT INTO credential VALUES (6, 'club', 'UNI-1', 1, 2, 6)")
        connection.execute("INSERT INTO given_number VALUES (x'01', 'UNI-1', 'club')")
    with closing(SQLiteIndex(path)) as store:
        assert [each.copy for each in store.copies(KindNumber("club", "UNI-1"), 1)] == [1, 2]
        assert {each.form for each in store.entries(-1)} == {""}
        (job,) = store.jobs()
        assert (job.forms, job.seqs) == (("",), range(3))
        assert store.place(2)[0] == ShardName(job.id, 0, None)
        assert store.numbers.forget(KindNumber("club", "UNI-1"))


def test_chunks_of_before_have_shards_without_digests(tmp_path: Path) -> None:
    """Also one that was begun, which is completed from the shard that has the former name."""
    path, new = tmp_path / "issuer.sqlite", tmp_path / "new.sqlite"
    with closing(SQLiteIndex(path)) as store:
        job = store.begin(b"key", "g.csv", "2026-07-01T12:00:00Z", 2, 2)
        for number in range(2):
            store.begin_chunk(ShardName(job.id, number, bytes(32)), number)
        store.finish_chunk(job, 0, Appended(b"", range(0)), NewEntries.of([]))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript("ALTER TABLE chunk DROP COLUMN shard; PRAGMA user_version = 10")
    with closing(SQLiteIndex(path)) as store, closing(SQLiteIndex(new)):
        assert store.begun_chunks() == [(job, ShardName(job.id, 1, None))]
        assert store.chunks() == [(0, ShardName(job.id, 0, None))]
    assert (tables(path), version(path)) == (tables(new), VERSION)


def test_81e9505_is_told_that_the_index_is_newer(tmp_path: Path) -> None:
    """It knows six versions, and has the rule that this program has."""
    SQLiteIndex(tmp_path / "issuer.sqlite").close()
    newer = pytest.raises(Refused, match="made by a newer program: version 11, and this one knows 6")
    with closing(connect(tmp_path / "issuer.sqlite")) as connection, newer:
        require_known(connection, 6, "the index")


def test_an_index_of_81e9505_has_the_published_files_that_it_had(tmp_path: Path) -> None:
    unpack_home(FIXTURES / "81e9505", "rotated", tmp_path)
    path = tmp_path / "issuer" / "issuer.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        before = connection.execute("SELECT * FROM status_file ORDER BY name").fetchall()
        size = connection.execute("SELECT next FROM counter WHERE name = 'log'").fetchone()
    with closing(SQLiteIndex(path)) as store:
        assert store.logged.known() == (*size, [])
        assert [(name, {digest}) for name, _, _, digest in before] == store.revocations.files() != []


@OLDER
def test_whoever_verifies_reads_lists_before_the_index_is_converted(script: Path, tmp_path: Path) -> None:
    path = written(script, tmp_path / "issuer.sqlite")
    (tmp_path / "status").mkdir()
    (tmp_path / "status" / "0").write_bytes(b"the list")
    before = dump(path)
    assert published_file(tmp_path, "0") == b"the list"
    assert dump(path) == before


@OLDER
def test_in_a_folder_that_may_only_be_read_it_is_looked_at(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(script, tmp_path / "issuer.sqlite")
    before = dump(path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert SQLiteIndex(path).current(of_diploma("UNI-1")).edition == 2
    monkeypatch.undo()
    assert dump(path) == before


@pytest.mark.parametrize("line", [b"line", b"[]", b"{}", b"1", b'{"credential": 1}', b'{"credential": {}}'])
def test_what_a_stranger_s_backup_has_for_a_diploma_is_damage(line: bytes, tmp_path: Path) -> None:
    """It is converted where it is restored, before anybody has looked at it."""
    path = written(OF_F31E11F, tmp_path / "issuer.sqlite")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE single SET line = ? WHERE seq = 4", [to_frame(line)])
    before = dump(path)
    with pytest.raises(Damaged, match="number 4"):
        SQLiteIndex(path)
    assert dump(path) == before


@pytest.mark.parametrize("number", [3, 9999])
def test_an_index_of_another_version_is_refused_by_name_and_left_alone(number: int, tmp_path: Path) -> None:
    path = written(OF_81E9505, tmp_path / "issuer.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {number}")
    before = dump(path)
    with pytest.raises(Refused, match=f"version {number}"):
        SQLiteIndex(path)
    assert dump(path) == before


def _open(path: Path, start: Barrier) -> None:
    start.wait()
    SQLiteIndex(path).close()


@pytest.mark.slow
@OLDER
@pytest.mark.parametrize("attempts", [1, pytest.param(20, marks=pytest.mark.soak)])
def test_of_eight_processes_that_open_it_at_once_one_converts(
    script: Path, tmp_path: Path, attempts: int
) -> None:
    context = multiprocessing.get_context("fork")
    for attempt in range(attempts):
        path, start = written(script, tmp_path / f"{attempt}.sqlite"), context.Barrier(8)
        openers = [context.Process(target=_open, args=(path, start)) for _ in range(8)]
        for opener in openers:
            opener.start()
        ended(openers)
        assert version(path) == VERSION
        assert SQLiteIndex(path).reserve(1) == 5


def of_script(script: Path) -> Callable[[Path], object]:
    def make(folder: Path) -> object:
        folder.mkdir()
        return written(script, folder / "issuer.sqlite")

    return make


def of_home(folder: Path) -> object:
    """With a log and a chunk that may be in it, or not."""
    return copy_folder(FIXTURES / "f31e11f" / "killed-in-chunk" / "issuer", folder)


@pytest.mark.slow
@a_sample(3)
@pytest.mark.parametrize("make", [*map(of_script, SCRIPTS.values()), of_home])
def test_killed_at_any_point_it_is_as_before_or_done(
    make: Callable[[Path], object], tmp_path: Path, points: int
) -> None:
    numbers = itertools.count()
    make(tmp_path / "other")
    other = tmp_path / "other" / "issuer.sqlite"
    before = dump(other)
    SQLiteIndex(other).close()
    after = dump(other)
    assert before != after

    def prepare() -> tuple[Work, Work]:
        folder = tmp_path / str(next(numbers))
        make(folder)
        path = folder / "issuer.sqlite"

        def work() -> None:
            SQLiteIndex(path).close()

        def check() -> None:
            assert dump(path) in (before, after)
            work()
            assert dump(path) == after
            shutil.rmtree(folder)

        return work, check

    assert kill_everywhere(prepare, points=points) == points
