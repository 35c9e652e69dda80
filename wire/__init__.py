"""Bytes from outside, and errors: the bottom of the house, which knows nothing of credentials.

`problem.py` has the one tree of errors, `health.py` what is found where a set-up is looked over; `strict.py`
the front door for JSON, base64url, base58 and multibase, `datetimestamp.py` that for times; `fetch.py` the
bounded `Fetcher` and `Client`, with `address.py` (where they may go), `message.py` (what they may send) and
`https.py` (how); `files.py` durable files, `sqlite.py` what a database refuses and how its tables change;
`text.py` what makes somebody else's words safe to show; `later.py` loads a package's names when they are
asked for; `work.py` what one report may cost, `clock.py` how far clocks may differ; `workers.py` has
processes that share work. Read `problem.py` first,
then `strict.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .later import later
from .problem import (
    DISK_FULL,
    Conflict,
    Damaged,
    Declined,
    Malformed,
    NotFound,
    Problem,
    Refused,
    RepeatedMember,
    TooLarge,
    TryLater,
    Unavailable,
)
from .strict import (
    base58_decode,
    base58_encode,
    base64url_decode,
    base64url_encode,
    load_json,
    load_json_object,
    multibase_decode,
)

if TYPE_CHECKING:
    from .fetch import Client, Fetcher, HttpsFetcher, NoFetcher

__all__ = [
    "DISK_FULL",
    "Client",
    "Conflict",
    "Damaged",
    "Declined",
    "Fetcher",
    "HttpsFetcher",
    "Malformed",
    "NoFetcher",
    "NotFound",
    "Problem",
    "Refused",
    "RepeatedMember",
    "TooLarge",
    "TryLater",
    "Unavailable",
    "base58_decode",
    "base58_encode",
    "base64url_decode",
    "base64url_encode",
    "load_json",
    "load_json_object",
    "multibase_decode",
]

_LATER = dict.fromkeys(["Client", "Fetcher", "HttpsFetcher", "NoFetcher"], "fetch")
"""Which module has what is loaded when it is asked for: most programs here fetch nothing."""

if not TYPE_CHECKING:  # or every name would be one of ours to a type checker
    __getattr__ = later(__name__, _LATER)
