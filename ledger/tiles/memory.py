"""A log that lives as long as its process: for tests, and for trying things."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from .. import merkle
from ..problem import Overtaken
from .keys import key_digest
from .store import CHECKPOINT, Base, Batch, Keys, Mark, State, Store, require_open


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

    def kept(self) -> None:
        return None

    def lock(self) -> AbstractContextManager[object]:
        return self._lock

    def base(self) -> Base:
        return self._base

    def pending(self, start: int) -> Iterator[Batch]:
        return (batch for batch in self._pending if batch.start >= start)

    def find(self, key: bytes) -> range | None:
        return self._keys.get(key_digest(key))

    def keys(self) -> Keys:
        return ((digest, at) for digest, at in self._keys.items() if at.stop <= self._base.size)

    def mark(self) -> Mark | None:
        return self._mark

    def record(self, *batches: Batch) -> None:
        with self._turn:
            require_open(self._mark)
            self._require_end(batches[0].start)
            self._pending += batches
            self._keys |= {key_digest(batch.key): batch.range for batch in batches}

    def put(self, tiles: Mapping[str, bytes]) -> None:
        self._files.update(tiles)

    def publish(self, note: bytes, *, after: bytes | None) -> None:
        """See `Store.publish`. Raises `Overtaken`."""
        with self._turn:
            require_open(self._mark)
            if self._files.get(CHECKPOINT) != after:
                raise Overtaken("another checkpoint was published meanwhile")
            self._files[CHECKPOINT] = note

    @property
    def full(self) -> bool:
        return bool(self._pending)

    def settle(self, base: Base) -> None:
        with self._turn:
            require_open(self._mark)
            self._require_end(base.size)
            self._base, self._pending = base, []

    def reserve(self, name: str) -> None:
        """See `Appender.reserve`. Raises `Overtaken`."""
        with self._turn:
            if self._mark is not None or CHECKPOINT in self._files or self._keys:
                raise Overtaken("there is a log here already")
            self._mark = Mark(name, State.COMING)

    def seal(self, name: str) -> None:
        """See `Appender.seal`. Raises `Overtaken`."""
        with self._turn:
            if self._mark is not None and self._mark.is_closed:
                raise Overtaken("another move has closed the log meanwhile")
            self._mark = Mark(name, State.LEFT)

    def adopt(
        self, name: str, base: Base, keys: Callable[[], Keys], batches: Sequence[Batch], note: bytes
    ) -> None:
        """See `Appender.adopt`. Raises `Overtaken`."""
        with self._turn:
            if self._mark == Mark(name, State.HERE):
                return
            if self._mark != Mark(name, State.COMING):
                raise Overtaken("the place is not reserved for this move any more")
            self._keys = dict(keys()) | {key_digest(batch.key): batch.range for batch in batches}
            self._base, self._pending, self._files[CHECKPOINT] = base, list(batches), note
            self._mark = Mark(name, State.HERE)

    def _require_end(self, size: int) -> None:
        if size != (self._pending[-1].range.stop if self._pending else self._base.size):
            raise Overtaken("another batch was recorded meanwhile")
