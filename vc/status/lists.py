"""The credential that carries a list: how it is made, and what is asked of it before its bits count."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from wire.datetimestamp import format_datetimestamp

from ..vcdm.credential import CONTEXT_V2, Credential
from .bits import InvalidStatusList, StatusList
from .entry import LIST_TYPES, StatusEntry, several

TTL = timedelta(minutes=5)
"""How long a verifier may use a copy of our lists before it asks for a newer one."""

_URL_ALPHABET = str.maketrans("+/", "-_")


def status_list_document(
    list_url: str,
    issuer: str,
    bits: StatusList,
    *,
    valid_from: datetime,
    lifetime: timedelta,
    purpose: str = "revocation",
) -> dict[str, Any]:
    """The unsigned `BitstringStatusListCredential` (2.2). `lifetime` bounds how long a copy may serve.

    Its `ttl`, in milliseconds, never exceeds `lifetime`: a copy is not to be kept beyond its own end.
    """
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
            "ttl": min(TTL, lifetime) // timedelta(milliseconds=1),
            "encodedList": bits.encode(),
        },
    }


def open_list(
    entry: StatusEntry,
    credential: Credential,
    decode: Callable[[object, int], StatusList] = StatusList.decode,
) -> StatusList:
    """The bits of a list whose proof was verified, for `entry` (3.2, steps 5 to 8).

    `decode` unpacks them, or has done so before. A list of fewer than `MINIMUM_ENTRIES` is opened, too: the
    caller decides what it is worth (step 9). Raises `InvalidStatusList` for a list of another type, purpose,
    size or address.
    """
    credential_type, list_type = LIST_TYPES[entry.type]
    if credential_type not in credential.types:
        raise InvalidStatusList.saying("the status list is not a {type}", type=credential_type)
    if credential.id != entry.list_url:
        raise InvalidStatusList("the status list is not the one that the credential names")
    subject = credential.subjects[0]
    if list_type not in several(subject.get("type")):
        raise InvalidStatusList.saying("the status list's subject is not a {type}", type=list_type)
    if entry.purpose not in several(subject.get("statusPurpose")):
        raise InvalidStatusList("the status list serves another purpose")
    if subject.get("statusSize", entry.size) != entry.size:
        raise InvalidStatusList("the status list has entries of another size")
    encoded = subject.get("encodedList")
    if list_type == "StatusList2021" and isinstance(encoded, str):
        # base64 of either alphabet, padded or not, without the multibase prefix that came later
        encoded = "u" + encoded.rstrip("=").translate(_URL_ALPHABET)
    return decode(encoded, entry.size)
