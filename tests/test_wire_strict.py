"""The front door for JSON and the base encodings: what it takes, what it refuses, and what it says."""

from __future__ import annotations

import base64
import json
import math
import re
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wire.problem import Malformed, RepeatedMember, TooLarge
from wire.strict import (
    base58_decode,
    base58_digits,
    base58_encode,
    base64url_decode,
    base64url_encode,
    load_json,
    load_json_object,
    multibase_decode,
)

# --- JSON: examples ---------------------------------------------------------------------------------------

REFUSED = {
    # threats 26: duplicate members, also when escapes hide that the names are equal, at any depth
    "duplicate": (b'{"a":1,\n "a":2}', "line 2, column 2"),
    "duplicate behind an escape": (rb'{"a":1,"\u0061":2}', "line 1, column 8"),
    "duplicate whose value holds as much": (b'{"a":{"x":1,"y":2},"a":{"x":1,"y":2}}', "line 1, column 20"),
    "duplicate after text like a member": (rb'{"a":"\",\"a\":{","b":[{"c":"}","c":0}]}', "line 1, column 33"),
    "duplicate empty name": (b'{"":1,"":2}', "second member"),
    "duplicate name with quote and backslash": (rb'{"\"\\":1,"\"\u005c":2}', "second member"),
    # threats 27
    "NaN": (b'{"a":NaN}', "line 1, column 6"),
    "Infinity": (b"[Infinity]", "line 1, column 2"),
    "-Infinity": (b"[-Infinity]", "line 1"),
    "1e400": (b"[0,1e400]", "line 1, column 4"),
    "integer beyond a double": (b"1" + b"0" * 400, "line 1"),
    "lone high surrogate": (rb'["\ud800"]', "line 1"),
    "lone low surrogate": (rb'["\udc00"]', "line 1"),
    "lone surrogate in a name": (rb'{"\ud800x":1}', "line 1"),
    "raw surrogate": (b'["\xed\xa0\x80"]', "line 1, column 3: this is not UTF-8"),
    "latin-1": ('[1,\n"é"]'.encode("latin-1"), "line 2, column 2: this is not UTF-8"),
    "two byte order marks": (b"\xef\xbb\xbf" * 2 + b"{}", "line 1"),
    "UTF-16": ('{"a":1}'.encode("utf-16-le"), "line 1"),
    "empty": (b"", "the file is empty"),
    "white space": (b" \r\n\t", "the file is empty"),
    "two texts": (b"{}\n{}", "line 2, column 1"),
    "trailing null": (b"{}\0", "line 1, column 3"),
    "not JSON": (b"<html></html>", "line 1, column 1: not JSON"),
    "cut off": (b'{"a": [1, 2', "line 1, column 12"),
    "comment": (b"[1] // one", "line 1, column 5"),
    "trailing comma": (b"[1,]", "line 1"),
    "control character": (b'["a\nb"]', "control character"),
    "leading zero": (b"[01]", "line 1"),
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(("data", "said"), REFUSED.values(), ids=REFUSED)
def test_refused_json_names_the_place_and_keeps_nothing_of_the_content(data: bytes, said: str) -> None:
    with pytest.raises(Malformed, match=re.escape(said)) as caught:
        load_json(data)
    assert caught.value.__suppress_context__, "the parser's error carries the whole document"


def test_columns_count_characters_not_bytes() -> None:
    with pytest.raises(Malformed, match="line 2, column 6"):
        load_json('{"ä":1,\n"é": ?}'.encode())
    with pytest.raises(Malformed, match="line 2, column 12"):
        load_json('{\n"ä":"ööö", "ä":2}'.encode())


def test_a_string_that_python_holds_may_have_lone_surrogates_too() -> None:
    with pytest.raises(Malformed, match="character 3"):
        load_json('["\ud800"]')
    assert load_json('["\U0001f600", "\\ud83d\\ude00"]') == ["\U0001f600"] * 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9007199254740993", 2**53 + 1),
        ("18446744073709551616", 2**64),
        ("-9223372036854775809", -(2**63) - 1),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("-0", 0),
        ("1.0", 1.0),
        ("1e2", 100.0),
        ("0.1", 0.1),
        ("1e-400", 0.0),
    ],
)
def test_integers_stay_exact_and_floats_stay_floats(text: str, value: float) -> None:
    loaded = load_json(text)
    assert loaded == value
    assert type(loaded) is type(value)


def test_minus_zero_keeps_its_sign_as_a_float() -> None:
    assert math.copysign(1, load_json("-0.0")) == -1


def test_size_is_counted_in_bytes_before_parsing() -> None:
    assert load_json(b'"' + b"x" * 98 + b'"', limit=100)
    for data in (b"?" * 101, "?" * 101, '"' + "é" * 50 + '"'):
        with pytest.raises(TooLarge, match="longer than 100 bytes"):
            load_json(data, limit=100)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_depth_is_exact(opening: str, closing: str) -> None:
    repeat = 60 // opening.count("{") if "[" not in opening else 60 // (opening.count("{") + 1)
    nested = opening * repeat + "1" + closing * repeat
    decoys = [r'"[[[{{{\"[[[["', '"\\\\"', "[],{}"] * 100  # brackets in strings, brackets side by side
    assert load_json(f"[[{nested}],{','.join(decoys)}]", depth=62)
    with pytest.raises(TooLarge, match="deeper than 61 levels"):
        load_json(f"[[{nested}],{','.join(decoys)}]", depth=61)


@pytest.mark.parametrize("count", [65, 1_000, 1_025, 100_000])
def test_endless_nesting_is_too_large_not_a_crash(count: int) -> None:
    for text in ("[" * count + "]" * count, '{"a":' * count + "1" + "}" * count):
        with pytest.raises(TooLarge, match="nests"):
            load_json(text)


def test_a_member_that_is_there_twice_is_found_however_far_down() -> None:
    """Where it stands is looked for at the beginning only."""
    twice = '{"a": 1, "a": 2}'
    with pytest.raises(RepeatedMember, match="line 1, column 11: a second member"):
        load_json(f"[{twice}]")
    with pytest.raises(RepeatedMember, match="further down: a second member"):
        load_json(f"[{'{},' * 10_000}{twice}]")


def test_indented_text_loses_nothing_either_and_takes_no_more_memory() -> None:
    text = '{\n  "a": 123456789012345678901234567890\n}'
    assert load_json(text) == json.loads(text)
    with pytest.raises(RepeatedMember, match="line 3, column 3"):
        load_json('{\n  "a": 1,\n  "a": 1\n}')
    deep = b"[" * 60 + b"1," * 100_000 + b"1" + b"]" * 61
    peaks = []
    for start in (b"[", b"[\n"):  # indented, each of the values would take a line of 124 bytes
        tracemalloc.start()
        load_json(start + deep)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_an_object_is_an_object() -> None:
    assert load_json_object('{"a": [1]}') == {"a": [1]}
    with pytest.raises(Malformed, match="not an object"):
        load_json_object("[1]")


# --- JSON: against an independent reading of the rules ----------------------------------------------------


def by_the_rules(data: bytes, depth: int = 64) -> Any:
    """The rules in the plainest words, slow: the value, or ValueError."""

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in members}) < len(members):
            raise ValueError("duplicate")
        return dict(members)

    def constant(name: str) -> None:
        raise ValueError(name)

    def walk(value: Any, level: int) -> None:
        if isinstance(value, list | dict):
            if level == depth:
                raise ValueError("depth")
            for item in value if isinstance(value, list) else [*value, *value.values()]:
                walk(item, level + 1)
        elif isinstance(value, str):
            value.encode()
        elif isinstance(value, int | float) and math.isinf(float(value)):
            raise ValueError("infinite")

    try:
        value = json.loads(data.decode(), object_pairs_hook=pairs, parse_constant=constant)
        walk(value, 0)
    except (OverflowError, RecursionError) as error:
        raise ValueError from error
    return value


def typed(value: Any) -> Any:
    """`==` on this tells 1 from 1.0 and True, and 0.0 from -0.0."""
    if isinstance(value, dict):
        return [(name, typed(item)) for name, item in value.items()]
    return [typed(item) for item in value] if isinstance(value, list) else repr(value)


def spelled(text: str, escape: int) -> str:
    """A JSON string, with the characters that `escape` has a bit for written as escapes."""
    units = []
    for place, character in enumerate(text):
        code = character.encode("utf-16-be", "surrogatepass")
        escaped = "".join(f"\\u{code[i : i + 2].hex()}" for i in range(0, len(code), 2))
        plain = json.dumps(character, ensure_ascii=False)[1:-1]
        units.append(escaped if escape >> (place % 8) & 1 else plain)
    return '"' + "".join(units) + '"'


TRICKY = st.text(st.sampled_from('ab:"\\{}[],\u00e9\U0001f600\n '), max_size=4)
STRINGS = st.builds(spelled, TRICKY | st.text(max_size=3), st.integers(0, 255))
NUMBERS = (
    st.sampled_from(["-0", "1e400", "1e-400", "NaN", "-Infinity", "0.1", "01", "1.5E+3"])
    | st.integers(-(2**70), 2**70).map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
)
SPACES = st.sampled_from(["", " ", "\n", "\t\r\n"])


def containers(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    member = st.builds("{}{}:{}{}".format, STRINGS, SPACES, SPACES, children)
    return st.builds(
        lambda items, space: f"[{space}{','.join(items)}]", st.lists(children, max_size=4), SPACES
    ) | (
        st.builds(lambda items, space: f"{{{space}{','.join(items)}}}", st.lists(member, max_size=4), SPACES)
    )


TEXTS = st.recursive(
    STRINGS | NUMBERS | st.sampled_from(["true", "false", "null"]), containers, max_leaves=20
)


def assert_as_by_the_rules(data: bytes) -> None:
    try:
        expected = by_the_rules(data)
    except ValueError:
        with pytest.raises(Malformed):
            load_json(data)
    else:
        assert typed(load_json(data)) == typed(expected)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(TEXTS)
@example(rb'{"\\":1,"\\\\":{"\"":2,"\\\"":3}}'.decode())
def test_takes_exactly_what_the_rules_take(text: str) -> None:
    assert_as_by_the_rules(text.encode())


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(TEXTS, st.data())
def test_takes_exactly_what_the_rules_take_after_damage(text: str, data: st.DataObject) -> None:
    damaged = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(damaged)))
        damaged[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b'"', b"\\", b":", b"{", b"}", b"[", b",", b"\\u0061", b'"a":', b"\xed\xa0\x80"])
            | st.binary(max_size=2)
        )
    assert_as_by_the_rules(bytes(damaged))


@settings(deadline=None)
@given(st.integers(0, 70), st.integers(0, 70), TRICKY)
def test_counts_depth_as_the_rules_do(lists: int, objects: int, text: str) -> None:
    string = json.dumps(text)
    assert_as_by_the_rules(
        f"{'[' * lists}{f'{{{string}:' * objects}{string}{'}' * objects}{']' * lists}".encode()
    )


# --- base64url --------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_base64url_there_and_back(data: bytes) -> None:
    text = base64url_encode(data)
    assert text == base64.urlsafe_b64encode(data).decode().replace("=", "")
    assert base64url_decode(text) == base64url_decode(text.encode()) == data


@pytest.mark.parametrize(
    "text",
    [
        "AA==",
        "AA=",
        "A",
        "AAAAA",
        "AB",
        "AAB",
        "+/8",
        "-_8 ",
        " -_8",
        "-_\n8",
        "-_8\n",
        "-.8",
        "ÀÀ",
        "AA\0A",
        "é",
    ],
)
def test_base64url_has_one_form_for_each_value(text: str) -> None:  # threats 7, 8
    for received in text, text.encode():
        with pytest.raises(Malformed, match="base64url"):
            base64url_decode(received)


@settings(deadline=None)
@given(st.text(st.sampled_from("AB-_+/= \nZé9"), max_size=9))
def test_base64url_takes_only_what_it_would_write(text: str) -> None:
    for received in text, text.encode():
        with suppress(Malformed):
            assert base64url_encode(base64url_decode(received)) == text


def test_base64url_limit() -> None:
    assert base64url_decode("A" * 8, limit=8) == bytes(6)
    with pytest.raises(TooLarge, match="8 characters"):
        base64url_decode("A" * 9, limit=8)


# --- base58 and multibase ---------------------------------------------------------------------------------


@pytest.mark.parametrize(  # draft-msporny-base58-03 section 5, and the edges
    ("data", "text"),
    [
        (b"Hello World!", "2NEpo7TZRRrLZSi2U"),
        (
            b"The quick brown fox jumps over the lazy dog.",
            "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
        ),
        (bytes.fromhex("0000287fb4cd"), "11233QC4"),
        (b"", ""),
        (b"\0", "1"),
        (b"\0\0\1", "112"),
        (b"\x39", "z"),
        (b"\x3a", "21"),
    ],
)
def test_base58_examples(data: bytes, text: str) -> None:
    assert base58_encode(data) == text
    assert base58_decode(text) == data


@settings(deadline=None)
@given(st.integers(0, 4), st.binary(max_size=120))
def test_base58_there_and_back(zeros: int, tail: bytes) -> None:
    data = bytes(zeros) + tail
    assert base58_decode(base58_encode(data)) == data


@settings(deadline=None)
@given(st.text("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", max_size=130))
def test_base58_has_one_text_for_each_value(text: str) -> None:
    assert base58_encode(base58_decode(text)) == text


@pytest.mark.parametrize(
    "text", ["0", "O", "I", "l", "2NEpo\n", "2NEpo ", " 2NEpo", "1\n", "\n1", "é1", "2-", "１"]
)
def test_base58_takes_no_foreign_character(text: str) -> None:  # threats 24
    with pytest.raises(Malformed, match="not base58"):
        base58_decode(text)


def test_base58_counts_before_it_decodes() -> None:  # threats 24: 200 KB once took 25 s
    with pytest.raises(TooLarge, match="256 characters"):
        base58_decode("z" * 200_000)
    assert base58_decode("1" * 300, limit=300) == bytes(300)


@settings(deadline=None)
@given(st.integers(0, 3), st.binary(max_size=120))
def test_no_bytes_take_more_digits_than_is_said(zeros: int, tail: bytes) -> None:
    data = bytes(zeros) + tail
    assert len(base58_encode(data)) <= base58_digits(len(data))


@pytest.mark.parametrize("size", [0, 1, 32, 64, 96, 1312, 2420])
def test_no_bytes_take_more_digits(size: int) -> None:
    assert 0 <= base58_digits(size) - len(base58_encode(b"\xff" * size)) <= 2


def test_multibase() -> None:
    assert multibase_decode("z2NEpo7TZRRrLZSi2U") == multibase_decode("uSGVsbG8gV29ybGQh") == b"Hello World!"
    for text in ("", "f00", "Z2NE", "mSGVsbG8", "2NEpo7TZRRrLZSi2U"):
        with pytest.raises(Malformed, match="'z'"):
            multibase_decode(text)
    for text in ("z" + "1" * 257, "u" + "A" * 257):
        with pytest.raises(TooLarge):
            multibase_decode(text)


def test_escaped_quotation_marks_hide_no_repeated_member_and_strings_no_depth() -> None:
    """Each text has as many quotation marks, or brackets that close, as a harmless one would have."""
    for text in (r'{"a":1,"a":"\u0022\u0022"}', r'{"a":"x","a":"\u0022\"","b":"\u0022"}'):
        with pytest.raises(RepeatedMember):
            load_json(text)
    nested = '["]\\\\", "\\"]",' * 65 + "1" + "]" * 65
    with pytest.raises(TooLarge):
        load_json(nested)
    assert load_json('["[[[[", "\\"[{"]', depth=1)
