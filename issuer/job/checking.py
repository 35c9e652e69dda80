"""Checking a file of graduates before anything is signed: each row by itself, then rows against each other.

`check_span` runs in the workers, keeps the records of good rows and returns the values needed to compare
rows; `survey` gathers that in the parent. A dry run ends here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from kinds import Kind, Record
from kinds.kind import CatalogueColumns, ItemCell
from kinds.names import AS_IS, COMMAS, LAST_FIRST
from kinds.records import check_cells, digest
from wire.text import counted, printable
from wire.workers import Tell, each_told

from ..archive.index import Index
from ..archive.kept import Incoming, SeqsByRow
from ..press.document import Composer
from ..problem import CATALOGUE_COLUMN_MISSING, TOO_MANY_FINDINGS, UNREADABLE_FILE
from ..table.columns import require_constants
from ..table.finding import LOST, NOT_TURNED, TURNED, CellFinding
from ..table.source import NumberedRow, Source, Span, open_source
from .attached import NOTHING, Attached
from .changes import Change
from .numbering import Identities
from .spool import Spool, packed_row

MOST_FINDINGS = 100_000

NAMELESS = "is empty, and so is all else that tells rows apart: no number is given"

_COMMA = re.compile(COMMAS)

Catalogue = Mapping[str, Record]
"""The programmes by code."""


def read_catalogue(
    path: Path, kind: Kind, words: Mapping[str, Mapping[str, str]] = MappingProxyType({})
) -> Catalogue:
    """The programmes of a CSV file with the columns of `kind.catalogue`; `words` as in `open_source`.

    Raises `UNREADABLE_FILE`.
    """
    asked = kind.catalogue
    if asked is None:
        raise UNREADABLE_FILE(f"{path.name}: {kind.name} has no catalogue to be held against")
    source = open_source(path, required=asked.required, kind=kind, words=words)
    programmes: dict[str, Record] = {}
    for span in source.spans:
        for row, cells in source.rows(span):
            record, wrong = check_cells(kind, source.fields(cells), asked.required, words=source.meant)
            for name, reason, cell in wrong:
                column = source.heading(source.columns[name])
                raise UNREADABLE_FILE(f"{path.name}: {CellFinding(row, column, reason, cell)}")
            if (key := record[asked.key]) in programmes:
                raise UNREADABLE_FILE(f"{path.name}: row {row} has a programme code that an earlier row has")
            for name in kind.worded:  # not compared, and the digest of begun jobs lacks it
                record.pop(name, None)
            programmes[key] = record
    return programmes


@dataclass(frozen=True)
class Checker:
    """Turns rows into records.

    It takes the file, today's date, the catalogue if there is one, and the files that rows name. The
    composer's template has the places of own columns.

    Raises `CATALOGUE_COLUMN_MISSING` where the file has no column to search the catalogue by, and
    `INVALID_CONSTANT` where a value that all rows share is wrong on this day.
    """

    source: Source
    today: date
    composer: Composer
    catalogue: Catalogue | None = None
    attached: Attached = field(default_factory=Attached)
    """The digests of the files that the rows name."""
    identities: Identities | None = None
    """The identities of rows that are to be given their numbers."""

    def __post_init__(self) -> None:
        asked = self.kind.catalogue
        if self.catalogue is not None and asked and asked.key not in self.source.recorded:
            raise CATALOGUE_COLUMN_MISSING(
                f"{self.source.path.name} has no column for {asked.key}, to search the catalogue by"
            )
        source = self.source
        require_constants(self.kind, source.constants, source.meant, source.date_order, self.today)

    @cached_property
    def kind(self) -> Kind:
        """The kind of credential that the rows become."""
        return self.composer.kind

    @cached_property
    def required(self) -> Collection[str]:
        """The fields that a row has to have."""
        numbered = () if self.identities is None else (self.kind.number,)
        return [name for name in self.kind.required if name not in numbered]

    @cached_property
    def naming_column(self) -> str:
        """The heading of the column that identifies a row's credential: of its number, else the first."""
        names = (self.kind.number, *self.kind.told_apart_by)
        return next(
            (self.column(name) for name in names if name in self.source.columns), self.source.header[0]
        )

    def check(
        self, row: int, cells: list[str], further: Sequence[NumberedRow] = ()
    ) -> tuple[Record, list[CellFinding]]:
        """The record of a row and its errors; a record with findings is not issued.

        `further` are the rows that hold the other items of its group.
        """
        misshapen = self._misshapen(row, cells) or (further and self._foreign(row, cells, further))
        if misshapen:
            return {}, [*misshapen]
        fields, kind = self.source.fields(cells), self.kind
        if kind.groups:
            fields |= self.source.items([(row, cells), *further])
        files = self._attach(fields) if kind.attached else []
        turned = self._turn(fields)
        record, wrong = check_cells(
            kind, fields, self.required, self.today, self.source.date_order, words=self.source.meant
        )
        # Most rows have none, which one look tells; the items of groups are looked at one by one.
        has_lost = kind.groups or not LOST.keys().isdisjoint(fields.values())
        if has_lost and (lost := [(name, LOST[cell], cell) for name, cell in _cells(fields) if cell in LOST]):
            names = {name for name, _, _ in lost}  # what else is wrong with those cells comes of it
            wrong = [*lost, *(each for each in wrong if each[0] not in names)]
        wrong += turned
        if self.catalogue is not None and kind.catalogue:
            wrong += _compare(record, self.catalogue, kind.catalogue, {name for name, _, _ in wrong})
        wrong += files
        if not wrong:
            wrong += self.composer.settle(record, self.source.date_order)
        if not wrong:
            return record, []
        rows = [row, *(number for number, _ in further)]
        return record, [self._finding(rows, name, reason, cell) for name, reason, cell in wrong]

    def _finding(self, rows: Sequence[int], name: str, reason: str, cell: str) -> CellFinding:
        """The finding about a field, or about a cell of an item, which may be in a further row."""
        item = self.kind.item(name)
        if item is not None and item.group == self.source.in_rows:
            row, first = rows[item.position - 1], rows[0]
            return CellFinding(row, self.column(item.field), reason, cell, 0 if row == first else first)
        if name in self.kind.groups:
            positions = self.source.groups[name]
            name = next(iter(positions[min(positions)]))
            index = positions[min(positions)][name]
            return CellFinding(rows[0], self.source.heading(index), reason, cell)
        return CellFinding(rows[0], self.column(name), reason, cell)

    def _foreign(self, row: int, cells: list[str], further: Sequence[NumberedRow]) -> list[CellFinding]:
        """The faults of further rows of a record: only the group's cells may differ."""
        wrong: list[CellFinding] = []
        source, number = self.source, self.source.columns[self.kind.number]
        columns = source.groups[source.in_rows][0].values()
        for other, others in further:
            if misshapen := self._misshapen(other, others):
                wrong += [finding._replace(first=row) for finding in misshapen]
                continue
            # Threat F38: rows of one number are one record only if they agree outside the group's cells.
            reason = f"is not what row {row} has, which has the same number"
            wrong += [
                CellFinding(other, source.heading(index), reason, others[index], row)
                for index in source.columns.values()
                if index not in columns and others[index].strip() != cells[index].strip()
            ]
            if not any(others[index].strip() for index in columns):
                reason = f"is the number of row {row} as well"
                wrong.append(CellFinding(other, source.heading(number), reason, others[number], row))
        return wrong

    def _misshapen(self, row: int, cells: list[str]) -> list[CellFinding]:
        """The fault of a row whose cells are not those of the header."""
        header = self.source.header
        if len(cells) < self.source.width or any(cells[len(header) :]):
            column = self.source.heading(min(len(cells), len(header) - 1))
            count = counted(len(cells), "cell")
            return [CellFinding(row, column, f"the row has {count}, the header {len(header)}")]
        if not ("".join(cells).isprintable() and self.source.all_named):
            for index, (heading, cell) in enumerate(zip(header, cells, strict=False)):
                if self._holds_a_row(cell):
                    reason = "holds whole rows: is a quotation mark missing?"
                    return [CellFinding(row, self.source.heading(index), reason)]
                if cell and not heading:
                    return [CellFinding(row, self.source.heading(index), "is not empty", cell)]
        return []

    def _turn(self, fields: dict[str, Any]) -> list[tuple[str, str, str]]:
        """Puts given and family name in the place of `SMITH, Anna`; returns the errors in the name."""
        person, names = self.kind.person, self.source.names
        is_shared = names == LAST_FIRST and person.whole not in fields  # one column is both halves
        field = person.given if is_shared else person.whole
        name = fields.get(field, "")
        if names == AS_IS or not (name.strip() if is_shared else _COMMA.search(name)):
            return []
        if names != LAST_FIRST:
            return [(field, TURNED, name)]
        if not (halves := person.turned(name)):
            return [(field, NOT_TURNED, name)]
        del fields[field]
        fields |= halves
        return []

    def _attach(self, fields: dict[str, Any]) -> list[tuple[str, str, str]]:
        """Puts the digest of each file in the place of its path; returns the errors with files."""
        wrong = []
        for name in self.kind.attached:
            if path := fields.get(name, "").strip():
                fields[name] = self.attached.digests.get(path, NOTHING)
                if reason := self.attached.faults.get(path):
                    wrong.append((name, reason, path))
        return wrong

    def _holds_a_row(self, cell: str) -> bool:
        """True if a quotation mark that opens the cell swallowed lines below it, or parts of two."""
        width = len(self.source.header) - 1
        counts = [line.count(self.source.delimiter) for line in cell.splitlines()]
        breaks = len(counts) - 1
        return width in counts[1:] or (breaks > 0 and sum(counts) == width * breaks)

    def column(self, name: str) -> str:
        """The heading of the column that holds a field."""
        return self.source.column(name)


def _compare(
    record: Record, catalogue: Catalogue, asked: CatalogueColumns, wrong: Collection[str]
) -> Iterator[tuple[str, str, str]]:
    if asked.key in wrong:
        return
    programme = catalogue.get(record[asked.key])
    if programme is None:
        yield asked.key, "is not in the catalogue of programmes", record[asked.key]
        return
    for name in asked.fields:
        expected, stated = programme[name], record.get(name, "")
        if "" not in (expected, stated) and expected != stated:
            yield name, f'is not what the catalogue has ("{expected}")', str(stated)


class Checked(NamedTuple):
    """The result of checking the rows of one span."""

    findings: list[CellFinding]
    incoming: Incoming


def check_span(checker: Checker, spool: Spool, span: Span, tell: Tell) -> Checked:
    """Checks each row of a span by itself, once; those that are good wait in the spool."""
    kind = checker.kind
    findings: list[CellFinding] = []
    incoming = Incoming([], [], [], [])
    good: list[bytes] = []
    digests: list[tuple[int, bytes]] = []
    identities: list[tuple[int, bytes]] = []
    numbers: dict[int, str] = {}
    for (row, cells), *further in each_told(checker.source.records(span), tell):
        record, wrong = checker.check(row, cells, further)
        packed, identity = orjson.dumps(record), b""
        if checker.identities and not wrong:
            if identity := checker.identities(record):
                identities.append((row, identity))
            else:
                wrong = [CellFinding(row, checker.naming_column, NAMELESS)]
        number, person = record.get(kind.number, ""), record.get(kind.person_id, "")
        if wrong:
            findings += wrong
        else:
            good.append(packed_row(row, packed))
            digests.append((row, digest(packed)))
            numbers[row] = number
        incoming.rows.append(row)
        incoming.numbers.append(number)
        incoming.persons.append(person)
        incoming.identities.append(identity)
    spool.put(span, good, digests, identities if checker.identities else None)
    if not checker.identities:
        spool.put_numbers(span, numbers)
    return Checked(findings, incoming)


@dataclass
class Survey:
    """The result of the first pass over a file, before anything is signed."""

    rows: int = 0
    empty: int = 0
    """Empty rows of a text file. A sheet's hidden rows look the same, and those of a group share a record."""
    findings: dict[int, list[CellFinding]] = field(default_factory=dict)
    """The errors of a record, by its first row."""
    known: MutableMapping[int, int] = field(default_factory=SeqsByRow)
    """By row, the sequence number under which its diploma was issued before."""
    changed: list[Change] = field(default_factory=list)
    """The rows among these that differ from the issued credential."""
    warnings: list[str] = field(default_factory=list)
    most: int = MOST_FINDINGS
    """The most rows that may have errors."""

    @property
    def good(self) -> int:
        """The number of rows to issue."""
        return self.rows - len(self.findings) - len(self.known)

    def skipped(self, span: Span) -> frozenset[int]:
        """The rows of a span that are bad or were issued before."""
        if not self.findings and not self.known:  # as of most files: no row is looked at
            return frozenset()
        return frozenset(row for row in span.numbers if row in self.findings or row in self.known)

    def settle(self, checker: Checker, changed: Iterable[Change]) -> None:
        """Adds rows that differ from issued credentials; a number that another person holds is an error."""
        names = checker.kind.person.fields & {*checker.source.recorded}
        for change in changed:
            if names and names <= set(change.fields):
                reason = "was issued to somebody else"
                if not checker.source.has_numbers:
                    reason = f"has the number {change.number}, which {reason}"
                cell = change.number if checker.source.has_numbers else ""
                self.add([CellFinding(change.row, checker.naming_column, reason, cell)])
                del self.known[change.row]
            else:
                self.changed.append(change)

    def lose(self, checker: Checker, numbers: Mapping[int, str]) -> None:
        """Turns rows into errors whose numbers another process took first."""
        reason = "is being issued by somebody else, or was meanwhile"
        for row, number in numbers.items():
            if checker.source.has_numbers:
                finding = CellFinding(row, checker.naming_column, reason, number)
            else:
                finding = CellFinding(row, checker.naming_column, f"has the number {number}, which {reason}")
            self.add([finding])

    def refuse(self, checker: Checker, change: Change) -> None:
        """Turns a row into an error that differs from the credential issued under its number."""
        fields = ", ".join(change.fields)
        cell = change.number if checker.source.has_numbers else ""
        reason = f"was issued with another {fields}: correct that, or the row, before it gets a further form"
        self.add([CellFinding(change.row, checker.naming_column, reason, cell)])
        self.changed.remove(change)
        del self.known[change.row]

    def add(self, findings: Iterable[CellFinding]) -> None:
        """Raises `TOO_MANY_FINDINGS` for so many findings that something more basic must be wrong."""
        for finding in findings:
            self.findings.setdefault(finding.record, []).append(finding)
        if len(self.findings) > self.most:
            raise TOO_MANY_FINDINGS(f"more than {self.most} rows are not as expected")


def survey(checker: Checker, checked: Iterable[Checked], store: Index) -> Survey:
    """Gathers the results of `check_span` in their order, and compares rows with each other and the index."""
    result = Survey()

    def portions() -> Iterator[Incoming]:
        for part in checked:
            result.rows += len(part.incoming.rows)
            result.add(part.findings)
            yield part.incoming

    crossed = store.compare(checker.kind.name, portions())
    if not (checker.source.packed or checker.source.in_rows):
        result.empty = sum(span.rows for span in checker.source.spans) - result.rows
    column = checker.naming_column
    result.add(
        CellFinding(row, column, f"is the number of row {earlier} as well", cell)
        for row, earlier, cell in crossed.repeated
    )
    # Both of two, whatever their order: which of them is right, or whether they are two people, is not known.
    result.add(
        CellFinding(
            row, column, f"is the same as in row {other}, and so is everything else that tells rows apart"
        )
        for row, other in crossed.indistinct
    )
    person = checker.kind.fields.get(checker.kind.person_id)
    label = person.labels.get("en", person.name) if person else ""
    noun = checker.kind.nouns["en"][0]
    result.warnings = [
        f"{label} {printable(student)} occurs {'twice' if times == 2 else f'{times} times'}, "
        f"first in row {first}: a second {noun}, or a mistake?"
        for student, times, first in crossed.students
    ]
    result.known = crossed.known
    for row in result.findings:
        result.known.pop(row, None)
    return result


def _cells(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each cell of a record, those of items by names of their own."""
    for name, value in fields.items():
        if isinstance(value, str):
            yield name, value
        else:
            for position, item in enumerate(value, 1):
                yield from ((ItemCell(name, each, position).name, cell) for each, cell in item.items())
