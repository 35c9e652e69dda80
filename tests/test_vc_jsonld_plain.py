"""The one walk of a document that is spelled as it is read, against those that know all documents."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.fuzz.documents import sample
from tests.world import University
from vc.vcdm.jsonld import Contexts, Reading, Respelled, canonicalize, rdfc, read, secured, vouched
from vc.vcdm.jsonld.context import MOST_RECENT, Meter
from vc.vcdm.jsonld.plain import MOST_KEPT, NOTHING, SMALL, Walked, plainly
from vc.vcdm.jsonld.reading import _Reader
from vc.vcdm.jsonld.walker import Walk
from wire.problem import Problem

DIPLOMA = University().diploma()
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


def diploma() -> dict[str, Any]:
    return copy.deepcopy(DIPLOMA)


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


def by_walk(document: dict[str, Any], contexts: Contexts) -> bytes | str:
    """The canonical form by the walk that knows all documents, or what is wrong."""
    try:
        dataset = Walk(contexts, Meter()).document(document)
        return rdfc.canonicalize(dataset).encode()
    except Problem as problem:
        return problem.detail


def by_reader(document: dict[str, Any], contexts: Contexts) -> Reading | str:
    """What the reader says of it that knows all documents, or what is wrong."""
    reader = _Reader(contexts, Meter())
    try:
        claims = reader.node(contexts.root, document, 0)
        return Reading(claims, reader.told, reader.united(), reader.silent)
    except Problem as problem:
        return problem.detail


def compare(document: dict[str, Any], contexts: Contexts) -> str:
    """Which of the two one walk was enough for."""
    plain = plainly(Walk(contexts, Meter(), NOTHING), document, states=True)
    unstated = plainly(Walk(contexts, Meter(), NOTHING), document, states=False)
    assert (plain is None) == (unstated is None)
    if plain is None:
        return "neither"
    reading = by_reader(document, contexts)
    if isinstance(reading, Reading):
        assert (reading.claims, reading.silent) == (document, "")
        objects = {name: sorted(map(repr, found)) for name, found in reading.objects.items()}
        assert {name: sorted(map(repr, found)) for name, found in plain.objects.items()} == objects
    if plain.statements is None:
        return "the reading"
    assert isinstance(reading, Reading)
    assert rdfc.canonicalize(plain.statements).encode() == by_walk(document, contexts)
    return "both"


TERMS = "https://example.org/terms"
OURS = vouched(
    {
        TERMS: {
            "@context": {
                "aLink": {"@id": "urn:ex:aLink", "@type": "@id"},
                "aNumber": {"@id": "urn:ex:aNumber", "@type": "http://www.w3.org/2001/XMLSchema#integer"},
                "aFlag": {"@id": "urn:ex:aFlag", "@type": "http://www.w3.org/2001/XMLSchema#boolean"},
                "aThing": {"@id": "urn:ex:aThing", "@type": "@json"},
                "aWord": "urn:ex:aWord",
                "aLongWord": "urn:" + "a" * 4000,
                "pre": "urn:pre:",
                "aValue": "urn:ex:aValue",
                "Kind": {"@id": "urn:ex:Kind", "@context": {"pre2": "urn:pre2:", "inner": "urn:ex:inner"}},
                "Odd": {"@id": "urn:ex:Odd", "@context": {"aValue": "@value"}},
            }
        }
    }
)
CONTEXT = ["https://www.w3.org/ns/credentials/v2", TERMS]
LONG = "a" * 4096


def nested(levels: int) -> dict[str, Any]:
    return {"aWord": nested(levels - 1)} if levels else {"aWord": "deep"}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({"aWord": "plain"}, "both"),
        ({"aWord": 'quoted "text"'}, "both"),
        ({"aWord": "back\\slash"}, "both"),
        ({"aWord": "no\u00a0break\n"}, "both"),
        ({"aWord": ["two", "back\\slash"]}, "both"),
        ({"aWord": [1]}, "neither"),
        ({"aWord": 1}, "both"),
        ({"aWord": "\ufffe"}, "the reading"),
        ({"aWord": ["\ufffe", "x"]}, "the reading"),
        ({"aWord": -0.0}, "the reading"),
        ({"aWord": nested(98)}, "both"),
        ({"aWord": nested(100)}, "the reading"),
        ({"aLink": "urn:x"}, "both"),
        ({"aLink": ["urn:x", "urn:y"]}, "both"),
        ({"aLink": "pre:x"}, "neither"),
        ({"aLink": ["pre:x"]}, "neither"),
        ({"aLink": "relative"}, "the reading"),
        ({"aLink": ["relative"]}, "the reading"),
        ({"aLink": f"urn:{LONG}"}, "the reading"),
        ({"aLink": [f"data:,{LONG}"]}, "the reading"),
        ({"aLink": {"id": "urn:x"}}, "both"),
        ({"aLink": {"id": "relative"}}, "the reading"),
        ({"aLink": {"id": "pre:x"}}, "neither"),
        ({"aLink": [{"id": "urn:x"}, {"id": "urn:x", "aWord": "named"}]}, "both"),
        ({"id": "relative", "aWord": "x"}, "the reading"),
        ({"id": f"data:,{LONG}", "aWord": "x"}, "the reading"),
        ({"id": "pre:x", "aWord": "x"}, "neither"),
        ({"id": 7, "aWord": "x"}, "neither"),
        ({"id": "urn:x"}, "the reading"),
        ({"aNumber": 7}, "both"),
        ({"aNumber": "7"}, "neither"),
        ({"aNumber": True}, "neither"),
        ({"aFlag": True}, "both"),
        ({"aFlag": 0}, "neither"),
        ({"aNumber": ["7"]}, "neither"),
        ({"aThing": {"a": [None]}}, "the reading"),
        ({"aThing": "text"}, "the reading"),
        ({"aThing": 5}, "the reading"),
        ({"type": "Kind", "aLink": {"id": "urn:x"}}, "both"),
        ({"type": "Kind", "aLink": {"id": "relative"}}, "the reading"),
        ({"type": "Kind", "aLink": {"aWord": "x"}}, "both"),
        ({"type": "Kind", "aLink": {"inner": "x"}}, "neither"),
        ({"type": "Odd", "aWord": {"aValue": "x"}}, "neither"),
        ({"type": "Kind", "aLink": {"id": "pre2:x"}}, "neither"),
        ({"type": "Kind", "aLink": [{"id": "pre2:x"}]}, "neither"),
        ({"type": "urn:ex:Kind", "aWord": "x"}, "neither"),
        ({"aWord": None}, "neither"),
        ({"type": [], "aWord": "x"}, "neither"),
        ({"aWord": {"@context": [], "aWord": "x"}}, "neither"),
        ({"aWord": []}, "neither"),
        ({"nowhere": "x"}, "neither"),
    ],
)
def test_what_it_is_enough_for(members: dict[str, Any], kind: str) -> None:
    assert compare({"@context": CONTEXT, **members}, OURS) == kind


def test_a_context_with_another_word_for_a_keyword_is_left_to_the_others() -> None:
    document = {"@context": [*CONTEXT, {"inhalt": "@value"}], "aWord": "x"}
    assert compare(document, OURS) == "the reading"


@pytest.mark.parametrize(
    "count",
    [
        100,
        pytest.param(2_000, marks=pytest.mark.slow),
        pytest.param(20_000, marks=pytest.mark.soak),
    ],
)
def test_it_says_what_the_others_say_or_leaves_it_to_them(count: int) -> None:
    rng, seen = Random(22), Counter[str]()
    for seed in range(count):
        document = sample(seed, secured()).document if seed % 3 else diploma()
        seen[compare(document, secured())] += 1
        seen[compare(bent(document, rng), secured())] += 1
    assert min(seen[kind] for kind in ("both", "the reading", "neither")) > count / 50, seen


def test_a_document_that_was_read_is_not_walked_again_to_be_verified() -> None:
    walked = read(diploma(), states=True).walked
    assert isinstance(walked, Walked)
    walked["name"] = "what nobody does"  # shows that the statements are those of the reading
    assert canonicalize(walked) == canonicalize(diploma())
    assert canonicalize(walked) != canonicalize(diploma())  # they are lent once


def test_statements_by_other_contexts_are_not_taken() -> None:
    """A context without a version is read by one text after the other."""
    these, others = OURS, vouched({TERMS: {"@context": {"aWord": "urn:ex:another"}}})
    document = {"@context": CONTEXT, "id": "urn:x", "aWord": "said"}
    walked = read(document, contexts=these, states=True).walked
    assert walked is not None
    assert canonicalize(walked, contexts=others) == canonicalize(document, contexts=others)
    assert canonicalize(walked, contexts=these) == canonicalize(document, contexts=these)


def test_another_object_of_the_documents_own_id_is_left_to_the_others() -> None:
    document = diploma()
    assert compare(document, secured()) == "both"
    document["relatedResource"] = {"id": document["id"], "digestMultibase": "zX"}
    plain = plainly(Walk(secured(), Meter(), NOTHING), document, states=True)
    assert plain is not None
    assert plain.statements is None
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
    document = {"@context": CONTEXT, "id": "urn:x", "aLongWord": [str(number) for number in range(500)]}
    plain = plainly(Walk(OURS, Meter(), NOTHING), document, states=True)
    assert plain is not None
    assert plain.statements is not None
    assert len(canonicalize(document, contexts=OURS)) > MOST_KEPT
    assert read(document, contexts=OURS, states=True).walked is None
    assert read({**diploma(), "name": "n" * SMALL}, states=True).walked is None


def test_what_the_context_of_a_type_gives_a_meaning_is_read_by_it() -> None:
    """The signature covers a text and an IRI there, and no objects that could say something else."""
    document = {
        "@context": CONTEXT,
        "type": ["Kind", "Odd"],
        "aWord": {"aValue": "x"},
        "aLink": {"id": "pre2:x"},
    }
    claims = read(document, contexts=OURS).claims
    assert (claims["aWord"], claims["aLink"]) == ("x", {"id": "urn:pre2:x"})
    assert b'<urn:ex:aWord> "x"' in canonicalize(document, contexts=OURS)


@pytest.mark.parametrize("types", [{"Kind": "x"}, [{"Kind": "x"}], None, [None], 1, [], ["Kind", 1]])
def test_what_is_no_type_is_not_taken_for_those_that_were_met_before(types: Any) -> None:
    for honest in (["Kind"], "Kind", []):
        read({"@context": CONTEXT, "type": honest, "aWord": "x"}, contexts=OURS)
    document = {"@context": CONTEXT, "type": types, "aWord": "x"}
    walk = Walk(OURS, Meter(), NOTHING)
    assert plainly(walk, document, states=True) is None or types == []
