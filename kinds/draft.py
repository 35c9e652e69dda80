"""A first `kind.json` from a spreadsheet, for its author to go on with."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from typing import Any

from wire.text import printable

from .cells import BadCell, read_day
from .kind import plain
from .parsing import RESERVED
from .shipped import shipped

_VOCABULARY = "urn:intaglio:vocab:"


def draft(name: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """The kind of a table: a field for each column. The first whose cells all differ is the number.

    A heading that a shipped kind knows brings that kind's field; another one gets a term of this program's
    vocabulary, which its author replaces by a published one.
    """
    fields: dict[str, dict[str, Any]] = {}
    number, headings = "", set[str]()
    for index, heading in enumerate(header):
        cells = [row[index] for row in rows if index < len(row)]
        if printable(heading) != heading:  # no kind may say it
            heading = plain(heading)
        if plain(heading) in headings:  # two columns of one heading are two facts
            heading = f"{heading} {index + 1}"
        column, field = _known(heading) or ("", {})
        if not column or column in fields:
            others = {*map(plain, header)} - {plain(heading)}
            column, field = _unknown(name, heading, index, cells, RESERVED | fields.keys() | others)
        headings |= {plain(heading), column}
        fields[column] = field
        if not number and field["type"] == "text" and len(set(cells)) == len(rows) and all(cells):
            number = column
    number = number or next((each for each in fields if fields[each]["type"] == "text"), next(iter(fields)))
    fields[number]["required"] = True
    dates = {
        member: next((field for field in known if fields.get(field, {}).get("type") == "date"), "")
        for member, known in _DATES.items()
    }
    bounds = [field for field in dates.values() if field]
    rules = (
        [{"before": bounds[0], "after": bounds[1], "refusal": "is not before the end"}] if bounds[1:] else []
    )
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
        **{member: field for member, field in dates.items() if field},
        **({"rules": rules} if rules else {}),
        "sentence": {"en": [f"{{issuer}} issued a {title}", *([" to {person}"] if person else [])]},
        "fields": fields,
    }
    return json.dumps(kind, indent=2, ensure_ascii=False).encode() + b"\n"


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
    return "date" if days else "text"
