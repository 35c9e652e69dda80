"""A log in a folder: full and failing disks, what is kept and for how long, and its keys."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from intaglio.words import remedy
from ledger.audit import audit
from ledger.problem import Overtaken
from ledger.tiles import posix
from ledger.tiles.journal import CAPACITY, Capacity, Journal
from ledger.tiles.keys import KeyRuns, key_digest
from ledger.tiles.posix import PosixStore
from ledger.tiles.store import Base, Batch
from tests.fault.powerloss import Recorder
from tests.ledger_samples import naive_root, open_log, samples
from tests.problems import is_a
from wire.problem import DISK_FULL, Damaged, Problem, TooLarge, Unavailable


def key_runs(folder: Path, **options: int) -> KeyRuns:
    (folder / "keys").mkdir()
    return KeyRuns(folder / "keys", **options)


def failing(error: int, at: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """Like the function of `os`, but the call with this number fails; a failing write writes a part."""
    left = at

    def called(*arguments: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if left:
            return function(*arguments, **options)
        if function is os.write:
            function(arguments[0], arguments[1][: len(arguments[1]) // 2])
        if function is os.pwrite:
            function(arguments[0], arguments[1][: len(arguments[1]) // 2], arguments[2])
        raise OSError(error, os.strerror(error))

    return called


@pytest.mark.slow
@pytest.mark.parametrize("name", ["write", "pwrite", "fsync", "replace", "open", "ftruncate"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_full_or_failing_disk_loses_nothing(
    name: str, error: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever call fails, the same append succeeds later, in the same process and in another."""
    problems: list[Problem] = []
    for at in range(1, 12):
        folder = tmp_path / str(at)
        log = open_log(PosixStore(folder, capacity=Capacity(batches=1)))
        log.append(samples(0, 250), b"0")
        with monkeypatch.context() as patch:
            patch.setattr(os, name, failing(error, at, getattr(os, name)))
            try:
                log.append(samples(250, 600), b"250")
            except Unavailable as problem:
                problems.append(problem)
        assert audit(log).size in (250, 600)
        other = open_log(PosixStore(folder))
        for each in (log, other) if at % 2 else (other, log):
            assert each.append(samples(250, 600), b"250") == range(250, 600)
        assert audit(other).root == naive_root(samples(0, 600))
        assert log.append(samples(600, 601), b"600") == range(600, 601)
    assert problems
    for raised in problems:
        assert is_a(raised, DISK_FULL) == (error == errno.ENOSPC)
        assert os.strerror(error) in raised.detail
        assert "Nothing that was acknowledged is lost" in remedy(raised)


@pytest.mark.slow
def test_a_single_append_waits_for_the_disk_three_times(tmp_path: Path) -> None:
    """For the journal, the checkpoint, and what is kept of it; the names of the latter two may come later."""
    log = open_log(PosixStore(tmp_path / "home" / "log"), kept=tmp_path / "home.checkpoint")
    with Recorder(tmp_path, [(posix, "sync_files")]) as recorder:
        for index in range(5):
            before = recorder.syncs
            log.append(samples(index, index + 1), b"%d" % index)
            assert recorder.syncs - before == 3


@pytest.mark.slow
def test_a_log_of_many_entries_is_opened_by_its_right_edge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However they were appended; what the journal holds is integrated at once."""
    log = open_log(PosixStore(tmp_path / "log"))
    log.append(samples(0, 5000), b"bulk")
    assert (tmp_path / "log" / "journal").stat().st_size == 80
    for index in range(5000, 5060):
        log.append(samples(index, index + 1), b"%d" % index)
    read: list[str] = []
    store = PosixStore(tmp_path / "log")
    real = store.get

    def get(path: str) -> bytes | None:
        read.append(path)
        return real(path)

    monkeypatch.setattr(store, "get", get)
    assert open_log(store).append(samples(5060, 5061), b"5060") == range(5060, 5061)
    assert len(set(read)) < 20


def test_nobody_else_can_write_to_a_log_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        open_log(PosixStore(tmp_path / "log")).append(samples(0, 300), b"0")
    finally:
        os.umask(before)
    written = [tmp_path / "log", *(tmp_path / "log").rglob("*")]
    assert tmp_path / "log/tile/entries/000" in written
    assert not [path for path in written if path.stat().st_mode & 0o022]


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, pwrite = os.write, os.pwrite
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:1000]))
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, at: pwrite(descriptor, data[:1000], at))
    log = open_log(PosixStore(tmp_path / "log"))
    log.append(samples(0, 300), b"0")
    assert audit(open_log(PosixStore(tmp_path / "log"))).size == 300


def test_a_failed_sync_of_the_file_system_does_not_cut_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Library:
        def syncfs(self, descriptor: int) -> int:
            ctypes.set_errno(errno.EIO)
            return -1

    open_log(PosixStore(tmp_path / "log")).append(samples(0, 300), b"0")
    journal = tmp_path / "log" / "journal"
    before = journal.read_bytes()
    log = open_log(PosixStore(tmp_path / "log", capacity=Capacity(batches=1)))
    with monkeypatch.context() as patch:
        patch.setattr("wire.files._libc", Library)
        with pytest.raises(Unavailable):
            log.append(samples(300, 301), b"300")
    assert journal.read_bytes().startswith(before)
    assert log.append(samples(300, 301), b"300") == range(300, 301)
    assert log.append(samples(301, 302), b"301") == range(301, 302)
    assert len(journal.read_bytes()) < len(before)


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable):
        PosixStore(tmp_path / "file" / "log")
    store = PosixStore(tmp_path / "log")
    (tmp_path / "log" / "tile").write_bytes(b"")
    with pytest.raises(Unavailable):
        store.get("tile/0/000")


def test_what_whoever_settles_has_removed_meanwhile(tmp_path: Path) -> None:
    """As a link stands for here that leads nowhere."""
    store = PosixStore(tmp_path / "log")
    for name in ("keys/0-1", "tile"):
        (tmp_path / "log" / name).symlink_to(tmp_path / "gone" / "gone")
    with pytest.raises(Overtaken):
        store.find(b"key")
    with pytest.raises(Overtaken):
        store.put({"tile": b"data"})


@pytest.mark.slow
def test_the_journal_is_cut_and_old_partial_tiles_go(tmp_path: Path) -> None:
    log = open_log(PosixStore(tmp_path / "log", capacity=Capacity(batches=4)))
    for index in range(600):
        log.append(samples(index, index + 1), b"%d" % index)
    assert (tmp_path / "log" / "journal").stat().st_size < 1000
    left = {str(path.relative_to(tmp_path / "log")) for path in (tmp_path / "log").rglob("*.p")}
    assert left == {"tile/0/002.p", "tile/1/000.p", "tile/entries/002.p"}
    for index in (0, 1, 255, 300, 597, 599):
        assert log.append(samples(index, index + 1), b"%d" % index) == range(index, index + 1)
    assert len(list((tmp_path / "log" / "keys").iterdir())) < 12


def test_a_large_journal_is_cut(tmp_path: Path) -> None:
    log = open_log(PosixStore(tmp_path / "log", capacity=Capacity(size=10_000)))
    for start in range(0, 1000, 100):
        log.append(samples(start, start + 100), b"%d" % start)
        assert (tmp_path / "log" / "journal").stat().st_size < 15_000
    assert audit(open_log(PosixStore(tmp_path / "log"))).size == 1000


def test_what_a_crash_leaves_at_the_end_of_the_journal_is_cut(tmp_path: Path) -> None:
    log = open_log(PosixStore(tmp_path / "log"))
    log.append(samples(0, 3), b"0")
    journal = tmp_path / "log" / "journal"
    whole = journal.read_bytes()
    for torn in (b"\0", b"\xff" * 8, whole[80:-1], whole[80:], bytes(4096)):
        journal.write_bytes(whole + torn)
        assert open_log(PosixStore(tmp_path / "log")).checkpoint().size == 3
    log = open_log(PosixStore(tmp_path / "log"))
    log.append(samples(3, 4), b"3")
    assert len(journal.read_bytes()) < len(whole) + 200
    assert open_log(PosixStore(tmp_path / "log")).checkpoint().size == 4


def test_a_journal_gives_its_batches_from_anywhere(tmp_path: Path) -> None:
    journal, other = Journal(tmp_path / "journal", CAPACITY), Journal(tmp_path / "journal", CAPACITY)
    journal.create()
    batches = [Batch(0, b"a", [b"1", b"2"]), Batch(2, b"b", [b""]), Batch(3, b"c", [b"3"])]
    for batch in batches:
        journal.append(batch)
    other.refresh()
    assert list(other.batches(0)) == batches
    assert list(other.batches(2)) == batches[1:]
    assert list(other.batches(4)) == []
    assert other.keys == {
        key_digest(b"a"): range(2),
        key_digest(b"b"): range(2, 3),
        key_digest(b"c"): range(3, 4),
    }
    journal.replace(Base(4, bytes(32)))
    journal.append(Batch(4, b"d", [b"4"]))
    other.refresh()
    assert other.base == Base(4, bytes(32))
    assert list(other.batches(4)) == [Batch(4, b"d", [b"4"])]
    assert list(other.keys) == [key_digest(b"d")]


@pytest.mark.slow
def test_keys_are_found_among_many(tmp_path: Path) -> None:
    """And are in few files, whose lengths fall by half at least."""
    runs = key_runs(tmp_path)
    numbers = random.Random(1)
    start = 0
    expected: dict[bytes, range] = {}
    for _ in range(200):
        keys = {}
        for _ in range(numbers.randint(1, 40)):
            stop = start + numbers.randint(1, 5)
            keys[hashlib.sha256(b"%d" % start).digest()] = range(start, stop)
            start = stop
        runs.add(min(indices.start for indices in keys.values()), start, keys)
        expected |= keys
    assert len(list((tmp_path / "keys").iterdir())) <= 12
    assert sum(path.stat().st_size for path in (tmp_path / "keys").iterdir()) == 48 * len(expected)
    for digest, indices in expected.items():
        assert runs.find(digest) == indices
    for digest in (bytes(32), b"\xff" * 32, hashlib.sha256(b"another").digest()):
        assert runs.find(digest) is None


@pytest.mark.parametrize("content", [b"", bytes(49)], ids=["empty", "odd"])
def test_a_damaged_file_of_keys_is_named(tmp_path: Path, content: bytes) -> None:
    runs = key_runs(tmp_path)
    (tmp_path / "keys" / "0-1").write_bytes(content)
    with pytest.raises(Damaged, match="keys/0-1"):
        runs.find(bytes(32))


def test_large_files_of_keys_are_not_merged(tmp_path: Path) -> None:
    """Since merging is done in memory."""
    runs = key_runs(tmp_path, merged=4)
    for start in range(40):
        runs.add(start, start + 1, {hashlib.sha256(b"%d" % start).digest(): range(start, start + 1)})
    assert max(path.stat().st_size for path in (tmp_path / "keys").iterdir()) <= 48 * 8
    assert runs.find(hashlib.sha256(b"0").digest()) == range(1)
    assert runs.find(hashlib.sha256(b"39").digest()) == range(39, 40)


def test_keys_that_were_kept_but_not_yet_cut_from_the_journal(tmp_path: Path) -> None:
    """After a crash between the two, they are kept once more, with others."""
    runs = key_runs(tmp_path)
    keys = {hashlib.sha256(b"%d" % start).digest(): range(start, start + 1) for start in range(8)}
    first = dict(list(keys.items())[:4])
    runs.add(0, 4, first)
    runs.add(0, 8, keys)
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["0-8"]
    assert all(runs.find(digest) == indices for digest, indices in keys.items())


def test_a_write_that_the_system_cuts_short_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(
        os, "write", lambda descriptor, data: write(descriptor, data[: max(1, len(data) // 2)])
    )
    PosixStore(tmp_path).put({"tile/0/000": b"x" * 100})
    assert (tmp_path / "tile/0/000").read_bytes() == b"x" * 100


def test_a_longer_tile_that_a_lost_batch_left_is_replaced(tmp_path: Path) -> None:
    store = PosixStore(tmp_path)
    store.put({"tile/0/000.p/2": b"x" * 100})
    store.put({"tile/0/000.p/2": b"y" * 64})
    assert store.get("tile/0/000.p/2") == b"y" * 64


def test_a_batch_that_no_journal_would_read_again_is_not_written(tmp_path: Path) -> None:
    log = open_log(PosixStore(tmp_path / "log", capacity=Capacity(record=1000)))
    log.append(samples(0, 10), b"0")
    with pytest.raises(TooLarge):
        log.append(samples(10, 500), b"10")
    assert log.append(samples(10, 12), b"10") == range(10, 12)


def test_a_record_as_long_as_a_sparse_file_is_where_the_journal_ends(tmp_path: Path) -> None:
    log = open_log(PosixStore(tmp_path / "log"))
    log.append(samples(0, 10), b"0")
    with (tmp_path / "log" / "journal").open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write((3 << 30).to_bytes(8) + bytes(32))
        file.truncate(4 << 30)
    assert open_log(PosixStore(tmp_path / "log")).append(samples(10, 12), b"10") == range(10, 12)
