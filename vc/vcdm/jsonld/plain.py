"""A document that is spelled as it is read, as nearly all are: its objects and its statements, in one walk.

There each member stands under its own name, and each value is a text, a reference, a number or an object, or
a list of these. The walk knows nothing else: `Walk` has the statements of all other documents, and the reader
says what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import orjson

from wire.problem import Problem
from wire.work import VALUE_WALKED, marks

from .context import IRI, ActiveContext, Contexts
from .literal import escaped, literal
from .plan import ALIKE, ALWAYS, COUNTED, DONE, LINK, OTHERWISE, PLAIN, REFERENCE, TEXT, WORDS, Plan
from .problem import LONGEST_NAME
from .rdfc import Dataset, Graph, Node
from .walker import DEEPEST, Walk

SMALL = 1 << 13  # bytes; half of it for one name, the other for values: a few megabytes of statements
NOTHING = Dataset()  # for a `Walk` that makes no statements
MOST_KEPT = 1 << 16
"""Bytes of one document's statements that are kept: few long names can make millions of them."""
_MOST = 100_000  # objects
_NO_LINES: list[str] = []


class Walked(dict[str, Any]):
    """A document that may still have its statements from when it was read; nobody changes it.

    Pickled as the document alone.
    """

    __slots__ = ("__weakref__", "contexts", "statements", "steps")

    def __init__(self, document: Mapping[str, Any], contexts: Contexts, dataset: Dataset, steps: int) -> None:
        """`steps` are what the walk costs, and are charged whenever its statements are used."""
        super().__init__(document)
        self.contexts, self.steps = contexts, steps
        self.statements = [dataset]
        contexts.note_walked(self)

    def taken(self) -> Dataset | None:
        """Its statements, once; a second caller has to make them anew."""
        try:
            return self.statements.pop()
        except IndexError:
            return None

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


class Plain:
    """The objects and statements of a document that is spelled as it is read.

    It is one way through the document, breadth first, so that no depth of it is one of the stack.
    """

    __slots__ = ("dataset", "graph", "objects", "states", "waiting", "walk")

    def __init__(self, walk: Walk, *, states: bool) -> None:
        self.walk, self.dataset = walk, Dataset() if states else NOTHING
        self.graph = self.dataset.graphs[""]
        self.states = states
        """True while all that was walked has statements that are as simple as that."""
        self.objects: dict[str, list[Mapping[str, Any]]] = {}
        """By id the objects that have one and say something of it."""
        self.waiting: list[tuple[ActiveContext, dict[str, Any], Node, str, int]] = []
        """Objects, each in its context, with subject and predicate of what points to it, and its depth."""

    @property
    def statements(self) -> Dataset | None:
        """`None` where only `Walk` makes them, or says why there are none."""
        graph = self.graph
        says = self.states and (
            graph.lines or graph.links or any(graph.facts.values())
        )  # else it would be gone
        return self.dataset if says else None

    def kept(self, document: Mapping[str, Any], contexts: Contexts, steps: int) -> Walked | None:
        """The document with these statements, unless they are too long to be kept."""
        dataset = self.statements
        if dataset is None:
            return None
        written = sum(map(len, chain(self.graph.lines, *self.graph.facts.values())))
        return Walked(document, contexts, dataset, steps) if written <= MOST_KEPT else None

    def document(self, document: dict[str, Any]) -> bool:
        """True if each member of each object reads as it is written. The loop is kept fast."""
        waiting, walk, states = self.waiting, self.walk, self.states
        dataset, graph, identifier = self.dataset, self.graph, document.get("id")
        subject: Node = ""
        start, lines = "", graph.lines
        waiting.append((walk.contexts.root, document, "", "", 0))
        for active, node, pointing, predicate, depth in waiting:
            if "@context" in node:
                active = walk.embedded(active, node["@context"])
            types = _NO_LINES
            if "type" in node:
                named = node["type"]
                alone = named[0] if type(named) is list and len(named) == 1 else named
                typed = active.typed.get(alone) if type(alone) is str else None
                active, types, renamed = typed or walk.typed(active, named)
                if renamed is not None:
                    return False
            name = node.get("id")
            if name is not None and len(node) > 1:
                if type(name) is not str:
                    return False
                self.objects.setdefault(name, []).append(node)
            if not states:
                pass
            # `Walk` refuses what is deeper, and knows other words for keywords.
            elif depth > DEEPEST or not active.is_usual:
                states = self.states = False
            elif name is None:
                subject, start, lines = dataset.blanks, "", [*types]
                dataset.blanks += 1
                graph.facts[subject] = lines
                if predicate:
                    graph.links.append((pointing, predicate, subject))
            # Threat 30: an object with the document's own id may hold what decides; `Walk` looks at that.
            elif not _is_absolute(name) or (name == identifier and node is not document):
                states = self.states = False
            else:
                subject = start = f"<{name}>"
                lines = graph.lines
                for line in types:
                    lines.append(start + line)
                if predicate:
                    _say(graph, pointing, f"{predicate}{subject} .\n")
            plans = active.plans
            for key, value in node.items():
                try:
                    plan = plans[key]
                except KeyError:
                    plan = walk.plan(active, key)
                reads = plan.reads
                kind = type(value)
                if kind is str:
                    if reads == WORDS:
                        if not states:
                            continue
                        # A text that is printable has no character to escape but these two.
                        if plan.kind == TEXT and value.isprintable() and not ('"' in value or "\\" in value):
                            lines.append(f"{start}{plan.head}{value}{plan.tail}")
                            continue
                    elif reads == REFERENCE:
                        if value.partition(":")[0] in plan.scalar.terms:
                            return False
                        if not states:
                            continue
                        if plan.kind == LINK and len(value) <= LONGEST_NAME and IRI(value):
                            lines.append(f"{start}{plan.head}{value}{plan.tail}")
                            continue
                    elif reads != ALIKE:
                        return False
                elif reads == ALIKE:
                    if plan.kind == DONE:
                        if not value:  # it says nothing
                            return False
                        continue
                elif reads == OTHERWISE or value is None:
                    return False
                elif kind is dict:
                    by: str | None = plan.predicate
                    if plan.asks and (plan.asks == ALWAYS or len(value) == 1):
                        by = self.pointed(plan, value, subject)
                        states = self.states
                    if by is None:
                        return False
                    waiting.append((plan.node, value, subject, by, depth + 1))
                    continue
                elif kind is list:
                    if not self.items(plan, value, subject, start, lines, depth + 1):
                        return False
                    states = self.states
                    continue
                elif plan.datatype and (
                    reads != COUNTED or (kind is bool) != plan.datatype.endswith("boolean")
                ):
                    return False
                if states and plan.kind != DONE:
                    states = self.states = _state(plan, value, start, lines)
            if len(waiting) > _MOST:
                return False
        return True

    def items(
        self, plan: Plan, values: list[Any], subject: Node, start: str, lines: list[str], depth: int
    ) -> bool:
        """The same for a list: an empty one says nothing, and is left to others, too."""
        reads = plan.reads
        for item in values:
            if type(item) is dict:
                by: str | None = plan.predicate
                if plan.asks and (plan.asks == ALWAYS or len(item) == 1):
                    by = self.pointed(plan, item, subject)
                if by is None:
                    return False
                self.waiting.append((plan.node, item, subject, by, depth))
            elif (
                type(item) is not str
                or (reads != WORDS and reads != REFERENCE)
                or (reads == REFERENCE and item.partition(":")[0] in plan.scalar.terms)
            ):
                return False
            elif self.states:
                self.states = _state(plan, item, start, lines)
        return bool(values)

    def pointed(self, plan: Plan, value: dict[str, Any], subject: Node) -> str | None:
        """The predicate by which an object is pointed to once it is walked; None where it reads otherwise.

        The context of a type ends in an object, but not in one that only names another (see `Walk`): that is
        pointed to here, and by no predicate later.
        """
        if plan.asks == ALWAYS:  # it may be no object at all
            return None
        if len(value) != 1 or "id" not in value:
            return plan.predicate
        name = value["id"]
        if type(name) is str and name.partition(":")[0] in plan.scalar.terms:
            return None
        if self.states:
            _say(self.graph, subject, f"{plan.predicate}<{name}> .\n")
        return ""


def plainly(walk: Walk, document: dict[str, Any], *, states: bool) -> Plain | None:
    """The content of such a document, with statements if it `states` any; `None` for another.

    It holds no member that is null or [], which would say nothing.
    """
    plain = Plain(walk, states=states)
    try:
        return plain if plain.document(document) else None
    except Problem:
        return None  # the reader, or `Walk`, says what is wrong


def cost(document: Mapping[str, Any]) -> tuple[int, int]:
    """A document's bytes as JSON, and the steps to walk it; none for what is no JSON, as the walk says."""
    try:
        text = orjson.dumps(document, default=dict)
    except orjson.JSONEncodeError:
        return 0, 0
    return len(text), VALUE_WALKED * marks(text)


def _say(graph: Graph, subject: Node, fact: str) -> None:
    if isinstance(subject, int):
        graph.facts[subject].append(fact)
    else:
        graph.lines.append(subject + fact)


def _state(plan: Plan, value: Any, start: str, lines: list[str]) -> bool:
    """Makes the statement of one value that is no object; False where it is not made as simply as that."""
    try:
        if plan.kind == LINK and type(value) is str:
            if not _is_absolute(value):
                return False
            term = f"<{value}>"
        elif plan.kind > PLAIN:
            return False
        elif type(value) is not str:
            term = literal(value, plan.datatype)
        elif plan.kind == TEXT:
            term = f'"{escaped(value)}{plan.close}'
        else:
            return False
    except Problem:
        return False
    lines.append(f"{start}{plan.predicate}{term} .\n")
    return True


def _is_absolute(value: object) -> bool:
    """True if a text that begins with no prefix of the context is an IRI, and not an overlong one."""
    return type(value) is str and len(value) <= LONGEST_NAME and IRI(value) is not None
