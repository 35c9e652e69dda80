"""JSON Lines: an object in each line, whose members are the cells of a row.

A list of objects is a group: of its second item, the member `course` is the cell `course_2`. Lines are parsed
as all that comes from strangers is, and a number is taken as it stands, but for binary fractions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from kinds.cells import MOST_ITEMS
from wire.problem import Malformed
from wire.strict import load_json_object

from ..problem import UNREADABLE_FILE
from .celltext import cell_text

LONGEST_LINE = 1 << 20  # bytes
LONGEST_CELL = 1 << 17  # characters, as of a CSV file
_DEPTH = 8  # of lists and objects; what is nested deeper than a group is no cell

JsonPlace = tuple[str, int, str]
"""The place of a cell in an object: the member, and of a group the item, from 1, and its member."""


class JsonLines(NamedTuple):
    """The columns of a file."""

    places: tuple[JsonPlace, ...]
    numbers: frozenset[int]
    """The columns whose fields are numbers."""

    @property
    def header(self) -> list[str]:
        """The headings."""
        return [*map(_heading, self.places)]

    def cells(self, line: bytes) -> list[str]:
        """The cells of a line; none of an empty one. Raises as `cells_of`."""
        values = dict(values_of(line))
        if not values:
            return []
        return [
            cell_text(values.get(place), is_number=index in self.numbers)
            for index, place in enumerate(self.places)
        ]


def _heading(place: JsonPlace) -> str:
    member, item, inner = place
    return (f"{inner}_{item}" if item else member).strip()


def is_json_lines(path: Path) -> bool:
    """True if a file begins with a JSON object. Raises `UNREADABLE_FILE` for a JSON list, and `OSError`."""
    with path.open("rb") as file:
        start = file.read(64).removeprefix(b"\xef\xbb\xbf").split()
    # Of such a list, a table's reader would take each comma and quotation mark for one of its own.
    if b"".join(start)[:2] in (b"[{", b"[]"):
        raise UNREADABLE_FILE(
            f"{path.name} is a list in JSON, and not JSON Lines",
            hint="Write each object of the list into a line of its own, as `jq -c '.[]'` does.",
        )
    return bool(start) and start[0].startswith(b"{")


def values_of(line: bytes) -> Iterator[tuple[JsonPlace, Any]]:
    """The values of a line, each with its place. Raises `Malformed`."""
    if not line.strip():
        return
    for member, value in load_json_object(line, limit=LONGEST_LINE, depth=_DEPTH).items():
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            # A heading with a higher number would be that of no field, and its cells be left out unseen.
            if len(value) > MOST_ITEMS:
                raise Malformed(f"a list has more than {MOST_ITEMS} items")
            for number, item in enumerate(value, 1):
                for inner, each in item.items():
                    yield (member, number, inner), _bounded(each)
        else:
            yield (member, 0, ""), _bounded(value)


def _bounded(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_CELL:
        raise Malformed(f"a value has more than {LONGEST_CELL} characters")
    return value


def find_places(path: Path, most: int) -> tuple[tuple[JsonPlace, ...], bool]:
    """The columns of a file, in the order in which they appear, and whether any row has something in it.

    Raises `UNREADABLE_FILE` for a line that is no object, and if the headings take more than `most` bytes.
    """
    places: dict[JsonPlace, None] = {}
    size, is_filled = 0, False
    with path.open("rb") as file:
        for number, line in enumerate(_lines(path, file), 1):
            try:
                for place, value in values_of(line):
                    is_filled = is_filled or value not in (None, "")
                    if place not in places:
                        places[place] = None
                        size += len(_heading(place).encode()) + 1
            except Malformed as problem:
                raise UNREADABLE_FILE(
                    f"{path.name}: line {number}: {problem.detail}",
                    hint="Each line has to be one JSON object.",
                    because=problem,
                ) from None
            # A file of as many columns as rows would fill the memory.
            if size > most:
                raise UNREADABLE_FILE(f"the headings of {path.name} take more than {most >> 10} KB")
    return tuple(places), is_filled


def _lines(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """The lines of an open file. Raises `UNREADABLE_FILE` for one that is too long."""
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise UNREADABLE_FILE(f"{path.name}: a line has more than {LONGEST_LINE >> 20} MB")
        yield line


def cut_lines(
    path: Path, most: int, number: Callable[[bytes], str] | None
) -> Iterator[tuple[int, int, bytes]]:
    """The lines of a file in parts of `most`: how many lines and bytes, and their SHA-256.

    Given the `number` of a line, those of one number that stand together are not parted, unless they are more
    than a record may have.
    """
    count, size, digest = 0, 0, hashlib.sha256()
    same, last = 0, ""
    with path.open("rb") as file:
        for line in _lines(path, file):
            if number is not None:
                this = number(line)
                same, last = (same + 1 if this == last != "" else 0), this
            if count >= most and (same == 0 or same > MOST_ITEMS):
                yield count, size, digest.digest()
                count, size, same, digest = 0, 0, 0, hashlib.sha256()
            digest.update(line)
            count, size = count + 1, size + len(line)
    if count:
        yield count, size, digest.digest()
