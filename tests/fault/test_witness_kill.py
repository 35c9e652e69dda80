"""SIGKILL at any point between a request, the state and the answer, twice, while a log shows two histories.

Whatever was answered, by whichever life of the witness: one root for a size, and nothing older after a newer.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import pytest

from ledger.add_checkpoint import AddCheckpoint
from ledger.note import Checkpoint
from ledger.problem import WITNESS_AT_OTHER_SIZE
from ledger.witness import Cosign, Witness, WitnessState, origin_hash
from tests.fault.kill import Work, a_sample, kill_everywhere, killed_by
from tests.ledger_samples import NOW, ORIGIN
from tests.witnessing import FORK, HONEST, WITNESS, Branch, new_witness, stated
from wire.problem import Problem

SIZES = [3, 4, 6]


class Asked:
    """A witness in a folder, and a file with every answer that anybody got."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.answers = folder, folder / "answers"
        self.make: type[WitnessState] = WitnessState

    def witness(self) -> Witness:
        state = self.make(self.folder / "witness.sqlite", WITNESS.public_key, kept=self.folder / "kept")
        return Witness(state, WITNESS, lambda: NOW)

    def work(self) -> None:
        """Each size in two histories; after a kill the other one is asked for first."""
        order = (HONEST, FORK) if not (self.folder / "again").exists() else (FORK, HONEST)
        (self.folder / "again").touch()
        witness = self.witness()
        for size, branch in itertools.product(SIZES, order):
            self.ask(witness, branch, size)

    def ask(self, witness: Witness, branch: Branch, size: int) -> None:
        old = 0
        for _ in range(2):
            try:
                line = witness.add_checkpoint(branch.request(old, size))
            except Problem as problem:
                if problem.code != WITNESS_AT_OTHER_SIZE.code:
                    break
                old = int(str(problem.facts["size"]))
            else:
                self.answered(branch.note(size) + line)
                break

    def answered(self, note: bytes) -> None:
        descriptor = os.open(self.answers, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, note + b"\0")
        os.close(descriptor)

    def check(self) -> None:
        self.work()
        notes = self.answers.read_bytes().split(b"\0")[:-1]
        assert notes
        roots: dict[int, bytes] = {}
        last: tuple[int, datetime] = (0, NOW)
        for note in notes:
            checkpoint = Checkpoint.parse(note)
            assert roots.setdefault(checkpoint.size, checkpoint.root) == checkpoint.root
            now = checkpoint.size, stated(b"", note)
            assert now >= last
            last = now
        state = self.witness().state
        assert Checkpoint.parse(state.checkpoint(origin_hash(ORIGIN))).size >= last[0]
        assert all(
            one.size == other.size
            for fork in state.forks()
            for one, other in [map(Checkpoint.parse, fork.notes)]
        )


def _plan(folder: Path) -> Callable[[], tuple[Work, Work]]:
    numbers = itertools.count()

    def prepare() -> tuple[Work, Work]:
        where = folder / str(next(numbers))
        where.mkdir()
        new_witness(where)
        asked = Asked(where)
        return asked.work, asked.check

    return prepare


@pytest.mark.slow
@a_sample(4, 1000)
def test_a_kill_at_any_point_makes_no_second_root(points: int, tmp_path: Path) -> None:
    assert kill_everywhere(_plan(tmp_path), points=points) == points


class Hasty(WitnessState):
    """A planted fault: it answers before it keeps, and is killed in between, once."""

    asked: Asked

    def advance(self, requests: Iterable[AddCheckpoint], cosign: Cosign) -> list[bytes | Problem]:
        def early(checkpoint: Checkpoint, last: datetime | None) -> tuple[datetime, bytes]:
            time, line = cosign(checkpoint, last)
            self.asked.answered(checkpoint.note + line)
            os.kill(os.getpid(), signal.SIGKILL)
            return time, line

        return super().advance(requests, early)


def test_to_answer_before_it_is_kept_is_noticed(tmp_path: Path) -> None:
    new_witness(tmp_path)
    asked = Asked(tmp_path)

    def work() -> None:
        asked.make = Hasty
        Hasty.asked = asked
        asked.work()

    assert killed_by(work)
    with pytest.raises(AssertionError):
        asked.check()
