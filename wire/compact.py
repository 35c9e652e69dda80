"""The parts of a JWT before anything is verified: enough to tell what it is, within a bound of its own."""

from __future__ import annotations

from typing import Any

from .problem import Malformed
from .strict import base64url_decode, load_json_object
from .work import Work

GLANCE = 100_000
"""Steps for one part. Whatever has no budget of its own looks at files of megabytes so."""
LONGEST_HEADER = 1 << 16
"""Characters."""


def jwt_header(token: bytes) -> dict[str, Any]:
    """The header, unchecked. Raises `Malformed`, and `TooLarge` for one that costs more than a glance."""
    return _part(token, 0, LONGEST_HEADER)


def jwt_payload(token: bytes) -> dict[str, Any]:
    """The payload, unchecked. Raises as `jwt_header`."""
    return _part(token, 1, len(token))


def _part(token: bytes, place: int, limit: int) -> dict[str, Any]:
    parts = token.split(b".", 3)  # not at each dot of a file that is nothing else
    if len(parts) != 3:
        raise Malformed("a JWT has three parts, in base64url")
    return load_json_object(base64url_decode(parts[place], limit=limit), limit=limit, work=Work(GLANCE))
