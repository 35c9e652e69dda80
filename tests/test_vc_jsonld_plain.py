"""The one walk of a document that is spelled as it is read, against those that know all documents."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from bench.diploma import diploma
from tests.fuzz.documents import sample
from vc.vcdm.jsonld import Reading, Respelled, canonicalize, rdfc, read, secured
from vc.vcdm.jsonld.context import MOST_RECENT, Meter
from vc.vcdm.jsonld.plain import MOST_KEPT, NOTHING, SMALL, Walked, plainly
from vc.vcdm.jsonld.reading import _Reader
from vc.vcdm.jsonld.walker import Walk
from wire.problem import Problem

ODD: list[Any] = [
    *(None, [], {}, "", 0, -0.0, 1.5, 1e400, 2**53, True, [None], [[]], [1], ["a", 1], [["a"]], {"id": 7}),
    *(
        {"id": "urn:x"},
        {"id": "relative"},
        {"@value": "x"},
        {"@set": ["x"]},
        {"@list": []},
        {"id": "xsd:date"},
    ),
    *({"@id": "urn:x"}, {"value": "x"}, "\ufffe", '"\\\n', "relative", "xsd:date", "_:b0", "urn:x y", (1, 2)),
    *({"type": "Nobody"}, {"type": None}, {"@context": {"a": "urn:a"}, "a": "b"}, {"id": "urn:ex:document"}),
    *({"id": "urn:ex:document", "issuer": "urn:i"}, [{"id": "urn:x"}, {"id": "urn:x", "name": "n"}]),
]
NAMES = [
    "id",
    "type",
    "@id",
    "@type",
    "@context",
    "name",
    "issuer",
    "urn:ex:says",
    "nowhere",
    "xsd:x",
    "@graph",
]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each member of each object and item of each list, as what holds it and its key."""
    for key, member in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(member, dict | list):
            yield from places(member)


def bent(document: dict[str, Any], rng: Random) -> dict[str, Any]:
    """A copy in which something is what honest documents hardly ever have."""
    found = copy.deepcopy(document)
    for _ in range(rng.choice([1, 1, 2])):
        holder, key = rng.choice(list(places(found)))
        if isinstance(holder, dict) and rng.random() < 0.3:
            holder[rng.choice(NAMES)] = holder.pop(key)
        else:
            holder[key] = copy.deepcopy(rng.choice(ODD))
    return found


def by_walk(document: dict[str, Any]) -> bytes | str:
    """The canonical form by the walk that knows all documents, or what is wrong."""
    try:
        dataset = Walk(secured(), Meter()).document(document)
        return rdfc.canonicalize(dataset).encode()
    except Problem as problem:
        return problem.detail


def by_reader(document: dict[str, Any]) -> Reading | str:
    """What the reader says of it that knows all documents, or what is wrong."""
    reader = _Reader(secured(), Meter())
    try:
        claims = reader.node(secured().root, document, 0)
        return Reading(claims, reader.told, reader.united(), reader.silent)
    except Problem as problem:
        return problem.detail


def compare(document: dict[str, Any]) -> str:
    """Which of the two one walk was enough for."""
    plain = plainly(Walk(secured(), Meter(), NOTHING), document, states=True)
    unstated = plainly(Walk(secured(), Meter(), NOTHING), document, states=False)
    assert (plain is None) == (unstated is None)
    if plain is None:
        return "neither"
    reading = by_reader(document)
    if isinstance(reading, Reading):
        assert (reading.claims, reading.silent) == (document, "")
        objects = {name: sorted(map(repr, found)) for name, found in reading.objects.items()}
        assert {name: sorted(map(repr, found)) for name, found in plain.objects.items()} == objects
    if plain.dataset is None:
        return "the reading"
    assert isinstance(reading, Reading)
    assert rdfc.canonicalize(plain.dataset).encode() == by_walk(document)
    return "both"


@pytest.mark.parametrize("count", [100, pytest.param(20_000, marks=pytest.mark.slow)])
def test_it_says_what_the_others_say_or_leaves_it_to_them(count: int) -> None:
    rng, seen = Random(22), Counter[str]()
    for seed in range(count):
        document = sample(seed, secured()).document if seed % 3 else diploma()
        seen[compare(document)] += 1
        seen[compare(bent(document, rng))] += 1
    assert min(seen[kind] for kind in ("both", "the reading", "neither")) > count / 50, seen


def test_a_document_that_was_read_is_not_walked_again_to_be_verified() -> None:
    walked = read(diploma(), states=True).walked
    assert isinstance(walked, Walked)
    walked["name"] = "what nobody does"  # shows that the statements are those of the reading
    assert canonicalize(walked) == canonicalize(diploma())
    assert canonicalize(walked) != canonicalize(diploma())  # they are lent once


def test_statements_by_other_contexts_are_not_taken() -> None:
    """A context without a version is read by one text after the other."""
    walked = read(diploma(), states=True).walked
    assert walked is not None
    walked["name"] = "another"
    assert canonicalize(walked, contexts=secured.__wrapped__()) != canonicalize(diploma())


def test_another_object_of_the_documents_own_id_is_left_to_the_others() -> None:
    document = diploma()
    document["relatedResource"] = {"id": document["id"], "digestMultibase": "zX"}
    plain = plainly(Walk(secured(), Meter(), NOTHING), document, states=True)
    assert plain is not None
    assert plain.dataset is None
    with pytest.raises(Respelled):
        canonicalize(document)


def test_statements_are_kept_of_a_few_documents_only() -> None:
    walked = [read(diploma(), states=True).walked for _ in range(MOST_RECENT + 1)]
    for document in walked:
        assert document is not None
        document["name"] = "another"
    forms = [canonicalize(document) for document in walked if document is not None]
    assert (forms[0] != canonicalize(diploma()), set(forms[1:])) == (True, {canonicalize(diploma())})
    assert pickle.loads(pickle.dumps(walked[0])) == dict(walked[0] or {})


def test_no_statements_are_kept_of_a_document_that_makes_many_of_few_bytes() -> None:
    long = {"@context": ["https://www.w3.org/ns/credentials/v2", {"a": "urn:" + "a" * 4000}]}
    document = {**long, "id": "urn:x", "a": [str(number) for number in range(500)]}
    assert len(canonicalize(document)) > MOST_KEPT
    assert read(document, states=True).walked is None
    assert read({**diploma(), "name": "n" * SMALL}, states=True).walked is None
