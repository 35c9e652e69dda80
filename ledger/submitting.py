"""A round of the outbox: send due checkpoints, collect their evidence, and put back those that were lost.

It works on signed checkpoints only, and holds no lock that an issuer waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from wire.problem import Problem

from .anchor import Anchor, Sender
from .anchors import ANCHORS, AnchorKind, anchor_kind
from .note import Checkpoint
from .outbox import Destination, Outbox

PATIENCE = 5.0
"""Seconds to wait for another process that looks after the same outbox."""


@dataclass(frozen=True, slots=True)
class Round:
    """The result of a round for one ledger."""

    destination: Destination
    anchored: tuple[Checkpoint, ...]
    """Checkpoints that the ledger was found to have now."""
    gone: tuple[Checkpoint, ...]
    """Checkpoints that it was found to have no longer."""
    problem: Problem | None
    """The problem that ended the round; the next round resumes."""


def look_after(
    sender: Sender,
    clock: Callable[[], datetime],
    kinds: Mapping[str, AnchorKind] = ANCHORS,
    *,
    patience: float = PATIENCE,
) -> Iterator[Round]:
    """Make a round of the log's outbox, ledger by ledger; a problem with one does not hold up the others.

    Each ledger is sent the newest checkpoint when its interval is over and something was appended, one at a
    time. Raises `TryLater` where another process makes a round for longer than `patience`.
    """
    outbox = Outbox(sender.folder)
    with turn(outbox, patience):
        for destination in outbox.destinations():
            yield _Visit(sender, outbox, clock, destination).made(kinds)


def turn(outbox: Outbox, patience: float = PATIENCE) -> AbstractContextManager[None]:
    """Lock the outbox, as `Outbox.turn` does."""
    return outbox.turn(patience)


@dataclass(slots=True)
class _Visit:
    sender: Sender
    outbox: Outbox
    clock: Callable[[], datetime]
    to: Destination
    anchored: list[Checkpoint] = field(default_factory=list)
    gone: list[Checkpoint] = field(default_factory=list)

    def made(self, kinds: Mapping[str, AnchorKind]) -> Round:
        problem = None
        try:
            self.outbox.see(self.to, self.clock())
            anchor = anchor_kind(self.to.name, kinds).open(self.to.name, self.to.settings, self.sender)
            self._confirm(anchor)
            self._advance(anchor)
            # With the lines of witnesses, if there are any: whoever asks for both could else count neither.
            newest = Checkpoint.parse(self.sender.log.published())
            if self.outbox.take(self.to, newest, self.clock()):
                self._advance(anchor)
        # Kept for the round's report: one ledger that fails must not hold up the others.
        except Problem as found:
            problem = found
        return Round(self.to, tuple(self.anchored), tuple(self.gone), problem)

    def _confirm(self, anchor: Anchor) -> None:
        """Check from the newest back to the first that is still there: a later one implies the earlier ones.

        Lost ones are looked for first: a node that erred, or followed another branch, may be right by now.
        """
        for lost in self.outbox.lost(self.to):
            # ADR 56: what is there again is not sent, and paid for, a second time.
            if lost.evidence is not None and anchor.confirm(lost.checkpoint, lost.evidence):
                self.outbox.find_again(lost)
                self.anchored.append(lost.checkpoint)
        while (there := self.outbox.newest(self.to)) is not None and there.evidence is not None:
            if anchor.confirm(there.checkpoint, there.evidence):
                return
            self.outbox.put_back(there, self.clock())
            self.gone.append(there.checkpoint)

    def _advance(self, anchor: Anchor) -> None:
        waiting = self.outbox.waiting(self.to)
        if waiting is None:
            return
        state = waiting.state
        if state is None:
            state = anchor.prepare(waiting.checkpoint)
            # ADR 56: durable before anything is sent.
            self.outbox.keep(waiting, state)
        evidence = anchor.advance(waiting.checkpoint, state, partial(self.outbox.keep, waiting))
        if evidence is not None:
            self.outbox.settle(waiting, evidence, self.clock())
            self.anchored.append(waiting.checkpoint)
