"""The field of each column of a file: by its heading, or as the registrar says."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from kinds import Kind
from kinds.kind import ItemCell, plain
from kinds.names import LAST_FIRST
from kinds.records import check_cells
from kinds.vocabulary import Words
from wire.text import counted

from ..problem import (
    COLUMN_AMBIGUOUS,
    COLUMN_MAPPED_TWICE,
    COLUMNS_MISSING,
    CONSTANT_HAS_COLUMN,
    FAMILY_NAME_MISSING,
    HEADINGS_MISSING,
    INVALID_CONSTANT,
    NO_WHOLE_NAMES,
    NUMBER_COLUMN,
    ROWS_WITHOUT_NUMBER,
    UNREADABLE_FILE,
)

Groups = Mapping[str, Mapping[int, Mapping[str, int]]]
"""By group and position, from field to the index of its column; position 0 has the items in rows."""

_MOST_LISTED, _LONGEST_LISTED = 40, 60  # headings in a message, and characters of each
_NUMBERED = re.compile("(.+?)_?([1-9][0-9]{0,2}|1000)").fullmatch


class Layout(NamedTuple):
    """The columns that a file should have, and the registrar's choices about them."""

    path: Path
    """The file, for messages."""
    kind: Kind
    chosen: Mapping[str, str] = {}
    """Field to heading, where the usual headings do not fit; one column may be several fields."""
    required: Collection[str] | None = None
    """The fields that need a column, by default those that the kind asks for."""
    names: str = ""
    """The way to read a name with a comma: one of `NAMES`, or empty."""
    constants: Mapping[str, str] = {}
    """By field, the cell that all rows share and that stands in no column."""
    has_numbers: bool = True
    """True if the file has the credentials' numbers; else its rows are given numbers."""

    @property
    def own(self) -> Sequence[str]:
        """The fields of an edited template alone, each with a column of its own."""
        return self.kind.own if self.required is None else ()

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields that a column may hold, except the cells of groups."""
        return (*self.kind.columns, *self.own)

    @property
    def needed(self) -> tuple[str, ...]:
        """The fields for which the file, or its registrar, has to give a value."""
        return (*(self.kind.required if self.required is None else self.required), *self.own)


def fields_by_heading(
    header: Sequence[str], kind: Kind, template_columns: Collection[str] = (), chosen: Collection[str] = ()
) -> dict[int, str]:
    """The fields of those columns that have a usual heading, by index."""
    usual = {**dict(zip(template_columns, template_columns, strict=True)), **kind.headings}
    names = list(map(plain, header))
    fields = {index: usual[name] for index, name in enumerate(names) if name in usual}
    taken = {*chosen, *fields.values()}
    fields |= {
        index: kind.further_headings[name]
        for index, name in enumerate(names)
        if index not in fields and kind.further_headings.get(name) not in {None, *taken}
    }
    halves = [part for part in kind.person.parts if part not in (*chosen, *fields.values())]
    if len(halves) == 1:  # as in: Name, Vorname
        fields |= {index: halves[0] for index in fields if names[index] in kind.half_headings}
    return {**fields, **_items(names, kind, fields)} if kind.groups else fields


def _items(names: list[str], kind: Kind, taken: Container[int]) -> dict[int, str]:
    """The cells of groups that headings name: `course` or `Course 2`, in the words of the kind."""
    items: dict[int, str] = {}
    for index, name in enumerate(names):
        match = None if name in kind.item_headings else _NUMBERED(name)
        stem, digits = match.groups() if match else (name, "0")
        if index not in taken and stem in kind.item_headings:
            group, inner = kind.item_headings[stem]
            items[index] = ItemCell(group, inner, int(digits)).name
    return {index: name for index, name in items.items() if kind.item(name)}


def columns_of(header: Sequence[str], layout: Layout) -> dict[str, int]:
    """Field to the index of its column.

    Raises `UNREADABLE_FILE`, or one that is finer, such as `COLUMNS_MISSING`; `CONSTANT_HAS_COLUMN`.
    """
    columns = _chosen(header, layout)
    _add_usual(header, layout, columns)
    for field in layout.constants:
        if field in columns:
            heading = header[columns[field]]
            raise CONSTANT_HAS_COLUMN(
                f"{layout.path.name}: {field} is to be the same in all rows, and the column {heading!r} is "
                f"{field}",
                field=field,
                column=heading,
            )
    _require_all(header, layout, columns)
    _require_names(header, layout, columns)
    return {field: columns[field] for field in (*layout.fields, *columns) if field in columns}


def _chosen(header: Sequence[str], layout: Layout) -> dict[str, int]:
    """The columns that the registrar names."""
    path, kind, chosen = layout.path, layout.kind, layout.chosen
    columns: dict[str, int] = {}
    for field, heading in chosen.items():
        if field not in layout.fields and kind.item(field) is None:
            hint = f"The fields are {', '.join(layout.fields)}."
            raise UNREADABLE_FILE(f"there is no field {field!r}", hint=hint)
        if heading not in header:
            raise UNREADABLE_FILE(
                f"{path.name} has no column {heading!r}", hint=f"Its columns are {_listed(header)}."
            )
        _require_once(path, heading, header)
        columns[field] = header.index(heading)
    parts = [part for part in kind.person.parts if part in chosen]
    if layout.names != LAST_FIRST and len({chosen[part] for part in parts}) < len(parts):
        # "Anna Smith" for both would be signed as Anna Smith Anna Smith.
        heading = chosen[kind.person.given]
        raise COLUMN_MAPPED_TWICE(
            f"{path.name}: given and family name are mapped to the column {heading!r}", column=heading
        )
    return columns


def _add_usual(header: Sequence[str], layout: Layout, columns: dict[str, int]) -> None:
    """Adds the columns that have usual headings."""
    path, kind, chosen = layout.path, layout.kind, layout.chosen
    for index, field in fields_by_heading(header, kind, layout.own, chosen).items():
        is_item = layout.required is not None and kind.item(field)
        if field in chosen or index in columns.values() or is_item:
            continue
        if field in columns:
            _require_once(path, header[index], header)
            raise COLUMN_AMBIGUOUS(
                f"{path.name}: {header[columns[field]]!r} and {header[index]!r} could both be {field}",
                field=field,
            )
        columns[field] = index
    without = {*layout.needed} - columns.keys() - layout.constants.keys()
    for name, coded in kind.worded.items():
        # A column of words for a code that has no column: the code is read of it, and the word kept.
        if name in columns and name not in chosen and coded in without:
            columns[coded] = columns.pop(name)


def _require_all(header: Sequence[str], layout: Layout, columns: Mapping[str, int]) -> None:
    """Raises for a required field without a column, and for a column of numbers that must not be there."""
    path, kind, constants = layout.path, layout.kind, layout.constants
    missing = [
        field
        for field in layout.needed
        if field not in columns and field not in constants and field not in kind.groups
    ]
    if kind.person.whole in missing and (kind.person.given in columns or kind.person.given in constants):
        missing.remove(kind.person.whole)
    if not layout.has_numbers:
        if kind.number in columns:  # two ways to number a row: an empty cell would hide a mistake
            heading = header[columns[kind.number]]
            raise NUMBER_COLUMN(
                f"{path.name} has a column {heading!r} for {kind.number}, and numbers are to be given",
                column=heading,
            )
        missing = [field for field in missing if field != kind.number]
        if not missing and columns.keys().isdisjoint(kind.told_apart_by):
            raise COLUMNS_MISSING(
                f"{path.name} has no column that tells rows apart: {', '.join(kind.told_apart_by)}",
                columns=_listed(header),
                fields=" ".join(kind.told_apart_by),
            )
    if missing:
        if _given_alone(header, layout, columns):  # asked for with the others, and not once they are there
            missing.append(kind.person.family)
        template_columns = layout.own
        template = (
            f" (the template asks for {', '.join(template_columns)})"
            if set(template_columns) & set(missing)
            else ""
        )
        code = COLUMNS_MISSING if columns else HEADINGS_MISSING
        raise code(
            f"{path.name} has no column for {', '.join(missing)}{template}{_so_far(header, columns)}",
            columns=_listed(header),
            fields=" ".join(missing),
            number=kind.number if layout.required is None and kind.number in missing else None,
            shared=" ".join(_shareable(layout, missing)) or None if columns else None,
        )


def _shareable(layout: Layout, missing: Collection[str]) -> Iterator[str]:
    """The fields that all rows could share, as `require_constants` has it; nobody shares a name."""
    kind = layout.kind
    if layout.required is None:
        personal = {kind.number, *kind.attached, *kind.person.fields}
        yield from (field for field in missing if field not in personal)


def _require_names(header: Sequence[str], layout: Layout, columns: Mapping[str, int]) -> None:
    """Raises for a column that has only half of a name, where it would be signed as the whole."""
    path, person = layout.path, layout.kind.person
    if _given_alone(header, layout, columns):
        half = header[columns[person.given]]
        raise FAMILY_NAME_MISSING(f"{path.name} has no column for {person.family}", column=half)
    if layout.names == LAST_FIRST and layout.required is None:
        halves = [columns[part] for part in person.parts if part in columns]
        is_one = person.whole in columns and not halves
        if not is_one and not (len(halves) == 2 and halves[0] == halves[1]):
            raise NO_WHOLE_NAMES(f"{path.name} has no column that alone has whole names")


def _given_alone(header: Sequence[str], layout: Layout, columns: Mapping[str, int]) -> bool:
    """True if a column of given names, which nobody chose, stands where the whole name is needed."""
    person = layout.kind.person
    is_whole = {*columns, *layout.constants} & {person.whole, person.family}
    return (
        person.whole in layout.needed
        and person.given in columns
        and not is_whole
        and person.given not in layout.chosen
        and plain(header[columns[person.given]]) != person.given  # signed for good
    )


def groups_of(header: Sequence[str], layout: Layout, columns: Mapping[str, int]) -> Groups:
    """The columns of groups. Raises as `columns_of`, and `ROWS_WITHOUT_NUMBER`."""
    if layout.required is not None:
        return {}
    path, kind = layout.path, layout.kind
    groups: dict[str, dict[int, dict[str, int]]] = {}
    for name, index in columns.items():
        if item := kind.item(name):
            groups.setdefault(item.group, {}).setdefault(item.position, {})[item.field] = index
    in_rows = [group for group, positions in groups.items() if 0 in positions]
    if in_rows and kind.number not in columns:  # guessed by the other columns, twins would be one record
        name, index = next(iter(groups[in_rows[0]][0].items()))
        raise ROWS_WITHOUT_NUMBER(
            f"{path.name} has {header[index]!r} in rows, and no column for {kind.number} to say which belong "
            "together",
            column=name,
        )
    for group in in_rows:
        if len(groups[group]) > 1:  # a row would be an item and have several
            name, index = next(iter(groups[group][0].items()))
            other = next(
                header[each] for position, item in groups[group].items() if position for each in item.values()
            )
            raise COLUMN_AMBIGUOUS(
                f"{path.name}: {header[index]!r} and {other!r} could both be {name}", field=name
            )
    if len(in_rows) > 1:  # which row of one would belong to which of the other?
        raise UNREADABLE_FILE(
            f"{path.name} has {' and '.join(in_rows)} in rows, of which a file has one",
            hint="Give the others a column for each: a heading with _1, with _2 and so on.",
        )
    missing = [group for group in kind.required if group in kind.groups and group not in groups]
    missing += [
        ItemCell(group, name, position).name
        for group, positions in groups.items()
        for position, item in positions.items()
        for name, field in kind.groups[group].fields.items()
        if field.required and name not in item
    ]
    if missing:
        raise COLUMNS_MISSING(
            f"{path.name} has no column for {', '.join(missing)}{_so_far(header, columns)}",
            columns=_listed(header),
            fields=" ".join(missing),
        )
    return groups


def require_constants(
    kind: Kind,
    constants: Mapping[str, str],
    words: Mapping[str, Words],
    date_order: str,
    today: date | None = None,
) -> None:
    """Checks the cells that all rows share as those of a row. Raises `INVALID_CONSTANT`."""
    if not constants:
        return
    fields = (*kind.columns, *kind.own)
    for name, cell in constants.items():
        if name not in fields:
            raise INVALID_CONSTANT(f"there is no field {name!r}", hint=f"The fields are {', '.join(fields)}.")
        if name == kind.number:
            raise INVALID_CONSTANT(f"{name} tells credentials apart, and cannot be the same in all rows")
        if name in kind.attached:
            raise INVALID_CONSTANT(f"{name} is the digest of a file, which a column has to name")
        if not cell.strip():
            raise INVALID_CONSTANT(f"{name} is empty")
    _, wrong = check_cells(kind, constants, (), today, date_order, words=words)
    for name, reason, _ in wrong:
        raise INVALID_CONSTANT(f"{name} {reason}")


def _require_once(path: Path, heading: str, header: Sequence[str]) -> None:
    if (count := header.count(heading)) > 1:
        raise UNREADABLE_FILE(
            f"{path.name} has {count} columns {heading!r}", hint="Give each a heading of its own in the file."
        )


def _listed(headings: Sequence[str]) -> str:
    """The headings for a message: only the first ones of many."""
    named = [heading[:_LONGEST_LISTED] for heading in headings if heading]
    more = [f"… and {counted(len(named) - _MOST_LISTED, 'other')}"] if len(named) > _MOST_LISTED else []
    return ", ".join(named[:_MOST_LISTED] + more)


def _so_far(header: Sequence[str], columns: Mapping[str, int]) -> str:
    """The columns that have a field, for a message about those that are missing."""
    recognised = [f"{header[index]} ({field})" for field, index in columns.items()]
    return f"; recognised are {_listed(recognised)}" if recognised else ""
