"""`kind check` as a proof: what it refuses, by the rule, and what it finds where composing itself errs."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from issuer.identity.kind import Kinds
from issuer.job.order import Order, Progress
from issuer.press.document import trial
from issuer.table.source import open_source
from kinds import Kind, Record, shipped
from kinds.check import Compose, is_sound, prove_kind
from kinds.parsing import LARGEST, parse_kind
from kinds.pattern import matcher
from kinds.places import places
from kinds.problem import INVALID_KIND
from kinds.schema import describes, schema_of
from kinds.shipped import SHIPPED
from tests.commandline import Program
from tests.problems import raises
from tests.test_kinds_facts import CLUB, Filled, filled
from tests.world import issuer_in
from vc.vcdm.jsonld import UnknownContext, vouched
from wire.problem import Damaged, Malformed
from wire.work import Work

V2 = "https://www.w3.org/ns/credentials/v2"
CARD: dict[str, Any] = {
    "name": "card",
    "version": "1",
    "nouns": {"en": ["card", "cards"]},
    "number": "no",
    "types": {"CardCredential": "urn:example:CardCredential"},
    "person": {"name": "name"},
    "sentence": {"en": ["{issuer} says so", " of {person}"]},
    "fields": {
        "no": {"type": "text", "required": True, "iri": "urn:example:no"},
        "name": {"type": "text", "iri": "https://schema.org/name"},
        "joined": {"type": "date"},
        "left": {"type": "date"},
    },
}
TEMPLATE: dict[str, Any] = {
    "@context": [V2, {"no": "urn:example:no", "CardCredential": "urn:example:CardCredential"}],
    "type": ["VerifiableCredential", "CardCredential"],
    "credentialSubject": {"no": "{no}", "name": "{name}"},
}


def card(template: dict[str, Any] | None = None, **change: Any) -> Kind:
    files = {"kind.json": json.dumps({**CARD, **change}).encode()}
    return parse_kind(files | ({} if template is None else {"template.json": json.dumps(template).encode()}))


def fields(**change: Any) -> dict[str, Any]:
    return {**CARD["fields"], **change}


def issuing(kind: Kind) -> Compose:
    composer = trial(kind)
    return lambda record: composer.compose(record, 0)


# What issuing composes


@pytest.mark.quick(every=3)
@pytest.mark.parametrize("name", SHIPPED)
def test_each_fact_of_what_is_shipped_has_a_place_or_is_said_to_have_none(
    program: Program, name: str
) -> None:
    kind = shipped(name)
    told = json.loads(program("kind", "check", name, "--json").out)
    assert tuple(told["says"]) == prove_kind(kind, compose=issuing(kind)) == prove_kind(kind)
    assert told["places"].keys() == kind.fields.keys()
    assert {each for each, paths in told["places"].items() if paths} >= {*told["says"]}
    schema = schema_of(kind)
    document = trial(kind).compose({**kind.sample}, 0)
    for each, paths in places(kind).items():
        for path in paths:
            value: Any = document
            for step in path:
                value = value[step]
            assert str(kind.sample[each]) in str(value)
        assert (each in told["in_schema"]) == any(describes(schema, path) for path in paths)
    lines = program("kind", "check", name).out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == [*kind.fields]


@pytest.mark.slow
@given(filled())
def test_what_issuing_composes_of_any_kind_is_proved(example: Filled) -> None:
    kind = example.kind
    says = prove_kind(kind, compose=issuing(kind))
    assert {*says} == {each for each, paths in places(kind).items() if paths}


def swapped(document: dict[str, Any], _: Record) -> None:
    subject = document["credentialSubject"]
    subject["no"], subject["name"] = subject["name"], subject["no"]


def twice(document: dict[str, Any], record: Record) -> None:
    document["description"] = f"of {record['name']}"


def lost(document: dict[str, Any], _: Record) -> None:
    document["credentialSubject"]["name"] = "Somebody"


def hidden(document: dict[str, Any], record: Record) -> None:
    if not record["joined"]:
        document["credentialSubject"]["no"] = "0"


def as_id(document: dict[str, Any], record: Record) -> None:
    document["credentialSubject"]["id"] = f"urn:example:{record['name']}"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (swapped, "fields.no: it also changes name"),
        (twice, "fields.name: it also changes description"),
        (lost, "fields.name: it does not change credentialSubject/name"),
        (hidden, "fields.no: it changes where joined is absent"),
        (as_id, "fields.name: it also changes credentialSubject/id"),
    ],
)
def test_a_fault_of_composing_is_found(fault: Callable[[dict[str, Any], Record], None], reason: str) -> None:
    kind = card()
    prove_kind(kind, compose=issuing(kind))

    def compose(record: Record) -> dict[str, Any]:
        document = copy.deepcopy(issuing(kind)(record))
        fault(document, record)
        return document

    with raises(INVALID_KIND, match=reason):
        prove_kind(kind, compose=compose)


def test_a_record_of_nothing_but_what_is_required_is_tried() -> None:
    """A list of which each item is optional ends empty, and a term of it may then mean something else."""
    tried: list[set[str]] = []
    kind = card()

    def compose(record: Record) -> dict[str, Any]:
        tried.append({name for name, value in record.items() if value == ""})
        return issuing(kind)(record)

    prove_kind(kind, compose=compose)
    assert [absent for absent in tried if absent] == [
        {"name"}, {"joined"}, {"left"}, {"name", "joined", "left"},
    ]  # fmt: skip


# What is refused


@pytest.mark.parametrize(
    "place",
    [
        "id", "issuer", "proof", "credentialStatus", "credentialSchema", "termsOfUse", "type", "@context",
        "credentialSubject/id", "credentialSubject/type", "credentialSubject/card/id",
    ],
)  # fmt: skip
@pytest.mark.quick(every=4)
@pytest.mark.parametrize("text", ["{name}", "urn:example:{name}", "{name_hash}", "{extra}"])
def test_no_cell_decides_nor_does_its_hash(place: str, text: str) -> None:
    template = copy.deepcopy(TEMPLATE)
    *way, last = place.split("/")
    node = template
    for step in way:
        node = node.setdefault(step, {})
    node[last] = [text]
    name = "extra" if "extra" in text else "name"
    with raises(INVALID_KIND, match=f"template.json: {name} stands under {place}/0"):
        prove_kind(card(template))


@pytest.mark.parametrize("name", ["@id", "key"])
def test_no_cell_names_anything_by_another_name_of_id(name: str) -> None:
    template = copy.deepcopy(TEMPLATE)
    template["@context"][1]["key"] = "@id"
    template["credentialSubject"][name] = "urn:example:{name}"
    with raises(INVALID_KIND, match="could hide a member from readers of JSON"):
        prove_kind(card(template))


def test_a_personal_field_makes_no_identifier() -> None:
    template = copy.deepcopy(TEMPLATE)
    template["credentialSubject"]["id"] = "{club_id}"
    club = {"club_id": {"noun": "club", "fields": ["club"]}}
    for personal in (False, True):
        kind = card(template, fields=fields(club={"type": "text", "personal": personal}), identifiers=club)
        if personal:
            with raises(INVALID_KIND, match="identifiers.club_id: club is personal"):
                prove_kind(kind)
        else:
            prove_kind(kind, compose=issuing(kind))


def test_identifiers_of_two_things_are_two_where_there_is_no_issuer_to_make_them() -> None:
    """Nodes of one IRI are one node: each fact of one would be a fact of the other, and none is read."""
    template = copy.deepcopy(TEMPLATE)
    template["@context"][1] |= {name: f"urn:example:{name}" for name in ("club", "town", "called")}
    for thing in ("club", "town"):
        template["credentialSubject"][thing] = {"id": f"{{{thing}_id}}", "called": f"{{{thing}}}"}
    made = {f"{thing}_id": {"noun": thing, "fields": [thing]} for thing in ("club", "town")}
    kind = card(template, fields=fields(club={"type": "text"}, town={"type": "text"}), identifiers=made)
    said = prove_kind(kind, compose=issuing(kind))
    assert {"club", "town"} <= {*said}
    assert prove_kind(kind) == said
    assert is_sound(kind, Work())


def test_no_log_has_anything_of_a_record(tmp_path: Path) -> None:
    """What is logged of a credential is a digest, whatever its kind says."""
    issuer = issuer_in(tmp_path / "home", kind=shipped("certificate"))
    words = ("Schweißerprüfung", "Nguyễn Thị Ánh", "C-4711-0815")
    issuer.issue(
        {"title": words[0], "name": words[1], "certificate_number": words[2], "issued_on": "2026-06-01"}
    )
    log = tmp_path / "home" / "log"
    data = b"".join(path.read_bytes() for path in log.rglob("*") if path.is_file())
    assert data
    assert not [word for word in words if word.encode() in data]


def test_a_fact_with_an_iri_stands_in_the_credential() -> None:
    template = copy.deepcopy(TEMPLATE)
    del template["credentialSubject"]["name"]
    with raises(INVALID_KIND, match=r"fields\.name: the credential does not say it"):
        prove_kind(card(template))


@pytest.mark.parametrize("member", ["@context", "type", "credentialSubject"])
def test_a_template_has_what_each_credential_has(member: str) -> None:
    template = {name: value for name, value in TEMPLATE.items() if name != member}
    kind = card(template)
    with raises(INVALID_KIND, match=f"template.json has no member '{member}'"):
        prove_kind(kind, compose=lambda record: trial(kind).compose(record, 0))


def test_two_facts_in_one_text_each_need_a_place_of_their_own() -> None:
    template = copy.deepcopy(TEMPLATE)
    template["name"] = "{name}, since {joined}"
    with raises(INVALID_KIND, match="joined stands nowhere but in one text with name"):
        prove_kind(card(template))
    template["validFrom"] = "{joined}T00:00:00Z"
    prove_kind(card(template))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sentence": {"en": ["{issuer} says", " of {nobody}"]}}, "names 'nobody', and has no such field"),
        ({"sentence": {"en": ["{issuer} says"], "zh": ["{issuer}", "{无}"]}}, "sentence.zh: a brace"),
        ({"rules": [{"before": "joined", "after": "gone", "refusal": "x"}]}, "names 'gone'"),
        ({"rules": [{"before": "joined", "after": "joined", "refusal": "x"}]}, "cannot come before itself"),
        ({"fields": fields(no={"type": "text", "iri": "urn:example:no"})}, "no tells credentials apart"),
        ({"fields": fields(x={"type": "text", "pattern": r"\d*\d*\d*x"})}, "the pattern is no I-Regexp"),
        ({"fields": fields(x={"type": "text", "headings": ["Name"]})}, "name and x have the same heading"),
        ({"fields": fields(x={"type": "text", "iri": "urn:example:no"})}, "no and x have the same IRI"),
        ({"fields": fields(x={"$ref": "https://example.org/kind"})}, "there is no member '.ref'"),
        ({"$ref": "https://example.org/kind"}, "there is no member '.ref'"),
        ({"fields": {"$ref": "https://example.org/kind"}}, "fields..ref: an object is expected"),
    ],
)  # fmt: skip
def test_what_no_kind_may_be_is_refused(change: dict[str, Any], reason: str) -> None:
    with raises(INVALID_KIND, match=reason):
        card(**change)


def test_two_codes_that_keep_each_others_words_are_a_loop() -> None:
    code = {"type": "code", "pattern": "[a-z]+", "refusal": "x"}
    with raises(INVALID_KIND, match=r"fields\.a: b keeps the word of another field itself"):
        card(fields=fields(a={**code, "worded": "b"}, b={**code, "worded": "a"}))
    with raises(INVALID_KIND, match="name is used as a code"):
        card(fields=fields(a={"type": "text", "worded": "name"}))


def test_a_kind_of_a_hundred_thousand_fields_is_not_read() -> None:
    many = b'{"fields": {' + b'"f": {},' * 100_000
    with raises(INVALID_KIND, match="the files of the kind have over"):
        parse_kind({"kind.json": many})
    with raises(INVALID_KIND, match=f"kind.json has over {LARGEST} bytes"):
        parse_kind({"kind.json": many[: LARGEST + 1]})


def test_a_member_that_stands_twice_is_refused() -> None:
    """Readers differ in which of the two they take: with `types`, one kind would have two types."""
    text = json.dumps(CARD).replace('"types":', '"types": {"A": "urn:example:a"}, "types":')
    with raises(INVALID_KIND, match=r"kind\.json: "):
        parse_kind({"kind.json": text.encode()})


def test_a_pattern_that_backtracks_elsewhere_takes_as_long_as_reading() -> None:
    assert not matcher("[0-9]*[0-9]*[0-9]*x")("1" * 100_000)
    with pytest.raises(Malformed):
        matcher(r"\d*\d*\d*x")


# Contexts of others


def test_a_context_that_redefines_a_term_is_refused_by_its_name() -> None:
    kind = card(fields=fields(name={"type": "text", "iri": "urn:example:name"}))
    with raises(INVALID_KIND, match="the term 'name' of a context is protected"):
        prove_kind(kind, compose=issuing(kind))


@pytest.mark.parametrize("url", ["https://w3id.org/vaccination/v1", "https://w3id.org/traceability/v1"])
def test_a_context_that_nobody_vouches_for_is_not_fetched(url: str) -> None:
    template = {**TEMPLATE, "@context": [*TEMPLATE["@context"], url]}
    with pytest.raises(UnknownContext, match=re.escape(url)):
        prove_kind(card(template))
    # As these two do it: `name` and `description` are theirs.
    theirs = {"@context": {"@version": 1.1, "description": "http://schema.org/description"}}
    with raises(INVALID_KIND, match="the term 'description' of a context is protected"):
        prove_kind(card(template), vouched({url: theirs}))


def test_the_context_of_the_european_diploma_is_refused_by_the_name_of_its_term(corpora: Path) -> None:
    file = corpora / "samples" / "contexts" / "edc-ap-context.jsonld"
    url = "http://data.europa.eu/snb/model/context/edc-ap"
    template = {**TEMPLATE, "@context": [*TEMPLATE["@context"], url]}
    with raises(INVALID_KIND, match="the term 'description' of a context is protected"):
        prove_kind(card(template), vouched({url: json.loads(file.read_bytes())}))


# A kind that changes meanwhile


def test_a_kind_that_is_changed_during_a_job_keeps_its_copy(tmp_path: Path) -> None:
    kind = parse_kind({"kind.json": json.dumps(CLUB).encode()})
    issuer = issuer_in(tmp_path / "home", kind=kind)
    rows = "".join(f"{number},A{number}\n" for number in range(6))
    (tmp_path / "club.csv").write_text(f"no,who\n{rows}")
    file = tmp_path / "home" / "kinds" / f"{kind.name}-1" / "kind.json"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()

    def change(progress: Progress) -> None:
        if progress.stage == "issuing":
            file.write_text(json.dumps({**CLUB, "title": "Innocence"}))

    source = open_source(tmp_path / "club.csv", kind=issuer.kind, span_rows=2)
    done = issuer.issue_file(Order(source, tmp_path / "e.csv", workers=0, progress=change))
    assert done.issued == 6
    assert hashlib.sha256(file.read_bytes()).hexdigest() != digest
    lines = [issuer.line(entry).credential for entry in issuer.entries()]
    assert all(source.kind.reference in [terms.get("id") for terms in line["termsOfUse"]] for line in lines)
    with pytest.raises(Damaged, match="is not the kind that"):
        Kinds(tmp_path / "home").newest()
