"""The batches of a log in a bucket: each object begins where the one before it ends, and is created once.

batch/00000000000000000000, …: SHA-256 of the rest; who made it, for this attempt alone; records, each of them
a batch after its length. Or a seal, the name of the move that the log left by: nothing comes after it.

So whoever knows where the log ends can add to it, and of several one does.
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
"""Objects since the base. A log settles after 64: so many only where that failed a thousand times."""
_LARGEST = 1 << 30
"""Bytes of them. What is recorded at once has about 2**28 at most, and a log settles after it."""
_TRIES = 100  # of a seal, before which others may record again and again
_FASTER = "another writer has recorded a batch meanwhile"


def batch_path(start: int) -> str:
    """Where the batch is that begins at an index; the paths sort as the numbers do."""
    return f"{BATCHES}{start:020}"


class Batches:
    """Those since the log's base, as far as they are known here. Raises as `Bucket` does, and `Damaged`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._forget(Base(0, merkle.EMPTY_ROOT))

    def _forget(self, base: Base) -> None:
        self.base = base
        self.known: list[Batch] = []
        self._objects = self._size = 0
        self.mark: Mark | None = None
        """The move that has sealed the end of the log, as far as that is known here."""
        self.keys: dict[bytes, range] = {}
        """Digests of keys, and where their batches are."""

    @property
    def end(self) -> int:
        """Where the known ones end."""
        return self.known[-1].range.stop if self.known else self.base.size

    def begin(self, base: Base) -> None:
        """Start over, where the log has another base by now."""
        if base != self.base:
            self._forget(base)

    def since(self, start: int) -> Iterator[Batch]:
        """Those from an index on, with all that there are by now. Raises `Damaged`."""
        yield from (batch for batch in self.known if batch.start >= start)
        while self.mark is None and (data := self._next()) is not None:
            path, content = batch_path(self.end), data[_SUM + _BY :]
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

        A bucket that lies could otherwise give batch after batch, for ever and until memory is full.
        """
        data = self._bucket.get(batch_path(self.end))
        if data is not None and (self._objects == _MOST or self._size + len(data) > _LARGEST):
            raise Damaged("the bucket has more batches that are not settled than any log has")
        return data

    def record(self, *batches: Batch) -> None:
        """Add neighbouring ones where the known ones end.

        Raises `Overtaken` where something else is there, `LOG_SEALED` where that is a seal, and `Unavailable`
        where readers would find too many.
        """
        content = _format(batches)
        size = _SUM + _BY + len(content)
        if size > LARGEST_BATCHES or self._objects == _MOST or self._size + size > _LARGEST:
            raise Unavailable("too much was recorded in the log since it was last settled")
        if batches[0].start != self.end or not self._create(content):
            end = self.end
            for _ in self.since(end):
                pass
            if self.end == end:
                require_open(self.mark)
            raise Overtaken(_FASTER)
        self._add(size, batches)

    def seal(self, name: str) -> None:
        """Let a log be as it is from now on. Raises `Overtaken` where a seal is there."""
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
        """Raise `Overtaken` unless the last one ends at `size`."""
        if size != self.end or self._bucket.has(batch_path(size)):
            raise Overtaken(_FASTER)

    def _create(self, content: bytes) -> bool:
        path, rest = batch_path(self.end), secrets.token_bytes(_BY) + content
        data = sha256(rest).digest() + rest
        if not self._bucket.create(path, data):
            return False
        if self._bucket.get(path) != data:
            raise Damaged(f"{path} does not read back as it was written")
        return True

    def _add(self, size: int, batches: Sequence[Batch]) -> None:
        """Know the batches of an object of that many bytes."""
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
    """The batches of an object, of which there is at least one, from index `end` on. Raises `Damaged`.

    Each has a key and an entry: one without would leave the end where it is, and be read again for ever.
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
