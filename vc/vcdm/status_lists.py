"""The unsigned credentials that carry a status list and the details of its revocations (VCDM 2.0)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from wire.datetimestamp import format_datetimestamp

from ..status import PAGE_ENTRIES, Revocation, StatusList, details_url
from ..status.digest import TYPE, DigestFacts
from .credential import CONTEXT_V2

TTL = timedelta(minutes=5)
"""The time for which a verifier may use a copy of our lists before it asks for a newer one."""

_DIGEST_CONTEXT = {
    "StatusDigest": "urn:intaglio:vocab:StatusDigest",
    "statusDigest": {"@id": "urn:intaglio:vocab:statusDigest", "@type": "@json"},
}
_DETAILS_CONTEXT = {
    "RevocationDetails": "urn:intaglio:vocab:RevocationDetails",
    "revocations": {"@id": "urn:intaglio:vocab:revocations", "@type": "@json"},
}


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
            # Bitstring Status List 2.2: in milliseconds.
            "ttl": min(TTL, lifetime) // timedelta(milliseconds=1),
            "encodedList": bits.encode(),
        },
    }


def revocation_details_document(
    list_url: str,
    issuer: str,
    revocations: Iterable[Revocation],
    page: int | None = None,
    *,
    valid_from: datetime,
) -> dict[str, Any]:
    """The unsigned document with date and reason of each revocation on a page: `[position, date, code]`."""
    stated = lru_cache(maxsize=PAGE_ENTRIES)(format_datetimestamp)  # many are of one day
    return {
        # Inline, so that other programs know the terms without fetching anything.
        "@context": [CONTEXT_V2, _DETAILS_CONTEXT],
        "id": details_url(list_url, page),
        "type": ["VerifiableCredential", "RevocationDetails"],
        "issuer": issuer,
        "validFrom": format_datetimestamp(valid_from),
        "credentialSubject": {
            "id": list_url,
            "revocations": [
                [revocation.position, stated(revocation.date), revocation.reason]
                for revocation in sorted(revocations)
            ],
        },
    }


def status_digest_document(
    url: str,
    issuer: str,
    facts: DigestFacts,
    positions: bytes,
    *,
    valid_from: datetime,
    lifetime: timedelta,
) -> dict[str, Any]:
    """Return the unsigned `StatusDigest` at an address. `lifetime` bounds how long a copy may serve."""
    return {
        "@context": [CONTEXT_V2, _DIGEST_CONTEXT],
        "id": url,
        "type": ["VerifiableCredential", TYPE],
        "issuer": issuer,
        "validFrom": format_datetimestamp(valid_from),
        "validUntil": format_datetimestamp(valid_from + lifetime),
        "credentialSubject": {"id": f"{url}#positions", "statusDigest": facts.to_dict(positions)},
    }
