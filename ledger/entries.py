"""The project's log entries: 34 bytes that name a kind of document, a hash and a digest."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from wire.problem import Malformed

SHA_256 = 1


class EntryKind(IntEnum):
    """The kind of document that an entry's digest is of; the entry's first byte."""

    CREDENTIAL = 1
    DID_DOCUMENT = 2
    STATUS_LIST = 3
    REVOCATION_DETAILS = 4
    KIND = 5
    """A version of a kind, by the digest of its manifest."""


_KINDS = {kind.value: kind for kind in EntryKind}


class LogEntry(NamedTuple):
    """The parts of an entry; the digest is 32 bytes of SHA-256, the only hash there is so far."""

    kind: EntryKind
    digest: bytes


def entry(kind: EntryKind, digest: bytes) -> bytes:
    """The log entry for a digest: kind, hash algorithm, 32 bytes. Raises `Malformed` for other lengths."""
    # A shorter one would make an entry that `parse_entry` refuses, once it can no longer be taken back.
    if len(digest) != 32:
        raise Malformed.saying("a SHA-256 digest has 32 bytes, this one {length}", length=len(digest))
    return bytes((kind, SHA_256)) + digest


def parse_entry(data: bytes) -> LogEntry:
    """Kind and digest of a log entry. Raises `Malformed` for any other form, kind or hash algorithm."""
    # Exactly one form: the kind is part of what the log proves, so a list cannot stand in for a diploma.
    if len(data) != 34 or data[1] != SHA_256:
        raise Malformed("the log entry is not of the form kind, SHA-256, digest")
    if data[0] not in _KINDS:
        raise Malformed.saying("the log entry is of the unknown kind {kind}", kind=data[0])
    return LogEntry(_KINDS[data[0]], data[2:])
