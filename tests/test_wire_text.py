"""Nothing in shown text can steer a terminal or reorder a line."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.text import (
    _is_plain,
    _shown,
    alike,
    as_seen,
    cells,
    claimed,
    counted,
    folded,
    isolated,
    letters,
    look,
    printable,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("Zoë Ångström, née Nǐ", "Zoë Ångström, née Nǐ"),
        ("\x1b[2J\x1b[1;32mVALID", "⟨001B⟩[2J⟨001B⟩[1;32mVALID"),
        ("\x9b31m", "⟨009B⟩31m"),
        ("two\nlines\tand\r", "two⟨000A⟩lines⟨0009⟩and⟨000D⟩"),
        ("DILAV\u202e", "DILAV⟨202E⟩"),
        ("\u2066x\u2069", "⟨2066⟩x⟨2069⟩"),
        ("ad\u200bmin", "ad⟨200B⟩min"),
        ("a\u2028b\u2029", "a⟨2028⟩b⟨2029⟩"),
        ("\ufeffBOM \ud800", "⟨FEFF⟩BOM ⟨D800⟩"),
        ("\U000e0041", "⟨E0041⟩"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("क्\u200dष", "क्\u200dष"),
        ("ad\u200dmin", "ad⟨200D⟩min"),
        ("م\u200c", "م⟨200C⟩"),
        ("م\u200c\u200cم", "م⟨200C⟩⟨200C⟩م"),
        ("", ""),
        ("\u3164\u115f\u2800\uffa0", "⟨3164⟩⟨115F⟩⟨2800⟩⟨FFA0⟩"),
        ("Nguyễn Thị Ánh", "Nguyễn Thị Ánh"),
        (unicodedata.normalize("NFD", "Nguyễn Thị Ánh"), unicodedata.normalize("NFD", "Nguyễn Thị Ánh")),
        ("a" + "\u0301" * 6, "a" + "\u0301" * 4 + "⟨0301⟩⟨0301⟩"),
        ("\u0336\u0336a \u20dd", "⟨0336⟩⟨0336⟩a ⟨20DD⟩"),
        ("שִׁ֔ירָה", "שִׁ֔ירָה"),
        ("张敏", "张敏"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(codec=None)))
def test_no_control_survives_and_nothing_is_lost_twice(text: str) -> None:
    shown = printable(text)
    dangerous = [c for c in shown if unicodedata.category(c)[0] == "C" and c not in "\u200c\u200d"]
    assert not dangerous
    assert not set(shown) & {"\u2028", "\u2029"}
    assert printable(shown) == shown


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Seán O'Brien-Müller", "Seán O'Brien-Müller"),
        ("Zoë d’Aragon", "Zoë d’Aragon"),
        ('Master" by Another University: "Doctor', "Master' by Another University: 'Doctor"),
        ("Master”, to “Ada", "Master', to 'Ada"),
        ("Master'', to ‘’Ada", "Master', to 'Ada"),
        ("Lehrgang „Recht“", "Lehrgang 'Recht'"),
        ("  two\n\tlines\u00a0\u3000and \u2028 blanks ", "two lines and blanks"),
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 100 + "…"),
        ("x" * 99 + " y", "x" * 99 + "…"),
        ("x" + " " * 400 + "y", "x…"),
        ("\u3164" * 50, "⟨3164⟩" * 16 + "…"),
        ("مريم", "مريم"),
        ("a\u202eb", "a⟨202E⟩b"),
        ("a\u2069b", "a⟨2069⟩b"),
        ("م\u200cم", "م\u200cم"),
        ("", ""),
    ],
)
def test_a_claim_in_a_sentence(text: str, shown: str) -> None:
    assert claimed(text) == shown


LIKE_A_QUOTATION_MARK = re.compile(
    r"QUOTATION|DITTO|PUNCTUATION GERSHAYIM|(DOUBLE|TRIPLE|QUADRUPLE) PRIME|(MODIFIER|FINAL).*DOUBLE ACUTE"
)
ISOLATES = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.slow
def test_nothing_that_looks_like_a_quotation_mark_is_left() -> None:
    left = {
        character
        for character in map(chr, range(0x110000))
        if LIKE_A_QUOTATION_MARK.search(unicodedata.name(character, ""))
        and character in claimed(f"a{character}b")
    }
    assert {unicodedata.name(character).partition(" QUOTATION")[0] for character in left} == {
        "LEFT-POINTING DOUBLE ANGLE",  # angles are none, and one alone is an apostrophe
        "RIGHT-POINTING DOUBLE ANGLE",
        "SINGLE LEFT-POINTING ANGLE",
        "SINGLE RIGHT-POINTING ANGLE",
        "HEAVY LEFT-POINTING ANGLE",
        "HEAVY RIGHT-POINTING ANGLE",
        "LEFT SINGLE",
        "RIGHT SINGLE",
        "SINGLE LOW-9",
        "SINGLE HIGH-REVERSED-9",
        "HEAVY SINGLE TURNED COMMA",
        "HEAVY SINGLE COMMA",
        "HEAVY LOW SINGLE COMMA",
    }


@given(st.text(st.characters(codec=None)) | st.text("a \"'“”„″’`´\u200d\u0301\u3164\u202eمא\n"))
def test_no_claim_ends_its_own_quotation(text: str) -> None:
    shown = claimed(text)
    assert len(shown) <= 101
    assert not re.search("[\"“”″\n]|['’‘`´]{2}", shown)
    assert isolated(shown).strip("\u2068\u2069") == shown
    assert not {character for character in shown if unicodedata.bidirectional(character) in ISOLATES}


def test_what_is_written_from_right_to_left_stands_for_itself() -> None:
    assert [isolated(text) for text in ("Ada", "مريم", "A שם", "", "٣")] == [
        "Ada", "\u2068مريم\u2069", "\u2068A שם\u2069", "", "\u2068٣\u2069"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "Example University", "EXAMPLE UNIVERSITY", "Example-University", " Exámple  Univérsity. ",
        "Ｅｘａｍｐｌｅ Ｕｎｉｖｅｒｓｉｔｙ", "Example\u3164University", "Example\u200bUniversity\u2800",
        "E\u0336xample University", "𝐄𝐱𝐚𝐦𝐩𝐥𝐞 University", "«Example University»",
    ],
)  # fmt: skip
def test_names_that_people_take_for_one(name: str) -> None:
    assert letters(name) == "exampleuniversity"


def test_names_that_people_tell_apart() -> None:
    assert letters("Straße") == letters("STRASSE")
    names = ["Example University 2", "Example", "例の大学", "例の学校", "Université", "Nguyễn", "مريم"]
    assert len({letters(name) for name in names}) == len(names)
    assert letters("") == letters("… —") == ""


def test_one_is_not_many() -> None:
    assert [counted(number, "issuer") for number in (0, 1, 2)] == ["0 issuers", "1 issuer", "2 issuers"]
    assert [counted(number, "entry", "entries") for number in (1, 2)] == ["1 entry", "2 entries"]


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("Ada", 3),
        ("张敏", 4),
        ("Zoe\u0308", 3),
        ("\u2068شهد\u2069", 3),
        ("ｆｕｌｌ", 8),
        ("한글", 4),
        ("", 0),
    ],
)
def test_a_terminal_gives_wide_characters_two_columns_and_marks_none(text: str, taken: int) -> None:
    assert cells(text) == taken


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("by Example University", ["by Example", "University"]),
        ("(did:key:z6MkehRgf7yJbgaG), unknown", ["(did:key:z6MkehRgf7yJbgaG),", "unknown"]),
        ("of did:key:z6MkehRgf7yJbgaG", ["of", "did:key:z6MkehRgf7yJbgaG"]),
        ('to "王小明文学硕士", 2026', ['to "王小明', '文学硕士",', "2026"]),
        ("文学硕士。理学", ["文学硕士。", "理学"]),
        ("文学硕士「理学」", ["文学硕士", "「理学」"]),
        ("", [""]),
    ],
)
def test_lines_are_folded_where_a_reader_would(text: str, lines: list[str]) -> None:
    assert folded(text, 10) == lines


@given(st.text(st.sampled_from('ab -."张敏。e\u0308'), max_size=60), st.integers(2, 20))
def test_folding_loses_nothing_and_keeps_to_the_width(text: str, width: int) -> None:
    lines = folded(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    for line in lines:
        words = [word for word in line.split(" ") if word]
        assert cells(line) <= width or len(words) <= 1 or not line.strip(" ")


@pytest.mark.parametrize(("each_row", "least"), [(8, 2_500), pytest.param(1, 20_000, marks=pytest.mark.slow)])
def test_what_is_taken_as_it_is_has_no_character_that_would_be_written_as_its_code(
    each_row: int, least: int
) -> None:
    """Each that the quick way lets through: twice, between two others, and after a blank."""
    starts = range(0, 0x110000, 256 * each_row)
    rows = ["".join(map(chr, range(start, start + 256))) for start in starts]
    plain = [each for row in rows for each in (row if _is_plain(row) else filter(_is_plain, row))]
    assert len(plain) > least
    for start in range(0, len(plain), 256):
        text = "".join(f"{each * 2}a{each} {each}b" for each in plain[start : start + 256])
        assert "".join(_shown(text)) == text


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("name", "is_alike"),
    [
        ("Modern University of Ibiza", True),
        ("MODERN  university-of IBIZA", True),
        ("Modem Universlty 0f 1biza", True),
        ("Mоdеrn Univеrsitу оf Ibizа", True),
        ("Modern University of Ibizza", True),
        ("Modern Univrsity of Ibiza", True),
        ("Modern Univesrity of Ibiza", True),
        ("Modern Unibersity of Ibiza", True),
        ("Modern Unibersiti of Ibiza", False),
        ("Modern University of Iabizb", False),
        ("Ibiza", False),
        ("现代大学", False),
        ("", False),
    ],
)
def test_names_that_are_mistaken_for_each_other(name: str, is_alike: bool) -> None:
    known = look("Modern University of Ibiza")
    assert alike(known, look(name)) is is_alike
    assert alike(look(name), known) is is_alike


@pytest.mark.parametrize(
    ("one", "other"), [("南京理工大学", "北京理工大学"), ("Uni A", "Uni B"), ("Университет", "Университат")]
)
def test_short_names_and_signs_differ_by_one_and_are_two(one: str, other: str) -> None:
    assert not alike(look(one), look(other))
    assert alike(look(one), look(one))
    assert not alike("", "")


def test_what_stands_in_brackets_behind_a_name_tells_it_from_none() -> None:
    known = look("Example University (invented)")
    assert alike(known, look("Example Univers1ty"))
    assert alike(known, look("Example University (official) "))
    assert look("(Example University)") == known
    assert look("例の大学（東京）") == look("例の大学")


@pytest.mark.parametrize("nothing", [*"\u200b\u200d\u2060\u00ad\ufeff\u2800\u3164\ufe0f\u180b\U000e0100"])
def test_texts_that_look_the_same_are_seen_as_one(nothing: str) -> None:
    assert as_seen(f"张{nothing}敏") == as_seen("张敏") == "张敏"
    assert as_seen(f"Anna {nothing} Smith\u00a0") == as_seen(" Anna  Smith ") == "Anna Smith"
    assert as_seen("Ánh") == as_seen("A\u0301nh") != as_seen("Anh")
