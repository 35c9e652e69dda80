"""The numbered heads of a log in a bucket: each is created once, none is ever changed, the newest one counts.

head/0000000000000001, …: a line of JSON, then the checkpoint, verbatim.

The newest is found by asking for numbers, since a list may be behind; what a list has beyond it shows a gap.
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


def head_path(number: int) -> str:
    """Where a head is; the paths sort as the numbers do."""
    return f"head/{number:016}"


@dataclass(frozen=True)
class LogHead:
    """The state of a log: its newest checkpoint, the base that its batches are read from, its newest move."""

    number: int
    note: bytes | None
    base: Base
    mark: Mark | None = None
    by: str = field(default_factory=lambda: secrets.token_hex(16))
    """Of this attempt alone: so that who made a head knows it again, though others would say the same."""

    def next(self, **changes: Any) -> LogHead:
        """The one to follow it, with these changes."""
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
            found = load_json_object(line)
            if found["version"] != _VERSION:
                raise Damaged(f"{head_path(number)} was written by a program of another version")
            base = Base(int(found["base"]["size"]), bytes.fromhex(found["base"]["root"]))
            move = found["move"] and Mark(found["move"]["name"], State(found["move"]["state"]))
            return cls(number, note or None, base, move, found["by"])
        except (Malformed, KeyError, TypeError, ValueError):
            raise Damaged(f"{head_path(number)} is not a head of a log") from None


class Heads:
    """The heads in a bucket. Raises what `Bucket` raises, and `Damaged`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.known = LogHead(0, None, Base(0, merkle.EMPTY_ROOT))
        """The newest one that was seen here."""

    def newest(self) -> LogHead:
        """The newest head by now; number 0 of a log that was never begun. Raises `Damaged`."""
        known = self.known
        number = self._last(known.number)
        if not known.number and (listed := self._bucket.first_after(head_path(number))):
            number = self._last(number)  # where one was made meanwhile
            if listed > head_path(number):
                raise Damaged(f"{head_path(number + 1)} is missing, though the log has newer ones")
        if number > known.number:
            data = self._bucket.get(head_path(number))
            if data is None:
                raise Damaged(f"{head_path(number)} was there, and is gone")
            known = self.known = LogHead.parse(number, data)
        return known

    def add(self, head: LogHead) -> bool:
        """Whether this head is the one of its number; else another one is, and has been since before."""
        made = self._bucket.create(head_path(head.number), head.format())
        if made:
            self.known = head
        return made

    def _exists(self, number: int) -> bool:
        return self._bucket.has(head_path(number))

    def _last(self, known: int) -> int:
        """The last number that has a head, where `known` has one or is 0; in as many steps as it has bits."""
        step = 1
        while self._exists(known + step):
            known, step = known + step, step * 2
        beyond = known + step
        while beyond - known > 1:
            middle = (known + beyond) // 2
            known, beyond = (middle, beyond) if self._exists(middle) else (known, middle)
        return known
