"""The error file: the bad rows unchanged, each with row, column and reason, to be corrected and issued again.

It is CSV or a workbook, by its name. It opens in a spreadsheet without running anything, and is read back by
`Source` as any other file: the three columns in front mark it, and the guards against formulas are taken off.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wire.problem import ExtraMissing
from wire.text import guarded

from .errorbook import workbook
from .finding import CellFinding
from .source import GUARD_COLUMNS, Source

WORKBOOK = ".xlsx"
"""The end of the name of an error file that is a workbook."""

_Row = tuple[list[str], dict[int, str]]
"""The cells of a row, and their errors by index."""


def require_writer(path: Path) -> None:
    """Raises `ExtraMissing` for a workbook if no writer is installed: before all rows are checked."""
    if _is_workbook(path):
        try:
            import xlsxwriter  # noqa: F401 -- only a few error files need it
        except ModuleNotFoundError as error:
            raise ExtraMissing.saying(
                "this needs {package}, which is not installed", package="xlsxwriter", extra="xlsx"
            ) from error


def _is_workbook(path: Path) -> bool:
    return path.suffix.lower() == WORKBOOK


def error_file(
    path: Path, source: Source, findings: Mapping[int, Sequence[CellFinding]], scratch: Path
) -> bytes:
    """The rows with findings, in order, as the file `path` has them. Raises as `workbook`."""
    rows = _rows(source, findings)
    if _is_workbook(path):
        return workbook(rows, scratch)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=source.delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows(cells for cells, _ in rows)
    return text.getvalue().encode("utf-8-sig")


def _rows(source: Source, findings: Mapping[int, Sequence[CellFinding]]) -> Iterator[_Row]:
    width = len(GUARD_COLUMNS)
    places = {source.heading(index): width + index for index in reversed(range(len(source.header)))}
    yield [*GUARD_COLUMNS, *map(guarded, source.header)], {}
    for rows in source.pick(findings):
        of_record = findings[rows[0][0]]
        for row, cells in rows:
            # All rows of a record, since none of them means the same without the others.
            of_row = [finding for finding in of_record if finding.row == row]
            because = _explain(of_row) if of_row else ("", f"has the number of row {of_record[0].row}")
            wrong = {places[each.column]: each.reason for each in reversed(of_row) if each.column in places}
            yield [str(row), *because, *map(guarded, cells)], wrong


def _explain(findings: Sequence[CellFinding]) -> tuple[str, str]:
    columns = "; ".join(finding.column for finding in findings)
    return guarded(columns), guarded("; ".join(finding.reason for finding in findings))
