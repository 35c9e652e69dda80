"""The parts of a JWT before it is verified, to recognise its kind, within a work limit of their own."""

from __future__ import annotations

from typing import Any

from .problem import Malformed
from .strict import base64url_decode, load_json_object
from .work import Work

GLANCE = 100_000
"""Most steps for reading one part: callers without a budget of their own look at files of megabytes."""
LONGEST_HEADER = 1 << 16
"""Most characters of the header."""


def jwt_header(token: bytes) -> dict[str, Any]:
    """The header, unchecked. Raises `Malformed`, and `TooLarge` for one that costs more than a glance."""
    return _part(token, 0, LONGEST_HEADER)


def jwt_payload(token: bytes) -> dict[str, Any]:
    """The payload, unchecked. Raises as `jwt_header`."""
    return _part(token, 1, len(token))


def _part(token: bytes, place: int, limit: int) -> dict[str, Any]:
    parts = token.split(b".", 3)  # at most three cuts: a file can consist of dots (threat 44e)
    if len(parts) != 3:
        raise Malformed("a JWT has three parts, in base64url")
    return load_json_object(base64url_decode(parts[place], limit=limit), limit=limit, work=Work(GLANCE))
