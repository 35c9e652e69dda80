"""Step 7: a credential has the form of its kind, by the schema that was kept with the kind, offline."""

from __future__ import annotations

import copy
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.press.document import trial
from kinds import Kind, shipped
from kinds.cells import sri
from kinds.compiling import with_compiled
from kinds.kind import SCHEMA
from kinds.parsing import parse_kind
from kinds.schema import for_claims, schema_of
from kinds.shipped import SHIPPED, diploma_1
from tests.jwt_vc import JWTForm
from tests.line import LineForm
from tests.phrases import FINDINGS
from tests.problems import raises
from tests.test_kinds_facts import CLUB, FULL, UNIVERSITY, ZHANG, listed, said
from tests.world import NOW, Holder, graduate, verifier
from vc import Check, Report, Verdict
from vc.facts import SchemaFile
from vc.forms import DataIntegrity
from vc.problem import ANOTHER_SCHEMA, SCHEMA_MISMATCH
from vc.said import FACT_LOST, require_said
from vc.secured import Form, Options
from verifier import Trust
from verifier.kind_schema import has_engine, plainly_fits
from wire.text import shortened
from wire.work import Work

FITS, UNKNOWN, NO_ENGINE = "schema-fits", "schema-none-known", "schema-no-engine"
MISMATCH, ANOTHER = (f"schema-{kind.code}" for kind in (SCHEMA_MISMATCH, ANOTHER_SCHEMA))
RDFC = "eddsa-rdfc-2022"


def club(schema: bytes | None = None, version: str = "1") -> Kind:
    """A kind of the issuer's own, kept with its schema or with another one."""
    kind = with_compiled(parse_kind({"kind.json": json.dumps({**CLUB, "version": version}).encode()}))
    return kind if schema is None else parse_kind({**kind.files, SCHEMA: schema})


def judged(document: Mapping[str, Any], trust: Trust = UNIVERSITY.trust, **options: Any) -> Report:
    return verifier(trust).verify(UNIVERSITY.bundle(UNIVERSITY.sign(document, **options)), now=NOW)


def seventh(report: Report) -> Check:
    (found,) = [check for check in report.checks if check.name == "schema"]
    return found


def with_club(kind: Kind) -> Trust:
    return UNIVERSITY.trust.adding(listed(kind))


@pytest.mark.parametrize("name", FULL)
def test_each_credential_of_a_shipped_kind_names_its_schema_and_fits(name: str) -> None:
    kind = shipped(name)
    document = said(kind, FULL[name])
    address = f"https://university.example/kinds/{kind.digest}/schema.json"
    named = {"id": address, "type": "JsonSchema", "digestSRI": sri(hashlib.sha384(kind.schema).digest())}
    assert document["credentialSchema"] == [named]
    found = seventh(judged(document))
    facts = {"schemas": shortened(address), "forms": f"{name} {kind.version}"}
    assert (found.code, found.facts, found.text) == (FITS, facts, f"has the form of {facts['forms']}")


def test_an_issuer_without_an_address_has_a_urn_for_it() -> None:
    kind = shipped("resident")
    facts = trial(kind).facts({kind.number: "1"}, 0)
    assert facts.schema is not None
    assert facts.schema.id.startswith("urn:intaglio:")
    assert facts.schema.id.endswith(f":kinds:{kind.digest}/schema.json")


def test_diplomas_that_name_no_kind_name_no_schema() -> None:
    assert trial(diploma_1()).facts({"diploma_number": "1"}, 0).schema is None


def test_what_its_kind_would_refuse_is_not_valid() -> None:
    """Whoever has the issuer's key and another program."""
    document = said(shipped("resident"), ZHANG)
    document["credentialSubject"]["nationality"] = "Freedonia"
    report = judged(document)
    assert (report.verdict, seventh(report).code) == (Verdict.INVALID, MISMATCH)
    assert "Freedonia" not in seventh(report).text


def test_another_schema_than_that_of_the_kind_is_not_valid() -> None:
    document = said(shipped("resident"), ZHANG)
    document["credentialSchema"][0]["digestSRI"] = sri(bytes(48))
    report = judged(document)
    assert (report.verdict, seventh(report).code) == (Verdict.INVALID, ANOTHER)


def respelled(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same statements, with terms of one's own for those of the kind: a signature by meaning holds."""
    changed = copy.deepcopy({**document})
    context, subject = changed["@context"][-1], changed["credentialSubject"]
    for number, name in enumerate([name for name in context if name in subject]):
        context[f"x{number}"] = context.pop(name)
        subject[f"x{number}"] = subject.pop(name)
    return changed


@pytest.mark.parametrize(("nationality", "code"), [("CN", FITS), ("Freedonia", MISMATCH)])
def test_a_holder_who_calls_the_terms_otherwise_changes_nothing(nationality: str, code: str) -> None:
    document = said(shipped("resident"), ZHANG)
    document["credentialSubject"]["nationality"] = nationality
    bundle = UNIVERSITY.bundle(UNIVERSITY.sign(document, suite=RDFC))
    assert isinstance(bundle.secured, dict)
    for secured in (bundle.secured, respelled(bundle.secured)):
        report = verifier(UNIVERSITY.trust).verify(replace(bundle, secured=secured), now=NOW)
        assert [check.code for check in report.checks if check.name == "signature"] == ["signature-unchanged"]
        assert seventh(report).code == code


@pytest.mark.slow
def test_a_kind_of_the_issuers_own_is_at_hand_where_its_entry_has_it() -> None:
    kind = club()
    document = said(kind, {"no": "1", "who": "A"})
    found = seventh(judged(document, with_club(kind)))
    assert (found.code, found.text) == (FITS, 'has the form of "club 1"'), "anybody may call a kind so"
    assert seventh(judged(document)).code == UNKNOWN
    assert judged(document).verdict is Verdict.VALID
    document["credentialSubject"]["who"] = 7
    assert seventh(judged(document, with_club(kind))).code == MISMATCH


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a program sees it that starts where the extra is not installed."""
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "jsonschema_rs", None)
        has_engine.cache_clear()
        yield
    has_engine.cache_clear()


@pytest.mark.usefixtures("without_extra")
def test_without_the_extra_it_is_said_that_nothing_was_compared() -> None:
    kind = club(version="2")  # of which no schema was used before
    document = said(kind, {"no": "1", "who": "A"})
    check = seventh(judged(document, with_club(kind)))
    assert (check.code, check.text) == (NO_ENGINE, FINDINGS[NO_ENGINE])
    assert judged(document, with_club(kind)).verdict is Verdict.VALID
    assert seventh(judged(document)).code == UNKNOWN, "no extra would help where the kind is not at hand"
    document["credentialSchema"][0]["digestSRI"] = sri(bytes(48))
    assert seventh(judged(document, with_club(kind))).code == ANOTHER


@pytest.mark.usefixtures("without_extra")
def test_without_the_extra_the_same_is_said_of_a_shipped_kind() -> None:
    document = said(shipped("resident"), FULL["resident"])
    named = document["credentialSchema"][0]
    named["id"] = named["id"].replace("university", "other")  # an address that was not used before
    assert seventh(judged(document)).code == NO_ENGINE


NAMES = st.sampled_from(("a", "b"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.sampled_from((0, 1, -0.5, 1.0, 1 << 60)) | NAMES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner),
    max_leaves=5,
)
TYPES = st.sampled_from(("object", "array", "string", "boolean", "integer", "number", "null"))
SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "title": NAMES,
            "type": TYPES | st.lists(TYPES, min_size=1, unique=True),
            "enum": st.lists(VALUES, min_size=1, max_size=3, unique_by=repr),
            "required": st.lists(NAMES, unique=True),
            "pattern": st.just("^a$"),
            "const": NAMES,
            "minItems": st.just(1),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES,
            "required": st.lists(NAMES, unique=True),
            "properties": st.dictionaries(NAMES, inner),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "items": inner,
        },
    ),
    max_leaves=4,
)


@given(SCHEMAS, VALUES)
def test_what_plainly_fits_is_never_refused_by_the_schema(schema: dict[str, Any], value: object) -> None:
    if plainly_fits(value, schema):
        assert jsonschema_rs.validator_for(schema).is_valid(value)


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, True),
        ({"type": "number"}, True),
        ({"type": ["string", "null"]}, 1),
        ({"type": "array"}, {}),
        ({"enum": [1]}, True),
        ({"enum": ["a"]}, "ab"),
        ({"const": "a"}, "b"),
        ({"pattern": "^a$"}, "b"),
        ({"minItems": 1}, []),
        ({"items": {"type": "string"}}, [1]),
        ({"required": ["a", "b"]}, {"a": 1}),
        ({"properties": {"a": {"type": "string"}}}, {"a": 1}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 1),
        ({"type": "string", "anyOf": [{"enum": ["a"]}, {"pattern": "^b$"}]}, "c"),
    ],
)
def test_what_the_schema_refuses_never_plainly_fits(schema: dict[str, Any], value: object) -> None:
    assert not jsonschema_rs.validator_for(schema).is_valid(value)
    assert not plainly_fits(value, schema)


@pytest.mark.parametrize("member", ["type", "name", "validFrom", "awardedDate", "credentialSubject"])
def test_a_diploma_plainly_fits_and_without_a_required_member_no_more(member: str) -> None:
    kind = shipped()
    schema, document = json.loads(kind.schema), said(kind, graduate(1))
    assert plainly_fits(document, schema)
    assert not plainly_fits({**document, member: 7}, schema)
    del document[member]
    assert not plainly_fits(document, schema)


@pytest.mark.parametrize(
    "schema",
    [
        b"[]",
        b'{"$ref": "https://elsewhere.example/schema"}',
        b'{"$defs": {"a": {"$ref": "#/$defs/a"}}, "allOf": [{"$ref": "#/$defs/a"}]}',
        b'{"properties": {"name": {"pattern": "^(a+)+\\\\1b$"}}}',
        b'{"properties": {"name": {"pattern": "(a{999}){999}"}}}',
        b'{"properties": 1}',
        b'{"type": "nothing"}',
        b'{"anyOf": [1]}',
    ],
)
def test_a_schema_from_elsewhere_reaches_nowhere_and_never_runs_for_ever(
    schema: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left aside, as one that is not known: what the issuer signed stays as valid as it was."""
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: pytest.fail("a name was resolved"))
    kind = club(schema)
    report = judged(said(kind, {"no": "1", "who": "A"}), with_club(kind))
    assert (report.verdict, seventh(report).code) == (Verdict.VALID, UNKNOWN)


def test_a_schema_and_a_credential_that_are_both_long_are_too_much() -> None:
    many = {"anyOf": [{"pattern": f"{number}$"} for number in range(9_000)]}
    kind = club(json.dumps(many).encode())
    report = judged(said(kind, {"no": "1", "who": "A"}) | {"name": "a" * 200_000}, with_club(kind))
    assert (report.verdict, seventh(report).code) == (Verdict.UNDETERMINED, "schema-too-large")


@pytest.mark.parametrize("name", SHIPPED)
def test_every_keyword_that_a_kind_is_compiled_to_is_known(name: str) -> None:
    kind = shipped(name)
    kind = parse_kind({**kind.sources, SCHEMA: json.dumps(schema_of(kind)).encode()})
    assert for_claims(kind).keys() == schema_of(kind).keys()


FORMS: Mapping[str, Form] = {"JSON": DataIntegrity(), "line": LineForm(), "JWT": JWTForm()}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fact", ["kind", "schema"])
def test_a_form_that_loses_kind_or_schema_issues_nothing(form: str, fact: str) -> None:
    composer, record = trial(shipped("resident")), {**ZHANG, "age_over_18": True}
    empty = dict.fromkeys(composer.kind.fields, "")
    facts, content = composer.parts({**empty, **record}, 0)
    holder = Holder()
    signed = FORMS[form].secure(facts, content, holder.key, Options(holder.method, created=NOW))
    carried = signed.data if hasattr(signed, "data") else signed
    claims = FORMS[form].read(carried, {}, Work()).claims
    require_said(facts, claims)
    others: Any = {"kind": "urn:x:y", "schema": SchemaFile("urn:x:y", sri(bytes(48)))}
    with raises(FACT_LOST, match=fact):
        require_said(facts._replace(**{fact: others[fact]}), claims)
    assert facts.schema is not None
    with raises(FACT_LOST, match="schema"):
        require_said(facts._replace(schema=facts.schema._replace(digest=sri(bytes([1] * 48)))), claims)
