"""The credential that carries a list: how it is made, and what is asked of it before its bits count."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from wire.datetimestamp import format_datetimestamp

from ..model.credential import CONTEXT_V2, Credential
from .bits import MINIMUM_ENTRIES, InvalidStatusList, StatusList
from .entry import StatusEntry, several


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
    if "BitstringStatusList" not in several(subject.get("type")):
        raise InvalidStatusList("the status list's subject is not a BitstringStatusList")
    if entry.purpose not in several(subject.get("statusPurpose")):
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
