"""A workbook read in a process of its own: a hostile one ends this process, and nothing else.

Values come from python-calamine, and anything that it does not give from `markup`. All is read from one copy
of the file in memory, so that a file which changes meanwhile is not mixed with itself. Formulas and macros
are never run: the stored values are read.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import date, datetime, time
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .bounded import Rows, answer, limit_process
from .markup import (
    MOST_PARTS,
    Merge,
    NotedRow,
    UnreadableWorkbook,
    inflated,
    number_formats,
    rows_of_ods,
    rows_of_xlsx,
    sheet_parts,
)

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

MEMORY, CPU = 1 << 30, 60
"""Bytes and seconds that a workbook may take: about a million rows of a dozen columns."""
LARGEST = 1 << 28  # bytes of the file itself
HEAD = 32
"""Rows in which the headings are looked for."""


class SheetHead(NamedTuple):
    """The beginning of a sheet, and what is merged in all of it."""

    name: str
    visible: bool
    rows: list[tuple[int, bool, list[str]]]
    """NotedRow numbers, whether they are hidden, and cells."""
    merges: list[Merge]

    @classmethod
    def of(cls, value: Any) -> SheetHead:
        """The head in JSON, whose pairs are lists."""
        name, visible, rows, merges = value
        return cls(
            str(name),
            bool(visible),
            [(int(number), bool(hidden), [*map(str, cells)]) for number, hidden, cells in rows],
            [(int(a), int(b), int(c), int(d)) for a, b, c, d in merges],
        )


class Wanted(NamedTuple):
    """A request for rows of a sheet."""

    name: str
    first_row: int
    """Of those below the headings."""
    with_hidden: bool
    span_rows: int


def serve(path: Path, connection: Connection[Any, Any]) -> None:
    """The life of the process: a `SheetHead` each, a `Wanted` back, then `Rows` and `None`; or a refusal."""
    limit_process(MEMORY, CPU)
    answer_workbook(path, connection)


def answer_workbook(path: Path, connection: Connection[Any, Any]) -> None:
    """Does as `serve` in this process: without limits, for files of one's own."""
    with closing(connection), suppress(BrokenPipeError, EOFError):
        try:
            workbook = _Workbook(_whole(path))
            answer(connection, [workbook.head(name) for name in workbook.names])
            wanted: Wanted = connection.recv()
            for rows in workbook.spans(wanted):
                answer(connection, rows[:3], rows.text)
            answer(connection, None)
        except UnreadableWorkbook as refused:
            answer(connection, str(refused))
        except MemoryError:
            answer(connection, "it takes too much memory")


def _whole(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise UnreadableWorkbook(f"it has more than {LARGEST >> 20} MB")
    return data


class _Workbook:
    def __init__(self, data: bytes) -> None:
        from python_calamine import (
            CalamineError,
            CalamineWorkbook,
            PasswordError,
            SheetTypeEnum,
            SheetVisibleEnum,
        )

        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            if len(self._zip.namelist()) > MOST_PARTS:
                raise UnreadableWorkbook("it has too many parts")
            self._calamine: CalamineWorkbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        except PasswordError:
            raise UnreadableWorkbook("it is locked by a password") from None
        except (zipfile.BadZipFile, CalamineError, OSError, ValueError):
            raise UnreadableWorkbook("it is damaged, or no workbook") from None
        self._is_ods = "content.xml" in self._zip.namelist()
        self._parts = {} if self._is_ods else sheet_parts(self._zip)
        self._styles = [] if self._is_ods else number_formats(self._zip)
        of_sheets = [each for each in self._calamine.sheets_metadata if each.typ == SheetTypeEnum.WorkSheet]
        self.names = [each.name for each in of_sheets]
        self._visible = {each.name: each.visible == SheetVisibleEnum.Visible for each in of_sheets}
        self._loaded: tuple[str, CalamineSheet] | None = None

    def head(self, name: str) -> SheetHead:
        merges: list[Merge] = []
        rows = list(islice(self._rows(name, merges), HEAD))
        if not self._is_ods:
            ranges = self._sheet(name).merged_cell_ranges or []
            merges = [(*first, *last) for first, last in ranges]
        return SheetHead(name, self._visible[name], rows, merges)

    def spans(self, wanted: Wanted) -> Iterator[Rows]:
        """All rows from the second on, as the headings are the first; those above the table are empty."""
        text = io.StringIO()
        writer = csv.writer(text)
        count, filled, hidden_ones = 0, 0, 0

        def cut() -> Rows:
            nonlocal count, filled, hidden_ones
            rows = Rows(count, filled, hidden_ones, text.getvalue().encode())
            text.seek(0)
            text.truncate()
            count, filled, hidden_ones = 0, 0, 0
            return rows

        last = 1
        merges: list[Merge] = []
        for number, hidden, cells in self._rows(wanted.name, merges):
            if number < 2:
                continue
            for each in range(last + 1, number + 1):
                is_empty = each < number or number < wanted.first_row or not any(cells)
                if not is_empty:
                    hidden_ones += hidden
                    is_empty = hidden and not wanted.with_hidden
                writer.writerow([] if is_empty else cells)
                count, filled = count + 1, filled + (not is_empty)
                if count == wanted.span_rows:
                    yield cut()
            last = number
        if merged := [first for first, _, below, _ in merges if below + 1 >= wanted.first_row]:
            raise UnreadableWorkbook(f"cells are merged below the headings, first in row {min(merged) + 1}")
        if count:
            yield cut()

    def _sheet(self, name: str) -> CalamineSheet:
        if self._loaded is None or self._loaded[0] != name:
            self._loaded = None  # before the next one is: only one is in memory
            self._loaded = name, self._calamine.get_sheet_by_name(name)
        return self._loaded[1]

    def _rows(self, name: str, merges: list[Merge]) -> Iterator[tuple[int, bool, list[str]]]:
        """Each row with what stands in it; in `merges` comes what the XML says of merged cells."""
        if self._is_ods:
            noted = rows_of_ods(inflated(self._zip, "content.xml"), name, merges)
        elif name in self._parts:
            noted = rows_of_xlsx(inflated(self._zip, self._parts[name]), self._styles)
        else:
            raise UnreadableWorkbook("a sheet of it lies somewhere else")
        following = next(noted, None)
        number = 0
        sheet = self._sheet(name)
        left = [""] * sheet.start[1] if sheet.start else []  # columns that are empty from top to bottom
        for number, values in enumerate(sheet.iter_rows(), 1):
            while following is not None and following.number + following.times <= number:
                following = next(noted, None)
            is_noted = following is not None and following.number <= number
            row = following if is_noted and following is not None else _PLAIN
            yield number, row.hidden, _texts(number, [*left, *values], row.notes)
        while following is not None:  # behind the last value there are only errors and hidden rows
            for each in range(max(number + 1, following.number), following.number + following.times):
                if following.notes:
                    yield each, following.hidden, _texts(each, [], following.notes)
            following = next(noted, None)


_PLAIN = NotedRow(0, 0, False, {})


_DIFFER = "its row {number} can be read in two ways"  # by the two readers, of which one would be signed


def _texts(number: int, values: list[Any], notes: dict[int, str]) -> list[str]:
    cells = [
        value if type(value) is str else _text(number, value, notes.get(i)) for i, value in enumerate(values)
    ]
    for index, note in notes.items():
        if index >= len(cells):
            cells += [""] * (index + 1 - len(cells))
        if not cells[index]:
            cells[index] = note
        elif index < len(values) and type(values[index]) is str and values[index] != note:
            raise UnreadableWorkbook(_DIFFER.format(number=number))
    return cells


def _text(number: int, value: object, note: str | None) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime):
        return (value.date() if value.time() == time() else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (int, float)):
        if note is None:
            raise UnreadableWorkbook(_DIFFER.format(number=number))
        return note
    return str(value)
