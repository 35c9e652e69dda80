"""An error in a cell of a registrar's file: the place and the reason.

The cell's value belongs to the registrar: it appears in her terminal and her error file and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kinds.days import DAY_FIRST, KEPT_AS_NUMBER, MONTH_FIRST, NOT_A_DATE, ORDER_UNKNOWN
from kinds.problem import BadCell
from wire.text import printable

from .celltext import FLOAT, NESTED
from .markup import ERRORS, UNCALCULATED
from .numberformat import TOO_LONG

FIRST_ROW = 2
"""Rows are counted as a spreadsheet shows them: the headings are row 1."""

TURNED = "has a comma: write the name as it shall stand"
NOT_TURNED = "is not a family name, one comma and a given name"

_FAILED = "is an error of the spreadsheet: correct it there"
LOST: Mapping[str, str] = {
    **dict.fromkeys(ERRORS, _FAILED),
    UNCALCULATED: "is a formula without a stored value: open the file in a spreadsheet program and save it",
    FLOAT: "is a binary fraction, which may be another than was typed: give it as text",
    NESTED: "is a list or an object, where one value is expected",
    TOO_LONG: "is a number of more digits than a spreadsheet keeps: format the column as text, type it anew",
}
"""The texts of cells whose values a spreadsheet lost, and why; they come in its CSV as well."""

CODES: Mapping[str, str] = {
    DAY_FIRST: "date-day-first",
    MONTH_FIRST: "date-month-first",
    ORDER_UNKNOWN: "date-order-unknown",
    NOT_A_DATE: "date-unread",
    KEPT_AS_NUMBER: "date-unread",
    TURNED: "name-turned",
}
"""Codes of faults that many rows share: reading or writing the file differently mends them."""


class CellFinding(NamedTuple):
    """One error in one cell of one row."""

    row: int
    column: str
    reason: str
    value: str = ""
    first: int = 0
    """The first row of its record, where that is another one."""

    @property
    def record(self) -> int:
        """The row by which its record is known."""
        return self.first or self.row

    @property
    def code(self) -> str:
        """One of `CODES`, else that of `BadCell`."""
        return CODES.get(self.reason, BadCell.code)

    def __str__(self) -> str:
        """The finding with the cell's value, for the registrar's own terminal."""
        shown = f'"{printable(self.value[:60])}" ' if self.value else ""
        return f"row {self.row}, column {self.column}: {shown}{self.reason}"
