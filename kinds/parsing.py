"""Reading a kind's files: what they may say, each refusal with its place.

Raises `INVALID_KIND` throughout. What is not known here is refused: a member in a misspelt name would be
passed over in silence, for as long as credentials of the kind last.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from wire.problem import Malformed
from wire.strict import load_json_object
from wire.text import printable, shortened
from wire.work import BYTES_FOLDED, BYTES_WRITTEN, FIELD_READ, Work

from .cells import TYPES, Field, fold
from .kind import LIST_LIFE, NEEDED, CatalogueColumns, Identifier, Kind, KindPolicy, Noun, Rule, plain
from .names import PersonName
from .pattern import instructions
from .problem import INVALID_KIND
from .template import PLACEHOLDER, Template

LARGEST = 1 << 16  # bytes of `kind.json`
LARGEST_FILES = 1 << 18  # characters of all files
MOST_FIELDS = 1000
MOST_FILES = 100
MOST_INSTRUCTIONS = 1 << 16
"""Of all patterns, compiled: 1,000 dear ones would take whoever reads a credential a minute."""
LONGEST_AGE = 36_500  # days
LONGEST_SENTENCE = 400  # characters: it is held against each name of a trust list

SPOKEN = ("issuer", "person")
"""Names in a sentence beside the fields: the issuer as the trust list has it, the person's name in order."""
_TAKEN = frozenset({"id", "type"})
"""Members of a subject that no fact may be: its id is the holder's."""
RESERVED = frozenset((*SPOKEN, "issuer_name", *_TAKEN))
"""Names that no field may have."""

_NAME = re.compile("[a-z][a-z0-9_]*")
_FILE = re.compile(  # a backup has no others
    r"(?:kind|template|schema|vct)\.json|tables/[A-Za-z0-9_-]{1,100}\.csv"
)
_VERSION = re.compile("[0-9]{1,6}")
_IRI = re.compile(r"[a-z][a-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_CONTEXT = "https://www.w3.org/ns/credentials/v2"
_SCHEMA = "https://schema.org/"
_BY_CONTEXT = {"name": f"{_SCHEMA}name", "description": f"{_SCHEMA}description"}
"""The terms of VCDM 2.0's context that a kind may use; it protects them against others of their name."""
_TEXTS = ("text", "code")
"""The types of a field that tells credentials apart, or names people."""
_XSD = "http://www.w3.org/2001/XMLSchema#"
_DATATYPES = {"date": f"{_XSD}date", "moment": f"{_XSD}dateTime", "url": "@id"}

_KIND: Mapping[str, Any] = {
    **dict.fromkeys(("name", "version", "number"), str),
    **dict.fromkeys(("fields", "nouns"), dict),
    "named": True,
    "person": {},
    "sentence": {},
    "types": {},
    "subject_types": {},
    "title": "",
    "issuer_type": "",
    "valid_from": "",
    "valid_until": "",
    "rules": [],
    "identifiers": {},
    "catalogue": {},
    "policy": {},
    "list_life": 0,
}
_PERSON: Mapping[str, Any] = {
    **dict.fromkeys(("name", "given", "family", "language", "email", "id"), ""),
    "half_headings": [],
}
_RULE: Mapping[str, Any] = {**dict.fromkeys(("before", "after", "refusal"), str), "same_day": False}
_CATALOGUE: Mapping[str, Any] = {"key": str, "required": list, "fields": list}
_IDENTIFIER: Mapping[str, Any] = {"noun": str, "fields": list}
_REACHED: Mapping[str, Any] = {"day": str, "years": int}
_POLICY: Mapping[str, Any] = {"status_age": 0, "holder": False, "check_age": {}, "resources": False}
_CHECK_AGE: Mapping[str, Any] = {"field": str, "days": int}
_FIELD: Mapping[str, Any] = {
    "type": str,
    "required": False,
    "personal": False,
    **dict.fromkeys(("pattern", "refusal", "table", "earliest", "worded", "iri"), ""),
    "years_ahead": -1,
    "reached": {},
    "headings": [],
    "labels": {},
}
"""The members of each object: the type of one that has to be there, else the value of one left out."""


def parse_kind(
    files: Mapping[str, bytes],
    absent: Mapping[str, str] = MappingProxyType({}),
    work: Work | None = None,
    *,
    is_tested: bool = False,
) -> Kind:
    """The kind of these files: `kind.json`, perhaps `template.json`, and `tables/NAME.csv`.

    What was compiled of them is kept beside them as it is, and not read here.
    Of a kind that came with a credential, tables may be `absent`: their SHA-256, in hexadecimal, is known by
    path. `work` is what it may cost to read a kind from elsewhere, of which nothing is remembered.
    `is_tested` is for files that ship: the tests read each with all refusals, so a start need not.

    Raises `INVALID_KIND`, `InvalidTemplate`, and `TooLarge` where it costs more than is left of `work`.
    """
    if not is_tested:
        _require_files({**dict.fromkeys(absent, b""), **files})
    if needed := sorted(NEEDED & absent.keys() - files.keys()):
        raise INVALID_KIND(f"{needed[0]} did not come along")  # without it facts would stand elsewhere
    text = files.get("kind.json", b"")
    if work is not None:
        tables_size = sum(len(data) for path, data in files.items() if "/" in path)
        work.spend(sum(map(len, files.values())) // BYTES_WRITTEN + tables_size // BYTES_FOLDED)
    if len(text) > LARGEST:
        raise INVALID_KIND(f"kind.json has over {LARGEST} bytes")
    try:
        document = load_json_object(text)
        if not is_tested:
            _require_shown(document, "kind.json")
        members = _members(document, "", _KIND)
    except Malformed as problem:
        raise (
            problem
            if problem.code == INVALID_KIND.code
            else INVALID_KIND(f"kind.json: {problem.detail}", because=problem)
        ) from problem
    if not _NAME.fullmatch(members["name"]) or not _VERSION.fullmatch(members["version"]):
        raise INVALID_KIND("kind.json: the name is in small letters, the version a number")
    if len(members["fields"]) > MOST_FIELDS:
        raise INVALID_KIND(f"kind.json: over {MOST_FIELDS} fields")
    tables = {path[7:-4]: _codes(data, path[7:-4]) for path, data in files.items() if "/" in path}
    tables |= {path[7:-4]: {} for path in absent if "/" in path}
    if work is not None:
        work.spend(FIELD_READ * len(members["fields"]))
    fields = {name: _field(name, item, tables) for name, item in members["fields"].items()}
    if not is_tested:
        _require_short_patterns(fields, work)
    asked = {item["table"] for item in members["fields"].values() if "table" in item}
    if unasked := sorted(tables.keys() - asked):  # whoever made the folder could have linked any file there
        raise INVALID_KIND(f"tables/{unasked[0]}.csv: no field names it")
    person = _members(members["person"], "person", _PERSON)
    types = _terms(members["types"], "types") | _terms(members["subject_types"], "subject_types")
    if taken := sorted(types.keys() & fields.keys()):
        raise INVALID_KIND(f"kind.json, fields.{taken[0]}: the name stands for a type")
    terms = types | {name: field.iri for name, field in fields.items() if field.iri}
    written = files.get("template.json")
    kind = Kind(
        name=members["name"],
        version=members["version"],
        files=files,
        absent=dict(absent),
        is_named=members["named"],
        fields=fields,
        number=members["number"],
        person=PersonName(
            person["name"],
            person["given"],
            person["family"],
            person["language"],
            _texts(person["half_headings"], "person.half_headings"),
        ),
        email=person["email"],
        person_id=person["id"],
        nouns={language: _noun(item, language) for language, item in members["nouns"].items()},
        sentence={
            language: _texts(parts, f"sentence.{language}") for language, parts in members["sentence"].items()
        },
        terms=terms,
        issuer_type=members["issuer_type"],
        rules=tuple(Rule(**_members(rule, "rules", _RULE)) for rule in members["rules"]),
        identifiers={name: _identifier(name, item) for name, item in members["identifiers"].items()},
        catalogue=_catalogue(members["catalogue"]) if members["catalogue"] else None,
        template=Template(_template(members, fields) if written is None else written),
        policy=_policy(members["policy"], members["list_life"] or LIST_LIFE),
        list_life=members["list_life"],
    )
    if is_tested:
        return kind
    if not 0 <= kind.list_life <= LONGEST_AGE:
        raise INVALID_KIND("kind.json: 'list_life' is a number of days")
    _require_fields(kind)
    _require_policy(kind)
    _require_types(kind)
    _require_days(kind, members["valid_from"], members["valid_until"])
    return kind


def _require_files(files: Mapping[str, bytes]) -> None:
    """A trust list has them as texts: what cannot stand there would be issued, and speak to nobody."""
    length = 0
    if len(files) > MOST_FILES:
        raise INVALID_KIND(f"a kind has at most {MOST_FILES} files")
    for path, data in files.items():
        if not _FILE.fullmatch(path):
            raise INVALID_KIND(f"a kind has no file {shortened(path)}")
        try:
            length += len(data.decode())
        except UnicodeDecodeError as error:
            raise INVALID_KIND(f"{path} is not in UTF-8") from error
    if length > LARGEST_FILES:
        raise INVALID_KIND(f"the files of the kind have over {LARGEST_FILES} characters")


def _require_shown(value: object, place: str) -> None:
    """Refuses line breaks, escapes and direction characters: a sentence could forge a verdict with them."""
    if isinstance(value, str) and printable(value) != value:
        raise INVALID_KIND(f"{place}: {shortened(value)} has a character that nobody sees")
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        if isinstance(name, str):
            _require_shown(name, place)
        _require_shown(item, place)


def _require_fields(kind: Kind) -> None:
    """Refuses names that are no fields: a rule about one of these would hold of nothing."""
    person = kind.person
    _require_own_places(kind)
    named = [*person.fields, *filter(None, (kind.email, kind.person_id, person.language)), kind.number]
    named += [name for rule in kind.rules for name in (rule.before, rule.after)]
    named += [name for identifier in kind.identifiers.values() for name in identifier.fields]
    named += [*kind.worded.values(), *(day for day, _ in kind.reached.values())]
    if catalogue := kind.catalogue:
        named += [catalogue.key, *catalogue.required, *catalogue.fields]
    named += [
        name
        for parts in kind.sentence.values()
        for part in parts
        for name in PLACEHOLDER.findall(part)
        if name not in SPOKEN
    ]
    if "template.json" not in kind.files:  # else what only the template names is a column of its own
        named += kind.template.fields
    for name in named:
        if name not in kind.fields:
            raise INVALID_KIND(f"kind.json names {name!r}, and has no such field")
    for rule in kind.rules:
        if rule.before == rule.after:  # no day comes before itself: each row would be refused
            raise INVALID_KIND(f"kind.json, rules: {rule.before} cannot come before itself")
    for name, code in kind.worded.items():
        if code in kind.worded:  # a loop of two would wait for each other's word
            raise INVALID_KIND(f"kind.json, fields.{name}: {code} keeps the word of another field itself")
    if "en" not in kind.nouns:
        raise INVALID_KIND("kind.json, nouns: what it is called in English is missing")
    if not kind.fields[kind.number].required:
        raise INVALID_KIND(f"kind.json: {kind.number} tells credentials apart, and is not required")
    for language, parts in kind.sentence.items():
        if any(set("{}") & set(PLACEHOLDER.sub("", part)) for part in parts):
            raise INVALID_KIND(f"kind.json, sentence.{language}: a brace that is not part of a {{field}}")
        # With every field absent there is still something to say, and whose word it is.
        if not any(set(PLACEHOLDER.findall(part)) == {"issuer"} for part in parts):
            raise INVALID_KIND(f"kind.json, sentence.{language}: one part has {{issuer}}, and needs no field")
        if sum(map(len, parts)) > LONGEST_SENTENCE:
            raise INVALID_KIND(f"kind.json, sentence.{language}: over {LONGEST_SENTENCE} characters")


def _require_types(kind: Kind) -> None:
    """Refuses fields of a type other than they are used as: days are compared as texts, numbers are not."""
    person, fields = kind.person, kind.fields
    texts = [kind.number, *person.fields, *filter(None, (person.language, kind.email, kind.person_id))]
    days = [name for rule in kind.rules for name in (rule.before, rule.after)]
    days += [*kind.years_ahead, *(name for name, field in fields.items() if field.earliest)]
    days += [day for day, _ in kind.reached.values()]
    uses: tuple[tuple[tuple[str, ...], list[str]], ...] = (
        (_TEXTS, texts),
        (("date",), days),
        (("boolean",), list(kind.reached)),
        (("code",), list(kind.worded.values())),
    )
    for types, names in uses:
        for name in names:
            if fields[name].type not in types:
                raise INVALID_KIND(f"kind.json: {name} is used as a {types[0]}, and is none")
    for name in kind.reached:
        if fields[name].required:  # a file has no column for it
            raise INVALID_KIND(f"kind.json: {name} follows from a day, and cannot be required")


def _require_days(kind: Kind, *ends: str) -> None:
    """Refuses ends of a credential's life that are no days of the record, or in no order."""
    for name in ends:
        if name and (name not in kind.fields or kind.fields[name].type != "date"):
            raise INVALID_KIND(f"kind.json: it is valid from or until {name!r}, which is no date")
    # A row that ended before it began would be found when it is signed, and stop all others.
    if all(ends) and ends not in {(rule.before, rule.after) for rule in kind.rules}:
        raise INVALID_KIND(f"kind.json, rules: {ends[0]} has to come before {ends[1]}")


def _require_own_places(kind: Kind) -> None:
    """Two fields in one place, or with one heading, would be told apart by nobody."""
    for what, values in (
        ("IRI", [(iri, name) for name, iri in kind.terms.items()]),
        (
            "heading",
            [
                (plain(heading), name)
                for name in kind.columns
                for heading in (name, *kind.fields[name].headings)
            ],
        ),
    ):
        owners: dict[str, str] = {}
        for value, name in values:
            if owners.setdefault(value, name) != name:
                raise INVALID_KIND(f"kind.json: {owners[value]} and {name} have the same {what}")
    # A template of its own puts the facts elsewhere than under the subject, by whatever names.
    reserved = {*kind.identifiers, *RESERVED} - (_TAKEN if "template.json" in kind.files else set())
    if taken := sorted(kind.fields.keys() & reserved):
        raise INVALID_KIND(f"kind.json, fields.{taken[0]}: the name stands for something else")


def _template(members: Mapping[str, Any], fields: Mapping[str, Field]) -> bytes:
    """The credential that follows from the facts: each that has an IRI is a property of the subject."""
    context: dict[str, Any] = {**members["types"], **members["subject_types"]}
    for name, field in fields.items():
        if field.iri and _BY_CONTEXT.get(name) != field.iri:
            datatype = _DATATYPES.get(field.type)
            context[name] = {"@id": field.iri, "@type": datatype} if datatype else field.iri
    subject = {name: f"{{{name}}}" for name, field in fields.items() if field.iri}
    document = {
        "@context": [_CONTEXT, context],
        "type": ["VerifiableCredential", *members["types"]],
        "name": members["title"],
        "validFrom": f"{{{members['valid_from']}}}T00:00:00Z" if members["valid_from"] else "",
        "validUntil": f"{{{members['valid_until']}}}T23:59:59Z" if members["valid_until"] else "",
        "credentialSubject": {"type": [*members["subject_types"]], **subject},
    }
    if not members["subject_types"]:
        del document["credentialSubject"]["type"]
    return json.dumps({name: value for name, value in document.items() if value}, ensure_ascii=False).encode()


def _members(item: object, place: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """All members of an object: none may be missing, unknown, or of another type."""
    where = f"kind.json, {place}" if place else "kind.json"
    if not isinstance(item, dict):
        raise INVALID_KIND(f"{where}: an object is expected")
    if unknown := sorted(item.keys() - asked.keys()):
        raise INVALID_KIND(f"{where}: there is no member {unknown[0]!r}")
    members = {}
    for name, default in asked.items():
        expected = default if isinstance(default, type) else type(default)
        value = item.get(name, default)
        if type(value) is not expected:
            raise INVALID_KIND(f"{where}: {name!r} is missing or of another type")
        members[name] = value
    return members


def _field(name: str, item: object, tables: Mapping[str, Mapping[str, str]]) -> Field:
    place = f"fields.{name}"
    members = _members(item, place, _FIELD)
    # A template takes the salted hash of a fact by these endings.
    if not _NAME.fullmatch(name) or name.endswith(("_hash", "_salt")) or members["type"] not in TYPES:
        raise INVALID_KIND(f"kind.json, {place}: a name or a type that there is not")
    if members["iri"] and not _IRI.fullmatch(members["iri"]):
        raise INVALID_KIND(f"kind.json, {place}: iri is no absolute IRI")
    table = members.pop("table")
    if table and table not in tables:
        raise INVALID_KIND(f"kind.json, {place}: there is no table {table!r}")
    if members["type"] == "code" and not table and not members["pattern"]:
        raise INVALID_KIND(f"kind.json, {place}: a code has a table or a pattern")
    members["codes"] = tables[table] if table else {}
    members["years_ahead"] = None if members["years_ahead"] < 0 else members["years_ahead"]
    if reached := members["reached"]:
        since = _members(reached, f"{place}.reached", _REACHED)
        members["reached"] = since["day"], since["years"]
    members["reached"] = members["reached"] or None
    members["headings"] = _texts(members["headings"], f"{place}.headings")
    _texts(list(members["labels"].values()), f"{place}.labels")
    return Field(name, **members)


def _require_short_patterns(fields: Mapping[str, Field], work: Work | None) -> None:
    """Refuses what is no pattern, and patterns that take long to compile together."""
    total = 0
    for name, field in fields.items():
        if not field.pattern:
            continue
        try:
            # Those of one's own kinds are remembered: each row is held against them.
            size = instructions(field.pattern, remember=work is None)
        except Malformed as problem:
            raise INVALID_KIND(f"kind.json, fields.{name}: {problem.detail}", because=problem) from problem
        total += size
        if work is not None:
            work.spend(size)
        if total > MOST_INSTRUCTIONS:
            raise INVALID_KIND(f"kind.json, fields.{name}: its patterns take too long to compile")


def _policy(item: Mapping[str, Any], list_life: int) -> KindPolicy:
    """The policy. Lists are signed anew at half their life: younger ones than that need not exist."""
    members = _members(item, "policy", _POLICY)
    check = members["check_age"] and _members(members["check_age"], "policy.check_age", _CHECK_AGE)
    age = members["status_age"]
    if "status_age" in item and not list_life / 2 <= age <= LONGEST_AGE:
        raise INVALID_KIND(
            f"kind.json, policy: lists get {list_life / 2:g} days old before they are signed anew, "
            f"and status_age is {age}"
        )
    if check and not 1 <= check["days"] <= LONGEST_AGE:
        raise INVALID_KIND("kind.json, policy.check_age: 'days' is a number of days")
    return KindPolicy(
        age, members["holder"], (check["field"], check["days"]) if check else None, members["resources"]
    )


def _require_policy(kind: Kind) -> None:
    """Refuses a policy about what no credential says: each of them would stay open."""
    if kind.policy != KindPolicy() and not kind.is_named:
        raise INVALID_KIND("kind.json, policy: credentials that name no kind have none")
    if kind.policy.check_age is None:
        return
    name = kind.policy.check_age[0]
    if name not in kind.fields or kind.fields[name].type != "date" or name not in kind.template.fields:
        raise INVALID_KIND(f"kind.json, policy.check_age: {name!r} is no date that a credential says")


def _codes(table: bytes, name: str) -> Mapping[str, str]:
    """The codes of a table, by what people write for each: columns `value`, and `synonyms` between blanks."""
    codes: dict[str, str] = {}
    try:
        rows = list(csv.reader(io.StringIO(table.decode(), newline="")))
    except csv.Error as error:
        raise INVALID_KIND(f"tables/{name}.csv is no CSV file: {error}") from error
    for number, row in enumerate(rows, 1):
        _require_shown(row, f"tables/{name}.csv, row {number}")
        if len(row) != 2 or (number == 1 and row != ["value", "synonyms"]):
            raise INVALID_KIND(f"tables/{name}.csv, row {number}: the columns are value and synonyms")
        for word in (row[0], *row[1].split()) if number > 1 else ():
            # "A" and "A-" fold alike: one of them would be signed as the other.
            if codes.setdefault(fold(word), row[0]) != row[0]:
                raise INVALID_KIND(f"tables/{name}.csv, row {number}: two codes are written alike")
    if not codes:
        raise INVALID_KIND(f"tables/{name}.csv has no codes")
    return codes


def _terms(item: Mapping[str, Any], place: str) -> dict[str, str]:
    for name, iri in item.items():
        if not isinstance(iri, str) or not _IRI.fullmatch(iri):
            raise INVALID_KIND(f"kind.json, {place}: {name!r} has no absolute IRI")
    return dict(item)


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


def _texts(items: object, place: str) -> tuple[str, ...]:
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise INVALID_KIND(f"kind.json, {place}: texts are expected")
    return tuple(items)
