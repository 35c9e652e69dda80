"""The files beside the tiles of an issuer's log: documents, kinds and status lists, by path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from wire.problem import Malformed

DOCUMENTS = "documents"
"""The path of the versions of an issuer's document: `documents`, each with `index` and `document`."""
KINDS = "kinds"
"""The path of a list of kinds, below which each lies under its digest."""
LISTS = "lists"
"""The path of a list of status lists, below which each lies under its index in the log."""
LARGEST_DOCUMENTS = 1 << 22
"""Bytes of all documents: 2,700,000 after 62 changes of keys. Reading them is work that is counted."""
LARGEST_STATUS_LIST = 1 << 22
"""Bytes of a status list, as verifiers have it."""
LARGEST_LISTING = 1 << 22
"""Bytes of the list of status lists, of which each has 100."""


def listing(lists: Mapping[int, str]) -> bytes:
    """The status lists that a log holds, as JSON: `lists`, each with its `index` there and its `url`."""
    return orjson.dumps({LISTS: [{"index": index, "url": url} for index, url in lists.items()]})


def listed_lists(value: Mapping[str, Any]) -> list[tuple[int, str]]:
    """The index and the address of each list in such a listing. Raises `Malformed`."""
    listed = value.get(LISTS)
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise Malformed("its status lists are not a list")
    found = [(one.get("index"), one.get("url")) for one in listed]
    if any(type(index) is not int or index < 0 or not isinstance(url, str) for index, url in found):
        raise Malformed("one of its status lists has no index, or no address")
    return found
