"""A log as others read it over HTTP (C2SP tlog-tiles): its files by path, and how long each may be cached."""

from __future__ import annotations

import re
from typing import NamedTuple

from ledger.log import LogReader
from ledger.tiles.layout import is_tile
from ledger.tiles.store import CHECKPOINT

FOR_EVER = "public, max-age=31536000, immutable"
BRIEFLY = "public, max-age=2"
"""For a checkpoint, and for a partial tile, which is gone once a full one has taken its place."""
_RUN = re.compile(r"lookup/[0-9]/[0-9]{1,9}/(x[0-9]{3}/){0,6}[0-9]{3}", re.ASCII)


class LogFile(NamedTuple):
    """The answer to a request."""

    content: bytes | None
    media_type: str
    kept: str


NOTHING = LogFile(None, "", "")


def log_file(log: LogReader, path: str) -> LogFile:
    """The content that a log serves at a path below its own.

    The checkpoint is the newest that enough witnesses have signed, where the log asks any. It is never older
    than one that was seen before. Raises `Damaged` and what its engine raises.
    """
    if path == CHECKPOINT:
        return LogFile(log.published(), "text/plain; charset=utf-8", BRIEFLY)
    if is_tile(path):
        kept = FOR_EVER if is_tile(path, full=True) else BRIEFLY
        return LogFile(log.store.get(path), "application/octet-stream", kept)
    return NOTHING


def is_run(path: str) -> bool:
    """True for the path of a look-up file that never changes (`ledger.lookup`)."""
    return _RUN.fullmatch(path) is not None
