"""A signed document written in other ways: by other names, in other places, with other contexts.

Most of what is made here says something else, or nothing that can be read, and no longer verifies. What still
does has to read the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from vc.vcdm.jsonld import Documents, vendored
from vc.vcdm.jsonld.context import UNSET, ActiveContext, Meter, Term
from vc.vcdm.jsonld.naming import names_of
from vc.vcdm.jsonld.walker import Walk

Path = tuple[Any, ...]
Document = dict[str, Any]

RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
URLS = tuple(Documents().urls)
NAMES = names_of(Documents())


@dataclass(frozen=True)
class Word:
    """A member, a type or a reference, and what it means where it stands."""

    path: Path
    kind: str
    iri: str
    term: Term


def at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def words(document: Document) -> list[Word]:
    """All of them, those of the proof among them."""
    walk = Walk(vendored(), Meter())
    found: list[Word] = []

    def node(active: ActiveContext, value: Document, path: Path) -> None:
        if "@context" in value:
            active = walk.embedded(active, value["@context"])
        inside = walk.typed(active, value["type"])[0] if "type" in value else active
        for key, member in value.items():
            here = (*path, key)
            if key == "type":
                for step, kind in enumerate(member) if isinstance(member, list) else [(None, member)]:
                    term = active.terms.get(kind, Term(kind))
                    found.append(
                        Word((*here, *([] if step is None else [step])), "type", term.iri or kind, term)
                    )
            elif key == "id":
                found.append(Word(here, "reference", member, Term(member)))
            elif key != "@context" and not key.startswith("@"):
                plan = walk.plan(inside, key)
                found.append(Word(here, "member", plan.name, inside.terms.get(key, Term(plan.name))))
                for step, item in enumerate(member) if isinstance(member, list) else [(None, member)]:
                    place = (*here, *([] if step is None else [step]))
                    if isinstance(item, dict) and "@value" not in item:
                        node(plan.node, item, place)
                    elif isinstance(item, str) and plan.type == "@id":
                        found.append(Word(place, "reference", item, Term(item)))

    node(walk.contexts.root, document, ())
    return found


def objects(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths to all objects but those in contexts."""
    if isinstance(value, dict):
        yield path
    for step, item in value.items() if isinstance(value, dict) else enumerate(value):
        if step != "@context" and isinstance(item, dict | list):
            yield from objects(item, (*path, step))


def contexts_of(document: Document) -> list[Any]:
    own = document["@context"]
    return list(own) if isinstance(own, list) else [own]


def explicit(word: Word, value: Any) -> Any:
    """A value as it has to be written where no term says what it is."""
    if isinstance(value, list):
        return [explicit(word, item) for item in value]
    if isinstance(value, str) and word.term.type == "@id":
        return {"id": value}
    if isinstance(value, str) and word.term.type and word.term.type[0] != "@":
        return {"@value": value, "@type": word.term.type}
    return value


def definition(word: Word, **more: Any) -> Document:
    """The word's own definition, for another name."""
    term = word.term
    members: Document = {"@id": word.iri, **more}
    if term.type:
        members["@type"] = term.type
    if term.container:
        members["@container"] = sorted(term.container)
    if term.context is not UNSET:
        members["@context"] = term.context
    return members


def with_context(document: Document, *contexts: Any) -> Document:
    """The document with contexts after its own."""
    return {**document, "@context": [*contexts_of(document), *contexts]}


def renamed(document: Document, word: Word) -> Iterator[tuple[str, Document]]:
    """The document with a member under each other name that vendored contexts have for it."""
    text, last = orjson.dumps(document), word.path[-1]
    if word.kind == "member":
        for name in sorted(known_names(word.iri) - {last}):
            found = orjson.loads(text)
            inner = at(found, word.path[:-1])
            inner[name] = inner.pop(last)
            yield name, found


def respelled(document: Document, word: Word) -> Iterator[tuple[str, Document]]:
    """The document with one word in every other way that needs no vendored context; each with a name."""
    around, last = word.path[:-1], word.path[-1]
    text = orjson.dumps(document)

    def changed() -> tuple[Document, Any]:
        found = orjson.loads(text)
        return found, at(found, around)

    value = at(document, word.path)
    if word.kind == "member":
        yield from _member(word, value, changed)
        yield from _moved(document, word, value)
    elif word.kind == "type":
        found, inner = changed()
        inner[last] = word.iri
        yield "type as IRI", found
        for source in (word.iri, *(name for name in known_names(word.iri) if name != value)):
            found, inner = changed()
            inner[last] = source
            yield f"type {source}", found
        found, inner = changed()
        inner[last] = "Alias"
        yield "type by alias", with_context(found, {"Alias": definition(Word((), "", word.iri, word.term))})
        found, inner = changed()
        owner = inner if isinstance(inner, dict) else at(found, around[:-1])
        if isinstance(inner, list):
            del inner[last]
        else:
            del owner[last]
        owner[RDF_TYPE] = {"id": word.iri}
        yield "type as property", found
        for other in objects(document):
            found, inner = changed()
            if isinstance(inner, list):
                kind = inner.pop(last)
                target = at(found, other)
                types = target.get("type", [])
                target["type"] = [*(types if isinstance(types, list) else [types]), kind]
                yield f"type moved to {other}", found
    else:
        cut = max(value.rfind("/"), value.rfind(":"), value.rfind("#")) + 1
        found, inner = changed()
        inner[last] = "pre:" + value[cut:]
        yield "compact reference", with_context(found, {"pre": {"@id": value[:cut], "@prefix": True}})
        if last == "id":
            for name in ("@id", "uid"):
                found, inner = changed()
                inner[name] = inner.pop("id")
                yield f"id as {name}", with_context(found, {"uid": "@id"})
        else:
            found, inner = changed()
            inner[last] = {"id": value}
            yield "reference as object", found


def _member(word: Word, value: Any, changed: Any) -> Iterator[tuple[str, Document]]:
    last = word.path[-1]
    for name, other in (("as it is", value), ("written out", explicit(word, value))):
        found, inner = changed()
        del inner[last]
        inner[word.iri] = other
        yield f"IRI, {name}", found
        found, inner = changed()
        del inner[last]
        cut = max(word.iri.rfind("/"), word.iri.rfind("#"), word.iri.rfind(":")) + 1
        inner["pre:" + word.iri[cut:]] = other
        yield f"compact IRI, {name}", with_context(found, {"pre": {"@id": word.iri[:cut], "@prefix": True}})
    alias = {"alias": definition(word)}
    found, inner = changed()
    inner["alias"] = inner.pop(last)
    yield "alias", with_context(found, alias)
    found, inner = changed()
    inner["alias"] = inner.pop(last)
    inner["@context"] = alias
    yield "alias of the object's own", found
    found, inner = changed()
    inner["alias"] = value
    yield "said again", with_context(found, alias)
    if isinstance(value, list) and len(value) > 1:
        found, inner = changed()
        inner["alias"] = [inner[last].pop()]
        yield "in two parts", with_context(found, alias)
    for nest, context in (("@nest", ()), ("nest", ({"nest": "@nest"},))):
        found, inner = changed()
        inner[nest] = {last: inner.pop(last)}
        yield nest, with_context(found, *context)
    for keyword in ("@graph", "@included", "@reverse"):
        found, inner = changed()
        inner[keyword] = {last: inner.pop(last)}
        yield keyword, found
    found, inner = changed()
    subject = {"id": inner["id"]} if "id" in inner else {}
    for name, member in (("@reverse", {word.iri: subject}), ("back", subject)):
        found, inner = changed()
        del inner[last]
        inner["@included"] = [
            {**item, name: member}
            for item in (value if isinstance(value, list) else [value])
            if isinstance(item, dict)
        ]
        yield f"reversed by {name}", with_context(found, {"back": {"@reverse": word.iri}})
    found, inner = changed()
    inner[last] = {"@set": value if isinstance(value, list) else [value]}
    yield "@set", found
    found, inner = changed()
    inner[last] = value[0] if isinstance(value, list) and len(value) == 1 else [value]
    yield "one or a list", found
    if not isinstance(value, dict | list):
        found, inner = changed()
        inner[last] = {"@value": value}
        yield "value object", found
        if word.term.type and word.term.type[0] != "@":
            found, inner = changed()
            inner[last] = {"@value": value, "@type": word.term.type}
            yield "typed value object", found
    found, inner = changed()
    inner["alias"] = None
    yield "null beside it", with_context(found, alias)
    found, inner = changed()
    inner[last] = None
    inner["alias"] = value
    yield "null instead", with_context(found, alias)


def _moved(document: Document, word: Word, value: Any) -> Iterator[tuple[str, Document]]:
    last, around, text = word.path[-1], word.path[:-1], orjson.dumps(document)
    for other in objects(document):
        if other[: len(word.path)] != word.path and other != around:
            found = orjson.loads(text)
            target = at(found, other)
            if last not in target:
                target[last] = at(found, around).pop(last)
                yield f"moved to {other}", found
    if isinstance(value, dict) and "id" in value:  # the object and a reference to it change places
        for other in objects(document):
            if other != word.path and at(document, other).keys() == {"id"}:
                found = orjson.loads(text)
                if at(found, other)["id"] == value["id"]:
                    at(found, other).update(at(found, word.path))
                    at(found, around)[last] = {"id": value["id"]}
                    yield f"told at {other}", found


def known_names(iri: str) -> set[str]:
    """What vendored contexts call it."""
    return {name for name, iris in NAMES.iris.items() if iri in iris}
