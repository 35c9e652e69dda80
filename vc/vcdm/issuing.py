"""The unsigned credential of W3C's data model, from the facts that decide and what a template says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..anchoring import anchoring_terms
from ..claims import JSON_SCHEMA, KIND
from ..facts import IssuingFacts, StatusPlace
from ..status import status_entry, status_statement, suspension_url


def unsigned(facts: IssuingFacts, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return an unsigned credential: the content with the facts of its issuing (VCDM 2.0, 4).

    It shares parts with both, so nobody may change it.
    """
    terms, place = [anchoring_terms(facts.log)], facts.status
    if facts.kind is not None:
        terms.append({"type": KIND, "id": facts.kind})
    document = {
        "@context": content["@context"],
        "id": facts.id,
        "type": content["type"],
        "issuer": facts.issuer,
        **content,
    }
    if facts.schema is not None:
        schema = {"id": facts.schema.id, "type": JSON_SCHEMA, "digestSRI": facts.schema.digest}
        document["credentialSchema"] = [schema]  # a list, as Open Badges 3.0 asks for
    if place.is_stated:
        document["termsOfUse"] = [*terms, status_statement(place.list_url, place.position)]
    else:
        document["credentialStatus"] = _entries(place)
        document["termsOfUse"] = terms
    if facts.holder is not None:
        document["credentialSubject"] = {"id": facts.holder, **content["credentialSubject"]}
    return document


def _entries(place: StatusPlace) -> dict[str, Any] | list[dict[str, Any]]:
    """One entry for each purpose (Bitstring Status List 2.1), at one position in lists of their own."""
    revocation = status_entry(place.list_url, place.position)
    if not place.is_suspendable:
        return revocation
    return [revocation, status_entry(suspension_url(place.list_url), place.position, "suspension")]
