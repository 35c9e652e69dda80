"""Documents to statements: what each kind of value becomes, and every way of losing something, refused."""

from __future__ import annotations

import functools
import subprocess
import sys
from typing import Any

import pytest

from tests.fuzz.oracles import by_pyld, by_pyoxigraph
from vc.vcdm import jsonld
from vc.vcdm.jsonld import InvalidDocument, LossyDocument, vendored
from wire.problem import Malformed

# JSON-LD as it is, whatever a property is called
canonicalize = functools.partial(jsonld.canonicalize, contexts=vendored())

XSD = "http://www.w3.org/2001/XMLSchema#"
V = {
    "@vocab": "urn:v:",
    "id": "@id",
    "type": "@type",
    "ref": {"@type": "@id"},
    "list": {"@container": "@list"},
    "graph": {"@container": "@graph"},
    "texts": {"@container": "@language"},
    "json": {"@type": "@json"},
    "double": {"@type": XSD + "double"},
    "date": {"@type": XSD + "date"},
    "term": {"@type": "@vocab"},
    "gone": None,
    "back": {"@reverse": "urn:v:forth"},
}


def text(**members: Any) -> str:
    return canonicalize({"@context": V, "id": "urn:s", **members}).decode()


def value(content: Any, key: str = "p") -> str:
    """What one value becomes."""
    return text(**{key: content}).removeprefix(f"<urn:s> <urn:v:{key}> ").removesuffix(" .\n")


@pytest.mark.parametrize(
    ("content", "key", "expected"),
    [
        ("x", "p", '"x"'),
        ("", "p", '""'),
        ('a"b\\c\n\r\t\b\f\x00\x1f\x7f', "p", r'"a\"b\\c\n\r\t\b\f\u0000\u001F\u007F"'),
        ("\u2028é😀\ue000", "p", '"\u2028é😀\ue000"'),
        (True, "p", f'"true"^^<{XSD}boolean>'),
        (False, "p", f'"false"^^<{XSD}boolean>'),
        (0, "p", f'"0"^^<{XSD}integer>'),
        (5.0, "p", f'"5"^^<{XSD}integer>'),
        (-(2**53) + 1, "p", f'"-9007199254740991"^^<{XSD}integer>'),
        (1.3, "p", f'"1.3E0"^^<{XSD}double>'),
        (-0.25, "p", f'"-2.5E-1"^^<{XSD}double>'),
        (1.5e-10, "p", f'"1.5E-10"^^<{XSD}double>'),
        (84.63349, "p", f'"8.463348999999999E1"^^<{XSD}double>'),
        (3, "double", f'"3.0E0"^^<{XSD}double>'),
        ("3.0E0", "double", f'"3.0E0"^^<{XSD}double>'),
        (3, "date", f'"3"^^<{XSD}date>'),
        (True, "date", f'"true"^^<{XSD}date>'),
        ("2026-01-01", "date", f'"2026-01-01"^^<{XSD}date>'),
        ("urn:x", "ref", "<urn:x>"),
        ({"id": "urn:x"}, "ref", "<urn:x>"),
        ({"id": "urn:x"}, "p", "<urn:x>"),
        (7, "ref", f'"7"^^<{XSD}integer>'),
        ("other", "term", "<urn:v:other>"),
        ("did:example:1#key", "term", "<did:example:1#key>"),
        ({"@value": "x"}, "p", '"x"'),
        ({"@value": 2}, "p", f'"2"^^<{XSD}integer>'),
        ({"@value": "x", "@type": "urn:t"}, "p", '"x"^^<urn:t>'),
        ({"@value": "x", "type": "kind"}, "p", '"x"^^<urn:v:kind>'),
        ({"@value": "x", "@type": XSD + "string"}, "p", '"x"'),
        ({"@value": 2.5, "@type": XSD + "decimal"}, "p", f'"2.5E0"^^<{XSD}decimal>'),
        ({"@value": "x", "@language": "De-CH"}, "p", '"x"@de-ch'),
        ({"@value": "x", "@direction": "ltr"}, "p", '"x"^^<https://www.w3.org/ns/i18n#_ltr>'),
        ({"@value": "x", "@language": "he", "@direction": "rtl"}, "p", '"x"^^<https://www.w3.org/ns/i18n#he_rtl>'),
        ({"@value": {"b": 1, "a": None}, "@type": "@json"}, "p",
         r'"{\"a\":null,\"b\":1}"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON>'),
        ([1, "é"], "json", r'"[1,\"é\"]"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON>'),
        ([], "list", "<http://www.w3.org/1999/02/22-rdf-syntax-ns#nil>"),
        ({"@list": []}, "p", "<http://www.w3.org/1999/02/22-rdf-syntax-ns#nil>"),
        (["x", "x", None], "p", '"x"'),
        ({"@set": ["x"]}, "p", '"x"'),
        ({"en": "x"}, "texts", '"x"@en'),
        ({"@none": ["x"]}, "texts", '"x"'),
        ("x", "texts", '"x"'),
    ],
)  # fmt: skip
@pytest.mark.quick(every=4)
def test_values(content: Any, key: str, expected: str) -> None:
    assert value(content, key) == expected


LOSSY = [
    # undefined and dropped names
    ({"@context": None, "name": "x"}, "/name"),
    ({"gone": "x"}, "/gone"),
    ({"@foo": "x"}, "/@foo"),
    ({"has space": "x"}, "/has space"),
    ({"_:p": "x"}, "/_:p"),
    ({"": "x", "@context": None}, "/"),
    ({"type": "gone"}, "/type"),
    ({"type": "@foo"}, "/type"),
    ({"type": "_:t"}, "/type"),
    ({"@context": None, "@type": "relative"}, "/@type"),
    ({"type": ["T", "a b"]}, "/type"),
    ({"p": {"@value": "x", "@type": "gone"}}, "/p"),
    ({"p": {"@value": "x", "@type": "_:t"}}, "/p"),
    ({"term": "gone"}, "/term"),
    ({"term": "type"}, "/term"),
    ({"@context": {"t": {"@id": "urn:t", "@type": "@vocab"}}, "t": "relative"}, "/t"),
    # identifiers
    ({"id": "relative"}, "/id"),
    ({"id": ""}, "/id"),
    ({"id": "#x"}, "/id"),
    ({"id": "/x"}, "/id"),
    ({"id": "not an iri"}, "/id"),
    ({"id": "urn:a b"}, "/id"),
    ({"id": "urn:<x>"}, "/id"),
    ({"id": "urn:\n"}, "/id"),
    ({"id": "urn:\\"}, "/id"),
    ({"id": "urn:`"}, "/id"),
    ({"id": "urn:{}"}, "/id"),
    ({"id": "_:b0"}, "/id"),
    ({"id": None}, "/id"),
    ({"id": 1}, "/id"),
    ({"id": ["urn:x"]}, "/id"),
    ({"id": {}}, "/id"),
    ({"id": "1a:b"}, "/id"),
    ({"ref": "relative"}, "/ref"),
    ({"ref": ["urn:x", "y"]}, "/ref/1"),
    ({"ref": "_:b"}, "/ref"),
    ({"ref": {"id": "y"}}, "/ref/id"),
    ({"p": {"q": [{"id": "urn:ok"}, {"id": "bad"}]}}, "/p/q/1/id"),
    ({"p": {"a/b~c": {"id": "bad"}}}, "/p/a~1b~0c/id"),
    # values that would vanish or move
    ({"list": [1, None, 2]}, "/list"),
    ({"p": {"@list": [None]}}, "/p"),
    ({"p": [["a"], ["b"]]}, "/p/0"),
    ({"p": [{"@set": ["a"]}]}, "/p/0"),
    ({"p": {"@value": "x", "@index": "i"}}, "/p"),
    ({"p": {"@index": "i", "q": 1}}, "/p/@index"),
    ({"p": 0.1 + 0.2}, "/p"),
    ({"p": {"@value": 100.00000000000001, "@type": "urn:t"}}, "/p"),
    # objects that say nothing and that nothing points to
    ({}, ""),
    ({"p": None}, ""),
    ({"p": []}, ""),
    ({"graph": {}}, "/graph"),
    ({"graph": {"id": "urn:x"}}, "/graph"),
    ({"graph": "urn:x"}, "/graph"),
    ({"graph": [{"p": 1}, {"p": None}]}, "/graph"),
    ({"@graph": [{"id": "urn:x"}]}, "/@graph"),
    ({"@graph": ["x"]}, "/@graph"),
    ({"@graph": []}, ""),
    ({"id": "urn:s", "@graph": []}, ""),
    ({"texts": {}}, ""),
]

INVALID = [
    {"type": 1},
    {"type": None},
    {"type": {}},
    {"type": [1]},
    {"type": [{}]},
    {"type": [["T"]]},
    {"type": ["T", None]},
    {"type": "T", "@type": "T"},
    {"id": "urn:a", "@id": "urn:a"},
    {"@value": "x"},
    {"@list": ["x"]},
    {"@set": ["x"]},
    {"@language": "en"},
    {"p": {"@language": "en"}},
    {"@none": 1},
    {"p": {"@value": None}},
    {"p": {"@value": []}},
    {"p": {"@value": {}}},
    {"p": {"@value": "x", "q": 1}},
    {"p": {"@value": "x", "@type": "urn:t", "@language": "en"}},
    {"p": {"@value": 1, "@language": "en"}},
    {"p": {"@value": "x", "@language": "not a tag"}},
    {"p": {"@value": "x", "@language": None}},
    {"p": {"@value": "x", "@type": None}},
    {"p": {"@value": "x", "@type": ["urn:t"]}},
    {"p": {"@value": "x", "@direction": "up"}},
    {"p": {"@value": "x", "@type": "urn:t", "type": "urn:t"}},
    {"p": {"@value": "x", "@id": "urn:x"}},
    {"p": {"@value": "x", "@context": {}}},
    {"p": {"@list": [1], "q": 2}},
    {"p": {"@set": [1], "q": 2}},
    {"p": {"@value": "x", "@type": "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"}},
    {"graph": {"@value": "x"}},
    {"graph": {"@list": []}},
    {"@graph": {"p": 1}, "q": None},
    {"texts": {"en": 1}},
    {"texts": {"en": None}},
    {"texts": {"not a tag": "x"}},
    {"texts": [{"en": "x"}, ["y"]]},
    {"@reverse": []},
    {"@reverse": {"p": "literal"}},
    {"@reverse": {"type": "T"}},
    {"@reverse": {"p": {"@value": 1}}},
    {"@reverse": {"p": {"@list": []}}},
    {"back": "literal"},
    {"@nest": "x"},
    {"@nest": {"id": "urn:x"}},
    {"@nest": {"type": "T"}},
    {"@nest": {"@context": {}}},
    {"@included": [{"p": 1}]},
    {"@context": {"m": {"@id": "urn:m", "@container": "@index"}}, "m": {"a": 1}},
    {"@context": {"m": {"@id": "urn:m", "@container": "@type"}}, "m": {"urn:t": {"urn:p": 1}}},
    {"@context": {"m": {"@id": "urn:m", "@container": "@id"}}, "m": {"urn:i": {"urn:p": 1}}},
    {"@context": {"m": {"@id": "urn:m", "@container": ["@graph", "@id"]}}, "m": {"urn:i": {"urn:p": 1}}},
    {"@context": {"m": {"@reverse": "urn:m", "@container": "@index"}}, "m": {"a": {}}},
    # on these, processors disagree
    {"p": 2**53},
    {"p": -(2**53)},
    {"p": 1e20},
    {"p": 1e22},
    {"p": float("nan")},
    {"p": float("inf")},
    {"p": 1e-7},
    {"p": 5e-300},
    {"p": -0.0},
    {"double": "3"},
    {"double": "3.0"},
    {"double": "x"},
    {"double": "nan"},
    {"p": "\ufffe"},
    {"p": "a\uffff\n"},
]


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(("members", "pointer"), LOSSY, ids=str)
def test_lossy(members: dict[str, Any], pointer: str) -> None:
    with pytest.raises(LossyDocument) as caught:
        canonicalize({"@context": V, **members})
    assert caught.value.detail.startswith(f"at {pointer}: " if pointer else "at the top: ")
    assert str(caught.value) == caught.value.detail


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("members", INVALID, ids=str)
def test_invalid(members: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocument):
        canonicalize({"@context": V, "urn:more": 1, **members})


def test_a_problem_says_where_and_what_but_not_who() -> None:
    with pytest.raises(LossyDocument) as caught:
        text(credentialSubject={"name": "Zoë", "ref": "zoe@home"})
    assert caught.value.detail == "at /credentialSubject/ref: an id or reference is not an absolute IRI"
    assert "scheme" in caught.value.hint
    with pytest.raises(LossyDocument) as caught:
        canonicalize({"@context": None, "x" * 1000: 1})
    assert len(caught.value.detail) < 300


def test_lone_surrogates() -> None:
    for members in {"p": "\ud800"}, {"p": {"q": "\udfff"}}, {"json": ["\ud800"]}:
        with pytest.raises(Malformed):
            text(**members)


SAME_AS_OTHERS = [
    {"@context": V, "graph": {"p": 1, "q": {"r": 2}}},
    {"@context": V, "graph": [{"id": "urn:a", "p": 1}, {"p": {"graph": {"p": 1}}}]},
    {"@context": V, "@graph": [{"id": "urn:a", "p": 1}, {"q": 2}]},
    {"@context": V, "@graph": {"p": 1}, "q": []},
    {"@context": V, "id": "urn:g", "@graph": [{"p": 1}]},
    {"@context": V, "type": "T", "@graph": [{"p": {"q": 1}}]},
    {"@context": V, "p": {"id": "urn:g", "@graph": [{"p": 1}]}, "q": {"id": "urn:g", "@graph": [{"p": 2}]}},
    {"@context": V, "list": [1, "a", {"p": 1}, {"id": "urn:x"}, True]},
    {"@context": V, "list": [[1, 2], [], [[3]]]},
    {"@context": V, "p": [{"@list": [1]}, {"@list": [1]}, {"@list": []}]},
    {"@context": V, "list": {"@list": [1, 2]}, "p": {"@list": 1}},
    {"@context": V, "p": [{}, {}, {"q": {}}, {"q": {}}]},
    {"@context": V, "p": {"@nest": {"q": 1}, "r": 2, "nested": 3}},
    {"@context": {"@vocab": "urn:v:", "n": "@nest"}, "n": [{"a": 1}, {"b": 2}]},
    {
        "@context": {"@vocab": "urn:v:", "val": "@value", "l": "@list", "lang": "@language"},
        "p": {"val": "x", "lang": "en"},
        "q": {"l": [1]},
    },
    {
        "@context": [{"@vocab": "urn:v:"}, {"@vocab": "urn:w:"}],
        "p": {"@context": {"@vocab": "urn:x:"}, "q": {"r": 1}},
    },
]


@pytest.mark.quick(every=2)
@pytest.mark.parametrize("document", SAME_AS_OTHERS, ids=str)
def test_same_as_others(document: dict[str, Any]) -> None:
    ours = canonicalize(document).decode()
    assert ours == by_pyld(document)
    assert ours == by_pyoxigraph(document)


@pytest.mark.parametrize(
    "members",
    [
        {"back": {"id": "urn:x"}}, {"back": [{"p": 1}, {"id": "urn:y", "q": 2}]},
        {"@reverse": {"forth": [{"p": 1}, {"id": "urn:x"}]}}, {"@reverse": {"ref": "urn:x"}},
        {"p": {"@reverse": {"q": {"r": 1}}}},
    ],
    ids=str,
)  # fmt: skip
def test_reverse(members: dict[str, Any]) -> None:
    """pyoxigraph is left out: some of these make it abort the process."""
    document = {"@context": V, "id": "urn:s", **members}
    assert canonicalize(document).decode() == by_pyld(document)


def test_the_order_of_members_and_sets_does_not_matter() -> None:
    assert text(a=["x", {"b": 1}], type=["T", "U"]) == text(type=["U", "T"], a=[{"b": 1}, "x", "x", None])
    assert text(list=["x", "y"]) != text(list=["y", "x"])


def test_statements_are_given_once() -> None:
    assert text(p=["", {"@value": "", "@type": XSD + "string"}]).count("\n") == 1
    assert text(list=[], p=[{"@list": []}, {"@list": []}]).count("\n") == 2


def test_sorted_by_code_point() -> None:
    """jsonld.js sorts by UTF-16 units, in which an astral letter comes before U+E000."""
    assert text(p=["\ue000", "\U00010000"]).splitlines() == [
        '<urn:s> <urn:v:p> "\ue000" .', '<urn:s> <urn:v:p> "\U00010000" .',
    ]  # fmt: skip


def test_the_other_hash() -> None:
    document = {"@context": V, "p": [{"q": number} for number in range(9)]}
    assert canonicalize(document, digest="sha384") != canonicalize(document)


@pytest.mark.slow
def test_pyld_is_not_needed() -> None:
    code = (
        "import sys; from vc.vcdm.jsonld import canonicalize; "
        "canonicalize({'@context': 'https://www.w3.org/ns/credentials/v2', 'type': 'VerifiableCredential',"
        "'issuer': 'urn:i'}); assert not {'pyld', 'lxml', 'pyoxigraph'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
