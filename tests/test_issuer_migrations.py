"""The index of an older program becomes one of this: whole or not at all, whoever opens it at once."""

from __future__ import annotations

import itertools
import multiprocessing
import sqlite3
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from issuer.archive import migrations
from issuer.archive.store import SQLiteIndex
from tests.fault.kill import Work, kill_everywhere
from tests.processes import ended
from wire.problem import Damaged, Refused

F31E11F = Path(__file__).parent / "fixtures" / "index-f31e11f.sql"
"""An index as the release of this commit left it: three diplomas of a file, a correction, one half done."""

NEWEST = len(migrations.steps())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return of_f31e11f(tmp_path / "issuer.sqlite")


def of_f31e11f(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(F31E11F.read_text())
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
            if name != "alembic_version"
        }


def test_an_index_of_f31e11f_is_migrated_and_has_all_that_it_had(path: Path, tmp_path: Path) -> None:
    store = SQLiteIndex(path)
    found = [(entry.number, entry.edition, entry.name, entry.reason) for entry in store.entries(-1)]
    assert found == [
        ("UNI-1", 1, "张敏", "superseded"),
        ("UNI-2", 1, "Siobhán O'Brien-Müller", None),
        ("UNI-3", 1, "Nguyễn Thị Ánh", "fraud"),
        ("UNI-1", 2, "张敏", None),
    ]
    assert store.begun_singles() == [(None, [(4, b"line")])]
    assert store.reserve(1) == 5
    assert (store.revocations.published("0").leaf, store.logged.last_leaf()) == (5, 5)
    assert (store.revocations.files(), store.revocations.whole_lists()) == ([("0", set())], set())
    store.close()
    new = tmp_path / "new.sqlite"
    SQLiteIndex(new).close()
    assert tables(path) == tables(new)
    assert version(path) == version(new) == NEWEST > 1


def test_the_program_of_f31e11f_is_told_that_the_index_is_newer(path: Path) -> None:
    """It compares what stands here with its own number, "0001", and refuses what is greater."""
    SQLiteIndex(path).close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num > '0001' FROM alembic_version").fetchall() == [(1,)]


def test_the_steps_are_numbered_without_a_gap() -> None:
    assert [step.name[:4] for step in migrations.steps()] == [f"{n:04}" for n in range(1, NEWEST + 1)]


def test_an_index_of_a_newer_program_is_refused_by_name_and_left_alone(path: Path) -> None:
    SQLiteIndex(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 9999")
    before = dump(path)
    with pytest.raises(Refused, match="made by a newer program: version 9999"):
        SQLiteIndex(path)
    assert dump(path) == before


def planted(folder: Path, script: str) -> list[Path]:
    """One step more than there is."""
    (further := folder / f"{NEWEST + 1:04}_planted.sql").write_text(script)
    return [*migrations.steps(), further]


TRIGGER = """
ALTER TABLE person ADD COLUMN phone TEXT;  -- with a comment; of several words
CREATE TRIGGER forgotten AFTER DELETE ON person BEGIN
    UPDATE counter SET next = next + 100;
    UPDATE counter SET next = next + 1000;
END;
DELETE FROM person WHERE seq = 0;
"""


def test_a_step_may_have_triggers_with_semicolons_of_their_own(path: Path, tmp_path: Path) -> None:
    assert SQLiteIndex(path, steps=planted(tmp_path, TRIGGER)).reserve(1) == 5 + 1100
    assert version(path) == NEWEST + 1


@pytest.mark.parametrize("wrong", ["UPDATE nothing SET x = 1;", "CREATE TABLE cut ("])
def test_a_step_that_fails_leaves_the_index_as_it_was(path: Path, tmp_path: Path, wrong: str) -> None:
    SQLiteIndex(path).close()
    before = dump(path)
    with pytest.raises(Damaged):
        SQLiteIndex(path, steps=planted(tmp_path, TRIGGER + wrong))
    assert dump(path) == before


def _open(path: Path, steps: list[Path], start: Barrier) -> None:
    start.wait()
    SQLiteIndex(path, steps=steps).close()


@pytest.mark.slow
def test_of_eight_processes_that_open_it_at_once_one_migrates(tmp_path: Path) -> None:
    steps = planted(tmp_path, TRIGGER)
    context = multiprocessing.get_context("fork")
    for attempt in range(3):
        path, start = of_f31e11f(tmp_path / f"{attempt}.sqlite"), context.Barrier(8)
        openers = [context.Process(target=_open, args=(path, steps, start)) for _ in range(8)]
        for opener in openers:
            opener.start()
        ended(openers)
        assert version(path) == NEWEST + 1
        assert SQLiteIndex(path, steps=steps).reserve(1) == 5 + 1100  # once


@pytest.mark.slow
def test_killed_at_any_point_it_is_as_before_or_done(tmp_path: Path) -> None:
    steps = planted(tmp_path, TRIGGER)
    numbers = itertools.count()
    states = [dump(of_f31e11f(tmp_path / "before.sqlite"))]
    for count in range(1, NEWEST + 2):  # as each step leaves it
        reference = of_f31e11f(tmp_path / f"after {count}.sqlite")
        SQLiteIndex(reference, steps=steps[:count]).close()
        states.append(dump(reference))

    def prepare() -> tuple[Work, Work]:
        path = of_f31e11f(tmp_path / f"{next(numbers)}.sqlite")

        def work() -> None:
            SQLiteIndex(path, steps=steps).close()

        def check() -> None:
            assert dump(path) in states
            work()
            assert dump(path) == states[-1]

        return work, check

    assert kill_everywhere(prepare, points=60) == 60
