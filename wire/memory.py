"""`Memory`: a cache bounded in bytes, in which each value is computed once."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from .problem import Unavailable
from .work import marks

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")

OVERHEAD = 500
"""Bytes that each entry is assumed to take beside its content."""


_VALUE = 100
"""Bytes that each value of parsed JSON is assumed to take beside its text."""


def size_parsed(text: bytes) -> int:
    """The estimated bytes of JSON once it is parsed."""
    return len(text) + _VALUE * marks(text)


class Kept(NamedTuple, Generic[_Value]):
    """An entry of the cache."""

    value: _Value
    size: int
    """Bytes of its content."""
    until: float = math.inf
    """The moment, by the memory's clock, at which it expires."""


class Memory(Generic[_Key, _Value]):
    """Values by key, shared by threads; a full memory drops the least recently used ones."""

    def __init__(self, capacity: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`capacity` in bytes; `clock` in seconds, never back."""
        self.clock = clock
        self._capacity, self._size = capacity, 0
        self._kept: OrderedDict[_Key, Kept[_Value]] = OrderedDict()
        self._under_way: dict[_Key, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: _Key) -> _Value | None:
        """The cached value of a key; `None` where there is none, or it expired."""
        with self._lock:
            return self._get(key)

    def find(self, key: _Key, find: Callable[[], Kept[_Value]], *, deadline: float = math.inf) -> _Value:
        """The cached value, or the result of `find`; concurrent callers for the key wait for that one call.

        Raises what `find` raises. Raises `Unavailable` for a caller that would have to wait beyond the
        `deadline`, by the memory's clock, or calls after it.
        """
        while True:
            with self._lock:
                if (value := self._get(key)) is not None:
                    return value
                left = deadline - self.clock()
                under_way = self._under_way.get(key)
                if under_way is None and left >= 0:
                    self._under_way[key] = mine = threading.Lock()
                    mine.acquire()
                    break
            if under_way is None or not under_way.acquire(timeout=min(max(0.0, left), threading.TIMEOUT_MAX)):
                raise Unavailable("there was no answer in the time that a report has")
            under_way.release()
        try:
            kept = find()
            self.keep(key, kept)
            return kept.value
        finally:
            with self._lock:
                del self._under_way[key]
            mine.release()

    def keep(self, key: _Key, kept: Kept[_Value]) -> None:
        """Store an entry in place of the key's former one."""
        with self._lock:
            if key in self._kept:
                self._size -= self._kept.pop(key).size + OVERHEAD
            self._kept[key] = kept
            self._size += kept.size + OVERHEAD
            while self._size > self._capacity:
                self._size -= self._kept.popitem(last=False)[1].size + OVERHEAD

    def serve(self, key: _Key, value: _Value, until: float) -> None:
        """Change the time of expiry of this very value, if it is still there."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.value is value:
                self._kept[key] = kept._replace(until=until)

    def _get(self, key: _Key) -> _Value | None:
        kept = self._kept.get(key)
        if kept is None or kept.until <= self.clock():
            return None
        self._kept.move_to_end(key)
        return kept.value
