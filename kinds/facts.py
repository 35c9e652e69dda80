"""The facts of a credential by the fields of its kind: found where its template puts them, by IRI.

The claims of a verified credential have each property under the name of the one table, and those that the
table lacks under their IRIs, however the credential spells them. So a name that somebody else defined
otherwise is never taken for one of these.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from vc import Claims, Credential
from vc.anchoring import CarriedKind
from vc.vcdm.jsonld import secured
from wire.problem import Problem
from wire.work import Work

from .cells import is_value
from .foreign import carried_digest, kind_of
from .kind import REFERENCE, Kind
from .shipped import SHIPPED, shipped
from .template import PLACEHOLDER

_MOST_ITEMS = 50
"""Of a list: a small file could have a million, and each field of a kind is looked for in them."""

_Constants = tuple[tuple[str, tuple[str, ...]], ...]


class _Place(NamedTuple):
    """The place of a field's value: members, and items of lists by their constant texts."""

    field: str
    steps: tuple[str | _Constants, ...]
    before: str
    after: str
    """The constant texts around the value."""


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
        kind = next((found for found in kinds if found is not None and found.reference == named), None)
    return kind if kind is not None and _types(kind) <= set(claims.types) else None


def is_named(claims: Claims, files: CarriedKind, work: Work | None = None) -> bool:
    """Whether a credential names a kind of the digest of these files. Raises `TooLarge`."""
    return claims.kind is not None and claims.kind.endswith(f":{carried_digest(files, work)}")


def facts_of(kind: Kind, claims: Claims) -> dict[str, Any]:
    """The value of each field that the credential says, in the order of the kind; others are left out."""
    reader = _Reader(claims)
    said: dict[str, Any] = {}
    for place in _places(kind):
        value = reader.value(place.steps)
        if isinstance(value, str):
            if not value.startswith(place.before) or not value.endswith(place.after):
                continue
            value = value[len(place.before) : len(value) - len(place.after)]
        if place.field not in said and is_value(kind.fields[place.field], value):
            said[place.field] = value
    return {name: said[name] for name in kind.fields if name in said}


class _Reader:
    """Finds values in claims. All that they say of one object is one object, however it is spread out."""

    def __init__(self, claims: Claims) -> None:
        self._about = claims.reading.about if isinstance(claims, Credential) else lambda value: value
        self._said = {**claims.said, "credentialSubject": list(claims.subjects)}

    def value(self, steps: tuple[str | _Constants, ...]) -> object:
        """The value at the end of the steps; `None` where there is none, or several."""
        value: object = self._said
        for step in steps:
            items = value if isinstance(value, list) else [value]
            if isinstance(step, str):
                objects = list(map(self._object, items[:_MOST_ITEMS]))
                # Of two subjects the order decides nothing: it is not signed.
                first = objects[0] if objects and all(each == objects[0] for each in objects) else {}
                value = first.get(step)
            else:
                value = next((item for item in items[:_MOST_ITEMS] if _fits(item, step)), None)
        if isinstance(value, Mapping):  # a text with a language; what is JSON or of another type is no fact
            value = value.get("@value") if value.keys() <= {"@value", "@language", "@direction"} else None
        return value

    def _object(self, value: object) -> Mapping[str, Any]:
        try:
            found = self._about(value)
        except Problem:  # nobody can tell what is said of it
            return {}
        return found if isinstance(found, Mapping) else {}


def _fits(item: object, constants: _Constants) -> bool:
    return isinstance(item, Mapping) and all(_says(item.get(name), pieces) for name, pieces in constants)


def _says(value: object, pieces: tuple[str, ...]) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(_is(each, pieces) for each in values[:_MOST_ITEMS])


def _is(value: object, pieces: tuple[str, ...]) -> bool:
    """Whether a text is that constant, or begins and ends as a template's text does."""
    if len(pieces) == 1:
        return value == pieces[0]
    return isinstance(value, str) and value.startswith(pieces[0]) and value.endswith(pieces[-1])


@lru_cache(maxsize=16)
def _types(kind: Kind) -> frozenset[str]:
    """The types of its credentials, as `Claims.types` has them."""
    names = secured().names
    assert names is not None
    found = json.loads(kind.template.text)["type"]
    iris = (kind.terms.get(name, name) for name in (found if isinstance(found, list) else [found]))
    return frozenset(names.types.get(iri, iri) for iri in iris)


@lru_cache(maxsize=16)
def spelling(kind: Kind) -> Mapping[str, str]:
    """The names that claims have for the terms of a kind: those of the one table, else the IRIs."""
    names = secured().names
    assert names is not None
    return {name: names.properties.get(iri, iri) for name, iri in kind.terms.items()}


@lru_cache(maxsize=16)
def _places(kind: Kind) -> tuple[_Place, ...]:
    terms = spelling(kind)
    document = json.loads(kind.template.text)
    found = (place for place in _walk(document, (), terms) if place.field in kind.fields)
    # The whole value first: of a text around it, it is a part.
    return tuple(sorted(found, key=lambda place: len(place.before + place.after)))


def _walk(node: object, steps: tuple[str | _Constants, ...], terms: Mapping[str, str]) -> Iterator[_Place]:
    match node:
        case dict():
            for name, member in node.items():
                if name != "@context":
                    yield from _walk(member, (*steps, terms.get(name, name)), terms)
        case list():
            for item in node:
                yield from _walk(item, (*steps, _constants(item, terms)), terms)
        case str():
            pieces = PLACEHOLDER.split(node)
            if len(pieces) == 3:
                yield _Place(pieces[1], steps, pieces[0], pieces[2])


def _constants(item: object, terms: Mapping[str, str]) -> _Constants:
    """The texts that tell an item of a list from its neighbours, as far as they are constant."""
    members = item.items() if isinstance(item, dict) else ()
    texts = (
        (terms.get(name, name), tuple(PLACEHOLDER.split(text)[::2]))
        for name, text in members
        if name not in ("$if", "type") and isinstance(text, str)
    )
    return tuple((name, pieces) for name, pieces in texts if any(pieces))
