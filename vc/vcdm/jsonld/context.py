"""The meaning of the terms of a document: JSON-LD 1.1 context processing, strict and remembered.

`Contexts.process` is Context Processing, `_define` is Create Term Definition, `expand` is IRI Expansion
(JSON-LD 1.1 Processing Algorithms 4.1, 4.2, 5.2), with one aim less and one more. Less: a relative IRI is an
error wherever it stands, so `@base` is checked and has no effect; `@import` and relative context URLs are
refused; a scoped context is looked at when it is used. More: an active context never changes once made, and
what is derived from it (scoped contexts, the walker's plans) is remembered on it. Everything remembered is
paid for from a `Meter`, so that a hostile document can fill neither memory nor time.

The contexts are processed at run time rather than shipped as compiled tables. The processor is needed for
inline contexts anyway, and takes a few milliseconds for the first document of a process.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Any, Protocol, TypeAlias
from weakref import ref

from wire import Malformed
from wire.memory import Memory
from wire.work import Work

from .documents import Documents
from .names import Names
from .problem import INVALID_CONTEXT, TOO_COMPLEX, quoted
from .rdfc import Dataset

KEYWORDS = frozenset({
    "@base", "@container", "@context", "@direction", "@graph", "@id", "@import", "@included", "@index",
    "@json", "@language", "@list", "@nest", "@none", "@prefix", "@propagate", "@protected", "@reverse",
    "@set", "@type", "@value", "@version", "@vocab",
})  # fmt: skip
IRI = re.compile(r'[A-Za-z][A-Za-z0-9+.\-]*:[^\x00-\x20<>"{}|\\^`\ufffe\uffff]*').fullmatch
LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*").fullmatch

_KEYWORD_LIKE = re.compile(r"@[A-Za-z]+").fullmatch
_IN_CONTEXT = frozenset({
    "@base", "@direction", "@import", "@language", "@propagate", "@protected", "@version", "@vocab",
})  # fmt: skip
_IN_TERM = frozenset({
    "@id", "@reverse", "@container", "@context", "@direction", "@index", "@language", "@nest", "@prefix",
    "@protected", "@type",
})  # fmt: skip
_CONTAINERS: tuple[Set[str], ...] = (
    set(), {"@list"}, {"@index"}, {"@language"}, {"@id"}, {"@type"}, {"@graph"}, {"@graph", "@id"},
    {"@graph", "@index"},
)  # fmt: skip

_OF_OBJECTS = frozenset({"@id", "@type", "@value", "@list", "@set"})

MOST_ALIASES = 16  # of one keyword; each object is searched for all of them
MOST = 100_000  # what one document may charge a Meter; the first diploma takes 1,500, the next one nothing
KEPT = 400_000  # what is remembered of all documents before all is forgotten (some tens of megabytes)
MOST_RECENT = 32  # documents, of which the statements are kept, of MOST_KEPT bytes each
UNSET: Any = object()  # told apart from null, which in a context means "explicitly none"


@dataclass(frozen=True, slots=True)
class Term:
    """A term definition. `iri` None: the term is explicitly without meaning; a keyword: an alias of it."""

    iri: str | None
    type: str | None = None
    container: frozenset[str] = frozenset()
    language: Any = UNSET
    direction: Any = UNSET
    context: Any = UNSET
    index: str | None = None
    nest: str | None = None
    prefix: bool = False
    reverse: bool = False
    protected: bool = False
    source: str = field(default="", compare=False)
    """The URL of the document that defines it, if one does."""


class Meter:
    """The work one document has caused so far, in term definitions copied or eight bytes remembered."""

    __slots__ = ("spent", "work")

    def __init__(self, work: Work | None = None) -> None:
        self.spent = 0
        self.work = work or Work()

    def charge(self, amount: int) -> None:
        """Raises `TOO_COMPLEX` once contexts have cost too much."""
        self.spent += amount
        self.work.spend(amount)
        # Threats 32 and F1.
        if self.spent > MOST:
            raise TOO_COMPLEX("the document combines too many or too large contexts")


Typed: TypeAlias = "tuple[ActiveContext, list[str], tuple[str, ...] | None]"
"""The context inside an object of some types, the rest of their lines, and their names if others."""


class ActiveContext:
    """Term definitions and defaults in force at some place of a document; not changed once made.

    `plans`, `typed` and `embedded` are what the walker has already worked out from it.
    """

    def __init__(
        self, terms: dict[str, Term], vocab: str | None = None, language: str | None = None,
        direction: str | None = None, previous: ActiveContext | None = None,
    ) -> None:  # fmt: skip
        self.terms = terms
        self.vocab = vocab
        self.language = language
        self.direction = direction
        self.previous = previous
        self.plans: dict[str, Any] = {}
        self.typed: dict[str | tuple[str, ...], Typed] = {}
        self.embedded: dict[str | tuple[str, ...] | bytes, ActiveContext] = {}

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The keys that mean @id here: itself and its aliases."""
        return self._keys("@id")

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The keys that mean @type here."""
        return self._keys("@type")

    @cached_property
    def wrappers(self) -> tuple[tuple[str, str], ...]:
        """The keys that make an object a value, a list or a set instead of a node, each with its keyword."""
        return tuple((key, word) for word in ("@value", "@list", "@set") for key in self._keys(word))

    @cached_property
    def is_usual(self) -> bool:
        """True if `id` and `type` are the only words for keywords that make an object what it is."""
        keywords = {name: term.iri for name, term in self.terms.items() if term.iri in _OF_OBJECTS}
        plain = all(self.terms[name].context is UNSET for name in keywords)
        return (
            plain and keywords.get("id") == "@id" and keywords.get("type") == "@type" and len(keywords) == 2
        )

    def _keys(self, keyword: str) -> tuple[str, ...]:
        aliases = [name for name, term in self.terms.items() if term.iri == keyword != name]
        # Threat F1: each object is searched for each of them.
        if len(aliases) > MOST_ALIASES:
            raise INVALID_CONTEXT.saying(
                "{keyword} has more than {most} aliases", keyword=keyword, most=MOST_ALIASES
            )
        return (keyword, *aliases)

    def with_previous(self, previous: ActiveContext | None) -> ActiveContext:
        if previous is self.previous:
            return self
        return ActiveContext(self.terms, self.vocab, self.language, self.direction, previous)


class Stated(Protocol):
    """A document with its statements, of which there are none once they were taken."""

    statements: list[Dataset]


class Contexts:
    """The context documents that may be used, and all active contexts derived from them so far."""

    def __init__(self, documents: Documents, names: Names | None = None) -> None:
        """With `names`, what decides is taken under its one name only (vocabulary.py)."""
        self.documents = documents
        self.names = names
        self.root = ActiveContext({})
        self.forms: Memory[tuple[bytes, str], tuple[bytes, int]] = Memory(1 << 19)
        """The canonical form and the steps of documents that recur, by their JCS form and the hash inside."""
        self._recent: deque[ref[Stated]] = deque()
        self._kept = 0
        self._others: dict[frozenset[tuple[str, int]], Contexts] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Contexts, (self.documents, self.names)  # what is remembered is worked out anew

    def editions(self, document: Mapping[str, Any]) -> Iterator[Contexts]:
        """These, then the same with each other edition of the contexts that `document` may name.

        A signature fits under one of them, and a document is to be read under that one.
        """
        yield self
        counts = self.documents.unversioned_in(document)
        for choice in product(*map(range, counts.values())):
            key = frozenset((url, number) for url, number in zip(counts, choice, strict=True) if number)
            if key and key not in self._others:
                self._others[key] = Contexts(self.documents.edition(dict(key)), self.names)
            if key:
                yield self._others[key]

    def note_walked(self, document: Stated) -> None:
        """Let the documents that were read last keep their statements, and no other: they may be large."""
        self._recent.append(ref(document))
        if len(self._recent) > MOST_RECENT and (former := self._recent.popleft()()) is not None:
            former.statements.clear()

    def settle(self, meter: Meter) -> None:
        """Count what a document added to the memory; forget everything when that is too much."""
        self._kept += meter.spent
        # Threat F1: hostile contexts would otherwise fill the memory of a service, a document at a time.
        if self._kept > KEPT:
            self.root = ActiveContext({})
            self._kept = 0

    def process(
        self,
        active: ActiveContext,
        local: Any,
        meter: Meter,
        *,
        override: bool = False,
        propagate: bool = True,
        chain: tuple[str, ...] = (),
        source: str = "",
    ) -> ActiveContext:
        """The active context after a local one (4.1.2). Raises INVALID_CONTEXT, UnknownContext, TOO_COMPLEX.

        `override`: protected terms may be redefined, as property-scoped contexts may. `propagate` False:
        the result ends at the next node object, as type-scoped contexts do. `source` is the URL of the
        document that `local` stands in.
        """
        if isinstance(local, dict) and "@propagate" in local:
            propagate = local["@propagate"]
            # JSON-LD 1.1 API 4.1.2, step 5.11.2: it decides how far into the document the terms reach.
            if not isinstance(propagate, bool):
                raise INVALID_CONTEXT("@propagate of a context is not true or false")
        result = active
        for item in map(_unwrapped, local if isinstance(local, list) else [local]):
            previous = result.previous if propagate else result.previous or active
            if isinstance(item, dict) and "@propagate" in item and (chain or item is not local):
                raise INVALID_CONTEXT("@propagate is understood alike only in a context that stands alone")
            if item is None:
                # Threat 30: the data model protects its terms, so that none can be redefined.
                if not override and any(term.protected for term in result.terms.values()):
                    raise INVALID_CONTEXT("a null context would drop protected terms")
                result = self.root.with_previous(None if propagate else result)
            elif isinstance(item, str):
                # Threat 32.
                if item in chain:
                    raise INVALID_CONTEXT.saying("the context {url} includes itself", url=quoted(item))
                document = self.documents.load(item) if IRI(item) else None
                # Not resolved against a base (step 5.2): a document that moves would get another context.
                if not isinstance(document, dict) or "@context" not in document:
                    raise INVALID_CONTEXT.saying(
                        "{url} is not the absolute URL of a context document", url=quoted(item)
                    )
                result = self.process(
                    result.with_previous(previous), document["@context"], meter,
                    override=override, chain=(*chain, item), source=item,
                )  # fmt: skip
            elif isinstance(item, dict):
                # Threats 32 and F1: a context object copies all terms before it.
                meter.charge(16 + len(result.terms) + len(item))
                result = _merged(result, item, override, previous, source)
            else:
                raise INVALID_CONTEXT("a context is not a URL, an object, null or an array of these")
        return result


def _unwrapped(context: Any) -> Any:
    """The terms of a context that is written as a context document is; jsonld.js and pyld read it so, too."""
    if isinstance(context, dict) and context.keys() == {"@context"} and isinstance(context["@context"], dict):
        return context["@context"]
    return context


def expand(
    active: ActiveContext, value: str, *, vocab: bool, definition: _Definition | None = None
) -> str | None:
    """IRI Expansion (5.2): an absolute IRI, a keyword, None for no meaning, or `value` as it was."""
    if value in KEYWORDS:
        return value
    if _KEYWORD_LIKE(value):
        return None
    if definition:
        definition.define(value)
    if vocab and value in active.terms:
        return active.terms[value].iri
    colon = value.find(":", 1)
    if colon > 0:
        prefix = value[:colon]
        if prefix == "_" or value.startswith("//", colon + 1):
            return value
        if definition:
            definition.define(prefix)
        term = active.terms.get(prefix)
        if term and term.prefix and term.iri:
            return term.iri + value[colon + 1 :]
        if IRI(value):
            return value
    return active.vocab + value if vocab and active.vocab is not None else value


def _merged(
    active: ActiveContext,
    local: dict[str, Any],
    override: bool,
    previous: ActiveContext | None,
    source: str,
) -> ActiveContext:
    """One context object on top of an active context (4.1.2, step 5.4 on)."""
    result = ActiveContext(dict(active.terms), active.vocab, active.language, active.direction, previous)
    # Step 5.5.1: what the terms of another version mean is not known here.
    if local.get("@version", 1.1) != 1.1:
        raise INVALID_CONTEXT("@version of a context is not 1.1")
    # Step 5.6 is left out: no context that ships has one, and a list of two contexts says the same.
    if "@import" in local:
        raise INVALID_CONTEXT("@import in a context is not supported", hint="List both contexts instead.")
    # Step 5.7. It is checked and not used: threat 29, every IRI has to be absolute.
    if not isinstance(local.get("@base"), str | None):
        raise INVALID_CONTEXT("@base of a context is neither a string nor null")
    if "@vocab" in local:
        vocab = local["@vocab"]
        if isinstance(vocab, str):
            # Step 5.8 comes before the terms (5.13): the prefix would be read with its former meaning.
            if vocab.partition(":")[0] in local:
                raise INVALID_CONTEXT("@vocab of a context uses a prefix that the same context defines")
            vocab = expand(result, vocab, vocab=True)
        # Step 5.8.3. A relative one would give all its terms another meaning under another address.
        if vocab is not None and (not isinstance(vocab, str) or not IRI(vocab)):
            raise INVALID_CONTEXT("@vocab of a context is neither an absolute IRI nor null")
        result.vocab = vocab
    if "@language" in local:
        result.language = _language(local["@language"])
    if "@direction" in local:
        result.direction = _direction(local["@direction"])
    definition = _Definition(result, local, override, source)
    for name in local:
        if name not in _IN_CONTEXT:
            definition.define(name)
    return result


class _Definition:
    """Create Term Definition (4.2.2) for the terms of one context object, in the order they need."""

    def __init__(self, active: ActiveContext, local: dict[str, Any], override: bool, source: str) -> None:
        self.active = active
        self.local = local
        self.override = override
        self.source = source
        self.protected = local.get("@protected", False)
        self.done: dict[str, bool] = {}

    def define(self, name: str) -> None:
        """Define a term if this context has it and it is not yet defined."""
        if name not in self.local or self.done.get(name):
            return
        # JSON-LD 1.1 API 4.2.2, step 1: a term that needs itself has no meaning.
        if name in self.done:
            raise _bad(name, "is defined by itself")
        self.done[name] = False
        value = self.local[name]
        if name == "@type":
            # Step 4: `@type` keeps its meaning, whatever a context says.
            if not isinstance(value, dict) or not value or value.keys() - {"@container", "@protected"}:
                raise _bad(name, "may only get a container and protection")
            if value.get("@container", "@set") != "@set":
                raise _bad(name, "may only get the container @set")
        # Step 5, threat 30: a keyword with another meaning would change what every member says.
        elif name in KEYWORDS or not name:
            raise _bad(name, "is a keyword or empty")
        elif _KEYWORD_LIKE(name):
            return  # reserved: whoever uses it gets an error from the walker
        previous = self.active.terms.pop(name, None)
        term = self.term(name, value)
        if previous and previous.protected and not self.override:
            # Threat 30: a protected term may only be defined again with the same meaning.
            if replace(term, protected=True) != previous:
                raise _bad(name, "is protected and may not be redefined")
            term = previous
        self.active.terms[name] = term
        self.done[name] = True

    def term(self, name: str, value: Any) -> Term:
        simple = isinstance(value, str)
        if value is None or simple:
            value = {"@id": value}
        if not isinstance(value, dict):
            raise _bad(name, "is not defined by a string, an object or null")
        # Step 26: a processor that knows the entry would read the term in another way.
        if value.keys() - _IN_TERM:
            raise _bad(name, f"has an unknown entry {quoted(min(value.keys() - _IN_TERM))}")
        protected = value.get("@protected", self.protected)
        # Step 11.
        if not isinstance(protected, bool):
            raise _bad(name, "has an @protected that is not true or false")
        type_ = value.get("@type")
        if "@type" in value:
            type_ = self.iri(name, type_)
            # Step 12.4.
            if not (type_ in {"@id", "@vocab", "@json", "@none"} or IRI(type_)):
                raise _bad(name, "has a @type that is not an absolute IRI")
        container = _container(name, value.get("@container"))
        if "@reverse" in value:
            # Steps 13.1 and 13.5: a reverse term swaps subject and object, and takes no other entry.
            if "@id" in value or "@nest" in value or container - {"@set", "@index"}:
                raise _bad(name, "is a reverse term with an entry that such a term may not have")
            iri: str | None = self.iri(name, value["@reverse"])
        elif "@id" in value and value["@id"] != name:
            iri = None if value["@id"] is None else self.iri(name, value["@id"])
            if ":" in name[1:-1] or "/" in name:
                self.done[name] = True
                # Step 14.2.4: a term that looks like one IRI and means another would deceive a reader.
                if expand(self.active, name, vocab=True, definition=self) != iri:
                    raise _bad(name, "looks like an IRI but is defined as another one")
        else:
            iri = self.own_iri(name)
        # Step 14.2.3. Threat 29: a term without an absolute IRI drops its values from the signature.
        if (iri is not None and iri not in KEYWORDS and not IRI(iri)) or iri == "@context":
            raise _bad(name, "is not defined as an absolute IRI or a keyword")
        # Step 19.4.
        if "@type" in container and type_ not in {None, "@id", "@vocab"}:
            raise _bad(name, "is a type map with another @type")
        # Step 20.
        if "@index" in value and not (isinstance(value["@index"], str) and "@index" in container):
            raise _bad(name, "has an @index that it may not have")
        # Step 24.
        if not isinstance(value.get("@nest", ""), str):
            raise _bad(name, "has an @nest that is not a string")
        prefix = value.get("@prefix", simple and ":" not in name and (iri or " ")[-1] in ":/?#[]@")
        # Step 25.
        if not isinstance(prefix, bool) or ("@prefix" in value and (":" in name or "/" in name)):
            raise _bad(name, "has an @prefix that it may not have")
        untyped = "@type" not in value
        return Term(
            iri=iri,
            type=type_,
            container=container,
            language=_language(value["@language"]) if "@language" in value and untyped else UNSET,
            direction=_direction(value["@direction"]) if "@direction" in value and untyped else UNSET,
            context=value.get("@context", UNSET),
            index=value.get("@index"),
            nest=value.get("@nest"),
            prefix=prefix,
            reverse="@reverse" in value,
            protected=protected,
            source=self.source,
        )

    def iri(self, name: str, value: Any) -> str:
        expanded = expand(self.active, value, vocab=True, definition=self) if isinstance(value, str) else None
        if expanded is None:
            raise _bad(name, "has an entry that should be an IRI and has no meaning")
        return expanded

    def own_iri(self, name: str) -> str | None:
        """The IRI of a term that does not say: by its prefix, by being one, or by @vocab."""
        if name == "@type":
            return name
        if ":" in name[1:]:
            prefix, _, rest = name.partition(":")
            self.define(prefix)
            term = self.active.terms.get(prefix)
            return term.iri + rest if term and term.iri else name
        # Step 18. Threat 29: it would be dropped, and so not signed.
        if self.active.vocab is None:
            raise _bad(name, "has no IRI, and the context has no @vocab")
        return self.active.vocab + name


def _bad(name: str, what: str) -> Malformed:
    return INVALID_CONTEXT(f"the term {quoted(name)} of a context {what}", term=quoted(name))


def _language(value: Any) -> str | None:
    if value is not None and not (isinstance(value, str) and LANGUAGE(value)):
        raise INVALID_CONTEXT("@language in a context is not a language tag (BCP 47)")
    return value and value.lower()


def _direction(value: Any) -> str | None:
    if value not in (None, "ltr", "rtl"):
        raise INVALID_CONTEXT("@direction in a context is not ltr, rtl or null")
    return None if value is None else str(value)


def _container(name: str, value: Any) -> frozenset[str]:
    kinds = value if isinstance(value, list) else [] if value is None else [value]
    # Step 19.1.
    if not all(isinstance(kind, str) for kind in kinds):
        raise _bad(name, "has a @container that is not a keyword")
    container = frozenset(kinds)
    if container - {"@set"} not in _CONTAINERS or container >= {"@list", "@set"}:
        raise _bad(name, "has a @container that JSON-LD does not have")
    return container
