"""Change anything in a document: its canonical form changes, or it is refused. Never neither."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from bench.diploma import diploma, proof_options
from vc.vcdm.jsonld import canonicalize
from wire.problem import Problem


def presentation() -> dict[str, Any]:
    """A diploma with its proof in a signed presentation: two kinds of named graphs and a nested context."""
    credential = diploma_by_two()
    options = proof_options(credential)
    del options["@context"]
    return {
        "@context": ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/examples/v2"],
        "type": "VerifiablePresentation",
        "holder": "did:example:holder",
        "verifiableCredential": [
            {**credential, "proof": {**options, "proofValue": "z58DAdFfa9SkqZMVPxAQp"}},
            {
                "@context": "https://www.w3.org/ns/credentials/v2",
                "id": "data:application/vc+jwt,eyJ",
                "type": "EnvelopedVerifiableCredential",
            },
        ],
        "freely": [1, 2.5, True, {"@value": "x", "@language": "en"}],
        "orderly": {"@list": ["a", "b"]},
    }


def diploma_by_two() -> dict[str, Any]:
    """The diploma with another creator than issuer, so that nothing is said twice of the same one."""
    document = diploma()
    document["credentialSubject"]["achievement"]["creator"]["id"] = "did:web:mathematics.example"
    return document


DOCUMENTS = {
    "diploma": diploma_by_two(),
    "proof": proof_options(diploma()),
    "presentation": presentation(),
    "status list": {
        "@context": "https://www.w3.org/ns/credentials/v2",
        "id": "https://university.example/status/7",
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": "did:web:university.example",
        "validFrom": "2026-07-15T10:00:00Z",
        "credentialSubject": {
            "id": "https://university.example/status/7#list",
            "type": "BitstringStatusList",
            "statusPurpose": ["revocation", "suspension"],
            "encodedList": "uH4sIAAAAAAAAA",
            "ttl": 300000,
        },
    },
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to everything in a document, its contexts apart."""
    if isinstance(value, dict):
        for key, member in value.items():
            if key != "@context":
                yield (*path, key)
                yield from places(member, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield (*path, index)
            yield from places(item, (*path, index))


def parent(document: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        document = document[step]
    return document


def edits(document: dict[str, Any], path: tuple[Any, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Documents that differ in one place."""

    def edited(change: Any) -> dict[str, Any]:
        changed = copy.deepcopy(document)
        parent(changed, path)[path[-1]] = change
        return changed

    value = parent(document, path)[path[-1]]
    if isinstance(value, str):
        after = ["x", " ", "\u0301", "\x00", '"', "\n", "\u200b", "\\"]
        instead = [value[:-1], "urn:other", "a b", "", "x", "_:b0", "@id", "\u202e" + value]
        for text in [*instead, *(value + more for more in after)]:
            if text != value:
                yield repr(text), edited(text)
        yield "number", edited(7)
        yield "list", edited({"@list": [value]})
        yield "tagged", edited({"@value": value, "@language": "en"})
    elif isinstance(value, bool):
        yield "flipped", edited(not value)
    elif isinstance(value, int | float):
        yield "more", edited(value + 1)
        yield "a bit more", edited(value + 1e-9)
        yield "least bit more", edited(value + 1e-15 if value < 4 else value * (1 + 2**-52))
        yield "text", edited(f"{value} ")
    others: dict[str, Any] = {"object": {"urn:ex:p": "x"}, "null": None, "[]": [], "{}": {}}
    for name, other in others.items():
        if other != value:
            yield name, edited(other)
    if isinstance(value, dict):
        for key in "undefined", "id", "name", "@type", "@graph", "urn:ex:added", "@index", "@foo", "@context":
            if key not in value:
                yield f"added {key}", edited({**value, key: "urn:added"})
        yield "wrapped", edited({"@graph": [value]})
    removed = copy.deepcopy(document)
    del parent(removed, path)[path[-1]]
    yield "removed", removed


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_change_goes_unnoticed(name: str) -> None:
    document = DOCUMENTS[name]
    original = canonicalize(document)
    outcome: Counter[str] = Counter()
    for path in places(document):
        for edit, changed in edits(document, path):
            try:
                form = canonicalize(changed)
            except Problem:
                outcome["refused"] += 1
            else:
                assert form != original, f"{path}: {edit}"
                outcome["changed"] += 1
    assert outcome["changed"] > 50
    assert outcome["refused"] > 50


def test_what_is_said_twice_of_one_subject_is_signed_once() -> None:
    """Statements belong to the id they are about, wherever in the document they stand."""
    document = diploma()  # issued and created by the same university
    original = canonicalize(document)
    del document["credentialSubject"]["achievement"]["creator"]["type"]
    assert canonicalize(document) == original
    document["issuer"]["type"] = []
    assert form_or_none(document) != original


def form_or_none(document: dict[str, Any]) -> bytes | None:
    try:
        return canonicalize(document)
    except Problem:
        return None


def test_moved_members_are_noticed() -> None:
    document = DOCUMENTS["diploma"]
    original = canonicalize(document)
    for key in document.keys() - {"@context", "credentialSubject", "id", "type"}:
        moved = copy.deepcopy(document)
        moved["credentialSubject"][key] = moved.pop(key)
        assert form_or_none(moved) != original


@pytest.mark.parametrize(
    ("context", "outcome"),
    [
        ({"@vocab": "urn:evil:"}, "same"),
        ({"@base": "https://evil.example/"}, "same"),
        ({"https": "urn:evil:"}, "same"),
        (
            {"credentialSubject": None},
            "same",
        ),  # the context of the type VerifiableCredential has the last word
        ({"AchievementSubject": "urn:evil:T"}, "refused"),
        ({"name": "urn:evil:name"}, "refused"),
        ({"id": "@type"}, "refused"),
        (None, "refused"),
        ({"did": {"@id": "urn:evil:", "@prefix": True}}, "changed"),
        ({"@language": "en"}, "changed"),
    ],
    ids=str,
)
def test_an_added_context(context: Any, outcome: str) -> None:
    """Where the form stays the same, the context gave no word of the document another meaning."""
    document = diploma()
    original = canonicalize(document)
    document["@context"] = [*document["@context"], context]
    form = form_or_none(document)
    assert outcome == ("refused" if form is None else "same" if form == original else "changed")


def test_contexts_taken_away_are_noticed() -> None:
    document = diploma()
    original = canonicalize(document)
    first, second, third = document["@context"]
    for contexts in [first, third], [first, second], [second, third], [first], [second], []:
        document["@context"] = contexts
        assert form_or_none(document) != original
