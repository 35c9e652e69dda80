"""The verdicts on many files as a table for people: the worst stand last, above the count.

Beyond `MOST_ROWS` files, only those that are not valid have a row, up to that number of each verdict.
"""

from __future__ import annotations

import os.path
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vc import Verdict
from wire.text import cells, folded, printable

from ...terminal import beside, emphasized, width
from ...words import tr, tr_count, tr_in
from ...words.report import VERDICTS, verdict

COLOURS: Mapping[Verdict, str] = {
    Verdict.VALID: "green",
    Verdict.INVALID: "red",
    Verdict.UNDETERMINED: "yellow",
}
SHORT: Mapping[Verdict, str] = {
    Verdict.VALID: "✓ VALID",
    Verdict.UNDETERMINED: "? UNDECIDED",
    Verdict.INVALID: "✗ NOT VALID",
}
MOST_ROWS = 1000
"""Up to so many files, each has a row; beyond that, those not valid, at most so many of each verdict."""

_LONGEST_NAME = 60  # columns, where there is no terminal
_NARROWEST = 25  # columns, of what is said
_GAP = "  "


class Row(NamedTuple):
    """The row of one file."""

    name: str
    verdict: Verdict
    says: str


class Table:
    """The rows that are shown, and how many there are of each verdict; for any number of files."""

    def __init__(self, most: int = MOST_ROWS) -> None:
        self._most = most
        self._rows: dict[Verdict, list[Row]] = {kind: [] for kind in SHORT}
        self._found = Counter[Verdict]()

    def add(self, row: Row) -> None:
        """Counts a file, and keeps its row as long as it may be shown."""
        self._found[row.verdict] += 1
        if len(self._rows[row.verdict]) < self._most:
            self._rows[row.verdict].append(row)
        if self._found.total() > self._most:
            self._rows[Verdict.VALID].clear()

    def lines(self) -> list[str]:
        """The rows, at a terminal to its width, and the count."""
        columns = width()
        folder = _shared_folder([row.name for rows in self._rows.values() for row in rows])
        shown = {
            kind: [row._replace(name=printable(row.name[len(folder) :])) for row in rows]
            for kind, rows in self._rows.items()
        }
        most = _LONGEST_NAME if columns is None else max(columns // 3, 12)
        names = (cells(row.name) for rows in shown.values() for row in rows)
        named = max((taken for taken in names if taken <= most), default=most)
        lines = [tr("In {folder}:").format(folder=printable(folder))] if folder else []
        for kind, rows in shown.items():
            for row in rows:
                lines += _lines(row, named, columns)
            left = self._found[kind] - len(rows)
            if left and kind is not Verdict.VALID:
                lines.append(_short(kind) + _GAP + tr("and {count} more").format(count=left))
        count = _count(self._found)
        return [*lines, *([count] if columns is None else folded(count, columns))]


def _lines(row: Row, named: int, columns: int | None) -> list[str]:
    """A row in its columns; a name that is too long for its own has the first line to itself."""
    short = _short(row.verdict)
    head = f"{short}{_GAP}{row.name}{' ' * (named - cells(row.name))}{_GAP}"
    if columns is None:
        lines = [head + row.says]
    elif cells(row.name) <= named:
        lines = beside(head, folded(row.says, max(columns - cells(head), _NARROWEST)), columns)
    else:
        column = cells(short) + named + 2 * len(_GAP)
        says = folded(row.says, max(columns - column, _NARROWEST))
        named_alone = folded(row.name, max(columns - cells(short + _GAP), _NARROWEST))
        lines = beside(short + _GAP, named_alone, columns) + beside(" " * column, says, columns)
    lines[0] = emphasized(short, COLOURS[row.verdict]) + lines[0][len(short) :]  # last: it takes no column
    return lines


def _short(kind: Verdict) -> str:
    """A verdict, as wide as the widest."""
    short = tr_in("table", SHORT[kind])
    return short + " " * (max(cells(tr_in("table", text)) for text in SHORT.values()) - cells(short))


def _shared_folder(names: Sequence[str]) -> str:
    """The folder that all names begin with, if there is one."""
    folders = [folder + slash for folder, slash, _ in (name.rpartition("/") for name in names)]
    shared = os.path.commonprefix(folders)  # noqa: RUF071 -- a letter that is cut off is dropped
    return "" if "://" in shared else shared[: shared.rfind("/") + 1]


def _count(counts: Counter[Verdict]) -> str:
    part = tr("{count} {verdict}")
    parts = [
        part.format(count=counts[each], verdict=verdict(each).lower()) for each in VERDICTS if counts[each]
    ]
    files = tr_count("{count} file", "{count} files", counts.total())
    more = "" if counts[Verdict.VALID] == counts.total() else tr("; `intaglio verify FILE` says all of one")
    return tr("{files}: {verdicts}").format(files=files, verdicts=tr(", ").join(parts)) + more
