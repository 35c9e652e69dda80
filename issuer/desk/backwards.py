"""A service never answers from an older state of the issuer's database than the one that it answered from.

A dump that is brought back, or a standby that lacks the last moments, agrees with itself: its lists know
nothing of the last revocations.
"""

from __future__ import annotations

from ledger.note import Checkpoint
from ledger.shared.checkpoint import Newest
from wire.problem import Damaged


class NeverBackwards:
    """The newest checkpoint that the database was seen to have; nothing to do for an issuer in a folder."""

    def __init__(self, database: Newest | None) -> None:
        self._database, self._size = database, 0

    def require(self) -> None:
        """Raises `Damaged` where the database has gone back. Call it after what it had is read.

        Each version of a list or a document is in the log, so the log has grown wherever one has changed.
        """
        if self._database is None:
            return
        seen = self._size  # asked first: others publish meanwhile
        note = self._database.newest()
        size = 0 if note is None else Checkpoint.parse(note).size
        if size < seen:
            raise Damaged(
                f"the issuer's database has gone back from {seen} log entries to {size}",
                hint="Bring the newer database back; nothing is published from an older one.",
            )
        self._size = max(seen, size)
