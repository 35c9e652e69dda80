"""Bitstring status lists: whether a credential was revoked, without saying which one is asked about.

W3C Bitstring Status List 1.0. Many credentials share one signed list; each knows its position. Beside
the list stands a second signed document, the revocation details, with the date and coded reason of
each revocation, since the list itself has only bits.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from wire import Malformed, Problem, Refused, TooLarge, base64url_decode, base64url_encode
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp

from .model.credential import CONTEXT_V2, STATUS_STATEMENT, Credential, MalformedCredential, is_url

MINIMUM_ENTRIES = 131_072
"""The least number of entries in a list, so that each credential hides among many (2.2)."""

_MAX_BYTES = 1 << 21  # 16 million one-bit entries; a decompression bomb stops here
_MAX_ENCODED = 1 << 22
_MAX_STATUS_SIZE = 8


class InvalidStatusList(Problem):
    """The status list cannot be used for this credential (3.2)."""

    code = "invalid-status-list"
    type = "https://www.w3.org/ns/credentials/status-list#STATUS_VERIFICATION_ERROR"
    title = "The status list does not fit the credential"


class Reason(StrEnum):
    """Why a diploma was revoked; a code, since words about a person do not belong in a public list."""

    UNSPECIFIED = "unspecified"
    ISSUED_IN_ERROR = "issued-in-error"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    FRAUD = "fraud"
    KEY_COMPROMISE = "key-compromise"


@dataclass(frozen=True, slots=True)
class Revocation:
    """One line of the revocation details."""

    position: int
    date: datetime
    reason: str


class StatusList:
    """`entries` numbers of `size` bits each; entry 0 is in the leftmost bits (2.2, 3.3)."""

    def __init__(self, entries: int = MINIMUM_ENTRIES, size: int = 1, bits: bytes | None = None) -> None:
        if not 1 <= size <= _MAX_STATUS_SIZE or entries < 1:
            raise ValueError("a status list has at least one entry of one to eight bits")
        length = (entries * size + 7) // 8
        self.size, self.entries = size, entries
        self.bits = bytearray(length) if bits is None else bytearray(bits)
        if len(self.bits) != length:
            raise ValueError(f"{len(self.bits)} bytes for {entries} entries of {size} bits")

    def __getitem__(self, index: int) -> int:
        value = 0
        for bit in self._bits_of(index):
            value = value << 1 | (self.bits[bit >> 3] >> (7 - (bit & 7)) & 1)
        return value

    def __setitem__(self, index: int, value: int) -> None:
        if not 0 <= value < 1 << self.size:
            raise ValueError(f"{value} does not fit into {self.size} bits")
        for shift, bit in enumerate(reversed(self._bits_of(index))):
            mask = 0x80 >> (bit & 7)
            if value >> shift & 1:
                self.bits[bit >> 3] |= mask
            else:
                self.bits[bit >> 3] &= ~mask

    def _bits_of(self, index: int) -> range:
        if not 0 <= index < self.entries:
            raise InvalidStatusList.saying(
                "position {index} lies outside a list of {entries} entries", index=index, entries=self.entries
            )
        return range(index * self.size, (index + 1) * self.size)

    def encode(self) -> str:
        """The `encodedList`: multibase base64url of the gzipped bits, the same bytes every time (3.3)."""
        # Runs alone, since nothing else repeats in scattered bits: smaller, and up to fifty times as fast.
        packer = zlib.compressobj(6, zlib.DEFLATED, 31, strategy=zlib.Z_RLE)
        return "u" + base64url_encode(packer.compress(self.bits) + packer.flush())

    @classmethod
    def decode(cls, encoded: object, size: int = 1) -> StatusList:
        """Reads an `encodedList` (3.4). Raises `Malformed`, or `TooLarge` for a decompression bomb."""
        if not isinstance(encoded, str) or not encoded.startswith("u"):
            raise Malformed("encodedList is not base64url in multibase form (it has to begin with u)")
        packed = base64url_decode(encoded[1:], limit=_MAX_ENCODED)
        unpacker = zlib.decompressobj(wbits=31)
        try:
            bits = unpacker.decompress(packed, _MAX_BYTES)
        except zlib.error:
            raise Malformed("encodedList is not gzip") from None
        if unpacker.unconsumed_tail:
            raise TooLarge.saying("encodedList unpacks to more than {most} bytes", most=_MAX_BYTES)
        if not unpacker.eof or unpacker.unused_data:
            raise Malformed("encodedList is a broken gzip stream")
        if not bits:
            raise Malformed("encodedList unpacks to nothing")
        entries = len(bits) * 8 // size
        return cls(entries, size, bits[: (entries * size + 7) // 8])


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """A `BitstringStatusListEntry` of a credential (2.1)."""

    purpose: str
    list_url: str
    index: int
    size: int

    @classmethod
    def parse(cls, value: Mapping[str, Any]) -> StatusEntry:
        """Raises `MalformedCredential`, or `UnknownStatusEntry` for another kind of entry (fail closed)."""
        if "BitstringStatusListEntry" not in _several(value.get("type")):
            raise UnknownStatusEntry("credentialStatus is not a BitstringStatusListEntry")
        purpose, url, index = (
            value.get(name) for name in ("statusPurpose", "statusListCredential", "statusListIndex")
        )
        size = value.get("statusSize", 1)
        if not isinstance(purpose, str) or not purpose:
            raise MalformedCredential("credentialStatus.statusPurpose is missing")
        if not is_url(url):
            raise MalformedCredential("credentialStatus.statusListCredential is not a URL")
        if not isinstance(index, str) or not (index.isascii() and index.isdigit()) or len(index) > 12:
            raise MalformedCredential("credentialStatus.statusListIndex is not a number written as a text")
        if type(size) is not int or size < 1:
            raise MalformedCredential("credentialStatus.statusSize is not a number of bits")
        if size > _MAX_STATUS_SIZE:
            raise UnknownStatusEntry.saying(
                "a status of {size} bits is not read here; {most} are", size=size, most=_MAX_STATUS_SIZE
            )
        return cls(purpose, url, int(index), size)


class UnknownStatusEntry(Refused):
    """A status of a kind that this program cannot look up: neither good nor bad."""

    code = "unknown-status-entry"
    title = "The status is of a kind that is not supported"
    undetermined = True


def status_entry(list_url: str, index: int, purpose: str = "revocation") -> dict[str, Any]:
    """The `credentialStatus` of a credential at position `index`."""
    return {
        "id": f"{list_url}#{index}",
        "type": "BitstringStatusListEntry",
        "statusPurpose": purpose,
        "statusListIndex": str(index),
        "statusListCredential": list_url,
    }


def status_statement(list_url: str, index: int) -> dict[str, str]:
    """The same as a term of use, which stands in its place where no address leads to the list."""
    return {"type": STATUS_STATEMENT, "id": f"{list_url}#{index}"}


def status_list_document(
    list_url: str,
    issuer: str,
    bits: StatusList,
    *,
    valid_from: datetime,
    lifetime: timedelta,
    purpose: str = "revocation",
) -> dict[str, Any]:
    """The unsigned `BitstringStatusListCredential` (2.2). `lifetime` bounds how long a copy may serve."""
    return {
        "@context": [CONTEXT_V2],
        "id": list_url,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": issuer,
        "validFrom": format_datetimestamp(valid_from),
        "validUntil": format_datetimestamp(valid_from + lifetime),
        "credentialSubject": {
            "id": f"{list_url}#list",
            "type": "BitstringStatusList",
            "statusPurpose": purpose,
            "encodedList": bits.encode(),
        },
    }


def open_list(
    entry: StatusEntry,
    credential: Credential,
    decode: Callable[[object, int], StatusList] = StatusList.decode,
) -> StatusList:
    """The bits of a list whose proof was verified, for `entry` (3.2, steps 5 to 9).

    `decode` unpacks them, or has done so before. Raises `InvalidStatusList` for a list of another purpose or
    address, or one too short to hide in.
    """
    if "BitstringStatusListCredential" not in credential.types:
        raise InvalidStatusList("the status list is not a BitstringStatusListCredential")
    if credential.id != entry.list_url:
        raise InvalidStatusList("the status list is not the one that the credential names")
    subject = credential.subjects[0]
    if "BitstringStatusList" not in _several(subject.get("type")):
        raise InvalidStatusList("the status list's subject is not a BitstringStatusList")
    if entry.purpose not in _several(subject.get("statusPurpose")):
        raise InvalidStatusList("the status list serves another purpose")
    if subject.get("statusSize", entry.size) != entry.size:
        raise InvalidStatusList("the status list has entries of another size")
    bits = decode(subject.get("encodedList"), entry.size)
    if bits.entries < MINIMUM_ENTRIES:
        raise InvalidStatusList.saying(
            "the status list has {entries} entries; fewer than {least} give people away",
            entries=bits.entries,
            least=MINIMUM_ENTRIES,
        )
    return bits


def _several(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


_DETAILS_CONTEXT = {
    "RevocationDetails": "urn:intaglio:vocab:RevocationDetails",
    "revocations": {"@id": "urn:intaglio:vocab:revocations", "@type": "@json"},
}


PAGE_ENTRIES = 512
"""Positions of a list whose revocation details stand on one page."""


def page_of(index: int) -> int:
    """The page that has the details of a position."""
    return index // PAGE_ENTRIES


def details_url(list_url: str, page: int | None = None) -> str:
    """Where a page of the revocation details of a list is: beside it. Release 0.1.0 had one for all."""
    return f"{list_url}-details" if page is None else f"{list_url}-details-{page}"


def details_urls(entry: StatusEntry) -> tuple[str, str]:
    """Where the details of an entry may be: on its page, or beside the whole list."""
    return details_url(entry.list_url, page_of(entry.index)), details_url(entry.list_url)


def revocation_details_document(
    list_url: str,
    issuer: str,
    revocations: Iterable[Revocation],
    page: int | None = None,
    *,
    valid_from: datetime,
) -> dict[str, Any]:
    """The unsigned document with date and reason of each revocation on a page: `[position, date, code]`."""
    return {
        "@context": [CONTEXT_V2, _DETAILS_CONTEXT],
        "id": details_url(list_url, page),
        "type": ["VerifiableCredential", "RevocationDetails"],
        "issuer": issuer,
        "validFrom": format_datetimestamp(valid_from),
        "credentialSubject": {
            "id": list_url,
            "revocations": [
                [found.position, format_datetimestamp(found.date), found.reason]
                for found in sorted(revocations, key=lambda found: found.position)
            ],
        },
    }


def read_revocation(entry: StatusEntry, credential: Credential) -> Revocation | None:
    """What verified revocation details say of the entry's position; `None` if nothing.

    Raises `InvalidStatusList` where the details belong to another list, `Malformed` where they have no form.
    """
    if "RevocationDetails" not in credential.types or credential.subjects[0].get("id") != entry.list_url:
        raise InvalidStatusList("the revocation details belong to another status list")
    lines = credential.subjects[0].get("revocations")
    if not isinstance(lines, list):
        raise Malformed("the revocation details have no list of revocations")
    for line in lines:
        match line:
            case [int(position), date, str(reason)] if position == entry.index:
                return Revocation(position, parse_datetimestamp(date, "revocations"), reason)
    return None
