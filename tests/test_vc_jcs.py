"""JCS: the values of RFC 8785, our fast path against the reference package, and what is refused."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from wire.jcs import DEEPEST, canonicalize
from wire.problem import Malformed, TooLarge

INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def values(numbers: st.SearchStrategy[Any], keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | numbers | TEXT,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=20,
    )


def test_the_example_of_the_rfc() -> None:
    """RFC 8785 3.2.2 and 3.2.3."""
    data = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '\u20ac$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonicalize(data) == expected.encode()


def test_keys_are_sorted_by_utf16_units() -> None:
    """RFC 8785 3.2.3: an astral letter sorts before U+FB33, unlike by code point or by UTF-8 byte."""
    data = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "ö": 7}
    order = ["\r", "1", "\x80", "ö", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(canonicalize(data))) == order


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("0000000000000000", "0"), ("8000000000000000", "0"), ("0000000000000001", "5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"), ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"), ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"), ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"), ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"), ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"), ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"), ("becbf647612f3696", "-0.0000033333333333333333"),
    ],
)  # fmt: skip
def test_numbers_of_the_rfc(bits: str, text: str) -> None:
    """RFC 8785 Appendix B."""
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonicalize(number) == text.encode()


@given(values(INTEGERS, TEXT) | values(INTEGERS | FLOATS, TEXT))
def test_equals_the_reference_package(value: Any) -> None:
    assert canonicalize(value) == rfc8785.dumps(value)


@pytest.mark.slow
@given(st.dictionaries(TEXT, values(INTEGERS, TEXT)), st.randoms())
def test_the_order_of_members_does_not_matter(value: dict[str, Any], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert canonicalize(dict(items)) == canonicalize(value)
    assert json.loads(canonicalize(value)) == value


@pytest.mark.quick(every=3)
@pytest.mark.parametrize(
    "value",
    [
        math.nan, math.inf, [-math.inf], 2**53, {"a": [-(2**53)]}, "\ud800", ["a\udfff", 1.5], {"\ud800": 1},
        {"é\udc00": 1}, {1: 2}, (1,), b"x", pytest.param(object(), id="object"), {"a": {1, 2}},
    ],
    ids=repr,
)  # fmt: skip
def test_refused(value: Any) -> None:
    with pytest.raises(Malformed):
        canonicalize(value)


@pytest.mark.parametrize("leaf", [1, 1.5])
def test_depth(leaf: float) -> None:
    value: Any = leaf
    for _ in range(DEEPEST):
        value = [value]
    assert canonicalize(value).startswith(b"[[")
    with pytest.raises(TooLarge):
        canonicalize({"a": value})


def test_vectors_of_the_specifications(corpora: Any) -> None:
    """Data Integrity EdDSA and ECDSA: the documents and proof options canonicalised by JCS."""
    found = 0
    for folder in sorted((corpora / "vectors").glob("di-e*/*-jcs-20*")):
        for path in folder.glob("*Canon*.txt"), folder.glob("canon*.txt"):
            for file in path:
                text = file.read_text().strip()
                assert canonicalize(json.loads(text)).decode() == text
                found += 1
    assert found >= 6
