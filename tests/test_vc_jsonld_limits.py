"""Documents made to cost: each is refused, or done, in little time and with bounded memory."""

from __future__ import annotations

import functools
import json
import math
import tracemalloc
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from tests.calls import calls
from tests.problems import raises
from vc.vcdm import jsonld
from vc.vcdm.jsonld import INVALID_CONTEXT, TOO_COMPLEX, Contexts, Documents, InvalidDocument, vendored
from vc.vcdm.jsonld.context import KEPT, MOST, ActiveContext
from wire import jcs
from wire.problem import Problem, TooLarge
from wire.work import FILE_STEPS, Work

# JSON-LD as it is, whatever a property is called
canonicalize = functools.partial(jsonld.canonicalize, contexts=vendored())

V = {"@vocab": "urn:v:"}


def nested(levels: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = {"leaf": 1}
    for _ in range(levels):
        value = wrap(value)
    return value


LONG = "urn:x:" + "a" * 60_000
TAG = "-".join(["aaaaaaaa"] * 33_000)
AMPLIFYING: dict[str, Callable[[], dict[str, Any]]] = {
    "an id of 300,000 characters with each of 5,000 values": lambda: {
        "@context": V, "@id": "urn:x:" + "a" * 300_000, "p": [str(number) for number in range(5_000)],
    },
    "an id of 2,000 characters with each of 100,000 values": lambda: {
        "@context": V, "@id": "urn:x:" + "a" * 2_000, "p": list(range(100_000)),
    },
    "a datatype of 60,000 characters with each of 5,000 values": lambda: {
        "@context": {"p": {"@id": "urn:p", "@type": LONG}}, "p": [str(number) for number in range(5_000)],
    },
    "a prefix of 60,000 characters before each of 3,000 keys": lambda: {
        "@context": {"p": {"@id": LONG, "@prefix": True}}, **{f"p:{number}": 1 for number in range(3_000)},
    },
    "a prefix of 60,000 characters before each of 5,000 ids": lambda: {
        "@context": [V, {"p": {"@id": LONG, "@prefix": True}}],
        "q": [{"@id": f"p:{number}"} for number in range(5_000)],
    },
    "a vocabulary of 60,000 characters": lambda: {"@context": {"@vocab": LONG}, "p": list(range(5_000))},
    "a key of 60,000 characters with each of 5,000 values": lambda: {"@context": V, LONG: list(range(5_000))},
    "a language of 300,000 characters with each of 3,000 values": lambda: {
        "@context": {"p": {"@id": "urn:p", "@language": TAG}}, "p": [str(number) for number in range(3_000)],
    },
    "a default language of 300,000 characters": lambda: {
        "@context": [V, {"@language": TAG}], "p": [str(number) for number in range(3_000)],
    },
    "a language map with 3,000 texts under one long language": lambda: {
        "@context": {"p": {"@id": "urn:p", "@container": "@language"}},
        "p": {TAG: [str(number) for number in range(3_000)]},
    },
    "a language of 300,000 characters with a direction": lambda: {
        "@context": [{"@language": TAG, "@direction": "rtl"}, {"p": {"@id": "urn:p", "@direction": "rtl"}}],
        "p": [str(number) for number in range(3_000)],
    },
    "names of 250 letters of four bytes each": lambda: {
        "@context": {"p": {"@id": "urn:" + "\U00010400" * 250, "@type": "urn:" + "\U00010400" * 250}},
        "@id": "urn:" + "\U00010400" * 250,
        "p": [str(number) for number in range(100_000)],
    },
    "60,000 objects with such names": lambda: {
        "@context": {"p": {"@id": "urn:" + "\U00010400" * 250}, "q": "urn:" + "\U00010400" * 250},
        "p": [{"q": number} for number in range(60_000)],
    },
    "60,000 objects under 6,000 aliases of @id": lambda: {
        "@context": V | {f"a{number}": "@id" for number in range(6_000)},
        "p": [{"p": number} for number in range(60_000)],
    },
}  # fmt: skip
"""Each is made by the test that takes it: what is in memory, every fork of other tests copies."""
COSTLY: dict[str, Callable[[], dict[str, Any]]] = {
    **AMPLIFYING,
    "a context in each of 20,000 objects": lambda: {
        "@context": V,
        "p": [{"@context": {f"t{number}": "urn:t"}, "x": 1} for number in range(20_000)],
    },
    "each on top of 2,000 terms": lambda: {
        "@context": V | {f"t{number}": "urn:t" for number in range(2_000)},
        "p": [{"@context": {f"u{number}": "urn:t"}} for number in range(20_000)],
    },
    "one context of a million bytes": lambda: {
        "@context": {f"{number:0990}": "urn:t" for number in range(1_000)}, "urn:p": 1,
    },
    "a long key": lambda: {"@context": V, **{f"{number:0100000}": 1 for number in range(15)}},
    "a long type": lambda: {"@context": V, "@type": [f"{number:0100000}" for number in range(15)]},
    "60,000 equal objects": lambda: {"@context": V, "p": [{"x": 1} for _ in range(60_000)]},
    "a list of 20,000 equal items": lambda: {"@context": V, "p": {"@list": [0] * 20_000}},
    "120 objects in each other": lambda: nested(120, lambda value: {"@context": V, "p": value}),
    "120 lists in each other": lambda: {"@context": V, "p": {"@list": nested(120, lambda value: [value])}},
    "120 @nest in each other": lambda: {"@context": V, **nested(120, lambda value: {"@nest": value})},
    "120 graphs in each other": lambda: {"@context": V, **nested(120, lambda value: {"@graph": [value]})},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", COSTLY)
def test_costly_documents_are_refused(name: str) -> None:
    """Within the steps that a document has; what a step is worth is for bench/hostile.py."""
    document = COSTLY[name]()
    with raises((TooLarge, INVALID_CONTEXT)):
        canonicalize(document)


@pytest.mark.slow
@pytest.mark.parametrize("name", AMPLIFYING)
def test_a_little_input_takes_little_memory(name: str) -> None:
    document = AMPLIFYING[name]()
    tracemalloc.start()
    try:
        with raises((TooLarge, INVALID_CONTEXT)):
            canonicalize(document)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000_000


def test_every_combination_of_types_of_the_vendored_contexts() -> None:
    """What a hostile document can ask for without bringing a context: many combinations of known types."""
    contexts = Contexts(Documents())
    urls = [
        "https://www.w3.org/2018/credentials/v1",
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.1.json",
    ]
    assert canonicalize({"@context": urls, "type": "VerifiableCredential"}, contexts=contexts)
    (active,) = contexts.root.embedded.values()
    types = [name for name, term in active.terms.items() if name[0].isupper() and term.iri]
    rng = Random(1)
    subjects = [{"type": rng.sample(types, 3)} for _ in range(9_000)]
    with pytest.raises(Problem):
        canonicalize({"@context": urls, "credentialSubject": subjects}, contexts=contexts)


@pytest.mark.slow
def test_wide_documents_are_linear() -> None:
    def made(width: int) -> int:
        document = {"@context": V, "p": [{"@graph": [{"x": number}]} for number in range(width)]}
        return calls(lambda: canonicalize(document))

    made(10)
    assert made(8_000) < 9 * made(1_000)  # linear: 8, quadratic: 64


def everything(contexts: Contexts) -> tuple[int, int]:
    """How many active contexts are remembered, and how many entries on them."""
    seen: dict[int, ActiveContext] = {}
    waiting = [contexts.root]
    while waiting:
        active = waiting.pop()
        if id(active) in seen:
            continue
        seen[id(active)] = active
        waiting += active.embedded.values()
        waiting += [inside for inside, _, _ in active.typed.values()]
        waiting += [plan.node for plan in active.plans.values()] + [
            plan.scalar for plan in active.plans.values()
        ]
        waiting += [active.previous] if active.previous else []
    entries = sum(
        len(active.terms) + len(active.plans) + len(active.typed) + len(active.embedded)
        for active in seen.values()
    )
    return len(seen), entries


@pytest.mark.slow
def test_what_is_remembered_is_bounded() -> None:
    contexts = Contexts(Documents())
    highest = 0
    for number in range(300):
        terms = {f"t{number}x{term}": f"urn:{term}" for term in range(400)}
        members = {f"t{number}x{term}": {"@type": f"urn:t{term}", "free": 1} for term in range(100)}
        canonicalize({"@context": [V, terms], **members}, contexts=contexts)
        highest = max(highest, everything(contexts)[1])
    assert highest > 20_000  # it does remember
    assert highest <= KEPT + MOST


def test_a_known_document_adds_nothing() -> None:
    document = {"@context": ["https://www.w3.org/ns/credentials/v2", V], "@type": "T", "p": {"q": ["x"]}}
    contexts = Contexts(Documents())
    canonicalize(document, contexts=contexts)
    before = everything(contexts)
    for value in range(50):
        canonicalize({**document, "p": {"q": [value, str(value)]}}, contexts=contexts)
    assert everything(contexts) == before


def test_a_form_that_recurs_is_that_of_this_document_and_these_contexts() -> None:
    def recurring(document: dict[str, Any], contexts: Contexts) -> tuple[bytes, int]:
        work = Work()
        return jsonld.canonicalize(document, contexts=contexts, work=work, recurs=True), work.left

    document = {"@context": "urn:c", "p": [{"q": "x"}, {"q": "x"}], "r": None}
    one, other = (
        Contexts(Documents({"urn:c": {"@context": {"@vocab": vocab}}})) for vocab in ("urn:v:", "urn:w:")
    )
    jsonld.canonicalize(document, contexts=one)  # what is charged for its context, is so but once
    first = recurring(document, one)
    kept = one.forms.get((jcs.canonicalize(document), "sha256"))
    assert kept is not None
    assert kept[0] == first[0]
    assert recurring(document, one) == recurring({**document}, one) == first
    assert recurring(document, other)[0] == first[0].replace(b"urn:v:", b"urn:w:")
    for change in ({"p": [{"q": "x"}, {"q": "y"}]}, {"r": 0}, {"p": "x"}):
        altered = {**document, **change}
        assert recurring(altered, one)[0] == jsonld.canonicalize(altered, contexts=one) != first[0]
    for nothing in (math.nan, (), -0.0):  # which some writers take for what is remembered
        with pytest.raises(InvalidDocument):
            recurring({**document, "r": nothing}, one)


def test_forms_that_recur_are_remembered_in_bounded_memory() -> None:
    contexts = Contexts(Documents())
    documents = [{"@context": V, "p": f"{number:01000}"} for number in range(400)]
    forms = [canonicalize(document, contexts=contexts, recurs=True) for document in documents]
    keys = [(jcs.canonicalize(document), "sha256") for document in documents]
    kept = [len(key[0]) + len(form) for key, form in zip(keys, forms, strict=True) if contexts.forms.get(key)]
    assert 1 << 18 < sum(kept) < 1 << 19
    assert contexts.forms.get(keys[-1])
    assert not contexts.forms.get(keys[0])


@pytest.mark.slow
def test_a_refused_document_is_paid_for() -> None:
    """Also what a failing document added is counted, or failing documents could fill the memory."""
    contexts = Contexts(Documents())
    for number in range(300):
        with pytest.raises(Problem):
            canonicalize(
                {"@context": {f"t{number}x{term}": "urn:t" for term in range(400)}, "undefined": 1},
                contexts=contexts,
            )
    assert everything(contexts)[1] <= KEPT + MOST


def test_the_limit_of_the_caller() -> None:
    document = {"@context": V, "p": [{"q": [{"r": 1}, {"r": 1}]}, {"q": [{"r": 1}, {"r": 1}]}]}
    assert canonicalize(document)
    work = Work()  # for a document whose contexts are known
    assert canonicalize(document, work=work)
    with raises(TOO_COMPLEX):  # the last ones are for the text
        canonicalize(document, work=Work(FILE_STEPS - work.left - 10))
    with pytest.raises(TooLarge):
        canonicalize(document, work=Work(30))


def test_equal_objects_are_welcome_in_decent_numbers() -> None:
    """An address or an image without id is often written twice."""
    for count in 2, 10, 60:
        document = {"@context": V, "p": [{"address": {"city": "Utopia"}} for _ in range(count)]}
        assert canonicalize(document).count(b"\n") == 3 * count


def test_the_shared_contexts_are_shared() -> None:
    assert vendored() is vendored()
    assert json.dumps(V)  # the documents above are JSON


def test_a_picture_may_be_an_id() -> None:
    """Open Badges 3.0 lets the id of an image be a data: URL."""
    picture = "data:image/png;base64," + "A" * 500_000
    image = {"@id": picture, "@type": "Image", "caption": "Seal"}
    document = {"@context": V, "image": [image] * 3, "p": [str(number) for number in range(1_000)]}
    assert canonicalize(document).count(picture.encode()) == 3
