"""The interface between the outbox and another ledger that takes checkpoints.

An anchor sends one checkpoint at a time and remembers nothing between calls. Its `state`, in bytes of its
own, has to outlive a crash, so the caller keeps it durably. The same calls, made again, go on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

from wire.health import Finding

from .evidence import Evidence
from .log import LogReader
from .note import Checkpoint


class Sender(NamedTuple):
    """The log whose checkpoints are taken, with the folder, passphrase and nodes that an anchor may need."""

    folder: Path
    log: LogReader
    passphrase: Callable[[], bytes | None]
    """Called for the passphrase where the key that pays is sealed."""
    nodes: Callable[[str], str | None]
    """The way to the ledger of a name, where it is not given in a file; it may be secret."""


class Anchor(Protocol):
    """Takes checkpoints of one log, and gives evidence of them once they are there for good.

    Every method may raise `Unavailable`; then the same call is made again later. Any other `Problem` stays in
    the way until somebody sees to it; the checkpoint waits.
    """

    @property
    def name(self) -> str:
        """The ledger's name in evidence and trust files; that of a chain is by CAIP-2."""

    @property
    def kind(self) -> str:
        """The kind of the evidence that this anchor gives."""

    def prepare(self, checkpoint: Checkpoint) -> bytes:
        """The state of a checkpoint that is not sent yet; the caller keeps it durably before `advance`."""

    def advance(self, checkpoint: Checkpoint, state: bytes, keep: Callable[[bytes], None]) -> Evidence | None:
        """Sends what is not sent, replaces what is stuck, and gives the evidence once it is final.

        `keep` is called with the next state, and returns when that is durable, before anything is sent that
        the state before does not know. Idempotent: after a crash the ledger's own record of the log shows
        what was sent, since the state may be forgotten.
        """

    def confirm(self, checkpoint: Checkpoint, evidence: Evidence) -> bool:
        """Check that a final checkpoint is still there. If not, the checkpoint is sent again."""

    def examine(self) -> Iterable[Finding]:
        """Findings about the way to the ledger, such as a low balance."""
