"""Parses the day in a cell, in the notations that registrars use.

Each notation gives one day, or is refused. If a text could mean two days, such as 03/04/2026, only the
registrar can tell them apart. Names of months are those of CLDR in English, German, French, Spanish and
Arabic; `months.json` has them, and no two months share one.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from functools import lru_cache, partial
from pathlib import Path

from .problem import BadCell

DAY_FIRST = "is day/month/year: write YYYY-MM-DD"
MONTH_FIRST = "is month/day/year: write YYYY-MM-DD"
ORDER_UNKNOWN = "is day/month/year or month/day/year: write YYYY-MM-DD"
NOT_A_DATE = "is not a date (YYYY-MM-DD)"
KEPT_AS_NUMBER = "is not a date, or one that a spreadsheet keeps as a number: format the column as a date"
DATES_BY_ORDER = (DAY_FIRST, MONTH_FIRST, ORDER_UNKNOWN)
"""Faults of dates that can be read once somebody states the order of day and month."""

DATE_ORDERS = ("day-first", "month-first")
"""The orders of day and month in a date that ends with its year, which only a registrar can say."""

# NFKC would do this as well, and make 12 of 1². Digits: full-width, Arabic, and the Persian form of these.
_PLAIN = {0xFF0D: "-", 0xFF0E: ".", 0xFF0F: "/", 0xFF0C: ",", 0x060C: ","} | {
    zero + digit: str(digit) for zero in (0xFF10, 0x0660, 0x06F0) for digit in range(10)
}

# Compiled when first used: whoever verifies reads no cells.
_MIDNIGHT = partial(re.sub, r"[ T]0?0:00(:00(\.0+)?)?$")  # a spreadsheet's date with its time
_YEAR_FIRST = partial(
    re.fullmatch, r"([0-9]{4})(?:([-/.])([0-9]{1,2})\2([0-9]{1,2})| ?年 ?([0-9]{1,2}) ?月 ?([0-9]{1,2}) ?日)"
)
# Of these years alone: 20062026 is then no second spelling of a day, since no month has the number 20.
_UNBROKEN = partial(re.fullmatch, r"((?:18|19|20|21)[0-9]{2})([0-9]{2})([0-9]{2})")
_SERIAL = partial(re.fullmatch, "[1-9][0-9]{4}")  # days since 1899-12-30, from 1927 to 2173
_DOTTED = partial(re.fullmatch, r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")  # nobody writes the month first
_YEAR_LAST = partial(re.fullmatch, r"([0-9]{1,2})([-/])([0-9]{1,2})\2([0-9]{4})")
_DAY_AND_NAME = partial(
    re.fullmatch,
    r"([0-9]{1,2})(?:\.|º|er|st|nd|rd|th)?[ -]?(?:de )?([^0-9.,-]{2,30}?)\.?,?[ -](?:del? )?([0-9]{4})",
)
_NAME_AND_DAY = partial(re.fullmatch, r"([^0-9.,-]{2,30}?)\.? ([0-9]{1,2})(?:st|nd|rd|th)?,? ([0-9]{4})")


def read_day(cell: str, order: str = "") -> str:
    """The day that a cell says, as YYYY-MM-DD. `order` is one of `DATE_ORDERS`, or empty.

    Raises `BadCell`.
    """
    try:
        if len(cell) == 10 and cell[4] == cell[7] == "-":  # as most are: ten times as fast
            date.fromisoformat(cell)
            return cell
    except ValueError:
        pass
    day, reason = _read(cell, order)
    if reason:
        raise BadCell(reason)
    return day


@lru_cache(maxsize=1 << 15)  # few days, many records
def _read(cell: str, order: str) -> tuple[str, str]:
    """The day, or the reason why there is none."""
    text = _MIDNIGHT("", " ".join(cell.translate(_PLAIN).split()))
    if match := _YEAR_FIRST(text):
        year, _, *pairs = match.groups()
        month, day = filter(None, pairs)
        return _day_of(year, month, day)
    if match := _UNBROKEN(text):
        day, _ = _day_of(*match.groups())
        return (day, "") if day else ("", NOT_A_DATE)
    if match := _DOTTED(text):
        return _day_of(*reversed(match.groups()))
    if match := _YEAR_LAST(text):
        return _in_order(match[4], match[1], match[3], order)
    if (match := _DAY_AND_NAME(text)) and (name := month_name(match[2])):
        return _day_of(match[3], name, match[1])
    if (match := _NAME_AND_DAY(text)) and (name := month_name(match[1])):
        return _day_of(match[3], name, match[2])
    # Not read as a day: workbooks count from 1900 or from 1904, and the text does not say which.
    return "", KEPT_AS_NUMBER if _SERIAL(text) else NOT_A_DATE


def _in_order(year: str, first: str, second: str, order: str) -> tuple[str, str]:
    days = {
        "day-first": _day_of(year, second, first)[0],
        "month-first": _day_of(year, first, second)[0],
    }
    if order:
        return days[order], "" if days[order] else NOT_A_DATE
    match [each for each in DATE_ORDERS if days[each]]:
        case []:
            return "", NOT_A_DATE
        case ["day-first"]:
            return "", DAY_FIRST
        case ["month-first"]:
            return "", MONTH_FIRST
    return "", ORDER_UNKNOWN


def _day_of(year: str, month: str, day: str) -> tuple[str, str]:
    with suppress(ValueError):
        return date(int(year), int(month), int(day)).isoformat(), ""
    return "", "is not a day of the calendar"


def month_name(name: str) -> str:
    """The number of the month of this name, in any of the languages; empty if none has it."""
    return _months().get(unicodedata.normalize("NFC", name.casefold()), "")


@lru_cache(maxsize=1)
def _months() -> Mapping[str, str]:
    languages = json.loads((Path(__file__).parent / "months.json").read_text("utf-8"))
    return {name: month for months in languages.values() for month, names in months.items() for name in names}
