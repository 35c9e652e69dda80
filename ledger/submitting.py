"""Looking after an outbox: what is due is sent, what was sent is collected, what is gone is put back.

It works on what was signed before, and holds nothing that an issuer waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from wire.files import locked
from wire.problem import Problem

from .anchor import Anchor, Sender
from .anchors import ANCHORS, AnchorKind, anchor_kind
from .note import Checkpoint
from .outbox import Destination, Outbox

PATIENCE = 5.0
"""Seconds that one waits for another who looks after the same outbox."""


@dataclass(frozen=True, slots=True)
class Round:
    """What came of looking after one ledger."""

    destination: Destination
    anchored: tuple[Checkpoint, ...]
    """What the ledger was found to have now."""
    gone: tuple[Checkpoint, ...]
    """What it was found to have no longer."""
    problem: Problem | None
    """What was in the way; the same round, made again, goes on."""


def look_after(
    sender: Sender,
    clock: Callable[[], datetime],
    kinds: Mapping[str, AnchorKind] = ANCHORS,
    *,
    patience: float = PATIENCE,
) -> Iterator[Round]:
    """Makes a round of the log's outbox, ledger by ledger; what keeps one keeps none of the others.

    To each ledger the newest checkpoint goes when its interval is over and something was appended, one at a
    time. Raises `TryLater` where another process makes a round for longer than `patience`.
    """
    outbox = Outbox(sender.folder)
    with turn(outbox, patience):
        for destination in outbox.destinations():
            yield _Visit(sender, outbox, clock, destination).made(kinds)


def turn(outbox: Outbox, patience: float = PATIENCE) -> AbstractContextManager[None]:
    """Holds the outbox, so that nobody else sends or changes where things go meanwhile."""
    return locked(outbox.folder / "anchors", patience=patience)


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
            if self.outbox.take(self.to, self.sender.log.checkpoint(), self.clock()):
                self._advance(anchor)
        except Problem as found:
            problem = found
        return Round(self.to, tuple(self.anchored), tuple(self.gone), problem)

    def _confirm(self, anchor: Anchor) -> None:
        """From the newest back to the first that is still there: where a later one is, earlier ones are.

        What was gone is looked for first: a node that erred, or followed another branch, may be right by now.
        """
        for lost in self.outbox.lost(self.to):
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
            self.outbox.keep(waiting, state)
        evidence = anchor.advance(waiting.checkpoint, state, partial(self.outbox.keep, waiting))
        if evidence is not None:
            self.outbox.settle(waiting, evidence, self.clock())
            self.anchored.append(waiting.checkpoint)
