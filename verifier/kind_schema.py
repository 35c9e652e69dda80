"""Whether a credential has the form of its kind, by the schema kept with the kind (VCDM 2.0, 4.11)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any

from kinds import Kind
from kinds.kind import SCHEMA
from kinds.metadata import integrity_of, said_fields
from kinds.schema import for_claims
from kinds.shipped import is_shipped
from vc import Claims, Credential
from vc.claims import JSON_SCHEMA, has_type
from vc.vcdm.schema import ANOTHER_SCHEMA, SCHEMA_MISMATCH, Schemas
from wire.problem import ExtraMissing, Malformed
from wire.text import shortened
from wire.work import Work

from .sources.trust import TrustSource
from .summary import kind_at_hand

_BYTES_COMPARED = 1 << 14
"""Bytes of a schema times bytes of a credential, a step: each keyword may be held against each text."""
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}
"""The types of JSON values by their names; `True` is no number."""


def fits_kind(claims: Claims, trust: TrustSource, work: Work) -> dict[str, str]:
    """The identifier of the kind's schema, and the kind's name and version, such as `resident 1`.

    Those of a kind that does not ship are in quotation marks: anybody may call one so. The credential names
    that schema and fits it; it is never fetched.

    Empty where the kind is not at hand, and where this program cannot use its schema. For a form other than
    W3C's data model, which the schema is about, it is the type that the kind's metadata describes. Raises
    `SCHEMA_MISMATCH`, `ANOTHER_SCHEMA` and `TooLarge`.
    """
    kind = kind_at_hand(claims, trust, work=work)
    if kind is not None and not isinstance(claims, Credential):
        return _fits_metadata(kind, claims)
    if kind is None or not kind.schema:
        return {}
    place = f"{kind.digest}/{SCHEMA}"
    named = [one for one in claims.schemas if has_type(one, JSON_SCHEMA) and str(one["id"]).endswith(place)]
    if not named:  # it names the schemas of somebody else, or none
        return {}
    address = str(named[0]["id"])
    # VCDM 2.0, 5.3: what has another digest is not what the issuer meant.
    digest = kind.schema_digest
    if any(one.get("digestSRI", digest) != digest for one in named):
        raise ANOTHER_SCHEMA.saying(
            "the schema {schema} has another digest than the one that its kind has",
            schema=shortened(address),
        )
    # No start waits for the extra to load where it can only agree. Where it is missing, nothing is checked.
    if is_shipped(kind) and has_engine() and plainly_fits(claims.said, _form(kind)):
        return {address: _called(kind)}
    work.spend(len(kind.schema) * len(repr(claims.said)) // _BYTES_COMPARED)
    schemas = _schemas(kind, address)
    checked = schemas.check(claims, address) if schemas else ()
    return dict.fromkeys(checked, _called(kind))


def _fits_metadata(kind: Kind, claims: Claims) -> dict[str, str]:
    """The type, with the kind's name, where the credential names the metadata that was kept with the kind.

    A claim that is hidden is not missing; one that the kind never hides, and requires, has to be there
    (SD-JWT VC, 4.6.3). Raises `ANOTHER_SCHEMA` and `SCHEMA_MISMATCH`.
    """
    digest, named = integrity_of(kind), claims.said.get("vct#integrity")
    if not digest or not isinstance(named, str) or named.partition("-")[0] != digest.partition("-")[0]:
        return {}
    (vct,) = claims.types
    if named != digest:  # section 5: what has another digest is not what the issuer meant
        raise ANOTHER_SCHEMA.saying(
            "the schema {schema} has another digest than the one that its kind has", schema=shortened(vct)
        )
    for field in said_fields(kind):
        if field.disclosure == "never" and field.required and field.name not in claims.said:
            raise SCHEMA_MISMATCH.saying(
                "{place} breaks the rule {rule} of the schema {schema}",
                place=field.name,
                rule="mandatory",
                schema=shortened(vct),
            )
    return {vct: _called(kind)}


def _called(kind: Kind) -> str:
    called = f"{kind.name} {kind.version}"
    return called if is_shipped(kind) else f'"{called}"'


_form = lru_cache(maxsize=16)(for_claims)


@cache
def has_engine() -> bool:
    """Whether the extra `schema` is installed. To look for it takes as long as two signatures do."""
    return find_spec("jsonschema_rs") is not None


@lru_cache(maxsize=16)
def _schemas(kind: Kind, address: str) -> Schemas | None:
    """The kind's schema, ready for use; `None` where it cannot be used here, as an unknown one."""
    try:
        return Schemas({address: _form(kind)}, of_strangers=True)
    except (Malformed, ExtraMissing):
        return None


def plainly_fits(value: object, schema: Mapping[str, Any]) -> bool:
    """Whether a JSON value fits a valid schema by the few keywords that are cheap to tell.

    It takes at most one step for each of the schema's keywords, however large the value is.

    It is never true of a value that the schema refuses. Where it is false, JSON Schema has to say.
    """
    for keyword, asked in schema.items():
        match keyword:
            case "$schema" | "title" | "description":
                continue
            case "type":
                fits = isinstance(asked, str) and type(value) in _TYPES.get(asked, ())
            case "enum":
                fits = isinstance(value, str) and value in asked
            case "anyOf":
                fits = any(plainly_fits(value, each) for each in asked)
            case "required":
                fits = isinstance(value, dict) and value.keys() >= set(asked)
            case "properties":
                fits = isinstance(value, dict) and all(
                    plainly_fits(value[name], each) for name, each in asked.items() if name in value
                )
            case _:  # such as a pattern, which takes an engine
                fits = False
        if not fits:
            return False
    return True
