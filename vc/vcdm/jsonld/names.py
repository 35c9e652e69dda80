"""The names of properties and types once a document is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self

import orjson

VENDORED = Path(__file__).parent / "names.json"
"""The names by the vendored contexts alone. To work them out takes 12 ms of each start, to read them 0.3."""


class Names(NamedTuple):
    """The name of each IRI that the table or a context here knows; all others are their own names.

    A few IRIs are both a property and a type, and have a name as each.
    """

    iris: Mapping[str, frozenset[str]]
    """Name to the IRIs that contexts give it."""
    properties: Mapping[str, str]
    types: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """The same as JSON, for `parse`; `python -m tests.names` writes those of the vendored contexts."""
        table = {
            "iris": {name: sorted(iris) for name, iris in self.iris.items()},
            "properties": self.properties,
            "types": {iri: name for iri, name in self.types.items() if name != self.properties[iri]},
        }
        return orjson.dumps(table, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read what `to_bytes` gives."""
        table = orjson.loads(data)
        iris = {name: frozenset(iris) for name, iris in table["iris"].items()}
        return cls(iris, table["properties"], {**table["properties"], **table["types"]})
