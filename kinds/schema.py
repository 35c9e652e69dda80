"""The JSON Schema of a kind's credentials (draft 2020-12), as other programs read what a kind says.

It is compiled once, when a version of a kind is kept, and validates what is issued by it from then on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wire.problem import Malformed
from wire.strict import load_json_object

from .cells import Field
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
    return {"$schema": _DRAFT, **_node(json.loads(kind.template.text), kind)}


def describes(schema: Mapping[str, Any], path: Path) -> bool:
    """Whether a schema of `schema_of` describes the value at a path; it describes none in a list."""
    node: Mapping[str, Any] | None = schema
    for step in path:
        node = node.get("properties", {}).get(step) if node else None
    return node is not None


def _node(node: object, kind: Kind) -> dict[str, Any]:
    match node:
        case dict():
            members = {name: _node(member, kind) for name, member in node.items() if name[:1] not in "@$"}
            required = [name for name in members if _is_required(node[name], kind)]
            said = {"type": "object", "properties": members}
            return {**said, "required": required} if required else said
        case str():
            pieces = PLACEHOLDER.split(node)
            is_fact = len(pieces) == 3 and not pieces[0] and not pieces[2] and pieces[1] in kind.fields
            return _fact(kind.fields[pieces[1]], kind) if is_fact else {"type": "string"}
        case list():
            return {"type": "array"}
    return {}


def _is_required(node: object, kind: Kind) -> bool:
    """Whether a member is there whatever the record has: constants, and what has a required field in it."""
    match node:
        case dict():
            return "$if" not in node and any(_is_required(member, kind) for member in node.values())
        case list():
            return any(_is_required(item, kind) for item in node)
        case str():
            return all(name in kind.required for name in PLACEHOLDER.findall(node))
    return True


def _fact(field: Field, kind: Kind) -> dict[str, Any]:
    codes = sorted(set(field.codes.values()))
    said = dict(_TYPES.get(field.type, {"type": "string"}))
    # A name made of its parts and a word kept for a code were never held against the field's own pattern.
    is_made = field.worded or (field.name == kind.person.whole and kind.person.parts)
    if is_made:
        codes = []
    elif field.pattern and said["type"] == "string" and not codes:
        said["pattern"] = ecma(field.pattern)
    if codes:
        said["anyOf"] = [{"enum": codes}]
        said["anyOf"] += [{"pattern": ecma(field.pattern)}] if field.pattern else []
    if label := field.labels.get("en"):
        said["title"] = label
    return said


def for_claims(kind: Kind) -> dict[str, Any]:
    """The schema that was kept with a kind, its members named as `Claims` names them.

    Whoever holds a credential may call its terms otherwise and break no signature, so its own names tell
    nothing. Raises `Malformed` for a keyword that no kind of this program has: one from elsewhere could refer
    to itself, to the network, or take for ever.
    """
    return _named(load_json_object(kind.schema), spelling(kind))


def _named(node: object, terms: Mapping[str, str]) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise Malformed("schema.json: an object is expected")
    named: dict[str, Any] = {}
    for keyword, value in node.items():
        match keyword, value:
            case "properties", dict():
                named[keyword] = {terms.get(name, name): _named(one, terms) for name, one in value.items()}
            case "required", list():
                named[keyword] = [terms.get(name, name) if isinstance(name, str) else name for name in value]
            case "anyOf", list():
                named[keyword] = [_named(one, terms) for one in value]
            case "items", _:
                named[keyword] = _named(value, terms)
            case _ if keyword in _AS_THEY_ARE:
                named[keyword] = value
            case _:
                raise Malformed("schema.json has a keyword that is not known here")
    return named
