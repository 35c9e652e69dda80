"""What properties and types are called once a document is read, by the table and the vendored contexts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .context import KEYWORDS, UNSET, ActiveContext, Contexts, Meter
from .documents import Documents
from .vocabulary import DECIDES, SHOWN

_RESERVED = frozenset(DECIDES.values())


class Names:
    """The name of each IRI that the table or a vendored context knows; all others are their own names.

    A few IRIs are both a property and a type, and have a name as each.
    """

    def __init__(self, documents: Documents) -> None:
        iris: dict[str, set[str]] = {}
        names: dict[str, set[str]] = {}
        for name, iri in _terms(documents):
            iris.setdefault(name, set()).add(iri)
            names.setdefault(iri, set()).add(name)
        self.iris: Mapping[str, frozenset[str]] = {name: frozenset(found) for name, found in iris.items()}
        """Name to the IRIs that vendored contexts give it."""
        known = {**SHOWN, **DECIDES}
        self.properties: Mapping[str, str] = {
            **{iri: _chosen(iri, found, upper=False) for iri, found in names.items()}, **known,
        }  # fmt: skip
        self.types: Mapping[str, str] = {
            **{iri: _chosen(iri, found, upper=True) for iri, found in names.items()}, **known,
        }  # fmt: skip


def _chosen(iri: str, names: set[str], *, upper: bool) -> str:
    """One of several names: by its case a type or a property, then the one that the IRI ends with."""
    name = min(names, key=lambda name: (name[0].isupper() is not upper, not iri.endswith(name), name))
    return iri if name in _RESERVED else name


def _terms(documents: Documents) -> Iterator[tuple[str, str]]:
    """Names and IRIs as the processor resolves them, in the contexts of terms, too."""
    for url in documents.urls:
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
