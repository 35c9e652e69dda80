"""Check digits: published numbers pass, and each of them with one digit changed does not."""

from __future__ import annotations

import importlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinds.cells import Field, check_cell
from kinds.digits import NO_DAY, SCHEMES, WRONG_DIGIT
from kinds.parsing import parse_kind
from kinds.problem import INVALID_KIND, BadCell
from kinds.schema import schema_of
from tests.problems import raises

PUBLISHED = [
    ("gb11643", "11010519491231002X"),  # GB 11643-1999, annex A
    ("gb11643", "440524188001010014"),  # the same
    ("gb32100", "91350100M000100Y43"),  # GB 32100-2015, annex A
    ("iban", "GB29NWBK60161331926819"),  # the SWIFT registry
    ("iban", "DE89370400440532013000"),
    ("iban", "NO9386011117947"),
    ("lei", "5493001KJTIIGC8Y1R12"),  # Bloomberg Finance L.P.
    ("lei", "213800KUD8LAJWSQ9D15"),
    ("gtin", "96385074"),
    ("gtin", "036000291452"),
    ("gtin", "4006381333931"),
    ("gtin", "10614141000415"),  # GS1 General Specifications
    ("vin", "1M8GDM9AXKP042788"),  # 49 CFR 565
    ("vin", "11111111111111111"),
]
JUDGES = {"gb11643": "cn.ric", "gb32100": "cn.uscc", "iban": "iban", "lei": "lei", "gtin": "ean"}
"""The modules of python-stdnum."""


def reason(check: str, cell: str) -> str:
    try:
        check_cell(Field("x", check=check), cell)
    except BadCell as problem:
        return problem.detail
    return ""


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(("check", "number"), PUBLISHED)
def test_a_published_number_passes_and_none_with_another_digit(check: str, number: str) -> None:
    assert check_cell(Field("x", check=check), number) == number
    for place, each in enumerate(number):
        if each.isdigit():
            # Another region of a vehicle may have no check digit.
            for digit in set("12345" if check == "vin" and not place else "0123456789") - {each}:
                assert reason(check, f"{number[:place]}{digit}{number[place + 1 :]}"), (place, digit)


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(("check", "number"), PUBLISHED)
def test_a_finding_says_that_a_digit_is_wrong_and_nothing_of_the_right_one(check: str, number: str) -> None:
    last = "1" if number[-1] != "1" else "2"
    place = 8 if check == "vin" else len(number) - 1
    wrong = f"{number[:place]}{last if check != 'vin' else '5'}{number[place + 1 :]}"
    assert reason(check, wrong) == WRONG_DIGIT
    assert number not in WRONG_DIGIT


def test_a_number_is_kept_without_the_blanks_of_paper() -> None:
    assert check_cell(Field("x", check="iban"), "de89 3704 0044 0532 0130 00") == "DE89370400440532013000"
    assert check_cell(Field("x", check="gb11643"), "11010519491231002x") == "11010519491231002X"


@pytest.mark.parametrize(
    ("check", "cell", "expected"),
    [
        ("gb11643", "1101051949123100", "is not a resident identity number (GB 11643)"),
        ("gb11643", "110105194902310021", NO_DAY),
        ("gb32100", "91350100I000100Y43", "is not a unified social credit code (GB 32100)"),
        ("iban", "DE89-3704-0044", "is not an IBAN (ISO 13616)"),
        ("lei", "5493001KJTIIGC8Y1RXX", "is not an LEI (ISO 17442)"),
        ("gtin", "123456789", "is not a GTIN of 8, 12, 13 or 14 digits"),
        ("gtin", "٤٠٠٦٣٨١٣٣٣٩٣١", "is not a GTIN of 8, 12, 13 or 14 digits"),
        ("vin", "1M8GDM9AXKPO42788", "is not a vehicle identification number (ISO 3779)"),
    ],
)
def test_another_form_is_told_from_a_wrong_digit(check: str, cell: str, expected: str) -> None:
    assert reason(check, cell) == expected


def test_place_nine_of_a_vehicle_counts_where_its_region_has_a_check_digit() -> None:
    assert reason("vin", "WVWZZZ1JZ3W386752") == ""
    assert reason("vin", "1VWZZZ1JZ3W386752") == WRONG_DIGIT
    assert reason("vin", "LVWZZZ1JZ3W386752") == WRONG_DIGIT


def test_check_digits_of_97_have_one_spelling() -> None:
    """00, 01 and 99 are the remainders of 97, 98 and 02 (ISO 7064, 7): two texts for one account."""
    for low, high in (("00", "97"), ("01", "98"), ("02", "99")):
        for body in map("{:018d}".format, range(97)):
            pair = [reason("lei", f"{body}{digits}") for digits in (low, high)]
            assert len(set(pair)) == 2 or pair == [WRONG_DIGIT] * 2


@given(st.sampled_from(sorted(JUDGES)), st.data())
def test_python_stdnum_says_the_same(check: str, data: st.DataObject) -> None:
    pytest.importorskip("stdnum", reason="no python-stdnum: pip install python-stdnum")
    judge = importlib.import_module(f"stdnum.{JUDGES[check]}")
    known = data.draw(st.sampled_from([number for name, number in PUBLISHED if name == check]))
    place = data.draw(st.integers(0, len(known) - 1))
    alphabet = (
        "0123456789" if check in ("gtin", "gb11643") or known[place].isdigit() else "0123456789ABCDEFGHX"
    )
    number = f"{known[:place]}{data.draw(st.sampled_from(alphabet))}{known[place + 1 :]}"
    if judge.is_valid(number):
        assert reason(check, number) == ""
    elif check in ("lei", "gtin") or ((number[place] + known[place]).isdigit() and number != known):
        # Of the others the judge also looks up places, banks and authorities.
        assert reason(check, number)


def kind(**members: object) -> bytes:
    fields = {"number": {"type": "text", "required": True}, "account": {"iri": "urn:x:y", **members}}
    nouns = {"en": ["card", "cards"]}
    return json.dumps(
        {"name": "card", "version": "1", "nouns": nouns, "number": "number", "fields": fields}
    ).encode()


def test_a_kind_names_the_check_and_its_schema_has_the_form() -> None:
    parsed = parse_kind({"kind.json": kind(type="text", check="iban")})
    subject = schema_of(parsed)["properties"]["credentialSubject"]
    assert subject["properties"]["account"]["pattern"] == "^(?:[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30})$"
    for members in ({"type": "text", "check": "luhn"}, {"type": "integer", "check": "gtin"}):
        with raises(INVALID_KIND, match="fields.account: check is one of gb11643, gb32100, iban"):
            parse_kind({"kind.json": kind(**members)})
    assert set(SCHEMES) == {*JUDGES, "vin"}
