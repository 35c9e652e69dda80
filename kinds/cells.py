"""One cell of a registrar's file: the value of its field, or the reason for refusing it.

The text belongs to the registrar: a problem gives the reason, and never repeats the text.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache, partial
from typing import Any

from wire.datetimestamp import format_datetimestamp, parse_datetimestamp
from wire.problem import Malformed

from .days import read_day
from .digits import SCHEMES, canonical, fault
from .pattern import matcher
from .problem import BadCell
from .vocabulary import Words, fold

LONGEST = 300  # characters in a cell: a name, a title, a credential's number

GROUP = "group"
"""The type of a field that repeats, with fields of its own; it is no text of a cell."""

MOST_ITEMS = 1000
"""Items of a group: a verifier reads, and a page shows, each of them."""
ITEM_ID = "item_id"
"""In the template of an ordered group, the `id` of an item, made of the credential's own.

Without one, the nodes of an RDF list look alike: other programs take some dozen of them for an attack
(RDFC-1.0, 7).
"""


@dataclass(frozen=True, eq=False, repr=False)
class Field:
    """A fact of a record: the cells that it accepts, and the usual headings of its column."""

    name: str
    type: str = "text"
    """One of `TYPES`."""
    required: bool = False
    pattern: str = ""
    """An I-Regexp (RFC 9485); for a code field, the form of further values beside `codes`."""
    check: str = ""
    """The scheme of the text's check digits, one of `digits.SCHEMES`."""
    refusal: str = ""
    """The reason given for a cell that fails these checks."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """The code for each way to write it; see `vocabulary.fold`."""
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The names of a code for people, by language and code; the code itself is signed."""
    constant: Any = ""
    """The same value in every record; the field then has no column."""
    looked_up: tuple[str, Mapping[str, Any]] | None = None
    """A code field, and the value that follows from each code; it then has no column."""
    is_attached: bool = False
    """True if a column names files below a folder; the value is the digest of the file."""
    earliest: str = ""
    """The first day to be expected, YYYY-MM-DD."""
    years_ahead: int | None = None
    """Years from the job's day that a day may be ahead."""
    worded: str = ""
    """The code field whose word, as it was typed, this field keeps if its own cell is empty."""
    reached: tuple[str, int] | None = None
    """A day, and the years since then after which this is true on the job's day; it then has no column."""
    fields: Mapping[str, Field] = field(default_factory=dict)
    """The fields of each item of a group."""
    is_ordered: bool = False
    """True if the order of a group's items is signed."""
    example: str = ""
    """A cell that the field accepts, for people and for tests."""
    personal: bool = False
    """True for personal data: it then appears in no type, id or log, and makes no identifier."""
    disclosure: str = "allowed"
    """The holder's freedom to leave the claim out: one of `DISCLOSURES`."""
    iri: str = ""
    """The property that it is in RDF; without one a template says where it stands, or it stands nowhere."""
    mdoc: tuple[str, ...] = ()
    """Namespace and element identifier in an mdoc (ISO/IEC 18013-5); in a group the key in each item alone.

    Empty for a field that no mdoc has.
    """
    sd_jwt: tuple[str, ...] = ()
    """The member names that lead to its claim in an SD-JWT VC, in a group from the item on.

    Empty for a claim of the field's own name.
    """
    headings: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    """Its name for people, by language."""
    explanations: Mapping[str, str] = field(default_factory=dict)
    """A sentence about it, by language, for people who fill it in or read it."""

    @property
    def claim(self) -> tuple[str, ...]:
        """The path to its claim in an SD-JWT VC, in a group from the item on."""
        return self.sd_jwt or (self.name,)

    @property
    def sample(self) -> Any:
        """A sample value to try a template with."""
        if self.type == GROUP:
            return [{name: field.sample for name, field in self.fields.items()}]
        return _SAMPLES.get(self.type, "1")


DISCLOSURES = ("always", "allowed", "never")
"""Selective disclosure of a claim (SD-JWT VC type metadata, `sd`): `never` keeps it in sight."""

OWN = Field("")
"""A field that only an edited template has: a text."""

_SAMPLES = {
    "number": 1,
    "integer": 1,
    "decimal": "1.50",
    "boolean": True,
    "url": "https://example.org/1",
    "date": "2000-01-01",
    "moment": "2000-01-01T00:00:00Z",
    "digest": "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",  # of nothing
}


# Compiled when first used, and remembered by `re`: whoever verifies starts without them.
_CODE = partial(re.search, r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufdd0-\ufdef\ufeff\ufffe\uffff]")
_SPOILT = partial(
    re.fullmatch,
    r"=.*[-+*/^&|!:(\"].*|=\$?[A-Z]{1,3}\$?[0-9]+"  # a formula; a family may still be called =CMD
    r"|##+|#(?:N/A|NV|DIV/0!|\w+[!?])|[0-9](?:[.,][0-9]+)?E\+[0-9]+",
)
_NOT_UTF8 = partial(re.search, r"[\ud800-\udfff]")  # what Python makes of other bytes on a command line


@lru_cache(maxsize=1 << 12)  # few programmes, titles, days and grades, many records
def check_cell(field: Field, cell: str, date_order: str = "", words: Words | None = None) -> Any:
    """The value of a cell that is not empty: NFC, trimmed. Raises `BadCell`.

    `words` are the words that a cell may have in place of a value.
    """
    if not cell.isprintable():  # seldom, and then most often for the sake of a harmless joiner
        if _NOT_UTF8(cell):
            raise BadCell("is not UTF-8 text")
        if _CODE(cell):
            raise BadCell(
                "has a line break or an invisible control character in it (is a quotation mark missing?)"
            )
    if len(cell) > LONGEST:
        raise BadCell(f"is longer than {LONGEST} characters")
    if (cell[:1] in ("=", "#") or "E+" in cell) and _SPOILT(cell):
        raise BadCell("is what a spreadsheet made of a value: a formula, an error, or a number cut short")
    cell = unicodedata.normalize("NFC", cell)
    return TYPES[field.type](field, words.value(cell, field.codes) if words else cell, date_order)


def _text(field: Field, cell: str, _: str) -> str:
    if field.check:
        return _checked(field, canonical(cell))
    _require_match(field, cell)
    return cell


def _checked(field: Field, number: str) -> str:
    """The number, if its check digits fit. The form comes first: the digits of anything else mean nothing."""
    scheme = SCHEMES[field.check]
    if not matcher(scheme.form)(number):
        raise BadCell(field.refusal or f"is not {scheme.noun}")
    _require_match(field, number)
    if reason := fault(field.check, number):
        raise BadCell(reason)
    return number


def _number(field: Field, cell: str, _: str) -> int | float:
    _require_match(field, cell)
    # float() would take `nan`, `1e400` and `1_0`, which JSON has no number for, or another one.
    if not _NUMBER(cell):
        raise BadCell("is not a number of up to 15 digits")
    _require_clear(field, cell)
    value = float(cell.replace(",", "."))
    return int(value) if value.is_integer() else value


def _integer(field: Field, cell: str, _: str) -> int:
    _require_match(field, cell)
    # JSON numbers are doubles (RFC 8785, 3.2.2.3): a longer one would be signed as another.
    if not _INTEGER(cell):
        raise BadCell("is not a whole number of up to 15 digits")
    return int(cell)


def _decimal(field: Field, cell: str, _: str) -> str:
    """An amount stays a text: as a number it would lose its last zero, and cents beyond 15 digits."""
    _require_match(field, cell)
    if not _DECIMAL(cell):
        raise BadCell("is not an amount, such as 1250.00")
    _require_clear(field, cell)
    return cell.replace(",", ".")


def _require_clear(field: Field, cell: str) -> None:
    """1,250 is a thousand to some, and one and a quarter to others: only a kind's pattern can say which."""
    if not field.pattern and _THOUSANDS(cell):
        raise BadCell("may be a thousand or a fraction: write 1250, or 1.2500")


def _moment(field: Field, cell: str, _: str) -> str:
    _require_match(field, cell)
    if "." in cell:
        raise BadCell("has fractions of a second, which are not kept")
    try:
        return format_datetimestamp(parse_datetimestamp(cell, field.name))
    except Malformed as problem:
        raise BadCell("is not a moment with its time zone, such as 2026-06-30T12:00:00Z") from problem


def _boolean(_: Field, cell: str, __: str) -> bool:
    value = _BOOLEANS.get(fold(cell))
    if value is None:
        raise BadCell("is neither yes nor no")
    return value


def _url(field: Field, cell: str, _: str) -> str:
    _require_match(field, cell)
    if not _URL(cell):
        raise BadCell("is not a web address (https://…)")
    return cell


def _digest(field: Field, cell: str, _: str) -> str:
    """The digest as VCDM 2.0's `digestSRI`, typed in that form or as `sha-256:` and hexadecimal digits."""
    _require_match(field, cell)
    if (match := _DIGEST(cell)) is None:
        raise BadCell("is not a digest, such as sha256-… or sha-256:…")
    hexadecimal, encoded = match["hex"], match["base64"]
    try:
        value = bytes.fromhex(hexadecimal) if hexadecimal else base64.b64decode(encoded, validate=True)
    except ValueError:
        value = b""
    text = sri(value)
    # Base64 has spare bits at its end: another spelling of a digest would be another text, signed.
    if len(value) * 8 != int(match["bits"]) or (encoded and text != cell):
        raise BadCell("is not a digest: its length is another, or its end")
    return text


def sri(digest: bytes) -> str:
    """A SHA-2 digest as Subresource Integrity writes it (W3C SRI, 3.1); its length gives the algorithm."""
    return f"sha{8 * len(digest)}-{base64.b64encode(digest).decode()}"


def _date(field: Field, cell: str, order: str) -> str:
    day = read_day(cell, order)
    if day < field.earliest:
        raise BadCell(f"is before {field.earliest[:4]}: is the year right?")
    return day


def _code(field: Field, cell: str, _: str) -> str:
    if code := field.codes.get(fold(cell)):
        return code
    if not field.pattern:
        raise BadCell(field.refusal)
    _require_match(field, cell)
    return cell


_NUMBER = partial(re.fullmatch, r"-?(?=(?:[.,]?[0-9]){1,15}$)[0-9]+(?:[.,][0-9]+)?")
_INTEGER = partial(re.fullmatch, "-?[0-9]{1,15}")
_THOUSANDS = partial(re.fullmatch, "-?[1-9][0-9]{0,2}[.,][0-9]{3}")
_DECIMAL = partial(re.fullmatch, "-?[0-9]{1,30}(?:[.,][0-9]{1,30})?")
_URL = partial(re.fullmatch, r"https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")  # RFC 3986, appendix A
_DIGEST = partial(
    re.fullmatch,
    "sha-?(?P<bits>256|384|512)(?::(?P<hex>[0-9a-fA-F]{64,128})|-(?P<base64>[A-Za-z0-9+/]{43,88}={0,2}))",
)
_BOOLEANS = {
    **dict.fromkeys(("yes", "true", "1", "ja", "oui", "sí", "si", "是", "نعم"), True),
    **dict.fromkeys(("no", "false", "0", "nein", "non", "否", "لا"), False),
}

TYPES: Mapping[str, Callable[[Field, str, str], Any]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "decimal": _decimal,
    "moment": _moment,
    "boolean": _boolean,
    "url": _url,
    "date": _date,
    "code": _code,
    "digest": _digest,
}
"""By type of field, the function from cell to value, given the order of day and month in dates."""


def is_value(field: Field, value: object) -> bool:
    """True if a value in anybody's credential has the field's type."""
    match field.type:
        case "boolean":
            return type(value) is bool
        case "integer":
            return type(value) is int
        case "number":
            return type(value) in (int, float)
        case "date":
            return isinstance(value, str) and _is_day(value)
    return isinstance(value, str)


def _is_day(text: str) -> bool:
    with suppress(ValueError):
        return date.fromisoformat(text).isoformat() == text
    return False


def _require_match(field: Field, cell: str) -> None:
    if field.pattern and not matcher(field.pattern)(cell):
        raise BadCell(field.refusal)
