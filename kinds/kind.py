"""A kind: what can be issued, read from the files of its folder.

`kind.json` describes each fact of a record once, and `tables/` has the codes. A template says where the facts
stand in the credential; where the folder has none, it follows from the facts.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from vc.anchoring import CarriedKind
from wire import jcs

from .cells import GROUP, ITEM_ID, Field, sri
from .identity import shipped_identity
from .names import PersonName
from .template import Template
from .vocabulary import Vocabulary, Words, vocabulary, words_for

REFERENCE = "urn:intaglio:kind:"
ASKS = ":policy:"
"""Stands before the digest in the reference of a kind that has a policy.

The credential itself says so: leaving the kind out of a bundle does not weaken its demands.
"""
LIST_LIFE = 365
"""Days that status lists last where neither kind nor issuer says anything else."""
SUSPENSION = "suspension"
"""The status purpose of a credential that its issuer may suspend (Bitstring Status List 2.1)."""
NEEDED = frozenset({"kind.json", "template.json"})
"""The files without which facts would be searched for in other places."""
LARGEST_CARRIED = 1 << 16
"""Bytes of the files of a kind that travel in a bundle."""
SYNONYMS = b"value,synonyms"
"""The first line of a table that only registrars need."""

SCHEMA, METADATA = "schema.json", "vct.json"
COMPILED = (SCHEMA, METADATA)
"""The files that are made of the others when a version is kept; see `compiling`."""

HASHED = re.compile("_(hash|salt)$")
"""The endings by which a template takes the salted hash of a field."""
_NOT_A_LETTER = re.compile(r"[\W_]+")

_POSITION = re.compile("[1-9][0-9]{0,2}|1000").fullmatch

Noun = tuple[str, str]
"""One, and many."""


class Rule(NamedTuple):
    """Two days of a record; the first has to come before the second."""

    before: str
    after: str
    refusal: str
    same_day: bool = False
    """True if both may be the same day."""

    def allows(self, before: str, after: str) -> bool:
        """True if the days (YYYY-MM-DD) are in order; an absent day is always in order."""
        return not before or not after or before < after or (self.same_day and before == after)


class Identifier(NamedTuple):
    """An identifier that the issuer makes: `noun`, and the first of its fields that has a value."""

    noun: str
    fields: tuple[str, ...]


class ItemCell(NamedTuple):
    """The place of a cell in a group: of the first item's course it is `course_1`."""

    group: str
    field: str
    position: int
    """From 1; 0 where the items stand in rows."""

    @property
    def name(self) -> str:
        """The name of the cell, as a column is called."""
        return f"{self.field}_{self.position}" if self.position else self.field


class CatalogueColumns(NamedTuple):
    """A table of the registrar's that rows are held against: its key, and the fields to compare."""

    key: str
    required: tuple[str, ...]
    fields: tuple[str, ...]


class KindPolicy(NamedTuple):
    """The demands of a kind on its credentials, beyond the verifier's own rules."""

    status_age: int = 0
    """Days that the status may be old; 0 where any age will do."""
    holder: bool = False
    """True if the subject itself has to present the credential."""
    check_age: tuple[str, int] | None = None
    """A date field, and the days that may have passed since."""
    resources: bool = False
    """True if every file whose digest the credential states has to be submitted with it."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Kind:
    """One sort of credential; `parsing.parse_kind` makes it from its files."""

    name: str
    version: str
    files: Mapping[str, bytes]
    """Its files, by path."""
    absent: Mapping[str, str]
    """The SHA-256, in hexadecimal, of each of its files that was not included."""
    is_named: bool
    """True if its credentials name the kind, by its digest."""
    fields: Mapping[str, Field]
    """In the order in which a mapping is shown."""
    number: str
    """The field that tells one credential from another."""
    identity: tuple[str, ...]
    """The fields that tell the rows of a file apart that has no numbers, as `kind.json` has them."""
    person: PersonName
    email: str
    """The field of the address to which a link is sent; empty, as the next, where there is none."""
    person_id: str
    """The field that two credentials of one person have in common."""
    nouns: Mapping[str, Noun]
    """The words for one of them and for many, by language."""
    sentence: Mapping[str, tuple[str, ...]]
    """Its sentence, by language, in parts: a part falls away whose fields are absent."""
    terms: Mapping[str, str]
    """The terms of its own, and their IRIs."""
    issuer_type: str
    """The type that its context has for an issuer, beside which a web address may stand."""
    rules: tuple[Rule, ...]
    identifiers: Mapping[str, Identifier]
    """Names that the template may use beside `fields`."""
    catalogue: CatalogueColumns | None
    template: Template
    policy: KindPolicy
    list_life: int
    """Days that status lists last of an issuer that is made for it; 0 where it does not say."""
    status_purposes: tuple[str, ...]
    """The purposes of the statuses of its credentials: revocation, and perhaps `SUSPENSION`."""
    forms: tuple[str, ...] = ()
    """The media types of the forms in which it may be issued; in any where it does not say."""
    doctype: str = ""
    """The type of its mdocs (ISO/IEC 18013-5); empty where no field has a place in one."""

    def with_template(self, template: Template) -> Kind:
        """This kind with an edited template; a field that only the template names is a text of its own."""
        return self if template.text == self.template.text else replace(self, template=template)

    @property
    def has_claim_paths(self) -> bool:
        """True if a field's claim in an SD-JWT VC has a path that is not the field's name."""
        return any(field.sd_jwt for field in (*self.fields.values(), *self.item_fields.values()))

    @property
    def is_suspendable(self) -> bool:
        """True if its credentials have a status entry for suspension."""
        return SUSPENSION in self.status_purposes

    @property
    def sources(self) -> dict[str, bytes]:
        """The files that its author wrote, by path."""
        return {path: data for path, data in self.files.items() if path not in COMPILED}

    @property
    def schema(self) -> bytes:
        """The JSON Schema of its credentials; empty where none was kept."""
        return self.files.get(SCHEMA, b"")

    @cached_property
    def schema_digest(self) -> str:
        """The digest by which credentials name that schema (VCDM 2.0, 5.3)."""
        return sri(hashlib.sha384(self.schema).digest())

    @cached_property
    def digest(self) -> str:
        """As `kind_digest` has it: other bytes are another kind."""
        return kind_digest(self.files, self.absent)

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """Its files as texts, by path, for a trust list."""
        return tuple((path, data.decode()) for path, data in sorted(self.files.items()))

    @cached_property
    def carried(self) -> CarriedKind | None:
        """The part that travels with its credentials; `None` where it exceeds `LARGEST_CARRIED` bytes.

        A table of values and synonyms is for registrars: only its digest is included. If the rest is too
        large, further files are left out in the same way, the largest first; facts are found without any of
        these.
        """
        needed = {path: data for path, data in self.files.items() if path in NEEDED}
        others = {
            path: data
            for path, data in self.files.items()
            if path not in NEEDED and not _is_for_registrars(path, data)
        }
        room = LARGEST_CARRIED - sum(len(path.encode()) for path in (*self.files, *self.absent))
        room -= sum(map(len, needed.values()))
        if room < 0:
            return None
        for path in sorted(others, key=lambda path: len(others[path])):
            if len(others[path]) <= room:
                needed[path] = others[path]
                room -= len(others[path])
        absent = {
            path: hashlib.sha256(data).hexdigest() for path, data in self.files.items() if path not in needed
        }
        return CarriedKind(
            tuple((path, text) for path, text in self.texts if path in needed),
            tuple(sorted({**self.absent, **absent}.items())),
        )

    @cached_property
    def reference(self) -> str | None:
        """The URN by which its credentials name it, if they do."""
        if not self.is_named:
            return None
        asks = ASKS if self.policy != KindPolicy() else ":"
        return f"{REFERENCE}{self.name}:{self.version}{asks}{self.digest}"

    @cached_property
    def own(self) -> tuple[str, ...]:
        """The fields that only the template has: each is a column of the registrar's own, and a text."""
        named = {HASHED.sub("", name) for name in self.template.fields}
        return tuple(sorted(named - self.fields.keys() - self.identifiers.keys() - {"issuer_name"}))

    @cached_property
    def hashed(self) -> tuple[str, ...]:
        """The fields of which the template takes salted hashes."""
        return tuple(sorted({HASHED.sub("", name) for name in self.template.fields if HASHED.search(name)}))

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The fields that every record needs; a given name is a name."""
        return tuple(name for name, field in self.fields.items() if field.required)

    @cached_property
    def told_apart_by(self) -> tuple[str, ...]:
        """The fields that tell rows without numbers apart.

        If `identity` is empty, these are the fields of the shipped kind, else the person's and the required
        ones. An e-mail address is not among them: a person whose address changes is still the same person.
        """
        if self.identity:
            return self.identity
        usual = shipped_identity(self.name)
        if usual and {*usual} <= {*self.columns}:
            return usual
        person = (self.person_id, self.person.whole, *self.person.parts)
        required = (name for name in self.required if name in self.columns)
        by_default = dict.fromkeys(name for name in (*person, *required) if name and name != self.number)
        return tuple(by_default)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The fields that a file may have a column for: all but those that follow from others."""
        return tuple(name for name in self.fields if name not in self.derived | self.groups.keys())

    @cached_property
    def groups(self) -> Mapping[str, Field]:
        """The fields that repeat."""
        return {name: field for name, field in self.fields.items() if field.type == GROUP}

    @cached_property
    def item_fields(self) -> Mapping[str, Field]:
        """The fields of all groups: each has a name of its own."""
        return {name: field for group in self.groups.values() for name, field in group.fields.items()}

    def with_ids(self, record: Mapping[str, Any], identifier: str) -> dict[str, Any]:
        """The ordered groups of a record, with the `id` of each item for a credential of this `id`."""
        return {
            group: [
                {**item, ITEM_ID: f"{identifier}#{group}-{position}"}
                for position, item in enumerate(record.get(group) or (), 1)
            ]
            or ""
            for group, field in self.groups.items()
            if field.is_ordered
        }

    def item(self, name: str) -> ItemCell | None:
        """The cell of a group that a name such as `course_2` means, if any; `course` is at position 0."""
        if name in self.fields:
            return None
        stem, _, digits = name.rpartition("_")
        for group, field in self.groups.items():
            if name in field.fields:
                return ItemCell(group, name, 0)
            if stem in field.fields and _POSITION(digits):
                return ItemCell(group, stem, int(digits))
        return None

    @cached_property
    def derived(self) -> frozenset[str]:
        """The fields that have no column: their values follow from the kind, or from other fields."""
        return frozenset({*self.reached, *self.constants, *self.looked_up})

    @cached_property
    def constants(self) -> Mapping[str, Any]:
        """The fields that have one value in all records, with it."""
        return {name: field.constant for name, field in self.fields.items() if field.constant != ""}

    @cached_property
    def looked_up(self) -> Mapping[str, tuple[str, Mapping[str, Any]]]:
        """The fields that follow from a code; see `Field.looked_up`."""
        return {name: field.looked_up for name, field in self.fields.items() if field.looked_up}

    @cached_property
    def attached(self) -> tuple[str, ...]:
        """The fields whose column names files; the value is the digest of one."""
        return tuple(name for name, field in self.fields.items() if field.is_attached)

    @cached_property
    def worded(self) -> Mapping[str, str]:
        """The fields that keep the word for a code, and its field."""
        return {name: field.worded for name, field in self.fields.items() if field.worded}

    @cached_property
    def reached(self) -> Mapping[str, tuple[str, int]]:
        """The fields that follow from a day; see `Field.reached`."""
        return {name: field.reached for name, field in self.fields.items() if field.reached}

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
            plain(heading): name for name in self.columns for heading in (name, *self.fields[name].headings)
        }

    @cached_property
    def further_headings(self) -> Mapping[str, str]:
        """Labels, and headings in other languages, as `plain` gives them, to the field that each names.

        They come second: a column that matches one of `headings` gets that field in any case. A text that
        could name two fields names none.
        """
        return _of_one_field(
            (heading, name)
            for name in self.columns
            for heading in (
                *self.fields[name].labels.values(),
                *_vocabulary(self.fields[name]).headings,
            )
            if plain(heading) not in self.headings
        )

    @cached_property
    def item_headings(self) -> Mapping[str, tuple[str, str]]:
        """The usual headings of fields in groups, as `plain` gives them, to group and field.

        A label counts as a heading if no other field has it.
        """
        fields = [(group, each) for group, of in self.groups.items() for each in of.fields.values()]
        usual = {
            plain(heading): (group, field.name)
            for group, field in fields
            for heading in (field.name, *field.headings)
        }
        labels = _of_one_field((label, field.name) for _, field in fields for label in field.labels.values())
        groups = {field.name: group for group, field in fields}
        taken = {*self.headings, *self.further_headings}
        further = {label: (groups[name], name) for label, name in labels.items() if label not in taken}
        return {**further, **usual}

    @cached_property
    def words(self) -> Mapping[str, Words]:
        """The usual words for the codes of its fields, beside those of its tables."""
        fields = {**self.item_fields, **self.fields}
        return {
            name: words
            for name, field in fields.items()
            if field.codes and (words := words_for({*field.codes.values()}, _vocabulary(field).words)).usual
        }

    @cached_property
    def half_headings(self) -> frozenset[str]:
        """Headings of a whole name that mean one half beside the other, as `plain` gives them."""
        further = _vocabulary(self.fields[self.person.whole]).half_headings if self.person.whole else ()
        return frozenset(map(plain, (*self.person.half_headings, *further)))

    @cached_property
    def sample(self) -> Mapping[str, Any]:
        """A record with a value in each field, to try a template with."""
        return {name: field.sample for name, field in self.fields.items()}

    def listed(self, record: Mapping[str, Any]) -> tuple[str, str, str]:
        """The columns of the index for a record: number, the person's name, e-mail address."""
        return record[self.number], self.person.full(record), record.get(self.email, "")


def kind_digest(files: Mapping[str, bytes], absent: Mapping[str, str] = MappingProxyType({})) -> str:
    """SHA-256 over the names and digests of a kind's files, in hexadecimal; of `absent` ones by digest."""
    manifest = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    return hashlib.sha256(jcs.canonicalize({**absent, **manifest})).hexdigest()


def _vocabulary(field: Field) -> Vocabulary:
    return vocabulary(field.name, field.labels)


def _of_one_field(headings: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headings that name one field alone."""
    owners: dict[str, set[str]] = {}
    for heading, name in headings:
        owners.setdefault(plain(heading), set()).add(name)
    return {heading: names.pop() for heading, names in owners.items() if len(names) == 1}


def _is_for_registrars(path: str, data: bytes) -> bool:
    return path.startswith("tables/") and data.partition(b"\n")[0].rstrip(b"\r") == SYNONYMS


def plain(heading: str) -> str:
    """A heading without case and accents, which some keyboards lack, and with `_` for other characters."""
    letters = unicodedata.normalize("NFKD", heading.casefold())
    without = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return _NOT_A_LETTER.sub("_", without).strip("_")
