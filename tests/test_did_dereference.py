"""DID URLs lead where DID Resolution 1.0 says (5.4), and its results say so to others (9 to 11)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from did import (
    DID_FEATURE_NOT_SUPPORTED,
    DID_NOT_FOUND,
    DID_REPRESENTATION_NOT_SUPPORTED,
    DID_RESOURCE_NOT_FOUND,
    INVALID_DID_URL,
    METHODS,
    Document,
    InvalidDIDDocument,
    Method,
    Resolution,
    Resolver,
    dereferencing_result,
    resolution_result,
)
from did.methods import key as did_key
from keys import PrivateKey
from tests.problems import raises
from wire.fetch import NoFetcher
from wire.problem import Problem, Raisable, Unavailable

DID = "did:example:123456789abcdefghi"
KEY: dict[str, Any] = {"id": f"{DID}#keys-1", "type": "Multikey", "controller": DID}
EMBEDDED: dict[str, Any] = {"id": "#keys-2", "type": "Multikey", "controller": DID}
FILES = {"id": f"{DID}#files", "type": "Files", "serviceEndpoint": "https://files.example/of/me?v=1"}
AGENT = {"id": "#agent", "type": ["Agent", "Inbox"], "serviceEndpoint": ["https://a.example/", {"x": 1}]}
MAIL = {"id": "#mail", "type": "Inbox", "serviceEndpoint": "mailto:me@example.org"}
MAP = {"id": "#map", "type": "Map", "serviceEndpoint": {"uri": "https://b.example/"}}
MARKED = {"id": "#marked", "type": "Marked", "serviceEndpoint": "https://c.example/#part"}
DOCUMENT = {
    "id": DID,
    "verificationMethod": [KEY],
    "authentication": [f"{DID}#keys-1", EMBEDDED],
    "service": [FILES, AGENT, MAIL, MAP, MARKED],
}
START = datetime(2024, 1, 1, tzinfo=UTC)


def version(number: int, **options: Any) -> Resolution:
    document = Document.parse({**DOCUMENT, "alsoKnownAs": [f"v{number}"]}, DID)
    return Resolution(document, f"{number}-Q", START + timedelta(days=number), **options)


def resolver(*versions: Resolution, document: dict[str, Any] | None = None) -> Resolver:
    document = document or DOCUMENT
    kept = {"kept": Method(lambda did, _: versions[-1].document, lambda did, _: versions)}
    example = kept["kept"] if versions else Method(lambda did, _: Document.parse(document, str(did)))
    return Resolver({"example": example}, NoFetcher())


def reduced(*services: dict[str, Any]) -> dict[str, Any]:
    return {**DOCUMENT, "service": list(services)}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("rest", "content"),
    [
        ("", DOCUMENT),
        ("#keys-1", KEY),
        ("#keys-2", EMBEDDED),
        ("#files", FILES),
        ("#agent", AGENT),
        ("?service=files", reduced(FILES)),
        ("?service=%23files", reduced(FILES)),
        (f"?service={DID}%23files", reduced(FILES)),
        ("?service=agent#agent", AGENT),
        ("?serviceType=Inbox", reduced(AGENT, MAIL)),
        ("?serviceType=Inbox&service=agent", reduced(AGENT)),
    ],
)
def test_where_a_did_url_leads(rest: str, content: dict[str, Any]) -> None:
    found = resolver().dereference(DID + rest)
    assert found.content == content
    assert found.content_type == "application/did"
    assert dereferencing_result(resolver(), DID + rest) == {
        "dereferencingMetadata": {"contentType": "application/did"},
        "content": content,
        "contentMetadata": {},
    }


@pytest.mark.parametrize(
    ("rest", "addresses"),
    [
        ("?service=files", ["https://files.example/of/me?v=1"]),
        (
            "?service=files&relativeRef=%2Fmyresume%2Fdoc%3Fversion%3Dlatest#intro",
            ["https://files.example/myresume/doc?version=latest#intro"],
        ),
        ("?service=files&relativeRef=cv+1.pdf", ["https://files.example/of/cv+1.pdf"]),
        ("?service=files&relativeRef=..%2F..%2F..%2Fcv", ["https://files.example/cv"]),
        ("?serviceType=Inbox", ["https://a.example/", "mailto:me@example.org"]),
        ("?service=marked", ["https://c.example/#part"]),
    ],
)
def test_addresses_of_services(rest: str, addresses: list[str]) -> None:
    found = resolver().dereference(DID + rest, accept="text/uri-list")
    assert found.content == tuple(addresses)
    assert found.content_type == "text/uri-list"


@pytest.mark.parametrize(
    ("rest", "accept", "kind"),
    [
        ("#keys-3", None, DID_RESOURCE_NOT_FOUND),
        ("#", None, DID_RESOURCE_NOT_FOUND),
        ("?service=files#agent", None, DID_RESOURCE_NOT_FOUND),
        ("?service=file", None, DID_RESOURCE_NOT_FOUND),
        ("?serviceType=files", None, DID_RESOURCE_NOT_FOUND),
        ("?service=map", "text/uri-list", DID_RESOURCE_NOT_FOUND),
        ("/path", None, DID_RESOURCE_NOT_FOUND),
        ("?relativeRef=%2F", None, DID_RESOURCE_NOT_FOUND),
        ("?service=files&transformKey=JsonWebKey", None, DID_RESOURCE_NOT_FOUND),
        ("?service=files", "text/html", DID_REPRESENTATION_NOT_SUPPORTED),
        ("#keys-1", "text/uri-list", DID_REPRESENTATION_NOT_SUPPORTED),
        ("?service=files&service=agent", None, INVALID_DID_URL),
        ("?service=%FF", None, INVALID_DID_URL),
        ("?service=files&relativeRef=%2F%2Fevil.example%2F", "text/uri-list", INVALID_DID_URL),
        ("?service=files&relativeRef=http:%2F%2Ffiles.example%2F", "text/uri-list", INVALID_DID_URL),
        ("?service=files&relativeRef=%2F%2F%5Bx", "text/uri-list", INVALID_DID_URL),
        ("?service=mail&relativeRef=%2Fx", "text/uri-list", INVALID_DID_URL),
        ("?service=marked#other", "text/uri-list", INVALID_DID_URL),
        ("?versionId=1", None, DID_FEATURE_NOT_SUPPORTED),
        ("?versionTime=2024-01-01T00:00:00Z", None, DID_FEATURE_NOT_SUPPORTED),
    ],
)
def test_where_nothing_is(rest: str, accept: str | None, kind: Raisable[Problem]) -> None:
    with raises(kind) as caught:
        resolver().dereference(DID + rest, accept=accept)
    assert caught.value.code == kind.code
    assert dereferencing_result(resolver(), DID + rest, accept=accept) == {
        "dereferencingMetadata": {
            "error": {"type": kind.type, "title": kind.title, "detail": caught.value.detail}
        },
        "content": None,
        "contentMetadata": {},
    }


def test_two_things_of_one_name_are_none() -> None:
    double = {**DOCUMENT, "service": [FILES, {**FILES, "type": "Other"}, {"id": "#keys-1", "type": "X"}]}
    for name in ("files", "keys-1"):
        with pytest.raises(InvalidDIDDocument):
            resolver(document=double).dereference(f"{DID}#{name}")
    twice = {**DOCUMENT, "authentication": [KEY]}
    assert resolver(document=twice).dereference(f"{DID}#keys-1").content == KEY


class TestVersions:
    @pytest.mark.parametrize(
        ("rest", "number"),
        [
            ("", 3),
            ("?versionId=1-Q", 1),
            ("?versionId=3-Q", 3),
            ("?versionTime=2024-01-02T00:00:00Z", 1),
            ("?versionTime=2024-01-03T23:59:59Z", 2),
            ("?versionTime=2030-01-01T00:00:00Z", 3),
        ],
    )
    def test_an_earlier_one_is_had_by_name_or_moment(self, rest: str, number: int) -> None:
        found = resolver(*map(version, (1, 2, 3))).dereference(DID + rest)
        assert isinstance(found.content, dict)
        assert found.content["alsoKnownAs"] == [f"v{number}"]
        assert found.resolution.metadata == {
            "versionId": f"{number}-Q",
            "updated": f"2024-01-0{number + 1}T00:00:00Z",
        }

    @pytest.mark.parametrize(
        ("rest", "kind"),
        [
            ("?versionId=4-Q", DID_NOT_FOUND),
            ("?versionTime=2024-01-01T23:59:59Z", DID_NOT_FOUND),
            ("?versionTime=2024-01-02", INVALID_DID_URL),
            ("?versionTime=2030-01-01T00:00:00%2B01:00", INVALID_DID_URL),
            ("?versionTime=2030-01-01T00:00:00.5Z", INVALID_DID_URL),
            ("?versionId=1-Q&versionTime=2024-01-02T00:00:00Z", INVALID_DID_URL),
        ],
    )
    def test_one_that_is_not_there(self, rest: str, kind: Raisable[Problem]) -> None:
        with raises(kind):
            resolver(*map(version, (1, 2, 3))).dereference(DID + rest)

    def test_a_did_that_was_given_up_has_no_document(self) -> None:
        ended = resolver(version(1), version(2, deactivated=True))
        assert [one.deactivated for one in ended.history(DID)] == [False, True]
        for rest in ("", "?versionId=1-Q"):
            assert "error" in dereferencing_result(ended, DID + rest)["dereferencingMetadata"]
        assert resolution_result(ended, DID) == {
            "didResolutionMetadata": {},
            "didDocument": None,
            "didDocumentMetadata": {"deactivated": True},
        }


class TestResults:
    def test_a_document(self) -> None:
        did = did_key.create(PrivateKey.generate("P-256").public_key)
        result = resolution_result(Resolver(METHODS, NoFetcher()), did)
        assert result["didDocument"]["id"] == did
        assert result["didResolutionMetadata"] == {"contentType": "application/did"}
        assert result["didDocumentMetadata"] == {}
        json.dumps(result)

    def test_a_controller_document(self) -> None:
        url = "https://uni.example/issuers/14"
        assert Resolution(Document.parse({"id": url}, url)).content_type == "application/cid"

    @pytest.mark.parametrize(
        ("did", "code"),
        [
            ("did:key:zTjsVPtY", "INVALID_PUBLIC_KEY_LENGTH"),
            ("did:key:-4:z6Mk", "INVALID_DID"),
            ("", "INVALID_DID"),
            ("did:example:1", "METHOD_NOT_SUPPORTED"),
            ("did:web:uni.example", "INTERNAL_ERROR"),  # nobody was asked: no type of its own
        ],
    )
    def test_an_error(self, did: str, code: str) -> None:
        result = resolution_result(Resolver(METHODS, NoFetcher()), did)
        error = result["didResolutionMetadata"]["error"]
        assert error["type"] == f"https://www.w3.org/ns/did#{code}"
        assert error.keys() == {"type", "title", "detail"}
        assert (result["didDocument"], result["didDocumentMetadata"]) == (None, {})

    def test_a_bug_is_no_result(self) -> None:
        def broken(did: Any, fetcher: Any) -> Document:
            raise TypeError

        with pytest.raises(TypeError):
            resolution_result(Resolver({"example": Method(broken)}, NoFetcher()), DID)
        assert Unavailable.type == "about:blank"
