"""The JSON Schema of a kind, by two validators of others: what it issues passes, what it refuses does not."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import Phase, given, settings

from issuer.press.document import trial
from kinds.compiling import with_compiled
from kinds.kind import Kind
from kinds.parsing import parse_kind
from kinds.records import check_record
from kinds.schema import for_claims, schema_of
from kinds.shipped import SHIPPED, shipped
from tests.conftest import ROOT
from tests.test_issuer_groups import transcript
from tests.test_kinds_facts import Filled, composer, filled
from tests.world import NOW, graduate
from vc import Credential

ROWS: dict[str, list[dict[str, Any]]] = {
    "diploma": [graduate(1), graduate(2, achievement_type="ext:Habilitation", email="", gpa="")],
    "resident": [
        {
            "personal_administrative_number": "1",
            "family_name": "Nguyễn",
            "given_name": "Thị Ánh",
            "birth_date": "2000-02-29",
            "issuance_date": "2026-07-01",
            "nationality": "VN",
        },
    ],
    "certificate": [
        {
            "certificate_number": "1",
            "title": "First aid",
            "name": "O'Brien-Müller",
            "issued_on": "2026-07-01",
        },
        {
            "certificate_number": "2",
            "title": "{title}",
            "name": "张敏",
            "issued_on": "2026-07-01",
            "valid_until": "2027-07-01",
            "grade": "5",
        },
    ],
}
ROWS["transcript"] = [
    {"no": "1", "name": "A", "courses": [{"course": "Logic", "grade": "1.5"}, {"course": "Art"}]}
]
PEER = ROOT / "tests" / "interop"
JUDGE = """
import Ajv from 'ajv/dist/2020.js';
import {readFileSync} from 'node:fs';
const answers = JSON.parse(readFileSync(0)).map(({schema, documents}) => {
  const validate = new Ajv({strict: true}).compile(schema);
  return documents.map(each => validate(each) ? [] : validate.errors);
});
console.log(JSON.stringify(answers));
"""


def documents(kind: Kind) -> list[dict[str, Any]]:
    composer = trial(kind)
    records = [check_record(kind, cells, NOW.date()) for cells in ROWS[kind.name]]
    return [composer.compose(record, number) for number, record in enumerate(records)]


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_issued_passes_the_schema(name: str) -> None:
    validator = jsonschema_rs.validator_for(schema_of(shipped(name)))
    for document in documents(shipped(name)):
        assert list(validator.iter_errors(document)) == []


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("nationality", "Vietnam"),
        ("birth_date", "29.02.2000"),
        ("age_over_18", "yes"),
        ("family_name", None),
        ("family_name", 7),
    ],
)
def test_what_the_kind_refuses_does_not(member: str, value: object) -> None:
    (document,) = documents(shipped("resident"))
    subject = {**document["credentialSubject"], member: value}
    if value is None:
        del subject[member]
    validator = jsonschema_rs.validator_for(schema_of(shipped("resident")))
    assert not validator.is_valid({**document, "credentialSubject": subject})


def test_a_pattern_means_the_same_to_a_schema() -> None:
    """`-` needs no escape there and may have none; `.`, `^` and `$` are no operators in I-Regexp."""
    field = {"type": "text", "iri": "urn:x:y", "pattern": r"\-[\-^$.].\.$"}
    kind = {
        "name": "card",
        "version": "1",
        "nouns": {"en": ["card", "cards"]},
        "number": "number",
        "fields": {"number": {"type": "text", "required": True}, "mark": field},
    }
    schema = schema_of(parse_kind({"kind.json": json.dumps(kind).encode()}))
    subject = schema["properties"]["credentialSubject"]
    validator = jsonschema_rs.validator_for(subject)
    for text, fits in (
        ("-^a.$", True),
        ("-^\n.$", False),
        ("-ba.$", False),
        ("-^a.", False),
        ("x-^a.$", False),
    ):
        assert validator.is_valid({"mark": text}) is fits, text


@pytest.mark.slow
@given(filled())
def test_each_row_of_any_kind_fits_its_schema_in_its_own_words_and_in_ours(example: Filled) -> None:
    kind = with_compiled(example.kind)
    kept, read = (jsonschema_rs.validator_for(each) for each in (json.loads(kind.schema), for_claims(kind)))
    press = composer(kind)
    for seq, row in enumerate(example.rows):
        document = json.loads(json.dumps(press.compose(check_record(kind, row, NOW.date()), seq)))
        assert list(kept.iter_errors(document)) == []
        assert list(read.iter_errors(Credential.parse(document).said)) == []


def built() -> list[Filled]:
    """Ten kinds that hypothesis builds, with their rows."""
    examples: list[Filled] = []

    @settings(max_examples=10, phases=[Phase.generate], database=None)
    @given(filled())
    def build(example: Filled) -> None:
        examples.append(example)

    build()
    return examples


def patterned() -> Filled:
    """A kind that says what the shipped ones have patterns for and say nowhere, and one of all operators."""
    rows = {"email": "seán.o'brien-müller@example.org", "language": "zh-Hant-TW", "mark": "-^a.$"}
    patterns = {name: shipped("certificate").fields[name].pattern for name in ("email", "language")}
    fields = {
        name: {"type": "text", "required": True, "iri": f"urn:example:{name}", "pattern": pattern}
        for name, pattern in {**patterns, "mark": r"\-[\-^$.].\.$"}.items()
    }
    nouns = {"en": ["card", "cards"]}
    kind = {"name": "card", "version": "1", "nouns": nouns, "number": "mark", "fields": fields}
    return Filled(parse_kind({"kind.json": json.dumps(kind).encode()}), [rows])


@pytest.mark.slow
def test_ajv_in_strict_mode_reads_each_schema_and_passes_each_row() -> None:
    if shutil.which("node") is None or not Path(PEER, "node_modules", "ajv").exists():
        pytest.skip("no node, or no ajv: make peers")
    asked = [(json.loads(shipped(name).schema), documents(shipped(name))) for name in SHIPPED]
    for made, rows in (patterned(), Filled(transcript(required=True), ROWS["transcript"]), *built()):
        kind = with_compiled(made)
        composer = trial(kind)
        records = [check_record(kind, row, NOW.date()) for row in rows]
        asked.append((json.loads(kind.schema), [composer.compose(record, 0) for record in records]))
    assert len(asked) >= len(SHIPPED) + 11
    done = subprocess.run(
        ["node", "--input-type=module", "-e", JUDGE],
        cwd=PEER,
        input=json.dumps([{"schema": schema, "documents": each} for schema, each in asked]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[[] for _ in each] for _, each in asked]
