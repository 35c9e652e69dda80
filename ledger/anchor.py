"""Another ledger that takes checkpoints: the seam between the outbox and whatever that ledger is.

An anchor sends one checkpoint at a time and remembers nothing between calls: what has to outlive a crash is a
`state`, in bytes of its own, that the caller keeps durably. So the same calls, made again, go on from there.
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
    """The log whose checkpoints are taken, and what an anchor may need of where it lives."""

    folder: Path
    log: LogReader
    passphrase: Callable[[], bytes | None]
    """Asked where a key that pays is sealed."""
    nodes: Callable[[str], str | None]
    """What is said, elsewhere than in a file, of where the ledger of a name is reached: it may be secret."""


class Anchor(Protocol):
    """Takes checkpoints of one log, and gives evidence of them once they are there for good.

    Every method may raise `Unavailable`; the same call is made again later then. Any other `Problem` says
    what is in the way until somebody has seen to it; the checkpoint waits.
    """

    @property
    def name(self) -> str:
        """By which evidence and trust files call the ledger; if it is a chain, by CAIP-2."""

    @property
    def kind(self) -> str:
        """Of the evidence that it gives."""

    def prepare(self, checkpoint: Checkpoint) -> bytes:
        """What is going to be sent, and not sent yet: kept durably before `advance` is called."""

    def advance(self, checkpoint: Checkpoint, state: bytes, keep: Callable[[bytes], None]) -> Evidence | None:
        """Sends what is not sent, replaces what is stuck, and gives the evidence once it is final.

        `keep` is called with the next state, and returns when that is durable, before anything is sent that
        the state before does not know. Idempotent: what was sent before a crash is found again by what the
        ledger has of the log, never by the state alone, which may be forgotten.
        """

    def confirm(self, checkpoint: Checkpoint, evidence: Evidence) -> bool:
        """Whether what was final is so still. If not, the checkpoint is sent again."""

    def examine(self) -> Iterable[Finding]:
        """What is worth knowing of the way there, such as a balance that is low."""
