"""Kinds as configurations of OpenID4VCI: what is written, what is read from the specification's examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.press.document import trial
from kinds.check import prove_kind
from kinds.draft import draft
from kinds.openid4vci import configuration, configuration_outline
from kinds.parsing import parse_kind
from kinds.records import check_record
from kinds.shipped import SHIPPED, shipped
from tests.commandline import Program
from tests.test_kinds_facts import Filled, filled
from tests.test_kinds_schema import documents
from tests.world import NOW
from wire.problem import Malformed


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def claims(name: str) -> list[dict[str, Any]]:
    said = configuration(shipped(name))["credential_configurations_supported"][name]
    described: list[dict[str, Any]] = said["credential_metadata"]["claims"]
    return described


def selected(document: Any, path: list[str | None]) -> list[Any]:
    """The processing of a claims path pointer, OpenID4VCI 1.0 C.1.1, but that nothing is no error."""
    elements = [document]
    for step in path:
        if step is None:
            assert all(isinstance(each, list) for each in elements)
            elements = [item for each in elements for item in each]
        else:
            assert all(isinstance(each, dict) for each in elements)
            elements = [each[step] for each in elements if step in each]
    return elements


@pytest.mark.parametrize("name", SHIPPED)
def test_each_claim_is_selected_in_what_is_issued_and_a_mandatory_one_in_each(name: str) -> None:
    described = claims(name)
    paths = [json.dumps(claim["path"]) for claim in described]
    assert len({*paths}) == len(paths)  # a repeated description ends a wallet's work (B.3)
    composed = [*documents(shipped(name)), trial(shipped(name)).compose({**shipped(name).sample}, 0)]
    for claim in described:
        counts = [len(selected(document, claim["path"])) for document in composed]
        assert counts[-1], claim
        assert not claim.get("mandatory") or all(counts), claim


@pytest.mark.slow
@given(filled())
def test_a_configuration_of_any_kind_selects_each_fact_where_it_is(example: Filled) -> None:
    kind = example.kind
    configurations = configuration(kind)["credential_configurations_supported"]
    assert configurations.keys() <= {kind.name, f"{kind.name}_sd_jwt"}
    described = configurations[kind.name]["credential_metadata"]["claims"]
    paths = {claim["path"][-1]: claim["path"] for claim in described}
    assert len(paths) == len(described)
    for row in example.rows:
        record = check_record(kind, row, NOW.date())
        document = trial(kind).compose(record, 0)
        for name, path in paths.items():
            if name in kind.fields:  # else a date of the whole
                assert selected(document, path) == ([] if record[name] == "" else [record[name]])
    assert {name for name, field in kind.fields.items() if field.iri} <= paths.keys()


def test_a_configuration_names_format_types_and_labels_as_the_specification_does() -> None:
    said = configuration(shipped("resident"))["credential_configurations_supported"]["resident"]
    assert said["format"] == "ldp_vc"
    assert said["credential_definition"] == {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiableCredential", "ResidentCredential"],
    }
    assert {"name": "Proof of residence", "locale": "en"} in said["credential_metadata"]["display"]
    assert said["credential_metadata"]["claims"][0] == {
        "path": ["credentialSubject", "personal_administrative_number"],
        "mandatory": True,
        "display": [
            {"name": label, "locale": language}
            for language, label in shipped("resident").fields["personal_administrative_number"].labels.items()
        ],
    }


def test_what_hashes_stand_beside_has_no_label() -> None:
    """Of a diploma, one array has the name and hashed identifiers: no name fits all of its items."""
    (identity,) = [claim for claim in claims("diploma") if "identityHash" in claim["path"]]
    assert identity == {
        "path": ["credentialSubject", "identifier", None, "identityHash"],
        "mandatory": True,
    }


@pytest.mark.parametrize("name", ["resident", "certificate"])
def test_what_is_exported_is_read_again_as_the_same_fields(program: Program, name: str) -> None:
    Path("issuer.json").write_text(program("kind", "export", name, "--as", "openid4vci").out)
    Path("copy").mkdir()  # of two configurations, the name says which
    made = program("kind", "new", f"copy/{name}", "--from", "issuer.json")
    assert (made.code, made.out) == (0, f"copy/{name}/kind.json\n")
    kind, copy = shipped(name), parse_kind({"kind.json": Path(made.out.strip()).read_bytes()})
    described = {claim["path"][-1] for claim in claims(name)}
    dates = {"validFrom": "issued_on", "validUntil": "valid_until"}
    assert {dates.get(each, each) for each in described} == copy.fields.keys()
    assert copy.number == kind.number
    for each in described - dates.keys():
        assert copy.fields[each].required == kind.fields[each].required
        assert copy.fields[each].labels == kind.fields[each].labels
    assert copy.nouns["zh"][0] == kind.nouns["zh"][0]
    assert {*copy.terms} >= {*kind.terms} - {*kind.fields} - {"Person"}
    assert program("kind", "check", f"copy/{name}").code == 0


@pytest.mark.parametrize(
    ("file", "number", "fields"),
    [
        ("credential_metadata_ldp_vc", "number", {"given_name", "family_name", "degree", "gpa"}),
        ("credential_metadata_jwt_vc_json", "number", {"given_name", "family_name", "degree", "gpa"}),
        (
            "credential_metadata_mso_mdoc",
            "number",
            {"given_name", "family_name", "birth_date", "organ_donor"},
        ),
        (
            "credential_metadata_sd_jwt_vc",
            "number",
            {"given_name", "family_name", "email", "phone_number", "birth_date", "is_over_18", "is_over_21"},
        ),
        (
            "credential_issuer_metadata_sd_jwt_long",
            "number",
            {"given_name", "family_name", "email", "locality", "region", "phone_number"},
        ),
    ],
)
def test_the_examples_of_the_specification_become_kinds_that_work(
    corpora: Path, file: str, number: str, fields: set[str]
) -> None:
    document = json.loads((corpora / "samples" / "openid" / f"OpenID4VCI-{file}.json").read_bytes())
    kind = parse_kind({"kind.json": draft("card", configuration_outline(document, "card"))})
    prove_kind(kind)
    assert kind.number == number
    assert fields <= kind.fields.keys(), kind.fields.keys()
    assert "address" not in kind.fields  # its parts are the facts
    assert kind.person.parts == ("given_name", "family_name")


def configured(*described: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"format": "dc+sd-jwt", "vct": "urn:x", "credential_metadata": {"claims": [*described], **more}}


def test_two_claims_of_one_name_are_told_apart_by_what_they_stand_in() -> None:
    places: list[dict[str, Any]] = [
        {"path": ["birth", "country"]},
        {"path": ["address", None, "country"]},
        {"path": ["card_no"], "mandatory": True},
    ]
    outline = configuration_outline(configured(*places), "card")
    assert [column.heading for column in outline.columns] == ["birth country", "address country", "card_no"]
    assert parse_kind({"kind.json": draft("card", outline)}).number == "card_no"


def test_of_several_configurations_the_name_says_which(program: Program) -> None:
    both = {"eu.example-ID": configured({"path": ["a"]}), "b": configured({"path": ["b"]})}
    document = {"credential_configurations_supported": both}
    assert configuration_outline(document, "eu_example_id").columns[0].heading == "a"
    Path("metadata.json").write_text(json.dumps(document))
    refused = program("kind", "new", "card", "--from", "metadata.json")
    assert refused.code == 1
    assert "none is called card" in refused.err
    assert "Name the kind after one of them: b, eu_example_id." in refused.err
    assert not Path("card").exists()


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "no list of claims"),
        (configured(), "no list of claims"),
        ({"credential_metadata": []}, "credential_metadata is no object"),
        ({"credential_configurations_supported": []}, "credential_configurations_supported is no object"),
        ({"credential_configurations_supported": {"a": 1}}, "a is no object"),
        (configured({"path": []}), "has no path"),
        (configured({"path": [None, 1]}), "has no path"),
        (configured({"path": "a"}), "has no path"),
        (configured({"path": ["a"], "display": "b"}), "display is no object"),
        ({**configured({"path": ["a"]}), "credential_definition": 1}, "credential_definition is no object"),
    ],
)
def test_what_is_no_configuration_is_refused(document: dict[str, Any], reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        configuration_outline(document, "card")


WORDS = st.text(max_size=6) | st.sampled_from(
    ["id", "Type", "name", "Name", "birth_date", "validFrom", "card_no"]
)
DISPLAYS = st.lists(st.fixed_dictionaries({"name": WORDS}, optional={"locale": WORDS}), max_size=3)
STEPS = st.lists(WORDS | st.none() | st.integers(0, 3), max_size=3)
CLAIMS = st.fixed_dictionaries({"path": STEPS}, optional={"mandatory": st.booleans(), "display": DISPLAYS})


@given(st.lists(CLAIMS, max_size=6), DISPLAYS, st.lists(WORDS, max_size=3))
def test_any_claims_become_a_kind_that_works_or_are_refused(
    described: list[dict[str, Any]], titles: list[dict[str, str]], types: list[str]
) -> None:
    document = configured(*described, display=titles) | {"credential_definition": {"type": types}}
    try:
        outline = configuration_outline(document, "card")
    except Malformed:
        return
    kind = parse_kind({"kind.json": draft("card", outline)})
    prove_kind(kind)
    assert len(kind.fields) - len(outline.columns) in (0, 1)  # a number of its own, where none is one


def test_no_word_of_somebody_elses_file_becomes_a_placeholder_or_hides() -> None:
    display = [{"name": "a\u202eb", "locale": "en"}, {"name": "Karte", "locale": "de-DE"}]
    titles = [{"name": "{issuer} says all", "locale": "en"}, {"name": "Karte", "locale": "de"}]
    described = configured({"path": ["x\u202ey"], "display": display}, display=titles)
    kind = parse_kind({"kind.json": draft("card", configuration_outline(described, "card"))})
    prove_kind(kind)
    assert kind.nouns == {"en": ("card", "cards"), "de": ("Karte", "Karte")}
    assert [dict(kind.fields[name].labels) for name in kind.columns if name != kind.number] == [
        {"en": "x_y", "de": "Karte"}
    ]
