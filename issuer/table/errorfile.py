"""The error file: the bad rows as they came, each with row, column and reason, to be corrected and fed back.

It is for the owner only, opens in a spreadsheet without running anything, and is read back by `Source` as any
other file: the three columns in front mark it, and the guards against formulas are taken off again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from wire.files import write_durably
from wire.text import guarded

from ..problem import ERROR_FILE_REFUSED
from .finding import CellFinding
from .source import GUARD_COLUMNS, Source


def write_error_file(path: Path, source: Source, findings: Mapping[int, Sequence[CellFinding]]) -> None:
    """Writes the rows with findings, in order. Raises `ERROR_FILE_REFUSED` where the place takes no file."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=source.delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow([*GUARD_COLUMNS, *map(guarded, source.header)])
    for rows in source.pick(findings):
        of_record = findings[rows[0][0]]
        for row, cells in rows:
            # All rows of a record, since none of them means the same without the others.
            own = [finding for finding in of_record if finding.row == row]
            because = _explain(own) if own else ("", f"has the number of row {of_record[0].row}")
            writer.writerow([row, *because, *map(guarded, cells)])
    try:
        write_durably(path, text.getvalue().encode("utf-8-sig"))
    except OSError as error:
        raise ERROR_FILE_REFUSED(f"{path} cannot be written: {error.strerror}") from error


def _explain(findings: Sequence[CellFinding]) -> tuple[str, str]:
    columns = "; ".join(finding.column for finding in findings)
    return guarded(columns), guarded("; ".join(finding.reason for finding in findings))
