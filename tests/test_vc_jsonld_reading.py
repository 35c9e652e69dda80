"""What is said reads the same, however it is written."""

from __future__ import annotations

import contextlib
import json
import tracemalloc
from collections.abc import Mapping
from typing import Any

import pytest

from tests.problems import raises
from vc.vcdm.jsonld import TOO_COMPLEX, InvalidDocument, LossyDocument, Respelled, read
from wire.problem import Problem, Raisable, TooLarge
from wire.work import BODY_STEPS, Work

XSD = "http://www.w3.org/2001/XMLSchema#"
TERMS: dict[str, Any] = {
    "id": "@id", "type": "@type", "value": "@value",
    "ex": "urn:ex:",
    "text": "ex:text", "day": {"@id": "ex:day", "@type": XSD + "date"},
    "count": {"@id": "ex:count", "@type": XSD + "integer"},
    "share": {"@id": "ex:share", "@type": XSD + "decimal"},
    "passed": {"@id": "ex:passed", "@type": XSD + "boolean"},
    "title": {"@id": "ex:title", "@language": "DE"},
    "titles": {"@id": "ex:titles", "@container": "@language"},
    "back": {"@reverse": "ex:forth"}, "steps": {"@id": "ex:steps", "@container": "@list"},
    "kind": {"@id": "ex:kind", "@type": "@vocab"}, "data": {"@id": "ex:data", "@type": "@json"},
    "by": {"@id": "ex:by", "@container": "@index"}, "see": {"@id": "ex:see", "@type": "@id"},
}  # fmt: skip


def said(**members: Any) -> dict[str, Any]:
    found = dict(
        read(
            {"@context": TERMS, **members},
        ).claims
    )
    del found["@context"]
    return found


TAGGED = {"@value": "Meister", "@language": "de"}
SAME: list[tuple[Any, list[dict[str, Any]]]] = [
    ({"urn:ex:text": "x"}, [
        {"text": "x"}, {"ex:text": "x"}, {"urn:ex:text": {"@value": "x"}}, {"text": {"value": "x"}},
        {"text": {"@value": "x", "@type": XSD + "string"}},
    ]),
    ({"urn:ex:text": 5}, [{"text": 5}, {"text": 5.0}, {"text": {"@value": "5", "@type": XSD + "integer"}}]),
    ({"urn:ex:text": 1.5}, [{"text": 1.5}, {"text": {"@value": "1.5E0", "@type": XSD + "double"}}]),
    ({"urn:ex:text": True}, [{"text": True}, {"text": {"@value": "true", "@type": XSD + "boolean"}}]),
    ({"urn:ex:day": "2026-06-30"}, [
        {"day": "2026-06-30"}, {"ex:day": {"@value": "2026-06-30", "@type": XSD + "date"}},
    ]),
    ({"urn:ex:day": "5"}, [{"day": 5}, {"day": "5"}]),
    ({"urn:ex:count": 5}, [{"count": 5}, {"count": "5"}, {"ex:count": 5}]),
    ({"urn:ex:count": "05"}, [{"count": "05"}]),
    ({"urn:ex:share": 0.25}, [{"share": "0.25"}]),
    ({"urn:ex:passed": False}, [{"passed": False}, {"passed": "false"}]),
    ({"urn:ex:passed": "no"}, [{"passed": "no"}]),
    ({"urn:ex:title": TAGGED}, [
        {"title": "Meister"}, {"title": TAGGED}, {"ex:title": {"@value": "Meister", "@language": "DE"}},
    ]),
    ({"urn:ex:titles": TAGGED}, [{"titles": {"de": "Meister"}}, {"ex:titles": TAGGED}]),
    ({"urn:ex:titles": [TAGGED, "M.A."]}, [{"titles": {"DE": "Meister", "@none": ["M.A."]}}]),
    ({"urn:ex:steps": {"@list": ["a"]}}, [{"ex:steps": {"@list": ["a"]}}]),
    ({"urn:ex:steps": ["a"]}, [{"steps": ["a"]}, {"steps": {"@list": ["a"]}}]),
    ({"urn:ex:kind": "VerifiableCredential"}, [
        {"kind": "https://www.w3.org/2018/credentials#VerifiableCredential"},
    ]),
    ({"urn:ex:see": "urn:ex:1"}, [{"see": "ex:1"}, {"see": "urn:ex:1"}, {"ex:see": "urn:ex:1"}]),
    ({"urn:ex:see": ["urn:ex:1", "urn:ex:2"]}, [
        {"see": ["ex:1", "urn:ex:2"]}, {"see": {"@set": ["ex:1", "ex:2"]}},
    ]),
    ({"urn:ex:text": ["x", "y"]}, [
        {"text": "x", "ex:text": "y"}, {"text": "y", "ex:text": "x"},
        {"text": "x", "urn:ex:text": ["y", "x"]},
        {"ex:text": "y", "text": {"@value": "x"}}, {"text": "y", "ex:text": ["x"], "urn:ex:text": "y"},
    ]),
    ({"urn:ex:text": "x"}, [{"text": "x", "ex:text": "x"}, {"text": ["x"], "ex:text": "x"}]),
    ({"urn:ex:see": [{"id": "urn:ex:1", "urn:ex:count": 1}, {"id": "urn:ex:2", "urn:ex:count": 2}]}, [
        {"see": {"id": "ex:2", "count": 2}, "ex:see": {"id": "urn:ex:1", "ex:count": 1}},
    ]),
    ({"urn:ex:data": {"a": [None, {}]}}, [
        {"data": {"a": [None, {}]}}, {"ex:data": {"@value": {"a": [None, {}]}, "@type": "@json"}},
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "written"), SAME, ids=lambda value: str(value)[:40])
def test_one_reading_of_all_ways_of_writing(expected: dict[str, Any], written: list[dict[str, Any]]) -> None:
    for members in written:
        assert said(**members) == expected


@pytest.mark.parametrize(
    ("members", "problem", "words"),
    [
        ({"back": {"id": "urn:ex:1"}}, Respelled, "/back: 'back', by a context of the document's own, says"),
        ({"by": {"a": "x"}}, InvalidDocument, "a map by index"),
        ({"id": ["urn:ex:1"]}, LossyDocument, "/id"),
        ({"id": 5, "text": "x"}, LossyDocument, "/id"),
        ({"id": {}, "text": "x"}, LossyDocument, "/id"),
        ({"unheardOf": "x"}, LossyDocument, "'unheardOf' has no meaning"),
        ({"text": {"@value": None}}, InvalidDocument, "/text"),
    ],
)
def test_what_is_not_read_is_named(members: dict[str, Any], problem: Raisable[Problem], words: str) -> None:
    with raises(problem) as raised:
        said(**members)
    assert words in str(raised.value)


@pytest.mark.parametrize("name", ["issuer", "credentialSubject", "validUntil", "expirationDate", "holder"])
def test_what_decides_is_said_once(name: str) -> None:
    """Readers of JSON see one of two, and which, they do not agree on."""
    iri = f"https://www.w3.org/2018/credentials#{name}"
    terms = {name: iri, "other": iri}
    with pytest.raises(Respelled):
        read({"@context": terms, name: "urn:ex:1", "other": "urn:ex:2"})


def test_many_terms_for_one_property_cost_no_more_than_many_values() -> None:
    def cost(document: dict[str, Any]) -> int:
        work = Work()
        read(document, work)
        return Work().left - work.left

    terms = {f"t{number}": "urn:ex:text" for number in range(400)}
    spread = cost({"@context": terms, **{name: "x" * 500 + name for name in terms}})
    assert spread < 20 * cost({"@context": terms, "t0": ["x" * 500 + name for name in terms]})


def test_what_is_nested_without_end_is_refused() -> None:
    value: dict[str, Any] = {"text": "x"}
    for _ in range(200):
        value = {"ex:text": value}
    with raises(TOO_COMPLEX):
        said(**value)
    circle: dict[str, Any] = {"text": "x"}
    circle["ex:see"] = circle
    with raises(TOO_COMPLEX):
        said(**circle)


def test_objects_of_one_id_are_read_together() -> None:
    found = read({
        "@context": TERMS,
        "see": [
            {"id": "urn:ex:1", "text": ["b", "a"]},
            {"id": "urn:ex:1", "text": "c", "count": 1},
            "urn:ex:1",
        ],
    })  # fmt: skip
    whole = {"id": "urn:ex:1", "urn:ex:text": ["a", "b", "c"], "urn:ex:count": 1}
    for value in found.claims["urn:ex:see"]:
        assert found.about(value) == whole
    assert found.about("urn:ex:2") == "urn:ex:2"
    texts = [{"text": "a"}, {"@context": {"words": "urn:ex:text"}, "words": "b"}, {"text": "c"}]
    spelled = read({"@context": TERMS, "see": [{"id": "urn:ex:1", "see": item} for item in texts]})
    about: Any = spelled.about("urn:ex:1")
    told = about["urn:ex:see"]
    assert [item["urn:ex:text"] for item in told] == ["a", "b", "c"]  # not by how they are spelled
    assert found.about({"urn:ex:text": "x"}) == {"urn:ex:text": "x"}


def test_their_order_does_not_depend_on_where_somebody_else_is_told_of() -> None:
    """What is said of the creator in one may as well be said of the same one in the other, to RDF."""
    badges = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
    who = {"id": "did:web:university.example"}

    def awarded(first: dict[str, Any], second: dict[str, Any]) -> object:
        achievements = [
            {"id": f"urn:ex:{number}", "type": ["Achievement"], "creator": creator}
            for number, creator in enumerate((first, second))
        ]
        told_of = {"id": "urn:ex:9", "type": ["AchievementSubject"]}
        found = read({
            "@context": ["https://www.w3.org/ns/credentials/v2", badges],
            "type": ["VerifiableCredential", "OpenBadgeCredential"],
            "credentialSubject": [{**told_of, "achievement": each} for each in achievements],
        })  # fmt: skip
        told = found.about("urn:ex:9")
        assert isinstance(told, Mapping)
        return [each["id"] for each in told["achievement"]]

    assert awarded({**who, "type": ["Profile"]}, who) == awarded(who, {**who, "type": ["Profile"]})


def test_objects_of_one_id_that_differ_in_what_decides_cannot_be_told_apart() -> None:
    ends = [{"id": "urn:ex:1", "validUntil": f"203{year}-01-01T00:00:00Z"} for year in (0, 1)]
    v2 = "https://www.w3.org/ns/credentials/v2"
    found = read({"@context": [v2, TERMS], "see": [{"type": "VerifiableCredential", **end} for end in ends]})
    with pytest.raises(Respelled, match="differ in validUntil"):
        found.about("urn:ex:1")


def in_each_other(innermost: list[Any]) -> dict[str, Any]:
    found = {"id": "urn:ex:1", "text": innermost}
    for _ in range(95):
        found = {"id": "urn:ex:1", "text": [found]}
    return found


MANY_OF_ONE_ID: dict[str, dict[str, Any]] = {
    "objects with a member each": {
        "@context": TERMS, "see": [{"id": "urn:ex:1", "text": number} for number in range(2_000)],
    },
    "objects in each other": {"@context": TERMS, "see": in_each_other(["x" * 60_000])},
    "values that are objects with long names": {
        "@context": {**TERMS, "long": f"urn:{'a' * 1_000}"},
        "see": [{"id": "urn:ex:1", "text": {"long": number}} for number in range(1_000)],
    },
}  # fmt: skip


@pytest.mark.quick("objects in each other")
@pytest.mark.parametrize("name", MANY_OF_ONE_ID)
def test_a_little_about_one_id_takes_little_memory(name: str) -> None:
    """What a service spends on a body: 64 MiB at the most, and 128 bytes for each of the input."""
    document = MANY_OF_ONE_ID[name]
    tracemalloc.start()
    try:
        with contextlib.suppress(TooLarge):
            read(document, Work(BODY_STEPS)).about("urn:ex:1")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < min(64 << 20, 128 * len(json.dumps(document)))


def test_uniting_draws_on_the_work_of_the_document() -> None:
    document = {"@context": TERMS, "see": in_each_other([*range(200)])}
    work = Work(20_000)
    with pytest.raises(TooLarge):  # 200 values, written once for each of 95 levels
        read(document, work).about("urn:ex:1")
