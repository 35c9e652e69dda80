"""A record: the checked content of one credential, field by field.

It is a `dict` from field to value: text, but for numbers; an empty cell is `""`.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from wire.problem import Malformed

from .cells import MOST_ITEMS, OWN, Field, check_cell
from .kind import ItemCell, Kind
from .problem import BadCell
from .vocabulary import Words

Record = dict[str, Any]
"""The checked values of one row, by the names of the kind's fields."""

_LAST_DAY = "9999-12-31"


class InvalidRecord(Malformed):
    """A record's cells are not what its fields ask for."""

    code = "invalid-record"
    title = "The record cannot become a credential"


def check_record(
    kind: Kind,
    cells: Mapping[str, Any],
    today: date | None = None,
    further: Collection[str] = (),
    former: Mapping[str, Any] | None = None,
) -> Record:
    """The record that was given field by field, as for a single credential. Raises `InvalidRecord`.

    A cell is a text; a group is a list with a mapping for each item.

    `further` are the fields that it may have, besides those of `former`, the record that it corrects.
    """
    further = {*further, *(former or ())} - kind.fields.keys()
    for name in sorted(cells.keys() - set(kind.columns) - further - kind.groups.keys()):
        names = ", ".join([*kind.columns, *kind.groups, *sorted(further)])
        raise InvalidRecord(f"there is no field {name!r}", hint=f"The fields are {names}.")
    for name, group in kind.groups.items():
        if not _are_items(cells.get(name, []), group):
            cell = ItemCell(name, next(iter(group.fields)), 1).name
            raise InvalidRecord(f"{name} is a group: its cells are {cell} and so on")
    record, wrong = check_cells(kind, cells, today=today, former=former)
    if wrong:
        raise InvalidRecord("; ".join(f"{name}: the value {reason}" for name, reason, _ in wrong))
    return record


def check_cells(
    kind: Kind,
    cells: Mapping[str, Any],
    required: Collection[str] | None = None,
    today: date | None = None,
    date_order: str = "",
    former: Mapping[str, Any] | None = None,
    words: Mapping[str, Words] | None = None,
) -> tuple[Record, list[tuple[str, str, str]]]:
    """The record of one row, and its faults as (field, reason, cell).

    A cell that has a value of `former`, the record that it corrects, keeps that value.

    `required` are the fields that need a value, by default those of the kind. From `today` the last days are
    counted that are to be expected: a wrong year would be signed for good. `date_order` is one of
    `DATE_ORDERS`, or empty where none was said. `words` may stand in the place of values, by field; they are
    those of the kind by default.
    """
    words = kind.words if words is None else words
    record: Record = {}
    wrong: list[tuple[str, str, str]] = []
    fields = kind.fields
    required = kind.required if required is None else required
    person = kind.person
    has_parts = person.whole not in cells or cells.get(person.given, "").strip()
    if person.whole in required and person.parts and has_parts:
        required = {*required, person.given} - {person.whole}
    extra = cells.keys() - fields.keys()
    for name in (*kind.columns, *sorted(extra)) if extra else kind.columns:
        cell = cells.get(name, "").strip()
        try:
            if former and cell and cell == str(former.get(name, "")):
                # Not read again: where a pattern asks for 12,5 the value, 12.5, is no cell of its field.
                record[name] = former[name]
            elif cell:
                record[name] = check_cell(fields.get(name, OWN), cell, date_order, words.get(name))
            elif name in required:
                raise BadCell("is empty")
            else:
                record[name] = ""
        except BadCell as problem:
            wrong.append((name, problem.detail, cell))
    if kind.groups:
        _check_groups(kind, cells, required, date_order, words, record, wrong)
    if not wrong:
        person.settle(record)
        _settle_words(kind, record, cells)
        if kind.derived:
            record |= kind.constants
            record |= {name: of.get(record[code], "") for name, (code, of) in kind.looked_up.items()}
            settle_reached(kind, record, today)
    return record, wrong + _against_rules(kind, record, today)


def _check_groups(
    kind: Kind,
    cells: Mapping[str, Any],
    required: Collection[str],
    date_order: str,
    words: Mapping[str, Words],
    record: Record,
    wrong: list[tuple[str, str, str]],
) -> None:
    for name, group in kind.groups.items():
        # A set has each item once: RDF knows no second, and two nodes that say the same are one to a reader.
        unique = () if group.is_ordered else sorted(kind.template.groups.get(name, ()))
        record[name] = _check_items(group, cells.get(name, ()), unique, date_order, words, wrong)
        if not record[name] and name in required:
            wrong.append((name, "is empty", ""))


def _check_items(
    group: Field,
    entries: Iterable[Mapping[str, str]],
    unique: Collection[str],
    date_order: str,
    words: Mapping[str, Words],
    wrong: list[tuple[str, str, str]],
) -> list[Record] | str:
    """The items of a group that are not empty, or the empty text; adds their faults to `wrong`.

    A fault has the number of its item among those that were given, from 1. No two items may agree in all of
    the `unique` fields.
    """
    items: list[Record] = []
    first: dict[tuple[Any, ...], int] = {}
    for position, cells in enumerate(entries, 1):
        item: Record = {}
        if not any(cell.strip() for cell in cells.values()):
            continue
        for name, field in group.fields.items():
            cell = cells.get(name, "").strip()
            item[name] = ""
            try:
                if cell:
                    item[name] = check_cell(field, cell, date_order, words.get(name))
                elif field.required:
                    raise BadCell("is empty")
            except BadCell as problem:
                wrong.append((ItemCell(group.name, name, position).name, problem.detail, cell))
        key = tuple(item[name] for name in unique)
        if any(value != "" for value in key) and first.setdefault(key, position) != position:
            name = next(name for name in group.fields if name in unique and item[name] != "")
            wrong.append((ItemCell(group.name, name, position).name, "stands there twice", cells[name]))
        items.append(item)
    if len(items) > MOST_ITEMS:
        wrong.append((group.name, f"has {len(items)} items: more than {MOST_ITEMS}", ""))
    return items or ""


def _are_items(items: object, group: Field) -> bool:
    return isinstance(items, list) and all(
        isinstance(item, Mapping)
        and item.keys() <= group.fields.keys()
        and all(isinstance(cell, str) for cell in item.values())
        for item in items
    )


def _settle_words(kind: Kind, record: Record, cells: Mapping[str, Any]) -> None:
    """Keeps the word that was typed for a code, such as PhD, if the row has no other name for it.

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
    """True if so many years have passed since a day; for 29 February they have on 1 March."""
    year, month, of_month = map(int, day.split("-"))
    passed = today.year - year - ((today.month, today.day) < (month, of_month))
    return passed >= years


def _against_rules(kind: Kind, record: Record, today: date | None) -> list[tuple[str, str, str]]:
    """The faults of days that are sound each by itself: their order, and years that are too far ahead."""
    wrong = [
        (rule.before, rule.refusal, record[rule.before])
        for rule in kind.rules
        if not rule.allows(record.get(rule.before, ""), record.get(rule.after, ""))
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


def with_changes(kind: Kind, record: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The cells of a record with some changed: of a group's second item, `course_2`.

    Changing a code removes the former code's word: a master is no Bachelor of Science.

    Raises `NAME_IS_WHOLE` for a part of a name that was given as a whole.
    """
    of_items = [(item, cell) for name, cell in changes.items() if (item := kind.item(name)) and item.position]
    changes = {
        name: cell for name, cell in changes.items() if name not in {item.name for item, _ in of_items}
    }
    single = {name: value for name, value in record.items() if name not in kind.groups}
    cells: dict[str, Any] = {**kind.person.with_changes(single, changes)}
    for name, code in kind.worded.items():
        if name not in changes and changes.get(code, record[code]) != record[code]:
            cells.pop(name, None)
    for name in kind.groups.keys() - changes.keys():
        items = [{inner: str(value) for inner, value in item.items()} for item in record.get(name) or ()]
        changed = [(item, cell) for item, cell in of_items if item.group == name]
        items += [{} for _ in range(max((item.position for item, _ in changed), default=0) - len(items))]
        for item, cell in changed:
            items[item.position - 1][item.field] = cell
        cells[name] = items
    return {name: cell for name, cell in cells.items() if name not in kind.derived or name in changes}


def item_cells(kind: Kind, record: Mapping[str, Any]) -> dict[str, Any]:
    """The values in the groups of a record, by the names that a correction takes, such as `course_2`."""
    return {
        ItemCell(group, name, position).name: value
        for group in kind.groups
        for position, item in enumerate(record.get(group) or (), 1)
        for name, value in item.items()
    }


DIGEST_BYTES = 16


def digest(record: bytes) -> bytes:
    """A digest that tells two records apart, given as JSON."""
    return hashlib.blake2b(record, digest_size=DIGEST_BYTES).digest()
