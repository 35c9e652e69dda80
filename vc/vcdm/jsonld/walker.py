"""From a JSON document straight to statements, in one walk and without losing anything.

This does in one pass what JSON-LD 1.1 describes as expansion, node map generation and conversion to RDF
(Processing Algorithms 5.1, 7.2, 8.1). The meaning of a key is worked out once and remembered as a `Plan` on
the active context (plan.py). So the walk of a document of a known kind is little more than joining strings.
Wherever the specification would drop something, `LossyDocument` is raised. Differences without meaning in
JSON-LD stay free: the order of members and of sets, a value given twice in a set, null and [] as absence.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, NoReturn

from .context import UNSET, ActiveContext, Contexts, Meter, Typed, expand
from .literal import RDF, closing, escaped, is_special, json_literal, language_tag
from .plan import (
    DONE,
    GRAPH,
    JSON,
    KEYWORD,
    LANGUAGES,
    LINK,
    LIST,
    MISNAMED,
    PLAIN,
    REVERSE,
    TEXT,
    Plan,
    compile_plan,
    defined,
    is_misnamed,
    origin,
)
from .problem import INVALID_CONTEXT, TOO_COMPLEX, InvalidDocument, LossyDocument, Respelled, quoted
from .rdfc import Dataset, Graph, Node
from .value import reference, scalar, value_object
from .vocabulary import CREATED, DECIDES, PROOFS

DEEPEST = 100  # nested objects and lists
DECIDING = frozenset(DECIDES.values()) - {"type"}
OF_THE_DOCUMENT = DECIDING - {"encodedList", "statusPurpose", "statusSize"}
"""Members that only the outermost of the objects with the document's own id may have.

The members that decide in a status list stand in its subject, to which some issuers (MOSIP Inji Certify) give
the id of the list. Moving one between the two objects changes no statement, and the reader unites them, so
nobody gains by it. The reader refuses two that differ in such a member.
"""

_FIRST, _REST, _NIL = f" <{RDF}first> ", f" <{RDF}rest> ", f"<{RDF}nil>"


class Walk:
    """One walk through one document."""

    def __init__(
        self,
        contexts: Contexts,
        meter: Meter,
        dataset: Dataset | None = None,
        *,
        unnamed: list[tuple[dict[str, Any], int]] | None = None,
    ) -> None:
        """`dataset` takes the statements, by default one without limits; `unnamed` takes each object without
        an id, with the number of its blank node.
        """
        self.contexts = contexts
        self.meter = meter
        self.dataset = Dataset() if dataset is None else dataset
        self.own: str | None = None  # the id of the outermost object
        self.unnamed = unnamed
        self.roots = 0  # objects that nothing points to

    def document(self, document: dict[str, Any]) -> Dataset:
        """All its statements. Raises InvalidDocument, LossyDocument, TOO_COMPLEX and what contexts raise."""
        self.root(self.dataset.graphs[""], self.contexts.root, document, 0, outermost=True)
        return self.dataset

    # Objects that are nodes

    def root(
        self, graph: Graph, active: ActiveContext, value: Any, depth: int, *, outermost: bool = False
    ) -> None:
        """An object that nothing points to: it must say something, or it would be gone.

        Raises `LossyDocument`.
        """
        if type(value) is not dict:
            # A text or a number there is dropped by processors: signed, and no part of what is signed.
            raise LossyDocument("something other than an object stands where nothing points to it")
        before = len(graph.lines), len(graph.links), self.roots
        blanks = self.dataset.blanks
        subject = self.node(graph, active, value, depth, outermost=outermost)
        facts = graph.facts[subject] if isinstance(subject, int) else None
        more_blanks = self.dataset.blanks > blanks + (facts is not None)  # each of them gets a statement
        # Threat 34: no statement would stand for it.
        if before == (len(graph.lines), len(graph.links), self.roots) and not facts and not more_blanks:
            raise LossyDocument("an object that nothing points to says nothing")
        self.roots += 1

    def node(
        self,
        graph: Graph,
        active: ActiveContext,
        node: dict[str, Any],
        depth: int,
        *,
        outermost: bool = False,
    ) -> Node:
        """A node object (5.1.2, from step 9): its statements go into `graph`, its name is returned.

        Raises `InvalidDocument`, `Respelled`, and what its members do.
        """
        if "@context" in node:
            active = self.embedded(active, node["@context"])
        types: list[str] = []
        name: str | None = None
        key = ""
        try:
            for key in active.types:
                if key in node:
                    # Two aliases of @type: processors take one or the other.
                    if types:
                        raise InvalidDocument("an object has its type under two keys")
                    active, types, _ = self.typed(active, node[key])
            for key in active.ids:
                if key in node:
                    # Two ids would be two subjects; which one counts depends on the processor.
                    if name is not None:
                        raise InvalidDocument("an object has its id under two keys")
                    name = reference(active, node[key])
        except InvalidDocument as problem:
            problem.within(key)
            raise
        subject: Node
        if outermost:
            self.own = name
        elif (
            name is not None
            and name == self.own
            and self.contexts.names
            and not OF_THE_DOCUMENT.isdisjoint(node)
        ):
            # Threat 30: a reader of JSON would miss them there, while the statements are the same.
            raise Respelled("members of the document itself stand in another object of the same id")
        if name is None:
            subject = blank = self.dataset.blank()
            if self.unnamed is not None:
                self.unnamed.append((node, blank))
            start = ""
            lines = graph.facts[blank] = graph.new()
        else:
            subject = start = f"<{name}>"
            lines = graph.lines
        for line in types:
            lines.append(start + line)
        self.members(graph, active, node, depth, subject, start, lines, outermost)
        return subject

    def members(
        self, graph: Graph, active: ActiveContext, node: dict[str, Any], depth: int,
        subject: Node, start: str, lines: list[str], outermost: bool,
    ) -> None:  # fmt: skip
        """The loop over the members of a node object, kept fast.

        Raises `TOO_COMPLEX`, and what the members do.
        """
        # A bound of this program's: each level costs a level of the stack.
        if depth > DEEPEST:
            raise TOO_COMPLEX.saying("the document is nested deeper than {most} levels", most=DEEPEST)
        plans = active.plans
        add = lines.append
        key = ""
        try:
            for key, value in node.items():
                plan = plans[key] if key in plans else self.plan(active, key)
                kind = plan.kind
                if type(value) is str:
                    if kind == TEXT:
                        if is_special(value):
                            value = escaped(value)
                        add(f"{start}{plan.head}{value}{plan.tail}")
                        continue
                    if kind == LINK:
                        add(f"{start}{plan.head}{reference(plan.scalar, value)}{plan.tail}")
                        continue
                if kind <= PLAIN:
                    self.put(graph, subject, plan, value, depth)
                elif kind == KEYWORD:
                    self.keyword(graph, active, node, key, plan, depth, subject, start, lines, outermost)
                elif kind != DONE:
                    self.special(graph, subject, plan, value, depth)
        except InvalidDocument as problem:
            problem.within(key)
            raise

    def keyword(
        self, graph: Graph, active: ActiveContext, node: dict[str, Any], key: str, plan: Plan, depth: int,
        subject: Node, start: str, lines: list[str], outermost: bool,
    ) -> None:  # fmt: skip
        """A member of a node object whose key is a keyword (5.1.2, steps 13.4 and 14).

        Raises `InvalidDocument`, `LossyDocument`.
        """
        value = node[key]
        items = value if type(value) is list else [value]
        if plan.name == "@graph":
            alone = outermost and node.keys() <= {"@context", key}
            # With null beside it some processors read a named graph, and others the default one.
            if outermost and None in node.values():
                raise InvalidDocument("null stands beside @graph, which processors do not read the same way")
            for item in items:
                inner = graph if alone else self.dataset.graphs.setdefault(subject, Graph(self.dataset.new))
                self.root(inner, plan.node, item, depth + 1)
        elif plan.name == "@reverse" and type(value) is dict:
            for name, others in value.items():
                reverse = self.plan(plan.node, name)
                # Containers and types are not defined for reverse members.
                if reverse.kind > PLAIN:
                    raise InvalidDocument("@reverse holds a key that is not an ordinary property")
                self.put(graph, subject, reverse, others, depth, backwards=True)
        elif plan.name == "@nest":
            for item in items:
                # A context, an id or a type there would be the outer object's.
                if type(item) is not dict or not item.keys().isdisjoint(
                    ("@context", *active.ids, *active.types)
                ):
                    raise InvalidDocument("@nest holds something else than plain members")
                self.members(graph, active, item, depth + 1, subject, start, lines, False)
        # An index makes no statement, so that no signature would cover it.
        elif plan.name == "@index":
            raise LossyDocument("an index is not part of any statement", hint="Leave it out.")
        else:
            raise InvalidDocument.saying("{member} cannot stand here", member=plan.name)

    # Values of properties

    def put(
        self, graph: Graph, subject: Node, plan: Plan, value: Any, depth: int, *, backwards: bool = False
    ) -> None:
        """Say that the subject has this value, or each of these values, for the plan's property.

        Raises `InvalidDocument`, `LossyDocument`.
        """
        kind = type(value)
        if kind is dict and "@set" in value and len(value) == 1:
            value = value["@set"]
            kind = type(value)
            plan = self.inside(plan)
        if kind is list:
            index = 0
            try:
                for item in value:
                    # Processors flatten it: two documents would have one meaning, and one signature.
                    if type(item) is list or (type(item) is dict and "@set" in item):
                        raise LossyDocument("a set in a set would be dissolved")
                    self.put(graph, subject, plan, item, depth, backwards=backwards)
                    index += 1
            except InvalidDocument as problem:
                problem.within(index)
                raise
        elif value is not None:
            if kind is not dict:
                term: Node = scalar(plan, value)
            # A literal is no subject in RDF.
            elif backwards and any(key in value for key, _ in plan.scalar.wrappers):
                raise InvalidDocument("a reverse property has a literal or a list as its value")
            else:
                term = self.object(graph, plan, value, depth)
            if not backwards:
                say(graph, subject, plan.predicate, term)
            # A literal is no subject in RDF.
            elif isinstance(term, str) and term[0] == '"':
                raise InvalidDocument("a reverse property has a literal or a list as its value")
            else:
                say(graph, term, plan.predicate, subject)

    def object(self, graph: Graph, plan: Plan, value: dict[str, Any], depth: int) -> Node:
        """A value given as an object: a value object, a list object or a node (5.1.2, step 7 on).

        Raises `InvalidDocument`.
        """
        for key, keyword in plan.scalar.wrappers:
            if key in value:
                if keyword == "@value":
                    return value_object(plan.scalar, value)
                # Members beside @list or @set are dropped by processors.
                if keyword == "@set" or len(value) > 1:
                    raise InvalidDocument.saying(
                        "{keyword} cannot stand here, or not beside other members", keyword=keyword
                    )
                items = value[key]
                return self.chain(graph, self.inside(plan), items if type(items) is list else [items], depth)
        if plan.scalar is not plan.node and len(value) == 1:  # a reference does not end a type's context
            (key,) = value
            if key in plan.scalar.ids:
                self.plan(plan.scalar, key)  # raises for a key that secured documents do not have
                return f"<{reference(plan.scalar, value[key])}>"
        return self.node(graph, plan.node, value, depth + 1, outermost=False)

    def inside(self, plan: Plan) -> Plan:
        """The plan for what stands in a list or set object: like any object, it ends a type's context.

        Raises `Respelled` where the property means something else then, or nothing.
        """
        with suppress(LossyDocument):
            inner = self.plan(plan.node, plan.key)
            if inner.predicate == plan.predicate and inner.kind == plan.kind:
                return inner
        raise Respelled.saying(
            "{term} is wrapped in an object, in which it is not read", term=quoted(plan.key)
        )

    def special(self, graph: Graph, subject: Node, plan: Plan, value: Any, depth: int) -> None:
        """Values of a property with a container or of type @json (5.1.2, step 13.6 on).

        Raises `InvalidDocument`, `Respelled`.
        """
        kind = plan.kind
        if kind == JSON:
            say(graph, subject, plan.predicate, json_literal(value))
        elif kind == MISNAMED:
            if value not in (None, []):
                raise misnamed(plan.key, plan.name, plan.source)
        elif kind == REVERSE:
            self.put(graph, subject, plan, value, depth, backwards=True)
        elif value is None:
            return
        elif kind == LIST:
            items = value if type(value) is list else [value]
            if type(value) is dict and any(
                key in value for key, keyword in plan.scalar.wrappers if keyword == "@list"
            ):
                say(graph, subject, plan.predicate, self.object(graph, plan, value, depth))
            else:
                say(graph, subject, plan.predicate, self.chain(graph, plan, items, depth))
        elif kind == GRAPH:
            for item in value if type(value) is list else [value]:
                name = self.dataset.blank()
                say(graph, subject, plan.predicate, name)
                self.root(
                    self.dataset.graphs.setdefault(name, Graph(self.dataset.new)), plan.node, item, depth + 1
                )
        elif type(value) is not dict:
            self.put(graph, subject, plan, value, depth)
        elif kind == LANGUAGES:
            for key, texts in value.items():
                language = None if expand(plan.scalar, key, vocab=True) == "@none" else language_tag(key)
                for text in texts if type(texts) is list else [texts]:
                    # A number in a language map is an error of JSON-LD 1.1, which some processors pass over.
                    if type(text) is not str:
                        raise InvalidDocument("a language map holds something else than strings")
                    close = closing(None, language, plan.direction)
                    say(graph, subject, plan.predicate, '"' + escaped(text) + close)
        else:
            # Its keys would have to be read in each of three ways; no vocabulary in use has such maps.
            raise InvalidDocument("a map by index, id or type is not supported", hint="Use an array.")

    def chain(self, graph: Graph, plan: Plan, items: list[Any], depth: int) -> Node:
        """An ordered list (8.3.2): a chain of blank nodes. Raises `LossyDocument`, `TOO_COMPLEX`."""
        # The same bound as for members.
        if depth > DEEPEST:
            raise TOO_COMPLEX.saying("the document is nested deeper than {most} levels", most=DEEPEST)
        cells = [self.dataset.blank() for _ in items]
        for index, item in enumerate(items):
            kind = type(item)
            if item is None:
                raise LossyDocument("a list holds null, which would be dropped and shift what follows")
            if kind is list:
                term = self.chain(graph, plan, item, depth + 1)
            else:
                term = self.object(graph, plan, item, depth) if kind is dict else scalar(plan, item)
            say(graph, cells[index], _FIRST, term)
            say(graph, cells[index], _REST, cells[index + 1] if index + 1 < len(cells) else _NIL)
        return cells[0] if cells else _NIL

    # Names, types and contexts

    def typed(self, active: ActiveContext, value: Any) -> Typed:
        """The context inside an object of these types, the rest of their lines, and their names if others.

        Raises `InvalidDocument`, `Respelled`.
        """
        kinds = (value,) if type(value) is str else tuple(value) if type(value) is list else (None,)
        key = kinds[0] if len(kinds) == 1 and type(kinds[0]) is str else kinds
        try:
            entry = active.typed.get(key)
            text = "" if entry else "".join(kinds)
        except TypeError:
            raise InvalidDocument("a type is neither a string nor an array of strings") from None
        if entry is None:
            # Threat F1: all that is remembered is paid for.
            self.meter.charge(1 + len(text) // 8)
            result = active
            lines = []
            read_as = dict.fromkeys(kinds, "")
            names = self.contexts.names
            for kind in sorted(read_as):
                iri = defined(expand(active, kind, vocab=True), kind)
                # ADR 15 (threat 30): a type that decides has one name, as a property has.
                if names and is_misnamed(active, kind, iri):
                    raise misnamed(kind, iri, origin(active, kind))
                read_as[kind] = names.types.get(iri, iri) if names else kind
                lines.append(f" <{RDF}type> <{iri}> .\n")
                self.meter.charge(len(iri) // 8)
                term = active.terms.get(kind)
                if term and term.context is not UNSET:
                    result = self.contexts.process(
                        result, term.context, self.meter, propagate=False, source=term.source
                    )
                if names and iri in PROOFS and getattr(result.terms.get("created"), "iri", None) != CREATED:
                    raise Respelled("the context of a proof does not say what 'created' is")
            if result.types != active.types:
                raise InvalidDocument("the context of a type gives another key the meaning of @type")
            read = tuple(map(read_as.__getitem__, kinds))
            active.typed[key] = entry = result, lines, None if read == kinds else read
        return entry

    def plan(self, active: ActiveContext, key: str) -> Plan:
        """The plan for a key, worked out once and remembered."""
        plan: Plan | None = active.plans.get(key)
        if plan is None:
            # Threat F1: as types are.
            self.meter.charge(1 + len(key) // 8)
            plan = active.plans[key] = compile_plan(self.contexts, active, key, self.meter)
        return plan

    def embedded(self, active: ActiveContext, local: Any) -> ActiveContext:
        """The active context after an @context in the document.

        Raises `INVALID_CONTEXT`, `UnknownContext`.
        """
        key: str | tuple[str, ...] | bytes
        if type(local) is str:
            key = local
        elif type(local) is list and {*map(type, local)} == {str}:
            key = tuple(local)
        else:
            if type(local) is dict and "@context" in local:
                raise INVALID_CONTEXT(
                    "a context that stands alone cannot be wrapped as in a context document"
                )
            key = json.dumps(local, default=_not_json).encode()
        context = active.embedded.get(key)
        if context is None:
            self.meter.charge(1 + len(key) // 8)
            context = active.embedded[key] = self.contexts.process(active, local, self.meter)
        return context


def misnamed(name: str, iri: str, source: str) -> Respelled:
    """The problem of a wrong name for something that decides; `source` says where it has its meaning from."""
    proper = DECIDES.get(iri)
    if proper is None or proper == name:  # a term that reads backwards, or what only lists are made of
        return Respelled(
            f"{quoted(name)}, {source}, says what is read only in the ordinary way", term=quoted(name)
        )
    return Respelled(
        f"{quoted(name)}, {source}, is another spelling of {proper}, under which alone it is read",
        term=quoted(name),
    )


def _not_json(value: object) -> NoReturn:
    raise InvalidDocument.saying("a value of type {kind} in a context is not JSON", kind=type(value).__name__)


def say(graph: Graph, subject: Node, predicate: str, value: Node) -> None:
    """Add one statement."""
    if isinstance(value, int):
        graph.links.append((subject, predicate, value))
    elif isinstance(subject, int):
        graph.facts.setdefault(subject, graph.new()).append(f"{predicate}{value} .\n")
    else:
        graph.lines.append(f"{subject}{predicate}{value} .\n")
