"""A graduate's name as it stands on the diploma: as one text, or made of given and family name.

A record keeps `name` only where that is another text than given name, blank, family name. So records of
the releases that knew no other order say what was signed, and a row done again gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..problem import NAME_IS_WHOLE

PARTS = ("given_name", "family_name")
NAMES = frozenset({"name", *PARTS})
"""The fields that a person is named by."""

_FAMILY_FIRST = frozenset({"hu", "vi"})
_UNSPACED = (
    re.compile(  # Han, Kana, Hangul: the scripts in which the family name comes first, without a blank
        "[\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3"
        "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+"
    ).fullmatch
)


def full_name(record: Mapping[str, Any]) -> str:
    """The name as it was, or will be, signed."""
    return record.get("name") or _given_first(record)


def in_order(record: Mapping[str, Any]) -> str:
    """Given and family name in the order of their script, else of the record's language; or the only one."""
    given, family = (record[part] for part in PARTS)
    if _UNSPACED(given) and _UNSPACED(family):
        return f"{family}{given}"
    if record["lang"].partition("-")[0].lower() in _FAMILY_FIRST:
        return f"{family} {given}".strip()
    return _given_first(record)


def settle_name(record: dict[str, Any]) -> None:
    """Keeps in the record the name that it was given, else the one in order, where that has to be said."""
    name = record.pop("name", "") or in_order(record)
    if name != _given_first(record):
        record["name"] = name


def with_changes(record: Mapping[str, Any], changes: Mapping[str, str]) -> dict[str, str]:
    """The cells of a record with some changed: the name stays as it was signed, unless it is made of those.

    Another type of achievement takes the former degree's name with it: a master is no Bachelor of Science.

    Raises `Refused` for a part of a name that was given as a whole.
    """
    cells = {**{field: str(value) for field, value in record.items()}, "name": full_name(record)}
    parts = changes.keys() & PARTS
    if parts and not record["given_name"] and "name" not in changes:
        raise NAME_IS_WHOLE("the name of this diploma is one text, without given and family name")
    if parts or ("lang" in changes and cells["name"] == in_order(record)):
        del cells["name"]
    if changes.get("achievement_type", record["achievement_type"]) != record["achievement_type"]:
        cells.pop("degree_name", None)
    return {**cells, **changes}


def _given_first(record: Mapping[str, Any]) -> str:
    return " ".join(record.get(part, "") for part in PARTS).rstrip()
