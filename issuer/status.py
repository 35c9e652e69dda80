"""Revocation: journalled first, then the lists that it touches are signed anew, anchored and written.

A list is made from the journal's rows each time, under a lock, so that of several processes that publish at
once the last has all revocations. Beside each list stands the signed document with dates and reasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from keys import Signer
from ledger import EntryKind, Log
from vc import Anchored, Credential
from vc.integrity import sign
from vc.status import (
    Reason,
    Revocation,
    StatusList,
    revocation_details_document,
    status_list_document,
)
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp
from wire.files import locked, make_private_folder, remove_leftovers, write_durably
from wire.problem import Damaged, Malformed
from wire.strict import load_json_object

from .clock import ClockJournal
from .document import Profile
from .permutation import LIST_ENTRIES, Positions
from .press import log_entry
from .store import Published, Store

LIFETIME = timedelta(days=365)
"""How long a copy of a list may serve. How old a copy a verifier takes is its own policy; an issuer that
revokes nobody need publish but once a year."""
_RENEW = timedelta(days=30)  # before a list expires

SUITE = "eddsa-jcs-2022"
_DETAILS = "-details"
_LOST = "Take it from a backup. If there is none, `intaglio issuer status publish` makes it from the index."
_LARGEST = 1 << 25  # bytes; details of a whole list revoked


class Lists:
    """One issuer's status lists, published into a folder. Raises what signing, log and store raise."""

    def __init__(
        self,
        store: Store,
        log: Log,
        folder: Path,
        profile: Profile,
        positions: Positions,
        signer: Signer,
        verification_method: str,
        clock: ClockJournal,
    ) -> None:
        self._store = store
        self._log = log
        self._folder = folder
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
        self._store.revoke(numbers, reason.value, format_datetimestamp(date))
        self.publish(now=now)

    def publish(self, *, now: datetime, anew: bool = False) -> list[int]:
        """Signs, anchors and writes the lists that are new, changed or soon to expire; their numbers.

        So it does with all that were signed before the clock was last put right.

        Raises `Damaged` where a file is gone that was published: it tells whether the index is an older copy.
        With `anew` such lists, too, are made, from the index alone.
        """
        make_private_folder(self._folder)
        with locked(self._folder):
            remove_leftovers(self._folder)
            wanted = self._store.stale_lists(format_datetimestamp(now + _RENEW), self._clock.entries())
            if lost := gone(self._store, self._folder):
                if not anew:
                    raise Damaged(f"{lost[0]} is gone", hint=_LOST)
                numbers = {int(path.name.removesuffix(_DETAILS)) for path in lost}
                wanted = sorted({*wanted, *numbers})
            for number in wanted:
                self._publish(number, now)
        return wanted

    def anchored(self, number: int) -> tuple[Anchored, ...]:
        """A published list and its details, each with the evidence that it is in the log."""
        with locked(self._folder):
            published = self._store.published(number)
            names = {str(number): published.leaf, f"{number}{_DETAILS}": published.details_leaf}
            documents = {name: self._read(name) for name in names}
        return tuple(Anchored(documents[name], (self._log.evidence(leaf),)) for name, leaf in names.items())

    def _read(self, name: str) -> dict[str, Any]:
        path = self._folder / name
        try:
            return load_json_object(path.read_bytes(), limit=_LARGEST)
        except Malformed as problem:
            raise _damaged(path) from problem

    def _publish(self, number: int, now: datetime) -> None:
        url, did = self._profile.list_url(number), self._profile.did
        bits = StatusList(LIST_ENTRIES)
        details = []
        for seq, reason, date in self._store.revocations(number):
            position = self._positions.locate(seq)[1]
            bits[position] = 1
            details.append(Revocation(position, parse_datetimestamp(date, "date"), reason))
        self._require_none_forgotten(number, bits)
        listed = self._sign(status_list_document(url, did, bits, valid_from=now, lifetime=LIFETIME), now)
        explained = self._sign(revocation_details_document(url, did, details, valid_from=now), now)
        entries = [
            log_entry(listed, EntryKind.STATUS_LIST),
            log_entry(explained, EntryKind.REVOCATION_DETAILS),
        ]
        leaves = self._log.append(entries, b"".join(entries))
        # details first: a reader who finds the bit finds its reason
        write_durably(self._folder / f"{number}{_DETAILS}", orjson.dumps(explained))
        write_durably(self._folder / str(number), orjson.dumps(listed))
        expires = format_datetimestamp(now + LIFETIME)
        self._store.publish(Published(number, LIST_ENTRIES, len(details), expires, leaves[0], leaves[1]))

    def _require_none_forgotten(self, number: int, bits: StatusList) -> None:
        """What was published as revoked stays so; an index that does not know it is an older copy."""
        path = self._folder / str(number)
        if not path.exists():
            return
        try:
            subject = Credential.parse(self._read(path.name)).subjects[0]
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
            suite=SUITE,
            created=now,
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


def gone(store: Store, folder: Path) -> list[Path]:
    """Files of lists that were published, and that are no longer in their folder."""
    names = (name for number in store.published_lists() for name in (str(number), f"{number}{_DETAILS}"))
    return [folder / name for name in names if not (folder / name).exists()]


def _damaged(path: Path) -> Damaged:
    return Damaged(f"{path} is damaged", hint=f"Remove it. {_LOST}")
