"""JSON Lines: a file each line of which is what a file may be, as JSON or in a compact form.

Memory holds one line at a time, and of a line no more than a file may have, whatever its length.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from functools import cached_property

from vc.secured import MAX_BYTES
from wire import Problem, load_json

from ...terminal import read_input

SUFFIXES = (".jsonl", ".ndjson")
"""The suffixes of such files; case does not matter."""

_LINE = MAX_BYTES + 1  # bytes: whoever reads so many says that they are too many
_COMPACT = rb"ey[\w-]+\.[\w.~-]+\s*"  # RFC 7515, 3.1; RFC 9901, 4

ReadLine = Callable[[int], bytes]
"""Reads the next line, at most so many bytes of it; empty at the end."""


def numbered(read_line: ReadLine) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers from 1; of one that is too long, the beginning."""
    number = 0
    while line := read_line(_LINE):
        number += 1
        part = line
        while len(part) == _LINE and not part.endswith(b"\n"):
            part = read_line(_LINE)
        content = line.rstrip(b"\r\n")
        if content and not content.isspace():
            yield number, content


class StandardInput:
    """The data on standard input: one file, or lines, if one of the first two is whole by itself."""

    @cached_property
    def is_lines(self) -> bool:
        """True for lines; a person at a terminal types one file."""
        if sys.stdin.isatty():
            return False
        first = [line for line in self._begun if not line.isspace()]
        return len(first) > 1 and any(map(_is_whole, first))

    def read(self) -> bytes:
        """All of it as one file, cut just above the limit."""
        if sys.stdin.isatty():
            return read_input("-", _LINE)
        begun = b"".join(self._take())
        return begun + sys.stdin.buffer.read(max(0, _LINE - len(begun)))

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Its lines, as `numbered` has them."""
        begun = iter(self._take())
        return numbered(lambda most: next(begun, b"") or sys.stdin.buffer.readline(most))

    @cached_property
    def _begun(self) -> list[bytes]:
        """The lines as far as the second one that is not blank."""
        begun: list[bytes] = []
        size = filled = 0
        while filled < 2 and size < _LINE and (line := sys.stdin.buffer.readline(_LINE)):
            begun.append(line)
            size += len(line)
            filled += not line.isspace()
        return begun

    def _take(self) -> list[bytes]:
        """Return the lines read ahead, once: like a file, the input is at its end when it is read again."""
        begun = [*self._begun]
        self._begun.clear()
        return begun


def _is_whole(line: bytes) -> bool:
    if not line.startswith(b"{"):
        return re.fullmatch(_COMPACT, line) is not None
    try:
        load_json(line, limit=MAX_BYTES)
    except Problem:
        return False
    return True
