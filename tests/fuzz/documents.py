"""Random documents that lose nothing, for any set of contexts: seeded, so that a finding can be repeated.

The generator asks our own context processor which terms exist at a place and what they expect. If it is told
something wrong, the other implementations will drop or read differently what is written here. While it
writes, it notes where another implementation is known to go its own way (`traps`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from random import Random
from typing import Any

from vc.vcdm.jsonld import Contexts
from vc.vcdm.jsonld.context import UNSET, ActiveContext, Meter
from vc.vcdm.jsonld.literal import literal
from vc.vcdm.jsonld.plan import GRAPH, JSON, LANGUAGES, LINK, LIST, PLAIN, REVERSE, TEXT, Plan
from vc.vcdm.jsonld.walker import Walk
from wire.problem import Problem

CREDENTIALS_1 = "https://www.w3.org/2018/credentials/v1"
CREDENTIALS_2 = "https://www.w3.org/ns/credentials/v2"
EXAMPLES_1 = "https://www.w3.org/2018/credentials/examples/v1"
OPEN_BADGES = "https://purl.imsglobal.org/spec/ob/v3p0/"
SUITES = "https://w3id.org/security/suites/"
CONTEXTS: list[list[Any]] = [
    [CREDENTIALS_2, OPEN_BADGES + "context-3.0.3.json", OPEN_BADGES + "extensions.json"],
    [CREDENTIALS_2, OPEN_BADGES + "context-3.0.2.json"],
    [CREDENTIALS_2, "https://www.w3.org/ns/credentials/examples/v2"],
    [CREDENTIALS_2, "https://www.w3.org/ns/credentials/undefined-terms/v2"],
    [CREDENTIALS_2, "https://purl.imsglobal.org/spec/clr/v2p0/context-2.0.1.json"],
    [CREDENTIALS_1, OPEN_BADGES + "context-3.0.1.json", SUITES + "ed25519-2020/v1"],
    [CREDENTIALS_1, "https://w3id.org/security/data-integrity/v2"],
    [CREDENTIALS_1, EXAMPLES_1, "https://w3id.org/vc/status-list/2021/v1"],
    [CREDENTIALS_1, SUITES + "jws-2020/v1"],
    ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
    ["https://w3id.org/security/data-integrity/v1"],
]
XSD = "http://www.w3.org/2001/XMLSchema#"
PIECES = [
    "a", "Zoë ", "O'Neill", "北京", "ﬀ", "\ue000", "\ufffd", "😀", "𝒜", '"', "\\", "\n", "\t", "\r", " ", "é",
    "\u2028", "\u0301", "-", "0x", "@en", "^^", "_:a", "<", ">",
]  # fmt: skip
CONTROLS = ["\x7f", "\x00", "\x08", "\x0b", "\x0c", "\x1f"]
DEEPEST = 5

# Traps: where another implementation is known to differ, and how. The last two show in its answer.
CONTROL = "pyld writes control characters as they are"
DIRECTION = "pyoxigraph keeps base directions as RDF 1.2 does, not as i18n datatypes"
DOUBLE = "pyoxigraph writes the shortest form of a double, not 15 fraction digits"
SEVERAL_TYPES = "pyoxigraph keeps only the last of several type-scoped contexts"
SCOPED_TERM = "pyoxigraph loses the context of a type-scoped term one object further down"
NAMED = "pyoxigraph follows a neighbour once where two statements of a named graph lead to it"
NONE = "pyoxigraph gives a term of @type @none no default language"
REDEFINED = "pyoxigraph reads a type in the context of that type"
SORTED = "pyoxigraph sorts the keys of JSON literals by code point"
PROTECTED = "pyoxigraph refuses to redefine some protected terms that may be"
REPEATED = "pyld writes a statement twice that two forms of a value give"
TRAPS_OF_PYLD = {CONTROL}
TRAPS_OF_PYOXIGRAPH = {
    DIRECTION, DOUBLE, SEVERAL_TYPES, SCOPED_TERM, NAMED, NONE, REDEFINED, SORTED,
}  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """A document, and the traps that it holds."""

    document: dict[str, Any]
    traps: frozenset[str]


def sample(seed: int, configuration: Contexts) -> Sample:
    """The sample of this seed: one that `configuration` takes."""
    rng = Random(seed)
    while True:
        contexts = list(rng.choice(CONTEXTS)) if rng.random() < 0.75 else []
        if not contexts or rng.random() < 0.2:
            contexts.append(inline_context(rng))
        writer = Writer(rng, configuration)
        try:
            return Sample(writer.document(contexts), frozenset(writer.traps))
        except Problem:
            continue  # a random context that contradicts itself or a protected one


class Writer:
    """Writes one document."""

    def __init__(self, rng: Random, contexts: Contexts) -> None:
        self.rng = rng
        self.walk = Walk(contexts, Meter())
        self.left = rng.choice([4, 12, 30])  # objects still to be written
        self.pieces = PIECES + CONTROLS if rng.random() < 0.1 else PIECES
        self.types = rng.choice([1, 1, 1, 2])
        self.traps: set[str] = set()

    def chance(self, part: float) -> bool:
        return self.rng.random() < part

    def document(self, contexts: list[Any]) -> dict[str, Any]:
        context = contexts[0] if len(contexts) == 1 and self.chance(0.5) else contexts
        active = self.walk.embedded(self.walk.contexts.root, context)
        return {"@context": context, **self.node(active, 0, talkative=True)}

    def node(self, active: ActiveContext, depth: int, *, talkative: bool = False) -> dict[str, Any]:
        """A node object; `talkative`: it says at least one thing."""
        self.left -= 1
        members: dict[str, Any] = {}
        if depth and self.chance(0.05 if active.terms else 0.8):
            context = self.rng.choice(CONTEXTS)
            try:
                active = self.walk.embedded(active, context)
                members["@context"] = context
            except Problem:
                pass  # it would redefine protected terms
        inside = active
        classes = [name for name, term in active.terms.items() if name[:1].isupper() and term.iri]
        if classes and self.taken(active.types) and (talkative or self.chance(0.7)):
            types = self.rng.sample(classes, min(len(classes), self.rng.randint(1, self.types)))
            if len([name for name in types if active.terms[name].context is not UNSET]) > 1:
                self.traps.add(SEVERAL_TYPES)
            key = self.rng.choice(self.taken(active.types))
            inside, _, _ = self.walk.typed(active, types)
            if any(inside.terms.get(name) != active.terms[name] for name in types):
                self.traps.add(REDEFINED)
            members[key] = types[0] if len(types) == 1 and self.chance(0.5) else types
        if self.chance(0.5) and (ids := self.taken(inside.ids)):
            own = depth == 0 and self.walk.contexts.names  # which no inner object may have then
            members[self.rng.choice(ids)] = "urn:ex:document" if own else self.iri()
        for key in self.keys(inside, depth):
            plan = self.plan(inside, key)
            if plan and key not in members:
                term = inside.terms.get(key)
                scoped = term is not None and term.context is not UNSET
                if term and term.type == "@none":
                    self.traps.add(NONE)
                members[key] = self.values(plan, depth)
                if scoped and inside.previous and isinstance(members[key], dict | list):
                    self.traps.add(SCOPED_TERM)
        if self.chance(0.05) and depth < DEEPEST and not self.walk.contexts.names:
            members |= self.rare(inside, depth)
        if talkative and not any(says(value) for key, value in members.items() if key not in inside.ids):
            members["urn:ex:says"] = self.scalar(self.walk.plan(inside, "urn:ex:says"))
        if "@graph" in members:  # beside which null is refused in the outermost object
            members = {key: value for key, value in members.items() if value is not None}
        order = list(members.items())
        self.rng.shuffle(order)
        return dict(order)

    def taken(self, keys: Collection[str]) -> list[str]:
        """Of the keys for an id or a type those that the configuration takes."""
        return [key for key in keys if not self.walk.contexts.names or key in {"id", "type"}]

    def rare(self, active: ActiveContext, depth: int) -> dict[str, Any]:
        """A keyword that hardly anybody uses."""
        base = active.previous or active
        keyword = self.rng.choice(["@graph", "@nest"])
        if keyword == "@nest":
            return {"@nest": {"urn:ex:nested": self.number()}}
        if keyword == "@graph":
            self.traps.add(NAMED)
        return {keyword: [self.node(base, depth + 1, talkative=True)]}

    def keys(self, active: ActiveContext, depth: int) -> list[str]:
        names = [name for name, term in active.terms.items() if not name[:1].isupper() and term.iri]
        keys = self.rng.sample(names, min(len(names), self.rng.randint(0, 6 if depth < 3 else 2)))
        if active.vocab and self.chance(0.5):
            keys += [f"free{self.rng.randint(0, 9)}" for _ in range(self.rng.randint(0, 3))]
        if self.chance(0.1):
            keys.append(f"urn:ex:p{self.rng.randint(0, 3)}")
        return keys

    def plan(self, active: ActiveContext, key: str) -> Plan | None:
        try:
            plan = self.walk.plan(active, key)
        except Problem:
            return None
        return plan if plan.kind in {TEXT, LINK, PLAIN, LIST, LANGUAGES, GRAPH, JSON, REVERSE} else None

    def values(self, plan: Plan, depth: int) -> Any:
        kind = plan.kind
        if kind in {GRAPH, REVERSE} and depth == DEEPEST:
            return None
        if kind == JSON:
            return self.json(0)
        if kind == LIST:
            return [self.value(plan, depth, none=False) for _ in range(self.rng.choice([0, 1, 2, 3]))]
        if kind == LANGUAGES:
            if plan.direction:
                self.traps.add(DIRECTION)
            tags = self.rng.sample(["en", "de-AT", "zh-Hans", "@none"], self.rng.randint(0, 3))
            return {tag: self.text() if self.chance(0.5) else [self.text(), self.text()] for tag in tags}
        if kind == GRAPH:
            self.traps.add(NAMED)
            graphs = [
                self.node(plan.node, depth + 1, talkative=True) for _ in range(self.rng.choice([1, 1, 2]))
            ]
            return graphs[0] if len(graphs) == 1 and self.chance(0.5) else graphs
        if kind == REVERSE:
            return self.node(plan.node, depth + 1)
        if self.chance(0.7):
            return self.value(plan, depth)
        values = [self.value(plan, depth) for _ in range(self.rng.randint(0, 4))]
        return {"@set": values} if self.wraps(plan) and self.chance(0.1) else values

    def value(self, plan: Plan, depth: int, *, none: bool = True) -> Any:
        luck = self.rng.random()
        if luck < 0.3 and self.left > 0 and depth < DEEPEST:
            return self.node(plan.node, depth + 1)
        if luck < 0.4:
            return self.value_object()
        if luck < 0.45 and (ids := self.taken(plan.scalar.ids)):
            return {self.rng.choice(ids): self.iri()}
        if luck < 0.48 and none:
            return None
        if luck < 0.5 and self.wraps(plan):
            return {"@list": [self.scalar(plan) for _ in range(self.rng.randint(1, 3))]}
        return self.scalar(plan)

    def scalar(self, plan: Plan) -> Any:
        if self.chance(0.2) or (plan.datatype or "").endswith("#double"):
            return self.number()
        if plan.type == "@id":
            return self.iri()
        if plan.type == "@vocab":
            names = [name for name, term in plan.scalar.terms.items() if term.iri and term.iri[0] != "@"]
            return self.rng.choice(names) if names and self.chance(0.6) else self.iri()
        if plan.direction:
            self.traps.add(DIRECTION)
        return self.text()

    def wraps(self, plan: Plan) -> bool:
        """Whether a list or set object may stand here, and is read like the array in it."""
        try:
            inner = self.walk.inside(plan)
        except Problem:
            return False
        return (inner.type, inner.datatype, inner.scalar.terms) == (
            plan.type,
            plan.datatype,
            plan.scalar.terms,
        )

    def value_object(self) -> dict[str, Any]:
        luck = self.rng.random()
        if luck < 0.3:
            return {"@value": self.text(), "@language": self.rng.choice(["en", "EN-us", "sl-rozaj-biske"])}
        if luck < 0.5:
            datatype = XSD + self.rng.choice(["date", "dateTime", "decimal", "anyURI"])
            return {"@type": datatype, "@value": self.text()}
        if luck < 0.6:
            return {"@value": self.json(0), "@type": "@json"}
        if luck < 0.65:
            self.traps.add(DIRECTION)
            language = {"@language": "ar"} if self.chance(0.5) else {}
            return {"@value": "rtl " + self.text(), "@direction": "rtl", **language}
        return {"@value": self.number() if self.chance(0.5) else self.text()}

    def text(self) -> str:
        pieces = [self.rng.choice(self.pieces) for _ in range(self.rng.randint(0, 6))]
        if not set(CONTROLS).isdisjoint(pieces):
            self.traps.add(CONTROL)
        return "".join(pieces)

    def iri(self) -> str:
        start = self.rng.choice(["https://example.org/", "urn:uuid:", "did:example:", "mailto:", "tag:é,"])
        return f"{start}{self.rng.randint(0, 40)}{self.rng.choice(['', '#key', '?q=%20', 'ü'])}"

    def number(self) -> int | float | bool:
        value: int | float = self.rng.choice(
            [
                self.rng.randint(-9, 9), self.rng.randint(-(2**53) + 1, 2**53 - 1), True, False, 5.0, 1e15,
                round(self.rng.uniform(-50, 50), self.rng.randint(1, 6)), 1.5e-10, -2.25e-30,
            ]
        )  # fmt: skip
        if value == 0:
            return 0  # never -0.0, on which processors disagree
        if isinstance(value, float) and len(literal(value, None)) > len(repr(value)) + 48:
            self.traps.add(DOUBLE)
        return value

    def json(self, depth: int) -> Any:
        luck = self.rng.random()
        if luck < 0.2 and depth < 3:
            return [self.json(depth + 1) for _ in range(self.rng.randint(0, 3))]
        if luck < 0.4 and depth < 3:
            keys = [self.text() for _ in range(self.rng.randint(0, 3))]
            if any(ord(letter) >= 0xE000 for letter in "".join(keys)):
                self.traps.add(SORTED)
            return {key: self.json(depth + 1) for key in keys}
        return self.rng.choice([None, self.text(), self.number()])


def says(value: Any) -> bool:
    """Whether a value gives at least one statement."""
    if isinstance(value, list):
        return any(says(item) for item in value)
    return value not in (None, {}) and not (isinstance(value, dict) and "@set" in value)


def inline_context(rng: Random, depth: int = 0) -> dict[str, Any]:
    """A random context object; some contradict themselves."""
    context: dict[str, Any] = {}
    if rng.random() < 0.3:
        context["@vocab"] = rng.choice(["urn:vocab:", "https://example.org/ns#", "ex:ns/"])
    if rng.random() < 0.15:
        context["@language"] = rng.choice(["fr", "pt-BR"])
    if rng.random() < 0.2:
        context["@protected"] = True
    if rng.random() < 0.1:
        context["@propagate"] = rng.choice([True, False])
    if rng.random() < 0.4:
        context["ex"] = "https://example.org/ex/"
    if rng.random() < 0.3:
        context |= {"id": "@id", "type": "@type"}
    for _ in range(rng.randint(1, 6)):
        context[rng.choice("abcdeAB") + str(rng.randint(0, 3))] = _definition(rng, depth)
    return context


def _definition(rng: Random, depth: int) -> Any:
    iri = f"urn:term:{rng.randint(0, 30)}"
    if rng.random() < 0.3:
        return rng.choice([iri, iri, "ex:" + str(rng.randint(0, 9)), None])
    definition: dict[str, Any] = {"@id": iri}
    if rng.random() < 0.5:
        definition["@type"] = rng.choice(
            ["@id", "@vocab", "@json", "@none", XSD + "date", XSD + "double", XSD + "string", "ex:type"]
        )
    elif rng.random() < 0.5:
        definition["@language"] = rng.choice(["it", None])
    elif rng.random() < 0.2:
        definition["@direction"] = rng.choice(["rtl", None])
    if rng.random() < 0.3:
        definition["@container"] = rng.choice(["@set", "@list", "@language", "@graph", ["@graph", "@set"]])
    if rng.random() < 0.1:
        definition = {"@reverse": iri}
    if rng.random() < 0.1:
        definition["@protected"] = rng.choice([True, False])
    if depth < 2 and rng.random() < 0.3:
        definition["@context"] = inline_context(rng, depth + 1)
    return definition
