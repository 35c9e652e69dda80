"""The facts of a credential by the fields of its kind: found where its template puts them, by IRI.

The claims of a verified credential have each property under the name of the one table, and those that the
table lacks under their IRIs, however the credential spells them. So a name that another context defines
differently is never mistaken for one of these.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from vc import Claims, Credential
from vc.anchoring import CarriedKind
from vc.vcdm.jsonld import secured
from wire.problem import Problem
from wire.work import Work

from .cells import GROUP, MOST_ITEMS, Field, is_value
from .foreign import carried_digest, kind_of
from .kind import REFERENCE, Kind
from .metadata import type_of
from .shipped import SHIPPED, shipped
from .template import PLACEHOLDER

_MOST_ITEMS = 50
"""Items read of a list: a small file could have a million, and each field is looked for in them."""

_OBJECT = (dict, Mapping)  # most are dicts: asking the abstract class alone takes ten times as long

_Constants = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, eq=False)  # by identity: comparing them is half of the work otherwise
class _Path:
    """The way to a value: a member, or an item of a list by its constant texts, and the way before it."""

    before: _Path | None
    """`None` from the credential itself, or from the item of a group."""
    step: str | _Constants


class _Place(NamedTuple):
    """The place of a field's value."""

    field: str
    path: _Path | None
    before: str
    after: str
    """The constant texts around the value."""


class _Each(NamedTuple):
    """The place of a group: the path to its items, the texts that mark these, their fields."""

    group: str
    path: _Path | None
    constants: _Constants
    places: tuple[_Place, ...]


def named_kind(claims: Claims, at_hand: Iterable[CarriedKind] = (), work: Work | None = None) -> Kind | None:
    """The kind that a credential names, where its very bytes ship with the program or are `at_hand`.

    Another version is another kind. The words of a kind are not for a credential of other types: its issuer
    may be recognised for these alone. Raises `TooLarge` where it costs more than is left of `work`.
    """
    named = claims.kind
    if named is None:
        return None
    name = named.removeprefix(REFERENCE).partition(":")[0]
    kind = shipped(name) if name in SHIPPED else None
    if kind is None or kind.reference != named:
        # By the digest first: to read each kind of a list would take seconds.
        kinds = (kind_of(each, work) for each in at_hand if is_named(claims, each, work))
        kind = next(
            (candidate for candidate in kinds if candidate is not None and candidate.reference == named), None
        )
    return kind if kind is not None and _is_of(kind, claims) else None


def _is_of(kind: Kind, claims: Claims) -> bool:
    """True if a credential has all the kind's types; in a form with one type, the type in its metadata."""
    # A kind that lent its words to other types could call a library card a passport.
    if isinstance(claims, Credential):
        return types_of(kind) <= set(claims.types)
    return claims.types == (type_of(kind),)


def is_named(claims: Claims, files: CarriedKind, work: Work | None = None) -> bool:
    """True if a credential names a kind by the digest of these files. Raises `TooLarge`."""
    return claims.kind is not None and claims.kind.endswith(f":{carried_digest(files, work)}")


def facts_of(kind: Kind, claims: Claims) -> dict[str, Any]:
    """The value of each field that the credential says, in the order of the kind; others are left out."""
    if not isinstance(claims, Credential):
        return _by_claim(kind.fields, claims.said)
    reader = _Reader(claims)
    facts: dict[str, Any] = {}
    places, groups = _places(kind)
    _read(reader, places, kind.fields, facts)
    for each in groups:
        items = []
        for node in reader.items(each):
            # Within this node alone: no field is taken from another item of the group.
            item = _read(reader, each.places, kind.groups[each.group].fields, {}, node)
            if item:
                items.append(item)
        if items and each.group not in facts:
            facts[each.group] = items
    return {name: facts[name] for name in kind.fields if name in facts}


def _read(
    reader: _Reader,
    places: Iterable[_Place],
    fields: Mapping[str, Field],
    facts: dict[str, Any],
    node: object = None,
) -> dict[str, Any]:
    """Adds to `facts` the values at these places, from the credential or from a node of it."""
    for place in places:
        if place.field in facts:
            continue
        value = reader.value(place.path, node)
        if isinstance(value, str):
            if not value.startswith(place.before) or not value.endswith(place.after):
                continue
            value = value[len(place.before) : len(value) - len(place.after)]
        if is_value(fields[place.field], value):
            facts[place.field] = value
    return {name: facts[name] for name in fields if name in facts}


def _by_claim(fields: Mapping[str, Field], claims: Mapping[str, Any]) -> dict[str, Any]:
    """The values of fields in a form that has a claim for each, by its path."""
    facts: dict[str, Any] = {}
    for name, field in fields.items():
        value: Any = claims
        for step in field.claim:
            value = value.get(step) if isinstance(value, _OBJECT) else None
        if field.type == GROUP:
            items = value[:MOST_ITEMS] if isinstance(value, list) else []
            value = [_by_claim(field.fields, item) for item in items if isinstance(item, Mapping)]
            if any(value):
                facts[name] = [item for item in value if item]
        elif value is not None and is_value(field, value):
            facts[name] = value
    return facts


class _Reader:
    """Finds values in claims. All that they say of one object is one object, however it is spread out."""

    def __init__(self, claims: Claims) -> None:
        self._about = claims.reading.about if isinstance(claims, Credential) else lambda value: value
        self._said = {**claims.said, "credentialSubject": list(claims.subjects)}
        self._ends = dict[_Path, object]()

    def value(self, path: _Path | None, node: object = None) -> object:
        """The value at the end of the path, from a node; `None` where there is none, or several."""
        value = self._end(path, node)
        if value is None or isinstance(value, str):  # as nearly always
            return value
        if isinstance(value, _OBJECT):  # a text with a language; what is JSON or of another type is no fact
            value = value.get("@value") if value.keys() <= {"@value", "@language", "@direction"} else None
        return value

    def items(self, each: _Each) -> Iterator[Mapping[str, Any]]:
        """The nodes of a group, in the order of the credential."""
        value = self._end(each.path, None)
        if isinstance(value, _OBJECT) and value.keys() == {"@list"}:  # by a context without the container
            value = value["@list"]
        for item in (value if isinstance(value, list) else [value])[:MOST_ITEMS]:
            node = self._object(item)
            if node and _fits(node, each.constants):
                yield node

    def _end(self, path: _Path | None, node: object) -> object:
        if path is None:
            return self._said if node is None else node
        if node is not None:
            return self._next(self._end(path.before, node), path.step)
        # Most places begin as others do, and each object on the way is asked for once.
        if path not in self._ends:
            self._ends[path] = self._next(self._end(path.before, None), path.step)
        return self._ends[path]

    def _next(self, value: object, step: str | _Constants) -> object:
        if value is None:  # half of a kind's fields are in few credentials
            return None
        alone = value[0] if isinstance(value, list) and len(value) == 1 else value
        if isinstance(step, str) and not isinstance(alone, list):  # as nearly always
            return self._object(alone).get(step)
        items = value if isinstance(value, list) else [value]
        if isinstance(step, str):
            objects = list(map(self._object, items[:_MOST_ITEMS]))
            # Of two subjects the order decides nothing: it is not signed.
            first = objects[0] if objects and all(each == objects[0] for each in objects[1:]) else {}
            return first.get(step)
        return next((item for item in items[:_MOST_ITEMS] if _fits(item, step)), None)

    def _object(self, value: object) -> Mapping[str, Any]:
        if type(value) is dict and "id" not in value:  # as most: nothing else speaks of what has no name
            return value
        try:
            content = self._about(value)
        except Problem:  # nobody can tell what is said of it
            return {}
        return content if isinstance(content, _OBJECT) else {}


def _fits(item: object, constants: _Constants) -> bool:
    return isinstance(item, _OBJECT) and all(_says(item.get(name), pieces) for name, pieces in constants)


def _says(value: object, pieces: tuple[str, ...]) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(_is(each, pieces) for each in values[:_MOST_ITEMS])


def _is(value: object, pieces: tuple[str, ...]) -> bool:
    """True if a value equals the constant text, or is a text that begins and ends as the template's does."""
    if len(pieces) == 1:
        return value == pieces[0]
    return isinstance(value, str) and value.startswith(pieces[0]) and value.endswith(pieces[-1])


@lru_cache(maxsize=16)
def types_of(kind: Kind) -> frozenset[str]:
    """The types of its credentials, as `Claims.types` has them."""
    names = secured().names
    assert names is not None
    document = json.loads(kind.template.text)
    types, terms = document["type"], _terms(kind, document)
    iris = (terms.get(name, name) for name in map(str, types if isinstance(types, list) else [types]))
    return frozenset(names.types.get(iri, iri) for iri in iris)


def _terms(kind: Kind, document: Mapping[str, Any]) -> dict[str, str]:
    """The IRIs of the terms that the kind or a context within its template defines."""
    contexts = document.get("@context")
    terms: dict[str, str] = {}
    for context in contexts if isinstance(contexts, list) else [contexts]:
        for name, term in context.items() if isinstance(context, dict) else ():
            iri = term.get("@id") if isinstance(term, dict) else term
            if isinstance(iri, str) and name[:1] != "@":
                terms[name] = iri
    return {**kind.terms, **terms}


@lru_cache(maxsize=16)
def spelling(kind: Kind) -> Mapping[str, str]:
    """The names of a kind's terms in claims: from the one table, else the IRIs."""
    names = secured().names
    assert names is not None
    terms = _terms(kind, json.loads(kind.template.text))
    return {name: names.properties.get(iri, iri) for name, iri in terms.items()}


@lru_cache(maxsize=16)
def _places(kind: Kind) -> tuple[tuple[_Place, ...], tuple[_Each, ...]]:
    """The places of fields, and those of groups."""
    document = json.loads(kind.template.text)
    entries = list(_walk(document, None, spelling(kind)))
    groups = tuple(
        each._replace(places=tuple(place for place in each.places if place.field in group.fields))
        for each in entries
        if isinstance(each, _Each) and (group := kind.groups[each.group])
    )
    return _whole_first(each for each in entries if each[0] in kind.fields), groups


def _whole_first(places: Iterable[_Place | _Each]) -> tuple[_Place, ...]:
    """The places of fields: those with the value alone come before those with a text around it."""
    of_fields = (place for place in places if isinstance(place, _Place))
    return tuple(sorted(of_fields, key=lambda place: len(place.before + place.after)))


def _walk(node: object, path: _Path | None, terms: Mapping[str, str]) -> Iterator[_Place | _Each]:
    match node:
        case {"$each": group, **members}:
            if path and not isinstance(path.step, str):  # the group is the list, this its pattern
                path = path.before
            # A text around a value is no mark of an item: without the value it is not there.
            marks = tuple(each for each in _constants(members, terms) if len(each[1]) == 1)
            yield _Each(group, path, marks, _whole_first(_walk(members, None, terms)))
        case dict():
            for name, member in node.items():
                if name != "@context":
                    yield from _walk(member, _Path(path, terms.get(name, name)), terms)
        case list():
            for item in node:
                yield from _walk(item, _Path(path, _constants(item, terms)), terms)
        case str():
            pieces = PLACEHOLDER.split(node)
            if len(pieces) == 3:
                yield _Place(pieces[1], path, pieces[0], pieces[2])


def _constants(item: object, terms: Mapping[str, str]) -> _Constants:
    """The texts that tell an item of a list from its neighbours, as far as they are constant."""
    members = item.items() if isinstance(item, dict) else ()
    texts = (
        (terms.get(name, name), tuple(PLACEHOLDER.split(text)[::2]))
        for name, text in members
        if name not in ("$if", "type") and isinstance(text, str)
    )
    return tuple((name, pieces) for name, pieces in texts if any(pieces))
