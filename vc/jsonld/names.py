"""The one spelling of each property in a secured document.

A signature over RDF covers statements, not spelling: `validUntil` could be written as an absolute IRI, or
under an alias from one more context, and still verify, while a reader of JSON no longer finds it. So in
secured documents a property that any vendored context names is written by that name (VCDM 2.0, 4.1 wants
the compacted form), and `id` and `type` by theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .context import KEYWORDS, UNSET, ActiveContext, Contexts, Meter
from .documents import Documents


def property_names(documents: Documents) -> Mapping[str, frozenset[str]]:
    """The IRI of each property that a vendored context defines anywhere, and the terms that stand for it."""
    found: dict[str, set[str]] = {}
    for url in documents.urls:
        contexts = Contexts(documents)
        for name, iri in _terms(contexts, contexts.process(contexts.root, url, Meter()), set()):
            found.setdefault(iri, set()).add(name)
    return {iri: frozenset(names) for iri, names in found.items()}


def _terms(contexts: Contexts, active: ActiveContext, seen: set[int]) -> Iterator[tuple[str, str]]:
    """Names and IRIs as the processor resolves them, in the contexts of terms, too; each context once."""
    for name, term in active.terms.items():
        if term.iri is not None and term.iri not in KEYWORDS:
            yield name, term.iri
        if term.context is not UNSET and id(term.context) not in seen:
            seen.add(id(term.context))
            yield from _terms(contexts, contexts.process(active, term.context, Meter(), override=True), seen)
