"""JSON-LD to the bytes that are signed: contexts, statements, canonical N-Quads; lossless or an error.

Start with `canonical.py` (the door), then `walker.py` (a document becomes statements; `plan.py` and
`value.py` help), `context.py` (what its terms mean), `rdfc.py` (statements become one text) and `labels.py`
(the lines of it, and which objects its blank nodes are). `vocabulary.py` is the one table of what is read,
`reading.py` says it, however a document is spelled. Nearly every document is spelled as it is read:
`plain.py` reads it and makes its statements in one walk. `contexts/` has the vendored context documents with
their SHA-256, `extra.py` adds a deployment's own; `general.py` is JSON-LD as the specification has it, losses
included, for comparison.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wire.later import later

from .canonical import canonicalize, read, secured, statements, type_name, vendored
from .context import Contexts
from .documents import Documents
from .problem import (
    INVALID_CONTEXT,
    TOO_COMPLEX,
    AmbiguousType,
    InvalidDocument,
    LossyDocument,
    Respelled,
    UnknownContext,
    UnknownType,
)
from .reading import Reading

if TYPE_CHECKING:
    from .extra import load, vouched
    from .general import to_rdf
    from .labels import Statements

__all__ = [
    "INVALID_CONTEXT",
    "TOO_COMPLEX",
    "AmbiguousType",
    "Contexts",
    "Documents",
    "InvalidDocument",
    "LossyDocument",
    "Reading",
    "Respelled",
    "Statements",
    "UnknownContext",
    "UnknownType",
    "canonicalize",
    "load",
    "read",
    "secured",
    "statements",
    "to_rdf",
    "type_name",
    "vendored",
    "vouched",
]

_LATER = {"Statements": "labels", "load": "extra", "to_rdf": "general", "vouched": "extra"}
"""The modules of the names that are loaded when asked for: most programs only sign and verify."""

if not TYPE_CHECKING:  # or every name would be one of ours to a type checker
    __getattr__ = later(__name__, _LATER)
