"""A log that lives as long as its process: for tests, and for trying things."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager

from .. import merkle
from .store import CHECKPOINT, Base, Batch


class MemoryStore:
    """A `Store` that keeps all in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, bytes] = {}
        self._base = Base(0, merkle.EMPTY_ROOT)
        self._pending: list[Batch] = []
        self._keys: dict[bytes, range] = {}

    def get(self, path: str) -> bytes | None:
        return self._files.get(path)

    def lock(self) -> AbstractContextManager[object]:
        return self._lock

    def base(self) -> Base:
        return self._base

    def pending(self, start: int) -> Iterator[Batch]:
        return (batch for batch in self._pending if batch.start >= start)

    def find(self, key: bytes) -> range | None:
        return self._keys.get(key)

    def record(self, batch: Batch) -> None:
        self._pending.append(batch)
        self._keys[batch.key] = batch.range

    def put(self, path: str, data: bytes) -> None:
        self._files[path] = data

    def publish(self, note: bytes) -> None:
        self._files[CHECKPOINT] = note

    def kept(self) -> None:
        return None

    @property
    def full(self) -> bool:
        return bool(self._pending)

    def settle(self, base: Base) -> None:
        self._base = base
        self._pending.clear()
