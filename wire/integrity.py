"""Subresource Integrity: one text with the digests that a file may have (W3C SRI, section 3)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping

_ALGORITHMS = ("sha512", "sha384", "sha256")  # the strongest first
_TOKEN = re.compile(r"(sha256|sha384|sha512)-([A-Za-z0-9+/_-]+={0,2})(?:\?.*)?")


def digests(metadata: str) -> Mapping[str, frozenset[bytes]]:
    """The digests by the strongest algorithm that integrity metadata names, by its name; empty for none.

    Options behind a question mark say nothing of the file (3.1), nor do algorithms that are not known here.
    """
    tokens = [match.groups() for token in metadata.split() if (match := _TOKEN.fullmatch(token))]
    strongest = next((name for name in _ALGORITHMS if any(name == other for other, _ in tokens)), None)
    if strongest is None:
        return {}
    return {strongest: frozenset(_raw(text) for name, text in tokens if name == strongest)}


def fits(metadata: str, data: bytes) -> bool | None:
    """Whether a file has one of the digests of the strongest algorithm (3.3.5); `None` where none is known.

    Weaker ones do not count beside it: whoever can forge these could bring another file.
    """
    for name, raw in digests(metadata).items():
        return hashlib.new(name, data).digest() in raw
    return None


def _raw(text: str) -> bytes:
    """The bytes; without any for a text that is no base64, since no file has such a digest."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        return b""
