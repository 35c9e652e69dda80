"""Findings about a log's outbox, the ways to the ledgers it names, and its witnesses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from wire.health import Finding
from wire.problem import Problem

from .anchor import Sender
from .anchors import AnchorKind, anchor_kind
from .cosigned import Cosigned
from .outbox import Destination, Outbox


def examine_outbox(sender: Sender, now: datetime, kinds: Mapping[str, AnchorKind]) -> Iterator[Finding]:
    """Findings for each ledger: its newest checkpoint, those late or lost, and what its anchor reports."""
    outbox = Outbox(sender.folder)
    for destination in outbox.destinations():
        yield from _kept(outbox, destination, now)
        try:
            anchor = anchor_kind(destination.name, kinds).open(destination.name, destination.settings, sender)
            yield from anchor.examine()
        except Problem as problem:
            yield Finding.failed("anchor-not-examined", problem, ledger=destination.name)


def _kept(outbox: Outbox, destination: Destination, now: datetime) -> Iterator[Finding]:
    ledger = destination.name
    if (there := outbox.newest(destination)) is not None and there.anchored is not None:
        time = _minute(there.anchored)
        yield Finding.passed("anchor-has", ledger=ledger, entries=there.checkpoint.size, time=time)
    for lost in outbox.gone(destination)[-1:]:
        yield Finding.failed("anchor-gone", ledger=ledger, entries=lost.checkpoint.size)
    waiting = outbox.waiting(destination)
    if waiting is not None and now - waiting.taken > destination.every:
        time = _minute(waiting.taken)
        yield Finding.warned("anchor-waits", ledger=ledger, entries=waiting.checkpoint.size, time=time)
    if now - destination.seen > 2 * destination.every:
        yield Finding.warned("anchor-not-run", ledger=ledger, time=_minute(destination.seen))


def examine_witnesses(cosigned: Cosigned, entries: int) -> Iterator[Finding]:
    """Findings about the witnesses that a log of so many entries asks, as they answered last."""
    held, lost = cosigned.size() or 0, cosigned.quorum().lost
    if lost is not None:
        yield Finding.failed("quorum-lost", entries=entries - held, time=_minute(lost))
    elif held < entries:
        yield Finding.warned("entries-unwitnessed", entries=entries - held)
    else:
        yield Finding.passed("quorum-has", entries=held)
    for each in cosigned.witnesses():
        # Told, and no more: whoever runs a witness can say any number.
        if each.said is not None:
            yield Finding.warned("witness-ahead", witness=each.key.name, entries=each.said, known=entries)
        elif each.problem:
            yield Finding.warned("witness-without-line", witness=each.key.name, problem_code=each.problem)


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}Z"
