"""Digests of files as texts: Subresource Integrity, which may name several (W3C SRI, 3), and multibase."""

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
"""How multihashes of SHA-256, -384 and -512 begin: a number of the hash, and a length."""
_PIECE = 1 << 18  # bytes of a file that are in memory at once
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


def digests_of(opened: BinaryIO) -> frozenset[bytes]:
    """Each digest of SHA-2 by which a file may be named; it is read once, and never as a whole."""
    hashes = [hashlib.new(name) for name in _ALGORITHMS]
    while piece := opened.read(_PIECE):
        for each in hashes:
            each.update(piece)
    return frozenset(each.digest() for each in hashes)


def stated(text: str) -> frozenset[bytes]:
    """The digests of SHA-2, one of which a file has, from how `digestSRI` or `digestMultibase` write them.

    None for a text that no file fits, such as one of another length. A multibase may be bare, as W3C's suite
    writes it.
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
    """The bytes; without any for a text that is no base64, since no file has such a digest."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        return b""
