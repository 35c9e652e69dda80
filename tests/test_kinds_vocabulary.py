"""Words of registrars beside those of a kind: headings in six languages, and words for codes."""

from __future__ import annotations

import json

import pytest

from kinds import Kind, shipped
from kinds.draft import renamed
from kinds.kind import plain
from kinds.parsing import parse_kind
from kinds.records import check_cells, check_record
from kinds.shipped import SHIPPED, diploma_1
from tests import cldr
from tests.conftest import ROOT
from tests.world import graduate

EACH = [*map(shipped, SHIPPED), diploma_1()]
FILES = {name: json.loads((ROOT / "kinds" / name / "words.json").read_text()) for name in SHIPPED}
LANGUAGES = {"en", "zh", "zh-Hant", "de", "fr", "es", "ar"}


def field_of(kind: Kind, heading: str) -> str:
    return kind.headings.get(plain(heading)) or kind.further_headings.get(plain(heading), "")


@pytest.mark.parametrize("name", SHIPPED)
def test_each_heading_of_the_files_names_its_field_and_no_other(name: str) -> None:
    fields = FILES[name]
    headings = [
        (field, heading)
        for field, members in fields.items()
        for words in members.get("headings", {}).values()
        for heading in words
    ]
    assert [(field, each) for field, each in headings if field_of(shipped(name), each) != field] == []
    assert {language for members in fields.values() for language in members["headings"]} == LANGUAGES


@pytest.mark.parametrize("kind", EACH, ids=lambda kind: f"{kind.name} {kind.version}")
def test_a_label_names_its_field_unless_a_heading_names_another(kind: Kind) -> None:
    labels = [(name, label) for name in kind.columns for label in kind.fields[name].labels.values()]
    assert [each for each in labels if field_of(kind, each[1]) != each[0]] in (
        [],
        [("degree_name", "degree")],
    )


@pytest.mark.parametrize("kind", EACH, ids=lambda kind: f"{kind.name} {kind.version}")
def test_no_word_says_otherwise_than_the_table(kind: Kind) -> None:
    for name, words in kind.words.items():
        codes = kind.fields[name].codes
        meant = {**words.usual, **words.beginnings}
        assert {word: code for word, code in meant.items() if codes.get(word, code) != code} == {}
        assert set(meant.values()) <= set(codes.values())


def test_the_table_of_a_kind_goes_before_the_usual_words() -> None:
    copy = renamed(shipped(), "mine")
    tables = {
        "tables/achievement_type.csv": b"value,synonyms\nDegree,bachelor bachelorofscience\nBachelorDegree,"
    }
    kind = parse_kind({**copy.sources, **tables})
    for word, code in (("Bachelor of Science", "Degree"), ("Bachelor of Arts", "BachelorDegree")):
        assert check_cells(kind, graduate(1, achievement_type=word))[0]["achievement_type"] == code


def test_no_beginning_is_that_of_another_code() -> None:
    for words in (words for kind in EACH for words in kind.words.values()):
        for start, code in words.beginnings.items():
            assert {c for other, c in words.beginnings.items() if other.startswith(start)} == {code}


def test_no_word_of_a_file_means_two_codes() -> None:
    for members in (each for fields in FILES.values() for each in fields.values()):
        owners: dict[str, str] = {}
        for code, languages in members.get("values", {}).items():
            for word in (word.lower() for words in languages.values() for word in words):
                assert owners.setdefault(word, code) == code, word


def test_the_words_are_no_part_of_a_version() -> None:
    for name in SHIPPED:
        assert "words.json" not in shipped(name).files  # and what its digest covers is pinned elsewhere


def test_countries_have_the_names_of_cldr() -> None:
    assert FILES["resident"]["nationality"]["values"] == cldr.countries()


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("word", "code"),
    [
        *(
            (word, "BachelorDegree")
            for word in ("学士", "學士", "理学学士", "工學學士學位", "Bachelor of Science")
        ),
        *((word, "BachelorDegree") for word in ("Bachelor of Science", "B.Sc.", "bachelor  of laws (Hons)")),
        *((word, "BachelorDegree") for word in ("Licence", "بكالوريوس", "Bachelorabschluss")),
        *((word, "BachelorDegree") for word in ("Grado en Historia", "Licence en droit")),
        *((word, "MasterDegree") for word in ("硕士", "碩士", "工商管理硕士", "Máster en Física", "ماجستير")),
        *((word, "MasterDegree") for word in ("Master of Arts", "M.Sc.", "Magister Artium")),
        *((word, "DoctoralDegree") for word in ("博士", "Dr. rer. nat.", "Doctorat", "دكتوراه")),
        *((word, "Degree") for word in ("Staatsexamen", "Diplom (FH)", "Diplom-Ingenieur")),
        ("副学士", "AssociateDegree"),
    ],
)
def test_a_word_for_a_degree_stands_beside_the_type_that_it_means(word: str, code: str) -> None:
    record, wrong = check_cells(shipped(), graduate(1, achievement_type=word))
    assert (wrong, record["achievement_type"], record["degree_name"]) == ([], code, word)
    named, _ = check_cells(shipped(), graduate(1, achievement_type=word, degree_name="B.Sc. Physics"))
    assert (named["achievement_type"], named["degree_name"]) == (code, "B.Sc. Physics")


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "word",
    [
        *("名誉博士", "Doctor of Laws (honoris causa)", "Doctor of Letters, honorary", "Dr. h. c.", "本科"),
        *("Bachelorette of Arts", "Bachelor of", "Licenciatura en Derecho", "Masterly", "学士后", "Baron"),
    ],
)
def test_a_word_that_is_not_surely_one_type_is_refused(word: str) -> None:
    _, wrong = check_cells(shipped(), graduate(1, achievement_type=word))
    assert [(name, cell) for name, _, cell in wrong] == [("achievement_type", word)]


def test_what_no_cell_may_have_is_refused_behind_the_first_words_too() -> None:
    for word in ("Bachelor of \u202eecneicS", "Bachelor of " + "x" * 300, "Bachelor of\nScience"):
        assert check_cells(shipped(), graduate(1, achievement_type=word))[1]


def test_a_single_record_takes_the_same_words() -> None:
    assert check_record(shipped(), graduate(1, achievement_type="碩士"))["achievement_type"] == "MasterDegree"


def test_a_copy_of_a_kind_has_its_words_until_it_calls_a_field_otherwise() -> None:
    copy = renamed(shipped(), "mine")
    assert (field_of(copy, "學號"), copy.words["achievement_type"].value("学士")) == (
        "student_id",
        "BachelorDegree",
    )
    files = {**copy.sources, "kind.json": copy.files["kind.json"].replace("学号".encode(), "号".encode())}
    assert field_of(parse_kind(files), "學號") == ""
