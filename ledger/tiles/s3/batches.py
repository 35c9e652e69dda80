"""The batches of a log in a bucket: each object begins where the one before it ends, and is created once.

batch/00000000000000000000, …: SHA-256 of the rest; who made it, for this attempt alone; records, each of them
a batch after its length. Or a seal, the name of the move that the log left by: nothing comes after it.

So whoever knows where the log ends can add to it, and of several one does.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from hashlib import sha256

from wire.problem import Damaged

from ... import merkle
from ...problem import Overtaken
from ..keys import key_digest
from ..layout import frame, unframe
from ..store import Base, Batch, Mark, State, require_open
from .bucket import Bucket

_SUM, _BY, _LENGTH = 32, 16, 8
_SEAL = b"sealed: "
_FASTER = "another writer has recorded a batch meanwhile"


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
        while self.mark is None and (data := self._bucket.get(batch_path(self.end))) is not None:
            path, content = batch_path(self.end), data[_SUM + _BY :]
            if sha256(data[_SUM:]).digest() != data[:_SUM]:
                raise Damaged(f"{path} is not what was written")
            if content.startswith(_SEAL):
                self.mark = Mark(content.removeprefix(_SEAL).decode(), State.LEFT)
            for batch in () if self.mark else _parse(path, content):
                self._add(batch)
                if batch.start >= start:
                    yield batch

    def record(self, *batches: Batch) -> None:
        """Add neighbouring ones where the known ones end.

        Raises `Overtaken` where something else is there, `Sealed` where that is a seal.
        """
        if batches[0].start != self.end or not self._create(_format(batches)):
            end = self.end
            for _ in self.since(end):
                pass
            if self.end == end:
                require_open(self.mark)
            raise Overtaken(_FASTER)
        for batch in batches:
            self._add(batch)

    def seal(self, name: str) -> None:
        """Let a log be as it is from now on. Raises `Overtaken` where a seal is there."""
        while self.mark is None:
            for _ in self.since(self.end):
                pass
            if self.mark is None and self._create(_SEAL + name.encode()):
                self.mark = Mark(name, State.LEFT)
                return
        raise Overtaken("the log was sealed meanwhile")

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

    def _add(self, batch: Batch) -> None:
        self.known.append(batch)
        self.keys[key_digest(batch.key)] = batch.range


def _format(batches: Sequence[Batch]) -> bytes:
    pieces = []
    for batch in batches:
        record = b"".join([batch.start.to_bytes(8), *frame([batch.key]), *batch.framed])
        pieces += [len(record).to_bytes(_LENGTH), record]
    return b"".join(pieces)


def _parse(path: str, content: bytes) -> Iterator[Batch]:
    at = 0
    while at < len(content):
        stop = at + _LENGTH + int.from_bytes(content[at : at + _LENGTH])
        start = int.from_bytes(content[at + _LENGTH : at + _LENGTH + 8])
        key, *entries = unframe(content[at + _LENGTH + 8 : stop], path)
        yield Batch(start, key, entries)
        at = stop
