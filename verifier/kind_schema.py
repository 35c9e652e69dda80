"""Checks a credential against the schema that is kept with its kind (VCDM 2.0, 4.11)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any

from kinds import Kind
from kinds.kind import SCHEMA
from kinds.schema import for_claims
from kinds.shipped import is_shipped
from vc import Claims, Credential
from vc.claims import JSON_SCHEMA, has_type
from vc.problem import ANOTHER_SCHEMA
from vc.vcdm.schema import Schemas, no_engine
from wire.problem import Malformed
from wire.text import shortened
from wire.work import Work

from .sources.trust import TrustSource
from .summary import kind_at_hand

_BYTES_COMPARED = 1 << 14
"""Bytes of a schema times bytes of a credential for one step: each keyword may be held against each text."""
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

    A kind that does not ship is in quotation marks: anybody may give a kind that name. The credential names
    that schema and fits it; it is never fetched.

    Empty where the kind is not at hand, where this program cannot use its schema, and for a form other than
    W3C's data model, which the schema is about. Raises `SCHEMA_MISMATCH`, `ANOTHER_SCHEMA`, `TooLarge`, and
    `ExtraMissing` where the extra `schema` is not installed.
    """
    kind = kind_at_hand(claims, trust, work=work)
    if kind is None or not kind.schema or not isinstance(claims, Credential):
        return {}
    place = f"{kind.digest}/{SCHEMA}"
    named = [
        schema
        for schema in claims.schemas
        if has_type(schema, JSON_SCHEMA) and str(schema["id"]).endswith(place)
    ]
    if not named:  # it names the schemas of somebody else, or none
        return {}
    address = str(named[0]["id"])
    # VCDM 2.0, 5.3: what has another digest is not what the issuer meant.
    if any(not _may_be_of(schema.get("digestSRI", kind.schema_digest), kind) for schema in named):
        raise ANOTHER_SCHEMA.saying(
            "the schema {schema} has another digest than the one that its kind has",
            schema=shortened(address),
        )
    if not has_engine():  # VCDM 2.0, 4.11: what nobody here can hold against its schema is not said to fit
        raise no_engine()
    # No start waits for the extra to load where it can only agree.
    if is_shipped(kind) and plainly_fits(claims.said, _form(kind)):
        return {address: called(kind)}
    work.spend(len(kind.schema) * len(repr(claims.said)) // _BYTES_COMPARED)
    schemas = _schemas(kind, address)
    checked = schemas.check(claims, address) if schemas else ()
    return dict.fromkeys(checked, called(kind))


def _may_be_of(digest: object, kind: Kind) -> bool:
    """True if a digest may be that of the kind's schema, one of several of the strongest algorithm."""
    if digest == kind.schema_digest:
        return True
    from wire import integrity  # only here: most name the very digest that the kind has

    return integrity.fits(str(digest), kind.schema) is not False


def called(kind: Kind) -> str:
    """The name and version of a kind, in quotation marks unless it ships."""
    name = f"{kind.name} {kind.version}"
    return name if is_shipped(kind) else f'"{name}"'


_form = lru_cache(maxsize=16)(for_claims)


@cache
def has_engine() -> bool:
    """Return whether the extra `schema` is installed. Cached: a search takes as long as two signatures."""
    return find_spec("jsonschema_rs") is not None


@lru_cache(maxsize=16)
def _schemas(kind: Kind, address: str) -> Schemas | None:
    """The kind's schema, ready for use; `None` if this program cannot use it."""
    try:
        # Threat 61: a stranger's pattern could take time or memory without end.
        return Schemas({address: _form(kind)}, of_strangers=True)
    except Malformed:
        return None


def plainly_fits(value: object, schema: Mapping[str, Any]) -> bool:
    """Return whether a JSON value fits a valid schema, by the few keywords that are cheap to evaluate.

    It takes at most one step for each of the schema's keywords, however large the value is.

    It is never true of a value that the schema refuses. If it is false, the JSON Schema engine has to decide.
    """
    for keyword, asked in schema.items():
        match keyword:
            case "$schema" | "title" | "description":
                continue
            case "type":
                fits = isinstance(asked, str) and type(value) in _TYPES.get(asked, ())
            case "enum":
                # Strings alone: Python takes `true` for 1.
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
