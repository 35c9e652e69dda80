"""The credential that carries a list: what is asked of it before its bits count."""

from __future__ import annotations

from collections.abc import Callable

from ..claims import Claims
from .bits import INVALID_STATUS_LIST, StatusList
from .entry import LIST_TYPES, StatusEntry, several

_URL_ALPHABET = str.maketrans("+/", "-_")


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
    if credential_type not in claims.types:
        raise INVALID_STATUS_LIST.saying("the status list is not a {type}", type=credential_type)
    if claims.id != entry.list_url:
        raise INVALID_STATUS_LIST("the status list is not the one that the credential names")
    subject = claims.subjects[0]
    if list_type not in several(subject.get("type")):
        raise INVALID_STATUS_LIST.saying("the status list's subject is not a {type}", type=list_type)
    if entry.purpose not in several(subject.get("statusPurpose")):
        raise INVALID_STATUS_LIST("the status list serves another purpose")
    if subject.get("statusSize", entry.size) != entry.size:
        raise INVALID_STATUS_LIST("the status list has entries of another size")
    encoded = subject.get("encodedList")
    if list_type == "StatusList2021" and isinstance(encoded, str):
        # base64 of either alphabet, padded or not, without the multibase prefix that came later
        encoded = "u" + encoded.rstrip("=").translate(_URL_ALPHABET)
    return decode(encoded, entry.size)
