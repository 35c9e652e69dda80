"""Bytes from outside, and errors: the bottom of the house, which knows nothing of credentials.

`problem.py` has the one tree of errors; `strict.py` the front door for JSON, base64url, base58 and multibase,
`datetimestamp.py` that for times; `fetch.py` the bounded `Fetcher` and `Client`, with `address.py` (where
they may go), `message.py` (what they may send) and `https.py` (how); `files.py` durable files, `sqlite.py`
what a database refuses and how its tables change; `text.py` what makes somebody else's words safe to show;
`work.py` what one report may cost, `clock.py` how far clocks may differ. Read `problem.py` first, then
`strict.py`.
"""

from .files import sync_folder, write_durably
from .problem import (
    Conflict,
    Damaged,
    Declined,
    DiskFull,
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
from .text import counted, printable, shortened

__all__ = [
    "Conflict",
    "Damaged",
    "Declined",
    "DiskFull",
    "Malformed",
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
    "counted",
    "load_json",
    "load_json_object",
    "multibase_decode",
    "printable",
    "shortened",
    "sync_folder",
    "write_durably",
]
