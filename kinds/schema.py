"""The JSON Schema of a kind's credentials (draft 2020-12), by which other programs read them.

It is compiled once, when a version of a kind is kept, and validates every credential that is issued from then
on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wire.problem import Malformed
from wire.strict import load_json_object

from .cells import Field
from .digits import SCHEMES
from .facts import spelling
from .kind import Kind
from .pattern import ecma
from .places import Path
from .template import PLACEHOLDER

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: Mapping[str, Mapping[str, Any]] = {
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    "moment": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T"},
    "decimal": {"type": "string", "pattern": "^-?[0-9]+([.][0-9]+)?$"},
    "digest": {"type": "string", "pattern": "^sha(?:256|384|512)-[A-Za-z0-9+/]+={0,2}$"},
    "url": {"type": "string", "pattern": "^https?://"},
}

_AS_THEY_ARE = frozenset(
    ("$schema", "title", "description", "type", "enum", "const", "pattern", "minItems", "maxItems")
)


def schema_of(kind: Kind) -> dict[str, Any]:
    """The schema of the kind's credentials: the template's members, and the values that each fact may have.

    A list may have any items, since which of them are there depends on the record. There is no `$id`: the
    kind's URN has a digest over this schema, and its address depends on the issuer.
    """
    return {"$schema": _DRAFT, **_node(json.loads(kind.template.text), kind.fields, kind)}


def describes(schema: Mapping[str, Any], path: Path) -> bool:
    """True if a schema of `schema_of` describes the value at a path; in lists, only items of groups are."""
    node: Mapping[str, Any] | None = schema
    for step in path:
        members = node or {}
        node = members.get("properties", {}).get(step) if isinstance(step, str) else members.get("items")
    return node is not None


def _node(node: object, fields: Mapping[str, Field], kind: Kind) -> dict[str, Any]:
    match node:
        case {"$each": group, **item}:
            return {"type": "array", "items": _node(item, kind.groups[group].fields, kind)}
        case dict():
            members = {
                name: _node(member, fields, kind) for name, member in node.items() if name[:1] not in "@$"
            }
            required = [name for name in members if _is_required(node[name], fields)]
            schema = {"type": "object", "properties": members}
            return {**schema, "required": required} if required else schema
        case str():
            pieces = PLACEHOLDER.split(node)
            is_fact = len(pieces) == 3 and not pieces[0] and not pieces[2] and pieces[1] in fields
            return _fact(fields[pieces[1]], kind) if is_fact else {"type": "string"}
        case [{"$each": _} as each]:
            return _node(each, fields, kind)
        case list():
            return {"type": "array"}
    return {}


def _is_required(node: object, fields: Mapping[str, Field]) -> bool:
    """True if a member is in every credential: a constant, or a node that contains a required field."""
    match node:
        case {"$each": group}:
            return fields[group].required and any(field.required for field in fields[group].fields.values())
        case dict():
            return "$if" not in node and any(_is_required(member, fields) for member in node.values())
        case list():
            return any(_is_required(item, fields) for item in node)
        case str():
            return all(name in fields and fields[name].required for name in PLACEHOLDER.findall(node))
    return True


def _fact(field: Field, kind: Kind) -> dict[str, Any]:
    codes = sorted(set(field.codes.values()))
    schema = dict(_TYPES.get(field.type, {"type": "string"}))
    # A name made of its parts and a word kept for a code were never held against the field's own pattern.
    is_made = field.worded or (field.name == kind.person.whole and kind.person.parts)
    # Of two patterns the kind's own is the narrower one; what check digits are no schema can say.
    pattern = field.pattern or (SCHEMES[field.check].form if field.check else "")
    if is_made:
        codes = []
    elif pattern and schema["type"] == "string" and not codes:
        schema["pattern"] = ecma(pattern)
    if codes:
        schema["anyOf"] = [{"enum": codes}]
        schema["anyOf"] += [{"pattern": ecma(field.pattern)}] if field.pattern else []
    if label := field.labels.get("en"):
        schema["title"] = label
    if explanation := field.explanations.get("en"):
        schema["description"] = explanation
    return schema


def for_claims(kind: Kind) -> dict[str, Any]:
    """The schema that was kept with a kind, its members named as `Claims` names them.

    A holder can rename a credential's terms without breaking the signature, so its own names prove nothing.
    Raises `Malformed` for a keyword that no kind of this program has: a schema from elsewhere could refer to
    itself or to the network, or take for ever.
    """
    return _named(load_json_object(kind.schema), spelling(kind))


def _named(node: object, terms: Mapping[str, str]) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise Malformed("schema.json: an object is expected")
    named: dict[str, Any] = {}
    for keyword, value in node.items():
        match keyword, value:
            case "properties", dict():
                named[keyword] = {
                    terms.get(name, name): _named(member, terms) for name, member in value.items()
                }
            case "required", list():
                named[keyword] = [terms.get(name, name) if isinstance(name, str) else name for name in value]
            case "anyOf", list():
                named[keyword] = [_named(member, terms) for member in value]
            case "items", _:
                named[keyword] = _named(value, terms)
            case _ if keyword in _AS_THEY_ARE:
                named[keyword] = value
            case _:
                raise Malformed("schema.json has a keyword that is not known here")
    return named
