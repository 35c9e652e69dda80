"""The journal of a log in a folder: appended batches, durable before anything else is written.

The first record has the end of the settled part of the log, the others are batches. A record is the length of
its payload, the payload's SHA-256, and the payload. The journal ends before the first record that is cut
short or does not match, since a crash may leave one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from wire.files import open_regular, sync_file, write_durably
from wire.problem import Damaged, TooLarge

from .. import merkle
from ..problem import Overtaken
from .keys import key_digest
from .layout import frame, unframe
from .store import Base, Batch

_HEAD = 8 + 32  # length and checksum of a record
_FIRST = _HEAD + 8 + merkle.HASH_SIZE  # the first record, of the base


class Capacity(NamedTuple):
    """The limits of a journal."""

    batches: int = 256
    """Batches after which it is full."""
    size: int = 1 << 16
    """Bytes after which it is full: all of it is integrated again when a log is opened."""
    record: int = 1 << 28
    """Bytes of one batch; more is never read into memory."""


CAPACITY = Capacity()


class Journal:
    """The journal file. Other processes write to it, too: call `refresh` after taking the log's lock."""

    def __init__(self, path: Path, capacity: Capacity) -> None:
        self._path, self._capacity = path, capacity
        self._forget(Base(0, merkle.EMPTY_ROOT))

    def _forget(self, base: Base) -> None:
        self.base = base
        self.keys: dict[bytes, range] = {}
        self._end, self._size = _FIRST, base.size  # where the known records end, in the file and in the log

    def create(self) -> None:
        """Begin an empty log."""
        self.replace(Base(0, merkle.EMPTY_ROOT))

    def refresh(self) -> None:
        """Read the journal's base again, since the journal may have been replaced. Raises `Damaged`."""
        try:
            with open_regular(self._path) as file:
                base = _base(file)
        except FileNotFoundError:
            raise Damaged("the journal of the log is missing, though the log is not") from None
        if base != self.base:
            self._forget(base)

    @contextmanager
    def _opened(self) -> Iterator[FileIO]:
        """Open the journal of the known base. Raises `Overtaken` where another has begun since."""
        with open_regular(self._path) as file:
            if _base(file) != self.base:
                raise Overtaken("another writer has settled the log meanwhile")
            yield file

    def batches(self, start: int) -> Iterator[Batch]:
        """The batches from index `start` on; they are made durable if their writer died before its sync.

        Raises `Damaged` for a journal that has become shorter.
        """
        if start != self._size:
            self._forget(self.base)
        with self._opened() as file:
            end = os.fstat(file.fileno()).st_size
            # A file that lost records was acknowledged as durable: no crash does that.
            if end < self._end:
                raise Damaged("the journal of the log has become shorter")
            if end > self._end:  # a writer may have died between writing and syncing
                sync_file(file.fileno())
            for payload in _payloads(file, self._end, self._capacity.record):
                batch = _parse(payload)
                if batch.start != self._size:
                    return
                self._add(batch, len(payload))
                if batch.start >= start:
                    yield batch

    def require_end(self, size: int) -> None:
        """Raise `Overtaken` unless the last recorded batch ends at `size`."""
        with self._opened() as file:
            following = next(_payloads(file, self._end, self._capacity.record), None)
        # ADR 38: of two writers at one index, the second finds the first one's batch, lock or no lock.
        if size != self._size or (following is not None and int.from_bytes(following[:8]) == size):
            raise Overtaken("another writer has recorded a batch meanwhile")

    def append(self, *batches: Batch) -> None:
        """Add batches after the last known one, over any remains of a crash. Durable on return.

        Raises `TooLarge`, and `OSError` after removing the written bytes again.
        """
        payloads = [b"".join([each.start.to_bytes(8), *frame([each.key]), *each.framed]) for each in batches]
        # Readers end at a longer record: it would be lost after it was acknowledged.
        if max(map(len, payloads)) > self._capacity.record:
            raise TooLarge(f"a batch of the log has at most {self._capacity.record} bytes")
        records = b"".join(map(_record, payloads))
        descriptor = os.open(self._path, os.O_WRONLY)
        try:
            try:
                os.ftruncate(descriptor, self._end)
                written = 0
                while written < len(records):
                    written += os.pwrite(descriptor, records[written:], self._end + written)
                sync_file(descriptor)
            except OSError:
                os.ftruncate(descriptor, self._end)
                raise
        finally:
            os.close(descriptor)
        for batch, payload in zip(batches, payloads, strict=True):
            self._add(batch, len(payload))

    def replace(self, base: Base) -> None:
        """Forget all batches, since they are settled below the new base."""
        write_durably(self._path, _record(base.size.to_bytes(8) + base.root))
        self._forget(base)

    @property
    def full(self) -> bool:
        """True where opening the log would soon take too long."""
        return self._end > self._capacity.size or len(self.keys) >= self._capacity.batches

    def _add(self, batch: Batch, length: int) -> None:
        self._end += _HEAD + length
        self._size += len(batch.entries)
        self.keys[key_digest(batch.key)] = batch.range


def _base(file: FileIO) -> Base:
    header = next(_payloads(file, 0, _FIRST), b"")
    # The first record is written with the file, as a whole: no crash leaves a part of it.
    if len(header) != _FIRST - _HEAD:
        raise Damaged("the journal of the log does not begin as one")
    return Base(int.from_bytes(header[:8]), header[8:])


def _record(payload: bytes) -> bytes:
    return len(payload).to_bytes(8) + sha256(payload).digest() + payload


def _payloads(file: FileIO, at: int, longest: int) -> Iterator[bytes]:
    end = os.fstat(file.fileno()).st_size
    file.seek(at)
    while at + _HEAD <= end:
        head = file.read(_HEAD)
        length = int.from_bytes(head[:8])
        at += _HEAD + length
        # A length that a crash left half-written may say anything.
        if at > end or length > longest:
            return
        payload = file.read(length)
        # Blocks of a file reach the disk in any order: the length may be there without the payload.
        if sha256(payload).digest() != head[8:]:
            return
        yield payload


def _parse(payload: bytes) -> Batch:
    key, *entries = unframe(payload[8:], "The journal of the log")
    return Batch(int.from_bytes(payload[:8]), key, entries)
