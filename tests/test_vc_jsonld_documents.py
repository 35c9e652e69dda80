"""The vendored contexts: what they are, that they are what they were, and that nothing else is used."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from vc.jsonld import Contexts, Documents, InvalidContext, LossyDocument, UnknownContext, canonicalize
from vc.jsonld import documents as documents_module
from wire.problem import Damaged, Refused

INDEX = json.loads((documents_module.FOLDER / "index.json").read_bytes())

# Where the registry's file is not byte for byte the published one, but the same JSON.
EQUAL_AS_JSON = {
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.1.json",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.2.json",
    "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json",
    "https://w3id.org/security/suites/jws-2020/v1",
    "https://www.w3.org/2018/credentials/examples/v1",
    "https://www.w3.org/ns/credentials/status/v1",
}
# `vectors/contexts` has an editor's version of this one; `samples/contexts` has the one in use.
IN_USE = "https://w3id.org/security/suites/ed25519-2020/v1"
# Not in the corpus: what `credentials/examples/v1` includes. Two packages of different makers agree on it.
NOT_IN_THE_CORPUS = {"https://www.w3.org/ns/odrl.jsonld"}


def test_every_file_has_its_hash_and_its_origin() -> None:
    assert [row["url"] for row in INDEX] == sorted({row["url"] for row in INDEX})
    for row in INDEX:
        data = (documents_module.FOLDER / row["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
        assert row["package"]
        assert row["licence"]
        assert bool(row["version"]) == bool(row["path"])
    files = {path.name for path in documents_module.FOLDER.iterdir()} - {"index.json"}
    assert files == {row["file"] for row in INDEX}


def test_the_files_are_the_published_ones(corpora: Path) -> None:
    published = {
        row["url"]: row for row in json.loads((corpora / "vectors/contexts/index.json").read_bytes())
    }
    for row in INDEX:
        ours = (documents_module.FOLDER / row["file"]).read_bytes()
        if row["url"] == IN_USE:
            theirs = (corpora / "samples/contexts/suites-ed25519-2020.jsonld").read_bytes()
            assert json.loads(ours) == json.loads(theirs)
        elif row["url"] in NOT_IN_THE_CORPUS:
            assert row["url"] not in published
        elif row["url"] in EQUAL_AS_JSON:
            theirs = (corpora / "vectors/contexts" / published[row["url"]]["file"]).read_bytes()
            assert json.loads(ours) == json.loads(theirs)
        else:
            assert row["sha256"] == published[row["url"]]["sha256"]


@pytest.mark.parametrize("row", INDEX, ids=lambda row: row["file"])
def test_every_context_can_be_processed(row: dict[str, str]) -> None:
    document = {"@context": row["url"], "urn:ex:p": "x"}
    assert canonicalize(document) == b'_:c14n0 <urn:ex:p> "x" .\n'


def test_an_unknown_context_is_named() -> None:
    with pytest.raises(UnknownContext, match=r"'https://evil\.example/v1'"):
        canonicalize({"@context": ["https://www.w3.org/ns/credentials/v2", "https://evil.example/v1"]})


@pytest.mark.parametrize("url", ["context.json", "../v2", "", "not a url"])
def test_a_relative_context_is_refused(url: str) -> None:
    with pytest.raises(InvalidContext):
        canonicalize({"@context": url, "urn:ex:p": "x"})


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(UnknownContext):
        canonicalize({"@context": "https://www.w3.org/ns/credentials/v3", "urn:ex:p": "x"})


def test_a_changed_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "contexts"
    shutil.copytree(documents_module.FOLDER, copy)
    path = copy / "credentials-v2.jsonld"
    path.write_bytes(path.read_bytes().replace(b"VerifiableCredential", b"VerifiableCredentiaI", 1))
    monkeypatch.setattr(documents_module, "FOLDER", copy)
    changed = Documents()
    with pytest.raises(Damaged, match=r"credentials-v2\.jsonld"):
        changed.load("https://www.w3.org/ns/credentials/v2")
    assert changed.load("https://www.w3.org/ns/did/v1")


def test_extra_contexts() -> None:
    """A deployment may vouch for contexts of its own, but not replace a vendored one."""
    own = {"https://university.example/v1": {"@context": {"thesis": "urn:ex:thesis"}}}
    document = {"@context": "https://university.example/v1", "thesis": "On snow"}
    assert (
        canonicalize(document, contexts=Contexts(Documents(own))) == b'_:c14n0 <urn:ex:thesis> "On snow" .\n'
    )
    with pytest.raises(UnknownContext):
        canonicalize(document)
    with pytest.raises(Refused):
        Documents({"https://www.w3.org/ns/credentials/v2": {"@context": {}}})


@pytest.mark.parametrize("content", [[], {}, "text", {"context": {}}])
def test_an_extra_document_without_a_context(content: Any) -> None:
    contexts = Contexts(Documents({"urn:ex:context": content}))
    with pytest.raises(InvalidContext):
        canonicalize({"@context": "urn:ex:context", "urn:ex:p": "x"}, contexts=contexts)


def test_a_context_that_includes_itself() -> None:
    circle = {"urn:ex:a": {"@context": ["urn:ex:b"]}, "urn:ex:b": {"@context": "urn:ex:a"}}
    with pytest.raises(InvalidContext, match="includes itself"):
        canonicalize({"@context": "urn:ex:a", "urn:ex:p": "x"}, contexts=Contexts(Documents(circle)))


def test_contexts_do_not_mix() -> None:
    one = Contexts(Documents({"urn:ex:c": {"@context": {"p": "urn:ex:one"}}}))
    two = Contexts(Documents({"urn:ex:c": {"@context": {"q": "urn:ex:two"}}}))
    assert canonicalize({"@context": "urn:ex:c", "p": 1}, contexts=one)
    with pytest.raises(LossyDocument):
        canonicalize({"@context": "urn:ex:c", "p": 1}, contexts=two)
