"""A log that lives as long as its process: for tests, and for trying things."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager

from .. import merkle
from ..problem import Overtaken
from .store import CHECKPOINT, Base, Batch, Store


class MemoryStore(Store):
    """A `Store` that keeps all in memory."""

    def __init__(self) -> None:
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._files: dict[str, bytes] = {}
        self._base = Base(0, merkle.EMPTY_ROOT)
        self._pending: list[Batch] = []
        self._keys: dict[bytes, range] = {}

    def get(self, path: str) -> bytes | None:
        return self._files.get(path)

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        return {path: self._files[path] for path in paths if path in self._files}

    def kept(self) -> None:
        return None

    def lock(self) -> AbstractContextManager[object]:
        return self._lock

    def base(self) -> Base:
        return self._base

    def pending(self, start: int) -> Iterator[Batch]:
        return (batch for batch in self._pending if batch.start >= start)

    def find(self, key: bytes) -> range | None:
        return self._keys.get(key)

    def record(self, batch: Batch) -> None:
        with self._turn:
            self._require_end(batch.start)
            self._pending.append(batch)
            self._keys[batch.key] = batch.range

    def put(self, tiles: Mapping[str, bytes]) -> None:
        self._files.update(tiles)

    def publish(self, note: bytes, *, after: bytes | None) -> None:
        """See `Store.publish`. Raises `Overtaken`."""
        with self._turn:
            if self._files.get(CHECKPOINT) != after:
                raise Overtaken("another checkpoint was published meanwhile")
            self._files[CHECKPOINT] = note

    @property
    def full(self) -> bool:
        return bool(self._pending)

    def settle(self, base: Base) -> None:
        with self._turn:
            self._require_end(base.size)
            self._base, self._pending = base, []

    def _require_end(self, size: int) -> None:
        if size != (self._pending[-1].range.stop if self._pending else self._base.size):
            raise Overtaken("another batch was recorded meanwhile")
