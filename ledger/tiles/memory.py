"""A log that lives as long as its process, for tests and experiments."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager

from .. import merkle
from ..problem import Overtaken
from .keys import key_digest
from .store import CHECKPOINT, Base, Batch, Keys, Mark, State, Store, StoreHead, require_not_left


class MemoryStore(Store):
    """A `Store` that keeps all in memory."""

    def __init__(self) -> None:
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._files: dict[str, bytes] = {}
        self._base = Base(0, merkle.EMPTY_ROOT)
        self._pending: list[Batch] = []
        self._keys: dict[bytes, range] = {}
        self._mark: Mark | None = None

    def get(self, path: str) -> bytes | None:
        return self._files.get(path)

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        return {path: self._files[path] for path in paths if path in self._files}

    def lock(self) -> AbstractContextManager[object]:
        return self._lock

    def head(self) -> StoreHead:
        return StoreHead(self._base, self._mark)

    def pending(self, start: int) -> Iterator[Batch]:
        return (batch for batch in self._pending if batch.start >= start)

    def find(self, key: bytes) -> range | None:
        return self._keys.get(key_digest(key))

    def keys(self) -> Keys:
        return ((digest, at) for digest, at in self._keys.items() if at.stop <= self._base.size)

    def put(self, tiles: Mapping[str, bytes]) -> None:
        self._files.update(tiles)

    def record(self, *batches: Batch) -> bool:
        with self._turn:
            require_not_left(self._mark)
            self._require_end(batches[0].start)
            self._pending += batches
            self._keys |= {key_digest(batch.key): batch.range for batch in batches}
        return True

    def publish(self, note: bytes, *, after: bytes | None) -> None:
        """See `Appender.publish`. Raises `Overtaken`."""
        with self._turn:
            require_not_left(self._mark)
            # ADR 38: one checkpoint follows another, whoever holds the lock.
            if self._files.get(CHECKPOINT) != after:
                raise Overtaken("another checkpoint was published meanwhile")
            self._files[CHECKPOINT] = note

    def settle(self, base: Base, keys: Callable[[], Keys] | None = None) -> None:
        with self._turn:
            require_not_left(self._mark)
            self._require_end(base.size if keys is None else 0)
            if keys is not None:
                self._keys = dict(keys())  # which may raise: then nothing is settled
            self._base, self._pending = base, []

    def seal(self, mark: Mark, *, after: Mark | None) -> None:
        """See `Appender.seal`. Raises `Overtaken`."""
        with self._turn:
            is_new = CHECKPOINT not in self._files and not self._keys
            # ADR 59: one move at a time, and a target only where no log ever began.
            if self._mark != after or (mark.state is State.COMING and not is_new):
                raise Overtaken("another move, or another log, was here first")
            self._mark = mark

    def _require_end(self, size: int) -> None:
        if size != (self._pending[-1].range.stop if self._pending else self._base.size):
            raise Overtaken("another batch was recorded meanwhile")
