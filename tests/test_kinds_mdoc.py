"""Places in an ISO/IEC 18013-5 mdoc: what a kind may say of them, and what wallets are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kinds import Kind, shipped
from kinds.check import prove_kind
from kinds.diff import Difference, differences
from kinds.metadata import share_a_type
from kinds.openid4vci import configuration
from kinds.parsing import parse_kind
from kinds.places import mdoc_places
from kinds.problem import INVALID_KIND
from tests.commandline import Program
from tests.problems import raises

NAMESPACE = "org.example.card"
KEY = {"element": "grade"}


def at(element: str, namespace: str = NAMESPACE) -> dict[str, str]:
    return {"namespace": namespace, "element": element}


CARD: dict[str, Any] = {
    "name": "card",
    "version": "1",
    "nouns": {"en": ["card", "cards"], "zh": ["卡", "卡"]},
    "types": {"CardCredential": "urn:example:CardCredential"},
    "doctype": "org.example.card.1",
    "number": "no",
    "fields": {
        "no": {
            "type": "text",
            "required": True,
            "iri": "urn:example:no",
            "mdoc": at("document_number"),
            "labels": {"en": "number", "zh": "编号"},
        },
        "level": {"type": "text", "iri": "urn:example:level", "mdoc": at("level", "org.example.card.own")},
        "note": {"type": "text", "iri": "urn:example:note"},
        "marks": {
            "type": "group",
            "iri": "urn:example:marks",
            "mdoc": at("marks"),
            "fields": {
                "mark": {"type": "text", "required": True, "iri": "urn:example:mark", "mdoc": KEY},
                "room": {"type": "text", "iri": "urn:example:room"},
            },
        },
    },
}


def card(**change: Any) -> Kind:
    """The card with some members changed, or without those that are `None`."""
    return parse_kind({"kind.json": json.dumps(without_none({**CARD, **change})).encode()})


def fields(**change: Any) -> dict[str, Any]:
    """The fields with members of some changed."""
    return {
        name: without_none({**CARD["fields"].get(name, {}), **change.get(name, {})})
        for name in {**CARD["fields"], **change}
    }


def without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def mark(**change: Any) -> dict[str, Any]:
    inner = CARD["fields"]["marks"]["fields"]
    return fields(marks={"fields": {**inner, "mark": without_none({**inner["mark"], **change})}})


NOWHERE: dict[str, Any] = fields(**{name: {"mdoc": None} for name in ("no", "level", "marks")})
NOWHERE["marks"]["fields"] = mark(mdoc=None)["marks"]["fields"]


def test_each_field_has_a_place_in_the_mdoc_or_is_said_to_have_none(program: Program, tmp_path: Path) -> None:
    (tmp_path / "kind.json").write_text(json.dumps(CARD))
    prove_kind(card())
    told = json.loads(program("kind", "check", tmp_path, "--json").out)
    assert told["mdoc"] == {
        "no": f"{NAMESPACE}/document_number",
        "level": f"{NAMESPACE}.own/level",
        "marks": f"{NAMESPACE}/marks",
        "mark": f"{NAMESPACE}/marks/0/grade",
    }
    lines = {line.split()[0]: line for line in program("kind", "check", tmp_path).out.splitlines()[1:]}
    assert lines.keys() == told["places"].keys()
    for name, line in lines.items():
        assert line.endswith(f"; mdoc: {told['mdoc'][name]}" if name in told["mdoc"] else "(not in the mdoc)")
    assert "mdoc" not in program("kind", "check", "certificate").out, "which has none"


@pytest.mark.quick(every=2)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"doctype": None}, r"fields\.mark: a place in an mdoc needs a doctype"),
        ({"doctype": ""}, r"fields\.mark: a place in an mdoc needs a doctype"),
        ({"fields": NOWHERE}, "doctype: no field has a place in the mdoc"),
        ({"doctype": 1}, "'doctype' is missing or of another type"),
        (
            {"fields": fields(note={"mdoc": at("document_number")})},
            "no and note have the same place in an mdoc",
        ),
        ({"fields": fields(note={"mdoc": at("marks")})}, "note and marks have the same place in an mdoc"),
        (
            {
                "fields": fields(
                    marks={"fields": {**mark()["marks"]["fields"], "other": {"type": "text", "mdoc": KEY}}}
                )
            },
            "mark and other have the same place in an mdoc",
        ),
        ({"fields": fields(marks={"mdoc": None})}, r"fields\.marks: the group and a field of it"),
        ({"fields": mark(mdoc=None)}, r"fields\.marks: the group and a field of it"),
        ({"fields": fields(note={"mdoc": KEY})}, r"fields\.note\.mdoc: 'namespace' is missing"),
        ({"fields": fields(note={"mdoc": {"namespace": "a"}})}, r"fields\.note\.mdoc: 'element' is missing"),
        ({"fields": fields(note={"mdoc": at("")})}, r"fields\.note\.mdoc: a name is empty"),
        ({"fields": fields(note={"mdoc": at("a", "")})}, r"fields\.note\.mdoc: a name is empty"),
        ({"fields": fields(note={"mdoc": {**at("a"), "doctype": "b"}})}, "there is no member 'doctype'"),
        ({"fields": fields(note={"mdoc": "a/b"})}, "'mdoc' is missing or of another type"),
        ({"fields": mark(mdoc=at("grade"))}, r"fields\.mark\.mdoc: there is no member 'namespace'"),
    ],
)
def test_places_that_could_not_be_told_apart_or_found_are_refused(
    change: dict[str, Any], reason: str
) -> None:
    with raises(INVALID_KIND, match=reason):
        card(**change)


def test_doctype_and_places_are_compared_as_texts() -> None:
    """As ISO/IEC 18013-5 does, which knows no other spelling of a name."""
    other = card(fields=fields(note={"mdoc": at("Document_Number")}, level={"mdoc": at("level")}))
    assert mdoc_places(other)["note"] == (NAMESPACE, "Document_Number")
    own = {"name": "pass", "types": {"PassCredential": "urn:example:PassCredential"}}
    assert share_a_type(card(), card(**own))
    assert not share_a_type(card(), card(**own, doctype="org.example.Card.1"))
    bare = [card(doctype=None, fields=NOWHERE, **more) for more in ({}, own)]
    assert not share_a_type(*bare), "two kinds without a doctype have none in common"


def test_wallets_read_the_places_of_an_mdoc_beside_those_of_the_document() -> None:
    both = configuration(card())["credential_configurations_supported"]
    bare = card(doctype=None, fields=NOWHERE)
    assert configuration(bare)["credential_configurations_supported"] == {"card": both["card"]}
    assert both["card_mdoc"] == {
        "format": "mso_mdoc",
        "doctype": "org.example.card.1",
        "cryptographic_binding_methods_supported": ["cose_key"],
        "proof_types_supported": {"jwt": {"proof_signing_alg_values_supported": ["ES256"]}},
        "credential_signing_alg_values_supported": [-7, -9],
        "credential_metadata": {
            "display": [{"name": "Card", "locale": "en"}, {"name": "卡", "locale": "zh"}],
            "claims": [
                {
                    "path": [NAMESPACE, "document_number"],
                    "mandatory": True,
                    "display": [{"name": "number", "locale": "en"}, {"name": "编号", "locale": "zh"}],
                },
                {"path": [f"{NAMESPACE}.own", "level"]},
                {"path": [NAMESPACE, "marks"]},
                {"path": [NAMESPACE, "marks", None, "grade"]},  # not in each: the group may be absent
            ],
        },
    }
    marked = configuration(card(fields=fields(marks={"required": True})))
    always = {
        form: [claim["path"][-1] for claim in said["credential_metadata"]["claims"] if "mandatory" in claim]
        for form, said in marked["credential_configurations_supported"].items()
    }
    assert always == {"card": ["no", "marks", "mark"], "card_mdoc": ["document_number", "marks", "grade"]}


def test_it_has_the_members_of_the_specifications_example(corpora: Path) -> None:
    file = corpora / "samples" / "openid" / "OpenID4VCI-credential_metadata_mso_mdoc.json"
    (example,) = json.loads(file.read_bytes())["credential_configurations_supported"].values()
    ours = configuration(card())["credential_configurations_supported"]["card_mdoc"]
    # 12.2.4: with a binding there are proof types, which the example leaves out.
    assert ours.keys() == example.keys() | {"proof_types_supported"}
    for member in (
        "format",
        "cryptographic_binding_methods_supported",
        "credential_signing_alg_values_supported",
    ):
        assert ours[member] == example[member]


@pytest.mark.slow
def test_a_kind_is_drafted_from_the_configuration_of_an_mdoc(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("issuer.json").write_text(program("kind", "export", "resident", "--as", "openid4vci").out)
    made = program("kind", "new", "resident_mdoc", "--from", "issuer.json")
    assert (made.code, made.out) == (0, "resident_mdoc/kind.json\n")
    copy = parse_kind({"kind.json": Path("resident_mdoc/kind.json").read_bytes()})
    elements = {path[-1] for path in mdoc_places(shipped("resident")).values()}
    assert copy.fields.keys() == elements - {"expiry_date"} | {"valid_until"}, "by a word that ships"
    assert copy.number == "personal_administrative_number"
    assert program("kind", "check", "resident_mdoc").code == 0


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"doctype": None, "fields": NOWHERE}, {}, {
            ("doctype", "compatible"), ("fields.no.mdoc", "compatible"), ("fields.level.mdoc", "compatible"),
            ("fields.marks.mdoc", "compatible"), ("fields.marks.fields.mark.mdoc", "compatible"),
        }),
        ({}, {"doctype": "org.example.card.2"}, {("doctype", "breaking")}),
        ({}, {"fields": fields(note={"mdoc": at("note")})}, {("fields.note.mdoc", "compatible")}),
        ({}, {"fields": fields(level={"mdoc": None})}, {("fields.level.mdoc", "breaking")}),
        ({}, {"fields": fields(level={"mdoc": at("tier")})}, {("fields.level.mdoc", "breaking")}),
        ({"fields": fields(no={"mdoc": None})}, {}, {("fields.no.mdoc", "breaking")}),
        ({}, {"fields": mark(mdoc={"element": "mark"})}, {("fields.marks.fields.mark.mdoc", "breaking")}),
    ],
)  # fmt: skip
def test_what_another_version_changes_of_an_mdoc_has_its_level(
    before: dict[str, Any], after: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    found: list[Difference] = differences(card(**before), card(**after))
    assert {(each.place, each.level) for each in found} == expected
