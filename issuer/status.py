"""Revocation: journalled first, then the lists that it touches are signed anew, anchored and written.

A list is made from the journal's rows each time, under a lock, so that of several processes that publish at
once the last has all revocations. Beside each list stands the signed document with dates and reasons.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from keys import Signer
from ledger import EntryKind, Log
from ledger.log import LogReader
from vc import Anchored, Credential
from vc.integrity import SUITES_BY_KEY, sign
from vc.status import (
    Reason,
    Revocation,
    StatusList,
    revocation_details_document,
    status_list_document,
)
from wire.clock import CLOCK_SKEW
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp
from wire.files import locked, make_private_folder, remove_leftovers, write_durably
from wire.problem import Damaged, Malformed, Refused
from wire.strict import load_json_object
from wire.work import Work

from .clock import ClockJournal
from .document import Profile
from .home import LIFETIME, Identity
from .logged import Appended
from .permutation import LIST_ENTRIES, Positions
from .press import log_entry
from .revocations import Published, list_names
from .store import Store

_NEVER = "9999-12-31T23:59:59Z"
_LOST = "Take it from a backup. If there is none, `intaglio issuer status publish` makes it from the index."
# For the details of a whole list revoked
_LARGEST = 1 << 25  # bytes
_MOST_STEPS = 1 << 22


class Lists:
    """One issuer's status lists, published into a folder. Raises what signing, log and store raise."""

    def __init__(
        self,
        store: Store,
        log: Log,
        home: Path,
        profile: Profile,
        positions: Positions,
        signer: Signer,
        verification_method: str,
        clock: ClockJournal,
    ) -> None:
        self._store = store
        self._log = log
        self._home, self._folder = home, home / "status"
        self._profile = profile
        self._positions = positions
        self._signer = signer
        self._verification_method = verification_method
        self._clock = clock

    def revoke(self, numbers: Iterable[str], reason: Reason, *, date: datetime, now: datetime) -> None:
        """Revokes all editions of these diplomas for good, durably, and publishes.

        One that was revoked before stays as it was. Raises `ClockBehind`, and then nothing is revoked.
        """
        self._log.now()
        with self.changing():
            self._store.revocations.revoke(numbers, reason.value, format_datetimestamp(date))
        self.publish(now=now)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Around what is to stand in the lists: the issuer does not close meanwhile. Raises `Closed`."""
        with locked(self._home / "revocation", shared=True):
            Identity.read(self._home).require_open()
            yield

    def publish(self, *, now: datetime, anew: bool = False) -> list[int]:
        """Signs, anchors and writes the lists that are new, changed or past half of their life: which.

        So it does with all that were signed before the clock was last put right.

        Raises `Damaged` where a file is not as it was published: gone, or put back from before a revocation.
        With `anew` such lists, too, are made, from the index alone.
        """
        make_private_folder(self._folder)
        with locked(self._folder):
            return self._publish_due(Identity.read(self._home), now, anew=anew)

    def close(self, *, now: datetime) -> Identity:
        """Signs, anchors and writes all lists a last time; from then on nothing more is issued or revoked.

        No list that was signed before is dated as late as these: raises `Refused` where one got out that was
        dated ahead, until its date. Killed in between, whoever publishes next does the rest.
        """
        make_private_folder(self._folder)
        with locked(self._folder):
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
                with locked(self._home / "revocation"):
                    identity = Identity.change(self._home, closed=format_datetimestamp(last))
            self._publish_due(identity, now, anew=False)
        return identity

    def _publish_due(self, identity: Identity, now: datetime, *, anew: bool) -> list[int]:
        remove_leftovers(self._folder)
        wanted = set(due(self._store, identity, now, self._clock.entries()))
        if changed := unlike(self._store, self._folder):
            if not anew:
                raise changed[0][1]
            wanted |= {int(path.name.partition("-")[0]) for path, _ in changed}
        if identity.closing is not None:
            if not self._store.revocations.closed():
                self._store.revocations.note_closed(True)
            others = set(self._store.revocations.published_lists()) - wanted
            wanted |= {number for number in others if self._date(number) < identity.closing}
        for number in sorted(wanted):
            self._publish(number, identity, now)
        return sorted(wanted)

    def _date(self, number: int) -> datetime:
        """From when a published list is."""
        try:
            found = Credential.parse(_read(self._folder / str(number))).valid_from
        except Malformed as problem:
            raise _damaged(self._folder / str(number)) from problem
        if found is None:
            raise _damaged(self._folder / str(number))
        return found

    def _publish(self, number: int, identity: Identity, now: datetime) -> None:
        url, did = self._profile.list_url(number), self._profile.did
        bits = StatusList(LIST_ENTRIES)
        details = []
        for seq, reason, date in self._store.revocations.of_list(number):
            position = self._positions.locate(seq)[1]
            bits[position] = 1
            details.append(Revocation(position, parse_datetimestamp(date, "date"), reason))
        self._require_none_forgotten(number, bits)
        lifetime = identity.lifetime
        if identity.closing is not None:  # who does not hear that these are the last has a year to
            now, lifetime = max(now, identity.closing), max(lifetime, LIFETIME)
        listed = self._sign(status_list_document(url, did, bits, valid_from=now, lifetime=lifetime), now)
        explained = self._sign(revocation_details_document(url, did, details, valid_from=now), now)
        entries = [
            log_entry(listed, EntryKind.STATUS_LIST),
            log_entry(explained, EntryKind.REVOCATION_DETAILS),
        ]
        names = list_names(number)
        contents = orjson.dumps(listed), orjson.dumps(explained)
        digests = [sha256(content).digest() for content in contents]
        key = b"".join(entries)
        self._settle(number)
        self._store.revocations.begin_list(number, key, *digests)
        leaves = self._log.append(entries, key)
        # details first: a reader who finds the bit finds its reason
        for name, content in reversed(list(zip(names, contents, strict=True))):
            write_durably(self._folder / name, content)
        expires = format_datetimestamp(now + lifetime)
        self._store.revocations.publish(
            Published(number, LIST_ENTRIES, len(details), expires, *leaves, *digests), Appended(key, leaves)
        )

    def _settle(self, number: int) -> None:
        """Accounts for what a publisher that was killed had put into the log, or not."""
        if (key := self._store.revocations.begun_list(number)) is not None:
            self._store.logged.settle(Appended(key, self._log.find(key) or range(0)))

    def _require_none_forgotten(self, number: int, bits: StatusList) -> None:
        """What was published as revoked stays so; an index that does not know it is an older copy."""
        path = self._folder / str(number)
        if not path.exists():
            return
        try:
            subject = Credential.parse(_read(path)).subjects[0]
            published = StatusList.decode(subject.get("encodedList"))
        except Malformed as problem:
            raise _damaged(path) from problem
        if int.from_bytes(published.bits) & ~int.from_bytes(bits.bits):
            raise Damaged(
                f"status list {number} has revocations that the index does not know: is that an older copy?",
                hint="Bring the newest index back, or restore a backup that has them.",
            )

    def _sign(self, document: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        return sign(
            document,
            self._signer,
            verification_method=self._verification_method,
            suite=SUITES_BY_KEY[self._signer.public_key.type],
            created=now,
            work=Work(_MOST_STEPS),
        )


def latest(folder: Path) -> datetime | None:
    """The latest time that a published list says it is from. Raises `Damaged`."""
    found = []
    for path in sorted(folder.glob("[0-9]*")):
        try:
            found.append(Credential.parse(load_json_object(path.read_bytes(), limit=_LARGEST)).valid_from)
        except Malformed as problem:
            raise _damaged(path) from problem
    return max(filter(None, found), default=None)


def anchored(store: Store, log: LogReader, folder: Path, number: int) -> tuple[Anchored, Anchored]:
    """A published list and its details, each with the evidence that it is in the log."""
    with locked(folder, to_read=not os.access(folder.parent, os.W_OK)):
        published = store.revocations.published(number)
        found = [
            (_read(folder / name, digest), leaf)
            for name, digest, leaf in zip(
                list_names(number),
                (published.digest, published.details_digest),
                (published.leaf, published.details_leaf),
                strict=True,
            )
        ]
    listed, details = (Anchored(document, (log.evidence(leaf),)) for document, leaf in found)
    return listed, details


def _read(path: Path, digest: bytes | None = None) -> dict[str, Any]:
    """What lies in a file, which has this digest if one is given."""
    data = path.read_bytes()
    if digest not in (None, sha256(data).digest()):
        raise _damaged(path)
    try:
        return load_json_object(data, limit=_LARGEST)
    except Malformed as problem:
        raise _damaged(path) from problem


def due(store: Store, identity: Identity, now: datetime, since: int = 0) -> list[int]:
    """The lists to publish now: new, with new revocations, past half of their life, or with another life.

    So are those that the log has before the entry `since`. Of an issuer that has closed none is signed anew
    because of its age.
    """
    if identity.closing is not None:
        return store.revocations.stale_lists("", _NEVER, since)
    half, whole = now + identity.lifetime / 2, now + identity.lifetime + CLOCK_SKEW
    return store.revocations.stale_lists(format_datetimestamp(half), format_datetimestamp(whole), since)


def next_due(store: Store, identity: Identity) -> tuple[datetime, datetime] | None:
    """When the first of the published lists is half through its life, and its end; `None` without any."""
    expires = store.revocations.first_expiry()
    if expires is None:
        return None
    end = parse_datetimestamp(expires, "expires")
    return end - identity.lifetime / 2, end


def unlike(store: Store, folder: Path) -> list[tuple[Path, Damaged]]:
    """Files of published lists that are not as they were published, and what to say of each."""
    found = []
    for name, digests in store.revocations.list_files():
        path = folder / name
        if not path.exists():
            found.append((path, Damaged(f"{path} is gone", hint=_LOST)))
        elif digests and sha256(path.read_bytes()).digest() not in digests:
            found.append((path, _damaged(path)))
    return found


def _damaged(path: Path) -> Damaged:
    what = f"{path} is damaged or an older copy: it is not what was published last"
    return Damaged(what, hint=f"Remove it. {_LOST}")
