from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.world import University
from vc import Credential, MalformedCredential, Presentation
from vc.forms import FORMS
from vc.reading import read
from wire import Malformed, TooLarge
from wire.work import Work

MINIMAL: dict[str, Any] = {
    "@context": ["https://www.w3.org/ns/credentials/v2"],
    "type": ["VerifiableCredential"],
    "issuer": "did:example:issuer",
    "credentialSubject": {"id": "did:example:subject"},
}
OLD: dict[str, Any] = {
    **MINIMAL,
    "@context": ["https://www.w3.org/2018/credentials/v1"],
    "issuanceDate": "2020-01-01T00:00:00Z",
}
SUBJECT = {"id": "did:example:subject"}
RESOURCE = {"id": "https://example.org/logo.png", "digestSRI": "sha256-" + "A" * 43 + "="}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "change",
    [
        {"id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33"},
        {"type": "VerifiableCredential"},
        {"issuer": {"id": "https://example.org", "name": "Example"}},
        {"credentialSubject": [SUBJECT, {"name": "no id"}]},
        {"validFrom": "9000-01-01T00:00:00Z"},
        {"validFrom": "2020-01-01T00:00:00Z", "validUntil": "2020-01-01T00:00:00Z"},
        {"name": "text", "description": {"@value": "Text", "@language": "de-AT", "@direction": "ltr"}},
        {"name": [{"@value": "a", "@language": "en"}, {"@value": "b", "@language": "fr"}]},
        {"credentialStatus": {"type": "A"}, "termsOfUse": [{"type": ["A", "B"]}]},
        {"credentialSchema": {"id": "https://example.org/schema", "type": "JsonSchema"}},
        {"relatedResource": [RESOURCE, {"id": "urn:x:y", "digestMultibase": "uAAAA"}]},
        {"@context": [*MINIMAL["@context"], {"term": "https://example.org/term"}]},
    ],
)
def test_accepts_what_the_data_model_allows(change: dict[str, Any]) -> None:
    credential = Credential.parse({**MINIMAL, **change})
    assert credential.version == "2.0"
    assert credential.document == {**MINIMAL, **change}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"@context": None}, "@context"),
        ({"@context": []}, "@context"),
        ({"@context": "https://www.w3.org/ns/credentials/v2"}, "@context"),
        ({"@context": ["https://example.org", "https://www.w3.org/ns/credentials/v2"]}, "@context"),
        ({"@context": [*MINIMAL["@context"], 7]}, "@context"),
        ({"@context": [*MINIMAL["@context"], "no url"]}, "@context"),
        ({"type": []}, "type"),
        ({"type": None}, "type"),
        ({"type": ["OpenBadgeCredential"]}, "type"),
        ({"type": ["VerifiableCredential", 1]}, "type"),
        ({"id": "no url"}, "id"),
        ({"id": ["urn:a:b"]}, "id"),
        ({"id": None}, "id"),
        ({"issuer": None}, "issuer"),
        ({"issuer": "no url"}, "issuer"),
        ({"issuer": {"name": "no id"}}, "issuer"),
        ({"issuer": ["did:example:issuer"]}, "issuer"),
        ({"issuer": {"id": "did:example:issuer", "name": 7}}, "issuer.name"),
        ({"credentialSubject": None}, "credentialSubject"),
        ({"credentialSubject": {}}, "credentialSubject"),
        ({"credentialSubject": []}, "credentialSubject"),
        ({"credentialSubject": [SUBJECT, {}]}, "credentialSubject"),
        ({"credentialSubject": "did:example:subject"}, "credentialSubject"),
        ({"credentialSubject": {"id": "no url"}}, "credentialSubject"),
        ({"validFrom": "2020-01-01"}, "validFrom"),
        ({"validUntil": 1}, "validUntil"),
        ({"validFrom": "2020-01-02T00:00:00Z", "validUntil": "2020-01-01T00:00:00Z"}, "validUntil"),
        ({"name": 7}, "name"),
        ({"name": {"@language": "en"}}, "name"),
        ({"name": {"@value": "a", "@language": "not a tag"}}, "name"),
        ({"name": {"@value": "a", "@direction": "up"}}, "name"),
        ({"description": {"@value": "a", "url": "x"}}, "description"),
        ({"credentialStatus": {"id": "urn:a:b"}}, "credentialStatus"),
        ({"credentialStatus": "urn:a:b"}, "credentialStatus"),
        ({"credentialStatus": {"type": "A", "id": 5}}, "credentialStatus"),
        ({"credentialSchema": {"type": "JsonSchema"}}, "credentialSchema"),
        ({"termsOfUse": [{}]}, "termsOfUse"),
        ({"refreshService": {"id": "urn:a:b"}}, "refreshService"),
        ({"evidence": {"type": []}}, "evidence"),
        ({"relatedResource": {"digestSRI": RESOURCE["digestSRI"]}}, "relatedResource"),
        ({"relatedResource": [RESOURCE, RESOURCE]}, "relatedResource"),
        ({"relatedResource": {"id": "urn:a:b"}}, "relatedResource"),
        ({"relatedResource": {"id": "urn:a:b", "digestSRI": "md5-AAAA"}}, "relatedResource"),
        ({"relatedResource": {"id": "urn:a:b", "digestMultibase": "AAAA"}}, "relatedResource"),
    ],
)
def test_names_the_member_that_breaks_the_data_model(change: dict[str, Any], where: str) -> None:
    with pytest.raises(Malformed, match=where):
        Credential.parse({**MINIMAL, **change})


@pytest.mark.parametrize("value", [None, [], {}, "text", 7])
def test_refuses_what_is_no_credential_at_all(value: object) -> None:
    with pytest.raises(MalformedCredential):
        Credential.parse(value)


@pytest.mark.parametrize("name", sorted(MINIMAL))
def test_every_required_member_is_missed(name: str) -> None:
    with pytest.raises(MalformedCredential, match=name):
        Credential.parse({key: value for key, value in MINIMAL.items() if key != name})


def test_version_1_1_is_read_for_verification() -> None:
    credential = Credential.parse({**OLD, "expirationDate": "2021-01-01T00:00:00Z"})
    assert credential.version == "1.1"
    assert credential.valid_from is not None
    assert credential.valid_until is not None
    with pytest.raises(MalformedCredential, match="issuanceDate"):
        Credential.parse({key: value for key, value in OLD.items() if key != "issuanceDate"})


def test_the_issuer_names_itself_only_with_a_text() -> None:
    named = {"id": "did:example:issuer", "name": "Example"}
    assert Credential.parse({**MINIMAL, "issuer": named}).issuer_name == "Example"
    assert Credential.parse(MINIMAL).issuer_name is None


def test_the_issuers_name_is_shown_in_the_language_that_was_chosen() -> None:
    english, german = ({"@value": text, "@language": tag} for text, tag in (("Town", "en"), ("Stadt", "de")))

    def chosen(value: dict[str, Any]) -> dict[str, Any]:
        return {**value, "issuer": {**value["issuer"], "name": german}} if "issuer" in value else value

    claims = Credential.parse({**MINIMAL, "issuer": {"id": MINIMAL["issuer"], "name": [english, german]}})
    assert claims.issuer_name == "Town"
    assert claims.reworded(chosen).issuer_name == "Stadt"


def test_a_presentation_checks_the_credentials_inside() -> None:
    presentation = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": "VerifiablePresentation",
        "holder": {"id": "did:example:holder"},
        "verifiableCredential": MINIMAL,
    }
    shown = read(presentation, FORMS, Work())
    assert shown.presentation
    assert shown.presentation.holder == "did:example:holder"
    assert [one.claims.issuer for one in shown.credentials] == ["did:example:issuer"]
    for change in (
        {"verifiableCredential": [{**MINIMAL, "issuer": None}]},
        {"verifiableCredential": ["a.b.c"]},
        {"verifiableCredential": [presentation]},
        {"holder": None},
        {"holder": {"name": "x"}},
        {"id": 3},
        {"type": "VerifiableCredential"},
    ):
        with pytest.raises(MalformedCredential):
            read({**presentation, **change}, FORMS, Work())
    with pytest.raises(TooLarge, match="more than 16"):
        Presentation.parse({**presentation, "verifiableCredential": [MINIMAL] * 17})


def test_the_specifications_examples_are_well_formed(corpora: Path) -> None:
    folder = corpora / "vectors/vc-data-model/schema/verifiable-credential"
    examples = sorted(folder.glob("example-*.json"))
    assert examples
    for example in examples:
        credential = Credential.parse(json.loads(example.read_bytes()))
        assert (credential.version, credential.types[0]) == ("2.0", "VerifiableCredential")
        assert credential.issuer.startswith("https://example.edu")


@pytest.mark.parametrize(
    ("name", "version", "issuer", "parts"),
    [
        ("complete", "2.0", "https://1edtech.edu/issuers/565049", (1, 1, 1)),
        ("simple", "2.0", "https://example.com/issuers/876543", (1, 0, 0)),
        ("simple-noproof", "1.1", "https://example.edu/issuers/565049", (1, 0, 0)),
    ],
)
def test_a_published_open_badge_is_well_formed(
    name: str, version: str, issuer: str, parts: tuple[int, int, int], corpora: Path
) -> None:
    document = json.loads((corpora / f"samples/ob3/{name}.json").read_bytes())
    credential = Credential.parse(document)
    assert credential.document == document
    assert (credential.version, credential.issuer) == (version, issuer)
    more = {"1EdTechCredentialRefresh"} if name == "complete" else set()  # of a service under the same id
    assert set(credential.types) == {"VerifiableCredential", "OpenBadgeCredential", *more}
    assert credential.valid_from is not None
    assert tuple(map(len, (credential.subjects, credential.status, credential.schemas))) == parts


@pytest.mark.parametrize(
    "change", [{}, {"identityType": ["name"]}, {"hashed": [False]}, {"identityHash": ["Ada Invented"]}]
)
def test_a_name_among_the_identifiers_may_be_a_list_of_one(change: dict[str, Any]) -> None:
    """As any member may, and then says the same."""
    document = University().diploma()
    (identifier,) = document["credentialSubject"]["identifier"]
    for identifiers in ([{**identifier, **change}], {**identifier, **change}):
        document["credentialSubject"]["identifier"] = identifiers
        assert Credential.parse(document).holder_name == "Ada Invented"


@pytest.mark.parametrize("change", [{"hashed": 0}, {"hashed": True}, {"identityType": "email"}])
def test_what_is_hashed_or_no_name_is_shown_as_none(change: dict[str, Any]) -> None:
    document = University().diploma()
    document["credentialSubject"]["identifier"][0].update(change)
    assert Credential.parse(document).holder_name == ""
