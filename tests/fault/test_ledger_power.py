"""A power cut at any point of appending to a log in a folder: what was acknowledged is there afterwards."""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import Log
from ledger.audit import audit
from ledger.move import move
from ledger.tiles import posix
from ledger.tiles.journal import Capacity
from ledger.tiles.posix import PosixStore
from ledger.tiles.store import Batch, Mark, State, mark_of
from tests.fault.powerloss import Crash, Recorder, memory_folder
from tests.ledger_samples import naive_root, open_log, samples
from wire.problem import Problem

pytestmark = pytest.mark.slow  # hundreds of processes: for `make test`

SIZES = [2, 5, 260, 261, 513, 514, 769]
ROOT = naive_root(samples(0, SIZES[-1]))
JOURNAL = r"log/journal"


def _append_all(log: Log, acknowledge: Callable[[], None] = lambda: None) -> None:
    for old, new in itertools.pairwise([0, *SIZES]):
        assert log.append(samples(old, new), b"to %d" % new) == range(old, new)
        acknowledge()


def _store(folder: Path) -> PosixStore:
    return PosixStore(folder / "log", capacity=Capacity(batches=2))


def _open(folder: Path) -> Log:
    return open_log(_store(folder), kept=folder / "kept")


def _recorded(folder: Path, forgotten: str = "") -> list[Crash]:
    folder.mkdir()
    with Recorder(folder, [(posix, "sync_files")]) as recorder:
        recorder.forget(forgotten)
        _append_all(_open(folder), recorder.acknowledge)
    return list(recorder.crashes())


EACH = pytest.mark.parametrize("each", [8, pytest.param(1, marks=pytest.mark.soak)])
"""Each eighth state that may be left; a soak tries them all."""


def _check(crashes: list[Crash]) -> None:
    with memory_folder() as folder:
        for number, crash in enumerate(crashes):
            where = folder / str(number)
            crash.restore(where)
            log = _open(where)
            size = log.checkpoint().size
            assert size in [0, *SIZES]
            assert size >= [0, *SIZES][crash.acknowledged]
            assert audit(log).size == size
            _append_all(_open(where))
            assert audit(log).root == ROOT


@EACH
def test_a_power_cut_at_any_point_loses_nothing(each: int, tmp_path: Path) -> None:
    crashes = _recorded(tmp_path / "work")
    assert len(crashes) > 250
    _check(crashes[::each])


@EACH
def test_a_power_cut_during_recovery_loses_nothing(each: int, tmp_path: Path) -> None:
    """The power comes back and goes again, before the program knows what it had acknowledged."""
    crashes = _recorded(tmp_path / "work")
    for number, crash in enumerate(random.Random(1).sample(crashes, 25)):
        where = tmp_path / str(number)
        crash.restore(where)
        with Recorder(where, [(posix, "sync_files")]) as recorder:
            _open(where)
        again = [Crash(left.tree, crash.acknowledged) for left in recorder.crashes()]
        _check(again[::each])


@EACH
def test_a_file_at_a_time_is_as_safe(each: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system cannot be synced as a whole, as on macOS."""
    monkeypatch.setattr("wire.files._libc", object)
    (tmp_path / "work").mkdir()
    with Recorder(tmp_path / "work") as recorder:
        _append_all(_open(tmp_path / "work"), recorder.acknowledge)
    _check([*recorder.crashes()][::each])


@pytest.mark.parametrize(
    "forgotten",
    [
        JOURNAL,  # acknowledged before it is synced
        r"log/\.checkpoint\..*",  # renamed before
        r"log/tile/.*",  # when the journal is cut
        r"log/",  # that there is a journal
    ],
)
def test_a_sync_that_is_missing_is_found(forgotten: str, tmp_path: Path) -> None:
    crashes = _recorded(tmp_path / "work", forgotten)
    with pytest.raises((AssertionError, Problem)):
        _check(crashes)


@pytest.mark.parametrize("forgotten", ["", r"old/\.mark.*", r"new/tile/.*", r"new/"])
def test_a_power_cut_at_any_point_of_a_move(forgotten: str, tmp_path: Path) -> None:
    """Where the new log is open the old one is not, and it is whole; planted, a sync that is missing."""
    folder = tmp_path / "work"
    folder.mkdir()
    _append_all(open_log(PosixStore(folder / "old", capacity=Capacity(batches=2))))
    with Recorder(folder, [(posix, "sync_files")]) as recorder:
        recorder.forget(forgotten)
        move(PosixStore(folder / "old"), PosixStore(folder / "new"))
        recorder.acknowledge()
    crashes = list(recorder.crashes())
    assert len(crashes) > 30
    with pytest.raises((AssertionError, Problem)) if forgotten else contextlib.nullcontext():
        _check_moves(crashes)


def _check_moves(crashes: list[Crash]) -> None:
    with memory_folder() as folder:
        for number, crash in enumerate(crashes):
            where = folder / str(number)
            crash.restore(where)
            gone, come = (mark_of(PosixStore(where / name)) for name in ("old", "new"))
            if crash.acknowledged:
                assert come is not None
            if come is not None and come.state is State.HERE:
                assert gone == Mark(come.name, State.LEFT)
                assert audit(open_log(PosixStore(where / "new"))).root == ROOT
            assert move(PosixStore(where / "old"), PosixStore(where / "new")).root == ROOT
            log = open_log(PosixStore(where / "new"))
            _append_all(log)
            assert audit(open_log(PosixStore(where / "new"))).root == ROOT


@pytest.mark.parametrize("planted", [False, True])
def test_a_batch_whose_writer_was_killed_is_synced_by_the_next(planted: bool, tmp_path: Path) -> None:
    """It is in the journal, but nobody waited for the disk: whoever finds it must, before signing for it."""
    folder = tmp_path / "work"
    folder.mkdir()
    _open(folder)
    killed = _store(folder)
    assert killed.head().base.size == 0
    with Recorder(folder, [(posix, "sync_files")]) as recorder:
        recorder.forget(JOURNAL)
        killed.record(Batch(0, b"to 2", samples(0, 2)))
        recorder.forget(JOURNAL if planted else "")
        assert _open(folder).checkpoint().size == 2
        recorder.acknowledge()
    crashes = list(recorder.crashes())
    with pytest.raises((AssertionError, Problem)) if planted else contextlib.nullcontext():
        _check(crashes)


@EACH
def test_whatever_a_killed_process_left_is_synced_by_the_next(
    each: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL before any sync, the same again, and then a power cut."""
    monkeypatch.setitem(globals(), "SIZES", SIZES[:2])
    monkeypatch.setitem(globals(), "ROOT", naive_root(samples(0, SIZES[-1])))
    crashes: list[Crash] = []
    for sync in itertools.count(1):
        folder = tmp_path / str(sync)
        folder.mkdir()
        with Recorder(folder, [(posix, "sync_files")]) as recorder:
            if not recorder.killed(lambda: _append_all(_open(folder)), before=sync):  # noqa: B023 -- called at once
                break
            _append_all(_open(folder), recorder.acknowledge)
        crashes += recorder.crashes()
    assert len(crashes) > 250
    _check(crashes[::each])
