"""Selecting from all that was issued: by kind, state, day, claim and title, one edition at a time.

The index alone answers most of it. A claim makes a later edition, so later editions show which credentials a
wallet has claimed. A title is in the credentials alone: each that is left has to be read for it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import tee
from typing import NamedTuple

from wire.datetimestamp import parse_datetimestamp

from .archive import Archive
from .kept import DEFAULT, EditionState, Entry


@dataclass(frozen=True)
class Filter:
    """A filter for editions; a property without a value excludes none."""

    kind: str = ""
    state: EditionState | None = None
    since: date | None = None
    """The first day of issue, in UTC."""
    until: date | None = None
    """The last day of issue, in UTC."""
    claimed: bool | None = None
    """True for credentials that a wallet has, false for the others.

    Superseded editions do not show it, and are left out.
    """
    title: str = ""
    """A part of the title, in whatever case."""
    form: str | None = None
    """The name of a form, as an `Entry` has it; without one, editions are listed in the first of theirs."""


class ClaimedBy(NamedTuple):
    """The claim of a credential by a wallet."""

    holder: str
    """The DID of the wallet's key, to which the edition is bound."""
    time: datetime | None
    """The time at which the first edition for that wallet was signed, if its form says so."""


@dataclass(frozen=True)
class Listing:
    """One issuer's editions, with what an `Entry` does not say of them.

    Jobs are looked up once. For a job that begins later, each credential is read. Raises `Damaged` where a
    credential is not as written, and `FormNotKnown`.
    """

    archive: Archive

    def select(self, entries: Iterable[Entry], wanted: Filter) -> Iterator[Entry]:
        """Yields the wanted editions in the given order, without collecting them."""
        fitting = (entry for entry in entries if self.fits(entry, wanted))
        return self._titled(fitting, wanted.title.casefold()) if wanted.title else fitting

    def fits(self, entry: Entry, wanted: Filter) -> bool:
        """True for an edition that passes all filters but the title's. The costly filters come last."""
        if wanted.kind not in ("", entry.kind) or wanted.state not in (None, entry.state):
            return False
        if not self.is_in(entry, wanted.form):
            return False
        if wanted.since is not None or wanted.until is not None:
            issued = self.issued(entry)
            first, last = wanted.since or date.min, wanted.until or date.max
            if issued is None or not first <= issued.date() <= last:
                return False
        if wanted.claimed is None:
            return True
        return entry.state is not EditionState.SUPERSEDED and self.is_claimed(entry) is wanted.claimed

    def is_in(self, entry: Entry, form: str | None) -> bool:
        """True if the edition is of this form. Without a form, true for the first form of its edition."""
        if form is not None or entry.form == DEFAULT:
            return form in (None, entry.form)
        return self.archive.store.copies(entry.which, entry.edition)[0].form == entry.form

    def issued(self, entry: Entry) -> datetime | None:
        """The time at which an edition was signed, if its form says so; all rows of a file have one time."""
        place = bisect_right(self._starts, entry.seq) - 1
        if place >= 0 and entry.seq < self._jobs[place].stop:
            return self._jobs[place].created
        return self.archive.line(entry.seq, entry.leaf).created

    def is_claimed(self, entry: Entry) -> bool:
        """True for an edition bound to a wallet.

        A first edition never is: a claim makes another.
        """
        return entry.edition > 1 and self.archive.line(entry.seq, entry.leaf).holder is not None

    def claim(self, entry: Entry) -> ClaimedBy | None:
        """The wallet that has claimed an edition, and when; `None` for one that is bound to nobody."""
        if entry.edition == 1:
            return None
        line = self.archive.line(entry.seq, entry.leaf)
        if line.holder is None:
            return None
        first = line
        for edition in range(entry.edition - 1, 1, -1):  # a correction stays bound to its holder
            former = self.archive.store.copies(entry.which, edition)
            before = (self.archive.line(copy.seq, copy.leaf) for copy in former)
            bound = next((each for each in before if each.holder == line.holder), None)
            if bound is None:
                break
            first = bound
        return ClaimedBy(line.holder, first.created)

    def _titled(self, entries: Iterable[Entry], title: str) -> Iterator[Entry]:
        entries, again = tee(entries)
        lines = self.archive.lines((entry.seq, entry.leaf) for entry in again)
        for entry, line in zip(entries, lines, strict=True):
            if title in line.secured.claims.title.casefold():
                yield entry

    @cached_property
    def _jobs(self) -> list[_Run]:
        return [
            _Run(job.seqs.start, job.seqs.stop, parse_datetimestamp(job.created, "created"))
            for job in self.archive.store.jobs()
        ]

    @cached_property
    def _starts(self) -> list[int]:
        return [job.start for job in self._jobs]


class _Run(NamedTuple):
    """The sequence numbers of a job's rows, and when it was begun."""

    start: int
    stop: int
    created: datetime
