"""Workbooks for tests: of graduates, as .xlsx and .ods, and with one part of the XML as it is wanted."""

from __future__ import annotations

import csv
import io
import threading
import zipfile
from collections.abc import Callable, Iterable, Sequence
from multiprocessing import Pipe
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import xlsxwriter

from issuer.table.bounded import BoundedReader
from issuer.table.sheet import SheetTable, sheet_from
from issuer.table.workbook import answer_workbook
from tests.world import HEADER, graduate

ROWS = [list(graduate(row).values()) for row in range(1, 6)]


def workbook(path: Path, fill: Callable[[Any], None], name: str = "Graduates") -> Path:
    """A workbook of one sheet, which `fill` writes; as text whatever is written with `write_string`."""
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        fill(book if name == "" else book.add_worksheet(name))
    return path


def texts(sheet: Any, rows: Sequence[Sequence[str]], top: int = 0) -> None:
    """Writes rows as text; an empty text is an empty cell."""
    for row, cells in enumerate(rows, top):
        for column, cell in enumerate(cells):
            if cell:
                sheet.write_string(row, column, cell)


def xlsx(path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> Path:
    """A workbook with these rows below the header."""
    return workbook(path, lambda sheet: texts(sheet, [header, *rows]))


def with_part(path: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """The workbook with one part changed, or added where there is none."""
    data = io.BytesIO(path.read_bytes())
    with zipfile.ZipFile(data) as before, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as after:
        for each in before.namelist():
            if each != name:
                after.writestr(each, before.read(each))
        after.writestr(name, change(before.read(name) if name in before.namelist() else b""))
    return path


_ODS = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.3"><office:body>
<office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"""


def cell(text: str, attributes: str = 'office:value-type="string"') -> str:
    """A cell of OpenDocument."""
    return f"<table:table-cell {attributes}><text:p>{escape(text)}</text:p></table:table-cell>"


def ods(path: Path, rows: Sequence[str], name: str = "Graduates") -> Path:
    """An OpenDocument spreadsheet of one table, whose rows are XML: what stands in `table:table`."""
    table = f'<table:table table:name="{name}">{"".join(rows)}</table:table>'
    mime = "application/vnd.oasis.opendocument.spreadsheet"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("mimetype", mime, zipfile.ZIP_STORED)
        file.writestr("content.xml", _ODS.format(tables=table))
        manifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
        file.writestr(
            "META-INF/manifest.xml",
            f'<manifest:manifest xmlns:manifest="{manifest}"><manifest:file-entry '
            f'manifest:full-path="/" manifest:media-type="{mime}"/></manifest:manifest>',
        )
    return path


def row(cells: Iterable[str], attributes: str = "") -> str:
    """A row of OpenDocument with cells that are XML."""
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


def read(path: Path, **options: Any) -> SheetTable:
    """Reads in this process; the process with limits is tested below, slowly."""
    ours, theirs = Pipe()
    thread = threading.Thread(target=answer_workbook, args=(path, theirs))
    thread.start()
    try:
        return sheet_from(BoundedReader(path, ours), lambda header: len({*header} & {*HEADER}), **options)
    finally:
        ours.close()
        thread.join()


def rows(table: SheetTable) -> list[list[str]]:
    """From row 2 on; empty ones are empty lists."""
    text = b"".join(part.text() for part in table.parts).decode()
    return list(csv.reader(io.StringIO(text, newline="")))
