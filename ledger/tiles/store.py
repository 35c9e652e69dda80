"""What a log needs kept, and in which order it must survive: the contract of every store.

A batch is *recorded* first; from then on it is part of the log, whatever happens. Tiles are *put* next, and
the checkpoint is *published* last; a power cut may take both, since the recorded batches give the same tiles
and the same root again, to be signed anew. Now and then the store *settles*: makes all that durable, and only
then forgets the batches that it covers.

All of that is done under the store's lock. A lock can be lost without its holder knowing: a lease ends, a
connection breaks, a lock file is removed. So the two writes that decide have one winner each, whoever holds
the lock: what is recorded at an index, and which checkpoint follows another. The loser is told (`Overtaken`),
looks at what the other wrote, and goes on from there.

A log can be moved to another store (`move`). The old one is *sealed* before anything is copied, and the new
one *reserved* before that: both refuse to record or to publish, by the same conditional writes, until the new
one has *adopted* the whole.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias

from ..problem import LOG_SEALED
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


class State(StrEnum):
    """What a move has made of a store."""

    COMING = "coming"
    """It was reserved for a log that is being moved here."""
    HERE = "here"
    """The log has come, and goes on here."""
    LEFT = "left"
    """It was sealed: the log goes on elsewhere."""


class Mark(NamedTuple):
    """The newest move that a store took part in, by the name that both have of it."""

    name: str
    state: State

    @property
    def is_closed(self) -> bool:
        """Whether nothing is recorded or published here."""
        return self.state is not State.HERE


def require_open(mark: Mark | None) -> None:
    """Raise `LOG_SEALED` where a move has closed the store of this mark."""
    if mark is not None and mark.is_closed:
        raise LOG_SEALED(
            "the log was moved from here, or is being moved"
            if mark.state is State.LEFT
            else "a log is being moved here, and has not come yet"
        )


Keys: TypeAlias = Iterator[tuple[bytes, range]]
"""Digests of keys (`keys.key_digest`), with the indices of the batch that each was recorded under."""


def first_difference(tiles: Mapping[str, bytes], stored: Mapping[str, bytes]) -> str | None:
    """The first path at which a store has something else than the tile, or nothing; `None` if all agree."""
    return next((path for path, data in tiles.items() if stored.get(path) != data), None)


class BatchKeys(Protocol):
    """Knows under which keys batches were recorded, so that none is appended twice."""

    def find(self, key: bytes) -> range | None:
        """The indices of the batch that was recorded under a key, however long ago."""


class Reader(BatchKeys, Protocol):
    """Reads one log, and changes nothing. `base`, `pending` and `find` are called while the lock is held.

    Raises `Unavailable` when it cannot read now, `Damaged` when what it holds is not what it was given.
    """

    def get(self, path: str) -> bytes | None:
        """The tile, the bundle or the checkpoint at a path of the tlog-tiles layout, if there is one."""

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        """What there is at each of these paths, in one round trip where the engine has any."""

    def kept(self) -> bytes | None:
        """The newest checkpoint as kept elsewhere, where no restored copy of the log replaces it."""

    def lock(self) -> AbstractContextManager[object]:
        """Wait for, and hold, the log's one lock among all threads and processes.

        Stores that were opened to be read hold it together.
        """

    def base(self) -> Base:
        """Where the settled part of the log ends; (0, root of the empty tree) in a new store."""

    def pending(self, start: int) -> Iterator[Batch]:
        """The recorded batches from index `start` on, which is where one begins or the last one ends."""

    def examine(self) -> None:
        """Look for what may have gone from the engine, and for what somebody else wrote ahead of the log.

        Nothing else misses the one, and the log stops at the other. Raises `Damaged`.
        """
        return

    def keys(self) -> Keys:
        """The keys of all settled batches, in the order of their indices."""

    def mark(self) -> Mark | None:
        """The newest move that this store took part in, if any."""


class Appender(Protocol):
    """Writes one log, while the lock is held.

    Raises `Unavailable` when it cannot write now, having changed nothing that counts, and `Refused` where it
    was opened to be read. `Overtaken` from any of these: another writer has changed the log meanwhile.
    `LOG_SEALED` from `record`, `publish` and `settle` while a move has closed the store, whoever had it open.
    """

    def record(self, *batches: Batch) -> None:
        """Add neighbouring batches at the end, durably when this returns, or none when it raises.

        Of several writers for one index, one records; the others raise `Overtaken`. A crash may leave the
        first few of the batches, each of them whole.
        """

    def put(self, tiles: Mapping[str, bytes]) -> None:
        """Write tiles and bundles by path, in one round trip where the engine has any.

        They need not be durable yet. The same path is always given the same bytes.
        """

    def publish(self, note: bytes, *, after: bytes | None) -> None:
        """Replace the checkpoint `after`, as a whole, then what is kept of it elsewhere.

        One atomic compare-and-swap: where another checkpoint stands there (or any, after `None`), nothing is
        changed, and `Overtaken` raised. After a power cut an older one may stand there, none older than the
        last settling, and never half of one.
        """

    @property
    def full(self) -> bool:
        """Whether so much is pending that it is time to settle."""

    def settle(self, base: Base) -> None:
        """Make all tiles up to the new base and the checkpoint durable, then forget the batches below it.

        The base is where the last recorded batch ends; where it is not, nothing is forgotten, and `Overtaken`
        raised. Keys are not forgotten.
        """

    def reserve(self, name: str) -> None:
        """Keep a store where nothing was ever recorded or published for the log that comes by this move.

        One atomic step. Raises `Overtaken` for any other store.
        """

    def seal(self, name: str) -> None:
        """Let this log go by a move: from here on it stays as it is.

        One atomic step, against all who have the store open. Raises `Overtaken` where a move has closed it.
        """

    def adopt(
        self, name: str, base: Base, keys: Callable[[], Keys], batches: Sequence[Batch], note: bytes
    ) -> None:
        """Take over the log that a store was reserved for, whose tiles up to the base were put, and open it.

        The tiles become durable; then settled keys, base, the batches that follow and the checkpoint are
        taken over. Opening is the last step, and atomic: after a crash before it the same call can be made
        again, and after it does nothing. Raises `Overtaken` where the store is not reserved by that name.
        """


class Store(Reader, Appender, Protocol):
    """Keeps one log: what `Log` needs of an engine, and all that it knows of one."""


def found_in(store: Reader, keys: Iterable[bytes]) -> list[range | None]:
    """The indices of the batches that were recorded under these keys; `None` where none was."""
    with store.lock():
        for _ in store.pending(store.base().size):  # whose keys it learns so
            pass
        return [store.find(key) for key in keys]
