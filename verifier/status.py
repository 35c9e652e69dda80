"""The status of one credential, from every list that can be had: stapled, on this machine, or fetched.

The meaning of an entry depends on its purpose (ADR 65). The newest list that verifies decides, so that an old
copy in a bundle cannot hide a revocation that is known here. A revocation in any of them is final; a
suspension is not, and stands only where the newest list has it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from vc import Anchored, Claims, StatusList
from vc.reading import identifier, read, received
from vc.report import StatusTime
from vc.status import (
    UNKNOWN_STATUS_ENTRY,
    Reason,
    StatusEntry,
    details_urls,
    read_revocation,
)
from vc.status.kind import Effect, EntryOfKind, StatusKind, StatusKinds, entries, entry_of, of_file
from wire import Damaged, Problem, TooLarge, Unavailable
from wire.clock import DatedAhead, is_ahead, require_not_ahead
from wire.problem import Code
from wire.text import shortened
from wire.work import BYTES_UNPACKED

from .own import NotItsList, StatusDocuments
from .problem import (
    STATUS_LIST_ENDED,
    STATUS_LIST_ENDED_OFFLINE,
    STATUS_LIST_MISSING,
    STATUS_LIST_MISSING_OFFLINE,
    STATUS_LIST_SHORT,
    STATUS_LIST_UNUSABLE,
    STATUS_UNKNOWN,
)
from .sources.lists import MAX_LIST, Fetched, ListSource, is_web_address
from .sources.trust_entries import RecognisedIssuer
from .standing import PURPOSES, Standing

if TYPE_CHECKING:  # loaded where one was taken
    from vc.reading.status_digest import WholeDigest

MOST_UNPACKED = 1 << 25
"""Bytes of all lists that one verification unpacks: 2,000 of the size that most have."""

RECENT = timedelta(days=1)
"""A list older than this has its date in the verdict: a later revocation may not be known here."""


class Revoked(Problem):
    """The issuer took the credential back."""

    code = "revoked"
    title = "Revoked by the issuer"


SUPERSEDED = Code("superseded", Revoked)
"""A newer edition stands in the credential's place."""
REVOKED_UNEXPLAINED = Code("revoked-unexplained", Revoked)
"""The same where no date and reason that the issuer signed are at hand."""


class Suspended(Problem):
    """The issuer does not stand by the credential for the time being; it may do so again."""

    code = "suspended"
    title = "Suspended by the issuer"


STATUS_PURPOSE_UNKNOWN = UNKNOWN_STATUS_ENTRY.finer("status-purpose-unknown")
"""The status is for a purpose that this program does not know: what its value means is open."""
STATUS_VALUE_UNKNOWN = UNKNOWN_STATUS_ENTRY.finer("status-value-unknown")
"""The status has a value that this program does not know: what it means is open."""


class StatusLookup:
    """Looks credentials up in lists that are authenticated for their issuer; opens each list once."""

    def __init__(
        self,
        stapled: Sequence[Anchored],
        sources: Iterable[ListSource],
        documents: StatusDocuments,
        kinds: StatusKinds,
        digests: Sequence[WholeDigest] = (),
        spoilt: Problem | None = None,
    ) -> None:
        """`digests` are the status digests at hand; `spoilt` is the problem of one that cannot be read."""
        self._documents, self._work, self._memory = documents, documents.work, documents.memory
        self._stapled, self._sources, self._kinds = stapled, tuple(sources), kinds
        self._digests, self._spoilt = digests, spoilt
        self._opened: dict[tuple[str, str, bool], _Opened] = {}
        self._unpacked: dict[tuple[int, str, int, str], StatusList] = {}
        self._left = MOST_UNPACKED
        self.unreached: set[str] = set()
        """Lists that a source could not give: the copies at hand may be out of date."""

    def unreached_of(self, claims: Claims) -> Collection[str]:
        """The lists named by a credential's entries that a source could not give."""
        if not self.unreached:
            return ()
        return self.unreached.intersection(each.entry.list_url for each in entries(claims, self._kinds))

    def check(
        self,
        values: Iterable[Mapping[str, Any]],
        issuer: str,
        now: datetime,
        recognised: RecognisedIssuer | None,
    ) -> Sequence[Standing]:
        """The standing by each status entry of a credential, in their order.

        All are looked up before one decides: an entry that cannot be looked up would otherwise hide the
        revocation in the next one. Raises the worst problem: `Revoked`, `Suspended`, another fault, an open
        question.
        """
        standings, problems = [], []
        for value in values:
            try:
                standings.append(self._standing(entry_of(value, self._kinds), issuer, now, recognised))
            except Problem as problem:
                problems.append(problem)
        if problems:
            raise min(problems, key=_weight)
        return standings

    def _standing(
        self, status: EntryOfKind, issuer: str, now: datetime, recognised: RecognisedIssuer | None
    ) -> Standing:
        """The newest list's value for one entry; lists are fetched of recognised issuers only.

        Lists that an issuer dated after it closed have no end, since no newer ones come. Raises `Revoked`,
        `Suspended`, `STATUS_UNKNOWN`, or the problem of a list that is not what it seems.
        """
        kind, entry = status
        if entry.purpose not in PURPOSES:  # neither value is known to be harmless
            raise STATUS_PURPOSE_UNKNOWN.saying(
                "the status is for the purpose {purpose}, which is not known here",
                purpose=shortened(entry.purpose),
            )
        fetch = recognised is not None  # else a stranger could make this host connect anywhere (SSRF)
        closed = recognised.last_lists if recognised and recognised.closed else None
        digested = self._digested(status, issuer, now, closed)
        past = [copy for copy in digested if not is_ahead(copy.start, now)]

        def is_before_last(start: datetime) -> bool:
            return closed is not None and start < closed <= now  # the list of the closing is newer

        # Who asks for a list shows the issuer which credentials are looked at: a digest in force is enough.
        asks = not any(copy.is_good and not is_before_last(copy.start) for copy in past)
        opened = self._open(entry.list_url, issuer, now, fetch=fetch, asks=asks)
        doubt = opened.doubt
        if self._spoilt is not None:  # a digest that may tell of a revocation
            doubt = STATUS_UNKNOWN.saying("{why}", why=self._spoilt, because=self._spoilt)
        # ADR 65: a revocation is final in any list or digest of the issuer's.
        if any(kind.effect(entry, copy.value) is Effect.REVOKED for copy in digested):
            raise self._revoked(status.stored, issuer, now, fetch=fetch, asks=asks)
        unfit: list[tuple[datetime, Problem]] = []
        for claims in opened.lists:
            try:
                bits = self._bits(claims, kind, entry)
                # Threat 57: raises for an index outside of the list.
                value = bits[entry.index]
            except Problem as problem:
                if claims in opened.sourced:
                    doubt = doubt or _unusable(entry.list_url, problem)
                else:
                    unfit.append((_start(claims), problem))
                continue
            # ADR 65: final in any list, be it older than the newest, or dated ahead.
            if kind.effect(entry, value) is Effect.REVOKED:
                raise self._revoked(status.stored, issuer, now, fetch=fetch, asks=asks)
            # Threat 56: apart from a revocation, a list of the future decides nothing.
            if not is_ahead(_start(claims), now):
                past.append(_Copy(_is_good(claims, now, closed), _start(claims), value, claims, bits.entries))
        for start, misfit in unfit:  # an older copy, from when the list was shorter, is no fault
            if all(start > copy.start for copy in past):
                raise misfit
        if opened.problem is not None and not opened.problem.undetermined:
            raise opened.problem
        if any(claims.issuer == issuer for claims in opened.lists):  # goes before another's
            past = [copy for copy in past if copy.claims.issuer == issuer]
        # of two of one moment the worse, in whatever order they came
        newest = max(past, key=lambda copy: copy[:3], default=None)
        is_sourced = newest is not None and newest.claims in opened.sourced
        if not is_sourced and newest not in digested:
            doubt = doubt or opened.unclear
        if doubt is not None:  # that list may tell of a revocation, which an older copy must not hide
            raise doubt
        if newest is None:
            for claims in opened.lists:
                require_not_ahead(_start(claims), now, "the status list")
            missing = STATUS_LIST_MISSING if is_web_address(entry.list_url) else STATUS_LIST_MISSING_OFFLINE
            raise opened.problem or missing(
                f"no copy of the status list {shortened(entry.list_url)} is at hand",
                list=shortened(entry.list_url),
            )
        # Threat 57, ADR 14: a list past its end lacks all revocations since, so that the verdict stays open.
        if not newest.is_good:
            ended = STATUS_LIST_ENDED if is_web_address(entry.list_url) else STATUS_LIST_ENDED_OFFLINE
            until = f"{newest.claims.valid_until:%Y-%m-%d %H:%M}Z"
            raise ended(
                f"the newest status list at hand was good until {until}", until=until
            ) from opened.problem
        as_of = newest.start
        recent = now - as_of <= RECENT
        out_of_reach = entry.list_url in self.unreached or is_before_last(as_of)
        looked_up = is_sourced and not out_of_reach
        effect = kind.effect(entry, newest.value)
        # ADR 65: a value without a known meaning may be harmless or not.
        if effect is Effect.UNKNOWN:
            raise STATUS_VALUE_UNKNOWN.saying(
                "the status has the value {value}, which is not known here", value=newest.value
            )
        # ADR 65: a suspension can be lifted, so the newest list alone decides.
        if effect is Effect.SUSPENDED:
            date = f"{as_of:%Y-%m-%d %H:%M}Z"
            raise Suspended(f"suspended by the issuer as of {date}", date=date)
        is_short = newest.entries < kind.least_entries
        if is_short and not (recognised and recognised.short_lists):
            # 3.2 step 9: in a short list a credential does not hide among enough others
            raise STATUS_LIST_SHORT.saying(
                "the status list has {entries} entries, fewer than {least}",
                entries=newest.entries,
                least=kind.least_entries,
            )
        time = StatusTime(as_of, fresh=recent or looked_up, stated=not recent or out_of_reach)
        return Standing(entry, newest.value, newest.entries, time, is_short)

    def _digested(
        self, status: EntryOfKind, issuer: str, now: datetime, closed: datetime | None
    ) -> list[_Copy]:
        """The value for an entry in each status digest that was taken of this issuer.

        One that does not verify any more, such as under a key that ended, counts for nothing: the list is
        then looked for as if it had not been taken.
        """
        kind, entry = status
        copies: list[_Copy] = []
        # The list itself would not be opened for an entry of another kind, whose values mean something else.
        if of_file(entry.list_url, self._kinds.values()) is not (kind if kind.suffix else None):
            return copies
        for taken in self._digests:
            if taken.is_about(entry.list_url):
                with suppress(Problem):
                    anchored = Anchored(taken.bundle.secured, taken.bundle.evidence)
                    # As a list that a presenter brought: a thief of a key for lists cannot write to the log.
                    claims = self._documents.authenticate(anchored, issuer, brought=True)
                    value = taken.digest.value(entry, self._work)
                    if value is not None and claims.starts is not None:
                        good, entries = _is_good(claims, now, closed), taken.digest.facts.entries
                        copies.append(_Copy(good, _start(claims), value, claims, entries))
        return copies

    def _open(self, url: str, issuer: str, now: datetime, *, fetch: bool, asks: bool) -> _Opened:
        # A digest may answer for one of two entries in a list: a result that was not fetched is not reused.
        key = (url, issuer, asks or (url, issuer, True) in self._opened)
        if key not in self._opened:
            sources = self._sources if fetch else ()
            wanted = [source for source in sources if asks or not isinstance(source, Fetched)]
            opened = self._opened[key] = self._find(url, issuer, now, wanted)
            if url in self.unreached and not (opened.sourced or opened.doubt):
                self._find_in_log(url, issuer, opened)
        return self._opened[key]

    def _find_in_log(self, url: str, issuer: str, opened: _Opened) -> None:
        """Add the copy that the issuer's log shows, or a mirror of it, where the list's own host has none.

        It is judged as if a presenter had brought it, but for its faults, which are the mirror's.
        """
        logs, forms = self._documents.evidence.logs, self._documents.forms
        if logs is None:
            return
        try:
            for data, evidence in logs.status_list(issuer, url):
                shown = Anchored(received(data, forms, self._work), (evidence,))
                # Threat 57: a list of another address says nothing of this entry.
                if identifier(shown.document, forms) != url:
                    raise STATUS_LIST_UNUSABLE("the log shows another status list under this address")
                opened.add(self._documents.authenticate(shown, issuer, brought=True))
        # ADR 28: open, since no host must be able to make a diploma invalid.
        except Problem as problem:
            self._miss(url, problem, opened)

    def _find(self, url: str, issuer: str, now: datetime, sources: Iterable[ListSource]) -> _Opened:
        """All copies that verify, and the problem of those that do not, a definite one before an open one.

        A server's answer is not the credential's fault, and a list by anybody else counts as no list. One
        that claims to be the issuer's and does not verify casts doubt: the presenter may have caused that,
        who chose the documents that came along, and how many keys had to be looked up before.
        """
        opened = _Opened()
        for source in sources:
            try:
                data = self._memory.ask(source, url)
                if data is None:
                    continue
                # Only a fetcher has this limit of its own: a folder or another source may give more.
                if len(data) > MAX_LIST:
                    raise TooLarge.saying("the status list has more than {most} bytes", most=MAX_LIST)
                anchored = Anchored(received(data, self._documents.forms, self._work))
                read(anchored.document, self._documents.forms, self._work)
            except Damaged as problem:  # the issuer's own, of which an older copy must not take the place
                opened.doubt = _unusable(url, problem)
                continue
            except Problem as problem:
                self._miss(url, problem, opened)
                continue
            try:
                claims = self._documents.authenticate(anchored, issuer, brought=False)
                if claims.id is None and isinstance(source, Fetched) and url.startswith("https:"):
                    # 2.2: `id` is optional. Only the host of the URL vouches for which list this is, so
                    # that one from anywhere else, or over http, is none.
                    claims = replace(claims, id=url)
                opened.add(claims, sourced=True)
                self._memory.judged(url, claims, now)
            except NotItsList as problem:
                self._miss(url, problem, opened)
            except Problem as problem:
                self._memory.judged(url, None, now)
                opened.doubt = _unusable(url, problem)
        for stapled in self._stapled:
            # Threat 57: a list of another address says nothing of this entry.
            if identifier(stapled.document, self._documents.forms) != url:
                continue
            try:
                opened.add(self._documents.authenticate(stapled, issuer, brought=True))
            except NotItsList as problem:
                opened.remember(problem)
            except Problem as problem:
                if problem.undetermined:
                    opened.unclear = opened.unclear or STATUS_UNKNOWN.saying(
                        "a status list that came along cannot be used: {why}", why=problem, because=problem
                    )
                opened.remember(problem)
        return opened

    def _miss(self, url: str, problem: Problem, opened: _Opened) -> None:
        self.unreached.add(url)
        opened.remember(
            STATUS_UNKNOWN.saying("the status list could not be had: {why}", why=problem, because=problem)
        )

    def _bits(self, claims: Claims, kind: StatusKind, entry: StatusEntry) -> StatusList:
        key = (id(claims), entry.type, entry.size, entry.purpose)
        if key not in self._unpacked:
            if self._left >= 0:  # once there was too much, no further list is unpacked for any entry
                bits = kind.open(entry, claims, self._memory.bits)
                self._work.spend(len(bits.bits) // BYTES_UNPACKED)
                self._left -= len(bits.bits)
            # Threat 57: compressed lists that unpack to gigabytes, one by one or together.
            if self._left < 0:
                raise TooLarge.saying("the status lists unpack to more than {most} bytes", most=MOST_UNPACKED)
            self._unpacked[key] = bits
        return self._unpacked[key]

    def _revoked(self, entry: StatusEntry, issuer: str, now: datetime, *, fetch: bool, asks: bool) -> Revoked:
        """The problem, with date and reason if details are at hand that the issuer signed."""
        for url in details_urls(entry):
            for claims in self._open(url, issuer, now, fetch=fetch, asks=asks).lists:
                try:
                    revocation = read_revocation(entry, claims)
                except Problem:  # details never hide the revocation itself
                    continue
                if revocation is not None:
                    kind = SUPERSEDED if revocation.reason == Reason.SUPERSEDED else Revoked
                    return kind(
                        f"revoked by the issuer on {revocation.date:%Y-%m-%d}: {_words(revocation.reason)}",
                        date=f"{revocation.date:%Y-%m-%d}",
                        reason=revocation.reason
                        if revocation.reason in tuple(Reason)
                        else shortened(revocation.reason),
                    )
        return REVOKED_UNEXPLAINED("revoked by the issuer; date and reason are not at hand")


class _Copy(NamedTuple):
    """A verified copy of a list dated now or before, and its value for one entry."""

    is_good: bool
    """True if it has not ended."""
    start: datetime
    value: int
    claims: Claims
    entries: int


class _Opened:
    """Verified copies of one list, and the problems of others."""

    def __init__(self) -> None:
        self.lists: list[Claims] = []
        self.sourced: list[Claims] = []
        """The copies among them that a source gave."""
        self.problem: Problem | None = None
        self.doubt: Problem | None = None
        """The problem of a list from a source that claims to be the issuer's and cannot be used."""
        self.unclear: Unavailable | None = None
        """The problem that leaves open if a list that the presenter brought is the issuer's."""

    def add(self, claims: Claims, *, sourced: bool = False) -> None:
        # Without a start nobody can tell which of two copies is the newer.
        if claims.starts is None:
            raise STATUS_UNKNOWN("the status list does not say from when it is")
        self.lists.append(claims)
        if sourced:
            self.sourced.append(claims)

    def remember(self, problem: Problem) -> None:
        if self.problem is None or (self.problem.undetermined and not problem.undetermined):
            self.problem = problem


def _weight(problem: Problem) -> int:
    """Of several entries the worst decides; what is certain goes before what is open."""
    if isinstance(problem, Revoked):
        return 0
    if isinstance(problem, Suspended):
        return 1
    return 3 if problem.undetermined else 2


def _words(reason: str) -> str:
    return reason.replace("-", " ") if reason in tuple(Reason) else shortened(reason)


def _start(claims: Claims) -> datetime:
    assert claims.starts is not None
    return claims.starts.utc


def _is_good(claims: Claims, now: datetime, closed: datetime | None) -> bool:
    # `earliest`: without a time zone, a list must not outlive its end anywhere.
    if claims.ends is None or claims.ends.earliest > now:
        return True
    return closed is not None and _start(claims) >= closed


def _unusable(url: str, problem: Problem) -> Unavailable:
    template = "the list found at {list} cannot be used: {why}"
    if isinstance(problem, DatedAhead | Damaged):
        return STATUS_UNKNOWN.saying(template, list=shortened(url), why=problem, because=problem)
    return STATUS_LIST_UNUSABLE.saying(template, list=shortened(url), why=problem)
