"""JSON Canonicalization Scheme (RFC 8785): one byte string for equal JSON values.

orjson writes the same bytes many times faster than the reference package, with two exceptions. JCS wants
ECMAScript's shortest form for floats. JCS sorts keys by UTF-16 units, and orjson by bytes, which differs for
characters of two units. Values with either go to the reference package; a test compares the two.
"""

from __future__ import annotations

from typing import Any

import orjson

from wire.problem import Malformed, TooLarge
from wire.work import BYTES_HASHED, Work, marks

from .problem import Code

LARGEST_INTEGER = 2**53 - 1  # beyond it ECMAScript numbers are not exact (RFC 8785 Appendix D)
DEEPEST = 128  # levels of nesting

# In steps, for what the reference package writes
_VALUE_SLOWLY = 4
_ESCAPES = 4  # a step

_FOUR_BYTES = bytes(range(0xF0, 0xF5))
"""The first bytes in UTF-8 of characters that take two units of UTF-16."""

NO_CANONICAL_FORM = Code("no-canonical-form", Malformed, "The JSON has no canonical form", undetermined=True)
"""A value that JCS does not write, though JSON may: what was signed then cannot be told."""


def canonicalize(value: Any, work: Work | None = None) -> bytes:
    """The canonical UTF-8 bytes of a JSON value made of dict, list, str, int, float, bool and None.

    RFC 8785 3.2. Raises NO_CANONICAL_FORM for NaN, infinities, integers beyond 2^53-1, lone surrogates and
    values that are not JSON. Raises TooLarge for more than 128 levels, and where `work` is used up.
    """
    return canonical_form(value, work)[0]


def canonical_form(value: Any, work: Work | None = None) -> tuple[bytes, bool]:
    """The same bytes, and True if the value holds no null and no empty array, which say nothing in JSON-LD.

    Raises NO_CANONICAL_FORM and TooLarge as `canonicalize`.
    """
    try:
        flags = _seen(value, 0)
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        if not text.isascii() and len(text.translate(None, _FOUR_BYTES)) < len(text):
            flags |= _SLOW
        if work is not None:
            values = marks(text)
            slow = _VALUE_SLOWLY * values + text.count(b"\\") // _ESCAPES if flags & _SLOW else 0
            work.spend(values // 4 + len(text) // BYTES_HASHED + slow)
        if flags & _SLOW:
            import rfc8785  # imported lazily: it is seldom needed

            text = rfc8785.dumps(value)
    except (orjson.JSONEncodeError, ValueError) as error:  # the latter of UTF-8, and of the package
        raise NO_CANONICAL_FORM(
            "a key is not a string"
            if "key must be str" in str(error)
            else "a number is NaN or infinite, or a string holds a lone surrogate: JSON has no such values"
        ) from None
    return text, not flags & _SILENT


def size(value: Any) -> int:
    """The approximate number of values in a JSON value. Raises as `canonicalize` for what JSON lacks."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_STRICT_INTEGER)
    except orjson.JSONEncodeError:
        text = canonicalize(value)  # says what is wrong
    return marks(text)


_SLOW, _SILENT = 1, 2
"""Flags of a value: it needs the reference package; it holds null or an empty array."""


def _seen(value: Any, depth: int) -> int:
    """The flags of a value; raises for values that are not JSON."""
    kind = type(value)
    if kind is dict:
        flags = 0
        members = value.values()
    elif kind is list:
        flags = 0 if value else _SILENT
        members = value
    elif kind is bool or kind is str:
        return 0
    elif kind is int:  # RFC 8785 Appendix D: ECMAScript would read another number
        if not -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
            raise NO_CANONICAL_FORM(
                "an integer is beyond 2^53-1", hint="Whoever wrote the file has to write it as a string."
            )
        return 0
    elif value is None:
        return _SILENT
    elif kind is float:
        return _SLOW
    else:
        raise NO_CANONICAL_FORM.saying("a value of type {kind} is not JSON", kind=kind.__name__)
    if depth == DEEPEST:
        raise TooLarge.saying("the value is nested deeper than {most} levels", most=DEEPEST)
    depth += 1
    for member in members:
        kind = type(member)
        if kind is not str and not (kind is int and -LARGEST_INTEGER <= member <= LARGEST_INTEGER):
            flags |= _seen(member, depth)
    return flags
