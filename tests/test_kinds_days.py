"""Days as registrars write them: each way of writing gives that day or is refused, and never another one."""

from __future__ import annotations

import json
import re
from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.table.finding import CODES
from kinds.days import (
    DATE_ORDERS,
    DAY_FIRST,
    KEPT_AS_NUMBER,
    MONTH_FIRST,
    NOT_A_DATE,
    ORDER_UNKNOWN,
    read_day,
)
from kinds.problem import BadCell
from tests import cldr
from tests.conftest import ROOT

NAMES = [
    (language, int(month), name)
    for language, months in json.loads((ROOT / "kinds/months.json").read_text()).items()
    for month, names in months.items()
    for name in names
]
UNBROKEN = range(1800, 2200)
"""The years of days that are written without anything between."""
DIGITS = ["0123456789", "０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹"]
NUMERIC = [
    *("{y:04}-{m:02}-{d:02}", "{y:04}/{m}/{d}", "{y:04}.{m:02}.{d:02}", "{y:04}年{m}月{d}日"),
    *("{y:04} 年 {m} 月 {d} 日", "{y:04}{m:02}{d:02}", "{d:02}.{m:02}.{y:04}", "{d}.{m}.{y:04}"),
    *("{y:04}．{m}．{d}", "{y:04}／{m}／{d}", "{y:04}-{m:02}-{d:02} 00:00:00", "{y:04}年{m}月{d}日\u3000"),
]
NAMED = ["{d} {n} {y:04}", "{d}. {n} {y:04}", "{d:02} {n}. {y:04}", "{n} {d}, {y:04}", "{n}. {d}, {y:04}"]
NAMED += [
    "{d} de {n} de {y:04}",
    "{d}-{n}-{y:04}",
    "{d}er {n} {y:04}",
    "{n} {d}th, {y:04}",
    "{d} {n}، {y:04}",
]
OPEN = ["{:02}/{:02}/{:04}", "{}/{}/{:04}", "{:02}-{:02}-{:04}"]


def refusal(cell: str, order: str = "") -> str:
    with pytest.raises(BadCell) as raised:
        read_day(cell, order)
    return raised.value.detail


@given(st.dates(min_value=date(1000, 1, 1)), st.sampled_from(NUMERIC), st.sampled_from(DIGITS))
def test_a_day_in_numbers_is_that_day_or_refused(day: date, way: str, digits: str) -> None:
    cell = way.format(y=day.year, m=day.month, d=day.day).translate(str.maketrans(DIGITS[0], digits))
    if way == "{y:04}{m:02}{d:02}" and day.year not in UNBROKEN:
        assert refusal(cell) == NOT_A_DATE
    else:
        assert read_day(cell) == day.isoformat()


@given(st.dates(min_value=date(1000, 1, 1)), st.sampled_from(NAMED), st.sampled_from(NAMES), st.booleans())
def test_a_day_with_the_name_of_its_month_is_that_day(
    day: date, way: str, month: tuple[str, int, str], capital: bool
) -> None:
    _, number, name = month
    day = day.replace(day=min(day.day, 28), month=number)
    assert read_day(way.format(y=day.year, d=day.day, n=name.title() if capital else name)) == day.isoformat()


@given(st.dates(min_value=date(1000, 1, 1)), st.sampled_from(OPEN))
def test_an_open_order_stays_a_question_until_somebody_answers_it(day: date, way: str) -> None:
    day_first, month_first = (
        way.format(*pair, day.year) for pair in ((day.day, day.month), (day.month, day.day))
    )
    assert read_day(day_first, "day-first") == read_day(month_first, "month-first") == day.isoformat()
    if day.day > 12:
        assert (refusal(day_first), refusal(month_first)) == (DAY_FIRST, MONTH_FIRST)
        assert {refusal(day_first, "month-first"), refusal(month_first, "day-first")} == {NOT_A_DATE}
    else:
        assert {refusal(day_first), refusal(month_first)} == {ORDER_UNKNOWN}


PIECES = ["", "2", "13", "31", "2026", "20251230"]
BETWEEN = ["", ".", "-", "/", "年", "月", ". Mai ", " de juin de ", "²"]


@pytest.mark.quick("day-first")
@pytest.mark.parametrize("order", ["", *DATE_ORDERS])
def test_whatever_is_read_as_a_day_says_that_day_and_nothing_else(order: str) -> None:
    read = 0
    for cell in map("".join, product(PIECES, BETWEEN, PIECES, BETWEEN, [*PIECES, "30日"])):
        try:
            day = date.fromisoformat(read_day(cell, order))
        except BadCell:
            continue
        read += 1
        numbers = sorted(map(int, re.findall("[0-9]+", cell)))
        month = 5 if "Mai" in cell else 6 if "juin" in cell else day.month
        in_numbers = {
            1: [int(f"{day:%Y%m%d}")],
            2: sorted((day.year, day.day)),
            3: sorted((day.year, day.month, day.day)),
        }
        assert (numbers, month) == (in_numbers[len(numbers)], day.month), cell
        assert "²" not in cell, cell
    assert read > 40


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "cell",
    [
        *("20062026", "06202026", "20260631", "202606", "2026063", "17991231", "22000101"),
        *(
            "115年6月30日",
            "民國115年6月30日",
            "令和8年6月30日",
            "2026年6月",
            "2026年6月30",
            "二〇二六年六月三十日",
        ),
        *("30 Mai 26", "30 jui 2026", "Mai 2026", "30 2026", "30 Maistein 2026", "30.06.26", "2026.06-30"),
        *(
            "1²/06/2026",
            "३०.०६.२००१",
            "30 Juni Juli 2026",
            "2026-06-30 09:30",
            "Dienstag",
            "-",
            "30JuneA2026",
        ),
    ],
)
def test_what_may_be_another_day_or_none_is_refused(cell: str) -> None:
    assert {refusal(cell), *(refusal(cell, order) for order in DATE_ORDERS)} == {NOT_A_DATE}


@pytest.mark.parametrize("cell", ["2026年2月30日", "31. Juni 2026", "2026.13.01", "Feb 30, 2026"])
def test_a_day_that_no_calendar_has_is_named_as_such(cell: str) -> None:
    assert refusal(cell) == "is not a day of the calendar"


def test_the_months_are_those_of_cldr_and_each_name_is_of_one() -> None:
    assert json.loads((ROOT / "kinds/months.json").read_text()) == cldr.months()
    months: dict[str, int] = {}
    assert all(months.setdefault(name, month) == month for _, month, name in NAMES)


def test_a_day_that_a_spreadsheet_keeps_as_a_number_is_named_and_never_read() -> None:
    for cell in ("46203", "14611", "４６２０３"):
        assert {refusal(cell), *(refusal(cell, order) for order in DATE_ORDERS)} == {KEPT_AS_NUMBER}
    assert CODES[KEPT_AS_NUMBER] == CODES[NOT_A_DATE]
    assert refusal("4620") == NOT_A_DATE
