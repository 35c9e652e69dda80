"""Literals as N-Quads writes them canonically, and only those that every processor writes the same."""

from __future__ import annotations

import math
import re
from typing import Any

from wire import jcs

from .context import LANGUAGE
from .problem import InvalidDocument, LossyDocument

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XSD = "http://www.w3.org/2001/XMLSchema#"
DOUBLE = XSD + "double"
JSON_TYPE = RDF + "JSON"

is_special = re.compile(r'["\\\x00-\x1f\x7f\ufffe\uffff]').search
_SPECIAL = re.compile(r'["\\\x00-\x1f\x7f]')
_ESCAPES = {"\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"'}
_ESCAPES |= {chr(code): f"\\u{code:04X}" for code in (*range(0x20), 0x7F) if chr(code) not in _ESCAPES}
_LONG = 500  # characters; from there on it is faster to look for each of the special ones


def escaped(text: str) -> str:
    """Text between the quotes of a literal (RDFC-1.0 Appendix A). Raises `InvalidDocument`."""
    # A signature would fit in one program, and not in another.
    if "\ufffe" in text or "\uffff" in text:
        raise InvalidDocument("a text holds U+FFFE or U+FFFF, which processors do not write the same way")
    if len(text) < _LONG:
        return _SPECIAL.sub(lambda match: _ESCAPES[match[0]], text)
    for character, escape in _ESCAPES.items():  # the backslash goes first
        text = text.replace(character, escape)
    return text


def closing(datatype: str | None, language: str | None = None, direction: str | None = None) -> str:
    """The end of a literal, from its closing quote on. Directions are kept as i18n datatypes.

    Raises `InvalidDocument`.
    """
    if direction:
        datatype = f"https://www.w3.org/ns/i18n#{language or ''}_{direction}"
    elif language:
        return '"@' + language
    if datatype == RDF + "langString":
        raise InvalidDocument("rdf:langString is used as a datatype without a language")
    return '"' if datatype is None or datatype == XSD + "string" else f'"^^<{datatype}>'


def language_tag(text: str) -> str:
    """A language tag in lower case, as most processors write it. Raises `InvalidDocument`."""
    if not LANGUAGE(text):
        raise InvalidDocument("a language tag is not well-formed (BCP 47)")
    return text.lower()


def literal(value: Any, datatype: str | None) -> str:
    """A string, number or boolean with a datatype, or with its native one (JSON-LD 1.1 API 8.2.2).

    Raises `InvalidDocument` for what processors do not write the same way.
    """
    if type(value) is str:
        if datatype == DOUBLE:
            _check_double(value)
        return '"' + escaped(value) + closing(datatype)
    if type(value) is bool:
        return ('"true' if value else '"false') + closing(datatype or XSD + "boolean")
    if type(value) is float and not value.is_integer():
        return '"' + double(value) + closing(datatype or DOUBLE)
    if type(value) not in (int, float):
        raise InvalidDocument("a value object holds neither a string nor a number nor a boolean")
    if value == 0 and math.copysign(1, value) < 0:
        raise InvalidDocument("a number is negative zero, which processors do not write the same way")
    # RFC 7493, 2.2.
    if abs(value) > jcs.LARGEST_INTEGER:
        raise InvalidDocument(
            "an integer is beyond 2^53-1, where processors disagree", hint="Write it as a string."
        )
    if datatype == DOUBLE:
        return '"' + double(float(value)) + closing(DOUBLE)
    return f'"{int(value)}' + closing(datatype or XSD + "integer")


def json_literal(value: Any) -> str:
    """Any JSON value as an rdf:JSON literal."""
    return '"' + escaped(jcs.canonicalize(value).decode()) + closing(JSON_TYPE)


def double(value: float) -> str:
    """The canonical form of xsd:double with 15 fraction digits.

    Raises `InvalidDocument`, and `LossyDocument` where that is not the number itself.
    """
    # Threat 27.
    if not math.isfinite(value):
        raise InvalidDocument("a number is NaN or infinite")
    digits, _, exponent = f"{value:.15E}".partition("E")
    digits = digits.rstrip("0")
    text = f"{digits}{'0' if digits.endswith('.') else ''}E{int(exponent)}"
    if float(text) != value:
        raise LossyDocument(
            "a number has more digits than its canonical form keeps", hint="Write it as a string."
        )
    if digits[-1] == "." and int(exponent) < -6:
        raise InvalidDocument(
            "a number is so small that some processors take it for 0", hint="Write it as a string."
        )
    return text


def _check_double(text: str) -> None:
    """Some processors put a string with datatype xsd:double into canonical form, others keep it."""
    try:
        kept = double(float(text)) == text
    except ValueError:
        kept = False
    if not kept:
        raise InvalidDocument(
            "a string with datatype xsd:double is not in canonical form, so that processors disagree",
            hint="Write it as a JSON number.",
        )
