"""Numbers for the rows of a file that has none: the pattern that they follow, and what tells rows apart."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import orjson

from kinds import Kind, Record
from kinds.cells import BadCell, Field, check_cell

from ..problem import NUMBER_PATTERN, NUMBERS_USED_UP

LONGEST_PATTERN = 100  # characters: numbers become names of files, and stand in each list

_PLACEHOLDER = re.compile(r"\{(?:year|seq(?::0([1-9]|1[0-8]))?)\}")
_BRACED = re.compile(r"(\{[^{}]*\})")
_MOST_DIGITS = 18  # of a place in a series: SQLite and PostgreSQL keep it in 64 bits
IDENTITY_BYTES = 16


@dataclass(frozen=True, repr=False)
class NumberPattern:
    """What numbers look like: `{year}`, `{seq}` or `{seq:0N}`, and plain text."""

    text: str
    field: Field
    """The number of the kind."""

    @classmethod
    def parse(cls, text: str, kind: Kind) -> NumberPattern:
        """Reads a pattern. Raises `NUMBER_PATTERN` where its numbers would be none of the kind.

        It is no format string of Python's, which would reach attributes and take any width.
        """
        plain = _BRACED.sub("", text)
        placeholders = _BRACED.findall(text)
        wrong = [each for each in placeholders if not _PLACEHOLDER.fullmatch(each)]
        if len(text) > LONGEST_PATTERN:
            raise NUMBER_PATTERN(f"the pattern of numbers has more than {LONGEST_PATTERN} characters")
        if wrong or set("{}") & set(plain):
            raise NUMBER_PATTERN(
                f"the pattern of numbers has {wrong[0] if wrong else 'a single brace'} in it: in braces may "
                "stand {year}, {seq}, and {seq:0N} for at least N digits, 1 to 18"
            )
        if sum(each.startswith("{seq") for each in placeholders) != 1:
            raise NUMBER_PATTERN("the pattern of numbers has one {seq}, neither none nor several")
        pattern = cls(unicodedata.normalize("NFC", text), kind.fields[kind.number])
        try:
            pattern.series(2000).number(1)
        except NUMBERS_USED_UP.kind as problem:
            raise NUMBER_PATTERN(problem.detail) from problem
        return pattern

    def series(self, year: int) -> Series:
        """The numbers of a year."""
        text = self.text.replace("{year}", f"{year:04}")
        before, placeholder, after = re.split(r"(\{seq[^}]*\})", text)
        return Series(text, before, int(placeholder[5:-1] or 0), after, self.field)


class Series(NamedTuple):
    """The numbers of a pattern in one year, counted from 1."""

    name: str
    """The pattern with the year in its place."""
    before: str
    width: int
    """Digits that a place has at least."""
    after: str
    field: Field

    def number(self, place: int) -> str:
        """The number at a place. Raises `NUMBERS_USED_UP` where it is none of the kind."""
        number = f"{self.before}{place:0{self.width}}{self.after}"
        try:
            if check_cell.__wrapped__(self.field, number) == number == number.strip():
                return number
            reason = "is written otherwise"
        except BadCell as problem:
            reason = problem.detail
        raise NUMBERS_USED_UP(f"the number {number} {reason}")


@dataclass(frozen=True, repr=False)
class Identities:
    """What tells the rows of a kind apart, as digests. It can be pickled, and holds a secret."""

    kind: Kind
    secret: bytes

    def __call__(self, record: Record) -> bytes:
        """The digest of a row: BLAKE2b, keyed. Empty where no field says anything.

        Names may be written in capitals, at full width or with invisible characters, and are the same. A
        person who has a number of her own is known by that: a corrected name is not another person.
        """
        kind = self.kind
        has_id = bool(kind.person_id in kind.told_apart_by and record.get(kind.person_id))
        said = {
            name: _plain(str(record.get(name, "")))
            for name in kind.told_apart_by
            if name not in kind.person.fields
        }
        if not has_id and kind.person.fields & {*kind.told_apart_by}:
            said["person"] = _plain(kind.person.full(record))  # no field may have this name
        said = {name: value for name, value in said.items() if value}
        if not said:
            return b""
        # JSON: no value can pass for two, and a field that is empty is as one that the file lacks.
        packed = orjson.dumps([kind.name, said], option=orjson.OPT_SORT_KEYS)
        return hashlib.blake2b(packed, digest_size=IDENTITY_BYTES, key=self.secret).digest()


@lru_cache(maxsize=1 << 12)  # few programmes and days, many rows
def _plain(text: str) -> str:
    """A text without what is not seen, or no difference to people: case, width, blanks, joiners."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        text = "".join(each for each in text if unicodedata.category(each) != "Cf")
    return " ".join(text.casefold().split())
