"""Two other implementations of JSON-LD and RDFC-1.0 (URDNA2015), to be compared with ours."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import pyoxigraph
from pyld import jsonld as pyld

from vc.vcdm.jsonld import Documents

VENDORED = Documents()


def by_pyld(document: dict[str, Any], documents: Documents = VENDORED) -> str:
    """The canonical form by pyld, told to do what Data Integrity suites do."""

    def load(url: str, _options: object) -> dict[str, Any]:
        return {"contextUrl": None, "documentUrl": url, "document": copy.deepcopy(documents.load(url))}

    options = {
        "algorithm": "URDNA2015",
        "base": None,
        "documentLoader": load,
        "format": "application/n-quads",
        "rdfDirection": "i18n-datatype",
    }
    return str(pyld.normalize(document, options))


def by_pyoxigraph(document: dict[str, Any], documents: Documents = VENDORED) -> str:
    """The canonical form by pyoxigraph, which loads no contexts: they are written into the document."""
    text = json.dumps(_inlined(document, documents))
    dataset = pyoxigraph.Dataset(pyoxigraph.parse(text.encode(), format=pyoxigraph.RdfFormat.JSON_LD))
    return canonical_by_pyoxigraph(dataset)


def canonical_by_pyoxigraph(dataset: pyoxigraph.Dataset, digest: str = "sha256") -> str:
    algorithm = pyoxigraph.CanonicalizationAlgorithm
    dataset.canonicalize(algorithm.RDFC_1_0 if digest == "sha256" else algorithm.RDFC_1_0_SHA_384)
    text = pyoxigraph.serialize(dataset, format=pyoxigraph.RdfFormat.N_QUADS)
    assert text is not None
    return "".join(sorted(line + "\n" for line in text.decode().split("\n") if line))


def _inlined(value: Any, documents: Documents) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _context(item, documents) if key == "@context" else _inlined(item, documents)
            for key, item in value.items()
        }
    return [_inlined(item, documents) for item in value] if isinstance(value, list) else value


def _context(value: Any, documents: Documents) -> Any:
    if isinstance(value, str):
        return _context(documents.load(value)["@context"], documents)
    if isinstance(value, list):
        parts = [_context(item, documents) for item in value]
        return [item for part in parts for item in (part if isinstance(part, list) else [part])]
    return _inlined(value, documents)
