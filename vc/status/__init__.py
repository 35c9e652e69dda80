"""Bitstring status lists: whether a credential was revoked, without saying which one is asked about.

W3C Bitstring Status List 1.0; lists of its draft, StatusList2021, are read, too. Many credentials share one
signed list, and each knows its position. `bits.py` has the list itself, `entry.py` a credential's reference
to a place in one and the checks of the signed list. `details.py` has a second signed document beside it, with
the date and coded reason of each revocation.
"""

from .bits import INVALID_STATUS_LIST, MINIMUM_ENTRIES, StatusList, combined
from .details import (
    PAGE_ENTRIES,
    Reason,
    Revocation,
    details_url,
    details_urls,
    page_of,
    read_revocation,
)
from .entry import (
    SUSPENSION_SUFFIX,
    UNKNOWN_STATUS_ENTRY,
    StatusEntry,
    open_list,
    status_entry,
    status_statement,
    suspension_url,
)

__all__ = [
    "INVALID_STATUS_LIST",
    "MINIMUM_ENTRIES",
    "PAGE_ENTRIES",
    "SUSPENSION_SUFFIX",
    "UNKNOWN_STATUS_ENTRY",
    "Reason",
    "Revocation",
    "StatusEntry",
    "StatusList",
    "combined",
    "details_url",
    "details_urls",
    "open_list",
    "page_of",
    "read_revocation",
    "status_entry",
    "status_statement",
    "suspension_url",
]
