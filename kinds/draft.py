"""A first `kind.json` from a spreadsheet, for its author to go on with."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from .cells import BadCell, read_day
from .kind import plain
from .shipped import shipped

_VOCABULARY = "urn:intaglio:vocab:"


def draft(name: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """The kind of a table: a field for each column. The first whose cells all differ is the number.

    A heading that a shipped kind knows brings that kind's field; another one gets a term of this program's
    vocabulary, which its author replaces by a published one.
    """
    fields: dict[str, dict[str, Any]] = {}
    number = ""
    for index, heading in enumerate(header):
        cells = [row[index] for row in rows if index < len(row)]
        column, field = _known(heading) or _unknown(name, heading, index, cells)
        if column in fields:  # two columns of one meaning are two facts
            column, field = _unknown(name, f"{heading} {index + 1}", index, cells)
        fields[column] = field
        if not number and len(set(cells)) == len(rows) and all(cells):
            number = column
    number = number or next(iter(fields))
    fields[number]["required"] = True
    title = name.replace("_", " ")
    person = {part: column for part, column in _PERSON.items() if column in fields}
    kind = {
        "name": name,
        "version": "1",
        "nouns": {"en": [title, f"{title}s"]},
        "title": title.capitalize(),
        "types": {f"{title.title().replace(' ', '')}Credential": f"{_VOCABULARY}{name}"},
        "number": number,
        "person": person if "name" in person or len(person.keys() & {"given", "family"}) == 2 else {},
        "sentence": {"en": [f"{{issuer}} issued a {title}", *([" to {person}"] if person else [])]},
        "fields": fields,
    }
    return json.dumps(kind, indent=2, ensure_ascii=False).encode() + b"\n"


_PERSON = {"name": "name", "given": "given_name", "family": "family_name", "email": "email"}
"""What a person is named by, and the fields of the shipped kinds for it."""


def _known(heading: str) -> tuple[str, dict[str, Any]] | None:
    for kind in (shipped("certificate"), shipped("resident")):
        if name := kind.headings.get(plain(heading)):
            field = kind.fields[name]
            members = {
                "type": field.type,
                "pattern": field.pattern,
                "refusal": field.refusal,
                "iri": field.iri,
                "headings": [heading],
                "labels": dict(field.labels),
            }
            return name, {member: value for member, value in members.items() if value}
    return None


def _unknown(kind: str, heading: str, index: int, cells: Sequence[str]) -> tuple[str, dict[str, Any]]:
    letters = re.sub("[^a-z0-9]+", "_", plain(heading)).strip("_")
    name = letters if re.match("[a-z]", letters) else f"column_{index + 1}"
    members = {"type": _type_of(cells), "iri": f"{_VOCABULARY}{kind}:{name}"}
    return name, {**members, "headings": [heading], "labels": {"en": heading}}


def _type_of(cells: Sequence[str]) -> str:
    try:
        days = [read_day(cell) for cell in cells if cell]
    except BadCell:
        return "text"
    return "date" if days else "text"
