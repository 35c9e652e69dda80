"""The verdicts on many files as a table for people: the worst stand last, above the count."""

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
_LONGEST_NAME = 60  # columns, where there is no terminal
_NARROWEST = 25  # columns, of what is said
_GAP = "  "


class Row(NamedTuple):
    """What there is to say of one file."""

    name: str
    verdict: Verdict
    says: str


def table(rows: Sequence[Row]) -> list[str]:
    """The rows, at a terminal to its width, and how many there are of each verdict."""
    columns = width()
    folder = _shared_folder([row.name for row in rows])
    rows = [row._replace(name=printable(row.name[len(folder) :])) for row in rows]
    most = _LONGEST_NAME if columns is None else max(columns // 3, 12)
    named = max((taken for row in rows if (taken := cells(row.name)) <= most), default=most)
    lines = [tr("In {folder}:").format(folder=printable(folder))] if folder else []
    for kind in SHORT:
        for row in rows:
            if row.verdict is kind:
                lines += _lines(row, named, columns)
    return [*lines, *([_count(rows)] if columns is None else folded(_count(rows), columns))]


def _lines(row: Row, named: int, columns: int | None) -> list[str]:
    """A row in its columns; a name that is too long for its own has the first line to itself."""
    short = tr_in("table", SHORT[row.verdict])
    short += " " * (max(cells(tr_in("table", text)) for text in SHORT.values()) - cells(short))
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


def _shared_folder(names: Sequence[str]) -> str:
    """The folder that all names begin with, if there is one."""
    folders = [folder + slash for folder, slash, _ in (name.rpartition("/") for name in names)]
    shared = os.path.commonprefix(folders)  # noqa: RUF071 -- a letter that is cut off is dropped
    return "" if "://" in shared else shared[: shared.rfind("/") + 1]


def _count(rows: Sequence[Row]) -> str:
    found = Counter(row.verdict for row in rows)
    part = tr("{count} {verdict}")
    parts = [part.format(count=found[one], verdict=verdict(one).lower()) for one in VERDICTS if found[one]]
    files = tr_count("{count} file", "{count} files", len(rows))
    more = "" if found[Verdict.VALID] == len(rows) else tr("; `intaglio verify FILE` says all of one")
    return tr("{files}: {verdicts}").format(files=files, verdicts=tr(", ").join(parts)) + more
