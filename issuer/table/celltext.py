"""A typed value of a file as the text of a cell, for formats that have numbers and days of their own."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

FLOAT = "#FLOAT!"
"""The text in place of a binary fraction, which is not certainly what was meant: 1250.10 could be 1250.1."""
NESTED = "#LIST!"
"""The text in place of a list or an object where one value is expected."""

_EXACT = 1e15  # whole numbers below it are as they were written


def cell_text(value: object, *, is_number: bool) -> str:
    """The text of a value; a binary fraction is one only where the column `is_number`."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return str(value).upper()
        case int() | Decimal():
            return f"{value:f}" if isinstance(value, Decimal) else str(value)
        case float():
            if not is_number:
                return FLOAT
            return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
        case datetime():
            return (value.date() if value.time() == time() else value).isoformat()
        case date():
            return value.isoformat()
        case _:
            return NESTED
