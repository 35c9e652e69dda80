"""The records and findings of a file, checked as a job checks it, with nothing issued: for a kind's test."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

from kinds.expected import Rehearsal

from ..archive.store import SQLiteIndex
from ..press.document import Composer
from ..table.source import Source
from .checking import Checker, check_span, survey
from .spool import spool


def rehearse(source: Source, composer: Composer, day: date) -> Rehearsal:
    """The records and findings of a file, as of a day, for an issuer that has issued nothing yet."""
    checker = Checker(source, day, composer)
    with (
        tempfile.TemporaryDirectory(prefix="intaglio-") as scratch,
        spool(Path(scratch) / "checked") as checked,
    ):
        spans = (check_span(checker, checked, span, _untold) for span in source.spans)
        found = survey(checker, spans, SQLiteIndex(Path(scratch) / "index.sqlite"))
        records = {
            row: {name: value for name, value in record.items() if value != ""}
            for span in source.spans
            for row, record in checked.rows(span)
            if row not in found.findings
        }
    findings = (finding for of_row in found.findings.values() for finding in of_row)
    return Rehearsal(records, frozenset((each.row, each.column, each.reason) for each in findings))


def _untold(_: int) -> None:
    pass
