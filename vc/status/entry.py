"""A credential's reference to its status, and the checks of the list there before its bits count.

The reference is a status entry, or a statement in its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from wire import Refused
from wire.problem import Code
from wire.strict import is_url

from ..claims import STATUS_STATEMENT, Claims
from ..problem import MalformedCredential
from .bits import INVALID_STATUS_LIST, MAX_STATUS_SIZE, StatusList

LIST_TYPES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "BitstringStatusListEntry": ("BitstringStatusListCredential", "BitstringStatusList"),
        "StatusList2021Entry": ("StatusList2021Credential", "StatusList2021"),
    }
)
"""By the type of an entry: the types of the credential that carries its list, and of the list itself."""

SUSPENSION_SUFFIX = "-suspension"
"""The end of the address of the suspensions beside a list of revocations; positions are the same in both."""

_URL_ALPHABET = str.maketrans("+/", "-_")
_STATUS = r"0x[0-9A-Fa-f]{1,2}"


UNKNOWN_STATUS_ENTRY = Code(
    "unknown-status-entry", Refused, "The status is of a kind that is not supported", undetermined=True
)
"""A status of a kind that this program cannot look up: neither good nor bad."""


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """A status entry of a credential (2.1), of one of the `LIST_TYPES`."""

    type: str
    purpose: str
    list_url: str
    index: int
    size: int
    messages: tuple[tuple[int, str], ...] = ()
    """`statusMessage`: values of the entry and the issuer's text for each, in order of the values."""
    references: tuple[str, ...] = ()
    """`statusReference`: URLs of material about what the values mean."""

    @classmethod
    def parse(cls, value: Mapping[str, Any]) -> StatusEntry:
        """Raises `MalformedCredential`, or `UNKNOWN_STATUS_ENTRY` for another kind of entry (fail closed).

        Messages and references decide nothing: those that are malformed are left out.
        """
        kinds = several(value.get("type"))
        types = [name for name in LIST_TYPES if name in kinds]
        # By two types, two kinds of list could answer for one credential.
        if len(types) != 1:
            raise UNKNOWN_STATUS_ENTRY("credentialStatus is not a BitstringStatusListEntry")
        purpose, url = value.get("statusPurpose"), value.get("statusListCredential")
        index = value.get("statusListIndex")
        size = value.get("statusSize", 1)
        # Bitstring Status List 2.1: a bit without a purpose says neither "revoked" nor "suspended".
        if not isinstance(purpose, str) or not purpose:
            raise MalformedCredential("credentialStatus.statusPurpose is missing")
        if not is_url(url):
            raise MalformedCredential("credentialStatus.statusListCredential is not a URL")
        # `str.isdigit` takes digits of other scripts as well; no list has positions of more than 12 digits.
        if not isinstance(index, str) or not (index.isascii() and index.isdigit()) or len(index) > 12:
            raise MalformedCredential("credentialStatus.statusListIndex is not a number written as a text")
        # To Python, JSON's true is an int.
        if type(size) is not int or size < 1:
            raise MalformedCredential("credentialStatus.statusSize is not a number of bits")
        # 2.1 has no limit: a larger size is no error of the issuer's, and stays open.
        if size > MAX_STATUS_SIZE:
            raise UNKNOWN_STATUS_ENTRY.saying(
                "a status of {size} bits is not read here; {most} are", size=size, most=MAX_STATUS_SIZE
            )
        return cls(
            types[0],
            purpose,
            url,
            int(index),
            size,
            tuple(sorted(_messages(value.get("statusMessage")))),
            tuple(filter(is_url, several(value.get("statusReference")))),
        )


def open_list(
    entry: StatusEntry,
    claims: Claims,
    decode: Callable[[object, int], StatusList] = StatusList.decode,
) -> StatusList:
    """The bits of a list whose proof was verified, for `entry` (3.2, steps 5 to 8).

    `decode` unpacks them, or has done so before. A list of fewer than `MINIMUM_ENTRIES` is opened, too: the
    caller decides what it is worth (step 9). Raises `INVALID_STATUS_LIST` for a list of another type,
    purpose, size or address.
    """
    credential_type, list_type = LIST_TYPES[entry.type]
    # Threat 57: another document that the issuer signed is no list.
    if credential_type not in claims.types:
        raise INVALID_STATUS_LIST.saying("the status list is not a {type}", type=credential_type)
    # Threat 57: else any list of the issuer's could stand in for this one.
    if claims.id != entry.list_url:
        raise INVALID_STATUS_LIST("the status list is not the one that the credential names")
    subject = claims.subjects[0]
    # Bitstring Status List 2.2: a subject of another type has no bits.
    if list_type not in several(subject.get("type")):
        raise INVALID_STATUS_LIST.saying("the status list's subject is not a {type}", type=list_type)
    # Threat 57: a bit for suspensions does not say that nothing was revoked.
    if entry.purpose not in several(subject.get("statusPurpose")):
        raise INVALID_STATUS_LIST("the status list serves another purpose")
    # Threat 57d: with another size, the position has other bits.
    if subject.get("statusSize", entry.size) != entry.size:
        raise INVALID_STATUS_LIST("the status list has entries of another size")
    encoded = subject.get("encodedList")
    if list_type == "StatusList2021" and isinstance(encoded, str):
        # base64 of either alphabet, padded or not, without the multibase prefix that came later
        encoded = "u" + encoded.rstrip("=").translate(_URL_ALPHABET)
    return decode(encoded, entry.size)


def suspension_url(list_url: str) -> str:
    """The address of the suspensions of the credentials that this list is about."""
    return f"{list_url}{SUSPENSION_SUFFIX}"


def status_entry(list_url: str, index: int, purpose: str = "revocation") -> dict[str, Any]:
    """A `credentialStatus` of a credential at position `index`."""
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


def _messages(value: object) -> Iterator[tuple[int, str]]:
    for item in several(value):
        match item:
            case {"status": str(status), "message": str(message)} if re.fullmatch(_STATUS, status):
                yield int(status, 16), message


def several(value: object) -> list[object]:
    """The values of a member that may have one alone, without an array around it."""
    return value if isinstance(value, list) else [value]
