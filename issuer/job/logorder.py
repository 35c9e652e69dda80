"""The order in which the credentials of one write go into the log.

JSON goes in as it was issued. Credentials of other forms, of which a record has several, are ordered by their
digests: verifiers who compare two places in the log could else link both to one person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from kinds import Record
from vc.secured import INTEGRITY

from ..press.press import Line


class PendingEntry(NamedTuple):
    """The log entry of a credential on its way into the log."""

    seq: int
    entry: bytes
    form: str
    """The media type of its form."""
    record: Record

    @classmethod
    def of_line(cls, line: Line) -> PendingEntry:
        """The entry of a credential as it was stored. Raises as `Line.secured`."""
        return cls(line.seq, line.entry, line.secured.form, line.record)


def in_log_order(written: Sequence[PendingEntry]) -> Sequence[PendingEntry]:
    """The entries of single credentials in their order; completing a write again gives the same order."""
    records = {orjson.dumps(each.record, option=orjson.OPT_SORT_KEYS) for each in written}
    return written if len(records) == len(written) else sorted(written, key=_place)


def in_shard_order(printed: Iterable[tuple[PendingEntry, bytes]]) -> list[tuple[PendingEntry, bytes]]:
    """Credentials of which each record has several forms, with their lines, in the order of the log."""
    return sorted(printed, key=lambda each: _place(each[0]))


def _place(credential: PendingEntry) -> bytes:
    """The sort key: JSON first, in its own order, then all others by their digests."""
    return b"" if credential.form == INTEGRITY else credential.entry
