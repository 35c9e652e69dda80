"""The lenient processor: what the specification drops is dropped, so that losses can be seen."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from vc.vcdm import jsonld
from vc.vcdm.jsonld import (
    Contexts,
    Documents,
    InvalidDocument,
    LossyDocument,
    to_rdf,
    vendored,
)
from vc.vcdm.jsonld.rdfc import canonicalize as canonicalize_dataset

# JSON-LD as it is, whatever a property is called
canonicalize = functools.partial(jsonld.canonicalize, contexts=vendored())

V = {"@vocab": "urn:v:"}


def lenient(document: Any, **options: Any) -> str:
    return canonicalize_dataset(to_rdf(document, **options))


def test_without_losses_both_say_the_same() -> None:
    document = {
        "@context": [V, {"g": {"@id": "urn:g", "@container": "@graph"}}],
        "@id": "urn:s",
        "@type": "T",
        "p": [1, 2.5, True, "x", {"@value": "y", "@language": "en"}, {"@value": "z", "@direction": "rtl"}],
        "g": {"@graph": [{"@id": "urn:a", "q": {"@list": ["a", {"r": 1}]}}]},
        "n": {"@id": "urn:name", "@graph": {"q": 1}},
    }
    assert lenient(document) == canonicalize(document).decode()


@pytest.mark.parametrize(
    "lost",
    [
        {"@context": {}, "undefined": "x"}, {"@id": "relative"}, {"q": {"@id": "relative"}},
        {"q": {"@id": "urn:<"}},
        {"@type": "relative", "@context": {"p": "urn:v:p"}}, {"q": {"@value": "x", "@index": "i"}},
        {"q": {"@list": [{"@id": "relative"}]}}, {"@graph": [{"@id": "urn:x"}]},
    ],
    ids=str,
)  # fmt: skip
def test_losses(lost: dict[str, Any]) -> None:
    document = {"@context": {"p": "urn:v:p", "q": "urn:v:q"}, "@id": "urn:s", "p": "kept", **lost}
    assert isinstance(lenient(document), str)
    with pytest.raises(LossyDocument):
        canonicalize(document)


def test_options() -> None:
    assert lenient({"@context": V, "@id": "s", "p": 1}) == ""
    assert (
        lenient({"@context": V, "@id": "s", "p": "x"}, base="http://b/") == '<http://b/s> <urn:v:p> "x" .\n'
    )
    assert lenient({"@id": "urn:s", "p": "x"}, expand_context=V) == '<urn:s> <urn:v:p> "x" .\n'
    directed = {"@context": V, "@id": "urn:s", "p": {"@value": "x", "@direction": "rtl"}}
    assert lenient(directed, direction=None) == '<urn:s> <urn:v:p> "x" .\n'


def test_a_malformed_language_drops_the_statement() -> None:
    document = {"urn:p": {"@value": "x", "@language": "a b"}, "urn:q": "y"}
    assert lenient(document) == '_:c14n0 <urn:q> "y" .\n'


@pytest.mark.parametrize(
    "document", [{"@type": 1}, {"@context": {"p": {}}}, {"@context": {"": "urn:p"}}], ids=str
)
def test_what_pyld_refuses(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocument):
        to_rdf(document)


def test_contexts() -> None:
    own = Contexts(Documents({"urn:ex:c": {"@context": V}}))
    assert lenient({"@context": "urn:ex:c", "p": "x"}, contexts=own) == '_:c14n0 <urn:v:p> "x" .\n'
    other = Contexts(Documents({"urn:ex:c": {"@context": {"p": "urn:w:p"}}}))
    assert lenient({"@context": "urn:ex:c", "p": "x"}, contexts=other) == '_:c14n0 <urn:w:p> "x" .\n'
    with pytest.raises(InvalidDocument):
        to_rdf({"@context": "https://nowhere.example/v1", "p": "x"})
