"""The forms in which credentials are secured: one module each, and what is known of others by sight.

`recognition.py` finds the form of what was received, and `front.py` is what bytes from outside pass before.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..secured import INTEGRITY, MAX_BYTES, Form
from .front import BUNDLE, SUFFIXES, received, require, require_members
from .integrity import DataIntegrity
from .recognition import identifier, opened, read

FORMS: Mapping[str, Form] = MappingProxyType({INTEGRITY: DataIntegrity()})
"""The forms that are read unless a caller passes others, by their media types."""

__all__ = [
    "BUNDLE",
    "FORMS",
    "INTEGRITY",
    "MAX_BYTES",
    "SUFFIXES",
    "DataIntegrity",
    "identifier",
    "opened",
    "read",
    "received",
    "require",
    "require_members",
]
