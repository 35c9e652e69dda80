"""The files that a version of a kind is kept with: other programs read them; they follow from its author's.

They are part of the digest in the kind's URN. So they are written once, before the first row, and never
again: a later version of this program that would write others takes those that were kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from .kind import COMPILED, METADATA, SCHEMA, Kind
from .metadata import metadata_of
from .parsing import parse_kind
from .schema import schema_of


def with_compiled(kind: Kind) -> Kind:
    """The kind with its schema and type metadata; existing ones stay as they are.

    A kind that no credential names gets none. Raises `INVALID_KIND` where its files get too large.
    """
    if not kind.is_named or kind.files.keys() >= {*COMPILED}:
        return kind
    return parse_kind({**compiled_files(kind), **kind.files})


def compiled_files(kind: Kind) -> dict[str, bytes]:
    """The files that this version of the program makes of a kind, by path."""
    return {SCHEMA: _text(schema_of(kind)), METADATA: _text(metadata_of(kind))}


def _text(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
