"""The content of a document, under the names of the one table, however it is spelled.

The counterpart of the walker for readers of JSON: the same contexts and plans, but members under their names
instead of statements. Terms of the document's own become IRIs, since a signature over RDF covers those and
not the names; ids and references are written out; null and [] say nothing and are gone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import is_
from typing import Any

import orjson

from wire.work import BYTES_WRITTEN, Work

from .context import ActiveContext, Contexts, Meter, expand
from .literal import literal
from .plain import NOTHING, SMALL, Walked, cost, plainly
from .plan import DONE, GRAPH, JSON, LANGUAGES, LIST, MAP, MISNAMED, NUMBERS, WORDS, Plan, defined
from .problem import TOO_COMPLEX, InvalidDocument, Respelled
from .value import reference, value_object
from .walker import DECIDING, DEEPEST, Walk, misnamed

_NUMBER = r"-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,3})?"


@dataclass
class Reading:
    """The content of one document."""

    claims: Mapping[str, Any]
    """The document itself where it is spelled so, else a copy. Its `proof` stays as it is."""
    objects: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """By id the objects that have one and say something of it: several may speak of one."""
    united: Mapping[str, Mapping[str, Any] | Respelled] = field(default_factory=dict)
    """The statements of several objects with one id, or the reason why they cannot be told apart."""
    silent: str = ""
    """A member that is null or [], which no signature covers."""
    walked: Walked | None = field(default=None, compare=False)
    """The document without its proofs, where its statements are known."""

    def about(self, value: object) -> object:
        """All that the document says of an object, or of an id, wherever it stands; else the value itself.

        Raises `Respelled` where that cannot be told apart.
        """
        name = value.get("id") if isinstance(value, dict) else value
        if not isinstance(name, str):
            return value
        united = self.united.get(name)
        if isinstance(united, Respelled):
            raise united.with_traceback(None)  # each raise would add to the last one's
        if united is not None:
            return united
        alone = self.objects.get(name)
        return value if alone is None or (isinstance(value, dict) and len(value) > 1) else alone[0]


def read_by(document: Mapping[str, Any], contexts: Contexts, work: Work, *, states: bool = False) -> Reading:
    """Reads a document. Raises what `canonicalize` raises for its terms, types and references."""
    meter = Meter(work)
    try:
        size, steps = cost(document)
        work.spend(steps)
        return _Reader(contexts, meter).read(document, steps if states and size <= SMALL else 0)
    finally:
        contexts.settle(meter)


class _Reader:
    """One way through one document."""

    def __init__(self, contexts: Contexts, meter: Meter) -> None:
        assert contexts.names is not None
        self.names = contexts.names
        self.walk, self.work = Walk(contexts, meter, NOTHING), meter.work
        self.told: dict[str, list[Mapping[str, Any]]] = {}
        self.silent = ""

    def read(self, document: Mapping[str, Any], steps: int) -> Reading:
        unsecured = {name: value for name, value in document.items() if name != "proof"}
        plain = plainly(self.walk, unsecured, states=steps > 0)
        if plain is not None and len(plain.objects.get(str(unsecured.get("id")), ())) < 2:
            self.told = plain.objects
            walked = plain.kept(unsecured, self.walk.contexts, steps) if steps else None
            return Reading(document, plain.objects, self.united(), walked=walked)
        claims: Mapping[str, Any] = self.node(self.walk.contexts.root, unsecured, 0)
        united = self.united()
        more = united.get(str(claims.get("id")), {})
        if isinstance(more, Respelled):
            # Threat 30: the document contradicts itself in something that decides.
            raise more
        if claims is unsecured and not more:
            return Reading(document, self.told, united, self.silent)
        secured = {"proof": document["proof"]} if "proof" in document else {}
        return Reading({**claims, **more, **secured}, self.told, united, self.silent)

    def united(self) -> dict[str, Mapping[str, Any] | Respelled]:
        """The statements of all objects with one id, for each such id.

        This is worked out here, where it draws on `work`, and not when somebody asks. Uniting writes objects
        that lie in each other once for each level, and a program that shows a credential has no work left to
        count.
        """
        united: dict[str, Mapping[str, Any] | Respelled] = {}
        for name, objects in self.told.items():
            if len(objects) > 1:
                try:
                    # Threat F31.
                    united[name] = _united(objects, self.work)
                except Respelled as problem:  # of an object that nobody may ask about
                    united[name] = problem
        return united

    def node(self, active: ActiveContext, node: dict[str, Any], depth: int) -> dict[str, Any]:
        """An object that is no value and no list: itself, where nothing in it reads otherwise."""
        if depth > DEEPEST:
            raise TOO_COMPLEX.saying("the document is nested deeper than {most} levels", most=DEEPEST)
        if "@context" in node:
            active = self.walk.embedded(active, node["@context"])
        # A copy, from where something reads otherwise than it is written.
        changed: dict[str, Any] | None = None
        together: dict[str, list[Any]] = {}  # what several members say under one name
        key = ""
        try:
            types: tuple[str, ...] | None = None
            if "type" in node:
                key = "type"
                active, _, types = self.walk.typed(active, node["type"])
            for key in active.types:
                if key != "type" and key in node:
                    self.walk.plan(active, key)  # raises
            plans, terms = active.plans, active.terms
            for number, (key, value) in enumerate(node.items()):
                plan = plans[key] if key in plans else self.walk.plan(active, key)
                kind = plan.kind
                read = value
                if type(value) is str:
                    if kind == DONE:
                        if plan.name == "@id":
                            if value.partition(":")[0] in terms:
                                read = self.reference(active, value)
                        elif types and plan.name == "@type":
                            (read,) = types
                    elif plan.reads != WORDS:
                        read = self.value(plan, value, depth)
                elif kind != DONE:
                    read = self.value(plan, value, depth)
                elif plan.name == "@id":
                    reference(active, value)  # raises
                elif types and plan.name == "@type":
                    read = list(types)
                if kind == JSON:
                    silent = False
                else:  # an empty @list is a list, and no silence
                    silent = read is None or (read == [] and kind != LIST)
                if changed is None:
                    if plan.said is None and read is value and not silent:
                        continue
                    changed = dict(islice(node.items(), number))
                if silent:
                    self.silent = self.silent or key
                    continue
                name = plan.said or key
                if name not in changed:
                    changed[name] = read
                elif name in DECIDING:  # readers of JSON see one of the two
                    raise Respelled.saying("{name} is said under two names", name=name)
                else:  # to RDF they are values of one property
                    together.setdefault(name, [changed[name]]).append(read)
        except InvalidDocument as problem:
            problem.within(key)
            raise
        result = node if changed is None else changed
        for name, values in together.items():
            result[name] = _together(values, self.work)
        if type(result.get("id")) is str and len(result) > 1:
            self.told.setdefault(result["id"], []).append(result)
        return result

    def value(self, plan: Plan, value: Any, depth: int) -> Any:
        """The value of a property, or each of its values."""
        kind = type(value)
        if plan.kind == JSON:
            return value
        if plan.kind == MISNAMED:
            # ADR 15 (threat 30): what decides is read under its one name only.
            raise misnamed(plan.key, plan.name, plan.source)
        if kind is list:
            items = [self.value(plan, item, depth) for item in value if item is not None]
            return value if len(items) == len(value) and all(map(is_, items, value)) else items
        if kind is dict:
            if plan.kind == MAP:
                raise InvalidDocument("a map by index, id or type is not supported", hint="Use an array.")
            if plan.kind != LANGUAGES:
                return self.object(plan, value, depth)
            texts = [
                _tagged(text, None if key == "@none" else key.lower(), plan.direction)
                for key, entry in value.items()
                for text in (entry if isinstance(entry, list) else [entry])
            ]
            return texts[0] if len(texts) == 1 else texts
        if kind is str and plan.type == "@id":
            return self.reference(plan.scalar, value)
        if kind is str and plan.type == "@vocab":
            iri = self.written(defined(expand(plan.scalar, value, vocab=True), value))
            return self.names.types.get(iri, iri)
        if plan.datatype and type(value) in (str, int, float, bool):
            return _native(value, plan.datatype)
        if kind is str and (plan.language or plan.direction):
            return _tagged(value, plan.language, plan.direction)
        return value

    def reference(self, active: ActiveContext, value: Any) -> str:
        return self.written(reference(active, value))

    def written(self, iri: str) -> str:
        """An IRI that may be much longer than what stands for it."""
        self.work.spend(len(iri) // BYTES_WRITTEN)
        return iri

    def object(self, plan: Plan, value: dict[str, Any], depth: int) -> Any:
        for key, keyword in plan.scalar.wrappers:
            if key not in value:
                continue
            if keyword == "@value":
                return _value_object(plan, value, value[key])
            items = self.value(self.walk.inside(plan), value[key], depth + 1)
            return items if keyword == "@set" or plan.kind == LIST else {"@list": items}
        if plan.kind == GRAPH:  # somebody else's document, most often: with objects and silence of its own
            outer = self.told, self.silent
            self.told = {}
            result = self.node(plan.node, value, depth + 1)
            self.told, self.silent = outer
            return result
        alone = len(value) == 1 and next(iter(value)) in plan.scalar.ids
        return self.node(plan.scalar if alone else plan.node, value, depth + 1)


def _value_object(plan: Plan, value: dict[str, Any], content: Any) -> Any:
    """A text or number without its datatype, a text with its language."""
    value_object(plan.scalar, value)  # raises for one that means nothing
    members = {expand(plan.scalar, key, vocab=True): entry for key, entry in value.items()}
    if "@type" in members:
        return _native(content, expand(plan.scalar, members["@type"], vocab=True))
    return _tagged(content, members.get("@language", "").lower(), members.get("@direction"))


def _native(content: Any, datatype: str | None) -> Any:
    """The JSON value of a literal, the same however it is written: its datatype decides."""
    if datatype is None or datatype == "@json":
        return content
    text = content if type(content) is str else literal(content, datatype)[1:].partition('"')[0]
    if datatype not in NUMBERS:
        return text
    if datatype.endswith("boolean"):
        return {"true": True, "false": False}.get(text, text)
    if re.fullmatch(_NUMBER, text):
        return float(text) if "." in text or "E" in text.upper() else int(text)
    return text


def _tagged(text: Any, language: str | None, direction: str | None) -> Any:
    members = {"@language": language, "@direction": direction}
    tags = {tag: content for tag, content in members.items() if content}
    return {"@value": text, **tags} if tags else text


def _united(objects: Sequence[Mapping[str, Any]], work: Work) -> Mapping[str, Any]:
    """The statements of several objects with one id, in an order that does not depend on theirs.

    Raises `Respelled`, `TooLarge`.
    """
    if all(other == objects[0] for other in objects):
        return objects[0]
    members: dict[str, list[Any]] = {}
    for each in objects:
        for name, value in each.items():
            if name != "@context":
                members.setdefault(name, []).append(value)
    united: dict[str, Any] = {}
    for name, values in members.items():
        # Threat 30: a holder may take an object apart, and a reader would see one of two values.
        if name in DECIDING and not all(value == values[0] for value in values):
            raise Respelled.saying(
                "objects of one id differ in {name}, so that they cannot be told apart", name=name
            )
        united[name] = _together(values, work)
    return united


def _together(values: Sequence[Any], work: Work) -> Any:
    """The values that a property is given in several places, in an order that does not depend on these.

    An object that has an id counts by that, since more may be said of it elsewhere. Raises `TooLarge`.
    """
    if all(value == values[0] for value in values):
        return values[0]
    each = [item for value in values for item in (value if isinstance(value, list) else [value])]
    placed = {(_text(item, work, by_id=True), _text(item, work)): item for item in each}
    return [placed[place] for place in sorted(placed)] if len(placed) > 1 else each[0]


def _text(item: Any, work: Work, *, by_id: bool = False) -> str:
    # decoded, since each result of orjson holds on to a buffer of 4 KiB or more
    return orjson.dumps(_bare(item, work, by_id), option=orjson.OPT_SORT_KEYS).decode()


def _bare(value: Any, work: Work, by_id: bool) -> Any:
    """The statements alone, without the contexts that say how they were spelled.

    Each value and name is charged: names may be long IRIs, and objects in each other are written again for
    each level.
    """
    if isinstance(value, list):
        work.spend(1)
        return [_bare(item, work, by_id) for item in value]
    if not isinstance(value, dict):
        work.spend(1 + (len(value) // BYTES_WRITTEN if isinstance(value, str) else 0))
        return value
    if by_id and "id" in value:
        return _bare(value["id"], work, by_id)
    work.spend(1 + sum(map(len, value)) // BYTES_WRITTEN)
    return {name: _bare(item, work, by_id) for name, item in value.items() if name != "@context"}
