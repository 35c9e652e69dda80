"""`Memory`: what was found out once and may serve again, within a number of bytes."""

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
"""Bytes that anything remembered is taken to have beside its content."""


_VALUE = 100
"""Bytes that any value of parsed JSON is taken to have beside its text."""


def size_parsed(text: bytes) -> int:
    """Bytes that JSON takes once it is parsed."""
    return len(text) + _VALUE * marks(text)


class Kept(NamedTuple, Generic[_Value]):
    """Something to remember."""

    value: _Value
    size: int
    """Bytes of its content."""
    until: float = math.inf
    """The moment, by the memory's clock, from which on it serves no more."""


class Memory(Generic[_Key, _Value]):
    """Values by key, shared by threads: where it is full, what was used least recently goes first."""

    def __init__(self, capacity: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`capacity` in bytes; `clock` in seconds, never back."""
        self.clock = clock
        self._capacity, self._size = capacity, 0
        self._kept: OrderedDict[_Key, Kept[_Value]] = OrderedDict()
        self._under_way: dict[_Key, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: _Key) -> _Value | None:
        """What is remembered under a key."""
        with self._lock:
            return self._get(key)

    def find(self, key: _Key, find: Callable[[], Kept[_Value]], *, deadline: float = math.inf) -> _Value:
        """What is remembered, or what `find` finds out, for which others wait who ask in the meantime.

        Raises what `find` raises, and `Unavailable` at the `deadline`, by the memory's clock: for one who
        would wait longer for another, or ask later.
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
            found = find()
            self.keep(key, found)
            return found.value
        finally:
            with self._lock:
                del self._under_way[key]
            mine.release()

    def keep(self, key: _Key, kept: Kept[_Value]) -> None:
        """Remembers it in place of what was under the key."""
        with self._lock:
            if key in self._kept:
                self._size -= self._kept.pop(key).size + OVERHEAD
            self._kept[key] = kept
            self._size += kept.size + OVERHEAD
            while self._size > self._capacity:
                self._size -= self._kept.popitem(last=False)[1].size + OVERHEAD

    def serve(self, key: _Key, value: _Value, until: float) -> None:
        """Changes how long this very value, if it is still there, may serve."""
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
