"""JSON-LD to the bytes that are signed: contexts, statements, canonical N-Quads; lossless or an error.

Start with `canonical.py` (the door), then `walker.py` (a document becomes statements; `plan.py` and
`value.py` help), `context.py` (what its terms mean), `rdfc.py` (statements become one text). `contexts/` has
the vendored context documents with their SHA-256; `general.py` is JSON-LD as the specification has it, losses
included, for comparison.
"""

from .canonical import canonicalize, secured, vendored
from .context import Contexts
from .documents import Documents
from .general import to_rdf
from .problem import InvalidContext, InvalidDocument, LossyDocument, TooComplex, UnknownContext

__all__ = [
    "Contexts",
    "Documents",
    "InvalidContext",
    "InvalidDocument",
    "LossyDocument",
    "TooComplex",
    "UnknownContext",
    "canonicalize",
    "secured",
    "to_rdf",
    "vendored",
]
