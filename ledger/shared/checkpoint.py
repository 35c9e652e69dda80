"""The newest checkpoint where several machines share a log: in a file of each, and in their database.

A dump of the database that is brought back agrees with itself. The file of each machine that saw more of the
log refuses it (ADR 13), and the database refuses an old copy of a log that is kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from wire.problem import Damaged

from ..note import Checkpoint
from ..problem import InvalidEvidence
from ..tiles.disk import KeptCheckpoint


class Newest(Protocol):
    """The newest checkpoint in the database."""

    def newest(self) -> bytes | None:
        """Its note, if there is one."""

    def keep_newest(self, size: int, note: bytes) -> None:
        """Keeps the note of a log of this size, unless there is one of a longer log."""


class SharedCheckpoint(KeptCheckpoint):
    """The checkpoint in the file of this machine and in the database. Raises the errors of both."""

    def __init__(self, path: Path, database: Newest) -> None:
        super().__init__(path)
        self._database = database

    def notes(self) -> list[bytes]:
        """The checkpoints in the file and in the database, so that the longer log counts."""
        newest = self._database.newest()
        return [*super().notes(), *([] if newest is None else [newest])]

    def keep(self, newest: Callable[[], bytes | None]) -> None:
        super().keep(newest)
        if (note := self.read()) is not None:
            self._database.keep_newest(_parsed(note).size, note)

    def see(self, newest: Callable[[], Checkpoint | None]) -> None:
        """Keeps it in the file."""
        seen = newest()
        if seen is not None and self.read() != seen.note:
            super().keep(lambda: self._newer(seen))

    def _newer(self, seen: Checkpoint) -> bytes | None:
        """The checkpoint that was seen, unless another process of this machine has seen a longer log."""
        note = self.read()
        kept = None if note is None else _parsed(note)
        # ADR 13: the file never goes back; one of another origin is of a log that was replaced on purpose.
        is_older = kept is not None and kept.origin == seen.origin and kept.size > seen.size
        return None if is_older else seen.note


def _parsed(note: bytes) -> Checkpoint:
    try:
        return Checkpoint.parse(note)
    except InvalidEvidence as error:
        raise Damaged("the checkpoint that was kept of the log cannot be read") from error
