"""A kind: what can be issued, read from the files of its folder.

`kind.json` describes each fact of a record once, `template.json` says where it stands in the credential, and
`tables/` has the codes. Nobody else knows what a diploma is.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any, NamedTuple

from wire.problem import Malformed
from wire.strict import load_json_object

from .cells import TYPES, Field, fold
from .names import PersonName
from .pattern import matcher
from .problem import INVALID_KIND
from .template import Template

LARGEST = 1 << 16  # bytes of `kind.json`
MOST_FIELDS = 1000
SHIPPED = ("diploma",)
"""The kinds that come with the program."""

_HASHED = re.compile("_(hash|salt)$")
_NOT_A_LETTER = re.compile(r"[\W_]+")
_NAME = re.compile("[a-z][a-z0-9_]*")

Noun = tuple[str, str]
"""One, and many."""


class Rule(NamedTuple):
    """Two days of a record, of which one has to come first."""

    before: str
    after: str
    refusal: str


class Identifier(NamedTuple):
    """An identifier that the issuer makes: `noun`, and the first of its fields that has a value."""

    noun: str
    fields: tuple[str, ...]


class CatalogueColumns(NamedTuple):
    """A table of the registrar's that rows are held against: its key, and the fields to compare."""

    key: str
    required: tuple[str, ...]
    fields: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Kind:
    """What can be issued; see `Kind.parse`."""

    name: str
    fields: Mapping[str, Field]
    """In the order in which a mapping is shown."""
    number: str
    """The field by which one credential is told from another."""
    person: PersonName
    email: str
    """The field of the address to which a link is sent."""
    person_id: str
    """The field that two credentials of one person have in common."""
    title: str
    """The field that people call it by."""
    nouns: Mapping[str, Noun]
    """What one of them and many are called, by language."""
    rules: tuple[Rule, ...]
    identifiers: Mapping[str, Identifier]
    """What the template may name beside `fields`."""
    catalogue: CatalogueColumns | None
    template: Template

    @classmethod
    def parse(cls, text: bytes, template: Template, tables: Mapping[str, bytes]) -> Kind:
        """Reads a kind from its files. Raises `INVALID_KIND`, which names the member that is wrong."""
        if len(text) > LARGEST:
            raise INVALID_KIND(f"kind.json has over {LARGEST} bytes")
        try:
            members = load_json_object(text)
        except Malformed as problem:
            raise INVALID_KIND(f"kind.json: {problem.detail}", because=problem) from problem
        top = _members(members, "kind.json", _KIND)
        if len(top["fields"]) > MOST_FIELDS:
            raise INVALID_KIND(f"kind.json: over {MOST_FIELDS} fields")
        fields = {name: _field(name, item, tables) for name, item in top["fields"].items()}
        person = _members(top["person"], "person", _PERSON)
        kind = cls(
            top["name"],
            fields,
            top["number"],
            PersonName(
                person["name"],
                person["given"],
                person["family"],
                person["language"],
                _texts(person["half_headings"], "person.half_headings"),
            ),
            person["email"],
            person["id"],
            top["title"],
            {language: _noun(item, language) for language, item in top["nouns"].items()},
            tuple(Rule(**_members(rule, "rules", _RULE)) for rule in top["rules"]),
            {name: _identifier(name, item) for name, item in top["identifiers"].items()},
            (top["catalogue"] and _catalogue(top["catalogue"])) or None,
            template,
        )
        kind._require_known_fields()
        return kind

    def with_template(self, template: Template) -> Kind:
        """The kind that an edited template makes of this one: what only that names is a text of its own."""
        return self if template.text == self.template.text else replace(self, template=template)

    @cached_property
    def own(self) -> tuple[str, ...]:
        """The fields that only the template has: each is a column of the registrar's own, and a text."""
        named = {_HASHED.sub("", name) for name in self.template.fields}
        return tuple(sorted(named - self.fields.keys() - self.identifiers.keys() - {"issuer_name"}))

    @cached_property
    def hashed(self) -> tuple[str, ...]:
        """The fields of which the template takes salted hashes."""
        return tuple(sorted({_HASHED.sub("", name) for name in self.template.fields if _HASHED.search(name)}))

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The fields that no record can do without; a given name is a name."""
        return tuple(name for name, field in self.fields.items() if field.required)

    @cached_property
    def dates(self) -> tuple[str, ...]:
        """The fields whose value is a day, YYYY-MM-DD however the cell is written."""
        return tuple(name for name, field in self.fields.items() if field.type == "date")

    @cached_property
    def worded(self) -> Mapping[str, str]:
        """The fields that keep the word for a code, and its field."""
        return {name: field.worded for name, field in self.fields.items() if field.worded}

    @cached_property
    def years_ahead(self) -> Mapping[str, int]:
        """The fields whose day may be so many years ahead and no more."""
        return {
            name: field.years_ahead for name, field in self.fields.items() if field.years_ahead is not None
        }

    @cached_property
    def headings(self) -> Mapping[str, str]:
        """The usual headings, as `plain` gives them, to the field that each names."""
        return dict.fromkeys(self.half_headings, self.person.whole) | {
            plain(heading): name for name, field in self.fields.items() for heading in (name, *field.headings)
        }

    @cached_property
    def half_headings(self) -> frozenset[str]:
        """Those of a whole name that beside one half of it mean the other, as `plain` gives them."""
        return frozenset(map(plain, self.person.half_headings))

    @property
    def sample(self) -> dict[str, Any]:
        """A record with a value in each field, to try a template with."""
        return {name: field.sample for name, field in self.fields.items()}

    def listed(self, record: Mapping[str, Any]) -> tuple[str, str, str]:
        """What the index keeps of a record: number, the person's name, e-mail address."""
        return record[self.number], self.person.full(record), record[self.email]

    def _require_known_fields(self) -> None:
        """A member that names a field which is not there would be passed over in silence."""
        person = self.person
        named = [self.number, self.title, self.email, self.person_id, *person.fields, person.language]
        named += [name for rule in self.rules for name in (rule.before, rule.after)]
        named += [name for identifier in self.identifiers.values() for name in identifier.fields]
        named += self.worded.values()
        if catalogue := self.catalogue:
            named += [catalogue.key, *catalogue.required, *catalogue.fields]
        for name in named:
            if name not in self.fields:
                raise INVALID_KIND(f"kind.json names {name!r}, and has no such field")


@lru_cache(maxsize=8)
def shipped(name: str = "diploma") -> Kind:
    """A kind that comes with the program, one of `SHIPPED`."""
    folder = resources.files(__package__).joinpath(name)
    tables = folder.joinpath("tables")
    return Kind.parse(
        folder.joinpath("kind.json").read_bytes(),
        Template(folder.joinpath("template.json").read_bytes()),
        {item.name.removesuffix(".csv"): item.read_bytes() for item in tables.iterdir()},
    )


def plain(heading: str) -> str:
    """A heading without case and accents, which some keyboards lack, and `_` for what is no letter."""
    letters = unicodedata.normalize("NFKD", heading.casefold())
    without = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return _NOT_A_LETTER.sub("_", without).strip("_")


_KIND: Mapping[str, Any] = {
    **dict.fromkeys(("name", "number", "title"), str),
    **dict.fromkeys(("fields", "person", "nouns"), dict),
    "rules": [],
    "identifiers": {},
    "catalogue": {},
}
_PERSON: Mapping[str, Any] = {
    **dict.fromkeys(("name", "given", "family", "language", "email", "id"), str),
    "half_headings": [],
}
_RULE: Mapping[str, Any] = dict.fromkeys(Rule._fields, str)
_CATALOGUE: Mapping[str, Any] = {"key": str, "required": list, "fields": list}
_IDENTIFIER: Mapping[str, Any] = {"noun": str, "fields": list}
_FIELD: Mapping[str, Any] = {
    "type": str,
    "required": False,
    **dict.fromkeys(("pattern", "refusal", "table", "earliest", "worded"), ""),
    "years_ahead": 0,
    "headings": [],
    "labels": {},
}
"""The members of each object: the type of one that has to be there, else the value of one left out."""


def _members(item: object, place: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """All members of an object. Raises `INVALID_KIND` where one is missing, unknown, or of another type."""
    if not isinstance(item, dict):
        raise INVALID_KIND(f"kind.json, {place}: an object is expected")
    if unknown := sorted(item.keys() - asked.keys()):
        raise INVALID_KIND(f"kind.json, {place}: there is no member {unknown[0]!r}")
    members = {}
    for name, default in asked.items():
        type_ = default if isinstance(default, type) else type(default)
        value = item.get(name, default)
        if type(value) is not type_:
            raise INVALID_KIND(f"kind.json, {place}: {name!r} is missing or of another type")
        members[name] = value
    return members


def _field(name: str, item: object, tables: Mapping[str, bytes]) -> Field:
    place = f"fields.{name}"
    members = _members(item, place, _FIELD)
    if not _NAME.fullmatch(name) or members["type"] not in TYPES:
        raise INVALID_KIND(f"kind.json, {place}: a name or a type that there is not")
    if members["pattern"]:
        try:
            matcher(members["pattern"])
        except Malformed as problem:
            raise INVALID_KIND(f"kind.json, {place}: {problem.detail}", because=problem) from problem
    table = members.pop("table")
    if table and table not in tables:
        raise INVALID_KIND(f"kind.json, {place}: there is no table {table!r}")
    members["codes"] = _codes(tables[table], table) if table else {}
    members["years_ahead"] = members["years_ahead"] or None
    members["headings"] = _texts(members["headings"], f"{place}.headings")
    _texts(list(members["labels"].values()), f"{place}.labels")
    return Field(name, **members)


def _codes(table: bytes, name: str) -> Mapping[str, str]:
    """The codes of a table, by what people write for each: columns `value`, and `synonyms` between blanks."""
    codes: dict[str, str] = {}
    rows = csv.reader(io.StringIO(table.decode(errors="replace"), newline=""))
    for number, row in enumerate(rows, 1):
        if len(row) != 2 or (number == 1 and row != ["value", "synonyms"]):
            raise INVALID_KIND(f"tables/{name}.csv, row {number}: the columns are value and synonyms")
        if number > 1:
            codes |= dict.fromkeys(map(fold, (row[0], *row[1].split())), row[0])
    if not codes:
        raise INVALID_KIND(f"tables/{name}.csv has no codes")
    return codes


def _identifier(name: str, item: object) -> Identifier:
    members = _members(item, f"identifiers.{name}", _IDENTIFIER)
    return Identifier(members["noun"], _texts(members["fields"], f"identifiers.{name}.fields"))


def _catalogue(item: object) -> CatalogueColumns:
    members = _members(item, "catalogue", _CATALOGUE)
    return CatalogueColumns(
        members["key"],
        _texts(members["required"], "catalogue.required"),
        _texts(members["fields"], "catalogue.fields"),
    )


def _noun(item: object, language: str) -> Noun:
    one, many = _texts(item if isinstance(item, list) and len(item) == 2 else [0, 0], f"nouns.{language}")
    return one, many


def _texts(items: Sequence[object], place: str) -> tuple[str, ...]:
    texts = tuple(item for item in items if isinstance(item, str))
    if len(texts) != len(items):
        raise INVALID_KIND(f"kind.json, {place}: texts are expected")
    return texts
