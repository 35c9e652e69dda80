"""What contexts may do: JSON-LD 1.1 context processing, rule by rule, and what it refuses."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from tests.fuzz.oracles import by_pyld
from tests.problems import raises
from vc.vcdm import jsonld
from vc.vcdm.jsonld import INVALID_CONTEXT, InvalidDocument, LossyDocument, vendored

# JSON-LD as it is, whatever a property is called
canonicalize = functools.partial(jsonld.canonicalize, contexts=vendored())

EX = "http://ex.org/"
XSD = "http://www.w3.org/2001/XMLSchema#"
I18N = "https://www.w3.org/ns/i18n#"
JSON = "http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON"


def lines(context: Any, **members: Any) -> set[str]:
    """The canonical lines about the one subject, without it and the full stop."""
    text = canonicalize({"@context": context, "@id": "urn:s", **members}).decode()
    return {line.removeprefix("<urn:s> ").removesuffix(" .") for line in text.splitlines()}


@pytest.mark.parametrize(
    ("context", "members", "expected"),
    [
        ({"p": EX + "p"}, {"p": "x"}, f'<{EX}p> "x"'),
        ({"ex": EX}, {"ex:p": "x"}, f'<{EX}p> "x"'),
        ({"ex": EX, "p": "ex:p"}, {"p": "x"}, f'<{EX}p> "x"'),
        ({"p": "ex:p", "ex": EX}, {"p": "x"}, f'<{EX}p> "x"'),
        ({"ex": EX, "ex:p": {"@type": "@id"}}, {"ex:p": "urn:x"}, f"<{EX}p> <urn:x>"),
        ({"ex": {"@id": EX, "@prefix": False}}, {"ex:p": "x"}, '<ex:p> "x"'),
        ({"ex": {"@id": EX + "x", "@prefix": True}}, {"ex:p": "x"}, f'<{EX}xp> "x"'),
        ({"ex": EX + "x"}, {"ex:p": "x"}, '<ex:p> "x"'),  # not a prefix: ends in a letter
        ({"http": "urn:evil:"}, {"http://p": "x"}, '<http://p> "x"'),
        ({"_": {"@id": EX, "@prefix": True}, "p": EX + "p"}, {"p": "x"}, f'<{EX}p> "x"'),
        ({"@vocab": EX}, {"p": "x"}, f'<{EX}p> "x"'),
        ([{"ex": EX}, {"@vocab": "ex:v/"}], {"p": "x"}, f'<{EX}v/p> "x"'),
        ({"@vocab": EX, "p": {"@type": EX + "t"}}, {"p": "x"}, f'<{EX}p> "x"^^<{EX}t>'),
        ([{"@vocab": EX}, {"@vocab": None, "p": EX + "q"}], {"p": "x"}, f'<{EX}q> "x"'),
        ([{"p": EX + "q"}, None, {"p": EX + "p"}], {"p": "x"}, f'<{EX}p> "x"'),
        ({"@base": EX, "p": EX + "p"}, {"p": "x"}, f'<{EX}p> "x"'),
        ({"@base": None, "p": EX + "p"}, {"p": "x"}, f'<{EX}p> "x"'),
        ({"@language": "EN-GB", "@vocab": EX}, {"p": "x"}, f'<{EX}p> "x"@en-gb'),
        ([{"@language": "en", "@vocab": EX}, {"@language": None}], {"p": "x"}, f'<{EX}p> "x"'),
        ({"@language": "en", "p": {"@id": EX + "p", "@language": None}}, {"p": "x"}, f'<{EX}p> "x"'),
        ({"p": {"@id": EX + "p", "@language": "de"}}, {"p": "x"}, f'<{EX}p> "x"@de'),
        ({"p": {"@id": EX + "p", "@language": "de"}}, {"p": 1}, f'<{EX}p> "1"^^<{XSD}integer>'),
        ({"p": {"@id": EX + "p", "@direction": "rtl"}}, {"p": "x"}, f'<{EX}p> "x"^^<{I18N}_rtl>'),
        ({"@language": "ar", "@direction": "rtl", "@vocab": EX}, {"p": "x"}, f'<{EX}p> "x"^^<{I18N}ar_rtl>'),
        ([{"@direction": "rtl", "@vocab": EX}, {"@direction": None}], {"p": "x"}, f'<{EX}p> "x"'),
        ({"p": {"@id": EX + "p", "@type": XSD + "string"}}, {"p": "x"}, f'<{EX}p> "x"'),
        ({"@language": "en", "p": {"@id": EX + "p", "@type": "@none"}}, {"p": "x"}, f'<{EX}p> "x"@en'),
        ({"v": {"@id": EX + "p", "@type": "@vocab"}, "y": EX + "y"}, {"v": "y"}, f"<{EX}p> <{EX}y>"),
        ({"@vocab": EX, "v": {"@id": EX + "p", "@type": "@vocab"}}, {"v": "y"}, f"<{EX}p> <{EX}y>"),
        ({"v": {"@id": EX + "p", "@type": "@vocab"}}, {"v": "urn:y"}, f"<{EX}p> <urn:y>"),
        ({"j": {"@id": EX + "p", "@type": "@json"}}, {"j": None}, f'<{EX}p> "null"^^<{JSON}>'),
        ({"@version": 1.1, "@protected": True, "p": EX + "p"}, {"p": "x"}, f'<{EX}p> "x"'),
        ({"@type": {"@container": "@set", "@protected": True}, "p": EX + "p"}, {"p": "x"}, f'<{EX}p> "x"'),
        ({"p": {"@id": EX + "p", "@nest": "n"}, "n": "@nest"}, {"n": {"p": "x"}}, f'<{EX}p> "x"'),
    ],
)  # fmt: skip
@pytest.mark.quick(every=4)
def test_terms(context: Any, members: dict[str, Any], expected: str) -> None:
    assert lines(context, **members) == {expected}


@pytest.mark.parametrize(
    "context",
    [
        1, True, [1], {"@version": 1.0}, {"@version": "1.1"}, {"@version": None}, {"@import": "urn:x"},
        {"@base": 1}, {"@vocab": 1}, {"@vocab": "relative"}, {"@vocab": ""}, {"@vocab": "_:b"},
        {"@vocab": "ex:v", "ex": EX}, {"@language": 1}, {"@language": "not a tag"}, {"@direction": "up"},
        {"@propagate": 1}, [{"@propagate": False}], {"@protected": 1, "p": EX},
        {"": EX}, {"@id": EX}, {"@context": 1}, {"@type": EX}, {"@type": {}}, {"@type": {"@id": EX}},
        {"@type": {"@container": "@list"}},
        {"p": 1}, {"p": []}, {"p": {"@id": 1}}, {"p": {"@id": "relative"}}, {"p": "@foo"}, {"p": "@context"},
        {"p": {}}, {"p": {"@id": EX, "unknown": 1}}, {"p": {"@id": EX, "@protected": 1}},
        {"p": {"@id": EX, "@type": 1}}, {"p": {"@id": EX, "@type": "relative"}},
        {"p": {"@id": EX, "@type": "_:b"}},
        {"p": {"@id": EX, "@type": "@set"}}, {"p": {"@id": EX, "@type": None}},
        {"p": {"@id": EX, "@container": "@foo"}}, {"p": {"@id": EX, "@container": 1}},
        {"p": {"@id": EX, "@container": ["@list", "@set"]}},
        {"p": {"@id": EX, "@container": ["@list", "@index"]}},
        {"p": {"@id": EX, "@container": "@type", "@type": EX}},
        {"p": {"@id": EX, "@language": 1}}, {"p": {"@id": EX, "@direction": 1}},
        {"p": {"@id": EX, "@nest": 1}},
        {"p": {"@id": EX, "@index": "urn:i"}}, {"p": {"@id": EX, "@container": "@index", "@index": 1}},
        {"p": {"@id": EX, "@prefix": 1}}, {"ex:p": {"@id": "ex:p", "@prefix": True}},
        {"p": {"@reverse": EX, "@id": EX}}, {"p": {"@reverse": EX, "@nest": "n"}}, {"p": {"@reverse": 1}},
        {"p": {"@reverse": EX, "@container": "@list"}}, {"p": {"@reverse": "relative"}},
        {"a": "b:x", "b": "a:y"}, {"a": "a:y"}, {"ex": EX, "ex:p": "urn:other"},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.quick(every=4)
def test_invalid(context: Any) -> None:
    with raises(INVALID_CONTEXT):
        canonicalize({"@context": context, "urn:p": "x"})


def test_reserved_terms_have_no_meaning() -> None:
    """Terms like keywords are ignored by the specification; here whoever uses one is told."""
    context = {"@foo": EX + "p"}
    assert canonicalize({"@context": context, "urn:p": "x"})
    with pytest.raises(LossyDocument):
        canonicalize({"@context": context, "@foo": "x"})


PROTECTED = {"@protected": True, "p": EX + "p", "type": "@type"}
TYPED = {"type": "@type", "T": {"@id": EX + "T", "@context": {"p": EX + "p"}}, "o": EX + "o"}


class TestProtection:
    @pytest.mark.parametrize(
        "context",
        [
            {"p": EX + "evil"}, {"p": None}, {"p": {"@id": EX + "p", "@type": "@id"}}, None, {"type": "@id"},
            {"p": {"@id": EX + "p", "@context": {}}}, {"p": {"@id": EX + "p", "@container": "@list"}},
        ],
        ids=str,
    )  # fmt: skip
    def test_holds(self, context: Any) -> None:
        for local in [PROTECTED, context], PROTECTED:
            inner = {} if isinstance(local, list) else {"@context": context}
            with raises(INVALID_CONTEXT):
                canonicalize({"@context": local, "urn:q": {**inner, "urn:p": "x"}})

    def test_the_same_again_is_no_change(self) -> None:
        assert lines([PROTECTED, {"p": EX + "p"}], p="x") == {f'<{EX}p> "x"'}
        with raises(INVALID_CONTEXT):  # and it is still protected
            lines([PROTECTED, {"p": EX + "p"}, {"p": EX + "evil"}], p="x")

    def test_a_term_may_be_left_open(self) -> None:
        open_term = {"@protected": True, "p": {"@id": EX + "p", "@protected": False}}
        assert lines([open_term, {"p": EX + "q"}], p="x") == {f'<{EX}q> "x"'}

    def test_only_a_property_scoped_context_overrides(self) -> None:
        scoped = {**PROTECTED, "o": {"@id": EX + "o", "@context": {"p": EX + "q"}}}
        assert (
            '_:c14n0 <http://ex.org/q> "x" .'
            in canonicalize({"@context": scoped, "@id": "urn:s", "o": {"p": "x"}}).decode().splitlines()
        )
        typed = {**PROTECTED, "T": {"@id": EX + "T", "@context": {"p": EX + "q"}}}
        with raises(INVALID_CONTEXT):
            canonicalize({"@context": typed, "type": "T", "p": "x"})

    def test_credentials_are_protected(self) -> None:
        credentials = "https://www.w3.org/ns/credentials/v2"
        with raises(INVALID_CONTEXT, match="'VerifiableCredential'"):
            canonicalize(
                {"@context": [credentials, {"VerifiableCredential": EX}], "type": "VerifiableCredential"}
            )
        own_issuer = {
            "@context": [credentials, {"issuer": EX}],
            "type": "VerifiableCredential",
            "issuer": "urn:i",
        }
        assert b"<https://www.w3.org/2018/credentials#issuer> <urn:i>" in canonicalize(own_issuer)


class TestScopes:
    def test_a_type_s_context_ends_at_the_next_object(self) -> None:
        assert f'<{EX}p> "x"' in lines(TYPED, type="T", p="x")
        with pytest.raises(LossyDocument, match="/o/p"):
            lines(TYPED, type="T", o={"p": "x"})
        with pytest.raises(LossyDocument, match="/p"):
            lines(TYPED, p="x")

    def test_but_not_at_a_reference_or_a_value(self) -> None:
        context = {
            "T": {"@id": EX + "T", "@context": {"ex": EX, "p": "ex:p", "val": "@value"}},
            "o": EX + "o",
        }
        assert f"<{EX}p> <{EX}i>" in lines(context, **{"@type": "T", "p": {"@id": "ex:i"}})
        assert f'<{EX}p> "x"' in lines(context, **{"@type": "T", "p": {"val": "x"}})

    def test_unless_it_propagates(self) -> None:
        context = {**TYPED, "T": {"@id": EX + "T", "@context": {"@propagate": True, "p": EX + "p"}}}
        assert canonicalize({"@context": context, "type": "T", "o": {"p": "x"}}).count(b"\n") == 3

    def test_a_property_s_context_goes_on_unless_it_does_not_propagate(self) -> None:
        def document(**scoped: Any) -> dict[str, Any]:
            context = {"o": {"@id": EX + "o", "@context": {"p": EX + "p", **scoped}}}
            return {"@context": context, "o": {"p": {"p": "x"}}}

        assert canonicalize(document()).count(b"\n") == 3
        with pytest.raises(LossyDocument, match="/o/p/p"):
            canonicalize(document(**{"@propagate": False}))

    def test_a_context_in_the_document_goes_on(self) -> None:
        inner = {"@context": {"p": EX + "p"}, "p": {"p": "x"}}
        assert canonicalize({"urn:o": inner}).count(b"\n") == 3

    def test_a_null_scoped_context_starts_afresh(self) -> None:
        context = {"@protected": True, "p": EX + "p", "o": {"@id": EX + "o", "@context": None}}
        with pytest.raises(LossyDocument, match="/o/p"):
            canonicalize({"@context": context, "o": {"p": "x"}})
        assert canonicalize({"@context": context, "o": {"urn:p": "x"}}).count(b"\n") == 2
        assert lines(context, o="x") == {f'<{EX}o> "x"'}

    def test_a_null_context_of_a_type(self) -> None:
        context = {"T": {"@id": EX + "T", "@context": None}, "p": EX + "p"}
        with pytest.raises(LossyDocument, match="/p"):
            lines(context, **{"@type": "T", "p": "x"})
        assert canonicalize({"@context": context, "@type": "T", "urn:o": {"p": "x"}}).count(b"\n") == 3

    def test_types_are_read_before_their_contexts(self) -> None:
        context = {"A": {"@id": EX + "A", "@context": {"B": EX + "evil"}}, "B": EX + "B"}
        assert any(f"<{EX}B>" in line for line in lines(context, **{"@type": ["A", "B"]}))

    def test_contexts_of_types_apply_in_the_order_of_names(self) -> None:
        context = {
            "A": {"@id": EX + "A", "@context": {"p": EX + "a"}},
            "B": {"@id": EX + "B", "@context": {"p": EX + "b"}},
        }
        for order in ["A", "B"], ["B", "A"]:
            assert f'<{EX}b> "x"' in lines(context, **{"@type": order, "p": "x"})

    @pytest.mark.parametrize(
        "context",
        [
            {"n": {"@id": "@nest", "@context": {"p": EX}}},
            {"p": {"@id": EX, "@context": {"p": EX + "other"}}},
            {"p": {"@id": EX, "@type": "@json", "@container": "@list"}},
            {"p": {"@id": EX, "@context": 1}},
        ],
        ids=str,
    )
    def test_what_processors_read_differently_is_refused_when_used(self, context: Any) -> None:
        key = next(iter(context))
        assert canonicalize({"@context": context, "urn:p": "x"})
        with raises(INVALID_CONTEXT):
            canonicalize({"@context": context, key: {"urn:p": "x"}})

    def test_one_that_is_wrapped_as_in_a_context_document_is_read_as_others_read_it(self) -> None:
        wrapped = {"@context": {"p": EX + "p"}}
        for context in [{"o": EX + "o"}, wrapped], {"o": {"@id": EX + "o", "@context": wrapped}}:
            document = {"@context": context, "@id": "urn:s", "o": {"p": "x"}}
            assert canonicalize(document).decode() == by_pyld(document)
        assert lines([wrapped], p="x") == lines(wrapped["@context"], p="x")

    @pytest.mark.parametrize(
        "context",
        [
            {"@context": {"p": EX + "p"}, "q": EX + "q"},
            [{"@context": [{"p": EX + "p"}]}],
            [{"@context": "https://www.w3.org/ns/credentials/v2"}],
            {"@context": {"p": EX + "p"}},
            [{"@context": {"@context": {"p": EX + "p"}}}],
            [{"@context": {"@propagate": False, "p": EX + "p"}}],
        ],
        ids=str,
    )
    def test_what_others_refuse_or_drop_of_a_wrapped_one_is_refused(self, context: Any) -> None:
        with raises(INVALID_CONTEXT):
            canonicalize({"@context": context, "@id": "urn:s", "urn:p": "x"})

    def test_a_type_may_not_move_the_meaning_of_type(self) -> None:
        context = {"T": {"@id": EX + "T", "@context": {"kind": "@type"}}}
        with pytest.raises(InvalidDocument, match="another key"):
            canonicalize({"@context": context, "@type": "T"})
