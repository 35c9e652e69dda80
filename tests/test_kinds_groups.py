"""Groups: each item's facts stay in its item, with a template and without, in a set and in a list."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import date
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intaglio.words.kinds import lines
from intaglio.words.language import speaking
from issuer.press.document import trial
from issuer.press.press import Line, Press
from kinds import InvalidRecord, Kind, Record, Template, shipped
from kinds.cells import MOST_ITEMS
from kinds.check import prove_kind
from kinds.diff import differences
from kinds.facts import facts_of
from kinds.metadata import metadata_of
from kinds.openid4vci import configuration
from kinds.parsing import parse_kind
from kinds.problem import INVALID_KIND
from kinds.records import check_record, with_changes
from kinds.schema import schema_of
from tests.fuzz.oracles import by_pyld, by_pyoxigraph
from tests.problems import raises
from tests.test_issuer_skeletons import at_once, used
from tests.test_kinds_facts import UNIVERSITY, UNTIDY, composer
from tests.world import NOW
from vc import Credential
from vc.forms import DataIntegrity
from vc.vcdm.jsonld import canonicalize
from wire.problem import Malformed

TODAY = date(2026, 7, 1)
VOCABULARY = "urn:example:vocab:"
FIELDS: dict[str, Any] = {
    "no": {"type": "text", "required": True, "iri": "https://schema.org/identifier"},
    "name": {"type": "text", "iri": "https://schema.org/name"},
    "courses": {
        "type": "group",
        "iri": f"{VOCABULARY}courses",
        "labels": {"en": "course", "zh": "课程"},
        "fields": {
            "course": {"type": "text", "required": True, "iri": "https://schema.org/name"},
            "passed": {
                "type": "boolean",
                "iri": f"{VOCABULARY}passed",
                "labels": {"en": "passed", "zh": "通过"},
            },
            "held": {"type": "date", "iri": f"{VOCABULARY}on"},
            "room": {"type": "text"},
        },
    },
    "prizes": {
        "type": "group",
        "iri": f"{VOCABULARY}prizes",
        "fields": {
            "prize": {"type": "text", "iri": "https://schema.org/name"},
            "won": {"type": "date", "iri": f"{VOCABULARY}on"},
        },
    },
}
NO_NAMES: dict[str, Any] = {**FIELDS, "name": {"type": "text", "iri": f"{VOCABULARY}title"}}
CELLS = {
    "no": "1",
    "name": "A",
    "courses": [
        {"course": "Logic", "passed": "yes", "held": "2026-01-02", "room": "7"},
        {"course": "Latin", "passed": "no"},
        {},
        {"course": "Law", "held": "2026-01-03"},
    ],
    "prizes": [{"prize": "First", "won": "2026-02-01"}, {"prize": "Logic"}],
}
SAID = {
    "no": "1",
    "name": "A",
    "courses": [
        {"course": "Logic", "passed": True, "held": "2026-01-02"},
        {"course": "Latin", "passed": False},
        {"course": "Law", "held": "2026-01-03"},
    ],
    "prizes": [{"prize": "First", "won": "2026-02-01"}, {"prize": "Logic"}],
}


def parsed(fields: dict[str, Any] = FIELDS, template: Any = None, **members: Any) -> Kind:
    kind = {
        "name": "transcript",
        "version": "1",
        "nouns": {"en": ["transcript", "transcripts"]},
        "number": "no",
        "fields": fields,
        **members,
    }
    files = {"kind.json": json.dumps(kind).encode()}
    if template is not None:
        files["template.json"] = json.dumps(template).encode()
    return parse_kind(files)


def ordered(name: str = "courses", **members: Any) -> dict[str, Any]:
    return {**FIELDS, name: {**FIELDS[name], "ordered": True, **members}}


def document(kind: Kind, record: Record) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(trial(kind).compose(record, 0)))
    return made


def facts(kind: Kind, record: Record) -> dict[str, Any]:
    return facts_of(kind, Credential.parse(document(kind, record)))


TEMPLATE = {
    "@context": [
        "https://www.w3.org/ns/credentials/v2",
        {
            "identifier": "https://schema.org/identifier",
            "results": f"{VOCABULARY}results",
            "Course": f"{VOCABULARY}Course",
            "Prize": f"{VOCABULARY}Prize",
            "kindOf": f"{VOCABULARY}kindOf",
            "passed": f"{VOCABULARY}passed",
            "when": f"{VOCABULARY}on",
        },
    ],
    "type": ["VerifiableCredential"],
    "credentialSubject": {
        "identifier": "{no}",
        "name": "{name}",
        "results": [
            {"$each": "courses", "kindOf": "course", "type": "Course", "name": "{course}",
             "passed": "{passed}", "when": "on {held}"},
            {"type": "Prize", "kindOf": "none", "name": "a constant"},
            {"$each": "prizes", "kindOf": "prize", "name": "Prize: {prize}", "when": "{won}"},
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize(
    "kind", [parsed(), parsed(ordered()), parsed(template=TEMPLATE)], ids=["set", "list", "template"]
)
def test_each_item_comes_back_as_it_was(kind: Kind) -> None:
    record = check_record(kind, CELLS, TODAY)
    made = document(kind, record)
    assert facts_of(kind, Credential.parse(made)) == SAID
    assert canonicalize(made).decode() == by_pyld(made) == by_pyoxigraph(made)
    without = check_record(kind, {"no": "1"}, TODAY)
    assert (without["courses"], facts(kind, without)) == ("", {"no": "1"})
    assert set(prove_kind(kind)) == set(SAID)


def test_a_group_has_the_properties_of_its_own_iris_and_a_list_where_order_counts() -> None:
    made = document(parsed(), check_record(parsed(), CELLS, TODAY))
    (_, context) = made["@context"]
    assert context["courses"] == {"@id": f"{VOCABULARY}courses", "@container": "@set"}
    assert made["credentialSubject"]["courses"][1] == {"course": "Latin", "passed": False}
    nquads = canonicalize(document(parsed(ordered()), check_record(parsed(ordered()), CELLS, TODAY))).decode()
    assert nquads.count("rdf-syntax-ns#first") == 3
    other = {**CELLS, "courses": [*reversed(CELLS["courses"])]}
    for fields, is_signed in ((FIELDS, False), (ordered(), True)):
        kind = parsed(fields)
        texts = [canonicalize(document(kind, check_record(kind, cells, TODAY))) for cells in (CELLS, other)]
        assert (texts[0] != texts[1]) is is_signed


_TEXTS = st.sampled_from(UNTIDY) | st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=9
)
_COURSES = st.fixed_dictionaries(
    {"course": _TEXTS}, optional={"passed": st.sampled_from(["yes", "no"]), "held": st.dates().map(str)}
)
_PRIZES = st.fixed_dictionaries({"prize": _TEXTS}, optional={"won": st.dates().map(str)})


@given(
    st.lists(_COURSES, max_size=6, unique_by=lambda item: (*item.items(),)),
    st.lists(_PRIZES, max_size=6, unique_by=lambda item: (*item.items(),)),
    st.sampled_from([FIELDS, ordered(), ordered("prizes")]),
    st.booleans(),
)
def test_no_fact_leaves_its_item(
    courses: list[dict[str, str]], prizes: list[dict[str, str]], fields: dict[str, Any], has_template: bool
) -> None:
    kind = parsed(template=TEMPLATE) if has_template else parsed(fields)
    try:
        record = check_record(kind, {"no": "1", "courses": courses, "prizes": prizes}, TODAY)
    except InvalidRecord:  # two that NFC or blanks make one
        return
    expected: dict[str, Any] = {"no": "1"}
    for group in ("courses", "prizes"):
        items = [{name: value for name, value in item.items() if value != ""} for item in record[group] or ()]
        expected |= {group: items} if items else {}
    assert facts(kind, record) == expected


def test_a_row_with_items_is_signed_the_general_way_and_read_back() -> None:
    """Its list has no place among the slots; rows without items are spliced."""
    kind = parsed()
    method = f"{UNIVERSITY.did}#{UNIVERSITY.key.public_key.multikey()}"
    form = DataIntegrity(suite="eddsa-rdfc-2022")
    press = at_once(Press(composer(kind), UNIVERSITY.key, method, form))
    for seq in range(3):
        record = check_record(kind, {**CELLS, "no": str(seq), "name": '},"credential":'}, TODAY)
        printed = press.print_row(record, seq, NOW)
        assert printed == press.print(record, seq, NOW)
        assert facts_of(kind, Line.parse(printed.line).secured.claims)["courses"] == SAID["courses"]
        number, kept = Line.record_of(printed.line)
        assert (number, json.loads(kept)) == (seq, record)
    assert not used(press)
    bare = check_record(kind, {"no": "7"}, TODAY)
    assert press.print_row(bare, 7, NOW) == press.print(bare, 7, NOW)
    assert used(press)


def test_what_another_item_or_another_node_says_is_no_fact_of_an_item() -> None:
    kind = parsed(template=TEMPLATE)
    made = document(kind, check_record(kind, CELLS, TODAY))
    results = made["credentialSubject"]["results"]
    of_constant = deepcopy(made)
    of_constant["credentialSubject"]["results"].append({"kindOf": "none", "name": "Lore", "passed": True})
    assert facts_of(kind, Credential.parse(of_constant)) == SAID
    del results[0]["passed"]  # another item's is not taken for it
    read = facts_of(kind, Credential.parse(made))
    assert read["courses"][0] == {"course": "Logic", "held": "2026-01-02"}
    made["credentialSubject"]["passed"] = True
    assert facts_of(kind, Credential.parse(made))["courses"][0] == {"course": "Logic", "held": "2026-01-02"}


def test_a_schema_of_a_group_is_one_of_an_array() -> None:
    kind = parsed({**FIELDS, "courses": {**FIELDS["courses"], "required": True}})
    schema = schema_of(kind)
    validator = jsonschema_rs.validator_for(schema)
    made = document(kind, check_record(kind, CELLS, TODAY))
    assert list(validator.iter_errors(made)) == []
    courses = schema["properties"]["credentialSubject"]["properties"]["courses"]
    assert (courses["type"], courses["items"]["required"]) == ("array", ["course"])
    assert "courses" in schema["properties"]["credentialSubject"]["required"]
    for spoilt in ({"passed": True}, {"course": 7}, {"course": "x", "held": "1.1.2026"}, "x"):
        subject = {**made["credentialSubject"], "courses": [spoilt]}
        assert not validator.is_valid({**made, "credentialSubject": subject})


def test_each_item_is_a_line_for_people() -> None:
    kind = parsed()
    said = facts(kind, check_record(kind, CELLS, TODAY))
    assert [text for label, text in lines(kind, said) if label == "course"] == [
        "course: Logic · passed: yes · held: 2026-01-02",
        "course: Latin · passed: no",
        "course: Law · held: 2026-01-03",
    ]
    with speaking("zh"):
        assert [text for label, text in lines(kind, said) if label == "课程"][1] == "course: Latin · 通过: 否"


def test_a_correction_names_the_cell_of_an_item() -> None:
    kind = parsed()
    record = check_record(kind, CELLS, TODAY)
    assert check_record(kind, with_changes(kind, record, {}), TODAY) == record
    changed = with_changes(
        kind, record, {"course_2": "Greek", "passed_2": "", "course_4": "Art", "name": "B"}
    )
    after = facts(kind, check_record(kind, changed, TODAY))
    assert after["name"] == "B"
    assert [item["course"] for item in after["courses"]] == ["Logic", "Greek", "Law", "Art"]
    assert after["courses"][1] == {"course": "Greek"}
    fewer = with_changes(kind, record, {"course_3": "", "held_3": ""})
    assert facts(kind, check_record(kind, fewer, TODAY))["courses"] == SAID["courses"][:2]
    for changes, reason in (
        ({"courses": "Greek"}, "courses is a group: its cells are course_1 and so on"),
        ({"course": "Greek"}, "there is no field 'course'"),
        ({"course_0": "Greek"}, "there is no field 'course_0'"),
        ({"held_1": "soon"}, "held_1: the value is not a date"),
    ):
        with pytest.raises(InvalidRecord, match=reason):
            check_record(kind, with_changes(kind, record, changes), TODAY)


@pytest.mark.parametrize("items", ["Logic", [1], [{"course": 1}], [{"prize": "First"}], {"course": "Logic"}])
def test_items_of_another_shape_are_refused(items: Any) -> None:
    with pytest.raises(InvalidRecord, match="courses is a group"):
        check_record(parsed(), {"no": "1", "courses": items}, TODAY)


def test_a_group_has_a_bound_and_a_set_says_nothing_twice() -> None:
    kind = parsed(ordered())
    items = [{"course": "Logic"}] * MOST_ITEMS
    full = check_record(kind, {"no": "1", "courses": items}, TODAY)
    made = document(kind, full)
    assert len(facts_of(kind, Credential.parse(made))["courses"]) == MOST_ITEMS
    identifiers = {item["id"] for item in made["credentialSubject"]["courses"]}
    assert identifiers == {f"{made['id']}#courses-{number}" for number in range(1, MOST_ITEMS + 1)}
    assert canonicalize(made).decode() == by_pyoxigraph(made)
    for each in (kind, parsed()):
        with pytest.raises(InvalidRecord, match=f"more than {MOST_ITEMS}"):
            check_record(
                each, {"no": "1", "courses": [{"course": f"C{n}"} for n in range(MOST_ITEMS + 1)]}, TODAY
            )
    with pytest.raises(InvalidRecord, match="course_2: the value stands there twice"):
        check_record(parsed(), {"no": "1", "courses": items[:2]}, TODAY)
    rooms = [{"course": "Logic", "room": "1"}, {"course": "Logic", "room": "2"}]  # which no credential says
    with pytest.raises(InvalidRecord, match="course_2: the value stands there twice"):
        check_record(parsed(), {"no": "1", "courses": rooms}, TODAY)


def group(**members: Any) -> dict[str, Any]:
    return {**FIELDS, "courses": {**FIELDS["courses"], **members}}


def inner(**members: Any) -> dict[str, Any]:
    return group(fields={"course": {"type": "text", "iri": "urn:x:c", **members}})


@pytest.mark.parametrize(
    ("fields", "members", "reason"),
    [
        (group(fields={}), {}, "fields.courses: a group has 1 to 50 fields"),
        (group(fields={f"f{n}": {"type": "text"} for n in range(51)}), {}, "a group has 1 to 50 fields"),
        (
            {
                **FIELDS,
                **{f"g{n}": {"type": "group", "fields": {f"f{n}": {"type": "text"}}} for n in "abcdefghi"},
            },
            {},
            "over 10 groups",
        ),
        (group(pattern="x"), {}, "fields.courses: a group has no pattern, its fields have"),
        (group(headings=["x"]), {}, "fields.courses: a group has no headings"),
        ({**FIELDS, "name": {"type": "text", "ordered": True}}, {}, "fields.name: only a group has ordered"),
        (
            inner(type="group", fields={"x": {"type": "text"}}),
            {},
            "fields.course: in a group there is no fields",
        ),
        (inner(type="group"), {}, "in a group there is no group"),
        (inner(source={"constant": "x"}), {}, "in a group there is no source"),
        (inner(worded="no"), {}, "in a group there is no worded"),
        (inner(headings=["Name"]), {}, "name and course have the same heading"),
        (group(fields={"name": {"type": "text"}}), {}, "fields.courses.fields.name: the name stands for"),
        (group(fields={"prize": {"type": "text"}}), {}, "fields.prizes.fields.prize: the name stands for"),
        ({**FIELDS, "course_1": {"type": "text"}}, {}, "course_1 is course of an item of a group, too"),
        (FIELDS, {"sentence": {"en": ["{issuer}", " {courses}"]}}, "courses is a group, which is no text"),
        (FIELDS, {"title": "{courses}"}, "the group courses stands in a text"),
        (FIELDS, {"number": "courses"}, "courses is a group, which is no text"),
        (FIELDS, {"person": {"name": "course"}}, "names 'course', and has no such field"),
    ],
)
def test_a_group_that_could_mean_two_things_is_refused(
    fields: dict[str, Any], members: dict[str, Any], reason: str
) -> None:
    with raises(INVALID_KIND, match=reason):
        parsed(fields, **members)


def test_a_set_that_a_template_makes_a_list_is_refused() -> None:
    listed = deepcopy(TEMPLATE)
    listed["@context"][1]["results"] = {"@id": f"{VOCABULARY}results", "@container": "@list"}  # type: ignore[index]
    with raises(INVALID_KIND, match=r"fields\.courses: the template puts its items in order"):
        prove_kind(parsed(template=listed))


def test_an_edited_template_makes_no_groups_of_its_own() -> None:
    diploma = shipped()
    edited = json.loads(diploma.template.text)
    edited["credentialSubject"]["result"].append({"$each": "courses", "value": "{course}"})
    with pytest.raises(Malformed, match="has \\$each 'courses', which is no group of diploma"):
        trial(diploma.with_template(Template(json.dumps(edited).encode())))


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ({"$each": "lessons", "name": "{course}"}, "lessons is no group"),
        ({"$each": "courses", "name": "{prize}"}, "an item of courses has no field"),
        ({"$each": "courses", "name": "{no}"}, "an item of courses has no field"),
        (
            {"$each": "courses", "id": "{item_id}"},
            "the items of an ordered group alone have {item_id}: courses",
        ),
        ({"$each": 7, "name": "{course}"}, "the name of a group is expected"),
        ({"$each": "courses", "in": [{"$each": "prizes", "name": "{prize}"}]}, "has no group in it"),
        ({"name": "{courses_hash}"}, "the group courses stands in a text"),
    ],
)
def test_a_template_that_makes_no_items_is_refused(result: Any, problem: str) -> None:
    template = {**TEMPLATE, "credentialSubject": {"identifier": "{no}", "results": [result]}}
    with pytest.raises(Malformed, match=problem):
        parsed(template=template)


def mixed_up(items: list[dict[str, Any]]) -> None:
    items[0]["course"], items[-1]["course"] = items[-1]["course"], items[0]["course"]


def lost(items: list[dict[str, Any]]) -> None:
    items[-1]["course"] = "Logic"


def from_the_first(items: list[dict[str, Any]]) -> None:
    for item in items:
        item["course"] = items[0]["course"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (mixed_up, r"it also changes credentialSubject/courses/0/course"),
        (
            lost,
            r"does not change credentialSubject/courses/1/course",
        ),
        (from_the_first, r"does not change credentialSubject/courses/1/course"),
    ],
)
def test_a_fault_between_items_is_found(fault: Callable[[list[dict[str, Any]]], None], reason: str) -> None:
    kind = parsed(ordered())
    composer = trial(kind)

    def compose(record: Record) -> dict[str, Any]:
        made = deepcopy(composer.compose(record, 0))
        if items := made["credentialSubject"].get("courses"):
            fault(items)
        return made

    prove_kind(kind, compose=lambda record: composer.compose(record, 0))
    with raises(INVALID_KIND, match=reason):
        prove_kind(kind, compose=compose)


@pytest.mark.parametrize("is_required", [False, True])
def test_whoever_has_no_items_lacks_nothing_that_is_mandatory(is_required: bool) -> None:
    claims = metadata_of(parsed(group(required=is_required)))["claims"]
    mandatory = {
        claim["path"][-1] for claim in claims if claim["path"][0] == "courses" and claim["mandatory"]
    }
    assert mandatory == ({"courses", "course"} if is_required else set())


def test_wallets_are_told_of_the_claims_of_items() -> None:
    kind = parsed(group(disclosure="never"))
    metadata = {json.dumps(claim["path"]): claim["sd"] for claim in metadata_of(kind)["claims"]}
    assert metadata['["courses"]'] == "never"
    assert metadata['["courses", null, "course"]'] == "allowed"
    assert '["courses", null, "room"]' not in metadata  # which no credential says
    (said,) = configuration(kind)["credential_configurations_supported"].values()
    claims = [claim["path"] for claim in said["credential_metadata"]["claims"]]
    assert ["credentialSubject", "courses"] in claims
    assert ["credentialSubject", "courses", None, "course"] in claims
    assert not [path for path in claims if path[-1] == "room"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (inner(example="Logic", personal=True), {"display"}),
        (inner(labels={"en": "course"}), {"display"}),
        (inner(check="iban"), {"breaking"}),
        (inner(disclosure="never"), {"breaking"}),
        (inner(required=True), {"breaking"}),
        (group(fields={**inner()["courses"]["fields"], "more": {"type": "text"}}), {"compatible"}),
        (
            group(fields={**inner()["courses"]["fields"], "more": {"type": "text", "required": True}}),
            {"breaking"},
        ),
        (group(fields=inner()["courses"]["fields"], ordered=True), {"breaking"}),
    ],
)
def test_what_another_version_changes_of_items_has_its_level(
    fields: dict[str, Any], expected: set[str]
) -> None:
    found = differences(parsed(inner()), parsed(fields))
    assert {each.level for each in found} == expected
    assert all(each.place.startswith("fields.courses.") for each in found)
