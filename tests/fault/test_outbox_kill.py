"""SIGKILL at any point between a checkpoint, the outbox, another ledger and the evidence, twice.

One anchor for each checkpoint that was taken in: none is lost, none is sent twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ledger import KINDS, Checkpoint, Evidence, Log, verify_anchoring, verify_evidence
from ledger.anchor import Sender
from ledger.outbox import Outbox
from ledger.submitting import look_after
from ledger.tiles.posix import PosixStore
from tests.fault.kill import Reached, Work, a_sample, kill_everywhere
from tests.gazette import NAME, NOTICE, NOTICES
from tests.gazette_anchor import GazetteAnchor, gazette_file, gazettes
from tests.ledger_samples import NOW, ORIGIN, open_log, sample, samples, trust_in

pytestmark = pytest.mark.slow

SIZES = [2, 5, 9]
DAY = timedelta(days=1)
KNOWN = {**KINDS, NOTICE: NOTICES}


class Office:
    """A log in a folder, a gazette in a file, and a calendar in another: all that outlives a kill."""

    def __init__(self, folder: Path, make: type[GazetteAnchor] = GazetteAnchor) -> None:
        self.folder, self.make = folder, make
        self.outbox = Outbox(folder)
        self.gazette = GazetteAnchor(NAME, file=gazette_file(folder))

    def log(self) -> Log:
        return open_log(PosixStore(self.folder / "log"), kept=self.folder / "kept")

    def now(self) -> datetime:
        return NOW + (self.folder / "calendar").stat().st_size * DAY

    def next_day(self) -> None:
        with (self.folder / "calendar").open("ab") as calendar:
            calendar.write(b"|")

    def run(self, log: Log) -> None:
        place = Sender(self.folder, log, lambda: None, lambda _: None)
        for made in look_after(place, self.now, gazettes(self.folder, self.make)):
            if made.problem:
                raise made.problem

    def work(self, acknowledge: Callable[[int], None] = lambda size: None) -> None:
        """Days on which something is appended and sent, printed and collected."""
        log = self.log()
        self.outbox.add(NAME, DAY, {"of": ORIGIN}, self.now())
        for old, new in itertools.pairwise([0, *SIZES]):
            log.append(samples(old, new), b"to %d" % new)
            self.next_day()
            self.run(log)
            self.gazette.print(self.now())
            self.run(log)
            acknowledge(new)

    def require_anchored(self, log: Log, size: int) -> None:
        trust = trust_in(log, self.gazette.trusted)
        for index in range(size):
            proof, notice = self.outbox.evidence(log, index)
            checkpoint = verify_evidence(sample(index), proof, trust).checkpoint
            assert checkpoint is not None
            assert verify_anchoring(checkpoint, notice, trust, kinds=KNOWN).where == NAME


def _plan(folder: Path, make: type[GazetteAnchor] = GazetteAnchor) -> Callable[[], tuple[Work, Work]]:
    numbers = itertools.count()

    def prepare() -> tuple[Work, Work]:
        where = folder / str(next(numbers))
        where.mkdir()
        (where / "calendar").touch()
        office, acknowledged = Office(where, make), Reached()

        def work() -> None:
            Office(where, make).work(acknowledged.reach)

        def check() -> None:
            log = office.log()
            office.require_anchored(log, acknowledged.value)
            assert acknowledged.value in [0, *SIZES]
            given = len(office.gazette.notices)
            office.work()  # as the next timer does
            for _ in range(2):
                office.next_day()
                office.gazette.print(office.now())
                office.run(log)
            notices = office.gazette.notices
            assert len({*notices}) == len(notices) <= len(SIZES)
            assert len(notices) >= given
            (destination,) = office.outbox.destinations()
            assert office.outbox.waiting(destination) is None
            assert office.outbox.gone(destination) == []
            newest = office.outbox.newest(destination)
            assert newest is not None
            assert newest.checkpoint.size == SIZES[-1]
            office.require_anchored(log, SIZES[-1])
            known = {each.digest for each in _taken(office, log)}
            assert known == {*notices}  # what is there is known to be there, and nothing else is

        return work, check

    return prepare


def _taken(office: Office, log: Log) -> set[Evidence]:
    """What the ledger is known to have, by the evidence of each entry."""
    return {office.outbox.evidence(log, index)[1] for index in range(SIZES[-1])}


@a_sample(7, 600)
def test_a_kill_at_any_point_loses_and_doubles_nothing(tmp_path: Path, points: int) -> None:
    assert kill_everywhere(_plan(tmp_path), points=points) == points


class Trusting(GazetteAnchor):
    """A planted fault: it sends unless its state says that it did, and looks nowhere."""

    def advance(self, checkpoint: Checkpoint, state: bytes, keep: Callable[[bytes], None]) -> Evidence | None:
        if not state.startswith(b"sent"):
            self.accept(checkpoint.digest)
            keep(b"sent: %b" % checkpoint.digest.hex().encode())
        return self.collect(checkpoint)


class Believing(GazetteAnchor):
    """A planted fault: what its state says was sent is there, it thinks."""

    def advance(self, checkpoint: Checkpoint, state: bytes, keep: Callable[[bytes], None]) -> Evidence | None:
        if not state.startswith(b"sent"):
            keep(b"sent: %b" % checkpoint.digest.hex().encode())
            self.accept(checkpoint.digest)
        return self.collect(checkpoint)


@pytest.mark.parametrize("make", [Trusting, pytest.param(Believing, marks=pytest.mark.soak)])
def test_planted_faults_are_found(make: type[GazetteAnchor], tmp_path: Path) -> None:
    with pytest.raises((AssertionError, ValueError)):
        kill_everywhere(_plan(tmp_path, make), points=300)
