"""Revocation and suspension: journalled first, then the lists are signed anew, anchored and written.

A list is made from the one before and the newer entries of the journal, under a lock. So if several processes
publish at once, the last list has all revocations. Dates and reasons stand beside it, on signed pages for 512
positions each; only changed pages are made. All lists that are due go into the log at once. Publishing does
not wait for files: the index holds their content until they are on the disk.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from keys import Signer
from keys.opening import is_open
from keys.signer import require_signs
from kinds.kind import SUSPENSION
from ledger import EntryKind, Log
from vc import Credential
from vc.forms import BITSTRING, INTEGRITY
from vc.forms.integrity import SUITES_BY_KEY, sign
from vc.status import PAGE_ENTRIES, SUSPENSION_SUFFIX, Reason, Revocation, StatusList, combined
from vc.status.kind import ListFacts, PublishedList, StatusKind, StatusKinds
from vc.vcdm.status_lists import revocation_details_document
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp
from wire.problem import Conflict, Damaged, Malformed, NotFound, Refused
from wire.work import Work

from ..archive.index import Index
from ..archive.kept import (
    Appended,
    EditionState,
    KindNumber,
    ListFile,
    PublishedFile,
    RevocationRow,
    state_of,
)
from ..identity import documents
from ..identity.clock import ClockJournal
from ..identity.home import LIFETIME, METADATA_NAME, STATUS_DOCUMENT_NAME, Identity
from ..identity.succession import KeysChanged, require_in_force
from ..press.document import Profile
from ..press.permutation import LIST_BITS, LIST_ENTRIES, Positions
from ..press.press import signed_entry
from ..problem import TAKEN_OVER
from ..shared import shared_in
from . import digest as status_digest
from .due import NEVER, due, ended, overdue
from .files import (
    StatusFolder,
    details_name,
    list_number,
    not_as_published,
    published_document,
    published_from,
    read_published,
    suspensions_name,
    unlike,
)

_MOST_STEPS = 1 << 22
_MOST_HELD = 1 << 23  # bytes that the index holds of files
_MOST_ROWS = 1 << 16  # of lists that are signed at once: a million would take hundreds of megabytes


class ListChange(NamedTuple):
    """The changes to a list, or all of it if it is `whole`."""

    number: int
    whole: bool
    pages: dict[int, dict[int, Revocation]]
    """Revocations by page and position."""
    suspended: dict[int, bool]
    """By position, for those that changed: true if it is suspended now."""

    @property
    def names(self) -> list[str]:
        """The files that are made from it, or from which it is made."""
        pages = (details_name(self.number, page) for page in self.pages)
        return [str(self.number), suspensions_name(self.number), *pages]


class Lists:
    """One issuer's status lists, published into a folder. Raises the errors of signing, log and store."""

    def __init__(
        self,
        store: Index,
        log: Log,
        home: Path,
        profile: Profile,
        positions: Positions,
        signer: Signer,
        verification_method: str,
        clock: ClockJournal,
        kinds: StatusKinds,
    ) -> None:
        self._store = store
        self._log = log
        self._home, self._folder = home, StatusFolder(home)
        self._profile = profile
        self._positions = positions
        self._signer = signer
        self._verification_method = verification_method
        self._did = verification_method.partition("#")[0]
        self._clock = clock
        self._views = [kind for kind in dict.fromkeys(kinds.values()) if kind.suffix]
        self._is_held_made = False

    @property
    def _document(self) -> int:
        """The place in the log of the issuer's newest document, which another process may have put there."""
        return documents.newest_place(self._home, self._log)

    def revoke(self, which: Iterable[KindNumber], reason: Reason, *, date: datetime, now: datetime) -> None:
        """Revokes all editions of these credentials for good, durably, and publishes.

        An earlier revocation stays as it was; a suspended credential is revoked. Raises `CLOCK_BEHIND`, or
        the error that keeps the key from signing, and then nothing is revoked.
        """
        self._change_all(
            lambda: self._store.revocations.revoke(which, reason.value, format_datetimestamp(date)), now
        )

    def suspend(self, which: Iterable[KindNumber], reason: Reason, *, now: datetime) -> None:
        """Suspends credentials until they are reinstated, durably, and publishes. Raises as `revoke`.

        Raises `REVOKED_FOR_GOOD` if one was revoked, and then none of them is suspended. An earlier
        suspension stays as it was. The caller has checked that the credentials name a list of suspensions.
        """
        self._change_all(
            lambda: self._store.revocations.suspend(which, reason.value, format_datetimestamp(now)), now
        )

    def reinstate(self, which: Iterable[KindNumber], *, now: datetime) -> None:
        """Ends suspensions, durably, and publishes. Raises as `suspend`."""
        self._change_all(lambda: self._store.revocations.reinstate(which), now)

    def _change_all(self, journal: Callable[[], None], now: datetime) -> None:
        self._log.now()
        require_signs(self._signer)
        with self.changing():
            journal()
        self.publish(now=now)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """A block that changes entries of the lists: the issuer does not close meanwhile.

        Raises `ISSUER_CLOSED`.
        """
        with shared_in(self._home).held("revocation", shared=True):
            Identity.read(self._home).require_open()
            yield

    def publish(self, *, now: datetime, anew: bool = False) -> list[int]:
        """Signs, anchors and writes the lists that are new, changed or past half of their life.

        Returns their numbers. It does the same with all lists signed before the clock was last put right.

        Raises `Damaged` where a file is not as it was published: gone, or put back from before a revocation.
        With `anew`, such lists are made again, too, from the index alone.
        """
        if not is_open(self._signer) and self._wanted(Identity.read(self._home), now, anew=anew)[0]:
            require_signs(self._signer)  # others do not wait for who types a PIN
        # `succession.finish` takes this lock, too: no list is signed by a key that a change is ending.
        with self._folder.held():
            return self._publish_due(Identity.read(self._home), now, anew=anew)

    def publish_digest(self, *, now: datetime) -> int:
        """Publishes the lists that are due, and one digest of all; returns its number. Raises as `publish`.

        Raises `NotFound` for an issuer without a list: there is nothing to digest.
        """
        self._log.now()
        require_signs(self._signer)
        with self._folder.held():
            identity = Identity.read(self._home)
            self._publish_due(identity, now, anew=False)
            if not self._store.revocations.published_lists():
                raise NotFound("nothing was issued yet, so that there is no status list")
            start, lifetime = _period(identity, now)
            if identity.closing is None:
                lifetime = min(lifetime, status_digest.LONGEST)
            return status_digest.publish(
                self._store,
                self._log,
                self._home,
                self._profile,
                self._signer,
                self._verification_method,
                now=start,
                lifetime=lifetime,
            )

    def publish_for(self, seqs: Collection[int] | None, *, now: datetime) -> None:
        """Publishes as `publish` does, unless it can wait.

        It can wait if the only reason is that credentials other than these were revoked, as superseded;
        `None` means all credentials. If somebody would be asked for a PIN, it can also wait until a list
        ends.
        """
        identity, unpublished = Identity.read(self._home), self._store.revocations.unpublished()
        since = max(self._clock.entries(), self._document)
        if (
            identity.closing is not None
            or ended(self._store, now, since)
            or (is_open(self._signer) and overdue(self._store, identity, now, since))
            or any(seqs is None or row.seq in seqs for row in unpublished)
            or self._lacking(identity)
        ):
            self.publish(now=now)

    def close(self, *, now: datetime) -> Identity:
        """Signs, anchors and writes all lists a last time; from then on nothing more is issued or revoked.

        No earlier list is dated as late as these: if one was published that is dated ahead, it raises
        `Refused` until that date. If it is killed in between, the next publication does the rest.
        """
        with self._folder.held():
            identity = Identity.read(self._home)
            if identity.closing is None:
                ahead = self._clock.ahead()
                if ahead is not None and ahead >= now:
                    raise Refused(
                        f"a clock that was ahead signed status lists dated up to {ahead:%Y-%m-%d %H:%M}Z",
                        hint="Close after that: they would have no end, and do not tell what is revoked now.",
                    )
                dates = [self._date(number) for number in self._store.revocations.published_lists()]
                last = max([now, *dates]) + timedelta(seconds=1)
                with shared_in(self._home).held("revocation"):
                    identity = Identity.change(self._home, closed=format_datetimestamp(last))
            self._publish_due(identity, now, anew=False)
        return identity

    def by_former_keys(self) -> set[int]:
        """The published lists in the log before the newest document: each is made anew whole."""
        revocations = self._store.revocations
        former = revocations.stale_lists("", NEVER, self._document)
        return set(former).intersection(revocations.published_lists())

    def _publish_due(self, identity: Identity, now: datetime, *, anew: bool) -> list[int]:
        revocations = self._store.revocations
        self._folder.tidy()
        self._make_held()
        require_in_force(self._home, self._verification_method)
        if self._did != (identity.status_did or identity.did):  # the key is in force, for diplomas alone
            raise KeysChanged(
                "status lists are signed under another DID by now", hint="Start again what was running."
            )
        self._publish_documents(identity)
        if identity.closing is not None and not revocations.closed():
            revocations.note_closed(True)
        wanted, whole = self._wanted(identity, now, anew=anew)
        for numbers in self._portions(wanted):
            self._publish(numbers, whole, identity, now)
        return sorted(wanted)

    def _portions(self, wanted: Collection[int]) -> Iterator[list[int]]:
        """The lists as they are signed together, so that memory does not grow with what is revoked."""
        revocations = self._store.revocations
        changed = revocations.changed_lists()
        # Those that a killed publisher had begun go first: the next publication takes the place of its own.
        begun = set(revocations.published_lists()) - revocations.whole_lists()
        portion, size = list[int](), 0
        for number in sorted(wanted, key=lambda number: (number not in begun, number)):
            size += changed.get(number, 0)
            if portion and size > _MOST_ROWS and number not in begun:
                yield sorted(portion)
                portion, size = [], changed.get(number, 0)
            portion.append(number)
        if portion:
            yield sorted(portion)

    def _publish_documents(self, identity: Identity) -> None:
        """Writes the files that derive from the DID document beside the lists.

        They are the document of the DID for status lists, and the metadata of an issuer with an address.
        """
        contents: dict[str, bytes] = {}
        if identity.status_did:
            contents[STATUS_DOCUMENT_NAME] = documents.published_status_document(self._home)
        if identity.address:
            contents[METADATA_NAME] = documents.published_metadata(self._home, identity.did, identity.address)
        for name, content in contents.items():
            if self._folder.read(name) != content:
                self._folder.write(name, content)

    def _wanted(self, identity: Identity, now: datetime, *, anew: bool) -> tuple[set[int], set[int]]:
        """The lists to publish now, and which of them are made from the journal alone."""
        revocations = self._store.revocations
        former, corrected = self.by_former_keys(), self._clock.entries()
        wanted = set(due(self._store, identity, now, corrected)) | former
        ahead = revocations.dated_after(format_datetimestamp(now), corrected)
        lost = [name for name, _ in unlike(self._store, self._folder)] if anew else []
        whole = former | {list_number(name) for name in (*ahead, *lost)}
        wanted |= self._lacking(identity)
        if identity.closing is not None:
            others = set(revocations.published_lists()) - wanted
            wanted |= {number for number in others if self._date(number) < identity.closing}
        return wanted | whole, whole

    def _lacking(self, identity: Identity) -> set[int]:
        """The published lists that lack one of the kinds that the issuer's credentials name."""
        if identity.closing is not None:  # credentials that name it would be newer
            return set()
        kinds = [kind for kind in self._views if _is_named(kind, identity)]
        suffixes = [kind.suffix for kind in kinds] + [SUSPENSION_SUFFIX] * bool(identity.suspension)
        names = {
            f"{number}{suffix}": number
            for suffix in suffixes
            for number in self._store.revocations.published_lists()
        }
        published = self._store.revocations.published_among([*names]) if names else {}
        return {number for name, number in names.items() if name not in published}

    def _date(self, number: int) -> datetime:
        """The date of a published list."""
        return published_from(self._store, self._folder, str(number))

    def _publish(
        self, numbers: Sequence[int], whole: Collection[int], identity: Identity, now: datetime
    ) -> None:
        """Signs these lists, and the pages of details that changed, anchors them at once, and writes them.

        Lists in `whole` are made from the journal. Other lists are made from the one before and the changes
        not in it yet.
        """
        now, lifetime = _period(identity, now)
        revocations = self._store.revocations
        rows = {number: list[RevocationRow]() for number in numbers}
        lists = range(numbers[0], numbers[-1] + 1)
        new = [row for row in revocations.unpublished(lists) if row.seq >> LIST_BITS in rows]
        for row in new:
            rows[row.seq >> LIST_BITS].append(row)
        # Once published, a list stays up to date in each way.
        possible = {f"{number}{kind.suffix}": kind for number in numbers for kind in self._views}
        suspensions = {suspensions_name(number): number for number in numbers}
        viewed = revocations.published_among([*possible, *suspensions])
        views = {name: kind for name, kind in possible.items() if name in viewed or _is_named(kind, identity)}
        suspending = {number for name, number in suspensions.items() if name in viewed or identity.suspension}
        not_listed = {number for number in suspending if suspensions_name(number) not in viewed}
        whole = {*whole, *(set(numbers) - revocations.whole_lists()), *not_listed}
        for number in whole:
            rows[number] = revocations.of_list(number)
        # Another process may have changed a state since `unpublished`: what is in the lists counts.
        journalled = {row.seq: row for number in whole for row in rows[number]}
        shown = [
            journalled.get(row.seq, RevocationRow(row.seq, None, None))
            if row.seq >> LIST_BITS in whole
            else row
            for row in new
        ]
        changes = [self._change(number, rows[number], whole=number in whole) for number in numbers]
        before = revocations.published_among(
            [name for change in changes if not change.whole for name in change.names]
        )
        files = [
            file
            for change in changes
            for file in self._made(change, before, views, now, lifetime, suspends=change.number in suspending)
        ]
        entries = [file.entry for file in files]
        key = sha256(b"".join(entries)).digest()
        for begun in revocations.begun():  # of one who was killed, or is taken for dead
            leaves = self._log.find(begun)
            if leaves is None:
                key = begun  # who stood still may go on with it: of two, the log takes one batch under a key
            else:
                self._store.logged.settle(Appended(begun, leaves))
        revocations.begin(key, files)
        try:
            leaves = self._log.append(entries, key)
        except Conflict as problem:
            raise TAKEN_OVER("another process has published status lists instead of this one") from problem
        for file in reversed(files):  # details first: a reader who finds the bit finds its reason
            self._folder.write(file.name, file.content, synced=False)
        expires = format_datetimestamp(now + lifetime)
        revocations.publish(files, Appended(key, leaves), dict.fromkeys(numbers, expires), shown)
        if revocations.held_bytes() > _MOST_HELD:
            names = [*revocations.held()]
            self._folder.sync(names)
            revocations.release(names)

    def _change(self, number: int, rows: Iterable[RevocationRow], *, whole: bool) -> ListChange:
        # Of each row as little as possible: a million may be revoked at once.
        suspended, pages = dict[int, bool](), defaultdict[int, dict[int, Revocation]](dict)
        dates = dict[str | None, datetime]()  # most are of one day
        position_of = self._positions.of_list(number)
        for seq, reason, date in rows:
            position, state = position_of(seq & LIST_ENTRIES - 1), state_of(reason)
            suspended[position] = state is EditionState.SUSPENDED
            if state is EditionState.REVOKED or state is EditionState.SUPERSEDED:
                if date not in dates:
                    dates[date] = parse_datetimestamp(date, "date")
                pages[position // PAGE_ENTRIES][position] = Revocation(position, dates[date], str(reason))
        return ListChange(number, whole, pages, suspended)

    def _made(
        self,
        change: ListChange,
        before: Mapping[str, PublishedFile],
        views: Mapping[str, StatusKind],
        now: datetime,
        lifetime: timedelta,
        *,
        suspends: bool,
    ) -> Iterator[ListFile]:
        """A list, its `views` and the pages that change, signed; `before` has the published versions.

        If the issuer `suspends`, a list of suspensions stands beside it, and each view has both.
        """
        number, whole, pages, changed = change
        url, did = self._profile.list_url(number), self._did

        def published(name: str) -> Mapping[str, Any]:
            document = published_document(self._store, self._folder, name, before[name].digest)
            subject: Mapping[str, Any] = document["credentialSubject"]
            return subject

        def bits_of(name: str) -> StatusList:
            return StatusList(LIST_ENTRIES) if whole else StatusList.decode(published(name)["encodedList"])

        def signed_list(name: str, kind: StatusKind, bits: StatusList, purpose: str) -> ListFile:
            facts = ListFacts(self._profile.list_url(name), did, now, lifetime, purpose)
            return _file(name, kind.publish(bits, facts, self._signer, self._verification_method), now)

        bits = bits_of(str(number))
        bits.set_all(chain.from_iterable(pages.values()))
        if whole:
            self._require_none_forgotten(number, bits)
        # These are the issuer's own record of the bits, from which the next ones are made.
        yield signed_list(str(number), BITSTRING, bits, "revocation")
        shown = bits
        if suspends:
            suspended = bits_of(suspensions_name(number))
            for position, is_suspended in changed.items():
                suspended[position] = is_suspended
            if whole:
                self._require_no_suspension_forgotten(number, suspended, bits)
            yield signed_list(suspensions_name(number), BITSTRING, suspended, SUSPENSION)
            shown = combined(bits, suspended)
        for name, kind in views.items():
            if list_number(name) == number:
                yield signed_list(name, kind, shown, "revocation")
        for page, on_page in sorted(pages.items()):
            name = details_name(number, page)
            lines = published(name)["revocations"] if name in before else []
            listed = [
                Revocation(position, parse_datetimestamp(date, "date"), reason)
                for position, date, reason in lines
            ]
            revoked = {**{each.position: each for each in listed}, **on_page}
            document = revocation_details_document(url, did, revoked.values(), page, valid_from=now)
            signed = self._sign(document, now)
            leaf = signed_entry(signed, EntryKind.REVOCATION_DETAILS)
            yield _file(name, PublishedList(orjson.dumps(signed), leaf), now)

    def _make_held(self) -> None:
        """Writes files again that a power cut took. Once a process is enough: a power cut ends it, too."""
        if not self._is_held_made:
            digests = dict(self._store.revocations.files())
            for name, content in self._store.revocations.held().items():
                expected = {sha256(content).digest(), *digests.get(name, ())}
                there = self._folder.read(name)
                if there is None or sha256(there).digest() not in expected:
                    self._folder.write(name, content, synced=False)
        self._is_held_made = True

    def _require_none_forgotten(self, number: int, bits: StatusList) -> None:
        """Raises `Damaged` if the index lacks a published revocation: then it is an older copy."""
        # A list made from it would silently reinstate revoked credentials.
        if self._published_bits(str(number)) & ~int.from_bytes(bits.bits):
            raise _forgotten(number, "revocations")

    def _require_no_suspension_forgotten(
        self, number: int, suspended: StatusList, revoked: StatusList
    ) -> None:
        """The same for suspensions, except those that ended since: not published yet, or by a revocation."""
        ended = StatusList(LIST_ENTRIES)
        of_list = range(number, number + 1)
        for row in self._store.revocations.unpublished(
            of_list
        ):  # read last: with what others change meanwhile
            ended[self._positions.locate(row.seq)[1]] = 1
        explained = 0
        for bits in (suspended, revoked, ended):
            explained |= int.from_bytes(bits.bits)
        if self._published_bits(suspensions_name(number)) & ~explained:
            raise _forgotten(number, "suspensions")

    def _published_bits(self, name: str) -> int:
        """The bits of a list in the folder; none are set if it is not there."""
        document = read_published(self._folder, name)
        if document is None:
            return 0
        try:
            subject = Credential.parse(document).subjects[0]
            return int.from_bytes(StatusList.decode(subject.get("encodedList")).bits)
        except Malformed as problem:
            raise not_as_published(self._folder.where(name)) from problem

    def _sign(self, document: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        return sign(
            document,
            self._signer,
            verification_method=self._verification_method,
            suite=SUITES_BY_KEY[self._signer.public_key.type],
            created=now,
            work=Work(_MOST_STEPS),
        )


def _period(identity: Identity, now: datetime) -> tuple[datetime, timedelta]:
    """The date and the lifetime of a list that is signed now."""
    # Lists of a closing have no end for verifiers whose trust file says so. Others have a year at least to
    # hear of it: these lists are never signed again.
    if identity.closing is not None:
        return max(now, identity.closing), max(identity.lifetime, LIFETIME)
    return now, identity.lifetime


def _forgotten(number: int, what: str) -> Damaged:
    return Damaged(
        f"status list {number} has {what} that the index does not know: is that an older copy?",
        hint="Bring the newest index back, or restore a backup that has them.",
    )


def _is_named(kind: StatusKind, identity: Identity) -> bool:
    """True if credentials of this issuer name lists of this kind; without an address, they name none."""
    forms = {identity.form or INTEGRITY, *identity.forms}
    return bool(identity.url) and not forms.isdisjoint(kind.issued_in)


def _file(name: str, published: PublishedList, now: datetime) -> ListFile:
    digest = sha256(published.content).digest()
    return ListFile(name, format_datetimestamp(now), published.entry, digest, published.content)
