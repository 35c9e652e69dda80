"""Bitstring status lists: whether a credential was revoked, without saying which one is asked about.

W3C Bitstring Status List 1.0; lists of its draft, StatusList2021, are read, too. Many credentials share one
signed list, and each knows its position: `bits.py` has the list itself, `entry.py` what a credential says of
its place in one, `lists.py` the signed list, `details.py` a second signed document beside it, with the date
and coded reason of each revocation.
"""

from .bits import MINIMUM_ENTRIES, InvalidStatusList, StatusList
from .details import (
    PAGE_ENTRIES,
    Reason,
    Revocation,
    details_url,
    details_urls,
    page_of,
    read_revocation,
)
from .entry import StatusEntry, UnknownStatusEntry, status_entry, status_statement
from .lists import open_list

__all__ = [
    "MINIMUM_ENTRIES",
    "PAGE_ENTRIES",
    "InvalidStatusList",
    "Reason",
    "Revocation",
    "StatusEntry",
    "StatusList",
    "UnknownStatusEntry",
    "details_url",
    "details_urls",
    "open_list",
    "page_of",
    "read_revocation",
    "status_entry",
    "status_statement",
]
