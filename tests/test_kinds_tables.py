"""Tables of codes: names in the reader's language, and values of other fields that follow from a code."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from babel import Locale

from intaglio.words.kinds import lines, sentence
from intaglio.words.language import speaking
from issuer.press.document import trial
from kinds import InvalidRecord, Kind, Record, shipped
from kinds.check import prove_kind
from kinds.diff import differences, level
from kinds.draft import draft, table_outline
from kinds.facts import facts_of
from kinds.parsing import parse_kind
from kinds.problem import INVALID_KIND
from kinds.records import check_record, with_changes
from kinds.schema import schema_of
from kinds.shipped import SHIPPED
from tests.problems import raises
from vc import Credential
from verifier.summary import ByKind, Summary

TODAY = date(2026, 7, 1)
LEVELS = """value,synonyms,en,zh,credits,since
gold,or,Gold member,金卡,30,2001-01-01
silver,,Silver member,,2.5,
"""
FIELDS: dict[str, Any] = {
    "no": {"type": "text", "required": True, "iri": "https://schema.org/identifier"},
    "level": {"type": "code", "table": "level", "refusal": "is no level", "iri": "urn:x:level"},
    "credits": {
        "type": "number",
        "source": {"table": {"code": "level", "column": "credits"}},
        "iri": "urn:x:credits",
    },
    "since": {
        "type": "date",
        "source": {"table": {"code": "level", "column": "since"}},
        "iri": "urn:x:since",
    },
    "club": {"type": "text", "source": {"constant": "Chess Club"}, "iri": "urn:x:club"},
    "is_open": {"type": "boolean", "source": {"constant": "no"}, "iri": "urn:x:open"},
}


def card(table: str = LEVELS, **fields: Any) -> Kind:
    kind = {
        "name": "card",
        "version": "1",
        "nouns": {"en": ["card", "cards"]},
        "number": "no",
        "sentence": {"en": ["{issuer} issued a card", " ({level})"], "zh": ["{issuer}颁发", "（{level}）"]},
        "fields": {**FIELDS, **fields},
    }
    return parse_kind({"kind.json": json.dumps(kind).encode(), "tables/level.csv": table.encode()})


def facts(kind: Kind, record: Record) -> dict[str, Any]:
    return facts_of(kind, Credential.parse(json.loads(json.dumps(trial(kind).compose(record, 0)))))


def test_what_follows_from_a_code_or_is_the_same_for_all_is_signed_and_has_no_column() -> None:
    kind = card()
    assert kind.columns == ("no", "level")
    gold = check_record(kind, {"no": "1", "level": "OR"}, TODAY)
    assert facts(kind, gold) == {
        "no": "1",
        "level": "gold",
        "credits": 30,
        "since": "2001-01-01",
        "club": "Chess Club",
        "is_open": False,
    }
    silver = check_record(kind, with_changes(kind, gold, {"level": "silver"}), TODAY)
    assert facts(kind, silver) == {
        "no": "1", "level": "silver", "credits": 2.5, "club": "Chess Club", "is_open": False
    }  # fmt: skip
    assert facts(kind, check_record(kind, {"no": "1"}, TODAY)).keys() == {"no", "club", "is_open"}
    for name in ("credits", "club"):
        with pytest.raises(InvalidRecord, match=f"there is no field '{name}'"):
            check_record(kind, {"no": "1", name: "7"}, TODAY)
    assert prove_kind(kind) == tuple(kind.fields)


def test_a_code_is_signed_as_it_is_and_shown_by_its_name() -> None:
    kind = card()
    record = check_record(kind, {"no": "1", "level": "Gold  member"}, TODAY)
    assert record["level"] == check_record(kind, {"no": "1", "level": "金卡"}, TODAY)["level"] == "gold"
    said = facts(kind, record)
    summary = Summary("", "", "Somebody", "", "", "", ByKind(kind, speaks=True), said)
    text, values = sentence(summary)
    assert (text, values["level"]) == ("{issuer} issued a card ({level})", "Gold member")
    with speaking("zh"):
        assert sentence(summary)[1]["level"] == "金卡"
        assert dict(lines(kind, {"level": "silver"})) == {"level": "Silver member"}  # none in this language
    assert dict(lines(kind, {"level": "bronze"})) == {"level": "bronze"}
    assert schema_of(kind)["properties"]["credentialSubject"]["properties"]["level"]["anyOf"] == [
        {"enum": ["gold", "silver"]}
    ]


def test_a_table_that_the_items_of_a_group_alone_name_is_theirs() -> None:
    grade = {"type": "code", "table": "level", "refusal": "is no grade", "iri": "urn:x:grade"}
    kind = {
        "name": "transcript",
        "version": "1",
        "nouns": {"en": ["transcript", "transcripts"]},
        "number": "no",
        "fields": {
            "no": FIELDS["no"],
            "note": {"type": "text", "table": ""},  # as if it were not there
            "grades": {"type": "group", "iri": "urn:x:grades", "fields": {"grade": grade}},
        },
    }
    table = "value,synonyms,en,zh\ngold,or,Gold,金\nsilver,,Silver,银\n"

    def transcript(table: str, **more: str) -> Kind:
        files = {"kind.json": json.dumps(kind), "tables/level.csv": table, **more}
        return parse_kind({path: text.encode() for path, text in files.items()})

    read = transcript(table)
    record = check_record(read, {"no": "1", "grades": [{"grade": "OR"}, {"grade": "银"}]}, TODAY)
    assert facts(read, record)["grades"] == [{"grade": "gold"}, {"grade": "silver"}]
    assert [shown for _, shown in lines(read, facts(read, record))][1:] == ["grade: Gold", "grade: Silver"]
    with pytest.raises(InvalidRecord, match="is no grade"):
        check_record(read, {"no": "1", "grades": [{"grade": "bronze"}]}, TODAY)
    assert prove_kind(read) == ("no", "grades")
    changed = differences(read, transcript(table + "bronze,,,\n"))
    assert {each.place for each in changed} == {"fields.grades.fields.grade.table"}
    assert level(changed) == "compatible"
    assert level(differences(read, transcript(table.replace("silver", "bronze")))) == "breaking"
    with raises(INVALID_KIND, match="tables/level.csv: no field names its column credits"):
        transcript("value,synonyms,credits\ngold,,1\n")
    with raises(INVALID_KIND, match="tables/other.csv: no field names it"):
        transcript(table, **{"tables/other.csv": table})


@pytest.mark.parametrize(
    ("table", "fields", "reason"),
    [
        (LEVELS.replace("credits", "points"), {}, "fields.credits: the table of 'level' has no column"),
        (LEVELS.replace("since", "other"), {}, "fields.since: the table of 'level' has no column 'since'"),
        (LEVELS.replace(",since", ",since,other").replace("1-01\n", "1-01,\n").replace(",2.5,", ",2.5,,"), {},
         "tables/level.csv: no field names its column other"),
        (LEVELS.replace("30", "many"), {}, "fields.credits: 'many' is not a number"),
        (LEVELS.replace("silver", "gold"), {}, "row 3: an earlier row has the same value"),
        (LEVELS.replace("Silver member", "Gold-member"), {}, "row 3: two codes are written alike"),
        (LEVELS.replace("zh", "en"), {}, "row 1: the columns are value, synonyms"),
        (LEVELS.replace("zh", "ZH"), {}, "row 1: the columns are value, synonyms"),
        (LEVELS + "bronze,\n", {}, "row 4: it has 2 cells, row 1 6"),
        (LEVELS, {"club": {"type": "integer", "source": {"constant": "x"}}}, "'x' is not a whole number"),
        (LEVELS, {"club": {"type": "text", "source": {"constant": "x", "file": True}}},
         "fields.club: a value has one source"),
        (LEVELS, {"club": {"type": "text", "source": {"login": "x"}}}, "there is no member 'login'"),
        (LEVELS, {"club": {"type": "text", "required": True, "source": {"constant": "x"}}},
         "club follows from the kind, and cannot be required"),
        (LEVELS, {"credits": {"type": "number", "source": {"table": {"code": "no", "column": "credits"}}}},
         "fields.credits: the table of 'no' has no column 'credits'"),
        (LEVELS, {"level": {**FIELDS["level"], "source": {"constant": "gold"}}},
         "credits follows from level, which has no column"),
    ],
)  # fmt: skip
def test_a_source_that_gives_no_value_is_refused(table: str, fields: dict[str, Any], reason: str) -> None:
    with raises(INVALID_KIND, match=reason):
        card(table, **fields)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_draft_takes_each_column_of_what_is_shipped(name: str) -> None:
    columns = shipped(name).columns
    drafted = parse_kind(
        {"kind.json": draft("mine", table_outline(columns, [["2001-02-03"] * len(columns)]))}
    )
    assert [field.type for field in drafted.fields.values()].count("code") == 0
    assert len(drafted.fields) == len(columns)


def test_countries_have_the_names_of_cldr() -> None:
    """And the codes of ISO 3166-1, of which there are 249."""
    names = shipped("resident").fields["nationality"].names
    assert {*names} == {"en", "zh", "de"}
    for language, of_codes in names.items():
        theirs = Locale(language).territories
        assert len(of_codes) == 249
        assert {code: theirs[code] for code in of_codes} == of_codes


@pytest.mark.parametrize(
    ("old", "new", "place", "is_level"),
    [
        ("Gold member", "Member in gold", "fields.level.table", "display"),
        ("30", "40", "fields.credits.source", "breaking"),
        ("2001-01-01\n", "2001-01-01\n", "", ""),
        ("2.5,\n", "2.5,2002-01-01\n", "fields.since.source", "compatible"),
    ],
)
def test_what_another_version_changes_of_a_table_has_its_level(
    old: str, new: str, place: str, is_level: str
) -> None:
    found = differences(card(), card(LEVELS.replace(old, new)))
    assert {(each.place, each.level) for each in found} == ({(place, is_level)} if place else set())
