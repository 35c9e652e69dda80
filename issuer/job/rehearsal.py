"""Checking a file as a job does, without issuing anything: its records and findings, for a kind's test."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

from kinds.expected import Rehearsal
from kinds.records import Record

from ..archive.store import SQLiteIndex
from ..press.document import Composer
from ..table.source import Source
from .attached import attach
from .checking import Checker, check_span, survey
from .spool import spool


def rehearse(source: Source, composer: Composer, day: date, files: Path) -> Rehearsal:
    """The records and findings of a table, as of a day, for an issuer that has issued nothing yet.

    `files` is the folder of the files that the table names. Raises `NotFound` where it names some and
    there is no such folder.
    """
    checker = Checker(source, day, composer, attached=attach(source, composer.kind, files, None, _untold))
    with (
        tempfile.TemporaryDirectory(prefix="intaglio-") as scratch,
        spool(Path(scratch)) as checked,
    ):
        spans = (check_span(checker, checked, span, _untold) for span in source.spans)
        surveyed = survey(checker, spans, SQLiteIndex(Path(scratch) / "index.sqlite"))
        records = {
            row: _without_empty(record)
            for span in source.spans
            for row, record in checked.rows(span)
            if row not in surveyed.findings
        }
    findings = (finding for of_row in surveyed.findings.values() for finding in of_row)
    return Rehearsal(records, frozenset((each.row, each.column, each.reason) for each in findings))


def _without_empty(record: Record) -> Record:
    """The record, and each item of its groups, without the fields that have no value."""
    fields = {
        name: [_without_empty(item) for item in value] if isinstance(value, list) else value
        for name, value in record.items()
    }
    return {name: value for name, value in fields.items() if value != ""}


def _untold(_: int) -> None:
    pass
