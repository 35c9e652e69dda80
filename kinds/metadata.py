"""The type metadata of a kind, as wallets read it (draft-ietf-oauth-sd-jwt-vc, section 4)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .cells import Field
from .kind import REFERENCE, Kind


def metadata_of(kind: Kind) -> dict[str, Any]:
    """The type metadata that follows from `kind.json`: the type, and each fact that a credential has.

    The type is the first IRI among the kind's own types. A kind without any, as one by the types of Open
    Badges, is named by its URN without the digest, which is over this file as well.
    """
    said = [field for field in kind.fields.values() if field.name in kind.template.fields]
    claims = []
    for field in said:
        claims.append(_claim([field.name], field))
        in_items = kind.template.groups.get(field.name, ())
        claims += [
            _claim([field.name, None, name], inner)
            for name, inner in field.fields.items()
            if name in in_items
        ]
    return {
        "vct": _vct(kind),
        "name": kind.nouns["en"][0],
        "display": [{"locale": language, "name": one} for language, (one, _) in kind.nouns.items()],
        "claims": claims,
    }


def share_a_type(one: Kind, other: Kind) -> bool:
    """Whether a verifier that reads the `vct`, or the names of the kinds' own types, takes one for the other.

    Types of a published context, such as those of Open Badges, are shared by design.
    """
    names = _own_types(one).keys()
    return _vct(one) == _vct(other) or (bool(names) and names == _own_types(other).keys())


def _vct(kind: Kind) -> str:
    return next(iter(_own_types(kind).values()), f"{REFERENCE}{kind.name}:{kind.version}")


def _own_types(kind: Kind) -> Mapping[str, str]:
    types: Mapping[str, str] = json.loads(kind.files["kind.json"]).get("types", {})
    return types


def _claim(path: list[str | None], field: Field) -> Mapping[str, Any]:
    """The claim of a field; `None` in its path is each item of an array (section 4.6.1)."""
    labels = [{"locale": language, "label": label} for language, label in field.labels.items()]
    display = {"display": labels} if labels else {}
    return {"path": path, **display, "mandatory": field.required, "sd": field.disclosure}
