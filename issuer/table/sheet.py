"""A sheet of a workbook as a table: choosing the sheet, its headings, and its rows, in memory and packed.

The rows become CSV once, so that all readers of tables can read this one, with the row numbers and columns
that the spreadsheet shows. They are never written to a disk.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from wire.problem import ExtraMissing
from wire.text import counted

from ..problem import UNREADABLE_FILE, HiddenOpen, SheetOpen
from .bounded import BoundedReader, bounded, unreadable
from .unchanged import unchanged
from .workbook import SheetHead, Wanted, serve

INCLUDE, SKIP = "include", "skip"
HIDDEN = (INCLUDE, SKIP)
"""The ways to treat hidden rows and sheets."""

MOST_PACKED = 1 << 28
"""The most bytes that the packed rows may take in memory."""

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_SHOWN = 3  # headings by which a sheet is told from others

Fits = Callable[[list[str]], int]
"""Counts the headings of a row that are those of a field."""


class Packed(NamedTuple):
    """Consecutive rows as CSV in UTF-8: the counts of all and of non-empty rows, the hash, and the text."""

    rows: int
    filled: int
    sha256: bytes
    deflated: bytes

    @classmethod
    def of(cls, text: bytes, rows: int, filled: int) -> Packed:
        """The rows of a CSV."""
        return cls(rows, filled, hashlib.sha256(text).digest(), zlib.compress(text, 1))

    def text(self) -> bytes:
        """The CSV."""
        return zlib.decompress(self.deflated)  # packed here, so no larger than what was read in bounds


class SheetTable(NamedTuple):
    """A sheet that was read."""

    name: str
    header: list[str]
    above: int
    """Rows above the headings that are no part of the table."""
    hidden: int
    """Hidden rows that have something in them."""
    with_hidden: bool
    """True if they belong to the table."""
    parts: tuple[Packed, ...]


def is_workbook(path: Path) -> bool:
    """True for any ZIP or OLE file, as spreadsheets are. Raises `OSError`.

    A further format that is a ZIP has to be asked for before.
    """
    with path.open("rb") as file:
        return file.read(4) in (_ZIP, _OLE)


def read_sheet(
    path: Path, fits: Fits, chosen: str = "", hidden: str = "", span_rows: int = 4096
) -> SheetTable:
    """The sheet whose headings fit, or the one that is `chosen` by name.

    Raises `SheetOpen` where several fit, `HiddenOpen` where hidden rows or sheets could belong to the table
    and `hidden` does not say, `ExtraMissing`, `Conflict` where the file changes meanwhile, and
    `UNREADABLE_FILE`.
    """
    _require_reader(path)
    with unchanged(path), bounded(path, serve) as reader:
        return sheet_from(reader, fits, chosen, hidden, span_rows)


def sheet_from(
    reader: BoundedReader, fits: Fits, chosen: str = "", hidden: str = "", span_rows: int = 4096
) -> SheetTable:
    """As `read_sheet`, with a reader that is already running.

    Raises `SheetOpen`, `HiddenOpen` and `UNREADABLE_FILE` as that does.
    """
    path = reader.path
    head = _choose(path, reader.receive(_heads), fits, chosen, hidden)
    header, first_row, above = headings(head)
    if merged := [top for top, _, below, _ in head.merges if below + 1 >= first_row]:
        raise unreadable(path, f"cells are merged below the headings, first in row {min(merged) + 1}")
    reader.send(Wanted(head.name, first_row, hidden != SKIP, span_rows))
    parts: list[Packed] = []
    of_hidden, size = 0, 0
    for rows in reader.rows():
        parts.append(Packed.of(rows.text, rows.length, rows.filled))
        of_hidden, size = of_hidden + rows.hidden, size + len(parts[-1].deflated)
        if size > MOST_PACKED:
            raise unreadable(path, f"its rows take more than {MOST_PACKED >> 20} MB of memory")
    if of_hidden and not hidden:
        raise _hidden_open(path, f"{counted(of_hidden, 'hidden row')} in the sheet {head.name}")
    return SheetTable(head.name, header, above, of_hidden, hidden != SKIP, tuple(parts))


def _heads(value: Any, _: bytes) -> list[SheetHead]:
    return [SheetHead.of(each) for each in value]


def _require_reader(path: Path) -> None:
    with path.open("rb") as file:
        beginning = file.read(1 << 20)
    if beginning.startswith(_OLE):
        if _ENCRYPTED in beginning:
            raise UNREADABLE_FILE(f"{path.name} is locked by a password", hint="Save it without one.")
        raise UNREADABLE_FILE(
            f"{path.name} is in the format of Excel 97 to 2003",
            hint='Save it as "Excel Workbook (.xlsx)" or as "CSV UTF-8".',
        )
    try:
        import python_calamine  # noqa: F401 -- the process that reads needs it, and could not say so well
    except ModuleNotFoundError as error:
        raise ExtraMissing.saying(
            "this needs {package}, which is not installed", package="python_calamine", extra="xlsx"
        ) from error


def _choose(path: Path, heads: Sequence[SheetHead], fits: Fits, chosen: str, hidden: str) -> SheetHead:
    names = ", ".join(head.name for head in heads)
    if chosen:
        for head in heads:
            if head.name == chosen:
                return head
        raise UNREADABLE_FILE(f"{path.name} has no sheet {chosen!r}", hint=f"Its sheets are {names}.")
    filled = [head for head in heads if any(any(cells) for _, _, cells in head.rows)]
    scores = {head.name: fits(headings(head)[0]) for head in filled}
    # A few words of a list of values may be headings by chance: half of the best is a rival.
    fitting = [head for head in filled if scores[head.name] and 2 * scores[head.name] > max(scores.values())]
    visible = [head for head in fitting if head.visible]
    if len(visible) < len(fitting) and not hidden:
        count = len(fitting) - len(visible)
        raise _hidden_open(path, f"{counted(count, 'hidden sheet')} with such headings")
    candidates = fitting if hidden == INCLUDE else visible
    candidates = candidates or [head for head in filled if head.visible]
    if not candidates:
        raise UNREADABLE_FILE(f"{path.name} is empty", hint="A header row and rows below it are expected.")
    if len(candidates) > 1:
        problem = SheetOpen(f"{path.name} has several sheets that could be meant: {names}")
        problem.choices = [
            (head.name, [cell for cell in headings(head)[0] if cell][:_SHOWN]) for head in candidates
        ]
        raise problem
    return candidates[0]


def headings(head: SheetHead) -> tuple[list[str], int, int]:
    """The headings, the number of the first row below them, and how many filled rows stand above.

    A row with one cell above a wider one is a title. Headings that are merged across have those of the row
    below, each under its own column; where two are equal, with the upper one before them.
    """
    filled = [(number, cells) for number, _, cells in head.rows if any(cells)]
    if not filled:
        return [], 2, 0
    wide = max(sum(map(bool, cells)) for _, cells in filled)
    above = 0
    while wide > 1 and sum(map(bool, filled[above][1])) == 1:
        above += 1
    top, upper = filled[above]
    depth = 1
    for first, left, last, right in head.merges:
        if first == top - 1:
            depth = max(depth, last - first + 1, 2 if right > left else 1)
            upper = [
                upper[left] if left <= index <= right and left < len(upper) else cell
                for index, cell in enumerate(upper)
            ]
    below = [cells for number, cells in filled[above + 1 :] if number < top + depth]
    lower: list[str] = []
    for column in zip_longest(*below, fillvalue=""):
        lower.append(next((cell for cell in reversed(column) if cell.strip()), ""))
    pairs = list(zip_longest(upper, lower, fillvalue=""))
    count = Counter(each for _, each in pairs)
    header = [
        f"{group} {other}" if other and count[other] > 1 and group else other or group
        for group, other in pairs
    ]
    return [cell.strip() for cell in header], top + depth, above


def _hidden_open(path: Path, words: str) -> HiddenOpen:
    problem = HiddenOpen(f"{path.name}: {words}")
    problem.choices = [(INCLUDE, ["as the others"]), (SKIP, ["leave them out"])]
    return problem
