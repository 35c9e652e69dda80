"""An author's test of a kind: the records and findings that are expected from the rows of a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from wire.problem import Malformed
from wire.strict import load_json_object

from .records import Record

Fault = tuple[int, str, str]
"""Row, heading of the column, reason."""

_MEMBERS = frozenset(("day", "records", "findings"))
_FORM = "day is YYYY-MM-DD, records has an object for each row, and findings have row, column and reason"
"""`wrong` may stand beside these: the findings of `wrong.csv`, none of whose rows is good."""


class Rehearsal(NamedTuple):
    """The records of good rows, by row and without empty values, and the findings of the others."""

    records: Mapping[int, Record]
    findings: frozenset[Fault]

    def to_json(self) -> dict[str, Any]:
        """As `expected.json` has it."""
        return {
            "records": {str(row): record for row, record in sorted(self.records.items())},
            "findings": [
                {"row": row, "column": column, "reason": reason}
                for row, column, reason in sorted(self.findings)
            ],
        }


class Expected(NamedTuple):
    """The content of an `expected.json`: the day of the job, and the outcome of each file."""

    day: date
    outcome: Rehearsal
    """Of `rows.csv`."""
    wrong: Rehearsal = Rehearsal({}, frozenset())
    """Of `wrong.csv`, whose rows are all refused."""

    @classmethod
    def parse(cls, text: bytes) -> Expected:
        """Raises `Malformed`."""
        document = load_json_object(text)
        if document.keys() - {"wrong"} != _MEMBERS:
            raise Malformed(_FORM)
        try:
            day = date.fromisoformat(document["day"])
            records = {int(row): {**record} for row, record in document["records"].items()}
            findings, wrong = _findings(document["findings"]), _findings(document.get("wrong", []))
        except (AttributeError, TypeError, ValueError) as error:
            raise Malformed(_FORM) from error
        return cls(day, Rehearsal(records, findings), Rehearsal({}, wrong))


def _findings(items: Any) -> frozenset[Fault]:
    if type(items) is not list:
        raise TypeError
    return frozenset(_finding(**each) for each in items)


def _finding(row: int, column: str, reason: str) -> Fault:
    if not (type(row) is int and type(column) is str and type(reason) is str):
        raise TypeError
    return row, column, reason


def mismatches(expected: Rehearsal, actual: Rehearsal) -> Iterator[str]:
    """The differences from what is expected, row by row."""
    rows = {*expected.records, *actual.records}
    rows |= {row for row, _, _ in expected.findings | actual.findings}
    for row in sorted(rows):
        asked, record = expected.records.get(row), actual.records.get(row)
        if asked is None and record is not None:
            yield f"row {row}: not expected: {json.dumps(record, ensure_ascii=False)}"
        elif asked is not None and record is None:
            yield f"row {row}: a record is expected, and there is none"
        else:
            yield from (f"row {row}, {mismatch}" for mismatch in _values(asked or {}, record or {}))
        for _, column, reason in sorted(
            each for each in actual.findings - expected.findings if each[0] == row
        ):
            yield f"row {row}, column {column}: not expected: {reason}"
        for _, column, reason in sorted(
            each for each in expected.findings - actual.findings if each[0] == row
        ):
            yield f"row {row}, column {column}: expected, and not found: {reason}"


def _values(asked: Record, record: Record) -> Iterator[str]:
    for name in sorted(asked.keys() | record.keys()):
        before, after = asked.get(name), record.get(name)
        # In Python, True equals 1; in a credential it does not.
        if (before, type(before)) != (after, type(after)):
            yield f"{name}: {_shown(before)} is expected, and it is {_shown(after)}"


def _shown(value: object) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)
