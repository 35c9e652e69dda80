"""The contract of every store, in 12 members: the data of a log, and the order in which it must survive.

A batch is *recorded* first; from then on it is part of the log for good. Tiles are *put* next, and the
checkpoint is *published* last. A power cut may lose both, since the recorded batches give the same tiles and
the same root again, to be signed anew. Now and then the store *settles*: it makes all that durable, and only
then forgets the batches that it covers.

All of that is done under the store's lock. A lock can be lost without its holder knowing: a lease ends, a
connection breaks, a lock file is removed. So the two deciding writes have one winner each, regardless of the
lock (ADR 38): the batch at an index, and the checkpoint that follows another. The loser gets `Overtaken`,
reads the winner's writes, and goes on from there.

`get` and `get_many` are the exception: they are called from any thread, at any time and without the lock,
also while another thread of the same process writes. Services read a log in this way.

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
        """The entries in the form of bundles, which journal and tiles both need."""
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
    """The state of a store that took part in a move."""

    COMING = "coming"
    """Reserved for a log that is being moved here: only the move writes, and no log opens on it."""
    HERE = "here"
    """Open: the log has come, and goes on here."""
    LEFT = "left"
    """Closed for good: the log goes on elsewhere."""


class Mark(NamedTuple):
    """The newest move that a store took part in, by its name, which both stores have."""

    name: str
    state: State

    @property
    def is_closed(self) -> bool:
        """True where no log appends here."""
        return self.state is not State.HERE


class StoreHead(NamedTuple):
    """The end of a log's settled part, and the newest move that its store took part in, if any."""

    base: Base
    mark: Mark | None


def require_open(mark: Mark | None) -> None:
    """Raise `LOG_SEALED` where a move has closed the store of this mark to logs."""
    # ADR 59: two stores that both take entries would fork the log.
    if mark is not None and mark.is_closed:
        raise LOG_SEALED(
            "the log was moved from here, or is being moved"
            if mark.state is State.LEFT
            else "a log is being moved here, and has not come yet"
        )


def require_not_left(mark: Mark | None) -> None:
    """Raise `LOG_SEALED` where the log of a store with this mark has left; stores ask before they write."""
    if mark is not None and mark.state is State.LEFT:
        require_open(mark)


Keys: TypeAlias = Iterator[tuple[bytes, range]]
"""Digests of keys (`keys.key_digest`), with the indices of the batch that each was recorded under."""


def first_difference(tiles: Mapping[str, bytes], stored: Mapping[str, bytes]) -> str | None:
    """The first path at which the store lacks the tile or has another one; `None` if all agree."""
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
        """The data at those of these paths that have any, in one round trip where the engine has those.

        Called from any thread, without the lock.
        """

    def lock(self) -> AbstractContextManager[object]:
        """Wait for, and hold, the log's one lock among all threads and processes.

        Read-only stores share it.
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
    `LOG_SEALED` from `record`, `publish` and `settle` once the log has left, in every process that has the
    store open.
    """

    def put(self, tiles: Mapping[str, bytes]) -> None:
        """Write tiles and bundles by path, in one round trip where the engine has any.

        They need not be durable yet. The same path is always given the same bytes.
        """

    def record(self, *batches: Batch) -> bool:
        """Add neighbouring batches at the end, durably when this returns, or none when it raises.

        Returns true where enough is pending that it is time to settle. Of several writers for one index, one
        records; the others raise `Overtaken`. A crash may leave the first few of the batches, each of them
        whole.
        """

    def publish(self, note: bytes, *, after: bytes | None) -> None:
        """Replace the checkpoint `after`, as a whole.

        One atomic compare-and-swap: where another checkpoint stands there (or any, after `None`), nothing is
        changed, and `Overtaken` raised. After a power cut an older one may stand there, none older than the
        last settling, and never half of one.
        """

    def settle(self, base: Base, keys: Callable[[], Keys] | None = None) -> None:
        """Make all tiles up to the new base and the checkpoint durable, then forget the batches below it.

        The base is where the last recorded batch ends; otherwise nothing is forgotten, and `Overtaken`
        raised. Keys are not forgotten. With `keys`, which may be called again, nothing was ever recorded
        here: tiles of a whole log were put, and these are the keys of its batches up to the base. The base is
        changed once they are durable; if `keys` raises, nothing is settled.
        """

    def seal(self, mark: Mark, *, after: Mark | None) -> None:
        """Replace the mark `after`, for every process that has the store open.

        One atomic compare-and-swap: `Overtaken` where another mark stands there, and for one that is `COMING`
        where anything was ever recorded or published.
        """


class Store(Reader, Appender, Protocol):
    """Keeps one log: the whole interface between `Log` and an engine."""


@runtime_checkable
class Examined(Protocol):
    """An addition to stores on engines where others than the log can write or remove (threat F24)."""

    def examine(self) -> None:
        """Look for objects that are gone from the engine, and for those of others ahead of the log.

        No other check notices the former, and the log stops at the latter. Raises `Damaged`.
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
        for _ in store.pending(store.head().base.size):  # reading the batches lets the store learn their keys
            pass
        return [store.find(key) for key in keys]
