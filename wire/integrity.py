"""Digests of files as text: Subresource Integrity, which can list several (W3C SRI, 3), and multibase."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import BinaryIO

from .problem import Malformed
from .strict import multibase_decode

_ALGORITHMS = ("sha512", "sha384", "sha256")  # the strongest first
_MULTIHASHES = (b"\x12\x20", b"\x20\x30", b"\x13\x40")
"""The prefixes of multihashes of SHA-256, -384 and -512: the number of the hash, and a length."""
_PIECE = 1 << 18  # bytes of a file that are in memory at once
_TOKEN = re.compile(r"(sha256|sha384|sha512)-([A-Za-z0-9+/_-]+={0,2})(?:\?.*)?")


def digests(metadata: str) -> Mapping[str, frozenset[bytes]]:
    """The digests of the strongest algorithm in integrity metadata, by its name; empty where none is known.

    Options behind a question mark (3.1) and unknown algorithms are ignored.
    """
    tokens = [match.groups() for token in metadata.split() if (match := _TOKEN.fullmatch(token))]
    strongest = next((name for name in _ALGORITHMS if any(name == other for other, _ in tokens)), None)
    if strongest is None:
        return {}
    return {strongest: frozenset(_raw(text) for name, text in tokens if name == strongest)}


def fits(metadata: str, data: bytes) -> bool | None:
    """True if a file has one of the digests of the strongest algorithm (3.3.5); `None` where none is known.

    Weaker digests are ignored beside it: otherwise an attacker who can forge these could bring another file.
    """
    # Threat 44d: a single digest of the strongest algorithm suffices, and a weaker one never does.
    for name, raw in digests(metadata).items():
        return hashlib.new(name, data).digest() in raw
    return None


def digests_of(opened: BinaryIO) -> frozenset[bytes]:
    """All SHA-2 digests that may identify a file. The file is read once, in pieces."""
    hashes = [hashlib.new(name) for name in _ALGORITHMS]
    while piece := opened.read(_PIECE):
        for each in hashes:
            each.update(piece)
    return frozenset(each.digest() for each in hashes)


def stated(text: str) -> frozenset[bytes]:
    """The SHA-2 digests that a `digestSRI` or `digestMultibase` states; a file has to have one of them.

    Empty for a text that no file can match, such as one of another length. A multibase may hold a bare
    digest, as W3C's suite writes it.
    """
    if named := digests(text):
        return frozenset(raw for name, each in named.items() for raw in each if len(raw) == _length(name))
    try:
        digest = multibase_decode(text, limit=128)
    except Malformed:
        return frozenset()
    for begins in _MULTIHASHES:
        if digest.startswith(begins) and len(digest) == len(begins) + begins[1]:
            return frozenset({digest[len(begins) :]})
    return frozenset({digest} if len(digest) in map(_length, _ALGORITHMS) else ())


def _length(algorithm: str) -> int:
    return hashlib.new(algorithm).digest_size


def _raw(text: str) -> bytes:
    """The decoded bytes; empty for a text that is not base64, since no file has such a digest."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        return b""
