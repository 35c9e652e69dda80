"""A record: what one credential says, field by field, checked.

It is a `dict` from field to value: text, but for numbers; an empty cell is `""`.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from wire.problem import Malformed

from .cells import OWN, BadCell, check_cell
from .kind import Kind

Record = dict[str, Any]

_LAST_DAY = "9999-12-31"


class InvalidRecord(Malformed):
    """A record's cells are not what its fields ask for."""

    code = "invalid-record"
    title = "The record cannot become a credential"


def check_record(
    kind: Kind, cells: Mapping[str, str], today: date | None = None, own: Collection[str] = ()
) -> Record:
    """The record that was given field by field, as for a single credential. Raises `InvalidRecord`.

    `own` are further fields that it may have.
    """
    own = set(own) - kind.fields.keys()
    for name in sorted(cells.keys() - set(kind.columns) - own):
        names = ", ".join([*kind.columns, *sorted(own)])
        raise InvalidRecord(f"there is no field {name!r}", hint=f"The fields are {names}.")
    record, wrong = check_cells(kind, cells, today=today)
    if wrong:
        raise InvalidRecord("; ".join(f"{name}: the value {reason}" for name, reason, _ in wrong))
    return record


def check_cells(
    kind: Kind,
    cells: Mapping[str, str],
    required: Collection[str] | None = None,
    today: date | None = None,
    date_order: str = "",
) -> tuple[Record, list[tuple[str, str, str]]]:
    """The record of one row, and what is wrong with it as (field, reason, cell).

    `required` are the fields that need a value, by default those of the kind. From `today` the last days are
    counted that are to be expected: a wrong year would be signed for good. `date_order` is one of
    `DATE_ORDERS`, or empty where none was said.
    """
    record: Record = {}
    wrong = []
    fields = kind.fields
    required = kind.required if required is None else required
    person = kind.person
    has_parts = person.whole not in cells or cells.get(person.given, "").strip()
    if person.whole in required and person.parts and has_parts:
        required = {*required, person.given} - {person.whole}
    own = cells.keys() - fields.keys()
    for name in (*kind.columns, *sorted(own)) if own else kind.columns:
        cell = cells.get(name, "").strip()
        try:
            if cell:
                record[name] = check_cell(fields.get(name, OWN), cell, date_order)
            elif name in required:
                raise BadCell("is empty")
            else:
                record[name] = ""
        except BadCell as problem:
            wrong.append((name, problem.detail, cell))
    if not wrong:
        person.settle(record)
        _settle_words(kind, record, cells)
        record |= kind.constants
        for name, (code, values) in kind.looked_up.items():
            record[name] = values.get(record[code], "")
        settle_reached(kind, record, today)
    return record, wrong + _against_rules(kind, record, today)


def _settle_words(kind: Kind, record: Record, cells: Mapping[str, str]) -> None:
    """Keeps the word that a code was typed as, such as PhD, where the row has no other name for it.

    A record without such a name has no such member: it then equals, byte for byte, what 81e9505 kept.
    """
    for name, code in kind.worded.items():
        word = unicodedata.normalize("NFC", cells.get(code, "").strip())
        if not record[name] and word != record[code]:
            record[name] = word
        if not record[name]:
            del record[name]


def settle_reached(kind: Kind, record: Record, today: date | None) -> None:
    """Sets the fields that follow from how long ago a day was; empty where either day is missing."""
    for name, (day, years) in kind.reached.items():
        record[name] = _has_reached(record[day], years, today) if record[day] and today else ""


def _has_reached(day: str, years: int, today: date) -> bool:
    """Whether so many years have passed since a day; of 29 February on 1 March."""
    year, month, of_month = map(int, day.split("-"))
    passed = today.year - year - ((today.month, today.day) < (month, of_month))
    return passed >= years


def _against_rules(kind: Kind, record: Record, today: date | None) -> list[tuple[str, str, str]]:
    """The faults of days that are sound each by itself: their order, and years that are too far ahead."""
    wrong = [
        (rule.before, rule.refusal, record[rule.before])
        for rule in kind.rules
        if record.get(rule.before, "") >= (record.get(rule.after) or _LAST_DAY)
    ]
    for name, years in kind.years_ahead.items():
        if record.get(name, "") > _latest(today, years):
            count = "a year" if years == 1 else f"{years} years"
            ahead = f"more than {count} ahead" if years else "in the future"
            wrong.append((name, f"is {ahead}: is the year right?", record[name]))
    return wrong


@lru_cache(maxsize=16)
def _latest(today: date | None, years: int) -> str:
    return f"{today.year + years:04}-{today:%m-%d}" if today else _LAST_DAY


def with_changes(kind: Kind, record: Mapping[str, Any], changes: Mapping[str, str]) -> dict[str, str]:
    """The cells of a record with some changed.

    Another code takes the former one's word with it: a master is no Bachelor of Science.

    Raises `NAME_IS_WHOLE` for a part of a name that was given as a whole.
    """
    cells = kind.person.with_changes(record, changes)
    for name, code in kind.worded.items():
        if name not in changes and changes.get(code, record[code]) != record[code]:
            cells.pop(name, None)
    return {name: cell for name, cell in cells.items() if name not in kind.derived or name in changes}


def digest(record: bytes) -> bytes:
    """A digest that tells two records apart, given as JSON."""
    return hashlib.blake2b(record, digest_size=16).digest()
