"""Bytes from outside, and errors: the lowest package, which knows nothing of credentials.

- `problem.py`: the one tree of errors; `health.py`: the findings of a check-up.
- `strict.py`: parsers for JSON, base64url, base58 and multibase; `datetimestamp.py`: for times.
- `fetch.py`: the bounded `Fetcher` and `Client`; `address.py` limits their targets, `message.py` their
  requests, `https.py` makes the exchange.
- `files.py`: durable files; `sqlite.py`: databases, their problems and migrations.
- `text.py`: makes foreign text safe to show; `later.py`: loads a package's names lazily.
- `work.py`: the cost limit of a report; `clock.py`: the tolerance between clocks; `workers.py`: worker
  processes.

Read `problem.py` first, then `strict.py`.
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
"""The module of each name that is loaded at first use: most programs here fetch nothing."""

if not TYPE_CHECKING:  # or every name would be one of ours to a type checker
    __getattr__ = later(__name__, _LATER)
