"""The names of uses against those of standards without a program: contexts, a rulebook, a closed schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema_rs
import pytest

from examples.uses.folder import HERE, UseCase
from issuer.press.document import trial
from kinds.metadata import said_fields
from kinds.schema import schema_of
from tests.fuzz.oracles import by_pyld
from tests.test_uses import records
from vc.vcdm.jsonld import Documents

MODEL = "https://www.w3.org/ns/credentials/v2"
PACKAGES = Path(__file__).parent / "node_modules" / "@digitalbazaar"


class Published(NamedTuple):
    """The context of a vocabulary, of an npm package, and the namespaces of what a use takes from it."""

    use: str
    url: str
    file: Path
    namespaces: tuple[str, ...]


PUBLISHED = [
    Published(
        "driving-licence",
        "https://w3id.org/vdl/v1",
        PACKAGES / "vdl-context" / "contexts" / "vdl-v1.jsonld",
        ("https://w3id.org/vdl#",),
    ),
    Published(
        "residence-card",
        "https://w3id.org/citizenship/v2",
        PACKAGES / "citizenship-context" / "contexts" / "v2.jsonld",
        ("https://w3id.org/citizenship#", "https://schema.org/"),
    ),
]

_STATEMENT = re.compile(r'\S+ <(?P<property>[^>]+)> (?:<(?P<iri>[^>]+)>|"(?P<text>(?:[^"\\]|\\.)*)"|_)')


def said(document: dict[str, Any], documents: Documents) -> set[tuple[str, str]]:
    """Each property with its value as pyld reads the document: an IRI, a text, or empty for a blank node.

    The types of literals are left out: these contexts take days for moments, and say so in no word.
    """
    found = map(_STATEMENT.match, by_pyld(document, documents).splitlines())
    return {(each["property"], each["iri"] or each["text"] or "") for each in found if each}


def misread(document: dict[str, Any], published: Published) -> set[tuple[str, str]]:
    """What the document says in the vocabulary's words, and does not where the published context reads it."""
    documents = Documents({published.url: json.loads(published.file.read_text("utf-8"))})
    theirs = said({**document, "@context": [MODEL, published.url]}, documents)
    in_words = {
        (name, value)
        for name, value in said(document, documents)
        if name.startswith(published.namespaces) or value.startswith(published.namespaces)
    }
    # A group of ours is one piece of JSON there: its property is the same, and its value is no node.
    properties = {name for name, _ in theirs}
    return {(name, value) for name, value in in_words - theirs if value or name not in properties}


@pytest.mark.slow
@pytest.mark.parametrize("published", PUBLISHED, ids=lambda each: each.use)
def test_a_published_context_reads_the_names_of_a_use_as_the_use_does(published: Published) -> None:
    if not published.file.is_file():
        pytest.skip(f"no {published.file.parent.parent.name}: make peers")
    use = UseCase.read(HERE / published.use)
    for record in records(use):
        document = trial(use.kind).compose(record, 0)
        assert misread(document, published) == set()
    terms = [name for name, iri in terms_of(document).items() if iri.startswith(published.namespaces)]
    assert len(terms) > 10
    unsaid = [name for name in terms if not misread(respelt(document, name), published)]
    assert unsaid == [], "a name that the context does not have, or another IRI, would not be noticed"


def terms_of(document: Mapping[str, Any]) -> dict[str, str]:
    """The terms of the context that stands inline in a document, with their IRIs, as far as it uses them."""
    text = json.dumps({**document, "@context": []})
    inline: Mapping[str, Any] = document["@context"][1]
    iris = {name: term if isinstance(term, str) else term["@id"] for name, term in inline.items()}
    return {name: iri for name, iri in iris.items() if f'"{name}"' in text}


def respelt(document: dict[str, Any], term: str) -> dict[str, Any]:
    """The same document, in which a term has another name."""
    other: dict[str, Any] = json.loads(json.dumps(document).replace(f'"{term}"', f'"{term}X"'))
    return other


PID = {
    # Tables 1 and 3 of the annex of CIR (EU) 2024/2977, as chapters 2.2 and 2.4 of the PID rulebook have them
    **dict.fromkeys(("family_name", "given_name", "birth_date", "birth_place", "nationality"), True),
    **dict.fromkeys(("expiry_date", "issuing_authority", "issuing_country"), True),
    # chapters 2.3, 2.5 and 2.6
    **dict.fromkeys(
        (
            *("resident_address", "resident_country", "resident_state", "resident_city"),
            *("resident_postal_code", "resident_street", "resident_house_number"),
            *("personal_administrative_number", "portrait", "family_name_birth", "given_name_birth", "sex"),
            *("email_address", "mobile_phone_number", "document_number", "issuing_jurisdiction"),
            *("location_status", "issuance_date", "trust_anchor", "attestation_legal_category"),
        ),
        False,
    ),
}
"""The data identifiers of PID rulebook 1.4, and whether each PID has them."""


def strange(names: Mapping[str, bool]) -> set[str]:
    """The names that are no data identifiers, and those that each PID has and that may be missing."""
    return {name for name in names if name not in PID} | {
        name for name, is_mandatory in PID.items() if is_mandatory and not names.get(name)
    }


def test_a_resident_has_the_names_of_the_pid_rulebook_and_each_that_is_mandatory() -> None:
    kind = UseCase.read(HERE / "resident").kind
    names = {field.name: field.required or bool(field.constant) for field in said_fields(kind)}
    assert strange(names) == set()
    for name in names:
        spoilt = {f"{each}_x" if each == name else each: value for each, value in names.items()}
        assert strange(spoilt) >= {f"{name}_x"}
        assert strange({**names, name: False}) == ({name} if PID[name] else set())


def test_a_proof_of_age_says_whether_and_nothing_else_of_its_holder() -> None:
    use = UseCase.read(HERE / "age-over-18")
    schema = schema_of(use.kind)
    subject = {**schema["properties"]["credentialSubject"], "additionalProperties": False}
    closed = {**schema, "properties": {**schema["properties"], "credentialSubject": subject}}
    judge = jsonschema_rs.validator_for(closed)
    for record in records(use):
        document = trial(use.kind).compose(record, 0)
        assert judge.is_valid(document)
        text = json.dumps(document, ensure_ascii=False)
        assert [
            name for name in use.kind.fields if use.kind.fields[name].personal and record[name] in text
        ] == []
        for name in ("given_name", "birth_date", "name", "id"):
            told = {**document, "credentialSubject": {**document["credentialSubject"], name: "somebody"}}
            assert not judge.is_valid(told)
