"""The batches of a log in a bucket: each object begins where the one before it ends, and is created once.

batch/00000000000000000000, …: SHA-256 of the rest; who made it, for this attempt alone; records, each of them
a batch after its length.

So whoever knows where the log ends can add to it, and of several one does.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from hashlib import sha256

from wire.problem import Damaged

from ... import merkle
from ...problem import Overtaken
from ..layout import frame, unframe
from ..store import Base, Batch
from .bucket import Bucket

_SUM, _BY, _LENGTH = 32, 16, 8


def batch_path(start: int) -> str:
    """Where the batch is that begins at an index; the paths sort as the numbers do."""
    return f"batch/{start:020}"


class Batches:
    """Those since the log's base, as far as they are known here. Raises as `Bucket` does, and `Damaged`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._forget(Base(0, merkle.EMPTY_ROOT))

    def _forget(self, base: Base) -> None:
        self.base = base
        self.known: list[Batch] = []
        self.keys: dict[bytes, range] = {}

    @property
    def end(self) -> int:
        """Where the known ones end."""
        return self.known[-1].range.stop if self.known else self.base.size

    def begin(self, base: Base) -> None:
        """Start over, where the log has another base by now."""
        if base != self.base:
            self._forget(base)

    def since(self, start: int) -> Iterator[Batch]:
        """Those from an index on, with all that there are by now."""
        yield from (batch for batch in self.known if batch.start >= start)
        while (data := self._bucket.get(batch_path(self.end))) is not None:
            for batch in _parse(batch_path(self.end), data):
                self._add(batch)
                if batch.start >= start:
                    yield batch

    def record(self, *batches: Batch) -> None:
        """Add neighbouring ones where the known ones end. Raises `Overtaken` where others are there."""
        if batches[0].start != self.end:
            raise Overtaken("another writer has recorded a batch meanwhile")
        path, data = batch_path(self.end), _format(batches)
        if not self._bucket.create(path, data):
            raise Overtaken("another writer has recorded a batch meanwhile")
        if self._bucket.get(path) != data:
            raise Damaged(f"{path} does not read back as it was written")
        for batch in batches:
            self._add(batch)

    def require_end(self, size: int) -> None:
        """Raise `Overtaken` unless the last one ends at `size`."""
        if size != self.end or self._bucket.has(batch_path(size)):
            raise Overtaken("another writer has recorded a batch meanwhile")

    def _add(self, batch: Batch) -> None:
        self.known.append(batch)
        self.keys[batch.key] = batch.range


def _format(batches: tuple[Batch, ...]) -> bytes:
    pieces = [secrets.token_bytes(_BY)]
    for batch in batches:
        record = b"".join([batch.start.to_bytes(8), *frame([batch.key]), *batch.framed])
        pieces += [len(record).to_bytes(_LENGTH), record]
    rest = b"".join(pieces)
    return sha256(rest).digest() + rest


def _parse(path: str, data: bytes) -> Iterator[Batch]:
    if sha256(data[_SUM:]).digest() != data[:_SUM]:
        raise Damaged(f"{path} is not what was written")
    at = _SUM + _BY
    while at < len(data):
        stop = at + _LENGTH + int.from_bytes(data[at : at + _LENGTH])
        start = int.from_bytes(data[at + _LENGTH : at + _LENGTH + 8])
        key, *entries = unframe(data[at + _LENGTH + 8 : stop], path)
        yield Batch(start, key, entries)
        at = stop
