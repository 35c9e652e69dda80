"""The parts of a compact JWT before it is checked: enough to tell what some bytes are."""

from __future__ import annotations

from typing import Any

from wire import Malformed, base64url_decode, load_json_object

LONGEST_HEADER = 1 << 16
"""Characters; `keys.jws` reads no longer one."""


def unchecked(token: bytes, place: int) -> dict[str, Any]:
    """Return the header (0) or the payload (1). Raises `Malformed`, and `TooLarge` for a long header.

    Every form looks at each file in this way, and nobody's work is charged for it.
    """
    parts = token.split(b".")
    if len(parts) != 3:
        raise Malformed("a JWT has three parts, in base64url")
    text = parts[place].decode("ascii", "replace")
    return load_json_object(
        base64url_decode(text, limit=len(text) if place else LONGEST_HEADER), limit=len(text)
    )
