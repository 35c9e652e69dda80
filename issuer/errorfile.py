"""The error file: the bad rows as they came, each with row, column and reason, to be corrected and fed back.

It is for the owner only, opens in a spreadsheet without running anything, and is read back by `Source` as any
other file: the three columns in front mark it, and the guards against formulas are taken off again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from wire.files import write_durably
from wire.problem import Refused

from .records import Finding
from .source import GUARD_COLUMNS, Source, Span, guard


def write_error_file(
    path: Path, source: Source, spans: Iterable[Span], findings: Mapping[int, Sequence[Finding]]
) -> None:
    """Writes the rows with findings, in their order. Raises `Refused` where the place takes no file."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=source.delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow([*GUARD_COLUMNS, *map(guard, source.header)])
    for span in spans:
        if any(row in findings for row in range(span.first_row, span.first_row + span.rows)):
            for row, cells in source.rows(span):
                if row in findings:
                    writer.writerow([row, *_explain(findings[row]), *map(guard, cells)])
    data = text.getvalue().encode("utf-8-sig", errors="surrogateescape")  # what is not UTF-8 stays as it came
    try:
        write_durably(path, data)
    except OSError as error:
        hint = "Name another place: --errors FILE."
        raise Refused(f"{path} cannot be written: {error.strerror}", hint=hint) from error


def _explain(findings: Sequence[Finding]) -> tuple[str, str]:
    columns = "; ".join(finding.column for finding in findings)
    return guard(columns), guard("; ".join(finding.reason for finding in findings))
