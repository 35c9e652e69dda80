"""A credential in one sentence, in the words of its kind.

The constant text is the kind's, the values are the issuer's: they come back beside it and are never
parsed, so that a name such as `{issuer}` says itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .kind import Kind
from .template import PLACEHOLDER


class Spoken(NamedTuple):
    """A text with `{name}` in the place of each value, and the values."""

    text: str
    values: Mapping[str, Any]


def spoken(kind: Kind, facts: Mapping[str, Any], issuer: str, language: str) -> Spoken:
    """The parts of the kind's sentence whose fields are all there, in a language, else in English.

    `issuer` is the name on the trust list: what a credential calls its issuer is no part of the sentence. The
    text is empty where the kind has no sentence.
    """
    values = {**facts, "person": kind.person.full(facts), "issuer": issuer}
    parts = kind.sentence.get(language) or kind.sentence.get("en", ())
    chosen = [part for part in parts if all(values.get(name, "") != "" for name in PLACEHOLDER.findall(part))]
    return Spoken("".join(chosen), values)
