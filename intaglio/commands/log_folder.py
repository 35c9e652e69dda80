"""A log's folder, as the commands about logs are handed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ledger.anchors import AnchorKind
from ledger.folder import open_to_read
from ledger.log import LogReader


class LogFolder(NamedTuple):
    """A log's folder, the clock, and which other ledgers there may be."""

    folder: Path
    now: Callable[[], datetime]
    named: bool
    """Whether the folder was typed; else it is the issuer's."""
    anchors: Mapping[str, AnchorKind]

    def open(self) -> LogReader:
        """The log, to read."""
        return open_to_read(self.folder)
