"""Diplomas that are not issued by file. Requests of several threads at once are batched.

The order is: signed lines in the index, begun; their entries in the log, as one batch; the editions in the
index. The next process completes a batch that a killed one had begun.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from kinds import Record
from ledger import Log
from wire.datetimestamp import format_datetimestamp
from wire.problem import Problem, Refused

from ..archive.archive import Archive, unpack
from ..archive.consistency import append
from ..archive.frame import to_frame
from ..archive.kept import KindNumber, NewEntry, Single, batch_key
from ..identity.home import Identity
from ..identity.succession import require_in_force
from ..press.press import Press
from ..shared import shared_in
from ..status.lists import Lists
from .logorder import PendingEntry, in_log_order

_BLOCK = 64  # the most sequence numbers that a process takes at a time, unless more are wanted at once


class Edition(NamedTuple):
    """A copy of an edition to be issued in the form of its press, perhaps bound to a holder."""

    record: Record
    press: Press
    edition: int = 1
    holder: str | None = None
    generation: int | None = None
    """Of the link by which it is claimed."""
    copy: int = 1
    copies: int = 1
    """The number of copies issued in this form."""
    joins: bool = False
    """True to add it to an existing edition in another form."""


class RecordRefused(Refused):
    """One of several records cannot be issued, and so none of them was: which, from 0, and why."""

    code = "record-refused"
    title = "One of the records cannot be issued"

    def __init__(self, position: int, problem: Problem) -> None:
        super().__init__(f"record {position + 1}: {problem.detail}", because=problem, position=position)
        self.position, self.problem = position, problem


class Singles:
    """Issues single diplomas into one index and log, and publishes the status lists that they change."""

    def __init__(
        self,
        archive: Archive,
        log: Log,
        lists: Lists,
        home: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._forms = archive.store, archive.forms
        self._log, self.lists = log, lists
        self._home, self._clock = home, clock
        self._under_way: dict[int, KindNumber] = {}
        """Kind and number of each credential that a thread here is about to complete, by sequence number."""
        self._completed = threading.Condition()
        self._block = range(0)
        self._block_size = 1
        self._block_lock = threading.Lock()

    def issue(self, calls: Sequence[Sequence[Edition]]) -> list[list[int] | Problem]:
        """For each call, the sequence numbers of its credentials, all or none; or the error in it."""
        with shared_in(self._home).held(
            "rotation", shared=True
        ):  # what is signed is in the log before another key
            return self._issue(calls)

    def _issue(self, calls: Sequence[Sequence[Edition]]) -> list[list[int] | Problem]:
        self.recover()
        Identity.read(self._home).require_open()
        now = self._log.now()  # before a number is taken
        for method in {each.press.verification_method for call in calls for each in call}:
            require_in_force(self._home, method)
        signed = [self._sign(call, now) for call in calls]
        whole = [call for call in signed if not isinstance(call, Problem)]
        asked = {
            single.entry.seq: edition
            for call, editions in zip(signed, calls, strict=True)
            if not isinstance(call, Problem)
            for single, edition in zip(call, editions, strict=True)
        }
        under_way = {single.entry.seq: single.entry.which for call in whole for single in call}
        with self._completed:
            self._under_way |= under_way  # before it is begun: who sees it begun sees it here, too
        try:
            refused = self._store.begin_singles(whole)
            begun = [
                single for call, why in zip(whole, refused, strict=True) if why is None for single in call
            ]
            if begun:
                entries = [
                    PendingEntry(seq, single.log_entry, asked[seq].press.form.media_type, asked[seq].record)
                    for single in begun
                    for seq in [single.entry.seq]
                ]
                self._complete(batch_key([each.entry for each in entries]), entries)
                self.lists.publish_for((), now=self._clock())
        finally:
            with self._completed:
                for seq in under_way:
                    del self._under_way[seq]
                self._completed.notify_all()
        why = iter(refused)
        return [call if isinstance(call, Problem) else _answer(call, next(why)) for call in signed]

    def recover(self, which: KindNumber | None = None) -> None:
        """Completes all batches that were begun, except those that another thread here is about to complete.

        If such a batch has an edition of `which`, it waits for that thread: the caller's next decision
        depends on it. The caller holds none of the issuer's locks then.
        """
        with self._completed:
            self._completed.wait_for(lambda: which not in self._under_way.values())
        for key, singles in self._store.begun_singles():
            if not self._under_way.keys() >= {seq for seq, _ in singles}:
                lines = [unpack(seq, packed, self._forms) for seq, packed in singles]
                self._complete(key, [PendingEntry.of_line(line) for line in lines])

    def _sign(self, call: Sequence[Edition], now: datetime) -> list[Single] | RecordRefused:
        signed = []
        for position, (seq, asked) in enumerate(zip(self._take(len(call)), call, strict=True)):
            try:
                printed = asked.press.print(
                    asked.record,
                    seq,
                    now,
                    edition=asked.edition,
                    holder=asked.holder,
                    copy=asked.copy,
                    copies=asked.copies,
                )
            except Problem as problem:
                return RecordRefused(position, problem)
            kind = asked.press.composer.kind
            number, name, email = kind.listed(asked.record)
            edition, form = (asked.edition, asked.copy), asked.press.composer.form
            entry = NewEntry(seq, kind.name, number, *edition, None, name, email, form)
            packed = to_frame(printed.line)
            signed.append(Single(entry, packed, printed.entry, printed.id, asked.generation, asked.joins))
        return signed

    def _complete(self, key: bytes, written: Sequence[PendingEntry]) -> None:
        ordered = in_log_order(written)
        batch = append(self._store, self._log, [each.entry for each in ordered], key)
        with self.lists.changing():  # the editions before are revoked
            seqs = [each.seq for each in ordered]
            self._store.finish_singles(seqs, batch, format_datetimestamp(self._log.now()))

    def _take(self, count: int) -> list[int]:
        """Takes sequence numbers, ascending. A command takes one from the index, a service many at a time."""
        with self._block_lock:
            taken = list(self._block[:count])
            self._block = self._block[len(taken) :]
            if wanted := count - len(taken):
                size = max(self._block_size, wanted)
                first = self._store.reserve(size)
                taken += range(first, first + wanted)
                self._block = range(first + wanted, first + size)
                self._block_size = min(2 * self._block_size, _BLOCK)
            return taken


def _answer(call: Sequence[Single], refused: tuple[int, Problem] | None) -> list[int] | RecordRefused:
    return RecordRefused(*refused) if refused else [single.entry.seq for single in call]
