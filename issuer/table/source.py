"""A registrar's file (CSV, a workbook's sheet, JSON Lines or Parquet): its columns' fields, its rows' places.

The file is read as it comes from a spreadsheet: in one of `ENCODINGS`, comma, semicolon or tab, perhaps with
a line `sep=;` that says which, quotation marks with line breaks inside. `Source` and
`Span` are plain values, so that worker processes read their own spans; each span carries its hash, so that
a file changed meanwhile is noticed.
Rows are counted as a spreadsheet shows them: the headings are row 1, and empty ones count. Where headings
stand in no row, as in JSON Lines and Parquet, the first row is 2, too.

A further format is a module with `is_…` and `read_…`, and a branch of `open_source`. Where it gives its rows
as `Packed`, nothing else has to know it.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import re
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, NamedTuple

from kinds import Kind, shipped
from kinds.cells import MOST_ITEMS
from kinds.kind import ItemCell
from kinds.names import LAST_FIRST
from kinds.vocabulary import Words, with_chosen
from wire import Malformed
from wire.text import unguarded

from ..problem import (
    INVALID_WORD,
    NO_TABLE,
    UNREADABLE_FILE,
    EncodingOpen,
)
from .columns import Groups, Layout, columns_of, fields_by_heading, groups_of, require_constants
from .encoding import ENCODINGS, codec_of, marked, readings, sampled
from .finding import FIRST_ROW
from .jsonlines import JsonLines, cut_lines, find_places, is_json_lines
from .parquet import is_parquet, read_parquet
from .sheet import Packed, SheetTable, is_workbook, read_sheet
from .unchanged import changed, unchanged

SPAN_ROWS = 4096
LONGEST_HEADER = 1 << 16  # bytes
GUARD_COLUMNS = ("problem_row", "problem_column", "problem_reason")
"""The first columns of an error file; where they are, guards against formulas are taken off on reading."""

_SAVE = 'Save it as "CSV UTF-8".'
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?[,;\t]*(?:\r\n?|\n)', re.IGNORECASE)
_HEADER_FIRST = "The headings have to be the first row: delete what stands above them."


NumberedRow = tuple[int, list[str]]
"""A row's number, and its cells."""


class Span(NamedTuple):
    """Consecutive rows of a file: the bytes from `start` to `stop`, and the SHA-256 of those bytes."""

    number: int
    first_row: int
    rows: int
    start: int
    stop: int
    sha256: bytes

    @property
    def numbers(self) -> range:
        """Those of its rows."""
        return range(self.first_row, self.first_row + self.rows)


@dataclass(frozen=True)
class Source:
    """A file whose header was understood and whose rows were found."""

    path: Path
    delimiter: str
    header: tuple[str, ...]
    columns: Mapping[str, int]
    """Field to the index of its column."""
    groups: Groups
    spans: tuple[Span, ...]
    kind: Kind
    """The kind of credential that its rows become."""
    is_error_file: bool
    date_order: str
    """The way to read 03/04/2026: one of `DATE_ORDERS`, or empty."""
    names: str = ""
    """The way to read a name with a comma: one of `NAMES`, or empty."""
    constants: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """By field, the cell that all rows share and that stands in no column."""
    words: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    """By field, the value for each word of the registrar's own."""
    encoding: str = "utf-8"
    """The codec."""
    sheet: SheetTable | None = None
    """The sheet, where the file is a workbook."""
    packed: tuple[Packed, ...] = dataclasses.field(default=(), repr=False)
    """The rows by span, where the file is a workbook or Parquet."""
    json: JsonLines | None = dataclasses.field(default=None, repr=False)
    """The columns, where the file is JSON Lines."""

    @property
    def encoding_name(self) -> str:
        """Its encoding as people know it; empty for UTF-8, and for a workbook."""
        return "" if self.encoding == "utf-8" else _named(self.encoding)

    @property
    def mapping(self) -> dict[str, str]:
        """Column heading to field, or to several with commas between, for the registrar to check."""
        fields: dict[int, list[str]] = {}
        for name, index in self.columns.items():
            fields.setdefault(index, []).append(name)
        return {self.header[index]: ", ".join(names) for index, names in fields.items()}

    @property
    def unused(self) -> list[str]:
        """Headings that no field takes."""
        taken = set(self.columns.values())
        return [heading for index, heading in enumerate(self.header) if heading and index not in taken]

    def heading(self, index: int) -> str:
        """The heading of a column; of one that has none its letters, as a spreadsheet shows them."""
        letters, left = "", index + 1
        while left:
            left, letter = divmod(left - 1, 26)
            letters = chr(ord("A") + letter) + letters
        return self.header[index] or f"{letters}, which has no heading"

    @property
    def has_numbers(self) -> bool:
        """True if it has a column of the credentials' numbers."""
        return self.kind.number in self.columns

    @cached_property
    def meant(self) -> Mapping[str, Words]:
        """By field, what a cell may say in the place of a value: the kind's words, and those in `words`."""
        return with_chosen(self.kind.words, self.words)

    @cached_property
    def all_named(self) -> bool:
        """True if each column has a heading."""
        return all(self.header)

    @cached_property
    def width(self) -> int:
        """The least number of cells in a row; a spreadsheet may leave out those without a heading."""
        return max(index for index, heading in enumerate(self.header, 1) if heading)

    @cached_property
    def single(self) -> Mapping[str, int]:
        """Those of `columns` that are no cell of a group."""
        items = {
            ItemCell(group, name, position).name
            for group, positions in self.groups.items()
            for position, item in positions.items()
            for name in item
        }
        return {name: index for name, index in self.columns.items() if name not in items}

    @cached_property
    def recorded(self) -> tuple[str, ...]:
        """The fields of a record about which the file, or who issues it, says something; groups last."""
        single, person = dict.fromkeys(self.single), self.kind.person
        if self.names == LAST_FIRST and person.parts and person.whole in single:
            del single[person.whole]  # a record has its halves
            single |= dict.fromkeys(person.parts)
        return *single, *self.constants, *self.groups

    @cached_property
    def in_rows(self) -> str:
        """The group whose items stand in rows, each in one of its own; empty where there is none."""
        return next((group for group, positions in self.groups.items() if 0 in positions), "")

    def rows(self, span: Span) -> Iterator[tuple[int, list[str]]]:
        """Row numbers and cells as they stand in the file; empty rows are left out.

        Raises `Conflict` where the file is another by now.
        """
        if self.packed:
            data = self.packed[span.number].text()
        else:
            with self.path.open("rb") as file:
                file.seek(span.start)
                data = file.read(span.stop - span.start)
        if hashlib.sha256(data).digest() != span.sha256:
            raise changed(self.path)
        for row, cells in enumerate(self._cells(data), span.first_row):
            if any(cells):
                yield row, [unguarded(cell) for cell in cells[3:]] if self.is_error_file else cells

    def _cells(self, data: bytes) -> Iterator[list[str]]:
        if self.json is not None:
            return map(self.json.cells, io.BytesIO(data))
        return _rows(io.StringIO(data.decode(self.encoding), newline=""), self.delimiter)

    def records(self, span: Span) -> Iterator[list[NumberedRow]]:
        """The rows of each record, one or those of its group: rows of one number that stand together.

        Raises as `rows`.
        """
        return self._together(span) if self.in_rows else ([row] for row in self.rows(span))

    def _together(self, span: Span) -> Iterator[list[NumberedRow]]:
        together: list[NumberedRow] = []
        for row, cells in self.rows(span):
            # An empty row parts them, as it may have parted spans.
            if (
                together
                and row == together[-1][0] + 1
                and self._number(cells) == self._number(together[0][1]) != ""
            ):
                together.append((row, cells))
                continue
            if together:
                yield together
            together = [(row, cells)]
        if together:
            yield together

    def pick(self, wanted: Container[int]) -> Iterator[list[NumberedRow]]:
        """The records whose first rows have these numbers; a span that has none of them is not read."""
        for span in self.spans:
            if any(row in wanted for row in span.numbers):
                yield from (rows for rows in self.records(span) if rows[0][0] in wanted)

    def fields(self, cells: list[str]) -> dict[str, Any]:
        """The cells of one row by field, and what all rows share; too few cells lack the last fields."""
        width = len(cells)
        values = {field: cells[index] for field, index in self.single.items() if index < width}
        return {**values, **self.constants} if self.constants else values

    def column(self, name: str) -> str:
        """The heading over a field; the field's own name where it has no column."""
        person = self.kind.person
        if name not in self.columns and name in person.parts:
            name = person.whole if person.whole in self.columns else name  # a half of it
        return self.heading(self.columns[name]) if name in self.columns else name

    def items(self, rows: Sequence[NumberedRow]) -> dict[str, list[dict[str, str]]]:
        """The cells of groups, by item and field, of the rows of one record; items may be empty."""
        _, first = rows[0]
        by_group = {}
        for group, positions in self.groups.items():
            if group == self.in_rows:
                by_group[group] = [_item(positions[0], cells) for _, cells in rows]
            else:
                numbered = range(1, max(positions) + 1)
                by_group[group] = [_item(positions.get(position, {}), first) for position in numbered]
        return by_group

    def _number(self, cells: list[str]) -> str:
        return _cell(cells, self.columns[self.kind.number])


def open_source(
    path: Path,
    chosen: Mapping[str, str] | None = None,
    required: Collection[str] | None = None,
    date_order: str = "",
    *,
    kind: Kind | None = None,
    names: str = "",
    constants: Mapping[str, str] = MappingProxyType({}),
    words: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    encoding: str = "",
    sheet: str = "",
    hidden: str = "",
    has_numbers: bool = True,
    span_rows: int = SPAN_ROWS,
) -> Source:
    """Find header and rows of a file: CSV, a workbook's sheet, JSON Lines or Parquet, by how it begins.

    `chosen` maps fields to headings where the usual ones do not fit; one column may be several fields. The
    rows become what `kind` describes, by default diplomas. `required` are the fields that need a column, by
    default those that the kind asks for. `names`, of `NAMES`, says how a name with a comma is meant.
    `constants` are cells that all rows share, by field; `words` are the values that words of the file mean,
    by field and word. Rows are to be given numbers where `has_numbers` is false: a column of them is an
    error then. `encoding`, of `ENCODINGS`, is that of a file without a mark; by default it is looked at.
    `sheet` is one by its name, and `hidden`, of `HIDDEN`, says what becomes of hidden rows and sheets.
    Raises `NotFound`; `INVALID_CONSTANT`, and `INVALID_WORD` for words of a field that there is not;
    `EncodingOpen`, `SheetOpen` and `HiddenOpen` where a person has to decide;
    `ExtraMissing` where nothing here reads workbooks, or Parquet; `Conflict` where the file changes
    meanwhile; or `UNREADABLE_FILE` where it has no rows, is not text in its encoding, or lacks a column.
    """
    kind, chosen = kind or shipped(), chosen or {}
    for name in sorted(words.keys() - {*kind.columns, *kind.item_fields}):
        raise INVALID_WORD(f"there is no field {name!r} with a column, to have words")
    require_constants(kind, constants, with_chosen(kind.words, words), date_order)
    try:
        is_sheet, is_columnar = is_workbook(path), is_parquet(path)
    except FileNotFoundError as error:
        raise NO_TABLE(f"there is no file {path}") from error
    except IsADirectoryError as error:
        raise UNREADABLE_FILE(f"{path} is a folder", hint="Name the CSV file in it.") from error
    layout = Layout(path, kind, chosen, required, names, constants, has_numbers)
    if is_sheet:
        table = _in_workbook(layout, sheet, hidden, span_rows)
    elif is_columnar:
        table = _in_parquet(layout, span_rows)
    else:
        with unchanged(path):
            is_json = is_json_lines(path)
            table = _in_json(layout, span_rows) if is_json else _in_text(layout, encoding, span_rows)
    header, is_error_file = _plain_header(table.header)
    columns = columns_of(header, layout)
    if not table.spans:
        raise UNREADABLE_FILE(f"{path.name} has a header and no rows", hint="Rows are expected below it.")
    groups = groups_of(header, layout, columns)
    return Source(
        path,
        table.delimiter,
        tuple(header),
        columns,
        groups,
        table.spans,
        kind,
        is_error_file,
        date_order,
        names,
        dict(constants),
        {name: dict(each) for name, each in words.items()},
        table.encoding,
        table.sheet,
        table.packed,
        table.json,
    )


class _Table(NamedTuple):
    """The content of a file, before its columns are fields."""

    delimiter: str
    header: list[str]
    spans: tuple[Span, ...]
    encoding: str
    sheet: SheetTable | None = None
    packed: tuple[Packed, ...] = ()
    json: JsonLines | None = None


def _in_workbook(layout: Layout, name: str, hidden: str, span_rows: int) -> _Table:
    def fits(header: Sequence[str]) -> int:
        return len(fields_by_heading(header, layout.kind))

    sheet = read_sheet(layout.path, fits, name, hidden, span_rows=span_rows)
    return _of_packed(layout, sheet.header, sheet.parts)._replace(sheet=sheet._replace(parts=()))


def _in_parquet(layout: Layout, span_rows: int) -> _Table:
    header, parts = read_parquet(layout.path, lambda header: _numbers(header, layout), span_rows)
    return _of_packed(layout, header, parts)


def _of_packed(layout: Layout, header: list[str], parts: Sequence[Packed]) -> _Table:
    if number_of := _number_in_rows(header, layout):
        parts = tuple(_uncut(parts, number_of))
    spans: list[Span] = []
    first = FIRST_ROW
    for number, part in enumerate(parts):
        spans.append(Span(number, first, part.rows, 0, 0, part.sha256))
        first += part.rows
    is_filled = any(part.filled for part in parts)
    return _Table(",", header, tuple(spans) if is_filled else (), "utf-8", packed=tuple(parts))


def _in_json(layout: Layout, span_rows: int) -> _Table:
    path = layout.path
    places, is_filled = find_places(path, LONGEST_HEADER)
    if not places:
        raise UNREADABLE_FILE(f"{path.name} is empty", hint="An object in each line is expected.")
    header = JsonLines(places, frozenset()).header
    columns = JsonLines(places, _numbers(header, layout))
    number_of = _number_in_rows(header, layout)
    spans: list[Span] = []
    first, start = FIRST_ROW, 0

    def number(line: bytes) -> str:
        return number_of(columns.cells(line)) if number_of else ""

    for rows, size, digest in cut_lines(path, span_rows, number if number_of else None):
        spans.append(Span(len(spans), first, rows, start, start + size, digest))
        first, start = first + rows, start + size
    return _Table(",", header, tuple(spans) if is_filled else (), "utf-8", json=columns)


def _numbers(header: list[str], layout: Layout) -> frozenset[int]:
    """The columns all of whose fields are numbers: only there is a binary fraction what was meant."""
    plainly, is_error_file = _plain_header(header)
    fields: dict[int, list[str]] = {}
    for name, index in columns_of(plainly, layout).items():
        item = layout.kind.item(name)
        of_field = layout.kind.item_fields[item.field] if item else layout.kind.fields.get(name)
        shift = len(GUARD_COLUMNS) if is_error_file else 0
        fields.setdefault(index + shift, []).append(of_field.type if of_field else "")
    return frozenset(index for index, types in fields.items() if {*types} == {"number"})


def _in_text(layout: Layout, encoding: str, span_rows: int) -> _Table:
    path, kind = layout.path, layout.kind
    text, encoding, skipped = _beginning(path, ENCODINGS.get(encoding, ""))
    if separator := _SEPARATOR_LINE.match(text):
        text = text[separator.end() :]
        skipped += len(separator[0].encode(encoding))
    headers = {each: _header(text, each) for each in (separator[1] if separator else ",;\t")}
    delimiter = max(
        headers, key=lambda each: (len(fields_by_heading(headers[each], kind)), len(headers[each]))
    )
    if path.stat().st_size > LONGEST_HEADER and not _ends_header(text, delimiter):
        # What is cut off would be taken for cells without a heading in each row.
        raise UNREADABLE_FILE(
            f"the headings of {path.name} take more than {LONGEST_HEADER >> 10} KB",
            hint=f"{_HEADER_FIRST} Or is a quotation mark opened in them and never closed?",
        )
    if not any(headers[delimiter]):
        raise UNREADABLE_FILE(f"the first row of {path.name} is empty", hint=_HEADER_FIRST)
    number = _number_in_rows(headers[delimiter], layout)
    spans = _spans(path, encoding, skipped, delimiter, 2 if separator else 1, span_rows, number)
    return _Table(delimiter, headers[delimiter], spans, encoding)


def _number_in_rows(header: list[str], layout: Layout) -> Callable[[list[str]], str] | None:
    """A function that reads the number of a row, if the items of a group stand in rows.

    The end of a span then depends on the number, and so on the columns.
    """
    if not layout.kind.groups or layout.required is not None:
        return None
    plainly, is_error_file = _plain_header(header)
    columns = columns_of(plainly, layout)
    if not any(0 in positions for positions in groups_of(plainly, layout, columns).values()):
        return None
    return partial(_number, is_error_file, columns[layout.kind.number])


def _uncut(parts: Iterable[Packed], number: Callable[[list[str]], str]) -> Iterator[Packed]:
    """The parts of a sheet, where rows that go on a record of the part before are moved there.

    No more than a record may have, as in `_spans`.
    """
    before: Packed | None = None
    same, last = 0, ""
    for part in parts:
        lines = io.StringIO(part.text().decode(), newline="")
        moved, end, goes_on = 0, 0, before is not None
        for cells in _rows(lines, ","):
            this = number(cells)
            same, last = (same + 1 if this == last != "" else 0), this
            if goes_on and 0 < same <= MOST_ITEMS:
                moved, end = moved + 1, lines.tell()
            elif goes_on:
                goes_on, same = False, 0
        if before is not None and moved:
            text = lines.getvalue()
            before = Packed.of(
                before.text() + text[:end].encode(), before.rows + moved, before.filled + moved
            )
            part = Packed.of(text[end:].encode(), part.rows - moved, part.filled - moved)
        if before is not None and part.rows:
            yield before
        if part.rows:  # else all of it was moved, and the next part may go on as well
            before = part
    if before is not None:
        yield before


def _plain_header(header: list[str]) -> tuple[list[str], bool]:
    """The headings, and whether the file is an error file, whose own columns and guards are taken off."""
    is_error_file = tuple(header[:3]) == GUARD_COLUMNS
    return [unguarded(heading).strip() for heading in header[3:]] if is_error_file else header, is_error_file


def _beginning(path: Path, chosen: str) -> tuple[str, str, int]:
    """The text in which the header is, the codec, and how many bytes of a byte order mark come before."""
    with path.open("rb") as file:
        beginning = file.read(LONGEST_HEADER)
        codec, skipped = marked(beginning) or ("", 0)
        if not skipped:  # a mark is certain: an option may stand there for other files
            codec = chosen or codec or _detected(path, file)
    text = beginning[skipped:].decode(codec, errors="replace")  # whether it is that is seen to next
    if not text.strip():
        raise UNREADABLE_FILE(f"{path.name} is empty", hint="A header row and rows below it are expected.")
    if "\0" in text:
        raise UNREADABLE_FILE(f"{path.name} is not a CSV file in UTF-8", hint=_SAVE)
    return text, codec, skipped


def _detected(path: Path, file: BinaryIO) -> str:
    file.seek(0)
    sample = sampled(iter(lambda: file.read(1 << 20), b""))
    if (codec := codec_of(sample)) is not None:
        return codec
    if not (candidates := readings(sample)):
        return "utf-8"  # it is no text at all, and its first line that is none is named
    names = " or ".join(each.encoding for each in candidates)
    problem = EncodingOpen(f"{path.name} could be in several encodings: {names}", encodings=names)
    problem.choices = candidates
    raise problem


def _named(codec: str) -> str:
    """An encoding as people know it."""
    if codec.startswith("utf-16"):
        return "UTF-16"
    return next(name for name, each in ENCODINGS.items() if each == codec).replace("utf", "UTF")


def _rows(lines: Iterable[str], delimiter: str, first_line: int = 1) -> Iterator[list[str]]:
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        yield from reader
    except csv.Error as error:
        raise UNREADABLE_FILE(
            f"line {first_line - 1 + reader.line_num}: a cell of over {csv.field_size_limit()} characters",
            hint="A quotation mark is opened there or before, and never closed.",
        ) from error


def _header(beginning: str, delimiter: str) -> list[str]:
    lines = io.StringIO(beginning, newline="")
    return [cell.strip() for cell in next(_rows(lines, delimiter), [])]


def _ends_header(beginning: str, delimiter: str) -> bool:
    """True if the first row ends within the beginning of a file, and does not go on behind it."""
    lines = io.StringIO(beginning, newline="")
    next(_rows(lines, delimiter), None)
    return lines.tell() < len(beginning)


def _spans(
    path: Path,
    encoding: str,
    start: int,
    delimiter: str,
    first_line: int,
    most: int,
    number: Callable[[list[str]], str] | None = None,
) -> tuple[Span, ...]:
    """The rows in spans of `most`, cut where a row ends: quotation marks are respected.

    Given the `number` of a row, rows of one number that stand together are not parted, unless they are more
    than a record may have: a span has a bound, since it is held in memory.

    None where no row has anything in it. Raises `UNREADABLE_FILE` at the first line that is no text, and
    where a quotation mark is never closed: the rows behind it would be part of one cell, and go unseen.
    """
    spans, filled = ([], False) if number else _plain_spans(path, encoding, start, delimiter, most)
    first_row, same, last = FIRST_ROW, 0, ""
    if spans:  # they are done, and the header with them
        first_row, start = spans[-1].numbers.stop, spans[-1].stop
        first_line += first_row - 1
    read, rows, ended, digest = start, 0, False, hashlib.sha256()
    full: tuple[int, bytes] | None = None  # the end of a span that takes no more records, and its digest
    behind = hashlib.sha256()  # of the bytes behind that end

    # Bytes as characters: a line ends at the same place, whatever it says, and its bytes can be counted.
    raw = encoding if encoding.startswith("utf-16") else "latin-1"
    with path.open(encoding=raw, errors="surrogatepass" if raw != "latin-1" else None, newline="") as file:

        def lines() -> Iterator[str]:
            nonlocal read, ended
            try:
                for number, line in enumerate(file, first_line):
                    try:
                        data = line.encode(raw)
                        text = data.decode(encoding)
                    except UnicodeError:
                        raise UNREADABLE_FILE(
                            f"{path.name}: line {number} is not in {_named(encoding)}",
                            hint=_SAVE,
                        ) from None
                    read += len(data)
                    digest.update(data)
                    if full is not None:
                        behind.update(data)
                    yield text
            except UnicodeDecodeError:
                raise UNREADABLE_FILE(f"{path.name} ends in the middle of a character", hint=_SAVE) from None
            ended = True

        file.seek(start)
        table_rows = _rows(lines(), delimiter, first_line)
        if not spans:
            next(table_rows, None)  # the header
            if ended:
                raise _never_closed(path, "in the header")
        begun, digest = read, hashlib.sha256()
        for cells in table_rows:
            if ended:  # a row that is whole comes before more is asked for
                raise _never_closed(path, f"in row {first_row + rows}")
            if number is not None:
                this = number(cells)
                same, last = (same + 1 if this == last != "" else 0), this
            if full is not None and (same == 0 or same > MOST_ITEMS):
                spans.append(Span(len(spans), first_row, rows, begun, *full))
                first_row, rows, begun, digest, same = first_row + rows, 0, full[0], behind, 0
                full = None
            rows, filled = rows + 1, filled or any(cells)
            if rows >= most:
                full, behind = (read, digest.digest()), hashlib.sha256()
    if rows:
        spans.append(Span(len(spans), first_row, rows, begun, read, digest.digest()))
    return tuple(spans) if filled else ()


def _plain_spans(path: Path, encoding: str, start: int, delimiter: str, most: int) -> tuple[list[Span], bool]:
    """The spans up to the first with a quotation mark, and whether any of their rows has anything in it.

    Without such a mark a line is a row, and nothing need be parsed. In another encoding than UTF-8 there are
    none. They end before a line that is too long or no text as well: the caller reads on, and says why.
    """
    spans: list[Span] = []
    filled, first_row = False, FIRST_ROW
    with path.open("rb") as file:
        file.seek(start)
        header = file.readline()
        start += len(header)
        is_plain = encoding == "utf-8" and _are_plain([header], header)
        while is_plain and (lines := list(islice(file, most))):
            data = b"".join(lines)
            if not _are_plain(lines, data):
                break
            digest = hashlib.sha256(data).digest()
            spans.append(Span(len(spans), first_row, len(lines), start, start + len(data), digest))
            first_row, start = first_row + len(lines), start + len(data)
            filled = filled or bool(data.translate(None, delimiter.encode() + b"\r\n"))
    return spans, filled


def _are_plain(lines: list[bytes], data: bytes) -> bool:
    """True if the lines, together `data`, are text in UTF-8, and each is a row that is read as such.

    A cell has no quotation marks then, and is not longer than the reader takes.
    """
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    is_cut = b'"' not in data and data.count(b"\r") == data.count(b"\r\n")
    return is_cut and max(map(len, lines)) <= csv.field_size_limit()


def _cell(cells: list[str], index: int) -> str:
    return cells[index].strip() if index < len(cells) else ""


def _number(is_error_file: bool, index: int, cells: list[str]) -> str:
    """The number of a row as it stands in the file, in the words of `Source.rows`."""
    return _cell([unguarded(cell) for cell in cells[3:]] if is_error_file else cells, index)


def _item(columns: Mapping[str, int], cells: list[str]) -> dict[str, str]:
    return {name: cells[index] for name, index in columns.items() if index < len(cells)}


def _never_closed(path: Path, where: str) -> Malformed:
    return UNREADABLE_FILE(
        f"{path.name}: a quotation mark that opens {where} is never closed",
        hint="Close it or take it out. Row 1 has the headings.",
    )
