"""Dates such as 03/04/2026, of which only a person can say whether the day or the month comes first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from kinds.days import DATE_ORDERS, read_day
from kinds.problem import BadCell

from .source import Source


def open_date(source: Source) -> tuple[str, Mapping[str, str]] | None:
    """A date whose order is open, and its day in each order; dates that are valid in both orders come first.

    None if there is none in the first span, or if the order is given.
    """
    first = None
    for cell in () if source.date_order else _dates(source):
        days = _days(cell)
        if len(days) == len(DATE_ORDERS):
            return cell, days
        first = first or ((cell, days) if days else None)
    return first


def _dates(source: Source) -> Iterator[str]:
    """The cells of the first span that are to be days."""
    fields = source.kind.fields
    dates = [index for name, index in source.single.items() if name in fields and fields[name].type == "date"]
    for _, cells in source.rows(source.spans[0]):
        yield from (cells[index].strip() for index in dates if index < len(cells))


def _days(cell: str) -> Mapping[str, str]:
    """By order, the day that a cell is in that order alone; none where no order is needed."""
    days: dict[str, str] = {}
    with suppress(BadCell):
        read_day(cell)
        return days
    for order in DATE_ORDERS:
        with suppress(BadCell):
            days[order] = read_day(cell, order)
    return days
