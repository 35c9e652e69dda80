"""Texts with slots: the text that documents of one shape share is written once; values are spliced in.

A document is traced to find its slots. Each holds a marker of random digits while the general path makes the
document; wherever a finished text shows the marker, a value of that slot goes.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import orjson

from wire import jcs

Value = str | int | float

MOST = 500
"""Slots of a shape. As many columns again are left for what stands behind the values in a row."""

_INDEX = 3  # digits
_TOKEN = 12  # digits; with the index 15, which every reader of JSON keeps (RFC 8785 appendix D)
_scheme = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:").match


class Filled(NamedTuple):
    """The values of one document."""

    values: Sequence[Value]
    texts: list[str]
    """The same as texts; a number as JSON, JCS and Python alike write it."""
    row: list[bytes]
    """The texts in UTF-8."""
    json: list[bytes]
    """As they stand between the quotes of JSON, and in JCS."""
    is_plain: bool
    """True if no text has a character that JSON or N-Quads could escape."""
    may_be_silent: bool
    """True if a text has null or [] in it: JSON that holds these is searched for members that say nothing."""


class Slots:
    """The slots of one shape, with a marker for each.

    A marker has the type of the value that it stands for. One that stands for an IRI keeps its scheme, since
    JSON-LD reads `scheme:rest` as a compact IRI wherever `scheme` is a term.
    """

    def __init__(self, values: Sequence[Value]) -> None:
        """`values` are those of any document of the shape, `MOST` at most.

        An empty text is no slot, nor is a truth value, which is the same in all documents of the shape.
        """
        # Random: no record and no template can hold a marker except by chance, once in 10^12.
        self.token = str(10 ** (_TOKEN - 1) + secrets.randbelow(9 * 10 ** (_TOKEN - 1)))
        self.leads = [_lead(value) for value in values]
        self.markers = [
            "" if value == "" else self._marker(index, value) for index, value in enumerate(values)
        ]
        self.truths = [index for index, value in enumerate(values) if type(value) is bool]
        self.numbers = [index for index, value in enumerate(values) if type(value) in (int, float)]

    def marker(self, index: int) -> str:
        """The marker of a further column of a row, behind those of the values."""
        return f"{self.token}{index:0{_INDEX}}"

    @classmethod
    def of(cls, values: Sequence[Any]) -> Slots | None:
        """The slots of these values; `None` where they are too many, or one is no text or number."""
        is_usable = len(values) <= MOST and all(type(value) in (str, int, float, bool) for value in values)
        return cls(values) if is_usable else None

    def _marker(self, index: int, value: Value) -> Value:
        if type(value) is str:
            return self.leads[index] + self.marker(index)
        if type(value) is bool:
            return value
        return int(self.marker(index)) + (0.5 if type(value) is float else 0)

    def fill(self, values: Sequence[Value]) -> Filled | None:
        """The values of another document; `None` where a number is not written alike everywhere.

        `None` as well for a lone surrogate, which UTF-8 does not have.
        """
        for index in self.numbers:
            if not is_written_alike(values[index]):
                return None
        texts: list[Any] = [*values]
        for index in (*self.numbers, *self.truths):
            texts[index] = str(values[index])
        joined = "\\".join(texts)
        try:
            json = row = joined.encode().split(b"\\")  # at once, which takes half the time
            # A text that is printable has no character to escape but these two.
            is_plain = len(row) == len(texts) and '"' not in joined and joined.isprintable()
            if not is_plain:
                row = [text.encode() for text in texts]
                json = [orjson.dumps(text)[1:-1] for text in texts]
        except (UnicodeEncodeError, orjson.JSONEncodeError):  # a lone surrogate
            return None
        # One character is looked for ten times as quickly as two, and hardly any text has it.
        may_be_silent = "null" in joined or ("[" in joined and "[]" in joined)
        return Filled(values, texts, row, json, is_plain, may_be_silent)

    def format(self, text: str) -> Format | None:
        """A text in which markers stand; `None` where they are not as they were put there."""
        for index in self.numbers:
            if type(self.markers[index]) is float:  # that of an integer is written as that of a text
                text = text.replace(str(self.markers[index]), self.marker(index))
        first, *others = text.split(self.token)
        parts: list[str | int] = [first]
        for other in others:
            # A marker was taken apart, so that a value would be, too.
            if not other[:_INDEX].isdecimal() or len(other) < _INDEX:
                return None
            index = int(other[:_INDEX])
            lead = self.leads[index] if index < len(self.leads) else ""
            before = parts[-1]
            assert isinstance(before, str)
            # The scheme of the marker was changed, such as by a prefix of the context.
            if not before.endswith(lead):
                return None
            parts[-1] = before[: len(before) - len(lead)]
            parts += [index, other[_INDEX:]]
        return Format(parts)


class Format:
    """A text with slots: constant, column, constant, …, constant."""

    __slots__ = ("_constants", "_pick", "_text", "parts")

    def __init__(self, parts: list[str | int]) -> None:
        self.parts = parts
        constants = [str(part).replace("%", "%%") for part in parts[::2]]
        # Bytes, since to format and to sort these takes two thirds of the time that texts take.
        self._constants, self._text = "%b".join(constants).encode(), "%s".join(constants)
        columns = self.columns
        self._pick: Any = itemgetter(*columns) if columns else None

    @property
    def columns(self) -> list[int]:
        """The column of each slot, in the order of the text."""
        return [part for part in self.parts if isinstance(part, int)]

    def __call__(self, row: Sequence[bytes]) -> bytes:
        """The text in UTF-8, with the columns of a row in its slots."""
        return self._constants % (self._pick(row) if self._pick else ())

    def edges(self) -> set[str]:
        """The characters beside slots; "" where one slot meets another, or the end."""
        constants = list(map(str, self.parts[::2]))
        return {part[-1:] for part in constants[:-1]} | {part[:1] for part in constants[1:]}

    def text(self, values: Sequence[Value]) -> str:
        """The text with values as they are."""
        return self._text % (self._pick(values) if self._pick else ())

    def is_ordered(self, other: Format) -> bool:
        """True if one of the two texts always sorts before the other, or equals it, whatever the values."""
        for mine, others in zip(self.parts, other.parts, strict=False):
            if mine != others:
                # A value sorts before or after any constant.
                if isinstance(mine, int) or isinstance(others, int):
                    return False
                return not (mine.startswith(others) or others.startswith(mine))
        return True


class Canonical(Protocol):
    """Writes the canonical form of any document of one shape."""

    def __call__(self, filled: Filled) -> bytes | None:
        """`None` where only the general path has it, or says why there is none."""


def is_written_alike(value: Value) -> bool:
    """True if JSON, JCS and Python write a number in one way, and it is of the type that it looks like."""
    # RFC 7493, 2.2: beyond these, readers of JSON round.
    if type(value) is int:
        return -jcs.LARGEST_INTEGER <= value <= jcs.LARGEST_INTEGER
    return _is_float_written_alike(value)


@lru_cache(1024, typed=True)  # few grades, many records
def _is_float_written_alike(value: Value) -> bool:
    # JCS writes 1.0 as 1, which is read as an integer.
    if type(value) is not float or not math.isfinite(value) or value.is_integer():
        return False
    text = str(value).encode()
    return text == orjson.dumps(value) == jcs.canonicalize(value)


def _lead(value: Value) -> str:
    scheme = _scheme(value) if type(value) is str else None
    return scheme[0] if scheme else ""
