"""Files that are whole at any instant, private, and locked against a second writer."""

from __future__ import annotations

import errno
import fcntl
import itertools
import multiprocessing
import os
import random
import select
import signal
import sqlite3
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing.context import ForkProcess as Process
from pathlib import Path

import pytest

from tests.fault.kill import Reached, Work, kill_at_each_step
from tests.processes import ended
from wire import files
from wire.files import (
    leftovers,
    locked,
    make_private_folder,
    remove_leftovers,
    sync_file,
    sync_folder,
    temporary_folder,
    write_durably,
    write_new,
)
from wire.problem import Damaged, TryLater
from wire.sqlite import sqlite_problems

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def loose_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("loose_umask")
def test_files_and_folders_are_private_whatever_the_umask(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    make_private_folder(folder)
    make_private_folder(folder)
    write_durably(folder / "secret", b"s")
    write_durably(folder / "public", b"p", 0o644)
    with locked(folder / "secret"):
        pass
    assert [mode(folder.parent), mode(folder)] == [0o700, 0o700]
    assert [mode(folder / name) for name in ("secret", "public", "secret.lock")] == [0o600, 0o644, 0o600]


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private_folder(tmp_path)
    assert mode(tmp_path) == 0o755


def test_a_strict_umask_does_not_narrow_what_was_asked_for(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_durably(tmp_path / "public", b"p", 0o644)
    finally:
        os.umask(before)
    assert mode(tmp_path / "public") == 0o644


def on_sync(monkeypatch: pytest.MonkeyPatch, call: Callable[[int], None]) -> None:
    """What the system does when it is told to keep a file."""
    monkeypatch.setattr(os, "fsync", call)
    monkeypatch.setattr(fcntl, "fcntl", lambda descriptor, _: call(descriptor))  # on macOS


def test_data_is_on_disk_before_the_name_and_the_name_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    steps: list[tuple[object, ...]] = []

    def record(descriptor: int) -> None:
        target = Path(f"/dev/fd/{descriptor}")
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            steps.append(("folder", path.read_bytes()))
        else:
            steps.append(("file", target.read_bytes(), path.exists()))

    on_sync(monkeypatch, record)
    write_durably(path, b"content")
    assert steps == [("file", b"content", False), ("folder", b"content")]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_durably(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    on_sync(monkeypatch, full)
    with pytest.raises(OSError, match="No space"):
        write_durably(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_before_the_file_is_open_is_told_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_durably(tmp_path / "missing" / "file", b"new")
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "missing")


def test_where_the_system_has_a_stronger_sync_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """macOS: fsync leaves data in the drive's cache, F_FULLFSYNC does not. F_GETFD stands in for it here."""
    commands = []
    real = fcntl.fcntl

    def record(descriptor: int, command: int) -> int:
        commands.append(command)
        return real(descriptor, command)

    monkeypatch.setattr(files, "_FULL_SYNC", fcntl.F_GETFD)
    monkeypatch.setattr(fcntl, "fcntl", record)
    with (tmp_path / "file").open("wb") as file:
        sync_file(file.fileno())
    assert commands == [fcntl.F_GETFD]


def write_for_ever(path: Path, ready: int) -> None:
    contents = [bytes([letter]) * 200_000 for letter in b"ab"]
    while True:
        for content in contents:
            write_durably(path, content)
            os.write(ready, b".")


@pytest.mark.slow
def test_killed_at_any_instant_the_file_is_whole(tmp_path: Path) -> None:
    chance = random.Random(7)
    path = tmp_path / "file"
    for _ in range(25):
        reader, writer = os.pipe()
        process = FORK.Process(target=write_for_ever, args=(path, writer))
        process.start()
        os.read(reader, 1)
        select.select([], [], [], chance.random() / 100)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        os.close(reader)
        os.close(writer)
        content = path.read_bytes()
        assert content in (b"a" * 200_000, b"b" * 200_000)


NAME = "keys.json"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def temporaries(folder: Path) -> list[str]:
    return [name for name in names(folder) if name.endswith(".tmp")]


@pytest.mark.slow
def test_what_a_killed_write_left_goes_with_the_next_one(tmp_path: Path) -> None:
    """Killed before any system call, a write may leave a secret beside the file: the next one sweeps it."""
    numbers, left = itertools.count(), Counter[int]()

    def prepare() -> tuple[Work, Work]:
        (folder := tmp_path / str(next(numbers))).mkdir()

        def check() -> None:
            left[len(temporaries(folder))] += 1
            write_durably(folder / NAME, b"new")
            assert names(folder) == [NAME]

        return lambda: write_durably(folder / NAME, b"secret"), check

    assert kill_at_each_step(prepare) >= 6
    assert left[1] >= 3, "it was killed while the temporary was there"


def paused(work: Callable[[], object], step: str, reached: int, go_on: int) -> Process:
    """The work in a process of its own, which waits before it calls the C function `step`."""

    def hear(frame: object, event: str, argument: object) -> None:
        if event == "c_call" and getattr(argument, "__name__", "") == step:
            sys.setprofile(None)
            os.write(reached, b".")
            os.read(go_on, 1)

    def run() -> None:
        sys.setprofile(hear)
        work()
        sys.setprofile(None)

    process = FORK.Process(target=run)
    process.start()
    return process


@pytest.mark.quick("fsync")
@pytest.mark.parametrize("step", ["write", "fcntl" if sys.platform == "darwin" else "fsync", "replace"])
def test_the_temporary_of_a_live_writer_is_left_alone(tmp_path: Path, step: str) -> None:
    path, (reached, reach), (wait, go_on) = tmp_path / NAME, os.pipe(), os.pipe()
    process = paused(lambda: write_durably(path, b"slow"), step, reach, wait)
    try:
        assert select.select([reached], [], [], 30)[0]
        written = temporaries(tmp_path)
        remove_leftovers(tmp_path)
        assert temporaries(tmp_path) == written != [], "the temporary of a live writer was removed"
        write_durably(path, b"quick")
        assert leftovers(tmp_path) == []
        os.write(go_on, b".")
        process.join(30)
        assert process.exitcode == 0
    finally:
        process.kill()
        for descriptor in (reached, reach, wait, go_on):
            os.close(descriptor)
    assert (path.read_bytes(), names(tmp_path)) == (b"slow", [NAME])


def test_a_sweep_between_opening_and_locking_costs_the_writer_nothing(tmp_path: Path) -> None:
    """The one instant at which a temporary of a live writer is not locked."""
    path, swept = tmp_path / NAME, Reached()

    def work() -> None:
        def tell(event: str, arguments: tuple[object, ...]) -> None:
            if event == "fcntl.flock" and not swept.value:
                swept.reach(1)
                assert len(temporaries(tmp_path)) == 1
                remove_leftovers(tmp_path)
                assert temporaries(tmp_path) == []

        sys.addaudithook(tell)
        write_durably(path, b"content")

    process = FORK.Process(target=work)
    process.start()
    ended([process])
    assert (swept.value, path.read_bytes(), names(tmp_path)) == (1, b"content", [NAME])


def test_the_folder_of_a_live_writer_is_left_alone_and_that_of_a_killed_one_goes(tmp_path: Path) -> None:
    (left := tmp_path / f".files.{'0' * 16}.tmp").mkdir()
    (left / "0").write_bytes(b"of a person")
    with temporary_folder(tmp_path) as written:
        write_new(f"{written}/0", b"x")
        assert written.stat().st_mode & 0o777 == 0o700
        assert (written / "0").stat().st_mode & 0o777 == 0o600
        remove_leftovers(tmp_path)
        assert names(tmp_path) == [written.name]
        assert leftovers(tmp_path) == []
        (written / "0").rename(tmp_path / NAME)
        write_new(f"{written}/1", b"not needed")
    assert names(tmp_path) == [NAME]


@pytest.mark.parametrize("step", ["open", "fcntl.flock"])
def test_a_sweep_before_a_folder_is_locked_costs_its_writer_nothing(tmp_path: Path, step: str) -> None:
    swept = Reached()

    def work() -> None:
        def tell(event: str, arguments: tuple[object, ...]) -> None:
            if event == step and not swept.value and temporaries(tmp_path):
                swept.reach(1)
                remove_leftovers(tmp_path)
                assert temporaries(tmp_path) == []

        sys.addaudithook(tell)
        with temporary_folder(tmp_path) as folder:
            write_new(f"{folder}/0", b"content")
            (folder / "0").rename(tmp_path / NAME)

    process = FORK.Process(target=work)
    process.start()
    ended([process])
    assert (swept.value, (tmp_path / NAME).read_bytes(), names(tmp_path)) == (1, b"content", [NAME])


def test_a_sweep_takes_nothing_else(tmp_path: Path) -> None:
    """Neither what other programs call similarly, nor a link of the name, nor a folder that has folders."""
    ending = f".{'0' * 16}.tmp"
    others = [f".{NAME}.tmp", f".{NAME}.{'0' * 15}.tmp", f"{NAME}{ending}", f".{NAME}.{'G' * 16}.tmp"]
    for name in (*others, f".{NAME}{ending}", f".other{ending}"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / f".folder{ending}" / "folder").mkdir(parents=True)
    (tmp_path / f".link{ending}").symlink_to(tmp_path / others[0])
    remove_leftovers(tmp_path, NAME)
    assert f".{NAME}{ending}" not in names(tmp_path)
    assert [path.name for path in leftovers(tmp_path, "other")] == [f".other{ending}"]
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted([*others, f".folder{ending}", f".link{ending}"])
    assert sorted(path.name for path in leftovers(tmp_path)) == [f".folder{ending}", f".link{ending}"]
    assert leftovers(tmp_path / "missing") == []


def test_without_locks_files_are_written_and_nothing_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on some network file systems: nobody can tell there who lives."""

    def none(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    left = tmp_path / f".{NAME}.{'0' * 16}.tmp"
    left.write_bytes(b"x")
    monkeypatch.setattr(fcntl, "flock", none)
    write_durably(tmp_path / NAME, b"content")
    assert (tmp_path / NAME).read_bytes() == b"content"
    assert leftovers(tmp_path) == [left]


def count_up(path: Path, times: int) -> None:
    for _ in range(times):
        with locked(path):
            path.write_text(str(int(path.read_text()) + 1))


@pytest.mark.slow
def test_the_lock_makes_writers_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "number"
    path.write_text("0")
    processes = [FORK.Process(target=count_up, args=(path, 50)) for _ in range(3)]
    for process in processes:
        process.start()
    ended(processes)
    assert path.read_text() == "150"


def test_readers_share_the_lock_and_write_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(FileNotFoundError), locked(path, to_read=True):
        pass
    assert list(tmp_path.iterdir()) == []
    with locked(path):
        pass
    with (tmp_path / "file.lock").open() as file:
        with locked(path, to_read=True), locked(path, to_read=True), pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with locked(path), pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


def test_a_shared_lock_is_held_by_many_and_excludes_who_wants_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with locked(path, shared=True), locked(path, shared=True):  # noqa: SIM117 -- two at once, and a third
        with pytest.raises(TryLater), locked(path, patience=0):
            pass
    with locked(path), pytest.raises(TryLater), locked(path, shared=True, patience=0):
        pass


def test_the_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "file"):
        raise ZeroDivisionError
    with locked(tmp_path / "file"):
        assert (tmp_path / "file.lock").exists()


def test_a_mistake_of_ours_is_not_told_as_damage_of_the_file() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        with pytest.raises(sqlite3.ProgrammingError), sqlite_problems("the file"):
            connection.execute("SELECT ?")
        with pytest.raises(Damaged), sqlite_problems("the file"):
            connection.execute("SELECT * FROM nothing")


def test_a_column_whose_name_is_no_text_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "odd.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (abcdef)")
    path.write_bytes(path.read_bytes().replace(b"abcdef", b"abc\xffef"))
    with (
        closing(sqlite3.connect(path)) as connection,
        pytest.raises(Damaged),
        sqlite_problems("the file"),
    ):
        connection.execute("SELECT * FROM t")
