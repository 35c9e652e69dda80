"""Numbers for the rows of a file that has none: their pattern, and the identities that tell rows apart."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import orjson

from kinds import Kind, Record
from kinds.cells import Field, check_cell
from kinds.problem import BadCell

from ..problem import KIND_WITHOUT_IDENTITY, NUMBER_PATTERN, NUMBERS_USED_UP

LONGEST_PATTERN = 100  # characters: numbers become names of files, and stand in each list

# 18 digits at most: databases keep places in 64 bits.
_PLACEHOLDER = re.compile(r"\{(?:year|seq(?::0([1-9]|1[0-8]))?)\}")
_BRACED = re.compile(r"(\{[^{}]*\})")
IDENTITY_BYTES = 16


@dataclass(frozen=True, repr=False)
class NumberPattern:
    """A pattern of numbers: `{year}`, `{seq}` or `{seq:0N}`, and plain text."""

    text: str
    field: Field
    """The number of the kind."""

    @classmethod
    def parse(cls, text: str, kind: Kind) -> NumberPattern:
        """Reads a pattern. Raises `NUMBER_PATTERN` if its numbers would be invalid for the kind.

        Raises `KIND_WITHOUT_IDENTITY` if the same file could not get the same numbers again. The pattern is
        no Python format string: that could reach attributes and take any width.
        """
        if not kind.told_apart_by:
            raise KIND_WITHOUT_IDENTITY(f"the kind {kind.name} names no fields that tell its rows apart")
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
        if not plain.isprintable():
            raise NUMBER_PATTERN("the pattern of numbers has a character in it that nobody sees")
        if sum(each.startswith("{seq") for each in placeholders) != 1:
            raise NUMBER_PATTERN("the pattern of numbers has one {seq}, neither none nor several")
        pattern = cls(unicodedata.normalize("NFC", text), kind.fields[kind.number])
        series = pattern.series(2000)
        if fault := series.fault(first := series.made(range(1, 2))[0]):
            raise NUMBER_PATTERN(f"the number {first} {fault}")
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
    """The least number of digits of a place."""
    after: str
    field: Field

    def numbers(self, places: range) -> list[str]:
        """The numbers at these places, up to the first that is invalid for the kind.

        Raises `NUMBERS_USED_UP` if that is the first one.
        """
        numbers = self.made(places)
        if self.field.pattern or self.field.check or self.field.codes:
            faults = (at for at, number in enumerate(numbers) if self.fault(number))
        else:  # of plain texts one is as good as another
            faults = (at for at in (0,) if self.fault(numbers[0]))
        end = next(faults, len(numbers))
        if not end:
            raise NUMBERS_USED_UP(f"the number {numbers[0]} {self.fault(numbers[0])}")
        return numbers[:end]

    def made(self, places: range) -> list[str]:
        """The numbers at these places, whatever the kind says of them."""
        before, width, after = self.before, self.width, self.after
        return [f"{before}{place:0{width}}{after}" for place in places]

    def fault(self, number: str) -> str:
        """The reason why it is no number of the kind; empty if it is one."""
        try:
            value = check_cell.__wrapped__(self.field, number)  # which are not asked for again
        except BadCell as problem:
            return problem.detail
        return "" if value == number == number.strip() else "would be kept as another text"


@dataclass(frozen=True, repr=False)
class Identities:
    """Digests that tell the rows of a kind apart. It can be pickled, and holds a secret."""

    kind: Kind
    secret: bytes

    def __call__(self, record: Record) -> bytes:
        """The digest of a row: BLAKE2b, keyed. Empty if all fields are empty.

        Names may be written in capitals, at full width or with invisible characters, and are the same. A
        personal number identifies a person by itself: a corrected name does not make another person.
        """
        values = [record.get(name, "") for name in self._fields]
        if self._has_name:
            has_id = record.get(self._person_id)
            values.append("" if has_id else self.kind.person.full(record))
        packed = orjson.dumps(values)  # no two lists have one JSON text
        if packed.isascii() and b"  " not in packed:  # as most are: many times as fast
            packed = packed.lower()
        else:
            values = [_plain(each) if isinstance(each, str) else each for each in values]
            packed = orjson.dumps(values)
        if packed == self._nothing:
            return b""
        return hashlib.blake2b(self._head + packed, digest_size=IDENTITY_BYTES, key=self.secret).digest()

    @cached_property
    def _head(self) -> bytes:
        return orjson.dumps([self.kind.name, self._fields, self._has_name])

    @cached_property
    def _nothing(self) -> bytes:
        return orjson.dumps([""] * (len(self._fields) + self._has_name))

    @cached_property
    def _fields(self) -> tuple[str, ...]:
        """The identifying fields, except the name, in an order that is independent of `kind.json`."""
        return tuple(sorted(set(self.kind.told_apart_by) - self.kind.person.fields))

    @cached_property
    def _has_name(self) -> bool:
        return not self.kind.person.fields.isdisjoint(self.kind.told_apart_by)

    @cached_property
    def _person_id(self) -> str:
        """The field of a person's own number, if it identifies."""
        return self.kind.person_id if self.kind.person_id in self.kind.told_apart_by else ""


@lru_cache(maxsize=1 << 12)  # few programmes, many rows
def _plain(text: str) -> str:
    """A text without the differences that people ignore: case, width, invisible characters, blanks."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        if not text.isprintable():
            text = "".join(each for each in text if unicodedata.category(each) != "Cf")
    return " ".join(text.lower().split())
