"""`intaglio kind test`: the rows of a folder against what its author expects; four small kinds."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kinds.expected import Expected, Rehearsal, mismatches
from kinds.kind import Rule
from tests.commandline import Program, verdict
from tests.conftest import ROOT
from tests.world import NOW
from wire.problem import Malformed

KINDS = ROOT / "tests" / "own_kinds"
SENTENCES = {
    "bcg": {"V-1": "City recorded a BCG vaccination of Thị Ánh Nguyễn on 2026-06-30"},
    "device": {"AB000001": "City made this device (Thermometer {issuer}), serial number AB000001"},
    "employment": {"E-1": "City gave a contract of employment to Ada Müller, from 2028-01-01"},
    "licence": {"L-1": "City gave a taxi licence to Ada Müller, until 2030-12-31"},
}
"""The sentence of a credential of each kind in `tests/own_kinds`, which is a folder and no line of code."""
NAMES = ("name", "given_name", "family_name")


@pytest.fixture
def program(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.chdir(tmp_path)
    program.now = lambda: NOW
    return program


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return Path(shutil.copytree(KINDS / "bcg", tmp_path / "bcg"))


def expect(folder: Path, **change: Any) -> dict[str, Any]:
    """Writes `expected.json` with some members changed, and returns the former one."""
    file = folder / "expected.json"
    before: dict[str, Any] = json.loads(file.read_text())
    file.write_text(json.dumps({**before, **change}))
    return before


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("name", SENTENCES)
def test_a_kind_is_one_folder_whose_rows_become_what_its_author_expects(program: Program, name: str) -> None:
    assert program("kind", "check", KINDS / name).code == 0
    answer = program("kind", "test", KINDS / name)
    assert (answer.code, answer.out.endswith(", as expected.\n")) == (0, True)
    assert not program.home.exists() or not (program.home / "issuer").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", SENTENCES)
def test_from_its_rows_to_a_verified_credential_with_its_sentence(program: Program, name: str) -> None:
    rows = Path(shutil.copy(KINDS / name / "rows.csv", "rows.csv"))
    city = ("--name", "City", "--url", "https://city.example")  # where suspensions are looked up
    issued = program("issuer", "issue", rows, "--kind", KINDS / name, *city, "--out", "out")
    assert (issued.code, "with errors" in issued.out) == (7, True)
    for number, sentence in SENTENCES[name].items():
        assert verdict(program, f"out/{number}.json") == f"VALID: {sentence}"
        record = json.loads((KINDS / name / "expected.json").read_text())["records"]["2"]
        (fields,) = json.loads(program("verify", f"out/{number}.json", "--offline", "--json").out)["fields"]
        assert fields == record
        line = program("issuer", "list").out.splitlines()[0]
        assert line == f"{number}  {' '.join(filter(None, map(record.get, NAMES)))}".strip()


def test_what_differs_is_said_row_by_row_and_the_exit_code_is_1(program: Program, card: Path) -> None:
    before = expect(card, records={}, findings=[])
    answer = program("kind", "test", card)
    assert answer.code == 1
    first, second, third = answer.out.splitlines()
    row, _, record = first.partition(": not expected: ")
    assert (row, json.loads(record)) == ("row 2", before["records"]["2"])
    assert second == "row 3, column birth_date: not expected: is after the vaccination"
    assert third.startswith("row 4: not expected: {")
    told = json.loads(program("kind", "test", card, "--json").out)
    assert told["differences"] == answer.out.splitlines()
    # What is told is what is to be written down.
    expect(card, records=told["records"], findings=told["findings"])
    assert program("kind", "test", card).code == 0


def test_of_many_differences_the_first_are_said(program: Program, card: Path) -> None:
    header, row, *_ = (card / "rows.csv").read_text().splitlines()
    rows = [row.replace("V-1", f"V-{number}") for number in range(12)]
    (card / "rows.csv").write_text("\n".join([header, *rows]))
    expect(card, records={}, findings=[])
    assert program("kind", "test", card).out.splitlines()[-1] == "and 2 more"


@pytest.mark.slow
def test_rows_are_held_against_each_other_and_derived_values_are_of_the_day(
    program: Program, tmp_path: Path
) -> None:
    folder = tmp_path / "resident"
    shutil.copytree(ROOT / "kinds" / "resident", folder)
    (folder / "rows.csv").write_text(
        "personal_administrative_number,family_name,given_name,birth_date,issuance_date\n"
        "R-1,Li,Na,2008-07-01,2026-01-01\nR-1,Li,Wu,2000-01-01,2026-01-01\n"
    )
    for day, adult in (("2026-06-30", False), ("2026-07-01", True)):
        (folder / "expected.json").write_text(json.dumps({"day": day, "records": {}, "findings": []}))
        told = json.loads(program("kind", "test", folder, "--json").out)
        assert told["records"]["2"]["age_over_18"] is adult
        assert told["findings"][0]["reason"] == "is the number of row 2 as well"


def test_rows_that_are_all_wrong_are_held_against_their_findings(program: Program, card: Path) -> None:
    """A row that is good there, or is refused for another reason, is a difference."""
    header, row, *_ = (card / "rows.csv").read_text().splitlines()
    (card / "wrong.csv").write_text(f"{header}\n{row.replace('V-1', '')}\n{row}\n")
    answer = program("kind", "test", card)
    empty, good = answer.out.splitlines()
    assert (answer.code, empty) == (1, "wrong.csv, row 2, column record_no: not expected: is empty")
    assert good.startswith("wrong.csv, row 3: not expected: {")
    (card / "wrong.csv").write_text(f"{header}\n{row.replace('V-1', '')}\n")
    told = json.loads(program("kind", "test", card, "--json").out)
    expect(card, wrong=told["wrong"])
    assert program("kind", "test", card).code == 0
    (card / "wrong.csv").unlink()
    assert program("kind", "test", card).code == 4


def test_a_test_needs_its_files(program: Program, card: Path) -> None:
    (card / "expected.json").write_text("[]")
    refused = program("kind", "test", card)
    assert (refused.code, "expected.json: the JSON text is not an object" in refused.err) == (1, True)
    (card / "expected.json").unlink()
    refused = program("kind", "test", card)
    assert (refused.code, f"there is no {card / 'expected.json'}" in refused.err) == (4, True)


RECORDS = {2: {"a": "1", "b": True}}
AS_IT_IS = Rehearsal(RECORDS, frozenset({(3, "A", "is empty")}))


@pytest.mark.parametrize(
    ("actual", "difference"),
    [
        (
            Rehearsal({2: {"a": "2", "b": True}}, AS_IT_IS.findings),
            'row 2, a: "1" is expected, and it is "2"',
        ),
        (Rehearsal({2: {"a": "1", "b": 1}}, AS_IT_IS.findings), "row 2, b: true is expected, and it is 1"),
        (Rehearsal({2: {"a": "1"}}, AS_IT_IS.findings), "row 2, b: true is expected, and it is nothing"),
        (
            Rehearsal({2: {**RECORDS[2], "c": 0}}, AS_IT_IS.findings),
            "row 2, c: nothing is expected, and it is 0",
        ),
        (Rehearsal({}, AS_IT_IS.findings), "row 2: a record is expected, and there is none"),
        (Rehearsal({**RECORDS, 4: {}}, AS_IT_IS.findings), "row 4: not expected: {}"),
        (Rehearsal(RECORDS, frozenset()), "row 3, column A: expected, and not found: is empty"),
        (
            Rehearsal(RECORDS, AS_IT_IS.findings | {(3, "B", "is empty")}),
            "row 3, column B: not expected: is empty",
        ),
    ],
)
def test_each_difference_is_named_with_its_place(actual: Rehearsal, difference: str) -> None:
    assert [*mismatches(AS_IT_IS, actual)] == [difference]
    assert [*mismatches(actual, actual)] == []


def test_an_outcome_is_read_as_it_was_written() -> None:
    text = json.dumps({"day": "2026-07-01", **AS_IT_IS.to_json()})
    assert Expected.parse(text.encode()) == Expected(date(2026, 7, 1), AS_IT_IS)


@pytest.mark.parametrize(
    "change",
    [
        {"day": "1.7.2026"},
        {"day": 1},
        {"records": []},
        {"records": {"2": []}},
        {"records": {"two": {}}},
        {"findings": {}},
        {"wrong": {}},
        {"wrong": [{"row": 2, "column": "A"}]},
        {"findings": [{"row": 2, "column": "A"}]},
        {"findings": [{"row": "2", "column": "A", "reason": "x"}]},
        {"findings": [{"row": 2, "column": ["A"], "reason": "x"}]},
        {"more": 1},
    ],
)
def test_what_nothing_could_be_held_against_is_refused(change: dict[str, Any]) -> None:
    document = {"day": "2026-07-01", **AS_IT_IS.to_json(), **change}
    with pytest.raises(Malformed):
        Expected.parse(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("before", "after", "allowed", "allowed_on_same_day"),
    [
        ("2026-06-29", "2026-06-30", True, True),
        ("2026-06-30", "2026-06-30", False, True),
        ("2026-07-01", "2026-06-30", False, False),
        ("", "2026-06-30", True, True),
        ("2026-06-30", "", True, True),
    ],
)
def test_two_days_are_in_order_or_are_one_where_the_rule_says_so(
    before: str, after: str, allowed: bool, allowed_on_same_day: bool
) -> None:
    assert Rule("a", "b", "x").allows(before, after) is allowed
    assert Rule("a", "b", "x", same_day=True).allows(before, after) is allowed_on_same_day


def test_items_and_files_are_rehearsed_as_they_are_issued(program: Program, tmp_path: Path) -> None:
    courses = {"type": "group", "fields": {"course": {"type": "text"}, "grade": {"type": "number"}}}
    thesis = {"type": "digest", "source": {"file": True}}
    kind = {
        "name": "transcript",
        "version": "1",
        "nouns": {"en": ["transcript", "transcripts"]},
        "number": "no",
        "fields": {
            "no": {"type": "text", "required": True, "iri": "urn:example:no"},
            "thesis": thesis,
            "courses": courses,
        },
    }
    (tmp_path / "kind.json").write_text(json.dumps(kind))
    (tmp_path / "rows.csv").write_text(
        "no,thesis,course,grade\n1,1.pdf,Logic,1\n1,1.pdf,Law,\n2,2.pdf,Art,1\n3,,Law,2\n3,,Art,x\n"
    )
    expected = {"day": "2026-07-01", "records": {}, "findings": []}
    (tmp_path / "expected.json").write_text(json.dumps(expected))
    assert "there is no folder" in program("kind", "test", tmp_path).err
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "1.pdf").write_bytes(b"")
    told = json.loads(program("kind", "test", tmp_path, "--json").out)
    digest = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    items = [{"course": "Logic", "grade": 1}, {"course": "Law"}]
    assert told["records"] == {"2": {"no": "1", "thesis": digest, "courses": items}}
    assert [(each["row"], each["column"]) for each in told["findings"]] == [(4, "thesis"), (6, "grade")]
