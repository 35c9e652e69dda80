"""The names that the table and the vendored contexts give to properties and types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .context import KEYWORDS, UNSET, ActiveContext, Contexts, Meter
from .documents import Documents
from .names import Names
from .vocabulary import DECIDES, SHOWN

_RESERVED = frozenset(DECIDES.values())


def names_of(documents: Documents) -> Names:
    """The names by the table and by all contexts of these.

    Earlier editions of a context, and then a deployment's own contexts, only add to what the others say. A
    deployment's own take no name from another IRI.
    """
    present = _Told(_terms(documents, documents.urls))
    earlier = _Told(
        term
        for url, count in documents.unversioned.items()
        for number in range(1, count)
        for term in _terms(documents.edition({url: number}), [url])
    )
    extra = _Told(_terms(documents, documents.extra))
    taken = present.iris.keys() | earlier.iris.keys() | _RESERVED | set(SHOWN.values())
    extra.names = {iri: terms - taken or {iri} for iri, terms in extra.names.items()}
    layers = (extra, earlier, present)
    iris = {name: frozenset(terms) for layer in layers for name, terms in layer.iris.items()}
    fixed = {**SHOWN, **DECIDES}
    properties = {
        **{iri: _chosen(iri, terms, upper=False) for layer in layers for iri, terms in layer.names.items()},
        **fixed,
    }
    types = {
        **{iri: _chosen(iri, terms, upper=True) for layer in layers for iri, terms in layer.names.items()},
        **fixed,
    }
    return Names(iris, properties, types)


class _Told:
    """The names and IRIs that contexts define."""

    def __init__(self, terms: Iterable[tuple[str, str]]) -> None:
        self.iris: dict[str, set[str]] = {}
        self.names: dict[str, set[str]] = {}
        for name, iri in terms:
            self.iris.setdefault(name, set()).add(iri)
            self.names.setdefault(iri, set()).add(name)


def _chosen(iri: str, names: set[str], *, upper: bool) -> str:
    """One of several names: by its case a type or a property, then the one that the IRI ends with."""
    name = min(names, key=lambda name: (name[0].isupper() is not upper, not iri.endswith(name), name))
    return iri if name in _RESERVED else name


def _terms(documents: Documents, urls: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Names and IRIs as the processor resolves them, in the contexts of terms, too."""
    for url in urls:
        contexts = Contexts(documents)
        waiting: list[ActiveContext] = [contexts.process(contexts.root, url, Meter())]
        seen = set[int]()
        for active in waiting:
            for name, term in active.terms.items():
                if term.iri is not None and term.iri not in KEYWORDS:
                    yield name, term.iri
                if term.context is not UNSET and id(term.context) not in seen:
                    seen.add(id(term.context))
                    waiting.append(contexts.process(active, term.context, Meter(), override=True))
