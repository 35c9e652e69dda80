"""Bad input of each use: what is refused by its code, and what looks bad and comes out as it went in."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from examples.uses.folder import HERE, UseCase
from issuer.press.document import trial
from issuer.table.finding import CellFinding
from kinds.facts import facts_of
from kinds.metadata import said_fields
from tests.test_uses import NAMES, records
from vc import Credential

DOCUMENT, HOMONYMS = "a document that is altered, or another one", "homonyms"
NO_CODE, TOO_EARLY, WRONG_DIGIT, NO_FILE, TURNED = (
    "a code that its table does not have",
    "a day before its time",
    "a wrong check digit",
    "a file that is not in the folder",
    "a direction character",
)
MARKS: Mapping[str, tuple[str, ...]] = {
    "a brace or a bracket": ("{", "]"),
    "a quotation mark": ('"', "'", "“"),
    "markup": ("<script>",),
}
"""What stands in good rows, and is kept as it is."""
FEWEST = 5
"""Of each use."""


def test_each_use_meets_five_kinds_of_bad_input_and_each_is_met_more_than_once() -> None:
    met = {name: set(bad_inputs(UseCase.read(HERE / name))) for name in NAMES}
    assert {name: kinds for name, kinds in met.items() if len(kinds) < FEWEST} == {}
    counted = Counter(what for kinds in met.values() for what in kinds)
    all_of_them = {DOCUMENT, HOMONYMS, NO_CODE, TOO_EARLY, WRONG_DIGIT, NO_FILE, TURNED, *MARKS}
    assert {what for what, count in counted.items() if count > 1} == all_of_them


@pytest.mark.quick("age-over-18", "diploma", "laboratory-result")
@pytest.mark.parametrize("name", NAMES)
def test_what_looks_bad_and_is_good_comes_out_as_it_went_in(name: str) -> None:
    use = UseCase.read(HERE / name)
    said = {field.name for field in said_fields(use.kind)}
    found = use.expected.outcome.records
    for row, whole in zip(sorted(found), records(use), strict=True):
        facts = facts_of(use.kind, Credential.parse(dict(trial(use.kind).compose(whole, 0))))
        assert facts == {name: value for name, value in found[row].items() if name in said}


def bad_inputs(use: UseCase) -> Iterator[str]:
    """The kinds of bad input that a folder has: of `wrong.csv`, of good rows, and of the documents."""
    for finding, cell in refused(use):
        assert finding.code in ("bad-cell", "date-unread")
        if kind := _kind_of(use, finding, cell):
            yield kind
    if use.files and use.kind.policy.resources:  # a run tries both
        yield DOCUMENT
    records = use.expected.outcome.records.values()
    texts = [text for record in records for text in _texts(record)]
    yield from (
        kind for kind, marks in MARKS.items() if any(mark in text for mark in marks for text in texts)
    )
    called = use.kind.person.fields or [name for name in use.kind.fields if "name" in name]
    counted = Counter(tuple(record.get(field) for field in called) for record in records)
    if max(counted.values()) > 1:
        yield HOMONYMS


def refused(use: UseCase) -> Iterator[tuple[CellFinding, str]]:
    """Each finding of `wrong.csv`, with its cell."""
    with (use.folder / "wrong.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, column, reason in use.expected.wrong.findings:
        yield CellFinding(row, column, reason), rows[row - 2][column]


def _kind_of(use: UseCase, finding: CellFinding, cell: str) -> str:
    fields = [each for field in use.kind.fields.values() for each in (field, *field.fields.values())]
    if "\u202e" in cell:
        return TURNED
    if finding.reason in {field.refusal for field in fields if field.type == "code"}:
        return NO_CODE
    if finding.reason in {rule.refusal for rule in use.kind.rules}:
        return TOO_EARLY
    if finding.reason.startswith("has a wrong digit"):
        return WRONG_DIGIT
    return NO_FILE if finding.reason == "is not in the folder of files" else ""


def _texts(value: Any) -> Iterator[str]:
    """Each text of a record, items of groups included."""
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _texts(item)
        case dict():
            yield from _texts([*value.values()])
