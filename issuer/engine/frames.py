"""Frames on the pipe between a driver and the child that speaks with Dask: strict, numbered and bounded.

Both ends read them by this module, so that neither has the other's objects.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from wire.problem import Malformed, TooLarge

from .answer import MOST_BYTES

MOST_ITEM = 8 << 20
"""The most bytes of a task: a span of rows with its settings."""
_MAGIC = b"Itg1"
_HEAD = struct.Struct(">4sBQI")


class Sort(IntEnum):
    """The sorts of frame: the first goes to the child, the others come from it."""

    TASK = 1
    """A name, a newline and an item."""
    ANSWER = 2
    """The bytes that a worker gave for the task of that number."""
    DIED = 3
    """The task of that number killed its workers."""
    REFUSED = 4
    """The task of that number could not be called, or gave something else than bytes."""
    WORKERS = 5
    """The scheduler answers, and has that number of workers: the hosts of the first few, by line ends."""


MOST_HOSTS = 4096
"""The most bytes of the hosts of workers."""
_MOST = {
    Sort.TASK: MOST_ITEM,
    Sort.ANSWER: MOST_BYTES + 1,  # one more, so that too much is told from enough
    Sort.WORKERS: MOST_HOSTS,
}


class Frame(NamedTuple):
    """One message on the pipe."""

    sort: Sort
    number: int
    payload: bytes = b""

    def packed(self) -> bytes:
        """Its bytes on the pipe. Raises `TooLarge`."""
        if len(self.payload) > _MOST.get(self.sort, 0):
            raise TooLarge(f"a frame of {len(self.payload)} bytes is longer than its reader allows")
        return _HEAD.pack(_MAGIC, self.sort, self.number, len(self.payload)) + self.payload


class Frames:
    """Puts frames together from the bytes of a pipe; `sorts` are those that its other end may send."""

    def __init__(self, *sorts: Sort) -> None:
        self._sorts = sorts
        self._received = bytearray()

    def feed(self, received: bytes) -> Iterator[Frame]:
        """The frames that are whole now. Raises `Malformed` for bytes that are none, and for one too long."""
        self._received += received
        while len(self._received) >= _HEAD.size:
            magic, sort, number, length = _HEAD.unpack_from(self._received)
            # A pickle that runs code in the child can write anything here (ADR 76):
            # anything but a frame that fits ends the run, and no more than one frame is ever held.
            if magic != _MAGIC or sort not in self._sorts or length > _MOST.get(Sort(sort), 0):
                raise Malformed("what the client of the cluster sent is no frame")
            if len(self._received) < (end := _HEAD.size + length):
                return
            payload = bytes(self._received[_HEAD.size : end])
            del self._received[:end]
            yield Frame(Sort(sort), number, payload)
