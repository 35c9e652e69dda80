"""The facts in a workbook's XML that a reader of values drops: formats, hidden rows, errors, formulas.

Parts of the ZIP are inflated in pieces and counted, whatever size the archive declares for them. XML with a
document type is refused, so that there are no entities; nothing that lies outside the archive is opened.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple
from xml.parsers import expat

from .numberformat import number_text

_MOST_COLUMNS = 1 << 14  # of any spreadsheet program: a reader makes all rows as wide as the widest
MOST_INFLATED = 1 << 29
"""The most bytes of XML that are read from one part."""
MOST_PARTS = 10_000
"""The most files in the archive."""
TOO_WIDE = f"it has more than {_MOST_COLUMNS} columns"
UNCALCULATED = "#CALC!"
"""The text in place of a formula that has no stored value."""

_PIECE = 1 << 16
_MOST_TEXT = 1 << 15  # characters in a cell, of any spreadsheet program

Attributes = Mapping[str, str]


class UnreadableWorkbook(Exception):
    """The error in a workbook, in words."""


class NotedRow(NamedTuple):
    """The facts of equal rows that follow each other."""

    number: int
    """Of the first one, as the spreadsheet shows it."""
    times: int
    hidden: bool
    notes: dict[int, str]
    """By index of the column, the text that replaces the stored value."""


Merge = tuple[int, int, int, int]
"""First row, first column, last row, last column, from 0."""


def inflated(file: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The content of a part, in pieces. Raises `UnreadableWorkbook`."""
    total = 0
    try:
        with file.open(name) as part:
            while piece := part.read(_PIECE):
                total += len(piece)
                if total > MOST_INFLATED:  # a bomb: the size that the archive declares may be a lie
                    raise UnreadableWorkbook(f"more than {MOST_INFLATED >> 20} MB of XML in {name}")
                yield piece
    except KeyError:
        raise UnreadableWorkbook(f"there is no {name} in it") from None
    except RuntimeError:  # of the standard library: an encrypted member
        raise UnreadableWorkbook("it is locked by a password") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError):
        raise UnreadableWorkbook(f"{name} in it is damaged") from None


def each_element(
    pieces: Iterable[bytes],
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Calls back for each element, by its local name, and yields after each piece.

    Raises `UnreadableWorkbook` for XML that is not well formed or has a document type.
    """
    parser = _parser()
    local: dict[str, str] = {}

    def named(name: str) -> str:
        return local.get(name) or local.setdefault(name[:64], name.rpartition(":")[2])

    parser.StartElementHandler = lambda name, attributes: start(named(name), attributes)
    if end is not None:
        parser.EndElementHandler = lambda name: end(named(name))
    if text is not None:
        parser.CharacterDataHandler = text
    yield from _fed(parser, pieces)


def _parser() -> expat.XMLParserType:
    def refuse(*_: object) -> None:
        raise UnreadableWorkbook("its XML has a document type")  # entities: a bomb, or somebody's file

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.buffer_text = True
    return parser


def _fed(parser: expat.XMLParserType, pieces: Iterable[bytes]) -> Iterator[None]:
    try:
        for piece in pieces:
            parser.Parse(piece, False)
            yield
        parser.Parse(b"", True)
        yield
    except expat.ExpatError as error:
        raise UnreadableWorkbook(f"its XML is not well formed: {expat.ErrorString(error.code)}") from None


# Office Open XML (ECMA-376)


def sheet_parts(file: zipfile.ZipFile) -> dict[str, str]:
    """By name of a worksheet, the part that has it (18.2.19, and 9.2 of part 2)."""
    sheets: dict[str, str] = {}
    targets: dict[str, str] = {}

    def sheet(name: str, attributes: Attributes) -> None:
        if name == "sheet":
            ids = (value for key, value in attributes.items() if key.endswith(":id"))
            sheets[attributes.get("name", "")] = next(ids, "")

    def relationship(name: str, attributes: Attributes) -> None:
        # A part outside the archive is none of ours: a link to it would be opened here.
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/xl", attributes.get("Target", "")))
            targets[attributes.get("Id", "")] = target.lstrip("/")

    _all(each_element(inflated(file, "xl/workbook.xml"), sheet))
    _all(each_element(inflated(file, "xl/_rels/workbook.xml.rels"), relationship))
    return {name: targets[id_] for name, id_ in sheets.items() if id_ in targets}


def number_formats(file: zipfile.ZipFile) -> list[str]:
    """The format of the numbers in cells of each style (18.8.10 `cellXfs`)."""
    codes = dict(_BUILT_IN)
    styles: list[str] = []
    inside = False

    def start(name: str, attributes: Attributes) -> None:
        nonlocal inside
        if name == "numFmt":
            codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")[:256]
        elif name in ("cellXfs", "cellStyleXfs"):
            inside = name == "cellXfs"
        elif name == "xf" and inside and len(styles) < _MOST_STYLES:
            styles.append(codes.get(attributes.get("numFmtId", "0"), ""))

    def end(name: str) -> None:
        nonlocal inside
        inside = inside and name != "cellXfs"

    if "xl/styles.xml" in file.namelist():
        _all(each_element(inflated(file, "xl/styles.xml"), start, end))
    return styles


_BUILT_IN = {"1": "0", "2": "0.00", "3": "#,##0", "4": "#,##0.00", "9": "0%", "10": "0.00%"}  # 18.8.30
_MOST_STYLES = 1 << 16


def rows_of_xlsx(pieces: Iterable[bytes], styles: list[str]) -> Iterator[NotedRow]:
    """The rows that are hidden or have numbers, errors or formulas without a value (18.3.1.73 `row`).

    Only the beginnings of elements call back: half of the time of reading is spent here.
    """
    done: list[NotedRow] = []
    row, digits, column, hidden = 0, "", -1, False
    notes: dict[int, str] = {}
    kind, style, formula, valued = "s", "0", False, False  # of the cell
    text: list[str] = []
    columns: dict[str, int] = {}
    parser = _parser()

    def close_cell() -> None:
        if parser.CharacterDataHandler is not None:
            parser.CharacterDataHandler = None
        value = "".join(text).strip()
        if not value and not (valued and kind == "str"):  # a text may be empty, and is none the less stored
            if formula:
                notes[column] = UNCALCULATED
        elif kind == "n":
            notes[column] = _shown(value, style, styles)
        elif kind == "e":
            notes[column] = value

    def close_row() -> None:
        if hidden or notes:
            done.append(NotedRow(row, 1, hidden, notes))

    def start(name: str, attributes: Attributes) -> None:
        nonlocal row, digits, column, hidden, notes, kind, style, formula, valued
        if name == "c":
            if formula or valued:
                close_cell()
                formula = valued = False
                text.clear()
            before = column
            if (reference := attributes.get("r")) is None:
                column += 1
            else:
                letters = reference.removesuffix(digits)
                known_column = columns.get(letters)
                column = (
                    columns.setdefault(letters, _column(letters)) if known_column is None else known_column
                )
            if column <= before:
                raise UnreadableWorkbook(f"its cells are out of order in row {row}")
            if column >= _MOST_COLUMNS:
                raise UnreadableWorkbook(TOO_WIDE)
            kind, style = attributes.get("t", "n"), attributes.get("s", "0")
        elif name == "v":
            valued = kind in _NOTED or formula
            if valued:
                parser.CharacterDataHandler = text.append
        elif name == "f":
            formula = True
        elif name in ("row", "sheetData", "mergeCells"):
            if formula or valued:
                close_cell()
                formula = valued = False
                text.clear()
            close_row()
            notes, column, hidden = {}, -1, False
            if name == "row":
                before, row = row, _number(attributes["r"]) if "r" in attributes else row + 1
                if row <= before:
                    raise UnreadableWorkbook(f"its rows are out of order at row {row}")
                digits = str(row)
                hidden = attributes.get("hidden") in ("1", "true")
        elif parser.CharacterDataHandler is not None:
            parser.CharacterDataHandler = None

    def root(name: str, _: Attributes) -> None:
        prefix = name.rpartition("worksheet")[0]  # of the document's own elements; most have none
        if prefix:
            parser.StartElementHandler = lambda name, attributes: start(name.removeprefix(prefix), attributes)
        else:
            parser.StartElementHandler = start

    parser.StartElementHandler = root
    for _ in _fed(parser, pieces):
        yield from done
        done.clear()
    if formula or valued:
        close_cell()
    close_row()
    yield from done


_NOTED = ("n", "e")


def _shown(value: str, style: str, styles: list[str]) -> str:
    try:
        code = styles[int(style)] if style.isascii() and style.isdigit() and int(style) < len(styles) else ""
        return number_text(value, code)
    except (ValueError, OverflowError):
        raise UnreadableWorkbook("a number in it is none") from None


def _column(letters: str) -> int:
    if not (1 <= len(letters) <= 3 and letters.isascii() and letters.isalpha() and letters.isupper()):
        raise UnreadableWorkbook("a cell in it has no column")
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        raise UnreadableWorkbook("a row in it has no number")
    return int(text)


# OpenDocument (OASIS, version 1.3, part 3)


def rows_of_ods(pieces: Iterable[bytes], table: str, merges: list[Merge]) -> Iterator[NotedRow]:
    """As `rows_of_xlsx`, for an ODS table; a cell has the text shown in it (9.1). Fills in `merges`."""
    done: list[NotedRow] = []
    inside, depth = False, 0
    row, column, count, repeated = 1, 0, 1, 1
    hidden = False
    notes: dict[int, str] = {}
    note: str | None = None
    number: str | None = None
    paragraphs: list[str] = []
    reading = False

    def start(name: str, attributes: Attributes) -> None:
        nonlocal inside, depth, column, count, repeated, hidden, notes, note, number, reading
        if name == "table":
            depth += 1
            inside = inside or (depth == 1 and attributes.get("table:name") == table)
        if not inside or depth != 1:
            return
        if name == "table-row":
            column, notes = 0, {}
            count = _repeats(attributes, "table:number-rows-repeated")
            hidden = attributes.get("table:visibility", "visible") != "visible"
        elif name in ("table-cell", "covered-table-cell"):
            repeated = _repeats(attributes, "table:number-columns-repeated")
            down = _repeats(attributes, "table:number-rows-spanned")
            across = _repeats(attributes, "table:number-columns-spanned")
            if (down, across) != (1, 1) and len(merges) < _MOST_MERGES:
                merges.append((row - 1, column, row + down - 2, column + across - 1))
            kind = attributes.get("office:value-type", "")
            number = attributes.get("office:value") if kind in ("float", "currency", "percentage") else None
            formula = attributes.get("table:formula")
            note = UNCALCULATED if formula is not None and not kind else None
            paragraphs.clear()
        elif name == "p":
            reading = True
            paragraphs.append("")

    def end(name: str) -> None:
        nonlocal inside, depth, row, column, reading
        if name == "table":
            depth -= 1
            inside = inside and depth > 0
        if not inside or depth != 1:
            return
        if name == "p":
            reading = False
        elif name in ("table-cell", "covered-table-cell"):
            text = "\n".join(paragraphs).strip()
            reason = note
            if number is not None:
                reason = _as_shown(number, text)
            if text in ERRORS:  # of LibreOffice, which keeps them as text with a formula
                reason = text
            if (reason is not None or text) and column + repeated > _MOST_COLUMNS:
                raise UnreadableWorkbook(TOO_WIDE)
            if reason is not None:
                notes.update(dict.fromkeys(range(column, column + repeated), reason))
            column += repeated
        elif name == "table-row":
            if hidden or notes:
                done.append(NotedRow(row, count, hidden, notes))
            row += count

    def characters(part: str) -> None:
        if reading and len(paragraphs[-1]) < _MOST_TEXT:
            paragraphs[-1] += part

    for _ in each_element(pieces, start, end, characters):
        yield from done
        done.clear()


ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#CALC!", "#SPILL!"})
"""The texts that spreadsheets show where a formula failed."""
_MOST_MERGES = 1 << 16


def _as_shown(number: str, text: str) -> str:
    """The text that is shown, if it is the number with leading or trailing zeros; else the number."""
    plain = _shown(number, "", [])
    if re.fullmatch(r"\d+(?:\.\d+)?%?", text):
        value = float(text.rstrip("%")) / (100 if text.endswith("%") else 1)
        if abs(value - float(number)) <= 1e-9 * max(1.0, abs(value)):
            return text
    return plain


def _repeats(attributes: Attributes, name: str) -> int:
    text = attributes.get(name, "1")
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        raise UnreadableWorkbook("a cell in it is repeated without a number")
    return max(1, int(text))


def _all(steps: Iterator[None]) -> None:
    for _ in steps:
        pass
