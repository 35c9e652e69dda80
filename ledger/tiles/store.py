"""The contract of every store, in 12 members: what a log needs kept, and in which order it must survive.

A batch is *recorded* first; from then on it is part of the log, whatever happens. Tiles are *put* next, and
the checkpoint is *published* last. A power cut may take both, since the recorded batches give the same tiles
and the same root again, to be signed anew. Now and then the store *settles*: it makes all that durable, and
only then forgets the batches that it covers.

All of that is done under the store's lock. A lock can be lost without its holder knowing: a lease ends, a
connection breaks, a lock file is removed. So the two writes that decide have one winner each, whoever holds
the lock: what is recorded at an index, and which checkpoint follows another. The loser is told (`Overtaken`),
looks at what the other wrote, and goes on from there.

`get` and `get_many` are the exception: they are called from any thread, at any time and without the lock,
also while another thread of the same process writes. A log that is served is read so.

A log moves to another store on top of this contract (`ledger.move`), by one more conditional write: `seal`
changes the store's mark. A store whose log has left refuses to record, to publish and to settle.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from ..problem import LOG_SEALED
from .layout import frame


@dataclass(frozen=True)
class Batch:
    """Entries that were appended together, the first at index `start`, under the caller's key."""

    start: int
    key: bytes
    entries: Sequence[bytes]

    @functools.cached_property
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
    """It is reserved for a log that is being moved here: only the move writes, and no log opens on it."""
    HERE = "here"
    """The log has come, and goes on here."""
    LEFT = "left"
    """It is closed for good: the log goes on elsewhere."""


class Mark(NamedTuple):
    """The newest move that a store took part in, by the name that both stores have of it."""

    name: str
    state: State

    @property
    def is_closed(self) -> bool:
        """Whether no log appends here."""
        return self.state is not State.HERE


class StoreHead(NamedTuple):
    """Where the settled part of a log ends, and the newest move that its store took part in, if any."""

    base: Base
    mark: Mark | None


def require_open(mark: Mark | None) -> None:
    """Raise `LOG_SEALED` where a move has closed the store of this mark to logs."""
    if mark is not None and mark.is_closed:
        raise LOG_SEALED(
            "the log was moved from here, or is being moved"
            if mark.state is State.LEFT
            else "a log is being moved here, and has not come yet"
        )


def require_not_left(mark: Mark | None) -> None:
    """Raise `LOG_SEALED` where the log of a store with this mark has left; a store asks before it writes."""
    if mark is not None and mark.state is State.LEFT:
        require_open(mark)


Keys: TypeAlias = Iterator[tuple[bytes, range]]
"""Digests of keys (`keys.key_digest`), with the indices of the batch that each was recorded under."""


def first_difference(tiles: Mapping[str, bytes], stored: Mapping[str, bytes]) -> str | None:
    """The first path at which a store has something else than the tile, or nothing; `None` if all agree."""
    return next((path for path, data in tiles.items() if stored.get(path) != data), None)


class Reader(Protocol):
    """Reads one log, and changes nothing. `head`, `pending` and `find` are called under the lock.

    Raises `Unavailable` when it cannot read now, `Damaged` when what it holds is not what it was given.
    """

    def get(self, path: str) -> bytes | None:
        """The tile, the bundle or the checkpoint at a path of the tlog-tiles layout, if there is one.

        Called from any thread, without the lock.
        """

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        """What there is at each of these paths, in one round trip where the engine has any.

        Called from any thread, without the lock.
        """

    def lock(self) -> AbstractContextManager[object]:
        """Wait for, and hold, the log's one lock among all threads and processes.

        Stores that were opened to be read hold it together.
        """

    def head(self) -> StoreHead:
        """The newest base and mark; in a new store, the base of the empty tree and no mark."""

    def pending(self, start: int) -> Iterator[Batch]:
        """The recorded batches from index `start` on, which is where one begins or the last one ends."""

    def find(self, key: bytes) -> range | None:
        """The indices of the batch that was recorded under a key, however long ago."""

    def keys(self) -> Keys:
        """The keys of all settled batches, in the order of their indices.

        Called once the log has left, so that they no longer change, and without the lock.
        """


class Appender(Protocol):
    """Writes one log, while the lock is held.

    Raises `Unavailable` when it cannot write now, having changed nothing that counts, and `Refused` where it
    was opened to be read. `Overtaken` from any of these: another writer has changed the log meanwhile.
    `LOG_SEALED` from `record`, `publish` and `settle` once the log has left, whoever had the store open.
    """

    def put(self, tiles: Mapping[str, bytes]) -> None:
        """Write tiles and bundles by path, in one round trip where the engine has any.

        They need not be durable yet. The same path is always given the same bytes.
        """

    def record(self, *batches: Batch) -> bool:
        """Add neighbouring batches at the end, durably when this returns, or none when it raises.

        Returns whether so much is pending by now that it is time to settle. Of several writers for one index,
        one records; the others raise `Overtaken`. A crash may leave the first few of the batches, each of
        them whole.
        """

    def publish(self, note: bytes, *, after: bytes | None) -> None:
        """Replace the checkpoint `after`, as a whole.

        One atomic compare-and-swap: where another checkpoint stands there (or any, after `None`), nothing is
        changed, and `Overtaken` raised. After a power cut an older one may stand there, none older than the
        last settling, and never half of one.
        """

    def settle(self, base: Base, keys: Callable[[], Keys] | None = None) -> None:
        """Make all tiles up to the new base and the checkpoint durable, then forget the batches below it.

        The base is where the last recorded batch ends; where it is not, nothing is forgotten, and `Overtaken`
        raised. Keys are not forgotten. With `keys`, which may be asked for again, nothing was ever recorded
        here: tiles of a whole log were put, and these are the keys of its batches up to the base. The base is
        changed once they are durable: where asking for them raises, nothing is settled.
        """

    def seal(self, mark: Mark, *, after: Mark | None) -> None:
        """Replace the mark `after`, against all who have the store open.

        One atomic compare-and-swap: `Overtaken` where another mark stands there, and for one that is `COMING`
        where anything was ever recorded or published.
        """


class Store(Reader, Appender, Protocol):
    """Keeps one log: what `Log` needs of an engine, and all that it knows of one."""


@runtime_checkable
class Examined(Protocol):
    """What a store has besides, where others than the log can write to the engine or remove from it."""

    def examine(self) -> None:
        """Look for what may have gone from the engine, and for what somebody else wrote ahead of the log.

        Nothing else misses the one, and the log stops at the other. Raises `Damaged`.
        """


def examine(store: Reader) -> None:
    """Have a store examine itself, if it has anything to look for. Raises `Damaged`."""
    if isinstance(store, Examined):
        store.examine()


def mark_of(store: Reader) -> Mark | None:
    """The newest move that a store took part in, if any."""
    with store.lock():
        return store.head().mark


def found_in(store: Reader, keys: Iterable[bytes]) -> list[range | None]:
    """The indices of the batches that were recorded under these keys; `None` where none was."""
    with store.lock():
        for _ in store.pending(store.head().base.size):  # whose keys it learns so
            pass
        return [store.find(key) for key in keys]
