"""The batches of a log in a bucket: each object begins where the one before it ends, and is created once.

batch/00000000000000000000, …: SHA-256 of the rest; random bytes that mark the writer's attempt; records, each
a batch after its length. Or a seal, the name of the move by which the log left: nothing comes after it.

A writer that knows the end of the log creates the object with that name; of several writers, one succeeds.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from hashlib import sha256

from wire.problem import Damaged, Unavailable

from ... import merkle
from ...problem import Overtaken
from ..keys import key_digest
from ..layout import frame, unframe
from ..store import Base, Batch, Mark, State, require_open
from .bucket import BATCHES, LARGEST_BATCHES, Bucket

_SUM, _BY, _LENGTH, _START = 32, 16, 8, 8
_SEAL = b"sealed: "
_LONGEST_SEAL = 1 << 12  # bytes
_MOST = 1 << 12
"""Objects since the base. A log settles after 64: so many are there only if that failed a thousand times."""
_LARGEST = 1 << 30
"""Bytes of these objects. One call records about 2**28 at most, and a log settles after it."""
_TRIES = 100  # of a seal, before which others may record again and again
_FASTER = "another writer has recorded a batch meanwhile"


def batch_path(start: int) -> str:
    """The path of the batch that begins at an index; the paths sort as the numbers do."""
    return f"{BATCHES}{start:020}"


class Batches:
    """The batches since the log's base, as far as they were read. Raises as `Bucket` does, and `Damaged`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._forget(Base(0, merkle.EMPTY_ROOT))

    def _forget(self, base: Base) -> None:
        self.base = base
        self.known: list[Batch] = []
        self._objects = self._size = 0
        self.mark: Mark | None = None
        """The move that has sealed the end of the log, if its seal was read."""
        self.keys: dict[bytes, range] = {}
        """Digests of keys, with the ranges of their batches."""

    @property
    def end(self) -> int:
        """The index after the last known batch."""
        return self.known[-1].range.stop if self.known else self.base.size

    def begin(self, base: Base) -> None:
        """Start over if the log has another base by now."""
        if base != self.base:
            self._forget(base)

    def since(self, start: int) -> Iterator[Batch]:
        """The batches from an index on, read up to the present end. Raises `Damaged`."""
        yield from (batch for batch in self.known if batch.start >= start)
        while self.mark is None and (data := self._next()) is not None:
            path, content = batch_path(self.end), data[_SUM + _BY :]
            # An object is created as a whole: another sum is damage, not a crash.
            if sha256(data[_SUM:]).digest() != data[:_SUM]:
                raise Damaged(f"{path} is not what was written")
            if content.startswith(_SEAL):
                self.mark = Mark(_sealed(path, content.removeprefix(_SEAL)), State.LEFT)
                return
            batches = list(_parse(path, content, self.end))
            self._add(len(data), batches)
            yield from (batch for batch in batches if batch.start >= start)

    def _next(self) -> bytes | None:
        """The object at the end, if there is one. Raises `Damaged` for more than a log leaves unsettled.

        Without that limit, a bucket that lies could give batches until memory is full (threat F32).
        """
        data = self._bucket.get(batch_path(self.end))
        if data is not None and (self._objects == _MOST or self._size + len(data) > _LARGEST):
            raise Damaged("the bucket has more batches that are not settled than any log has")
        return data

    def record(self, *batches: Batch) -> None:
        """Add neighbouring batches after the last known one.

        Raises `Overtaken` where another object is there, `LOG_SEALED` where that is a seal, and `Unavailable`
        where there would be more than readers accept.
        """
        content = _format(batches)
        size = _SUM + _BY + len(content)
        if size > LARGEST_BATCHES or self._objects == _MOST or self._size + size > _LARGEST:
            raise Unavailable("too much was recorded in the log since it was last settled")
        # ADR 60: of several writers one creates the object that has the log's end for a name.
        if batches[0].start != self.end or not self._create(content):
            end = self.end
            for _ in self.since(end):
                pass
            if self.end == end:
                require_open(self.mark)
            raise Overtaken(_FASTER)
        self._add(size, batches)

    def seal(self, name: str) -> None:
        """Close the log for good. Raises `Overtaken` where a seal is there."""
        for _ in range(_TRIES):
            for _ in self.since(self.end):
                pass
            if self.mark is not None:
                raise Overtaken("the log was sealed meanwhile")
            if self._create(_SEAL + name.encode()):
                self.mark = Mark(name, State.LEFT)
                return
        raise Overtaken(_FASTER)

    def require_end(self, size: int) -> None:
        """Raise `Overtaken` unless the last batch ends at `size`."""
        # `Appender.settle`: the base has to be where the last recorded batch ends.
        if size != self.end or self._bucket.has(batch_path(size)):
            raise Overtaken(_FASTER)

    def _create(self, content: bytes) -> bool:
        path, rest = batch_path(self.end), secrets.token_bytes(_BY) + content
        data = sha256(rest).digest() + rest
        if not self._bucket.create(path, data):
            return False
        # Nothing is signed for a batch that the bucket does not give back.
        if self._bucket.get(path) != data:
            raise Damaged(f"{path} does not read back as it was written")
        return True

    def _add(self, size: int, batches: Sequence[Batch]) -> None:
        """Add the batches of an object of `size` bytes to the known ones."""
        self._objects, self._size = self._objects + 1, self._size + size
        self.known += batches
        self.keys |= {key_digest(batch.key): batch.range for batch in batches}


def _format(batches: Sequence[Batch]) -> bytes:
    pieces = []
    for batch in batches:
        record = b"".join([batch.start.to_bytes(8), *frame([batch.key]), *batch.framed])
        pieces += [len(record).to_bytes(_LENGTH), record]
    return b"".join(pieces)


def _parse(path: str, content: bytes, end: int) -> Iterator[Batch]:
    """The batches of an object, at least one, from index `end` on. Raises `Damaged`.

    Each has a key and an entry: without an entry, the end would not move, and the same object would be read
    again for ever (threat F32).
    """
    at = 0
    while at < len(content) or not at:
        stop = at + _LENGTH + int.from_bytes(content[at : at + _LENGTH])
        start = int.from_bytes(content[at + _LENGTH : at + _LENGTH + _START])
        key, *entries = unframe(content[at + _LENGTH + _START : stop], path) or [b""]
        if stop > len(content) or start != end or not entries:
            raise Damaged(f"{path} is not what was written")
        yield Batch(start, key, entries)
        at, end = stop, end + len(entries)


def _sealed(path: str, name: bytes) -> str:
    try:
        return name[:_LONGEST_SEAL].decode()
    except UnicodeDecodeError:
        raise Damaged(f"{path} is not what was written") from None
