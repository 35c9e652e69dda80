"""Kinds as data: what a kind's files may say, and that nothing of a diploma is known elsewhere."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinds import Kind, shipped
from kinds.cells import Field, check_cell
from kinds.kind import plain
from kinds.parsing import LARGEST, LARGEST_FILES, MOST_FIELDS, parse_kind
from kinds.pattern import matcher
from kinds.problem import INVALID_KIND, BadCell
from kinds.records import check_cells
from kinds.shipped import SHIPPED
from tests.problems import raises
from verifier.sources.trust_entries import LARGEST_KIND
from wire.problem import Malformed

FIELDS = {
    "number": {"type": "text", "required": True, "headings": ["No"]},
    "member": {"type": "text", "headings": ["Membership"]},
    "name": {"type": "text", "required": True},
    "given_name": {"type": "text"},
    "family_name": {"type": "text"},
    "lang": {"type": "text", "pattern": "[a-z]{2}", "refusal": "is not a language"},
    "email": {"type": "text"},
    "level": {"type": "code", "table": "level", "refusal": "is not a level"},
    "joined": {"type": "date", "earliest": "2000-01-01"},
}
CARD: dict[str, Any] = {
    "name": "card",
    "nouns": {"en": ["card", "cards"]},
    "number": "number",
    "version": "1",
    "person": {
        "name": "name",
        "given": "given_name",
        "family": "family_name",
        "language": "lang",
        "email": "email",
        "id": "member",
    },
    "fields": FIELDS,
}
LEVELS = b"value,synonyms\nGold,golden or\nSilver,\n"


def parsed(kind: dict[str, Any] | bytes, table: bytes = LEVELS) -> Kind:
    text = kind if isinstance(kind, bytes) else json.dumps(kind).encode()
    return parse_kind({"kind.json": text, "tables/level.csv": table})


def with_field(name: str, **members: Any) -> dict[str, Any]:
    return {**CARD, "fields": {**FIELDS, name: members}}


def test_a_kind_says_which_cells_its_fields_take() -> None:
    kind = parsed(CARD)
    assert kind.required == ("number", "name")
    assert [check_cell(kind.fields["level"], cell) for cell in ("gold", "GOLDEN", "or")] == ["Gold"] * 3
    amount, at = Field("x", type="decimal"), Field("x", type="moment")
    assert [check_cell(amount, cell) for cell in ("100001.50", "0,10", "-3")] == ["100001.50", "0.10", "-3"]
    assert check_cell(at, "2026-06-30T12:00:00+02:00") == "2026-06-30T10:00:00Z"
    for field, cell in ((amount, "1e3"), (amount, "1.000,5"), (at, "2026-06-30T12:00:00"), (at, "noon")):
        with pytest.raises(BadCell):
            check_cell(field, cell)
    for name, cell, reason in (
        ("level", "Bronze", "is not a level"),
        ("lang", "english", "is not a language"),
        ("joined", "31.12.1999", "is before 2000: is the year right?"),
    ):
        with pytest.raises(BadCell, match=re.escape(reason)):
            check_cell(kind.fields[name], cell)


@pytest.mark.parametrize(
    ("years", "last", "reason"),
    [
        (0, "2026-07-01", "is in the future"),
        (1, "2027-07-01", "is more than a year ahead"),
        (5, "2031-07-01", "is more than 5 years ahead"),
    ],
)
def test_a_day_may_be_so_far_ahead_and_no_further(years: int, last: str, reason: str) -> None:
    kind = parsed(with_field("joined", type="date", years_ahead=years))
    for day, wrong in ((last, []), (str(date.fromisoformat(last) + timedelta(1)), [("joined", reason)])):
        _, faults = check_cells(kind, {"number": "1", "name": "A", "joined": day}, today=date(2026, 7, 1))
        assert [(name, text.partition(":")[0]) for name, text, _ in faults] == wrong


def test_the_same_cell_is_held_against_each_kind_by_itself() -> None:
    """What is remembered of cells is remembered by field, not by its name."""
    strict = parsed(with_field("lang", type="text", pattern="zh", refusal="is not Chinese"))
    assert check_cell(parsed(CARD).fields["lang"], "en") == "en"
    with pytest.raises(BadCell):
        check_cell(strict.fields["lang"], "en")


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (b"{", "kind.json: "),
        (b" " * LARGEST + json.dumps(CARD).encode(), f"kind.json has over {LARGEST} bytes"),
        ({**CARD, "colour": "red"}, "kind.json: there is no member 'colour'"),
        ({**CARD, "number": 1}, "'number' is missing or of another type"),
        ({name: part for name, part in CARD.items() if name != "nouns"}, "'nouns' is missing"),
        ({**CARD, "number": "nr"}, "names 'nr', and has no such field"),
        ({**CARD, "rules": [{"before": "joined", "after": "left", "refusal": "x"}]}, "names 'left'"),
        ({**CARD, "nouns": {"en": ["card"]}}, "nouns.en: texts are expected"),
        (with_field("x", type="text", headings=[1]), "fields.x.headings: texts are expected"),
        (with_field("x", type="text", labels={"en": 1}), "fields.x.labels: texts are expected"),
        (
            with_field("x", type="text", labels={"en": "x"}, explanations={"en": 1}),
            "x.explanations: texts are",
        ),
        (with_field("x", type="text", labels={"en": "x"}, explanations={"de": "y"}), "no label in 'de'"),
        ({**CARD, "rules": ["x"]}, "kind.json, rules: an object is expected"),
        (with_field("content_hash", type="text"), "fields.content_hash: a name or a type that there is not"),
        ({**CARD, "sentence": {"en": ["certified"]}}, "one part has {issuer}, and needs no field"),
        ({**CARD, "sentence": {"en": ["{issuer} " + "x" * 400]}}, "over 400 characters"),
        (with_field("issuer", type="text"), "fields.issuer: the name stands for something else"),
        (with_field("id", type="text"), "fields.id: the name stands for something else"),
        (with_field("x", type="text", headings=["no."]), "number and x have the same heading"),
        (with_field("level", type="code", table="grades"), "there is no table 'grades'"),
        (with_field("x", type="colour"), "a name or a type that there is not"),
        (with_field("Ä", type="text"), "a name or a type that there is not"),
        (with_field("x", type="text", required=1), "'required' is missing or of another type"),
        (with_field("x", type="text", pattern=r"\d+"), "fields.x: the pattern is no I-Regexp"),
        (with_field("x", type="text", worded="grade"), "names 'grade'"),
        (with_field("x", type="code", refusal="x"), "fields.x: a code has a table or a pattern"),
        (with_field("number", type="integer", required=True), "number is used as a text, and is none"),
        (with_field("email", type="url"), "email is used as a text, and is none"),
        (
            {**CARD, "rules": [{"before": "joined", "after": "name", "refusal": "x"}]},
            "name is used as a date, and is none",
        ),
        (with_field("x", type="integer", years_ahead=1), "x is used as a date, and is none"),
        (with_field("x", type="text", earliest="2000-01-01"), "x is used as a date, and is none"),
        (with_field("x", type="boolean", reached={"day": "name", "years": 1}), "name is used as a date"),
        (with_field("x", type="text", reached={"day": "joined", "years": 1}), "x is used as a boolean"),
        (
            with_field("x", type="boolean", required=True, reached={"day": "joined", "years": 1}),
            "x follows from a day, and cannot be required",
        ),
        ({**CARD, "valid_from": "name"}, "valid from or until 'name', which is no date"),
        ({**CARD, "valid_until": "never"}, "names 'never', and has no such field"),
        *(
            (with_field(name, type="text"), f"fields.{name}: the name stands for something else")
            for name in ("issuer", "person")
        ),
        (with_field("issuer_name", type="text"), "fields.issuer_name: the name stands for something else"),
        ({**with_field("x", type="text"), "types": {"x": "urn:x:y"}}, "fields.x: the name stands for a type"),
        (with_field("x", type="text", headings=["no"]), "number and x have the same heading"),
        (with_field("x", type="text", headings=["E-Mail", "EMAIL"]), "email and x have the same heading"),
        (
            {**with_field("x", type="text", iri="urn:x:y"), "subject_types": {"Thing": "urn:x:y"}},
            "Thing and x have the same IRI",
        ),
        ({**CARD, "fields": {f"f{n}": {"type": "text"} for n in range(MOST_FIELDS + 1)}}, "over 1000 fields"),
    ],
)
def test_a_kind_that_does_not_work_is_refused_with_its_place(kind: Any, reason: str) -> None:
    with raises(INVALID_KIND, match=re.escape(reason)):
        parsed(kind)


@pytest.mark.parametrize("unseen", ["\n", "\x1b[2J", "\u202e", "\u2066", "\u200b", "\r"])
def test_nothing_that_a_kind_says_can_forge_a_verdict(unseen: str) -> None:
    """A sentence of somebody's kind stands on a terminal, behind the word VALID."""
    for kind in (
        {**CARD, "sentence": {"en": [f"{{issuer}} says{unseen}VALID: {{issuer}} says all"]}},
        {**CARD, "title": f"a{unseen}b"},
        {**CARD, "nouns": {"en": ["card", f"a{unseen}b"]}},
        with_field("x", type="text", labels={"en": f"a{unseen}b"}),
        with_field("x", type="text", refusal=f"a{unseen}b"),
    ):
        with raises(INVALID_KIND, match="has a character that nobody sees"):
            parsed(kind)
    with raises(INVALID_KIND, match=r"level\.csv, row 2: .* has a character that nobody sees"):
        parsed(CARD, f'value,synonyms\n"a{unseen}b",\n'.encode())


def test_a_table_that_no_csv_reader_takes_is_refused() -> None:
    with raises(INVALID_KIND, match=r"level\.csv is no CSV file"):
        parsed(CARD, b"value,synonyms\n" + b"x" * 200_000 + b",\n")


@pytest.mark.parametrize("table", [b"", b"code,words\nGold,", b"value,synonyms\nGold", b"\xff"])
def test_a_table_of_codes_has_two_columns(table: bytes) -> None:
    with raises(INVALID_KIND, match="level.csv"):
        parsed(CARD, table)


@pytest.mark.parametrize(
    "path",
    [
        "tables/ä.csv",
        "tables/../x.csv",
        "tables/level.csv.bak",
        "/kind.json",
        "code.py",
        f"tables/{'x' * 101}.csv",
    ],
)
def test_a_kind_has_no_file_that_a_backup_leaves_behind(path: str) -> None:
    with raises(INVALID_KIND, match="a kind has no file"):
        parse_kind({"kind.json": json.dumps(CARD).encode(), "tables/level.csv": LEVELS, path: b""})


def test_a_kind_fits_on_a_trust_list() -> None:
    """Else it would be issued for ever, and be said by nobody."""
    assert LARGEST_FILES == LARGEST_KIND
    many = "".join(f"V{number},\n" for number in range(LARGEST_FILES // 6))
    with raises(INVALID_KIND, match="the files of the kind have over"):
        parsed(CARD, LEVELS + many.encode())
    with raises(INVALID_KIND, match=r"level\.csv is not in UTF-8"):
        parsed(CARD, "value,synonyms\nGrün,\n".encode("cp1252"))


@pytest.mark.parametrize("cell", ["abc", "nan", "inf", "1e400", "1_0", "１", ".5", "1.", "1,2,3", "9" * 16])
def test_a_number_is_one_that_json_has(cell: str) -> None:
    with pytest.raises(BadCell, match="is not a number of up to 15 digits"):
        check_cell(Field("x", "number"), cell)


def test_a_moment_that_would_lose_a_part_of_a_second_is_refused() -> None:
    with pytest.raises(BadCell, match="fractions of a second"):
        check_cell(Field("x", "moment"), "2026-06-30T12:00:00.5Z")


def test_a_credential_that_ends_before_it_begins_is_a_fault_of_its_row() -> None:
    """Else it would be found when it is signed, and stop the rows beside it."""
    until = {
        **CARD,
        "fields": {**FIELDS, "until": {"type": "date"}},
        "valid_from": "joined",
        "valid_until": "until",
    }
    with raises(INVALID_KIND, match="joined has to come before until"):
        parsed(until)
    parsed({**until, "rules": [{"before": "joined", "after": "until", "refusal": "is too late"}]})


@pytest.mark.parametrize("table", [b"value,synonyms\nA,\nA-,\n", b"value,synonyms\nA,x\nB,X\n"])
def test_two_codes_that_are_written_alike_are_refused(table: bytes) -> None:
    """One would be signed as the other."""
    with raises(INVALID_KIND, match="two codes are written alike"):
        parsed(CARD, table)


def test_a_table_that_no_field_names_is_no_part_of_a_kind() -> None:
    with raises(INVALID_KIND, match="tables/other.csv: no field names it"):
        parse_kind(
            {"kind.json": json.dumps(CARD).encode(), "tables/level.csv": LEVELS, "tables/other.csv": LEVELS}
        )


@pytest.mark.parametrize("kind", ["number", "decimal"])
def test_a_thousand_is_not_taken_for_a_fraction(kind: str) -> None:
    for cell in ("1,250", "1.250", "-12,000", "999.999"):
        with pytest.raises(BadCell, match="may be a thousand or a fraction"):
            check_cell(Field("x", kind), cell)
    fractions = [str(check_cell(Field("x", kind), cell)) for cell in ("0,125", "1.2500", "1,25", "1250,125")]
    assert list(map(float, fractions)) == [0.125, 1.25, 1.25, 1250.125]


def test_a_number_is_written_with_a_point_or_a_comma() -> None:
    numbers = [check_cell(Field("x", "number"), cell) for cell in ("-3", "0,5", "12.50", "2.0")]
    assert numbers == [-3, 0.5, 12.5, 2]


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        ("[0-9]{2,4}", ["12", "1234"], ["1", "12345", "12\n", "x12"]),
        (r"\p{Lu}\.[^a-c]+", ["Ü.xyz"], ["u.x", "Ü.abc", "Üxx"]),
        ("(ab|c)*", ["", "abc"], ["ac"]),
        ("$^.", ["$^x"], ["x", "$^\n"]),
        ("[$^.]", ["$", "^", "."], ["x"]),
    ],
)
def test_a_pattern_matches_the_whole_text_as_rfc_9485_reads_it(
    pattern: str, fits: list[str], does_not: list[str]
) -> None:
    matches = matcher(pattern)
    assert [text for text in (*fits, *does_not) if matches(text)] == fits


@pytest.mark.quick(every=3)
@pytest.mark.parametrize(
    "pattern",
    [r"\d+", "(?:a)", "a+?", "a**", "*a", "a(", "a)", "[a-z", r"\p{Foo}", r"\x41", "a{2,1}", "(a{999}){999}"],
)
def test_what_engines_read_differently_is_no_pattern(pattern: str) -> None:
    with pytest.raises(Malformed, match=r"the pattern is"):
        matcher(pattern)


def test_a_pattern_that_takes_other_engines_for_ever_takes_as_long_as_reading() -> None:
    assert not matcher("(a|a)*(a|a)*(a|a)*b")("a" * 200_000)


@given(st.text())
def test_any_text_is_a_pattern_or_is_refused(pattern: str) -> None:
    try:
        matches = matcher(pattern)
    except (Malformed, UnicodeEncodeError):  # lone surrogates come through no JSON
        return
    assert matches("x") in (True, False)


def test_every_label_of_what_is_shipped_is_there_in_three_languages() -> None:
    kind = shipped()
    assert kind.nouns["en"] == ("diploma", "diplomas")
    for field in (field for name in SHIPPED for field in shipped(name).fields.values()):
        assert field.labels.keys() == {"en", "zh", "de"}


@pytest.mark.parametrize("name", ["resident", "certificate"])
def test_what_a_field_is_called_in_any_language_is_a_heading_of_its_column(name: str) -> None:
    """What a page shows somebody types into a spreadsheet."""
    kind = shipped(name)
    labels = [(field, label) for field in kind.columns for label in kind.fields[field].labels.values()]
    assert [(field, label) for field, label in labels if kind.headings.get(plain(label)) != field] == []


def test_a_template_adds_fields_of_its_own_and_changes_none() -> None:
    kind = shipped()
    assert kind.own == ()
    edited = kind.template.text.replace(b'"{honours}"', b'"{honours} {minor_subject}"')
    mine = kind.with_template(type(kind.template)(edited))
    assert (mine.own, mine.fields) == (("minor_subject",), kind.fields)
    assert kind.with_template(type(kind.template)(kind.template.text)) is kind


def test_a_shipped_kind_is_read_once() -> None:
    kinds = [shipped(), *map(shipped, SHIPPED)]
    assert all(one is other for one, other in zip([shipped(), *map(shipped, SHIPPED)], kinds, strict=True))


def test_what_a_field_says_of_itself_is_kept_and_an_example_is_one() -> None:
    said = {"type": "date", "personal": True, "example": "31.12.2001", "disclosure": "never"}
    field = parsed(with_field("x", **said)).fields["x"]
    assert (field.personal, field.example, field.disclosure) == (True, "31.12.2001", "never")
    plainly = parsed(CARD).fields["joined"]
    assert (plainly.personal, plainly.example, plainly.disclosure) == (False, "", "allowed")
    with raises(INVALID_KIND, match=r"fields.x.example: '30\.2\.2001' is not a day of the calendar"):
        parsed(with_field("x", **{**said, "example": "30.2.2001"}))
    with raises(INVALID_KIND, match="fields.x: disclosure is one of always, allowed, never"):
        parsed(with_field("x", **{**said, "disclosure": "request"}))
