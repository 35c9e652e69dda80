"""A person's name as it stands on the credential: as one text, or made of given and family name.

A record keeps the whole name only where that is another text than given name, blank, family name. So records
of earlier releases, which knew no other order, still give the name that was signed, and issuing a row again
gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from .problem import NAME_IS_WHOLE

AS_IS, LAST_FIRST = NAMES = ("as-is", "last-first")
"""The meaning of a name with a comma: as it stands, or as family name, comma, given name."""
COMMAS = "[,，、،]"

_FAMILY_FIRST = frozenset({"hu", "vi"})
_UNSPACED = partial(  # Han, Kana, Hangul: the scripts in which the family name comes first, without a blank
    re.fullmatch,
    "[\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+",
)


@dataclass(frozen=True, eq=False, repr=False)
class PersonName:
    """The fields that name a person, some of which a kind may lack; joins two of them into one text."""

    whole: str = ""
    given: str = ""
    family: str = ""
    language: str = ""
    """The field of the record's language, which determines the order of names."""
    half_headings: tuple[str, ...] = ()
    """Headings of a whole name; beside a column that has one half of it they mean the other."""

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """Given and family name, or neither."""
        return (self.given, self.family) if self.given and self.family else ()

    @cached_property
    def fields(self) -> frozenset[str]:
        """All the fields that name the person."""
        return frozenset(filter(None, (self.whole, *self.parts)))

    def full(self, record: Mapping[str, Any]) -> str:
        """The name as it was, or will be, signed."""
        return record.get(self.whole, "") or (
            self._given_first(record) if self.whole else self.in_order(record)
        )

    def in_order(self, record: Mapping[str, Any]) -> str:
        """Given and family name as their script orders them, else the record's language; or the only one."""
        if not self.parts:
            return ""
        given_name, family = record.get(self.given, ""), record.get(self.family, "")
        if not given_name.isascii() and _UNSPACED(given_name) and _UNSPACED(family):
            return f"{family}{given_name}"
        if record.get(self.language, "").partition("-")[0].lower() in _FAMILY_FIRST:
            return f"{family} {given_name}".strip()
        return self._given_first(record)

    def turned(self, name: str) -> dict[str, str]:
        """The cells of a name such as `SMITH, Anna`: given and family name, or both in order as the whole.

        Empty unless it is two names with a comma between: `Smith, Jr., Anna` is ambiguous.
        """
        halves = [half.strip() for half in re.split(COMMAS, name)]
        if len(halves) != 2 or not all(halves):
            return {}
        family, given_name = halves
        if self.parts:
            return {self.given: given_name, self.family: family}
        return {self.whole: f"{given_name} {family}"}

    def settle(self, record: dict[str, Any]) -> None:
        """Keeps in the record the name that it was given, else the one in order, where it has to be said."""
        if not self.whole or not self.parts:
            return
        name = record.pop(self.whole, "") or self.in_order(record)
        if name != self._given_first(record):
            record[self.whole] = name

    def with_changes(self, record: Mapping[str, Any], changes: Mapping[str, str]) -> dict[str, str]:
        """The cells of a record with some changed: the name stays as signed, unless it is made of those.

        Raises `NAME_IS_WHOLE` for a part of a name that was given as a whole.
        """
        cells = {name: str(value) for name, value in record.items()}
        if not self.whole or not self.parts:
            return {**cells, **changes}
        cells[self.whole] = self.full(record)
        changed = changes.keys() & set(self.parts)
        if changed and not record[self.given] and self.whole not in changes:
            raise NAME_IS_WHOLE("the name on this credential is one text, without given and family name")
        if changed or (self.language in changes and cells[self.whole] == self.in_order(record)):
            del cells[self.whole]
        return {**cells, **changes}

    def _given_first(self, record: Mapping[str, Any]) -> str:
        return f"{record.get(self.given, '')} {record.get(self.family, '')}".rstrip()
