"""The error file as a workbook: every cell as text, and a comment at each that is wrong."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from wire.text import printable

from ..problem import ERROR_FILE_REFUSED

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

_MADE = datetime(1980, 1, 1)  # noqa: DTZ001 -- a day of the format's own: the same rows give the same bytes
_LONGEST_COMMENT = 1000  # characters
_RICH = "<r>", "</r>"
"""xlsxwriter takes a text that begins and ends with these for XML, and writes it as it stands."""


def workbook(rows: Iterable[tuple[Sequence[str], Mapping[int, str]]], scratch: Path) -> bytes:
    """A sheet with these rows, each with comments by the index of their cells.

    Rows that do not fit into memory wait in files in `scratch`, a private folder. Raises `ERROR_FILE_REFUSED`
    for content that a spreadsheet cannot hold, and `OSError`.
    """
    import xlsxwriter

    data = io.BytesIO()
    options = {
        "constant_memory": True,
        "tmpdir": str(scratch),
        # A cell is what it says: as a number it would lose zeros and digits, and a formula would run.
        "strings_to_numbers": False,
        "strings_to_formulas": False,
        "strings_to_urls": False,
    }
    with xlsxwriter.Workbook(data, options) as book:
        book.set_properties({"created": _MADE})
        as_text = book.add_format({"num_format": "@"})  # so what is typed there stays text
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        for number, (cells, comments) in enumerate(rows):
            if number == 0:
                sheet.set_column(0, len(cells) - 1, None, as_text)
            for index, cell in enumerate(cells):
                _write(sheet, number, index, cell, as_text)
            for index, reason in comments.items():
                sheet.write_comment(number, index, printable(reason[:_LONGEST_COMMENT]))
    return data.getvalue()


def _write(sheet: Worksheet, row: int, column: int, cell: str, as_text: Format) -> None:
    if cell.startswith(_RICH[0]) and cell.endswith(_RICH[1]):
        refused = sheet.write_rich_string(row, column, cell[:1], as_text, cell[1:], as_text)
    else:
        refused = sheet.write_string(row, column, cell, as_text)
    if refused:
        raise ERROR_FILE_REFUSED(
            "a workbook takes no more than 1048576 rows, 16384 columns, and 32767 characters in a cell: "
            f"row {row + 1} of the error file has more"
        )
