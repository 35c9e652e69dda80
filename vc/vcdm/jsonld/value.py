"""Values that are no nodes: strings, numbers, value objects, and the IRIs behind ids and references."""

from __future__ import annotations

from typing import Any

from .context import IRI, ActiveContext, expand
from .literal import closing, escaped, json_literal, language_tag, literal
from .plan import Plan, defined
from .problem import InvalidDocument, LossyDocument, require_short


def scalar(plan: Plan, value: Any) -> str:
    """A value given as a string, number or boolean: Value Expansion (5.3)."""
    if type(value) is not str:
        return literal(value, plan.datatype)
    if plan.type == "@id":
        return f"<{reference(plan.scalar, value)}>"
    if plan.type == "@vocab":
        return f"<{defined(expand(plan.scalar, value, vocab=True), value)}>"
    return literal(value, plan.datatype) if plan.datatype else '"' + escaped(value) + plan.close


def value_object(active: ActiveContext, value: dict[str, Any]) -> str:
    """A value object (5.1.2, step 15; 8.2.2). Raises `InvalidDocument`, `LossyDocument`."""
    entries: dict[str | None, Any] = {}
    for key, entry in value.items():
        keyword = expand(active, key, vocab=True)
        # Readers would take one of the two, and not all the same one.
        if keyword in entries:
            raise InvalidDocument("a value object has a member under two keys")
        if keyword == "@index":
            raise LossyDocument("an index is not part of any statement", hint="Leave it out.")
        if keyword not in {"@value", "@type", "@language", "@direction"} or (
            keyword != "@value" and type(entry) is not str
        ):
            raise InvalidDocument("a value object has a member that it cannot have")
        entries[keyword] = entry
    content = entries["@value"]
    if "@type" in entries:
        if len(entries) > 2:
            raise InvalidDocument("a value object has both a type and a language or direction")
        if (datatype := expand(active, entries["@type"], vocab=True)) == "@json":
            return json_literal(content)
        return literal(content, defined(datatype, entries["@type"]))
    if len(entries) == 1:
        return literal(content, None)
    if type(content) is not str:
        raise InvalidDocument("only a string can have a language or direction")
    language, direction = entries.get("@language"), entries.get("@direction")
    if direction not in {None, "ltr", "rtl"}:
        raise InvalidDocument("@direction is not ltr or rtl")
    return '"' + escaped(content) + closing(None, language and language_tag(language), direction)


def reference(active: ActiveContext, value: Any) -> str:
    """The IRI that an id or a reference stands for (5.2). Raises `LossyDocument`."""
    if type(value) is str:
        iri: str = value
        colon = iri.find(":")
        if colon > 0 and iri[colon + 1 : colon + 3] != "//":
            term = active.terms.get(iri[:colon])
            if term and term.prefix and term.iri and iri[:colon] != "_":
                iri = term.iri + iri[colon + 1 :]
        require_short(iri)
        if IRI(iri):
            return iri
    # Threat 29: JSON-LD drops an id that is no absolute IRI, with all that it names.
    raise LossyDocument(
        "an id or reference is not an absolute IRI", hint="Write it with its scheme, such as https: or urn:."
    )
