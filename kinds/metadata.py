"""The type metadata of a kind, as wallets read it (draft-ietf-oauth-sd-jwt-vc, section 4)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from wire.problem import Malformed
from wire.strict import load_json_object

from .cells import Field, sri
from .kind import METADATA, REFERENCE, Kind


def metadata_of(kind: Kind) -> dict[str, Any]:
    """The type metadata that follows from `kind.json`: the type, and each fact that a credential has.

    The type is the first IRI among the kind's own types. A kind without any, as one by the types of Open
    Badges, is named by its URN without the digest, which is over this file as well.
    """
    claims = []
    for field in said_fields(kind):
        claims.append(_claim(field.claim, field))
        claims += [
            # An item is shown or hidden as a whole. A credential without items lacks none of their facts.
            _claim(
                (*field.claim, None, *inner.claim),
                replace(inner, disclosure="allowed", required=inner.required and field.required),
            )
            for inner in said_items(kind, field)
        ]
    return {
        "vct": _type(kind),
        "name": kind.nouns["en"][0],
        "display": [{"locale": language, "name": noun} for language, (noun, _) in kind.nouns.items()],
        "claims": claims,
    }


def share_a_type(kind: Kind, other: Kind) -> bool:
    """True if a verifier that reads `vct`, doctype or the names of own types cannot tell the two kinds apart.

    Types of a published context, such as those of Open Badges, are shared by design.
    """
    names = _own_types(kind).keys()
    return (
        _type(kind) == _type(other)
        or (bool(names) and names == _own_types(other).keys())
        or (bool(kind.doctype) and kind.doctype == other.doctype)
    )


def said_fields(kind: Kind) -> list[Field]:
    """The fields that a credential of the kind has as claims."""
    return [field for field in kind.fields.values() if field.name in kind.template.fields]


def said_items(kind: Kind, group: Field) -> list[Field]:
    """The fields that each item of a group has as claims."""
    names = kind.template.groups.get(group.name, ())
    return [field for field in group.fields.values() if field.name in names]


@lru_cache(maxsize=16)
def type_of(kind: Kind) -> str:
    """The `vct` of the kind's credentials, as the metadata has it that was kept with it, else as it follows.

    Empty where that metadata, which may be anybody's, names none.
    """
    if METADATA not in kind.files:
        return _type(kind)
    try:
        name = load_json_object(kind.files[METADATA]).get("vct")
    except Malformed:
        return ""
    return name if isinstance(name, str) else ""


def _type(kind: Kind) -> str:
    return next(iter(_own_types(kind).values()), f"{REFERENCE}{kind.name}:{kind.version}")


def _own_types(kind: Kind) -> Mapping[str, str]:
    types: Mapping[str, str] = json.loads(kind.files["kind.json"]).get("types", {})
    return types


def integrity_of(kind: Kind) -> str:
    """The digest of the metadata that was kept with the kind (section 5); empty where none was."""
    kept = kind.files.get(METADATA)
    return sri(hashlib.sha256(kept).digest()) if kept else ""


def _claim(path: tuple[str | None, ...], field: Field) -> Mapping[str, Any]:
    """The claim of a field; `None` in its path is each item of an array (section 4.6.1)."""
    labels = []
    for language, label in field.labels.items():
        about = field.explanations.get(language)
        labels.append({"locale": language, "label": label, **({"description": about} if about else {})})
    display = {"display": labels} if labels else {}
    return {"path": [*path], **display, "mandatory": field.required, "sd": field.disclosure}
