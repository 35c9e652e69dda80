"""SIGKILL at any point between a log, its witnesses' lines and what is kept of them, twice.

What others were shown, by whichever life of the log, stays: one root for a size, no older checkpoint after a
newer one, and no line that was kept is lost.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ledger.note import Checkpoint
from ledger.tiles.posix import PosixStore
from ledger.witness import origin_hash
from tests.cosigners import Time, Town
from tests.fault.kill import Work, a_sample, kill_everywhere, killed_by
from tests.ledger_samples import NOW, ORIGIN, samples

NAMES = ("a", "b", "c")
SIZES = [2, 5, 9]
HOURS = timedelta(hours=2)  # more than the pace at which checkpoints are kept for ever


class Calendar(Time):
    """A clock in a file, so that it outlives a kill."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def __call__(self) -> datetime:
        return NOW + self.path.stat().st_size * HOURS


class Desk:
    """A log in a folder with three witnesses, two of which are enough, and a file of all that was shown."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.shown = folder, folder / "shown"

    def town(self) -> Town:
        town = Town(self.folder, Calendar(self.folder / "calendar"), store=PosixStore(self.folder / "log"))
        town.add(*NAMES)
        town.cosigned.require("2")
        return town

    def work(self) -> None:
        """Hours in which something is appended, the witnesses are asked, and others read the log."""
        town = self.town()
        for old, new in itertools.pairwise([0, *SIZES]):
            write(self.folder / "calendar", b"|")
            town.log.append(samples(old, new), b"to %d" % new)
            asking = town.witnesses().ask(town.log, waits=True)
            assert asking is not None
            assert asking.is_met
            assert not town.problems()
            write(self.shown, town.log.published() + b"\0")

    def check(self) -> None:
        self.work()
        town = self.town()
        roots: dict[int, bytes] = {}
        last = 0
        for note in self.shown.read_bytes().split(b"\0")[:-1]:
            checkpoint = Checkpoint.parse(note)
            assert checkpoint.size >= last
            last = checkpoint.size
            assert roots.setdefault(checkpoint.size, checkpoint.root) == checkpoint.root
            kept = town.cosigned.earliest(checkpoint.size - 1)
            assert kept is not None
            assert Checkpoint.parse(kept).text == checkpoint.text
            assert {*checkpoint.signatures} <= {*Checkpoint.parse(kept).signatures}
            keys = {each.key for each in town.cosigned.witnesses()}
            assert len(keys & checkpoint.signers([*keys]).keys()) >= 2
        assert last == SIZES[-1]
        assert not town.cosigned.elsewhere()
        for witness in town.hubs.values():
            assert not witness.state.forks()
            assert Checkpoint.parse(witness.state.checkpoint(origin_hash(ORIGIN))).size == last


def write(path: Path, data: bytes) -> None:
    """Add to a file, all or nothing."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, data)
    os.close(descriptor)


def _plan(folder: Path) -> Callable[[], tuple[Work, Work]]:
    numbers = itertools.count()

    def prepare() -> tuple[Work, Work]:
        where = folder / str(next(numbers))
        where.mkdir()
        desk = Desk(where)
        desk.town()
        return desk.work, desk.check

    return prepare


@pytest.mark.slow
@a_sample(3, 1000)
def test_a_kill_at_any_point_takes_back_nothing_that_was_shown(points: int, tmp_path: Path) -> None:
    assert kill_everywhere(_plan(tmp_path), points=points) == points


@pytest.mark.slow
def test_to_show_before_it_is_kept_is_noticed(tmp_path: Path) -> None:
    """A planted fault: lines are shown, and the log is killed before it keeps them."""
    desk = Desk(tmp_path)
    desk.town()

    def work() -> None:
        town = desk.town()
        write(tmp_path / "calendar", b"|")
        town.log.append(samples(0, SIZES[0]), b"to %d" % SIZES[0])
        witnesses, checkpoint = town.witnesses(), town.log.checkpoint()
        asked = town.cosigned.witnesses()
        lines = [witnesses.answer(town.log, checkpoint, each).line for each in asked]
        write(desk.shown, checkpoint.note + b"".join(lines) + b"\0")
        os.kill(os.getpid(), signal.SIGKILL)

    assert killed_by(work)
    with pytest.raises(AssertionError):
        desk.check()
