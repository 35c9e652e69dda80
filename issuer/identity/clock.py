"""Corrections of the clock: an operator's word that it is right now and was ahead when something was signed.

Each is written down before anything is signed anew, so that the next command can finish interrupted work. A
checkpoint that is named here gives way to one of the right time; status lists that were in the log by then
are signed anew.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import orjson

from ledger import Checkpoint
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp
from wire.problem import Damaged, Malformed
from wire.strict import load_json_object

from ..shared import shared_in

FILE = "clock.json"
_VERSION = 1


@dataclass(frozen=True)
class Correction:
    """One such statement."""

    clock: str
    """The correct time that the clock showed then."""
    ahead: str
    """The latest time that had been signed by then."""
    checkpoint: str
    """The SHA-256, in hexadecimal, of the log's newest checkpoint, as it was signed."""
    entries: int
    """The number of entries that the log had."""


class ClockJournal:
    """The corrections of one issuer's clock."""

    def __init__(self, home: Path) -> None:
        self._shared = shared_in(home)

    def read(self) -> list[Correction]:
        """All of them, the latest last. Raises `Damaged`."""
        content = self._shared.read(FILE)
        if content is None:
            return []
        try:
            members = load_json_object(content)
            if members["version"] != _VERSION:
                raise Malformed(f"it is of another version than {_VERSION}")
            corrections = [Correction(**item) for item in members["corrections"]]
            for correction in corrections:
                parse_datetimestamp(correction.ahead, "ahead")
                if not isinstance(correction.checkpoint, str) or type(correction.entries) is not int:
                    raise Malformed("a member is of another type")
        except (Malformed, KeyError, TypeError) as error:
            raise Damaged(
                f"{self._shared.where(FILE)} cannot be read",
                hint="Take it from a backup; without one, remove it.",
            ) from error
        return corrections

    def add(self, *, clock: datetime, ahead: datetime, checkpoint: Checkpoint) -> None:
        """Writes one down, durably."""
        with self._shared.held(FILE):
            added = Correction(
                format_datetimestamp(clock),
                format_datetimestamp(ahead),
                _digest(checkpoint.note),
                checkpoint.size,
            )
            corrections = [asdict(correction) for correction in (*self.read(), added)]
            content = {"version": _VERSION, "corrections": corrections}
            self._shared.write(FILE, orjson.dumps(content, option=orjson.OPT_INDENT_2))

    def supersedes(self, note: bytes) -> bool:
        """True if the clock was ahead when this checkpoint was signed."""
        return _digest(note) in {correction.checkpoint for correction in self.read()}

    def entries(self) -> int:
        """The number of entries in the log at the last correction: lists among them may be dated ahead."""
        return max((correction.entries for correction in self.read()), default=0)

    def ahead(self) -> datetime | None:
        """The latest time at which anything was signed by a clock that was ahead."""
        times = [parse_datetimestamp(correction.ahead, "ahead") for correction in self.read()]
        return max(times, default=None)


def _digest(note: bytes) -> str:
    return hashlib.sha256(note).hexdigest()
