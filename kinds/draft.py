"""A first `kind.json` from a spreadsheet or a configuration, for its author to go on with."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from wire.text import printable

from .days import read_day
from .kind import Kind, plain
from .parsing import RESERVED, parse_kind
from .problem import BadCell
from .shipped import shipped

_VOCABULARY = "urn:intaglio:vocab:"


class Column(NamedTuple):
    """The source that a field is drafted from: a column of a table, or a claim of a configuration."""

    heading: str
    cells: Sequence[str] = ()
    labels: Mapping[str, str] = {}
    """Its name for people, by language; the heading where there is none."""
    is_required: bool = False


class Outline(NamedTuple):
    """The facts of a kind before it is drafted."""

    columns: Sequence[Column]
    titles: Mapping[str, str] = {}
    """The name of its credentials, by language."""
    type_name: str = ""


def table_outline(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Outline:
    """The outline of a table."""
    return Outline(
        [
            Column(heading, [row[index] if index < len(row) else "" for row in rows])
            for index, heading in enumerate(header)
        ]
    )


def draft(name: str, outline: Outline) -> bytes:
    """The kind of an outline: a field for each column.

    A heading that a shipped kind knows brings that kind's field. Any other heading gets a term of this
    program's vocabulary, for the author to replace with a published one.
    """
    fields: dict[str, dict[str, Any]] = {}
    headings = set[str]()
    for index, column in enumerate(outline.columns):
        heading = column.heading
        if printable(heading) != heading:  # no kind may say it
            heading = plain(heading)
        if plain(heading) in headings:  # two columns of one heading are two facts
            numbered = (f"{heading} {number}" for number in itertools.count(index + 1))
            heading = next(each for each in numbered if plain(each) not in headings)
        field_name, field = _known(heading) or ("", {})
        if not field_name or field_name in fields:
            others = {plain(each.heading) for each in outline.columns} - {plain(heading)}
            taken = RESERVED | fields.keys() | others
            field_name, field = _unknown(name, heading, index, column.cells, taken)
        headings |= {plain(heading), field_name}
        labels = {language: label for language, label in column.labels.items() if printable(label) == label}
        field["labels"] = {**field["labels"], **labels}
        fields[field_name] = field | ({"required": True} if column.is_required else {})
    number = _number(fields, outline.columns)
    if not number:
        number = _NUMBERS[0]
        fields = {number: {"type": "text", "iri": f"{_VOCABULARY}{name}:{number}"}, **fields}
    fields[number]["required"] = True
    dates = {
        member: next((field for field in columns if fields.get(field, {}).get("type") == "date"), "")
        for member, columns in _DATES.items()
    }
    ends = [field for field in dates.values() if field]
    title = outline.titles.get("en") or name.replace("_", " ")
    person = {part: column for part, column in _PERSON.items() if column in fields}
    type_name = outline.type_name or f"{name.replace('_', ' ').title().replace(' ', '')}Credential"
    kind = {
        "name": name,
        "version": "1",
        "nouns": {language: [each, each] for language, each in outline.titles.items()}
        | {"en": [title, f"{title}s"]},
        "title": title[:1].upper() + title[1:],
        "types": {type_name: f"{_VOCABULARY}{name}"},
        "number": number,
        "person": person if "name" in person or len(person.keys() & {"given", "family"}) == 2 else {},
        **{member: field for member, field in dates.items() if field},
        "rules": [dict(zip(("before", "after"), ends, strict=True)) | {"refusal": _TOO_LATE}]
        if ends[1:]
        else [],
        "sentence": {"en": [f"{{issuer}} issued a {title}", *([" to {person}"] if person else [])]},
        "fields": fields,
    }
    return json.dumps(kind, indent=2, ensure_ascii=False).encode() + b"\n"


def renamed(kind: Kind, name: str) -> Kind:
    """A copy of another kind's files, as the first version under a name of its own.

    Raises `INVALID_KIND` for a name that no kind can have.
    """
    document = json.loads(kind.files["kind.json"]) | {"name": name, "version": "1", "named": True}
    if kind.told_apart_by:  # which goes by the name of a kind that ships
        document["identity"] = [*kind.told_apart_by]
    text = json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
    return parse_kind({**kind.sources, "kind.json": text})


def _number(fields: Mapping[str, Mapping[str, Any]], columns: Sequence[Column]) -> str:
    """The field that tells credentials apart: the first text whose cells all differ, else the first text.

    Without cells, it is a field that is always present and called a number; empty if there is none.
    """
    # A field without a term, such as the language to write to, is in no credential, and tells none apart.
    stated = [name for name, field in fields.items() if "iri" in field]
    texts = [name for name in stated if fields[name]["type"] == "text"]
    cells = {name: column.cells for name, column in zip(fields, columns, strict=True)}
    if any(cells.values()):
        distinct = (each for each in texts if len({*cells[each]}) == len(cells[each]) and all(cells[each]))
        return next(distinct, next(iter(texts or stated), ""))
    return next(
        (each for each in texts if fields[each].get("required") and each.rpartition("_")[2] in _NUMBERS), ""
    )


_TOO_LATE = "is not before the day until which it is valid"
_NUMBERS = ("number", "no", "nr", "id", "identifier", "reference")
"""Last words in the names of fields that tell credentials apart."""
_PERSON = {"name": "name", "given": "given_name", "family": "family_name", "email": "email"}
"""The members of `person`, and the fields of the shipped kinds for them."""
_DATES = {"valid_from": ("issued_on", "issuance_date"), "valid_until": ("valid_until", "expiry_date")}
"""The bounds of a credential's life, and the fields of the shipped kinds for them: it is to have an end."""


def _known(heading: str) -> tuple[str, dict[str, Any]] | None:
    for kind in (shipped("certificate"), shipped("resident")):
        if name := kind.headings.get(plain(heading)):
            field = kind.fields[name]
            # A table is a file of its own, which a draft does not have: its codes are texts.
            members = {
                "type": "text" if field.codes else field.type,
                "pattern": field.pattern,
                "refusal": "" if field.codes else field.refusal,
                "personal": field.personal,
                "iri": field.iri,
                "headings": [heading],
                "labels": dict(field.labels),
            }
            return name, {member: value for member, value in members.items() if value}
    return None


def _unknown(
    kind: str, heading: str, index: int, cells: Sequence[str], taken: Collection[str]
) -> tuple[str, dict[str, Any]]:
    letters = re.sub("[^a-z0-9]+", "_", plain(heading)).strip("_")
    name = letters if re.match("[a-z]", letters) else f"column_{index + 1}"
    while name in taken:
        name = f"{name}_{index + 1}"
    members = {"type": _type_of(cells), "iri": f"{_VOCABULARY}{kind}:{name}"}
    return name, {**members, "headings": [heading], "labels": {"en": heading}}


def _type_of(cells: Sequence[str]) -> str:
    try:
        days = [read_day(cell) for cell in cells if cell]
    except BadCell:
        return "text"
    # Eight digits are more often a number: only a person can say that a column has days.
    return "date" if days and not any(cell.isdecimal() for cell in cells) else "text"
