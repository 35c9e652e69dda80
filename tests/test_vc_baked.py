"""Pictures with a badge baked in: read as the standard has it, bounded, and open where they are otherwise."""

from __future__ import annotations

import json
import zlib
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.baking import KEYWORD, chunk, element, itxt, png, svg
from tests.world import NOW, University, decided, verifier
from vc import Report, Verdict
from vc.problem import UnsupportedForm
from vc.reading.baked import CHUNK, credential_in
from vc.secured import MAX_BYTES
from wire import TooLarge
from wire.work import Work

UNIVERSITY = University()
BUNDLE = UNIVERSITY.issue()
CREDENTIAL = json.dumps(UNIVERSITY.sign(UNIVERSITY.diploma(name="Zoë & “Ada” <x>")), ensure_ascii=False)
TEXT = CREDENTIAL.encode()
JWT = b"eyJhbGciOiJFZERTQSJ9.e30.AA"


def check(data: bytes, **options: Any) -> Report:
    return verifier(UNIVERSITY.trust).verify(data, now=NOW, **options)


READ = {
    "PNG": png(itxt(TEXT)),
    "PNG, with a language": png(itxt(TEXT, rest=b"en\0Badge\0")),
    "PNG, after other texts": png(itxt(b"a title", b"Title"), chunk(b"tEXt", b"a\0b"), itxt(TEXT)),
    "SVG": svg(element(f"\n <![CDATA[\n{CREDENTIAL}\n]]>\n")),
    "SVG, escaped": svg(element(escape(CREDENTIAL, {'"': "&quot;", "'": "&apos;"}))),
    "SVG, with attributes": svg(element(f"<![CDATA[{CREDENTIAL}]]>", " xmlns:openbadges=\"x\" id = 'a>b'")),
}


@pytest.mark.parametrize("name", READ)
def test_what_is_baked_in_is_the_credential(name: str) -> None:
    found = credential_in(READ[name])
    assert found is not None
    assert json.loads(found) == json.loads(TEXT)


@pytest.mark.parametrize(
    "make", [lambda text: png(itxt(text)), lambda text: svg(element(escape(text.decode())))]
)
def test_it_is_verified_as_any_file_is(make: object) -> None:
    """A bundle may be baked in, too; an altered one is not valid."""
    whole = BUNDLE.to_bytes()
    assert callable(make)
    assert check(make(whole)).verdict is check(whole).verdict is Verdict.VALID
    assert check(make(whole.replace(b"Ada Invented", b"Eve Invented"))).verdict is Verdict.INVALID


@pytest.mark.parametrize("data", [png(itxt(JWT)), svg(element("", f' verify="{JWT.decode()}"')),
                                  svg(f'<openbadges:credential verify="{JWT.decode()}"/>')])  # fmt: skip
def test_a_token_is_named(data: bytes) -> None:
    report = check(data)
    assert (report.verdict, "this is a JWT" in decided(report).text) == (Verdict.UNDETERMINED, True)


BOMB = zlib.compress(bytes(1 << 20))
OTHERWISE = {
    "compressed": (png(itxt(BOMB, flags=b"\1\0")), "compressed"),
    "by an unknown method": (png(itxt(TEXT, flags=b"\0\1")), "as the PNG specification has it"),
    "without its fields": (png(itxt(b"", rest=b"")), "as the PNG specification has it"),
    "twice": (png(itxt(TEXT), itxt(TEXT)), "several"),
    "an altered chunk": (png(itxt(TEXT).replace(b"Ada", b"Eve")), "checksum"),
    "cut off": (png(itxt(TEXT))[:-13], "cut off"),
    "without an end": (png(itxt(TEXT))[:-12], "cut off"),
    "a chunk of four gigabytes": (png(itxt(TEXT), b"\xff\xff\xff\xffIDAT"), "cut off"),
    "SVG twice": (svg(element(f"<![CDATA[{CREDENTIAL}]]>") * 2), "several"),
    "SVG with an entity": (svg(element("&badge;"), '<!DOCTYPE svg [<!ENTITY badge "x">]>'), "reference"),
    "SVG with numbers": (svg(element("&#123;}")), "reference"),
    "SVG with an ampersand": (svg(element("{&}")), "reference"),
    "SVG with a bare attribute": (svg("<openbadges:credential a=b/>"), "as the standard has it"),
    "SVG of two sections": (svg(element("<![CDATA[{]]><![CDATA[}]]>")), "as the standard has it"),
    "SVG with other elements in it": (svg(element("<b>{}</b>")), "as the standard has it"),
    "SVG, cut off": (svg(element(f"<![CDATA[{CREDENTIAL}]]>"))[:400], "as the standard has it"),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_baked_in_otherwise_it_stays_open(name: str) -> None:
    data, why = OTHERWISE[name]
    report = check(data)
    assert report.verdict is Verdict.UNDETERMINED
    assert isinstance(decided(report).problem, UnsupportedForm)
    assert why in decided(report).text, report.deciding


@pytest.mark.parametrize(
    "data",
    [
        png(),
        png(itxt(TEXT, b"openbadges")),
        png(itxt(b"")),
        png(chunk(b"tEXt", KEYWORD)),
        svg("<title/>"),
        svg(element("")),
        svg("<openbadges:credential/>"),
        TEXT,
        b"",
        b"<",
    ],
    ids=range(10),
)
def test_nothing_is_found_where_nothing_is(data: bytes) -> None:
    assert not credential_in(data)
    if data != TEXT:
        assert check(data).verdict is Verdict.UNDETERMINED


def test_the_parts_of_a_picture_are_counted() -> None:
    many = png(*[chunk(b"tEXt", b"")] * 1_000, itxt(TEXT))
    assert credential_in(many, Work(1_004 * CHUNK)) == TEXT
    with pytest.raises(TooLarge):
        credential_in(many, Work(1_003 * CHUNK))
    assert check(many, work=Work(500)).verdict is Verdict.UNDETERMINED
    padded = png(chunk(b"IDAT", bytes(MAX_BYTES)), itxt(TEXT))
    assert check(padded).verdict is Verdict.UNDETERMINED


@pytest.mark.slow
@given(place=st.integers(0, len(READ["PNG"]) - 1), value=st.integers(1, 255))
def test_a_changed_byte_changes_no_word(place: int, value: int) -> None:
    """Each is noticed, or is not in the badge."""
    data = bytearray(READ["PNG"])
    data[place] ^= value
    try:
        found = credential_in(bytes(data))
    except UnsupportedForm:
        return
    assert found in (None, TEXT)
