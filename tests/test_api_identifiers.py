"""`GET /1.0/identifiers/`: what the did-resolution and did-key suites of W3C ask, and what they do not."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from did import METHODS, Resolver
from intaglio.api.app import create_app
from tests.api import asked
from tests.world import NOW, University, verifier
from verifier.judge import Judge, Verifiers
from wire.fetch import NoFetcher
from wire.problem import Malformed, Unavailable

UNIVERSITY = University()
KEY = "did:key:z6MktKwz7Ge1Yxzr4JHavN33wiwa8y81QdcMRLXQsrH9T53b"
METHOD = f"{KEY}#z6MktKwz7Ge1Yxzr4JHavN33wiwa8y81QdcMRLXQsrH9T53b"
AGREEMENT = f"{KEY}#z6LSfHfAMAopsuBxaBzvp51GXrPf38Az13j2fmwqadbwwrzJ"
RESULT = "application/did-resolution"
DEREFERENCED = "application/did-url-dereferencing"
LEGACY = 'application/ld+json;profile="https://w3id.org/did-resolution"'
ERRORS = "https://www.w3.org/ns/did#"
SERVICES = {
    **UNIVERSITY.documents[0].document,
    "service": [
        {"id": "#files", "type": "Files", "serviceEndpoint": "https://files.example/of/"},
        {"id": "#odd", "type": "Odd", "serviceEndpoint": "https://files.example/\r\nSet-Cookie: a=b"},
    ],
}


class Host(NoFetcher):
    """The university's host, which has its document; every other host cannot be reached."""

    def fetch(self, url: str, **options: Any) -> bytes:
        if url == "https://university.example/.well-known/did.json":
            return json.dumps(SERVICES).encode()
        raise Unavailable(f"{url} was asked for")


@functools.cache
def service(resolves_any: bool) -> FastAPI:
    judges = Verifiers(verifier(UNIVERSITY.trust), verifier(UNIVERSITY.trust))
    resolver = Resolver(METHODS, Host())
    return create_app(Judge(lambda: judges), lambda: resolver, lambda: NOW, resolves_any=resolves_any)


def get(path: str, accept: str | None = RESULT, *, resolves_any: bool = False) -> httpx.Response:
    headers = {} if accept is None else {"Accept": accept}
    return asked(service(resolves_any), "GET", f"/1.0/identifiers/{path}", headers=headers)


def result(path: str, accept: str | None = RESULT) -> Mapping[str, Any]:
    found: Mapping[str, Any] = get(path, accept).json()
    return found


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("accept", [None, "*/*", RESULT, f"text/html, {RESULT};q=0.9, */*;q=0.1"])
@pytest.mark.parametrize("path", [KEY, quote(KEY, safe=""), KEY.replace(":", "%3a")])
def test_a_did_leads_to_its_result_as_it_is_and_percent_encoded(path: str, accept: str | None) -> None:
    answer = get(path, accept)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, RESULT)
    content = answer.json()
    assert content["didDocument"]["id"] == KEY
    assert content["didDocumentMetadata"] == {}
    # The suite wants the header to contain it; the specification, it to be the document's own media type.
    assert content["didResolutionMetadata"] == {"contentType": "application/did"}


@pytest.mark.parametrize(
    "media_type", ["application/did", "application/did+json", "application/did+ld+json", "application/json"]
)
def test_a_document_alone_is_had_in_its_media_types(media_type: str) -> None:
    answer = get(KEY, media_type)
    assert answer.headers["Content-Type"] == media_type
    assert answer.json()["id"] == KEY


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("", 400, "INVALID_DID"),
        ("not-a-did", 400, "INVALID_DID"),
        ("did:example", 400, "INVALID_DID"),
        ("https://university.example/", 400, "INVALID_DID"),
        ("did:key:-4:z6MktKwz7Ge1Yxzr4JHavN33wiwa8y81QdcMRLXQsrH9T53b", 400, "INVALID_DID"),
        ("%FF%FE", 400, "INVALID_DID"),
        ("did:key%0A", 400, "INVALID_DID"),
        ("did:web:" + "a" * 2048, 400, "INVALID_DID"),
        ("did:key:zTjsVPtY", 400, "INVALID_PUBLIC_KEY_LENGTH"),
        (f"{KEY}?publicKeyFormat=None", 501, "UNSUPPORTED_PUBLIC_KEY_TYPE"),
        (f"{KEY}?publicKeyFormat=Ed25519VerificationKey2018", 400, "INVALID_PUBLIC_KEY_TYPE"),
        ("did:unsupported:123456789abcdefghi", 501, "METHOD_NOT_SUPPORTED"),
        (f"{KEY}?versionId=1", 501, "FEATURE_NOT_SUPPORTED"),
        (f"{KEY}?expandRelativeUrls=true", 501, "FEATURE_NOT_SUPPORTED"),
        (f"{KEY}?versionId=1&versionTime=2025-10-07T14:30:00Z", 400, "INVALID_OPTIONS"),
        (f"{KEY}?service=a&service=b", 400, "INVALID_OPTIONS"),
        (f"{KEY}?enableExperimentalPublicKeyTypes=yes", 400, "INVALID_OPTIONS"),
        *(
            (f"{KEY}?versionTime={quote(moment)}", 400, "INVALID_OPTIONS")
            for moment in (
                "2025-10-07 12:30:45",
                "2025/10/07T12:30:45",
                "2025-13-07T12:30:45Z",
                "2025-10-32T12:30:45",
                "2025-10-07T12:30:60",
                "2025-10-07T12:30:45+24:00",
                "2025-10-07T12:30:45abc",
                "2025-10-07",
                "T12:30:45",
                "2025-10-07T00:00:00+02:00",
                "2025-10-07T00:00:00",
                "2025-10-07T00:00:00.123Z",
            )
        ),
        *(
            (f"{KEY}?{name}={quote(text)}", 400, "INVALID_OPTIONS")
            for name in ("accept", "service", "serviceType", "relativeRef", "versionId", "versionTime", "hl")
            for text in ("🔥", "Привет", "foo\u200bbar")
        ),
        *(
            (f"{KEY}?relativeRef={quote(text)}", 400, "INVALID_OPTIONS")
            for text in ("my path/file", "file#section", "dir/with?query=value")
        ),
    ],
)
def test_what_is_wrong_has_its_type_and_status(path: str, status: int, error: str) -> None:
    answer = get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, RESULT)
    content = answer.json()
    assert content["didResolutionMetadata"]["error"]["type"] == ERRORS + error
    assert (content["didDocument"], content["didDocumentMetadata"]) == (None, {})


@pytest.mark.parametrize(
    "query",
    ["service=linkedDomain", "relativeRef=my%2520path/file", "versionTime=2025-10-07T14:30:00Z", "other=1"],
)
def test_options_that_a_method_does_not_have_change_nothing(query: str) -> None:
    assert result(f"{KEY}?{query}") == result(KEY)


def test_the_options_of_did_key_reach_it() -> None:
    query = "publicKeyFormat=Ed25519VerificationKey2018&enableExperimentalPublicKeyTypes=true"
    for further in ("", "&versionTime=2025-10-07T14:30:00Z"):
        method, *_ = result(f"{KEY}?{query}{further}")["didDocument"]["verificationMethod"]
        assert method["type"] == "Ed25519VerificationKey2018"


@pytest.mark.parametrize("accept", ["application/x-none", "text/html", f"{RESULT};q=0", "", ","])
def test_no_other_media_type_is_had(accept: str) -> None:
    answer = get(KEY, accept)
    assert answer.status_code == 406
    assert answer.json()["didResolutionMetadata"]["error"]["type"] == f"{ERRORS}REPRESENTATION_NOT_SUPPORTED"


def test_a_trust_list_that_cannot_be_read_is_the_service_s_affair(logged: io.StringIO) -> None:
    def unreadable() -> Verifiers:
        raise Malformed("/home/registry/trust.json, line 3")

    app = create_app(Judge(unreadable), lambda: Resolver(METHODS, Host()), lambda: NOW)
    answer = asked(app, "GET", f"/1.0/identifiers/{UNIVERSITY.did}")
    assert answer.status_code == 503
    assert "trust.json" not in answer.text
    assert "trust.json, line 3" in logged.getvalue()
    assert asked(app, "GET", f"/1.0/identifiers/{KEY}").status_code == 200  # for which no list is asked


@pytest.mark.parametrize("accept", [RESULT, "application/did", LEGACY])
def test_an_answer_is_no_longer_than_64_kibibytes(accept: str) -> None:
    """A document may have that many bytes by itself: 1e15 is longer as it is written here."""
    document = {**SERVICES, "n": [1e15] * 9_000}

    class Large(Host):
        def fetch(self, url: str, **options: Any) -> bytes:
            return json.dumps(document).replace("1000000000000000.0", "1e15").encode()

    judges = Verifiers(verifier(UNIVERSITY.trust), verifier(UNIVERSITY.trust))
    app = create_app(Judge(lambda: judges), lambda: Resolver(METHODS, Large()), lambda: NOW)
    answer = asked(app, "GET", f"/1.0/identifiers/{UNIVERSITY.did}", headers={"Accept": accept})
    assert answer.status_code == 500
    assert len(answer.content) < 1 << 10


class TestDIDURLs:
    @pytest.mark.parametrize("path", [METHOD.replace("#", "%23"), quote(METHOD, safe="")])
    @pytest.mark.parametrize("accept", [RESULT, DEREFERENCED, "*/*"])
    def test_a_fragment_leads_to_its_method(self, path: str, accept: str) -> None:
        answer = get(path, accept)
        assert answer.headers["Content-Type"] == DEREFERENCED
        content = answer.json()
        assert content["content"]["id"] == METHOD
        assert content["dereferencingMetadata"] == {"contentType": "application/did"}
        assert content["contentMetadata"] == {}

    def test_the_content_alone(self) -> None:
        assert result(quote(METHOD, safe=""), "application/json")["publicKeyMultibase"] == KEY.removeprefix(
            "did:key:"
        )

    def test_one_that_leads_to_nothing(self) -> None:
        answer = get(f"{KEY}%23none", DEREFERENCED)
        assert answer.status_code == 404
        content = answer.json()
        assert content["dereferencingMetadata"]["error"]["type"] == f"{ERRORS}NOT_FOUND"
        assert content["content"] is None

    def test_a_service_is_where_its_address_says(self) -> None:
        did = quote(UNIVERSITY.did, safe="")
        answer = get(f"{did}%3Fservice%3Dfiles%26relativeRef%3Dcv.pdf", "text/uri-list")
        assert (answer.status_code, answer.content) == (303, b"")
        assert answer.headers["Location"] == "https://files.example/of/cv.pdf"

    def test_an_address_with_a_line_of_its_own_is_no_header(self) -> None:
        answer = get(f"{quote(UNIVERSITY.did, safe='')}%3Fservice%3Dodd", "text/uri-list")
        assert answer.status_code == 400
        assert "Set-Cookie" not in answer.headers


class TestLegacy:
    """did-key of 2023: errors are keywords."""

    @pytest.mark.parametrize(
        ("did", "error"),
        [
            (KEY.removeprefix("did:"), "invalidDid"),
            (KEY.replace("did:key", "did"), "invalidDid"),
            (KEY.replace("key:", "key:-v4:"), "invalidDid"),
            (KEY.replace(":z", ":"), "invalidDid"),
            ("did:key:zTjsVPtY", "invalidPublicKeyLength"),
            ("did:none:1", "methodNotSupported"),
        ],
    )
    def test_of_a_did(self, did: str, error: str) -> None:
        answer = get(quote(did, safe=""), LEGACY)
        assert answer.status_code >= 400
        assert answer.headers["Content-Type"] == LEGACY
        assert answer.json() == {
            "@context": "https://w3id.org/did-resolution/v1",
            "didDocument": None,
            "didDocumentMetadata": {},
            "didResolutionMetadata": {"error": error},
        }

    @pytest.mark.parametrize(
        ("url", "query", "error"),
        [
            (f"{KEY}/^bar^/?query=`#z6Mk", "", "invalidDidUrl"),
            *(
                (url, "?publicKeyFormat=Ed25519VerificationKey2018", "invalidPublicKeyType")
                for url in (METHOD, AGREEMENT)
            ),
        ],
    )
    def test_of_the_did_urls_of_the_suite(self, url: str, query: str, error: str) -> None:
        for further in ("", "&enableExperimentalPublicKeyTypes=false") if query else ("",):
            answer = get(quote(url, safe="") + query + further, LEGACY)
            assert answer.status_code == 400
            assert answer.json()["didDereferencingMetadata"]["error"] == error

    def test_of_a_did_url(self) -> None:
        content = result(quote(f"{KEY}#none", safe=""), LEGACY)
        assert content["didDereferencingMetadata"] == {"error": "notFound"}

    def test_content_is_a_document(self) -> None:
        assert result(quote(AGREEMENT, safe=""), LEGACY)["didDocument"]["controller"] == KEY


class TestHosts:
    def test_those_of_listed_dids_are_asked(self) -> None:
        assert result(UNIVERSITY.did)["didDocument"]["id"] == UNIVERSITY.did

    @pytest.mark.parametrize("did", ["did:web:internal.example", "did:web:10.0.0.1%3A8443"])
    def test_no_others_are(self, did: str) -> None:
        for path in (did, quote(did, safe="")):
            answer = get(path)
            assert answer.status_code == 403
            assert did in answer.json()["didResolutionMetadata"]["error"]["detail"]

    @pytest.mark.parametrize(
        ("did", "host"),
        [
            ("did:web:other.example", "other.example"),
            ("did:web:other.example%3A8443", "other.example:8443"),
            ("did%3Aweb%3Aother.example%253A8443", "other.example:8443"),
        ],
    )
    def test_unless_any_may_be(self, did: str, host: str) -> None:
        answer = get(did, resolves_any=True)
        assert answer.status_code == 503
        asked_for = f"https://{host}/.well-known/did.json was asked for"
        assert answer.json()["didResolutionMetadata"]["error"]["detail"] == asked_for
