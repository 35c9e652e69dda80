"""Strict parsing of a kind's files; each refusal names its place.

Raises `INVALID_KIND` throughout. Unknown members are refused: a misspelt name would otherwise be ignored
silently, for as long as credentials of the kind last.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from vc.secured import MEDIA_TYPE
from wire.problem import Malformed
from wire.strict import load_json_object
from wire.text import shortened
from wire.work import BYTES_FOLDED, BYTES_WRITTEN, FIELD_READ, Work

from .cells import DISCLOSURES, GROUP, ITEM_ID, TYPES, Field, check_cell
from .digits import SCHEMES
from .kind import (
    LIST_LIFE,
    NEEDED,
    SUSPENSION,
    CatalogueColumns,
    Identifier,
    Kind,
    KindPolicy,
    Noun,
    Rule,
    plain,
)
from .metadata import said_fields, said_items
from .names import PersonName
from .pattern import instructions
from .problem import INVALID_KIND, BadCell
from .tables import CodeTable, read_table, require_shown
from .template import PLACEHOLDER, Template

LARGEST = 1 << 16  # bytes of `kind.json`
LARGEST_FILES = 1 << 18  # characters of all files
MOST_FIELDS = 1000
MOST_FILES = 100
MOST_INSTRUCTIONS = 1 << 16
"""Instructions of all compiled patterns: 1,000 costly ones would take a verifier a minute."""
LONGEST_AGE = 36_500  # days
MOST_GROUPS = 10
MOST_OF_A_GROUP = 50
"""Fields of a group. A verifier reads each field of each item, half a million at most."""
LONGEST_SENTENCE = 400  # characters: it is held against each name of a trust list

SPOKEN = ("issuer", "person")
"""Names in a sentence beside the fields: the issuer as the trust list has it, the person's name in order."""
_TAKEN = frozenset({"id", "type"})
"""Members of a subject that no fact may be: its id is the holder's."""
RESERVED = frozenset((*SPOKEN, "issuer_name", ITEM_ID, *_TAKEN))
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
_SRI = "https://www.w3.org/2018/credentials#sriString"  # of digestSRI (VCDM 2.0, 5.3)
_DATATYPES = {"date": f"{_XSD}date", "moment": f"{_XSD}dateTime", "url": "@id", "digest": _SRI}

_KIND: Mapping[str, Any] = {
    **dict.fromkeys(("name", "version", "number"), str),
    **dict.fromkeys(("fields", "nouns"), dict),
    "named": True,
    "identity": [],
    "person": {},
    "sentence": {},
    "types": {},
    "subject_types": {},
    "doctype": "",
    "title": "",
    "issuer_type": "",
    "valid_from": "",
    "valid_until": "",
    "rules": [],
    "identifiers": {},
    "catalogue": {},
    "policy": {},
    "forms": [],
    "list_life": 0,
    "status_purposes": ["revocation"],
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
_SOURCE: Mapping[str, Any] = {"file": False, "constant": "", "table": {}}
_LOOKED_UP: Mapping[str, Any] = {"code": str, "column": str}
_MDOC: Mapping[str, Any] = {"namespace": str, "element": str}
_MDOC_OF_ITEM: Mapping[str, Any] = {"element": str}
_LONGEST_CLAIM = 4
"""Member names on the way to a claim of an SD-JWT VC: nobody shows claims that lie deeper."""
_FIELD: Mapping[str, Any] = {
    "type": str,
    "required": False,
    **dict.fromkeys(("pattern", "check", "refusal", "table", "earliest", "worded", "iri"), ""),
    "years_ahead": -1,
    "reached": {},
    "source": {},
    "mdoc": {},
    "sd_jwt": [],
    "fields": {},
    "ordered": False,
    "personal": False,
    "example": "",
    "disclosure": "allowed",
    "headings": [],
    "labels": {},
    "explanations": {},
}
"""The members of each object: the type of one that has to be there, else the value of one left out."""

_OF_GROUPS = frozenset(
    (
        *("required", "iri", "mdoc", "sd_jwt", "labels", "explanations"),
        *("fields", "ordered", "personal", "disclosure"),
    )
)
"""The members of a group. The others are members of its fields."""
_NOT_IN_GROUPS = frozenset(("years_ahead", "reached", "worded", "source", "fields", "ordered"))
"""The members that a field of a group does not have."""


def parse_kind(
    files: Mapping[str, bytes],
    absent: Mapping[str, str] = MappingProxyType({}),
    work: Work | None = None,
    *,
    is_tested: bool = False,
) -> Kind:
    """The kind of these files: `kind.json`, perhaps `template.json`, and `tables/NAME.csv`.

    Compiled files are kept beside them unchanged, and not read here. Of a kind that came with a credential,
    tables may be `absent`: their SHA-256, in hexadecimal, is known by path. `work` limits the cost of reading
    a kind from elsewhere, of which nothing is cached. `is_tested` is for files that ship: the tests read each
    with all refusals, so a start need not.

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
            require_shown(document, "kind.json")
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
    tables = {path[7:-4]: read_table(data, path[7:-4]) for path, data in files.items() if "/" in path}
    # A table that stayed behind takes no cells, and a reader derives nothing.
    behind = {path[7:-4] for path in absent if "/" in path}
    tables |= dict.fromkeys(behind, CodeTable({}, {}, {}))
    if work is not None:
        work.spend(FIELD_READ * _count(members["fields"]))
    if not is_tested:
        _require_short_patterns(members["fields"], work)
    fields = {name: _field(name, item, tables) for name, item in members["fields"].items()}
    inner_items = (each for item in members["fields"].values() for each in item.get("fields", {}).values())
    items = (*members["fields"].values(), *inner_items)
    asked = {item["table"]: set[str]() for item in items if item.get("table")}
    if unasked := sorted(tables.keys() - asked.keys()):  # the folder's maker could link any file there
        raise INVALID_KIND(f"tables/{unasked[0]}.csv: no field names it")
    for name, item in members["fields"].items():
        if looked_up := item.get("source", {}).get("table"):
            table = members["fields"].get(looked_up["code"], {}).get("table", "")
            if table in behind:
                continue
            fields[name] = _look_up(fields[name], looked_up["code"], tables.get(table), looked_up["column"])
            asked[table].add(looked_up["column"])
    for table, columns in asked.items():
        if unasked := sorted(tables[table].columns.keys() - columns):
            raise INVALID_KIND(f"tables/{table}.csv: no field names its column {unasked[0]}")
    person = _members(members["person"], "person", _PERSON)
    types = _terms(members["types"], "types") | _terms(members["subject_types"], "subject_types")
    if taken := sorted(types.keys() & fields.keys()):
        raise INVALID_KIND(f"kind.json, fields.{taken[0]}: the name stands for a type")
    inner = {name: field for group in fields.values() for name, field in group.fields.items()}
    terms = types | {name: field.iri for name, field in {**inner, **fields}.items() if field.iri}
    written = files.get("template.json")
    kind = Kind(
        name=members["name"],
        version=members["version"],
        files=files,
        absent=dict(absent),
        is_named=members["named"],
        fields=fields,
        number=members["number"],
        identity=_texts(members["identity"], "identity"),
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
        status_purposes=_texts(members["status_purposes"], "status_purposes"),
        forms=_texts(members["forms"], "forms"),
        doctype=members["doctype"],
    )
    if is_tested:
        return kind
    if not 0 <= kind.list_life <= LONGEST_AGE:
        raise INVALID_KIND("kind.json: 'list_life' is a number of days")
    if wrong := [form for form in kind.forms if not MEDIA_TYPE.fullmatch(form)]:
        raise INVALID_KIND(f"kind.json, forms: {shortened(wrong[0])} is no media type of a form")
    _require_status_purposes(kind)
    _require_groups(kind)
    _require_fields(kind)
    _require_policy(kind)
    _require_types(kind)
    _require_mdoc(kind)
    _require_claims(kind)
    _require_days(kind, members["valid_from"], members["valid_until"])
    return kind


def _require_files(files: Mapping[str, bytes]) -> None:
    """Refuses files that a trust list, which has them as texts, could not hold: nobody could read them."""
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


def _require_groups(kind: Kind) -> None:
    """Refuses names that could mean two things, and a group where a text is expected."""
    if len(kind.groups) > MOST_GROUPS:
        raise INVALID_KIND(f"kind.json: over {MOST_GROUPS} groups")
    taken = {*kind.fields, *kind.identifiers, *RESERVED}
    for group, field in kind.groups.items():
        for name in field.fields:
            if name in taken:
                raise INVALID_KIND(
                    f"kind.json, fields.{group}.fields.{name}: the name stands for something else"
                )
            taken.add(name)
    names = {*kind.fields, *(name for field in kind.groups.values() for name in field.fields)}
    for name in sorted(names):
        stem, _, digits = name.rpartition("_")
        if digits.isdecimal() and any(stem in field.fields for field in kind.groups.values()):
            raise INVALID_KIND(f"kind.json: {name} is {stem} of an item of a group, too")
    for group, inner in kind.template.groups.items():
        if group not in kind.groups:
            raise INVALID_KIND(f"template, $each: {group} is no group")
        if wrong := sorted(inner - kind.groups[group].fields.keys() - {ITEM_ID}):
            raise INVALID_KIND(f"template, $each: an item of {group} has no field {wrong[0]}")
        if (ITEM_ID in inner) is not kind.groups[group].is_ordered:
            raise INVALID_KIND(
                f"template, $each: the items of an ordered group alone have {{{ITEM_ID}}}: {group}"
            )
    for group in sorted(kind.groups.keys() & {*kind.template.texts, *kind.hashed}):
        raise INVALID_KIND(f"template: the group {group} stands in a text")


def _require_fields(kind: Kind) -> None:
    """Refuses names that are no fields: a rule about one of these would never apply."""
    person = kind.person
    _require_own_places(kind)
    named = [*person.fields, *filter(None, (kind.email, kind.person_id, person.language)), kind.number]
    named += [*kind.identity, *(name for rule in kind.rules for name in (rule.before, rule.after))]
    named += [name for identifier in kind.identifiers.values() for name in identifier.fields]
    named += [
        *kind.worded.values(),
        *(source for source, _ in (*kind.reached.values(), *kind.looked_up.values())),
    ]
    if catalogue := kind.catalogue:
        named += [catalogue.key, *catalogue.required, *catalogue.fields]
    named += [
        name
        for parts in kind.sentence.values()
        for part in parts
        for name in PLACEHOLDER.findall(part)
        if name not in SPOKEN
    ]
    for name in named:
        if name in kind.groups:
            raise INVALID_KIND(f"kind.json: {name} is a group, which is no text")
    if "template.json" not in kind.files:  # else what only the template names is a column of its own
        named += kind.template.fields
    for name in named:
        if name not in kind.fields:
            raise INVALID_KIND(f"kind.json names {name!r}, and has no such field")
    # A row has no number yet when these are compared, nor what follows from other fields.
    if useless := [name for name in kind.identity if name == kind.number or name not in kind.columns]:
        raise INVALID_KIND(f"kind.json, identity: {useless[0]} does not tell rows without numbers apart")
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
    for name, (code, _) in kind.looked_up.items():
        if code in kind.derived:
            raise INVALID_KIND(f"kind.json: {name} follows from {code}, which has no column")
    for name in kind.derived:
        if fields[name].required:  # a file has no column for it
            source = "a day" if name in kind.reached else "the kind"
            raise INVALID_KIND(f"kind.json: {name} follows from {source}, and cannot be required")


def _require_days(kind: Kind, *ends: str) -> None:
    """Refuses ends of a credential's life that are no days of the record, or in no order."""
    for name in ends:
        if name and (name not in kind.fields or kind.fields[name].type != "date"):
            raise INVALID_KIND(f"kind.json: it is valid from or until {name!r}, which is no date")
    # A row that ended before it began would be found when it is signed, and stop all others.
    if all(ends) and ends not in {(rule.before, rule.after) for rule in kind.rules}:
        raise INVALID_KIND(f"kind.json, rules: {ends[0]} has to come before {ends[1]}")


def _require_mdoc(kind: Kind) -> None:
    """Refuses an mdoc without type or fact, two facts in one place, and items that stand nowhere."""
    placed = [name for name, field in {**kind.item_fields, **kind.fields}.items() if field.mdoc]
    if placed and not kind.doctype:  # a wallet asks for an mdoc by its doctype alone
        raise INVALID_KIND(f"kind.json, fields.{placed[0]}: a place in an mdoc needs a doctype")
    if kind.doctype and not placed:
        raise INVALID_KIND("kind.json, doctype: no field has a place in the mdoc")
    for fields in (kind.fields, *(group.fields for group in kind.groups.values())):
        owners: dict[tuple[str, ...], str] = {}
        for name, field in fields.items():  # compared as texts: another case is another name
            if field.mdoc and (owner := owners.setdefault(field.mdoc, name)) != name:
                raise INVALID_KIND(f"kind.json: {owner} and {name} have the same place in an mdoc")
    for name, group in kind.groups.items():
        inner = [each for each, field in group.fields.items() if field.mdoc]
        if bool(inner) is not bool(group.mdoc):  # the items say nothing, or stand nowhere
            raise INVALID_KIND(
                f"kind.json, fields.{name}: the group and a field of it have places in an mdoc, or neither"
            )


def _require_claims(kind: Kind) -> None:
    """Refuses paths in an SD-JWT VC that lead to nothing, to what decides, or to one claim for two fields."""
    if not kind.has_claim_paths:
        return
    from vc.forms.sdjwt.disclosures import RESERVED as UNUSABLE  # only here: most kinds have no such path
    from vc.forms.sdjwt.issuing import TAKEN

    claims = {field.name: field.claim for field in said_fields(kind)} | {name: (name,) for name in kind.own}
    objects = [(kind.fields, claims, TAKEN)]
    for group in kind.groups.values():
        inner = {field.name: field.claim for field in said_items(kind, group)}
        objects.append((group.fields, inner, frozenset()))
    for fields, claims, taken in objects:
        for name, field in fields.items():
            if not field.sd_jwt:
                continue
            if name not in claims:
                raise INVALID_KIND(f"kind.json, fields.{name}.sd_jwt: no credential says the field")
            # RFC 9901, 4.1, and SD-JWT VC, 2.2.2.2: a verifier reads what is no fact by these names.
            if field.sd_jwt[0] in taken or not {*UNUSABLE}.isdisjoint(field.sd_jwt):
                raise INVALID_KIND(f"kind.json, fields.{name}.sd_jwt: the place stands for something else")
        # Sorted, a path comes before those that lead through its claim.
        ordered = sorted(claims.items(), key=lambda item: item[1])
        for (outer, path), (name, longer) in itertools.pairwise(ordered):
            if longer[: len(path)] == path:
                raise INVALID_KIND(
                    f"kind.json: {outer} and {name} have the same place in an SD-JWT VC, or one in the other"
                )


def _require_own_places(kind: Kind) -> None:
    """Refuses two fields in one place, or with one heading: nobody could tell them apart."""
    inner = kind.item_fields
    columns = {**{name: kind.fields[name] for name in kind.columns}, **inner}
    for what, values in (
        ("IRI", [(iri, name) for name, iri in kind.terms.items() if name not in inner]),
        *(
            ("IRI", [(each.iri, name) for name, each in group.fields.items() if each.iri])
            for group in kind.groups.values()
        ),
        (
            "heading",
            [
                (plain(heading), name)
                for name, field in columns.items()
                for heading in (name, *field.headings)
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
    inner = {name: field for group in fields.values() if group.iri for name, field in group.fields.items()}
    for name, field in {**inner, **fields}.items():
        if field.iri and _BY_CONTEXT.get(name) != field.iri:
            datatype = _DATATYPES.get(field.type)
            context[name] = {"@id": field.iri, "@type": datatype} if datatype else field.iri
    for name, field in fields.items():
        if field.type == GROUP and field.iri:
            context[name] = {"@id": field.iri, "@container": "@list" if field.is_ordered else "@set"}
    subject = {
        name: [_items(field)] if field.type == GROUP else f"{{{name}}}"
        for name, field in fields.items()
        if field.iri
    }
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


def _items(group: Field) -> dict[str, str]:
    """The pattern of a group's nodes."""
    placeholders = {name: f"{{{name}}}" for name, field in group.fields.items() if field.iri}
    identifier = {"id": f"{{{ITEM_ID}}}"} if group.is_ordered and placeholders else {}
    return {"$each": group.name, **identifier, **placeholders}


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


def _field(name: str, item: object, tables: Mapping[str, CodeTable], group: str = "") -> Field:
    place = f"fields.{group}.fields.{name}" if group else f"fields.{name}"
    members = _members(item, place, _FIELD)
    _require_group(members, place, is_inner=bool(group))
    # A template takes the salted hash of a fact by these endings.
    if (
        not _NAME.fullmatch(name)
        or name.endswith(("_hash", "_salt"))
        or members["type"] not in (*TYPES, GROUP)
    ):
        raise INVALID_KIND(f"kind.json, {place}: a name or a type that there is not")
    if members["check"] and (members["check"] not in SCHEMES or members["type"] != "text"):
        raise INVALID_KIND(f"kind.json, {place}: check is one of {', '.join(SCHEMES)}, of a text")
    if members["disclosure"] not in DISCLOSURES:
        raise INVALID_KIND(f"kind.json, {place}: disclosure is one of {', '.join(DISCLOSURES)}")
    if members["iri"] and not _IRI.fullmatch(members["iri"]):
        raise INVALID_KIND(f"kind.json, {place}: iri is no absolute IRI")
    table = members.pop("table")
    if table and table not in tables:
        raise INVALID_KIND(f"kind.json, {place}: there is no table {table!r}")
    if members["type"] == "code" and not table and not members["pattern"]:
        raise INVALID_KIND(f"kind.json, {place}: a code has a table or a pattern")
    if table:
        members["codes"], members["names"] = tables[table].codes, tables[table].names
    members["years_ahead"] = None if members["years_ahead"] < 0 else members["years_ahead"]
    if reached := members["reached"]:
        since = _members(reached, f"{place}.reached", _REACHED)
        members["reached"] = since["day"], since["years"]
    members["reached"] = members["reached"] or None
    members["fields"] = {
        inner: _field(inner, each, tables, name) for inner, each in members["fields"].items()
    }
    members["is_ordered"] = members.pop("ordered")
    if mdoc := members["mdoc"]:
        mdoc = _members(mdoc, f"{place}.mdoc", _MDOC_OF_ITEM if group else _MDOC)
        if not all(mdoc.values()):
            raise INVALID_KIND(f"kind.json, {place}.mdoc: a name is empty")
    members["mdoc"] = tuple(mdoc.values())
    members["sd_jwt"] = _texts(members["sd_jwt"], f"{place}.sd_jwt")
    if not all(members["sd_jwt"]) or len(members["sd_jwt"]) > _LONGEST_CLAIM:
        raise INVALID_KIND(f"kind.json, {place}.sd_jwt: 1 to {_LONGEST_CLAIM} names of members are expected")
    source = _members(members.pop("source"), f"{place}.source", _SOURCE)
    if source["table"]:
        _members(source["table"], f"{place}.source.table", _LOOKED_UP)
    if len([each for each in (*source.values(), members["reached"]) if each]) > 1:
        raise INVALID_KIND(f"kind.json, {place}: a value has one source")
    members["is_attached"], constant = source["file"], source["constant"]
    if members["is_attached"] and members["type"] != "digest":
        raise INVALID_KIND(f"kind.json, {place}: what a credential says of a file is its digest")
    members["headings"] = _texts(members["headings"], f"{place}.headings")
    for texts in ("labels", "explanations"):
        _texts(list(members[texts].values()), f"{place}.{texts}")
    # SD-JWT VC type metadata has a description only beside a label of the same language.
    if unlabelled := sorted(members["explanations"].keys() - members["labels"].keys()):
        raise INVALID_KIND(
            f"kind.json, {place}.explanations: there is no label in {shortened(unlabelled[0])}"
        )
    field = Field(name, **members)
    if field.example:  # one that a file could not have would mislead whoever fills it in
        _value(field, field.example, f"{place}.example")
    return replace(field, constant=_value(field, constant, place)) if constant else field


def _count(fields: Mapping[str, Any]) -> int:
    """Fields and those in groups."""
    inner = (item.get("fields") for item in fields.values() if isinstance(item, dict))
    return len(fields) + sum(len(each) for each in inner if isinstance(each, dict))


def _require_short_patterns(fields: Mapping[str, Any], work: Work | None) -> None:
    """Refuses invalid patterns, and patterns that together take long to compile, before any is used."""
    total = 0
    for name, pattern in _patterns(fields):
        try:
            # Those of one's own kinds are remembered: each row is held against them.
            size = instructions(pattern, remember=work is None)
        except Malformed as problem:
            raise INVALID_KIND(f"kind.json, fields.{name}: {problem.detail}", because=problem) from problem
        total += size
        if work is not None:
            work.spend(size)
        if total > MOST_INSTRUCTIONS:
            raise INVALID_KIND(f"kind.json, fields.{name}: its patterns take too long to compile")


def _patterns(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The patterns of fields as they stand in the file, those in groups as well."""
    for name, item in fields.items():
        if not isinstance(item, dict):
            continue
        if isinstance(pattern := item.get("pattern"), str) and pattern:
            yield name, pattern
        if isinstance(inner := item.get("fields"), dict):
            yield from ((f"{name}.fields.{each}", pattern) for each, pattern in _patterns(inner))


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
    """Refuses a policy about facts that no credential states: each verdict would stay open."""
    if kind.policy != KindPolicy() and not kind.is_named:
        raise INVALID_KIND("kind.json, policy: credentials that name no kind have none")
    if kind.policy.check_age is None:
        return
    name = kind.policy.check_age[0]
    if name not in kind.fields or kind.fields[name].type != "date" or name not in kind.template.fields:
        raise INVALID_KIND(f"kind.json, policy.check_age: {name!r} is no date that a credential says")


def _require_status_purposes(kind: Kind) -> None:
    """Refuses purposes that no status list of an issuer has, and credentials that could not be revoked."""
    if kind.status_purposes not in (("revocation",), ("revocation", SUSPENSION)):
        raise INVALID_KIND(
            f'kind.json, status_purposes: it is ["revocation"] or ["revocation", "{SUSPENSION}"]'
        )
    if kind.is_suspendable and not kind.is_named:  # nobody could tell later which of them have the entry
        raise INVALID_KIND("kind.json, status_purposes: credentials that name no kind are never suspended")


def _require_group(members: Mapping[str, Any], place: str, *, is_inner: bool) -> None:
    """Refuses a group in a group, what only a column or only a group can have, and items that say nothing."""
    stated = {name for name, default in _FIELD.items() if name != "type" and members[name] != default}
    if is_inner and (refused := sorted(stated & _NOT_IN_GROUPS) or members["type"] == GROUP):
        what = refused[0] if isinstance(refused, list) else GROUP
        raise INVALID_KIND(f"kind.json, {place}: in a group there is no {what}")
    if members["type"] != GROUP:
        if wrong := sorted(stated & {"fields", "ordered"}):
            raise INVALID_KIND(f"kind.json, {place}: only a group has {wrong[0]}")
    elif wrong := sorted(stated - _OF_GROUPS):
        raise INVALID_KIND(f"kind.json, {place}: a group has no {wrong[0]}, its fields have")
    elif not 0 < len(members["fields"]) <= MOST_OF_A_GROUP:
        raise INVALID_KIND(f"kind.json, {place}: a group has 1 to {MOST_OF_A_GROUP} fields")


def _look_up(field: Field, code: str, table: CodeTable | None, column: str) -> Field:
    """The field with its value for each code."""
    place = f"fields.{field.name}"
    if table is None or column not in table.columns:
        raise INVALID_KIND(f"kind.json, {place}: the table of {code!r} has no column {column!r}")
    values = {each: _value(field, cell, place) for each, cell in table.columns[column].items() if cell}
    return replace(field, looked_up=(code, values))


def _value(field: Field, cell: str, place: str) -> Any:
    """A value that the kind itself gives: refused here if it would be refused in a file."""
    try:
        return check_cell(field, cell)
    except BadCell as problem:
        raise INVALID_KIND(f"kind.json, {place}: {shortened(cell)} {problem.detail}") from problem


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
    singular, many = _texts(
        item if isinstance(item, list) and len(item) == 2 else [0, 0], f"nouns.{language}"
    )
    return singular, many


def _texts(items: object, place: str) -> tuple[str, ...]:
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise INVALID_KIND(f"kind.json, {place}: texts are expected")
    return tuple(items)
