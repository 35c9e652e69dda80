"""The vendored contexts: what they are, that they are what they were, and that nothing else is used."""

from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from keys import PrivateKey
from tests.copying import copy_folder
from tests.problems import raises
from vc import InvalidProof, Proof, sign, verify_proof
from vc.vcdm.jsonld import (
    INVALID_CONTEXT,
    Contexts,
    Documents,
    LossyDocument,
    UnknownContext,
    canonicalize,
    load,
    read,
    secured,
)
from vc.vcdm.jsonld import documents as documents_module
from vc.vcdm.jsonld.names import VENDORED
from vc.vcdm.jsonld.naming import names_of
from wire.problem import Damaged, Malformed, Refused

KEY, RDFC = PrivateKey.generate(), "eddsa-rdfc-2022"

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
NOT_IN_THE_CORPUS = {
    "https://www.w3.org/ns/odrl.jsonld",
    "https://w3id.org/dcc/v1",
    "https://w3id.org/security/v2",
}
# Of each the corpus has one text; packages and public sources had another one before.
UNVERSIONED = {
    "https://purl.imsglobal.org/spec/clr/v2p0/context.json",
    "https://purl.imsglobal.org/spec/ob/v3p0/context.json",
}


def test_every_file_has_its_hash_and_its_origin() -> None:
    urls = [row["url"] for row in INDEX]
    assert urls == sorted(urls)
    assert {url for url in urls if urls.count(url) > 1} == UNVERSIONED == Documents().unversioned.keys()
    for row in INDEX:
        data = (documents_module.FOLDER / row["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
        assert row["package"]
        assert row["licence"]
        assert bool(row["version"]) == bool(row["path"])
    files = {path.name for path in documents_module.FOLDER.iterdir()} - {"index.json"}
    assert files == {row["file"] for row in INDEX}


def test_the_names_that_the_package_carries_are_those_of_its_contexts() -> None:
    """`python -m tests.names` writes the file; by a stale one, members would be read under other names."""
    names = names_of(Documents())
    assert VENDORED.read_bytes() == names.to_bytes()
    assert secured().names == names


def test_the_files_are_the_published_ones(corpora: Path) -> None:
    corpus = json.loads((corpora / "vectors/contexts/index.json").read_bytes())
    published = {row["url"]: row for row in corpus}
    for row in INDEX:
        if row["url"] in UNVERSIONED:
            continue
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
            assert row["sha256"] in {
                other["sha256"] for other in corpus if other["url"] in (row["url"], None)
            }
    for url, text in (
        ("https://purl.imsglobal.org/spec/ob/v3p0/context.json", "vectors/contexts/ob-v3p0.json"),
        ("https://purl.imsglobal.org/spec/clr/v2p0/context.json", "samples/contexts/clr-v2p0.json"),
    ):
        assert Documents().load(url) == json.loads((corpora / text).read_bytes())


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("row", INDEX, ids=lambda row: row["file"])
def test_every_context_can_be_processed(row: dict[str, str]) -> None:
    document = {"@context": row["url"], "urn:ex:p": "x"}
    assert canonicalize(document) == b'_:c14n0 <urn:ex:p> "x" .\n'


def test_an_unknown_context_is_named() -> None:
    with pytest.raises(UnknownContext, match=r"'https://evil\.example/v1'"):
        canonicalize({"@context": ["https://www.w3.org/ns/credentials/v2", "https://evil.example/v1"]})


@pytest.mark.parametrize("url", ["context.json", "../v2", "", "not a url"])
def test_a_relative_context_is_refused(url: str) -> None:
    with raises(INVALID_CONTEXT):
        canonicalize({"@context": url, "urn:ex:p": "x"})


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(UnknownContext):
        canonicalize({"@context": "https://www.w3.org/ns/credentials/v3", "urn:ex:p": "x"})


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    copy = tmp_path / "contexts"
    copy_folder(documents_module.FOLDER, copy)
    path = copy / "credentials-v2.jsonld"
    path.write_bytes(path.read_bytes().replace(b"VerifiableCredential", b"VerifiableCredentiaI", 1))
    changed = Documents(folder=copy)
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


def folder_of(place: Path, *rows: dict[str, Any], **files: str) -> Path:
    place.mkdir(exist_ok=True)
    for name, text in files.items():
        (place / f"{name}.json").write_text(text)
    (place / "index.json").write_text(json.dumps(rows))
    return place


OWN = '{"@context": {"thesis": "urn:ex:thesis", "Thesis": "urn:ex:Thesis", "level": "urn:ex:level"}}'
URL = "https://university.example/v1"


def row(file: str = "own.json", text: str = OWN, **change: Any) -> dict[str, Any]:
    return {"url": URL, "file": file, "sha256": hashlib.sha256(text.encode()).hexdigest(), **change}


def test_a_folder_of_contexts(tmp_path: Path) -> None:
    contexts = load(folder_of(tmp_path, row(), own=OWN))
    document = {
        "@context": ["https://www.w3.org/ns/credentials/v2", URL],
        "type": "Thesis",
        "thesis": "On snow",
        "level": "A name of their own",
    }
    signed = sign(document, KEY, verification_method="did:ex:a#b", suite=RDFC, contexts=contexts)
    proof = Proof.parse(signed["proof"][0])
    verify_proof(signed, proof, KEY.public_key, contexts=contexts)
    for change in ({"thesis": "On ice"}, {"level": "Another"}):
        with pytest.raises(InvalidProof):
            verify_proof({**signed, **change}, proof, KEY.public_key, contexts=contexts)
    with pytest.raises(UnknownContext):
        verify_proof(signed, proof, KEY.public_key)
    # its words are read as they are, but for those that mean something else in published contexts
    claims = read(document, contexts=contexts).claims
    assert (claims["type"], claims["thesis"]) == ("Thesis", "On snow")
    assert (claims["urn:ex:level"], "level" in claims) == ("A name of their own", False)


@pytest.mark.parametrize(
    ("rows", "text", "said"),
    [
        ([row()], OWN.replace("thesis", "theses"), "SHA-256"),
        ([row(url="https://www.w3.org/ns/credentials/v2")], OWN, "vendored and cannot be replaced"),
        ([row(url="https://purl.imsglobal.org/spec/ob/v3p0/context.json")], OWN, "vendored"),
        ([row(), row()], OWN, "listed twice"),
        ([row(url="v1")], OWN, "no URL"),
        ([row(file="../own.json")], OWN, "no file in this folder"),
        ([row(file="gone.json")], OWN, r"gone\.json: No such file"),
        ([row(more="x")], OWN, "other members"),
        ([row(url=7)], OWN, "other members"),
        (["own.json"], OWN, "other members"),
        ([row(text="[]")], "[]", "not an object"),
        ([row(text="{}")], "{}", "not the absolute URL of a context document"),
        ([row(text='{"@context": {"a": "b"}}')], '{"@context": {"a": "b"}}', "term 'a'"),
        ([row(text='{"@context": "urn:ex:c"}')], '{"@context": "urn:ex:c"}', "'urn:ex:c' is not known"),
    ],
)
def test_a_folder_that_cannot_be_used(rows: list[Any], text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Malformed, match=said):
        load(folder_of(tmp_path, *rows, own=text))


def test_a_folder_without_a_list(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text('{"url": "urn:ex:c"}')
    with pytest.raises(Malformed, match="no list"):
        load(tmp_path)
    (tmp_path / "index.json").unlink()
    with pytest.raises(Malformed, match="No such file"):
        load(tmp_path)
    (tmp_path / "index.json").write_bytes(b"[" + b" " * (1 << 20) + b"]")
    with pytest.raises(Malformed, match="longer"):
        load(tmp_path)


def test_what_is_no_json_names_no_context() -> None:
    assert Documents().unversioned_in({"@context": {*UNVERSIONED}}) == {}
    assert Documents().unversioned_in({"@context": [*UNVERSIONED]}).keys() == UNVERSIONED


@pytest.mark.parametrize("content", [[], {}, "text", {"context": {}}])
def test_an_extra_document_without_a_context(content: Any) -> None:
    contexts = Contexts(Documents({"urn:ex:context": content}))
    with raises(INVALID_CONTEXT):
        canonicalize({"@context": "urn:ex:context", "urn:ex:p": "x"}, contexts=contexts)


def test_a_context_that_includes_itself() -> None:
    circle = {"urn:ex:a": {"@context": ["urn:ex:b"]}, "urn:ex:b": {"@context": "urn:ex:a"}}
    with raises(INVALID_CONTEXT, match="includes itself"):
        canonicalize({"@context": "urn:ex:a", "urn:ex:p": "x"}, contexts=Contexts(Documents(circle)))


def test_contexts_do_not_mix() -> None:
    one = Contexts(Documents({"urn:ex:c": {"@context": {"p": "urn:ex:one"}}}))
    two = Contexts(Documents({"urn:ex:c": {"@context": {"q": "urn:ex:two"}}}))
    assert canonicalize({"@context": "urn:ex:c", "p": 1}, contexts=one)
    with pytest.raises(LossyDocument):
        canonicalize({"@context": "urn:ex:c", "p": 1}, contexts=two)
