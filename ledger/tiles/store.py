"""What a log needs kept, and in which order it must survive: the contract of every store.

A batch is *recorded* first; from then on it is part of the log, whatever happens. Tiles are *put* next, and
the checkpoint is *published* last; a power cut may take both, since the recorded batches give the same tiles
and the same root again, to be signed anew. Now and then the store *settles*: makes all that durable, and only
then forgets the batches that it covers.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .layout import frame


@dataclass(frozen=True)
class Batch:
    """Entries that were appended together, the first at index `start`, under the caller's key."""

    start: int
    key: bytes
    entries: Sequence[bytes]

    @property
    def range(self) -> range:
        """The indices of the entries."""
        return range(self.start, self.start + len(self.entries))

    @functools.cached_property
    def framed(self) -> list[bytes]:
        """The entries as bundles have them; journal and tiles both need that."""
        return frame(self.entries)


def joined(batches: Sequence[Batch]) -> Batch:
    """The entries of neighbouring batches as one, to integrate them at once."""
    if len(batches) == 1:
        return batches[0]
    return Batch(batches[0].start, b"", [entry for batch in batches for entry in batch.entries])


class Base(NamedTuple):
    """The tree of which every tile is durable: its size and its root."""

    size: int
    root: bytes


CHECKPOINT = "checkpoint"


class Store(Protocol):
    """Keeps one log. All but `get` is called only while the lock is held.

    Raises `Unavailable` when it cannot read or write now, having changed nothing that counts; `Damaged` when
    what it holds is not what it was given.
    """

    def get(self, path: str) -> bytes | None:
        """The tile, the bundle or the checkpoint at a path of the tlog-tiles layout, if there is one."""

    def lock(self) -> AbstractContextManager[None]:
        """Wait for, and hold, the log's one lock among all threads and processes."""

    def base(self) -> Base:
        """Where the settled part of the log ends; (0, root of the empty tree) in a new store."""

    def pending(self, start: int) -> Iterator[Batch]:
        """The recorded batches from index `start` on, which is where one begins or the last one ends."""

    def find(self, key: bytes) -> range | None:
        """The indices of the batch that was recorded under a key, however long ago."""

    def record(self, batch: Batch) -> None:
        """Add a batch at the end, durably when this returns, or not at all when it raises."""

    def put(self, path: str, data: bytes) -> None:
        """Write a tile or a bundle, not necessarily durably; the same path is always given the same bytes."""

    def publish(self, note: bytes) -> None:
        """Replace the checkpoint as a whole, then what is kept of it elsewhere.

        After a power cut an older one may stand there, none older than the last settling, and never half of
        one.
        """

    def kept(self) -> bytes | None:
        """The newest checkpoint as kept elsewhere, where no restored copy of the log replaces it."""

    @property
    def full(self) -> bool:
        """Whether so much is pending that it is time to settle."""

    def settle(self, base: Base) -> None:
        """Make all tiles up to the new base and the checkpoint durable, then forget the batches below it.

        Their keys are not forgotten.
        """
