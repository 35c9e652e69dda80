"""Consistency of index, log and the other files: an older copy of one, put back, must not be used.

Each batch is journalled in the index under its key before it goes into the log. Afterwards it is recorded
there with the size that the log then has. So the log is never shorter than the index knows, and longer only
by batches that were journalled: by a process that is at work, or that was killed between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ledger import Log
from ledger.folder import Engines, newest_checkpoint
from ledger.log import LogReader
from wire.consent import NotAgreed
from wire.problem import Damaged, Declined, Problem
from wire.text import counted

from ..problem import OLDER_INDEX
from .index import Index
from .kept import Appended
from .versions import explains


def append(store: Index, log: Log, entries: Sequence[bytes], key: bytes) -> Appended:
    """Journals a batch, then appends it as `Log.append` does. The caller has to record it."""
    store.logged.intend(key)
    return Appended(key, log.append(entries, key))


def require_agreement(store: Index, log: LogReader) -> None:
    """Raises `Damaged` where the log or the index is an older copy than the other."""
    explained = store.logged.known().size  # asked first: others append meanwhile
    size = log.checkpoint().size
    if explained > size:
        raise Damaged(
            f"the index knows of log entry {explained - 1}, and the log has {_entries(size)}",
            hint="Bring the log's folder back from a backup: the credentials rest on it.",
        )
    explained, begun = store.logged.known()  # asked last: what is in the log by now had been journalled
    ranges = [log.find(key) for key in begun] if size > explained else []
    if not explains(explained, size, ranges):
        raise _older(explained, size)


def require_not_older(
    store: Index, home: Path, closing: datetime | None, *, engines: Engines | None = None
) -> None:
    """The same check, as far as possible without opening the log.

    It also refuses a closed issuer that was reopened.

    `closing` is when it closed, by its description. Raises `Damaged`, and `NotAgreed` and `Declined` where
    the log's address may not be used.
    """
    if store.revocations.closed() and closing is None:
        raise Damaged(
            f"{home / 'issuer.json'} is an older copy: the issuer has closed since",
            hint="Bring the newest back.",
        )
    try:
        size = newest_checkpoint(home, engines=engines).size
    except (NotAgreed, Declined):  # not passed over: the user answers once, for all that is done here
        raise
    except Problem:  # which opening the log says better
        return
    explained, begun = store.logged.known()
    if explained < size and not begun:
        raise _older(explained, size)


def _older(explained: int, size: int) -> Damaged:
    return OLDER_INDEX(
        f"the log has {_entries(size)}, of which the index explains {explained}: is the index an older copy?"
    )


def _entries(size: int) -> str:
    return counted(size, "entry", "entries")
