"""The facts that decide in a credential, read back from what a form signed."""

from __future__ import annotations

from collections.abc import Iterable

from wire.problem import Code, Refused

from .claims import JSON_SCHEMA, Claims, has_type
from .facts import IssuingFacts
from .forms import STATUS_KINDS
from .status.entry import SUSPENSION_SUFFIX
from .status.kind import EntryOfKind, StatusKinds, entries

FACT_LOST = Code("fact-lost", Refused, "The form loses a fact")
"""A form signed a credential that lacks a fact, or has another one."""


def require_said(facts: IssuingFacts, claims: Claims, kinds: StatusKinds = STATUS_KINDS) -> None:
    """Raises `FACT_LOST` unless what was signed says these facts, by the form that reads it."""
    places = list(entries(claims, kinds))
    place = next((status.stored for status in places), None)
    read = {
        "id": claims.id,
        "issuer": claims.issuer,
        "valid_from": claims.valid_from,
        "valid_until": claims.valid_until,
        "status": place and (place.list_url, place.index),
        "log": claims.origins,
        "holder": claims.subjects[0].get("id"),
        "kind": claims.kind,
        "schema": facts.schema and _schema(claims, facts.schema.id),
        # ADR 67: a suspension at another position would be another person's.
        "suspension": facts.status.is_suspendable and _suspension(places),
    }
    stated = {
        **facts._asdict(),
        # Either names the issuer, and the trust entry that it hands out says so.
        "issuer": facts.address if claims.issuer == facts.address else facts.issuer["id"],
        "status": (facts.status.list_url, facts.status.position),
        # A log that a form added or dropped would change what evidence is asked for (threat 45).
        "log": {facts.log},
        "suspension": facts.status.is_suspendable and (facts.status.list_url, facts.status.position),
    }
    # ADR 67: what a form drops, a verifier takes for "has none", such as the status of a revoked diploma.
    if lost := [name for name in read if read[name] != stated[name]]:
        raise FACT_LOST.saying("what the form signs does not say its {fact} as it was given", fact=lost[0])


def _suspension(places: Iterable[EntryOfKind]) -> tuple[str, int] | None:
    """The issuer's list and the position of the first entry that can say that it is suspended, if any."""
    entry = next((status.stored for status in places if status.can_suspend), None)
    return None if entry is None else (entry.list_url.removesuffix(SUSPENSION_SUFFIX), entry.index)


def _schema(claims: Claims, identifier: str) -> tuple[object, object]:
    """Identifier and digest of the one JSON Schema by this identifier; without it, neither."""
    # Of two schemas under one identifier, a verifier could check the other.
    named = [
        schema
        for schema in claims.schemas
        if schema.get("id") == identifier and has_type(schema, JSON_SCHEMA)
    ]
    return (named[0].get("id"), named[0].get("digestSRI")) if len(named) == 1 else (None, None)
