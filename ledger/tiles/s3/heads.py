"""The numbered heads of a log in a bucket: each is created once, none is ever changed, the newest one counts.

head/0000000000000001, …: a line of JSON, then the checkpoint, verbatim.

The newest is found by asking for numbers, since a list may be behind. A listed name beyond it shows a gap.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from wire.problem import Damaged, Malformed
from wire.strict import load_json_object

from ... import merkle
from ..store import Base, Mark, State
from .bucket import Bucket

_VERSION = 1
_MOST = 1 << 40
"""Heads: one a millisecond for thirty years. A bucket that has every number is asked no further (F32)."""
_LARGEST_SIZE = 1 << 63  # entries, and none so many


def head_path(number: int) -> str:
    """The path of a head; the paths sort as the numbers do."""
    return f"head/{number:016}"


@dataclass(frozen=True)
class LogHead:
    """The state of a log: its newest checkpoint, the base that its batches are read from, its newest move."""

    number: int
    note: bytes | None
    base: Base
    mark: Mark | None = None
    by: str = field(default_factory=lambda: secrets.token_hex(16))
    """Random, for this attempt alone: its writer recognises the head, even if others say the same."""

    def next(self, **changes: Any) -> LogHead:
        """The next head, with these changes."""
        return replace(self, **changes, number=self.number + 1, by=secrets.token_hex(16))

    def format(self) -> bytes:
        """The bytes of the object."""
        base = {"size": self.base.size, "root": self.base.root.hex()}
        move = self.mark and {"name": self.mark.name, "state": self.mark.state.value}
        line = orjson.dumps({"version": _VERSION, "base": base, "move": move, "by": self.by})
        return line + b"\n" + (self.note or b"")

    @classmethod
    def parse(cls, number: int, data: bytes) -> LogHead:
        """Raises `Damaged`."""
        line, _, note = data.partition(b"\n")
        try:
            members = load_json_object(line)
            # A later program may have added what decides: this one must not write over it.
            if members["version"] != _VERSION:
                raise Damaged(f"{head_path(number)} was written by a program of another version")
            size, root = members["base"]["size"], bytes.fromhex(members["base"]["root"])
            move = members["move"]
            mark = None if move is None else Mark(move["name"], State(move["state"]))
            texts = [members["by"], *([mark.name] if mark else [])]
            if type(size) is not int or not all(isinstance(text, str) for text in texts):
                raise TypeError  # such as 1e308, which Python would take for a number of entries
            # threat F32: numbers that no log has.
            if not 0 <= size < _LARGEST_SIZE or len(root) != merkle.HASH_SIZE:
                raise ValueError
        except (Malformed, KeyError, TypeError, ValueError):
            raise Damaged(f"{head_path(number)} is not a head of a log") from None
        return cls(number, note or None, Base(size, root), mark, members["by"])


class Heads:
    """The heads in a bucket. Raises what `Bucket` raises, and `Damaged`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.known = LogHead(0, None, Base(0, merkle.EMPTY_ROOT))
        """The newest head that was read or made here."""

    def newest(self) -> LogHead:
        """The newest head; it has number 0 for a log that was never begun. Raises `Damaged`."""
        head = self.known
        number = self._last(head.number)
        # Once, at the first look: a gap below the newest would make an old state look like the newest.
        if not head.number and (listed := self._bucket.first_after(head_path(number))):
            number = self._last(number)  # where one was made meanwhile
            if listed > head_path(number):
                raise Damaged(f"{head_path(number + 1)} is missing, though the log has newer ones")
        if number > head.number:
            data = self._bucket.get(head_path(number))
            if data is None:  # it was asked for and there: heads are never removed
                raise Damaged(f"{head_path(number)} was there, and is gone")
            head = self.known = LogHead.parse(number, data)
        return head

    def add(self, head: LogHead) -> bool:
        """Create a head; true if it is the one of its number, false if another one was there first.

        Raises `Damaged` where the bucket neither creates the head nor has another.
        """
        is_there = self._bucket.create(head_path(head.number), head.format())
        if is_there:
            self.known = head
        elif self.newest().number < head.number:
            raise Damaged(f"the bucket has no {head_path(head.number)}, and does not create it")
        return is_there

    def _exists(self, number: int) -> bool:
        return self._bucket.has(head_path(number))

    def _last(self, last: int) -> int:
        """The last number that has a head, searched from `last`, which has one or is 0.

        It takes about two steps for each bit of the distance. Raises `Damaged` for a number no log reaches.
        """
        step = 1
        while self._exists(last + step):
            last, step = last + step, step * 2
            # threat F32: a bucket that has every number.
            if last > _MOST:
                raise Damaged(f"the bucket says that it has {head_path(last)}, which no log comes to")
        beyond = last + step
        while beyond - last > 1:
            middle = (last + beyond) // 2
            last, beyond = (middle, beyond) if self._exists(middle) else (last, middle)
        return last
