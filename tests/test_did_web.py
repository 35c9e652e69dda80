"""did:web: where a document lies, identifiers that would lead elsewhere, and a host that serves over TLS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from did import (
    DID_NOT_FOUND,
    METHODS,
    Document,
    InvalidDID,
    InvalidDIDDocument,
    ResolutionFailed,
    Resolver,
    controller,
)
from did.methods import web
from keys import PrivateKey
from tests.loopback import Authority, Site, response
from tests.problems import raises
from wire.fetch import HttpsFetcher, NoFetcher
from wire.problem import Refused, Unavailable

KEY = PrivateKey.generate("Ed25519").public_key
OTHER = PrivateKey.generate("P-256").public_key


# DID and URL


@pytest.mark.parametrize(
    ("did", "url"),
    [
        ("did:web:w3c-ccg.github.io", "https://w3c-ccg.github.io/.well-known/did.json"),
        ("did:web:w3c-ccg.github.io:user:alice", "https://w3c-ccg.github.io/user/alice/did.json"),
        ("did:web:example.com%3A3000", "https://example.com:3000/.well-known/did.json"),
        ("did:web:example.com%3A3000:user:alice", "https://example.com:3000/user/alice/did.json"),
        ("did:web:localhost%3a8443", "https://localhost:8443/.well-known/did.json"),
        ("did:web:xn--mnchen-3ya.example:a%20b", None),
        ("did:web:uni.example:m%C3%BCnchen:v1.0", "https://uni.example/m%C3%BCnchen/v1.0/did.json"),
        ("did:web:1.example:...", "https://1.example/.../did.json"),
    ],
)
def test_where_the_document_lies(did: str, url: str | None) -> None:
    if url is None:
        with pytest.raises(InvalidDID):
            web.url(did)
    else:
        assert web.url(did) == url


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "identifier",
    [
        # no domain name
        "127.0.0.1",
        "10.0.0.1:user",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "uni.0x7F",
        "1.2.3.4%3A443",
        "%5B%3A%3A1%5D",
        "-uni.example",
        "uni-.example",
        "uni..example",
        ".uni.example",
        "uni.example.",
        "uni_x.example",
        f"{'a' * 64}.example",
        f"{'a.' * 127}example",
        "",
        ":user",
        # something hidden in it
        "user%40uni.example",
        "uni.example%2Fevil",
        "uni.example%2fevil",
        "uni.example%5Cevil",
        "uni.example%23",
        "uni.example%3F",
        "uni%2Eexample",
        "uni.example%0d%0aHost",
        # no port
        "uni.example%3A",
        "uni.example%3A0",
        "uni.example%3A080",
        "uni.example%3A65536",
        "uni.example%3A123456",
        "uni.example%3Ahttps",
        "uni.example%3A80%3A80",
        "uni.example%3A443%2Fevil",
        "uni.example%253A443",
        # a path that leads elsewhere
        "uni.example:..",
        "uni.example:.",
        "uni.example:user:..:..:other",
        "uni.example::user",
        "uni.example:%2e%2e",
        "uni.example:%2E.",
        "uni.example:.%2e:other",
        "uni.example:%252e%252e",
        "uni.example:a%2Fb",
        "uni.example:a%2fb",
        "uni.example:a%5cb",
        "uni.example:a%00",
        "uni.example:a%0a",
        "uni.example:%20",
        "uni.example:%7f",
        "uni.example:%25",
    ],
)
def test_identifiers_that_would_lead_elsewhere(identifier: str) -> None:
    with pytest.raises(InvalidDID) as caught:
        web.url(f"did:web:{identifier}")
    assert caught.value.type == "https://www.w3.org/ns/did#INVALID_DID"


def test_other_methods_are_not_taken() -> None:
    with pytest.raises(InvalidDID):
        web.url("did:webvh:uni.example")


@pytest.mark.parametrize(
    ("url", "did"),
    [
        ("https://uni.example", "did:web:uni.example"),
        ("https://Uni.Example/", "did:web:uni.example"),
        ("https://uni.example:443/", "did:web:uni.example"),
        ("https://uni.example:8443/a/b/", "did:web:uni.example%3A8443:a:b"),
    ],
)
def test_the_did_of_a_host(url: str, did: str) -> None:
    assert web.create(url) == did


@pytest.mark.parametrize(
    "url", ["http://uni.example", "https://uni.example/?a=b", "https://a@uni.example", "uni.example", ""]
)
def test_urls_of_which_no_did_is_made(url: str) -> None:
    with pytest.raises(Refused):
        web.create(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1",
        "https://[::1]",
        "https://a.example//b",
        "https://a.example/../b",
        "https://a.example/~b",
    ],
)
def test_urls_that_did_web_cannot_name(url: str) -> None:
    with pytest.raises(InvalidDID):
        web.create(url)


LOWER, DIGITS = "abcdefghijklmnopqrstuvwxyz", "0123456789"
LABELS = st.tuples(  # composed: from a regular expression they took a second to prepare
    st.sampled_from(LOWER), st.text(LOWER + DIGITS + "-", max_size=5), st.sampled_from(LOWER + DIGITS)
).map("".join) | st.sampled_from(LOWER)


@given(
    st.lists(LABELS, min_size=1, max_size=3),
    st.none() | st.integers(1024, 65535),
    st.lists(st.text(LOWER + LOWER.upper() + DIGITS + "_-", min_size=1, max_size=6), max_size=3),
)
def test_there_and_back(labels: list[str], port: int | None, segments: list[str]) -> None:
    base = f"https://{'.'.join(labels)}" + (f":{port}" if port else "")
    path = "".join(f"/{segment}" for segment in segments)
    assert web.url(web.create(base + path)) == f"{base}{path or '/.well-known'}/did.json"


# The document to publish


def test_the_document_to_publish() -> None:
    did = "did:web:uni.example"
    value = web.document(did, {"assertionMethod": [KEY, OTHER], "authentication": [KEY]})
    ed25519, p256 = f"{did}#{KEY.multikey()}", f"{did}#{OTHER.multikey()}"
    assert value == {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": did,
        "verificationMethod": [
            {"id": ed25519, "type": "Multikey", "controller": did, "publicKeyMultibase": KEY.multikey()},
            {"id": p256, "type": "Multikey", "controller": did, "publicKeyMultibase": OTHER.multikey()},
        ],
        "assertionMethod": [ed25519, p256],
        "authentication": [ed25519],
    }
    document = Document.parse(value, did)
    assert document.verification_method(p256, "assertionMethod").key == OTHER
    assert [method.key for method in document.methods("authentication")] == [KEY]


def test_no_document_for_what_cannot_be_resolved() -> None:
    with pytest.raises(InvalidDID):
        web.document("did:web:127.0.0.1", {"assertionMethod": [KEY]})


# A host that serves it


class University:
    """A host under TLS, which serves the documents it is given; its DIDs name its port."""

    def __init__(self, authority: Authority) -> None:
        self.answers: dict[str, bytes] = {}
        self.site = Site(
            lambda path: self.answers.get(path, response(404)), authority.server_context("localhost")
        )
        self.did = web.create(self.site.url())
        self.fetcher = HttpsFetcher(allow_loopback=True, ca_file=authority.ca_file)
        self.resolver = Resolver(METHODS, self.fetcher)

    def serve(self, value: Any, did: str | None = None) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.answers["/" + web.url(did or self.did).split("/", 3)[3]] = response(200, body)


@pytest.fixture
def university(tmp_path: Path) -> Iterator[University]:
    university = University(Authority(tmp_path))
    with university.site.running():
        yield university


def test_resolving_over_tls(university: University) -> None:
    university.serve(web.document(university.did, {"assertionMethod": [KEY]}))
    document = university.resolver.resolve(university.did).document
    did_url = f"{university.did}#{KEY.multikey()}"
    assert document.verification_method(did_url, "assertionMethod").key == KEY
    assert university.resolver.resolve(university.did).document is document
    (request,) = university.site.requests
    assert request.startswith("GET /.well-known/did.json HTTP/1.1\r\n")
    assert "Accept: application/did+json" in request


def test_two_dids_of_one_host_have_two_documents(university: University) -> None:
    registrar = f"{university.did}:registrar"
    for did, key in ((university.did, KEY), (registrar, OTHER)):
        university.serve(web.document(did, {"assertionMethod": [key]}), did)
    (method,) = university.resolver.resolve(registrar).document.methods("assertionMethod")
    assert method.key == OTHER


def test_an_answer_about_another_did(university: University) -> None:
    university.serve(web.document("did:web:victim.example", {"assertionMethod": [KEY]}))
    with pytest.raises(InvalidDIDDocument, match="not its own"):
        university.resolver.resolve(university.did)


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"id": "did:web:a.example", "id": "did:web:a.example"}',
        b'{"a": ' * 40 + b"1" + b"}" * 40,
        b'{"a": "' + b"a" * controller.LIMIT + b'"}',
    ],
    ids=["empty", "a page", "an array", "a member twice", "deep", "large"],
)
def test_answers_that_are_no_document(body: bytes, university: University) -> None:
    university.serve(body)
    with pytest.raises(InvalidDIDDocument, match="cannot be read") as caught:
        university.resolver.resolve(university.did)
    assert not caught.value.undetermined


def test_a_document_that_was_taken_down(university: University) -> None:
    with raises(DID_NOT_FOUND, match="404") as caught:
        university.resolver.resolve(university.did)
    assert caught.value.type == "https://www.w3.org/ns/did#NOT_FOUND"
    assert not caught.value.undetermined


def test_a_host_in_trouble_leaves_the_question_open(university: University) -> None:
    university.answers["/.well-known/did.json"] = response(503)
    for _ in range(2):
        with pytest.raises(Unavailable, match="503") as caught:
            university.resolver.resolve(university.did)
        assert caught.value.undetermined
    assert len(university.site.requests) == 1


def test_a_host_that_sends_elsewhere(university: University) -> None:
    university.answers["/.well-known/did.json"] = response(302, location="http://169.254.169.254/")
    with pytest.raises(ResolutionFailed, match=r"169\.254\.169\.254.*not fetched"):
        university.resolver.resolve(university.did)


def test_loopback_is_for_development(university: University) -> None:
    with pytest.raises(ResolutionFailed, match="this machine itself"):
        Resolver(METHODS, HttpsFetcher()).resolve(university.did)
    assert university.site.requests == []


def test_offline_names_the_url_and_the_way_on() -> None:
    with pytest.raises(Unavailable, match=r"https://uni\.example/\.well-known/did\.json") as caught:
        Resolver(METHODS, NoFetcher()).resolve("did:web:uni.example")
    assert "bundle" in caught.value.hint
