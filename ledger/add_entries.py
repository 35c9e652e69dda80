"""The request by which a log sends a mirror its entries (C2SP tlog-mirror, add-entries): both sides of it.

Entries come in packages that end at multiples of 256. Each has a proof that it stands in the tree of a
checkpoint which the mirror was sent before, so that it can be kept by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from wire.problem import Malformed

from . import merkle
from .tiles.layout import WIDTH, frame
from .tiles.reader import TileReader

MOST_PACKAGES = 32
"""Packages that a client sends at once."""
_MOST_HASHES = 63  # of a package's proof (tlog-mirror)
LARGEST_UPLOAD = 1 << 25
"""Bytes of a request that are read: the longest package has half as many. Later ones are sent again."""


class Package(NamedTuple):
    """Neighbouring entries, the first at index `start`, and the proof of the subtree that they end."""

    start: int
    entries: Sequence[bytes]
    proof: Sequence[bytes]

    @property
    def stop(self) -> int:
        """The index after the last entry."""
        return self.start + len(self.entries)

    def write(self) -> bytes:
        """The package as it is sent."""
        return b"".join([*frame(self.entries), bytes((len(self.proof),)), *self.proof])


class AddEntries(NamedTuple):
    """The entries of a log from `start` on, towards its checkpoint of size `end`."""

    origin: str
    start: int
    end: int
    ticket: bytes
    packages: Callable[[], Iterator[Package]]
    """Gives the packages that came whole, in order; the rest of the body is left out."""

    @classmethod
    def parse(cls, body: bytes) -> AddEntries:
        """The head of a request's body. Raises `Malformed`."""
        reader = _Reader(body)
        head = [reader.prefixed(), reader.take(8), reader.take(8), reader.prefixed()]
        origin, start, end, ticket = head
        if origin is None or start is None or end is None or ticket is None:
            raise Malformed("the request to add entries ends in its head")
        try:
            # A log's name is text (C2SP signed-note); other bytes could be shown as another name.
            name = origin.decode()
        except UnicodeDecodeError:
            raise Malformed("the name of the log is not UTF-8") from None
        first, last = int.from_bytes(start), int.from_bytes(end)
        if first > last:  # tlog-mirror, request body
            raise Malformed("the first entry that is sent is behind the last one")
        at = reader.at
        return cls(name, first, last, ticket, lambda: _packages(body, at, first, last))


class MirrorInfo(NamedTuple):
    """A mirror's answer by 202 and 409: from where on to send, and towards which checkpoint."""

    size: int
    next: int

    def write(self) -> bytes:
        """The body, of type `text/x.tlog.mirror-info`, without a ticket."""
        return b"%d\n%d\n\n" % self

    @classmethod
    def parse(cls, body: bytes) -> MirrorInfo:
        """Raises `Malformed`."""
        lines = body.split(b"\n")
        # Below 2^64, as the sizes of a log are; longer digits would cost quadratic time to read.
        if len(lines) != 4 or not all(line.isdigit() and len(line) < 20 for line in lines[:2]):
            raise Malformed("the mirror's answer is not three lines")
        return cls(int(lines[0]), int(lines[1]))


def add_entries(origin: str, tiles: TileReader, start: int, end: int) -> bytes:
    """The body that sends a log's entries from `start` on, 32 packages at most, for its tree of `end`."""
    name = origin.encode()
    parts = [len(name).to_bytes(2), name, start.to_bytes(8), end.to_bytes(8), bytes(2)]
    tree = tiles.tree(end)
    last = min(-(-end // WIDTH), start // WIDTH + MOST_PACKAGES) if start < end else 0
    for number in range(start // WIDTH, last):
        first, stop = number * WIDTH, min((number + 1) * WIDTH, end)
        entries = list(tiles.entries(max(start, first), stop, end))
        proof = merkle.subtree_proof(first, stop, end, tree)
        parts.append(Package(max(start, first), entries, proof).write())
    return b"".join(parts)


def _packages(body: bytes, at: int, start: int, end: int) -> Iterator[Package]:
    """The whole packages of a body from a place on, each at the only border that it may have."""
    reader = _Reader(body, at)
    while start < end:
        stop = min(start - start % WIDTH + WIDTH, end)
        prefixed = (reader.prefixed() for _ in range(start, stop))
        entries = [entry for entry in prefixed if entry is not None]
        count = reader.take(1)
        if count is None:
            return
        # A proof is no longer than the tree is high (tlog-mirror); more would be read for nothing.
        if count[0] > _MOST_HASHES:
            raise Malformed("a package has a proof of more than 63 hashes")
        hashes = reader.take(count[0] * merkle.HASH_SIZE)
        if hashes is None:
            return
        proof = [hashes[place : place + 32] for place in range(0, len(hashes), merkle.HASH_SIZE)]
        yield Package(start, entries, proof)
        start = stop


class _Reader:
    """Reads parts of a body; each is `None` once the body has ended, and so are all after it."""

    def __init__(self, body: bytes, at: int = 0) -> None:
        self._body, self.at = body, at

    def take(self, length: int) -> bytes | None:
        stop = self.at + length
        if stop > len(self._body):
            # Behind the end for good: a shorter part that would still fit must not be read in its place.
            self.at = len(self._body) + 1
            return None
        taken, self.at = self._body[self.at : stop], stop
        return taken

    def prefixed(self) -> bytes | None:
        """The bytes that follow their length in two bytes."""
        length = self.take(2)
        return None if length is None else self.take(int.from_bytes(length))
