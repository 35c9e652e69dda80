"""Strict parsers for text from outside: JSON, base64url, base58btc and multibase, with limits.

The libraries underneath accept too much: duplicate members, big integers turned into floats, base64 with
stray characters, base58 strings that take half a minute. Here such input is `Malformed` or `TooLarge`, and
the message names the place, never the content.
"""

from __future__ import annotations

import binascii
import codecs
import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any, NoReturn, TypeGuard

import orjson

from .problem import Malformed, RepeatedMember, TooLarge
from .work import VALUE_READ, Work, marks

JSON = dict[str, Any] | list[Any] | str | int | float | bool | None

_BLANKS = r"\x00-\x20\x7f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # quicker than \s
_URL = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]*:[^{_BLANKS}<>\"{{}}|\\^`]+")
_BRACKETS = bytes.maketrans(b"[]{}", b"()()")
_NO_BRACKETS = bytes(set(range(256)) - set(b'"[]{}'))  # nor quotation marks
_NOT_OPENING = bytes(set(range(256)) - set(b"[{"))
_INDENTED = 1 << 16  # bytes; deep in brackets each value takes many times its own once it is indented
_TOKEN = rb'(?s)"(?:[^"\\]|\\.)*"(?=[ \t\r\n]*(:)?)|[{}]'
_MOST_TOKENS = 20_000
_NUMBERS = bytes.maketrans(b"123456789[,:-\t\r\n", b"000000000" + b" " * 7)
_LONG_NUMBER = b" " + b"0" * 16  # as it begins under that table


class _DuplicateMemberError(Exception):
    pass


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(members)
    if len(value) != len(members):
        raise _DuplicateMemberError
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def load_json(data: bytes | str, *, limit: int = 1 << 20, depth: int = 64, work: Work | None = None) -> Any:
    """The value of one JSON text (RFC 8259 as narrowed by RFC 7493, I-JSON), integers exact.

    A byte order mark in front, as some editors write it, is skipped (RFC 8259 section 8.1). `limit` is in
    bytes, `depth` in nested arrays and objects. The values are charged to `work`, if given, before a parser
    makes objects of them. Raises `TooLarge` beyond each, and `RepeatedMember`. Raises `Malformed` for text
    that is not UTF-8 or not JSON, for NaN, numbers beyond a double and lone surrogates.
    """
    # Threats 26 and 27. The length in characters spares encoding a text that is too long anyway.
    if len(data) > limit:
        raise TooLarge.saying("the JSON text is longer than {most} bytes", most=limit)
    text = _utf8(data) if isinstance(data, str) else data
    if len(text) > limit:
        raise TooLarge.saying("the JSON text is longer than {most} bytes", most=limit)
    text = text.removeprefix(codecs.BOM_UTF8)
    most = marks(text)
    if work is not None:
        work.spend(VALUE_READ * _values(text, most, work.left // VALUE_READ))
    # Two parsers: orjson refuses NaN, 1e400 and lone surrogates, but turns integers beyond 64 bits into
    # floats and takes the last of two members; json, with our hook, does neither.
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        _explain(text, error)
    if most > depth and _deeper_than(depth, text):
        raise TooLarge.saying("the JSON text nests arrays and objects deeper than {most} levels", most=depth)
    if _is_whole(value, text):
        return value
    try:
        return _DECODER.decode(text.decode())
    except _DuplicateMemberError:
        repeated = next(_repeated_names(text), None)
        if repeated is None:
            raise RepeatedMember("further down: a second member of this name in one object") from None
        line, column = _place(text, repeated)
        raise RepeatedMember.saying(
            "line {line}, column {column}: a second member of this name in one object",
            line=line,
            column=column,
        ) from None


def load_json_object(
    data: bytes | str, *, limit: int = 1 << 20, depth: int = 64, work: Work | None = None
) -> dict[str, Any]:
    """As `load_json`, for a text that must be an object. Raises `Malformed`, `RepeatedMember`, `TooLarge`."""
    value = load_json(data, limit=limit, depth=depth, work=work)
    if not isinstance(value, dict):
        raise Malformed(
            "the JSON text is not an object", hint="Was another file meant? It should begin with '{'."
        )
    return value


def _values(text: bytes, count: int, most: int) -> int:
    """The number of values in a text with `count` marks; only above `most` are marks in strings left out."""
    if count <= most:
        return count
    text = _without_escapes(text)
    # Between commas and brackets stand two strings at the most: a text with more quotation marks is above the
    # limit, or is no JSON. To cut it at each of them would fill the memory.
    if text.count(b'"') > 4 * (most + 1):
        return most + 1
    return marks(_outside_strings(text))


def _without_escapes(text: bytes) -> bytes:
    return text.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in text else text


def _outside_strings(text: bytes) -> bytes:
    return b"".join(text.split(b'"')[::2])


def _is_whole(value: Any, text: bytes) -> bool:
    """True if orjson certainly lost nothing: the text has no long number, and as many strings when rewritten.

    A repeated member that orjson dropped took at least the string of its name with it.
    """
    indented = text[1:2] == b"\n" and len(text) <= _INDENTED
    again = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indented else None)
    if again == text.strip():
        return True  # the quickest answer: it is written as it was
    if _LONG_NUMBER in (b" " + text).translate(_NUMBERS):
        return False
    if text.count(b'"') == again.count(b'"') and rb"\u0022" not in text:
        return True  # the quick answer: then none stands inside a string that did not before
    return _quotation_marks(again) == _quotation_marks(text)


def _quotation_marks(text: bytes) -> int:
    """The quotation marks around strings of JSON; one for a string that ends with an escaped backslash."""
    return text.count(b'"') - (text.count(rb"\"") if b"\\" in text else 0)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        place = error.start + 1
        raise Malformed.saying(
            "character {place} of the JSON text is half of a surrogate pair", place=place
        ) from None


def _deeper_than(depth: int, text: bytes) -> bool:
    """True if JSON nests deeper: drop the strings, then the innermost pairs of brackets, level by level."""
    if len(text.translate(None, _NOT_OPENING)) <= depth:
        return False
    marks = (_without_escapes(text) if rb"\"" in text else text).translate(None, _NO_BRACKETS)
    marks = marks.replace(b'""', b"")  # most strings hold no brackets
    brackets = (_outside_strings(marks) if b'"' in marks else marks).translate(_BRACKETS)
    for _ in range(depth):
        if not brackets:
            return False
        brackets = brackets.replace(b"()", b"")
    return bool(brackets)


def _explain(text: bytes, error: json.JSONDecodeError) -> NoReturn:
    if not text.strip(b" \t\r\n"):
        raise Malformed("the file is empty", hint="A JSON text was expected.") from None
    try:
        text.decode()
    except UnicodeDecodeError as undecodable:
        line, column = _place(text, undecodable.start)
        raise Malformed.saying(
            "line {line}, column {column}: this is not UTF-8",
            line=line,
            column=column,
            hint="Save the file as UTF-8.",
        ) from None
    if "depth" in error.msg:
        raise TooLarge("the JSON text nests arrays and objects deeper than any parser here goes") from None
    # `from None`, since the error of the parser carries the whole document
    raise Malformed.saying(
        "line {line}, column {column}: not JSON, {said}",
        line=error.lineno,
        column=error.colno,
        said=error.msg,
        hint="Was another file meant? JSON text was expected.",
    ) from None


def _repeated_names(text: bytes) -> Iterator[int]:
    """The positions of members that repeat a name in their object, within the first `_MOST_TOKENS` tokens."""
    names: list[set[str]] = []
    for token in islice(re.finditer(_TOKEN, text), _MOST_TOKENS):
        if token[0] == b"{":
            names.append(set())
        elif token[0] == b"}":
            names.pop()
        elif token[1]:
            name = orjson.loads(token[0])
            if name in names[-1]:
                yield token.start()
            names[-1].add(name)


def _place(text: bytes, position: int) -> tuple[int, int]:
    """Line and column."""
    line_start = text.rfind(b"\n", 0, position) + 1
    column = len(text[line_start:position].decode(errors="replace")) + 1
    line = text.count(b"\n", 0, position) + 1
    return line, column


_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_+/", b"+/!!")  # `+` and `/` are foreign characters there


def base64url_encode(data: bytes) -> str:
    """Base64url without padding (RFC 4648 section 5, RFC 7515 section 2)."""
    return binascii.b2a_base64(data).translate(_TO_URL, b"=\n").decode()


def base64url_bytes(data: bytes) -> bytes:
    """The same as bytes, for input of signatures and hashes."""
    return binascii.b2a_base64(data).translate(_TO_URL, b"=\n")


def base64url_decode(text: str | bytes, *, limit: int = 1 << 20) -> bytes:
    """The bytes of unpadded base64url of at most `limit` characters, in its canonical form only.

    Raises `Malformed`, `TooLarge`.
    """
    if len(text) > limit:
        raise TooLarge.saying("the base64url text is longer than {most} characters", most=limit)
    try:
        plain = (text.encode() if isinstance(text, str) else text).translate(_FROM_URL)
        data = binascii.a2b_base64(plain + b"==")
    except ValueError:
        raise Malformed("the text is not base64url") from None
    # Threats 7 and 8: two texts of the same bytes would be two spellings of one signature.
    if (
        binascii.b2a_base64(data).rstrip(b"=\n") != plain
    ):  # the decoder skips foreign characters, left-over bits, padding
        raise Malformed("the text is not base64url in its canonical form, without padding")
    return data


def base64_decode(text: str, *, limit: int = 1 << 20) -> bytes:
    """The bytes of padded base64 (RFC 4648 section 4), in its canonical form only, and not empty.

    Raises `Malformed`, `TooLarge`.
    """
    if len(text) > limit:
        raise TooLarge.saying("the base64 text is longer than {most} characters", most=limit)
    try:
        data = binascii.a2b_base64(text)
    except ValueError:
        data = b""
    if not data or binascii.b2a_base64(data, newline=False) != text.encode():  # as above
        raise Malformed("the text is not base64 in its canonical form, with padding")
    return data


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PAIRS = tuple(high + low for high in _BASE58 for low in _BASE58)
_TWO, _FOUR, _EIGHT = 58**2, 58**4, 58**8
"""The numbers of values that 2, 4 and 8 base58 digits have."""
_VALUES = bytes(_BASE58.find(chr(code)) % 256 for code in range(256))


@cache
def _pairings(doublings: int) -> list[tuple[int, int, int]]:
    """The steps that join digits, a byte each, to one number; each joins all pairs of neighbours at once.

    Each step has the shift from a left field to the right one, the mask of the right fields, and the place
    value of the left field.
    """
    steps, fields = [], 1 << doublings
    for doubling in range(doublings):
        width = 1 << doubling  # bytes, which the value of so many digits never fills
        lower = int.from_bytes((bytes(width) + b"\xff" * width) * (fields // width // 2))
        steps.append((8 * width, lower, 58**width))
    return steps


def base58_encode(data: bytes) -> str:
    """Base58 in the Bitcoin alphabet; each leading zero byte is a '1'. Quadratic: for keys, not files."""
    number = int.from_bytes(data)
    chunks = []
    while number:
        number, chunk = divmod(number, _EIGHT)  # few divisions of the long number, the rest on short ones
        high, low = divmod(chunk, _FOUR)
        chunks.append(f"{_PAIRS[high // _TWO]}{_PAIRS[high % _TWO]}{_PAIRS[low // _TWO]}{_PAIRS[low % _TWO]}")
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(chunks)).lstrip("1")


def base58_digits(size: int) -> int:
    """The largest number of base58 digits that `size` bytes take."""
    return size * 1366 // 1000 + 1  # log 256 / log 58 is 1.3657


def base58_decode(text: str, *, limit: int = 256) -> bytes:
    """The bytes of a base58btc text of at most `limit` characters, counted before decoding (threat 24).

    Raises `Malformed`, `TooLarge`.
    """
    if len(text) > limit:
        raise TooLarge.saying("the base58 text is longer than {most} characters", most=limit)
    digits = text.encode("latin-1", "replace").translate(_VALUES)
    if 255 in digits:  # threat 24: a line end among them
        raise Malformed("the text is not base58", hint="Look for 0, O, I, l, spaces or line ends.")
    number = int.from_bytes(digits)
    for shift, lower, base in _pairings(len(digits).bit_length()):
        number = (number >> shift & lower) * base + (number & lower)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)


def multibase_decode(text: str, *, limit: int = 256) -> bytes:
    """The bytes of a multibase text: 'z' base58btc or 'u' base64url (Controlled Identifiers 1.0, 2.4).

    Raises `Malformed`, `TooLarge`.
    """
    match text[:1]:
        case "z":
            return base58_decode(text[1:], limit=limit)
        case "u":
            return base64url_decode(text[1:], limit=limit)
    raise Malformed("the multibase text begins neither with 'z' (base58btc) nor with 'u' (base64url)")


def is_url(value: object) -> TypeGuard[str]:
    """True if `value` is an absolute IRI: scheme, colon, and no character that an IRI cannot have."""
    return isinstance(value, str) and _URL.fullmatch(value) is not None
