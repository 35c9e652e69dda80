"""A version of a kind is for ever: what it is kept with, and what another version changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from issuer.identity.creation import create_home
from issuer.identity.description import Description
from issuer.identity.home import Identity
from issuer.identity.kind import FOLDER, kind_in, read_kind
from issuer.problem import ANOTHER_KIND
from kinds import Kind, shipped
from kinds.compiling import compiled_files, with_compiled
from kinds.kind import COMPILED, METADATA, SCHEMA
from kinds.metadata import metadata_of
from kinds.parsing import parse_kind
from kinds.schema import schema_of
from kinds.shipped import SHIPPED
from tests.problems import raises
from tests.world import issuer_in

PINNED = {
    "resident": "1:5a4b4d8a7f4ae97ef80a7922eee63aeb81d3b1f571f872d85153d3daf040691e",
    "certificate": "1:296aaf71e2ef4710f2d4e04d9052839432aa59940193a0aa7c9c83105dc293cf",
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
    assert issuer_in(home, kind=now).kind.reference == kept.reference == Identity.read(home).kind
    assert {path: (home / FOLDER / path).read_bytes() for path in kept.files} == kept.files
    (folder / "kind.json").write_text(json.dumps({**CARD, "title": "x"}))
    with raises(ANOTHER_KIND, match="issues something else than card"):
        issuer_in(home, kind=read_kind(folder))


def test_a_kind_is_compiled_before_an_issuer_is_made_with_it(tmp_path: Path) -> None:
    create_home(tmp_path, Description("U", kind=kind_of()), lambda: None)
    assert kind_in(tmp_path).files.keys() >= {*COMPILED}


def test_what_was_compiled_of_an_earlier_edit_is_not_read(tmp_path: Path, folder: Path) -> None:
    """Whoever goes on from the files that an issuer keeps edits `kind.json` alone."""
    issuer_in(tmp_path / "home", kind=read_kind(folder))
    shutil.copytree(tmp_path / "home" / FOLDER, folder, dirs_exist_ok=True)
    assert read_kind(folder).reference == Identity.read(tmp_path / "home").kind
    (folder / "kind.json").write_text(json.dumps({**CARD, "version": "2", "types": {}}))
    assert json.loads(read_kind(folder).files[METADATA])["vct"] == "urn:intaglio:kind:card:2"
    assert read_kind(folder).files[SCHEMA] == with_compiled(kind_of({**CARD, "types": {}})).files[SCHEMA]
