"""One file for many: readers wait for nobody, writers take turns, and what was undone leaves nothing."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path

import pytest

from wire.files import locked
from wire.problem import Damaged, Refused, TryLater
from wire.sqlite import Database, Migration, connect, copy, insert

STEPS = ("CREATE TABLE counter (next INTEGER NOT NULL);\nINSERT INTO counter VALUES (0);\n",)
WHAT = "the file"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a file's name? #1.sqlite"


@pytest.fixture
def database(path: Path) -> Database:
    return Database(path, STEPS, WHAT)


def add(database: Database, number: int) -> None:
    with database.writing() as connection:
        connection.execute("UPDATE counter SET next = next + ?", (number,))


def read(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT next FROM counter").fetchone()[0])


def value(database: Database) -> int:
    with database.reading() as connection:
        return read(connection)


@contextmanager
def another(work: Callable[[], object]) -> Iterator[None]:
    """A thread that works meanwhile, and has come to its end afterwards."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        time.sleep(0.05)
        yield
    done.result()


def test_a_file_is_private_synced_and_runs_nothing_that_it_brings_along(
    path: Path, database: Database
) -> None:
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "fullfsync": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
    }
    assert path.stat().st_mode & 0o777 == 0o600
    for transaction in (database.reading, database.writing):
        with transaction() as connection:
            assert {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in wanted} == wanted


@contextmanager
def forked(work: Callable[[], object]) -> Iterator[None]:
    """A process that works meanwhile, and has come to a good end afterwards."""
    process = get_context("fork").Process(target=work)
    process.start()
    try:
        yield
        process.join(10)
        assert process.exitcode == 0
    finally:
        process.kill()
        process.join()


def test_what_a_forked_process_writes_stays_though_its_parent_closes_the_file(
    path: Path, database: Database
) -> None:
    """SQLite removes its log then, which a connection from before the fork would still write to."""
    add(database, 1)
    ours, theirs = get_context("fork").Pipe()

    def work() -> None:
        theirs.recv()
        add(database, 10)

    with forked(work):
        database.close()
        ours.send(None)
    assert value(Database(path, STEPS, WHAT)) == 11


def test_a_forked_process_is_not_kept_waiting_by_a_thread_of_its_parent(path: Path) -> None:
    database = Database(path, STEPS, WHAT, patience=0.1)

    def work() -> None:
        with pytest.raises(TryLater):
            add(database, 1)

    with database.writing(), forked(work):
        pass


def test_a_reader_sees_one_state_and_holds_nobody_up(database: Database, path: Path) -> None:
    with database.reading() as connection:
        assert read(connection) == 0
        add(database, 1)
        add(Database(path, STEPS, WHAT), 10)
        assert read(connection) == 0
        assert value(database) == 11


def test_what_raises_is_undone(database: Database) -> None:
    with suppress(KeyError), database.writing() as connection:
        connection.execute("UPDATE counter SET next = 7")
        raise KeyError
    assert value(database) == 0


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 100])
def test_rows_are_inserted_in_their_order_however_many(path: Path, count: int) -> None:
    database = Database(path, ["CREATE TABLE pair (a INTEGER, b TEXT);"], WHAT)
    rows = [(row, str(row)) for row in range(count)]
    with database.writing() as connection:
        insert(connection, "INTO pair", "b, a", [text for _, text in rows], range(count))
    assert database.read("SELECT a, b FROM pair ORDER BY rowid") == rows


def test_threads_take_turns_and_processes_wait(path: Path) -> None:
    database = Database(path, STEPS, WHAT)
    with ExitStack() as meanwhile, database.writing():
        meanwhile.enter_context(another(lambda: add(database, 1)))
        with pytest.raises(TryLater, match="another process holds the file"):
            add(Database(path, STEPS, WHAT, patience=0), 1)
    assert value(database) == 1


def test_who_opens_a_new_file_waits_for_who_is_making_it(path: Path) -> None:
    """SQLite itself does not wait when a file's mode is to be changed that another process is writing to."""
    path.touch()
    with ExitStack() as meanwhile, locked(path), closing(connect(path)) as maker:
        maker.execute("BEGIN IMMEDIATE")
        meanwhile.enter_context(another(lambda: Database(path, STEPS, WHAT).close()))
        maker.commit()
    assert value(Database(path, STEPS, WHAT)) == 0


def test_as_many_connections_as_there_are_readers_and_few_of_them_stay(database: Database) -> None:
    with ExitStack() as readers:
        for _ in range(20):
            assert read(readers.enter_context(database.reading())) == 0
    assert 0 < len(database._idle) < 10
    database.close()
    assert value(database) == 0, "it opens again by itself"


def test_a_copy_is_of_what_was_committed(database: Database, tmp_path: Path) -> None:
    add(database, 3)
    with database.writing() as connection:
        connection.execute("UPDATE counter SET next = 100")
        copy(database.path, tmp_path / "copy", WHAT)
    assert value(Database(tmp_path / "copy", STEPS, WHAT)) == 3
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", ["rw", "ro", "immutable"])
def test_a_file_that_is_not_there_is_not_made_by_opening_it(tmp_path: Path, mode: str) -> None:
    with pytest.raises(sqlite3.OperationalError):
        connect(tmp_path / "nothing", mode)  # type: ignore[arg-type]
    assert not [*tmp_path.iterdir()]


def test_no_database_is_damage(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(Damaged, match="the file is damaged"):
        Database(path, STEPS, WHAT)


# Changes of the tables

SECOND = """
ALTER TABLE counter ADD COLUMN last INTEGER;  -- with a comment; of several words
CREATE TRIGGER forgotten AFTER DELETE ON counter BEGIN
    INSERT INTO counter (next) VALUES (100);
    UPDATE counter SET next = next + 1000;
END;
DELETE FROM counter;
"""


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return [f"-- {version}", *connection.iterdump()]


def opened(path: Path, *further: Migration, first: int = 1) -> list[str]:
    """What lies in the file once a program with these further steps has opened it."""
    Database(path, [*STEPS, *further], WHAT, first=first).close()
    return dump(path)


def test_steps_are_made_once_and_may_be_triggers_or_functions(path: Path) -> None:
    def third(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE counter SET next = next * 2")

    opened(path)
    twice = [opened(path, SECOND, third) for _ in range(2)]
    assert twice[0] == twice[1]
    assert twice[0][0] == "-- 3"
    assert value(Database(path, [*STEPS, SECOND, third], WHAT)) == 2200


def test_the_first_step_makes_its_version_of_whatever_is_older(path: Path, tmp_path: Path) -> None:
    opened(path)
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA user_version = 4")
    Database(path, ["UPDATE counter SET next = 5;", SECOND], WHAT, first=7).close()
    assert dump(path)[0] == "-- 8"
    assert opened(tmp_path / "new", first=7)[0] == "-- 7"


@pytest.mark.parametrize("wrong", ["UPDATE nothing SET x = 1;", "CREATE TABLE cut ("])
def test_a_step_that_fails_leaves_the_file_as_it_was(path: Path, wrong: str) -> None:
    before = opened(path)
    with pytest.raises(Damaged):
        opened(path, SECOND + wrong)
    assert dump(path) == before


def test_a_file_of_a_newer_program_is_refused_by_name_and_left_alone(path: Path) -> None:
    before = opened(path, SECOND)
    with pytest.raises(Refused, match="made by a newer program: version 2, and this one knows 1"):
        opened(path)
    assert dump(path) == before


def test_an_older_file_that_may_only_be_read_is_read_as_it_would_become(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = opened(path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    database = Database(path, [*STEPS, SECOND], WHAT)
    with database.reading(), database.reading() as connection:  # a connection each
        assert read(connection) == 1100
    monkeypatch.undo()
    assert dump(path) == before
