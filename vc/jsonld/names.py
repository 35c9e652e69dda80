"""The one spelling of each property in a secured document.

A signature over RDF covers statements, not spelling: `validUntil` could be written as an absolute IRI, or
under an alias from one more context, and still verify, while a reader of JSON no longer finds it. So in
secured documents a property that any vendored context names is written by that name (VCDM 2.0, 4.1 wants
the compacted form), and `id` and `type` by theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .documents import Documents


def property_names(documents: Documents) -> Mapping[str, frozenset[str]]:
    """The IRI of each property that a vendored context defines anywhere, and the terms that stand for it."""
    found: dict[str, set[str]] = {}
    for url in documents.urls:
        for name, iri in _terms(documents.load(url)["@context"], {}, None):
            found.setdefault(iri, set()).add(name)
    return {iri: frozenset(names) for iri, names in found.items()}


def _terms(local: Any, outer: Mapping[str, Any], vocab: str | None) -> Iterator[tuple[str, str]]:
    for item in local if isinstance(local, list) else [local]:
        if not isinstance(item, dict):
            continue
        vocab = item.get("@vocab", vocab)
        known = {**outer, **item}
        for name, definition in item.items():
            if name.startswith("@"):
                continue
            if isinstance(definition, dict):
                yield from _terms(definition.get("@context"), known, vocab)
                iri = definition.get("@id", f"{vocab}{name}" if vocab else None)
            else:
                iri = definition
            if isinstance(iri, str) and not iri.startswith("@"):
                yield name, _expanded(iri, known)


def _expanded(iri: str, known: Mapping[str, Any]) -> str:
    prefix, colon, rest = iri.partition(":")
    base = known.get(prefix)
    base = base.get("@id") if isinstance(base, dict) else base
    return base + rest if colon and not rest.startswith("//") and isinstance(base, str) else iri
