"""The JSON Schema of a kind, by two validators of others: what it issues passes, what it refuses does not."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from issuer.press.document import trial
from kinds.kind import Kind
from kinds.parsing import parse_kind
from kinds.records import check_record
from kinds.schema import schema_of
from kinds.shipped import SHIPPED, shipped
from tests.conftest import ROOT
from tests.test_issuer_groups import transcript
from tests.world import NOW, graduate

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
const {schema, documents} = JSON.parse(process.argv[1]);
const validate = new Ajv({strict: true}).compile(schema);
console.log(JSON.stringify(documents.map(each => validate(each) ? [] : validate.errors)));
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
@pytest.mark.parametrize("name", [*SHIPPED, "transcript"])
def test_ajv_in_strict_mode_reads_it_and_passes_each_row(name: str) -> None:
    kind = shipped(name) if name in SHIPPED else transcript(required=True)
    if shutil.which("node") is None or not Path(PEER, "node_modules", "ajv").exists():
        pytest.skip("no node, or no ajv: make peers")
    asked = json.dumps({"schema": schema_of(kind), "documents": documents(kind)})
    done = subprocess.run(
        ["node", "--input-type=module", "-e", JUDGE, asked],
        cwd=PEER,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[] for _ in ROWS[name]]
