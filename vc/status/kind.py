"""A kind of status list: how credentials name a list, and how the issuer's bits are published as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from keys import Signer
from wire import Problem

from ..claims import Claims
from ..secured import Form
from .bits import StatusList
from .entry import UNKNOWN_STATUS_ENTRY, StatusEntry, several

ListDecoder = Callable[[object, int], StatusList]
"""Unpacks what a list carries its bits as, given the size of an entry. Raises `Malformed`, `TooLarge`."""
Unpack = Callable[[ListDecoder, object, int], StatusList]
"""Calls a `ListDecoder`, or has done so before."""


class Effect(StrEnum):
    """The effect of an entry's value on its credential."""

    NONE = "none"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    UNKNOWN = "unknown"
    """Nobody here knows whether it is harmless."""


class ListFacts(NamedTuple):
    """The facts that a published list states beside its bits."""

    url: str
    """Its own address, with the suffix of its kind."""
    issuer: str
    valid_from: datetime
    lifetime: timedelta
    """The time for which a copy of it may serve."""
    purpose: str = "revocation"
    """The meaning of a bit, for kinds that have a list for each."""


class PublishedList(NamedTuple):
    """A signed list."""

    content: bytes
    """The file."""
    entry: bytes
    """Its log entry."""


class StatusKind(Protocol):
    """One way of publishing statuses. A mapping has kinds by the type of the entries that they read."""

    @property
    def media_type(self) -> str:
        """The media type under which its lists are served."""

    @property
    def suffix(self) -> str:
        """The end of a list's address and file name, after the number of the issuer's bits; may be empty.

        Two kinds have different ones, so that any web server can serve both.
        """

    @property
    def form(self) -> Form | None:
        """The form that secures its lists alone; `None` where that is one of the forms of credentials."""

    @property
    def issued_in(self) -> frozenset[str]:
        """The media types of the forms whose credentials name lists of this kind when they are issued."""

    @property
    def least_entries(self) -> int:
        """The least number of entries that a list has to have; else a credential does not hide in it."""

    def entry(self, value: Mapping[str, Any]) -> StatusEntry:
        """Read an entry of a credential. Raises `MalformedCredential`, and what leaves it open."""

    def open(self, entry: StatusEntry, claims: Claims, unpack: Unpack) -> StatusList:
        """Return the bits of a list whose signature was verified, for `entry`.

        Raises `INVALID_STATUS_LIST` for a list that is not the one that the entry names.
        """

    def effect(self, entry: StatusEntry, value: int) -> Effect:
        """The effect that the value of an entry has."""

    def publish(
        self, bits: StatusList, facts: ListFacts, signer: Signer, verification_method: str
    ) -> PublishedList:
        """Sign a list of one-bit entries, which are for the purpose, or of `combined` ones."""


StatusKinds = Mapping[str, StatusKind]
"""Status kinds by the types of the entries that they read."""


class EntryOfKind(NamedTuple):
    """A status entry and its kind."""

    kind: StatusKind
    entry: StatusEntry

    @property
    def stored(self) -> StatusEntry:
        """The entry with the address of the issuer's bits, which is the same for all kinds of lists."""
        return replace(self.entry, list_url=self.entry.list_url.removesuffix(self.kind.suffix))

    @property
    def can_suspend(self) -> bool:
        """True if a value of the entry says that the credential is suspended."""
        return any(self.kind.effect(self.entry, value) is Effect.SUSPENDED for value in (1, 2))


def entry_of(value: Mapping[str, Any], kinds: StatusKinds) -> EntryOfKind:
    """Read one of `Claims.status` by the kind that reads its type.

    Raises `UNKNOWN_STATUS_ENTRY` unless exactly one does (fail closed), and as `StatusKind.entry`.
    """
    types = several(value.get("type"))
    readers = [kind for name, kind in kinds.items() if name in types]
    # Threat R3: an entry that nobody here reads must not count as "not revoked".
    if len(readers) != 1:
        raise UNKNOWN_STATUS_ENTRY("the status is of a kind that is not known here")
    return EntryOfKind(readers[0], readers[0].entry(value))


def entries(claims: Claims, kinds: StatusKinds) -> Iterator[EntryOfKind]:
    """The status entries of a credential that can be read here; the others are left out."""
    for value in claims.status:
        # Threat F5: an entry that cannot be read hides no other one.
        with suppress(Problem):
            yield entry_of(value, kinds)


def list_forms(forms: Mapping[str, Form], kinds: StatusKinds) -> Mapping[str, Form]:
    """The forms in which status documents are read: those of credentials, and those of lists alone."""
    of_kinds = [kind.form for kind in kinds.values()]
    return {**forms, **{form.media_type: form for form in of_kinds if form is not None}}


def of_file(name: str, kinds: Iterable[StatusKind]) -> StatusKind | None:
    """The kind of the list in a published file by its name; `None` for one without a suffix."""
    # Every name ends with an empty suffix.
    return next((kind for kind in kinds if kind.suffix and name.endswith(kind.suffix)), None)
