"""What properties and types are called once a document is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Names(NamedTuple):
    """The name of each IRI that the table or a context here knows; all others are their own names.

    A few IRIs are both a property and a type, and have a name as each.
    """

    iris: Mapping[str, frozenset[str]]
    """Name to the IRIs that contexts give it."""
    properties: Mapping[str, str]
    types: Mapping[str, str]
