"""The pattern of numbers that are given, and what tells the rows of a file apart."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.job.numbering import IDENTITY_BYTES, LONGEST_PATTERN, Identities, NumberPattern
from issuer.problem import KIND_WITHOUT_IDENTITY, NUMBER_PATTERN, NUMBERS_USED_UP
from kinds import Kind, shipped
from kinds.draft import renamed
from kinds.identity import shipped_identity
from kinds.parsing import parse_kind
from kinds.problem import INVALID_KIND
from kinds.shipped import SHIPPED, diploma_1
from tests.problems import raises

DIPLOMA = shipped()
LEVEL: Mapping[str, Any] = {"type": "text", "iri": "https://example.org/v#level"}
CARD: Mapping[str, Any] = {
    "name": "card",
    "version": "1",
    "nouns": {"en": ["card", "cards"]},
    "types": {"CardCredential": "https://example.org/v#CardCredential"},
    "number": "no",
    "fields": {"no": {"type": "text", "required": True, "iri": "https://example.org/v#no"}, "level": LEVEL},
}


def card(number: Mapping[str, Any] | None = None, **members: Any) -> Kind:
    """A kind whose number has further members."""
    fields = {**CARD["fields"], "no": {**CARD["fields"]["no"], **(number or {})}, **members.pop("fields", {})}
    return parse_kind({"kind.json": json.dumps({**CARD, "fields": fields, **members}).encode()})


def numbers(pattern: str, places: range, year: int = 2026, kind: Kind = DIPLOMA) -> list[str]:
    return NumberPattern.parse(pattern, kind).series(year).numbers(places)


@pytest.mark.parametrize(
    ("pattern", "made"),
    [
        ("{year}-{seq:06}", ["2026-000009", "2026-000010"]),
        ("{seq}", ["9", "10"]),
        ("{seq:01}", ["9", "10"]),
        ("{seq:018}", ["000000000000000009", "000000000000000010"]),
        ("京大-{year}{year}/{seq:02}号", ["京大-20262026/09号", "京大-20262026/10号"]),
        ("%s $1 {seq}", ["%s $1 9", "%s $1 10"]),
    ],
)
def test_a_pattern_has_the_year_the_place_and_plain_text(pattern: str, made: list[str]) -> None:
    assert numbers(pattern, range(9, 11)) == made


def test_a_place_with_more_digits_than_asked_for_keeps_them() -> None:
    assert numbers("{seq:02}", range(99, 101)) == ["99", "100"]


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "pattern",
    [
        *("", "2026", "{year}", "{seq}{seq}", "{seq}-{seq:06}"),
        *("{seq:0}", "{seq:00}", "{seq:019}", "{seq:6}", "{seq:06d}", "{seq:1000000000}", "{SEQ}", "{ seq }"),
        *("{seq.__class__}", "{seq[0]}", "{seq!r}", "{0}", "{}", "{{seq}}", "{year:02}{seq}", "{month}{seq}"),
        *("{seq", "seq}", "{seq}}", "{{seq}", "{seq:{year}}", "{seq}{", "{seq:٠٦}", "{seq:0６}"),
        *(" {seq}", "{seq} ", "a\n{seq}", "a\u200b{seq}", "a\u202e{seq}", "a\0{seq}", "a\ud800{seq}"),
        *("a" * LONGEST_PATTERN + "{seq}", '=HYPERLINK("{seq}")'),
    ],
)
def test_another_pattern_is_refused(pattern: str) -> None:
    with raises(NUMBER_PATTERN):
        NumberPattern.parse(pattern, DIPLOMA)


def test_a_refused_brace_says_what_may_stand() -> None:
    with raises(
        NUMBER_PATTERN, match=r"\{month\} in it: in braces may stand \{year\}, \{seq\}, and \{seq:0N\}"
    ):
        NumberPattern.parse("{month}-{seq}", DIPLOMA)


@given(st.text(alphabet="{}yearsq:0618 -", max_size=24))
def test_whatever_is_typed_is_a_pattern_or_refused(text: str) -> None:
    with suppress(NUMBER_PATTERN.kind):
        made = numbers(text, range(1, 1001))
        assert len(set(made)) == 1000
        assert not set("{}") & set("".join(made))


def test_numbers_are_such_as_the_kind_takes() -> None:
    """As far as they are: a pattern is good for so many."""
    kind = card({"pattern": "L-[0-9]{2}", "refusal": "is not a card number"}, identity=["level"])
    with raises(NUMBER_PATTERN, match="the number M-01 is not a card number"):
        NumberPattern.parse("M-{seq:02}", kind)
    assert numbers("L-{seq:02}", range(98, 103), kind=kind) == ["L-98", "L-99"]
    with raises(NUMBERS_USED_UP, match="the number L-100 is not a card number"):
        numbers("L-{seq:02}", range(100, 103), kind=kind)


def test_a_kind_that_tells_no_rows_apart_is_given_no_numbers() -> None:
    with raises(KIND_WITHOUT_IDENTITY):
        NumberPattern.parse("{seq}", card())


def test_numbers_with_check_digits_are_none_of_a_pattern_s() -> None:
    with raises(NUMBER_PATTERN):
        NumberPattern.parse("{seq:013}", card({"check": "gtin"}, identity=["level"]))


# What tells rows apart

RECORD = {"student_id": "", "name": "Anna Müller", "programme_title": "Physics", "award_date": "2026-06-30"}
of_diploma = Identities(DIPLOMA, bytes(32))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "ANNA MÜLLER"},
        {"name": "Anna Mu\u0308ller"},
        {"name": "Anna\u00a0 Müller"},
        {"name": "Anna\u200b Mül\u00adler\u200e"},
        {"name": "Ａｎｎａ Müller"},
        {"name": "", "given_name": "Anna", "family_name": "Müller"},
        {"gpa": "3.5", "email": "a@example.org", "diploma_number": "7"},
        {"programme_title": "PHYSICS"},
        {"birth_date": ""},
    ],
)
def test_what_is_no_difference_to_people_is_none(change: Mapping[str, str]) -> None:
    assert of_diploma({**RECORD, **change}) == of_diploma(RECORD)
    assert len(of_diploma(RECORD)) == IDENTITY_BYTES


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Anna Muller"},
        {"programme_title": "Physics 2"},
        {"award_date": "2026-07-01"},
        {"birth_date": "2001-01-01"},
        {"student_id": "S1"},
        {"programme_code": "Physics", "programme_title": ""},
    ],
)
def test_what_is_one_is_one(change: Mapping[str, str]) -> None:
    assert of_diploma({**RECORD, **change}) != of_diploma(RECORD)


def test_who_has_a_number_of_their_own_is_known_by_it() -> None:
    """A corrected name is not another person, who would be issued a second diploma."""
    known = {**RECORD, "student_id": "S1"}
    assert of_diploma({**known, "name": "Anna Maria Müller"}) == of_diploma(known)
    assert of_diploma({**known, "student_id": "S2"}) != of_diploma(known)


def test_another_secret_or_kind_gives_other_digests() -> None:
    other_kind = parse_kind(
        {**DIPLOMA.files, "kind.json": DIPLOMA.files["kind.json"].replace(b'"diploma"', b'"degree"', 1)}
    )
    others = [Identities(DIPLOMA, bytes(31) + b"1"), Identities(other_kind, bytes(32))]
    assert len({of_diploma(RECORD), *(other(RECORD) for other in others)}) == 3
    assert pickle.loads(pickle.dumps(others[0]))(RECORD) == others[0](RECORD)


texts = st.text(alphabet='ab", []\\ä\u3000', max_size=4).map(str.strip)


@given(st.lists(texts, min_size=4, max_size=4), st.lists(texts, min_size=4, max_size=4))
def test_no_value_passes_for_two(one: list[str], other: list[str]) -> None:
    names = ("level", "second", "third", "fourth")
    kind = card(fields={name: {"type": "text"} for name in names[1:]}, identity=[*names])
    identities = Identities(kind, bytes(32))
    records = [dict(zip(names, values, strict=True)) for values in (one, other)]
    folded = [[" ".join(value.split()) for value in values] for values in (one, other)]
    assert (identities(records[0]) == identities(records[1])) == (folded[0] == folded[1])


def test_where_nothing_is_said_there_is_no_identity() -> None:
    assert of_diploma(dict.fromkeys(DIPLOMA.columns, "")) == b""
    assert of_diploma({**dict.fromkeys(DIPLOMA.columns, ""), "gpa": "3.5"}) == b""


# What a kind says of it


def test_without_a_word_of_the_kind_persons_and_required_fields_tell_rows_apart() -> None:
    club = card(
        fields={
            "member": {"type": "text"},
            "who": {"type": "text"},
            "since": {"type": "date", "required": True},
        },
        person={"name": "who", "id": "member"},
    )
    assert club.told_apart_by == ("member", "who", "since")
    assert card().told_apart_by == ()
    assert card(identity=["level"]).told_apart_by == ("level",)


@pytest.mark.parametrize("kind", [*map(shipped, SHIPPED), diploma_1()], ids=[*SHIPPED, "diploma-1"])
def test_a_kind_that_ships_says_it_beside_its_version_and_a_copy_in_its_own(kind: Kind) -> None:
    assert kind.identity == ()
    assert kind.told_apart_by == shipped_identity(kind.name) == renamed(kind, "copy").identity
    assert {*kind.told_apart_by} <= {*kind.columns} - {kind.number, kind.email}


def test_a_stranger_s_kind_of_a_shipped_name_is_told_apart_by_fields_that_it_has() -> None:
    assert card(name="diploma", fields={"level": {**LEVEL, "required": True}}).told_apart_by == ("level",)


@pytest.mark.parametrize("identity", [["no"], ["colour"], ["fixed"], "level", [1], ["group"]])
def test_what_a_row_without_a_number_cannot_be_told_by_is_refused(identity: object) -> None:
    fields = {
        "fixed": {"type": "text", "source": {"constant": "1"}},
        "group": {"type": "group", "fields": {"inner": {"type": "text"}}},
    }
    with raises(INVALID_KIND):
        card(fields=fields, identity=identity)
