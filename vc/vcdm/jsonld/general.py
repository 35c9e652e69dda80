"""JSON-LD to statements as the specification has it: what is not understood is dropped without a word.

Never for anything that is signed or checked: `canonicalize` is for that. This shows what a lenient
processor makes of a document (pyld, loaded when asked for), and lets the W3C corpus for conversion to RDF
run on the rest of the pipeline.
"""

from __future__ import annotations

import copy
from typing import Any

from .canonical import vendored
from .context import IRI, LANGUAGE, Contexts
from .literal import closing, escaped
from .problem import InvalidDocument
from .rdfc import Dataset, Node


def to_rdf(
    document: Any,
    *,
    base: str | None = None,
    contexts: Contexts | None = None,
    expand_context: Any = None,
    direction: str | None = "i18n-datatype",
) -> Dataset:
    """The statements of a JSON-LD document (JSON-LD 1.1 API 9, toRdf), for `rdfc.canonicalize`.

    `base` resolves relative IRIs; without it statements with relative IRIs are dropped. `direction` is the
    specification's rdfDirection. Raises InvalidDocument where pyld refuses.
    """
    from pyld import jsonld
    from pyld.context_resolver import ContextResolver

    documents = (contexts or vendored()).documents

    def load(url: str, _options: object) -> dict[str, Any]:
        return {"contextUrl": None, "documentUrl": url, "document": copy.deepcopy(documents.load(url))}

    # A resolver of its own, since the one that pyld shares mixes up the contexts of all callers.
    resolver = ContextResolver({}, load)
    options = {"base": base, "documentLoader": load, "contextResolver": resolver, "rdfDirection": direction}
    if expand_context is not None:
        options["expandContext"] = expand_context
    try:
        graphs = jsonld.to_rdf(document, options)
    except (jsonld.JsonLdError, TypeError) as error:  # it stumbles over some ids and types that are null
        raise InvalidDocument("pyld refuses the document") from error
    dataset = Dataset()
    blanks: dict[str, int] = {}

    def node(term: dict[str, Any] | None) -> Node | None:
        if term is None:
            return None
        value = term["value"]
        if term["type"] == "blank node":
            if value not in blanks:
                blanks[value] = dataset.blank()
            return blanks[value]
        if term["type"] == "literal":
            language = term.get("language")
            if language is not None and not LANGUAGE(language):
                return None
            return '"' + escaped(value) + closing(None if language else term["datatype"], language)
        return f"<{value}>" if IRI(value) else None

    for name, triples in graphs.items():
        kind = "blank node" if name.startswith("_:") else "IRI"
        graph = "" if name == "@default" else node({"type": kind, "value": name})
        for triple in triples:
            subject, predicate, value = (node(triple[part]) for part in ("subject", "predicate", "object"))
            if subject is not None and isinstance(predicate, str) and value is not None and graph is not None:
                dataset.add(subject, predicate, value, graph)
    return dataset
