"""A version of a kind is for ever: what it is kept with, and what another version changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, cast

import pytest

from issuer.identity.creation import create_home
from issuer.identity.description import Description
from issuer.identity.home import Identity, kind_folder
from issuer.identity.kind import Kinds, read_kind
from issuer.problem import ANOTHER_KIND
from kinds import Kind, shipped
from kinds.compiling import compiled_files, with_compiled
from kinds.diff import Difference, differences, level
from kinds.kind import COMPILED, METADATA, SCHEMA
from kinds.metadata import metadata_of
from kinds.parsing import parse_kind
from kinds.schema import for_claims, schema_of
from kinds.shipped import SHIPPED, diploma_1
from tests.commandline import Program
from tests.problems import raises
from tests.world import issuer_in

PINNED = {
    "diploma": "2:236e7347d0da7cb96046147e0220f3d9b7f451934214fc9922c28bb2ac3b4c04",
    "resident": "1:b6f210125a056558c9e2850b4c031d4c9589bc933d6f49d3da00d73aa648dcdb",
    "certificate": "1:5a540b8d244f33354248323c6e9a78a625fa4d8605edd925bbe59246a25a6e74",
}
"""The digests of the versions that credentials name. A kind that is changed gets a new version."""
CARD: dict[str, Any] = {
    "name": "card",
    "version": "1",
    "nouns": {"en": ["card", "cards"], "zh": ["卡", "卡"]},
    "types": {"CardCredential": "https://example.org/v#CardCredential"},
    "number": "no",
    "fields": {
        "no": {"type": "text", "required": True, "iri": "https://example.org/v#no", "labels": {"zh": "编号"}},
        "level": {"type": "text", "iri": "https://example.org/v#level"},
        "born": {"type": "date"},
    },
}


def kind_of(document: dict[str, Any] = CARD, **files: bytes) -> Kind:
    return parse_kind({"kind.json": json.dumps(document).encode(), **files})


@pytest.mark.parametrize("name", PINNED)
def test_what_is_shipped_has_the_files_that_follow_from_it(name: str) -> None:
    kind = shipped(name)
    made = compiled_files(parse_kind(kind.sources))
    assert made == {path: kind.files[path] for path in COMPILED}, "write them, and raise the version"


@pytest.mark.parametrize("kind", [*map(shipped, SHIPPED), diploma_1()], ids=[*SHIPPED, "diploma-1"])
def test_what_is_shipped_passes_each_refusal_that_a_start_leaves_out(kind: Kind) -> None:
    """A program that starts reads it without them."""
    read = parse_kind(kind.files)
    assert (read.digest, read.fields.keys()) == (kind.digest, kind.fields.keys())


def test_a_shipped_version_never_changes() -> None:
    named = [kind for kind in map(shipped, SHIPPED) if kind.is_named]
    assert {kind.name: f"{kind.version}:{kind.digest}" for kind in named} == PINNED


def test_the_digest_is_over_what_was_compiled_which_does_not_say_it() -> None:
    kind = with_compiled(kind_of())
    for path in COMPILED:
        other = parse_kind({**kind.files, path: kind.files[path] + b" "})
        assert other.digest != kind.digest
        assert kind.digest not in kind.files[path].decode()
    assert with_compiled(kind) is kind


def test_type_metadata_says_what_the_kind_does() -> None:
    assert metadata_of(kind_of()) == {
        "vct": "https://example.org/v#CardCredential",
        "name": "card",
        "display": [{"locale": "en", "name": "card"}, {"locale": "zh", "name": "卡"}],
        "claims": [
            {
                "path": ["no"],
                "display": [{"locale": "zh", "label": "编号"}],
                "mandatory": True,
                "sd": "allowed",
            },
            {"path": ["level"], "mandatory": False, "sd": "allowed"},
        ],
    }
    without_type = {name: member for name, member in CARD.items() if name != "types"}
    assert metadata_of(kind_of(without_type))["vct"] == "urn:intaglio:kind:card:1"


def test_an_explanation_is_told_in_its_language() -> None:
    about = {"en": "Printed above the barcode.", "zh": "印在条形码上方。"}
    field = {**CARD["fields"]["no"], "labels": {"en": "number", "zh": "编号", "de": "Nummer"}}
    fields = {**CARD["fields"], "no": {**field, "explanations": about}}
    kind = kind_of({**CARD, "fields": fields})
    assert metadata_of(kind)["claims"][0]["display"] == [
        {"locale": "en", "label": "number", "description": about["en"]},
        {"locale": "zh", "label": "编号", "description": about["zh"]},
        {"locale": "de", "label": "Nummer"},
    ]
    said = schema_of(kind)["properties"]["credentialSubject"]["properties"]["no"]
    assert (said["title"], said["description"]) == ("number", about["en"])
    for_claims(with_compiled(kind))  # a verifier reads a schema with it


def test_what_was_never_held_against_a_pattern_is_not_by_the_schema() -> None:
    """A name that is made of its parts, and a degree in the words that stood for its code."""
    fields = {
        **CARD["fields"],
        "name": {"type": "text", "pattern": "[A-Z]+", "iri": "urn:x:name"},
        "given": {"type": "text"},
        "family": {"type": "text"},
        "code": {"type": "code", "pattern": "[a-z]"},
        "word": {"type": "text", "pattern": "[a-z]", "worded": "code", "iri": "urn:x:word"},
    }
    person = {"name": "name", "given": "given", "family": "family"}
    schema = schema_of(kind_of({**CARD, "fields": fields, "person": person}))
    subject = schema["properties"]["credentialSubject"]["properties"]
    assert subject["name"] == subject["word"] == {"type": "string"}
    schema = schema_of(kind_of({**CARD, "fields": fields, "person": {"name": "name"}}))
    assert "pattern" in schema["properties"]["credentialSubject"]["properties"]["name"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "card"
    folder.mkdir()
    (folder / "kind.json").write_text(json.dumps(CARD))
    return folder


def test_what_was_kept_is_never_compiled_again(tmp_path: Path, folder: Path) -> None:
    """Another version of the program compiled other files of the same kind."""
    home, now = tmp_path / "home", read_kind(folder)
    kept = parse_kind({**now.files, SCHEMA: b'{"$comment": "of an earlier version"}'})
    issuer_in(home, kind=kept)
    assert now.reference != kept.reference
    assert issuer_in(home, kind=now).kinds.references == [kept.reference]
    folder_kept = home / kind_folder(str(kept.reference))
    assert {path: (folder_kept / path).read_bytes() for path in kept.files} == kept.files
    (folder / "kind.json").write_text(json.dumps({**CARD, "title": "x"}))
    with raises(ANOTHER_KIND, match="issues another card 1"):
        issuer_in(home, kind=read_kind(folder))


def test_a_kind_is_compiled_before_an_issuer_is_made_with_it(tmp_path: Path) -> None:
    create_home(tmp_path, Description("U", kind=kind_of()), lambda: None)
    assert Kinds(tmp_path).newest().files.keys() >= {*COMPILED}


def test_what_was_compiled_of_an_earlier_edit_is_not_read(tmp_path: Path, folder: Path) -> None:
    """Whoever goes on from the files that an issuer keeps edits `kind.json` alone."""
    issuer_in(tmp_path / "home", kind=read_kind(folder))
    shutil.copytree(tmp_path / "home" / "kinds" / "card-1", folder, dirs_exist_ok=True)
    assert Identity.read(tmp_path / "home").kinds == (read_kind(folder).reference,)
    (folder / "kind.json").write_text(json.dumps({**CARD, "version": "2", "types": {}}))
    assert json.loads(read_kind(folder).files[METADATA])["vct"] == "urn:intaglio:kind:card:2"
    assert read_kind(folder).files[SCHEMA] == with_compiled(kind_of({**CARD, "types": {}})).files[SCHEMA]


# What another version changes


TABLE = b"value,synonyms\nGold,golden\nSilver,\n"
FULL: dict[str, Any] = {
    **CARD,
    "title": "Card",
    "sentence": {"en": ["{issuer} issued a card"]},
    "person": {"name": "name", "half_headings": ["nom"]},
    "valid_from": "born",
    "rules": [{"before": "born", "after": "left", "refusal": "is too late"}],
    "fields": {
        **CARD["fields"],
        "name": {"type": "text", "pattern": "[A-Z]+", "refusal": "is no name", "headings": ["who"]},
        "born": {"type": "date", "earliest": "1900-01-01", "years_ahead": 1},
        "left": {"type": "date"},
        "tier": {"type": "code", "table": "tier"},
        "adult": {"type": "boolean", "reached": {"day": "born", "years": 18}},
    },
}
LEFT_OUT: Any = object()


def changed(place: str, value: Any) -> dict[str, Any]:
    document = json.loads(json.dumps(FULL))
    *above, last = place.split(".")
    inner = document
    for name in above:
        inner = inner[name]
    if value is LEFT_OUT:
        del inner[last]
    else:
        inner[last] = value
    return cast("dict[str, Any]", document)


def version_of(document: dict[str, Any], table: bytes = TABLE, **files: bytes) -> Kind:
    given = {"kind.json": json.dumps(document).encode(), "tables/tier.csv": table}
    return parse_kind({**given, **{path.replace("_", "."): data for path, data in files.items()}})


BEFORE = version_of(FULL)


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("place", "value", "expected", "what"),
    [
        ("nouns.en", ["pass", "passes"], "display", "changed"),
        ("sentence", {}, "display", "changed"),
        ("title", "Pass", "display", "changed"),
        ("person.half_headings", LEFT_OUT, "display", "changed"),
        ("fields.level.labels", {"en": "Level"}, "display", "changed"),
        ("fields.no.explanations", {"zh": "卡上的编号"}, "display", "changed"),
        ("fields.name.headings", ["name", "whose"], "display", "changed"),
        ("fields.name.refusal", "is none", "display", "changed"),
        ("fields.extra", {"type": "text"}, "compatible", "new"),
        ("fields.extra", {"type": "text", "iri": "urn:x:y"}, "compatible", "new"),
        ("fields.name.pattern", LEFT_OUT, "compatible", "wider"),
        ("fields.born.earliest", "1800-01-01", "compatible", "wider"),
        ("fields.born.earliest", LEFT_OUT, "compatible", "wider"),
        ("fields.born.years_ahead", 2, "compatible", "wider"),
        ("fields.born.years_ahead", LEFT_OUT, "compatible", "wider"),
        ("fields.extra", {"type": "text", "required": True}, "breaking", "new, and required"),
        ("fields.level", LEFT_OUT, "breaking", "removed"),
        ("fields.level.required", True, "breaking", "changed"),
        ("fields.no.iri", "urn:x:no", "breaking", "changed"),
        ("fields.level.type", "url", "breaking", "changed"),
        ("fields.level.pattern", "[a-z]", "breaking", "narrower, or another"),
        ("fields.name.pattern", "[A-Za-z]+", "breaking", "narrower, or another"),
        ("fields.born.earliest", "1950-01-01", "breaking", "narrower, or another"),
        ("fields.left.earliest", "1950-01-01", "breaking", "narrower, or another"),
        ("fields.born.years_ahead", 0, "breaking", "narrower, or another"),
        ("fields.left.years_ahead", 5, "breaking", "narrower, or another"),
        ("fields.adult.reached.years", 21, "breaking", "changed"),
        ("person.name", "level", "breaking", "changed"),
        ("types.CardCredential", "urn:x:Card", "breaking", "changed"),
        ("subject_types", {"Person": "https://schema.org/Person"}, "breaking", "changed"),
        ("valid_from", LEFT_OUT, "breaking", "changed"),
        ("rules", [], "breaking", "changed"),
        ("name", "pass", "breaking", "changed"),
        ("named", False, "breaking", "removed"),
    ],
)
def test_a_change_is_of_a_level(place: str, value: Any, expected: str, what: str) -> None:
    document = changed(place, value)
    if place == "rules":
        del document["valid_from"]
    found = differences(BEFORE, version_of(document))
    parts = place.split(".")
    named = ".".join(parts[: 3 if parts[0] == "fields" else 2 if parts[0] == "person" else 1])
    assert Difference(named, expected, what) in found
    assert level(found) == expected


def test_another_number_is_breaking() -> None:
    fields = {**FULL["fields"], "level": {**FULL["fields"]["level"], "required": True}}
    before, after = ({**FULL, "fields": fields, "number": number} for number in ("no", "level"))
    assert differences(version_of(before), version_of(after)) == [Difference("number", "breaking", "changed")]


@pytest.mark.parametrize(
    ("table", "expected", "what"),
    [
        (TABLE + b"Bronze,\n", "compatible", "also Bronze"),
        (b"value,synonyms\nGold,golden\n", "breaking", "without Silver"),
        (b"value,synonyms\nGold,\nSilver,grey\n", "display", "other synonyms"),
        (b"value,synonyms\nGold,\nSilver,golden\n", "breaking", "golden is another code"),
    ],
)
def test_codes_may_be_more_and_not_fewer(table: bytes, expected: str, what: str) -> None:
    found = differences(BEFORE, version_of(FULL, table))
    assert (found, level(found)) == ([Difference("fields.tier.table", expected, what)], expected)


def test_what_says_the_same_is_no_change() -> None:
    """A number of its own, members that say nothing, and what was compiled."""
    document = {**FULL, "version": "2", "named": True, "identifiers": {}, "issuer_type": ""}
    document["fields"] = {
        name: {"required": False, "labels": {}, **field} for name, field in FULL["fields"].items()
    }
    found = differences(BEFORE, with_compiled(version_of(document)))
    assert (found, level(found)) == ([], "same")


def test_the_order_of_fields_is_how_they_are_shown() -> None:
    document = {**FULL, "fields": dict(reversed(FULL["fields"].items()))}
    assert differences(BEFORE, version_of(document)) == [Difference("fields", "display", "in another order")]


def test_a_template_that_says_something_else_is_breaking() -> None:
    before = {"type": ["VerifiableCredential"], "credentialSubject": {"no": "{no}"}}
    texts = [json.dumps(each).encode() for each in (before, {**before, "name": "Card"})]
    first, second = (version_of(FULL, template_json=text) for text in texts)
    spaced = version_of(FULL, template_json=b" " + texts[0])
    assert differences(first, spaced) == []
    assert differences(first, second) == [Difference("template.json", "breaking", "changed")]


def test_the_least_comes_first() -> None:
    document = changed("fields.level", LEFT_OUT) | {"title": "x", "version": "2"}
    document["fields"]["extra"] = {"type": "text"}
    levels = [change.level for change in differences(BEFORE, version_of(document))]
    assert levels == ["display", "compatible", "breaking"]


def test_the_command_says_what_another_version_changes(program: Program, folder: Path) -> None:
    later = folder.with_name("later")
    later.mkdir()
    fields = {**CARD["fields"], "extra": {"type": "text"}}
    (later / "kind.json").write_text(json.dumps({**CARD, "version": "2", "fields": fields}))
    answer = program("kind", "diff", folder, later)
    assert (answer.code, answer.out) == (
        0,
        "card 1 and card 2: compatible\n  compatible  fields.extra: new\n",
    )
    said = json.loads(program("kind", "diff", folder, later, "--json").out)
    assert said["result"] == "compatible"
    assert said["changes"] == [{"place": "fields.extra", "level": "compatible", "what": "new"}]
    assert [each["version"] for each in said["kinds"]] == ["1", "2"]
    assert program("kind", "diff", folder, folder).out == "card 1 and card 1: same\n"
