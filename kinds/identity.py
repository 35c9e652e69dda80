"""The fields that tell rows without numbers apart, of the kinds that ship.

Their `kind.json` says nothing of it, and no credential depends on it: `identity.json` beside it is no part of
a version. It never changes: rows that were given numbers would be new ones.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=32)
def shipped_identity(name: str) -> tuple[str, ...]:
    """The fields for a kind of this name, whatever its version; none for one that does not ship."""
    path = Path(__file__).parent / name / "identity.json"
    return tuple(json.loads(path.read_bytes())) if path.exists() else ()
