"""The plan for the values of a key, worked out once per active context."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .context import IRI, KEYWORDS, UNSET, ActiveContext, Contexts, Meter, Term, expand
from .literal import DOUBLE, RDF, XSD, closing
from .problem import INVALID_CONTEXT, LossyDocument, Respelled, quoted, require_short
from .vocabulary import CREATED, DECIDES

# Kinds of plan. Strings under the first two are handled in the walker's hot loop, up to PLAIN a value is an
# ordinary one, and from LIST on it needs a method of its own.
TEXT: Final = 0
LINK: Final = 1
PLAIN: Final = 2
LIST: Final = 3
LANGUAGES: Final = 4
MAP: Final = 5  # by index, id or type
GRAPH: Final = 6
JSON: Final = 7
REVERSE: Final = 8
KEYWORD: Final = 9
MISNAMED: Final = 10  # a property that decides, under another name than its own
DONE: Final = 11  # @context, @id and @type, which the walker has read before the loop

# How a member is read: as texts and objects are, as compact IRIs may be, as it is, as numbers are, or not so.
WORDS: Final = 0
REFERENCE: Final = 1
ALIKE: Final = 2
COUNTED: Final = 3
OTHERWISE: Final = 4

# Whether an object is to be looked at before it is known in which context it stands: one that has an id alone
# is a reference, and one in a context with other words for keywords may be no object at all.
NEVER: Final = 0
ALONE: Final = 1
ALWAYS: Final = 2

NUMBERS: Final = frozenset(
    base + name
    for base in (XSD, "https://www.w3.org/2001/XMLSchema#")  # as the contexts of Open Badges have it
    for name in ("boolean", "decimal", "double", "float", "integer")
)

_READ: Final = frozenset({"@context", "id", "type"})  # of the keywords and their aliases
_READS: Final = {TEXT: WORDS, PLAIN: WORDS, LINK: REFERENCE, JSON: ALIKE}
_KINDS: Final = {"@list": LIST, "@language": LANGUAGES, "@graph": GRAPH}


class Plan:
    """The way in which the values of one key become statements."""

    __slots__ = (
        "asks",
        "close",
        "datatype",
        "direction",
        "head",
        "key",
        "kind",
        "language",
        "name",
        "node",
        "predicate",
        "reads",
        "said",
        "scalar",
        "source",
        "tail",
        "type",
    )  # fmt: skip

    def __init__(self, kind: int, key: str, name: str, active: ActiveContext) -> None:
        self.kind = kind
        self.key = key
        self.name = name  # the IRI or keyword that the key stands for
        self.reads = OTHERWISE
        self.said: str | None = None  # what it is called once the document is read, if not by the key
        self.type: str | None = None  # @id, @vocab or @json
        self.datatype: str | None = None
        self.scalar = active  # the active context for scalars and value objects
        self.node = active.previous or active  # and for node objects
        self.asks = NEVER  # whether it depends on an object which of the two it is for
        self.direction: str | None = None
        self.language: str | None = None
        self.predicate = f" <{name}> "
        self.head = ""  # TEXT and LINK: what stands between subject and value
        self.close = '"'  # TEXT: what ends the literal
        self.tail = ""  # TEXT and LINK: what ends the line
        self.source = ""  # MISNAMED: where the key has its meaning from


def compile_plan(contexts: Contexts, active: ActiveContext, key: str, meter: Meter) -> Plan:
    """The plan for a key. Raises `LossyDocument`, `Respelled`, `INVALID_CONTEXT`."""
    name = expand(active, key, vocab=True)
    term = active.terms.get(key)
    if name in KEYWORDS:
        # ADR 15 (threat 30): members in `@nest`, `@graph` and the like are the same statements, unseen as
        # JSON.
        if contexts.names and key not in _READ:
            raise Respelled.saying(
                "{term} could hide a member from readers of JSON",
                term=quoted(key),
                hint="Write id and type, and no other keyword.",
            )
        if term and term.context is not UNSET:
            raise INVALID_CONTEXT.saying(
                "the alias {term} of a keyword has a context of its own", term=quoted(key)
            )
        plan = Plan(DONE if name in {"@context", "@id", "@type"} else KEYWORD, key, name, active)
        plan.reads = REFERENCE if name == "@id" else ALIKE
        return plan
    iri = defined(name, key)
    term = term or Term(iri)
    plan = Plan(_kind(term), key, iri, active)
    if term.context is not UNSET:
        reverted = plan.node
        plan.scalar = contexts.process(active, term.context, meter, override=True, source=term.source)
        plan.node = plan.scalar
        if reverted is not active:
            plan.node = contexts.process(reverted, term.context, meter, override=True, source=term.source)
        inside = plan.scalar.terms.get(key, Term(iri))
        if key in plan.scalar.terms and replace(inside, protected=term.protected) != term:
            raise INVALID_CONTEXT.saying(
                "the context of the term {term} redefines it; processors disagree then", term=quoted(key)
            )
        term = inside
    if term.type and term.type[0] == "@":
        plan.type = term.type
    else:
        plan.datatype = term.type
    if plan.kind == PLAIN and plan.type == "@id":
        plan.kind = LINK
    elif plan.kind == PLAIN and plan.type in {None, "@none"} and plan.datatype != DOUBLE:
        plan.kind = TEXT
    plan.direction = plan.scalar.direction if term.direction is UNSET else term.direction
    language = plan.scalar.language if term.language is UNSET else term.language
    plan.language = None if plan.datatype or plan.type else language
    plan.close = closing(plan.datatype) if plan.datatype else closing(None, language, plan.direction)
    plan.head = plan.predicate + ("<" if plan.kind == LINK else '"')
    plan.tail = "> .\n" if plan.kind == LINK else plan.close + " .\n"
    if contexts.names:
        spelling = contexts.names.properties.get(iri, iri)
        plan.said = None if spelling == key else spelling
        # ADR 15 (threat 30): what decides is read under its one name only.
        if plan.kind == REVERSE or is_misnamed(active, key, iri):
            plan.kind = MISNAMED
            plan.source = origin(active, key)
        elif spelling == key and plan.type != "@vocab" and not language and not plan.direction:
            plan.reads = _READS.get(plan.kind, OTHERWISE)
            if plan.reads == WORDS and plan.datatype in NUMBERS:
                plan.reads = COUNTED
    if plan.scalar is not plan.node:
        plan.asks = ALONE if plan.scalar.is_usual else ALWAYS
    # Threat F1: a plan is remembered with its texts.
    meter.charge((len(plan.predicate) + len(plan.head) + len(plan.tail)) // 8)
    return plan


def is_misnamed(active: ActiveContext, key: str, iri: str) -> bool:
    """True if a key or type means something that decides, and is not the one name under which it is read."""
    if iri == CREATED:
        created = active.terms.get("created")
        return key != "created" and created is not None and created.iri == CREATED
    return DECIDES.get(iri, key) != key or iri.startswith(RDF)


def origin(active: ActiveContext, name: str) -> str:
    """The source of a name's meaning, for people."""
    term = active.terms.get(name)
    if term is None:
        return "written as an IRI"
    return f"by the context {quoted(term.source)}" if term.source else "by a context of the document's own"


def defined(iri: str | None, name: str) -> str:
    """The IRI that a term, a type or a key stands for.

    Raises `LossyDocument` for an unknown term, which no context here defines.
    """
    if iri is not None:
        require_short(iri)
    # Threat 28: a term without meaning is in no statement, so that no signature covers it.
    if iri is None or not IRI(iri):
        raise LossyDocument.saying(
            "{term} has no meaning in the contexts used here",
            term=quoted(name),
            hint="Correct its spelling, or add a context that defines it.",
        )
    return iri


def _kind(term: Term) -> int:
    """The kind of plan that the container of a term asks for; coercion of its scalars is another matter."""
    container = term.container - {"@set"}
    if term.reverse:
        return MAP if container else REVERSE
    if term.type == "@json":
        if container:
            raise INVALID_CONTEXT("a term of type @json in a list or map is not supported")
        return JSON
    if not container:
        return PLAIN
    return _KINDS.get(min(container), MAP) if len(container) == 1 else MAP
