"""A workbook of a registrar's: its values as they are shown, what it lost, and what is none of the table."""

from __future__ import annotations

import os
import struct
import sys
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intaglio.words import remedy
from issuer.archive.archive import Archive
from issuer.archive.shard_store import ShardFolder
from issuer.archive.store import SQLiteIndex
from issuer.job.bulk import dry_run
from issuer.job.order import Order
from issuer.press.document import trial
from issuer.problem import UNREADABLE_FILE, HiddenOpen, SheetOpen
from issuer.table import markup
from issuer.table.bounded import LARGEST, BoundedReader
from issuer.table.markup import UnreadableWorkbook
from issuer.table.numberformat import TOO_LONG, number_text
from issuer.table.sheet import read_sheet
from issuer.table.source import open_source
from issuer.table.workbook import _texts
from kinds import shipped
from tests.problems import raises
from tests.workbooks import ROWS, cell, ods, read, row, rows, texts, with_part, workbook, xlsx
from tests.world import HEADER, NOW, graduate, table
from wire.problem import Conflict, ExtraMissing


def column(path: Path, index: int = 0, **options: Any) -> list[str]:
    return [cells[index] if cells else "" for cells in rows(read(path, **options))]


def test_texts_are_read_as_they_are(tmp_path: Path) -> None:
    mixed = [
        "张敏",
        "Nguyễn Thị Ánh",
        "a\nb",
        ' "x", ',
        "0012",
        "TRUE",
        "=1+1",
        "2026-06-30",
        "Łukasz",
        "1e3",
    ]
    found = read(xlsx(tmp_path / "g.xlsx", [[*mixed, *ROWS[0][10:]], [], ROWS[1]]), span_rows=2)
    assert found.header == HEADER
    assert rows(found) == [[*mixed, *ROWS[0][10:]], [], ROWS[1]]
    assert [part.rows for part in found.parts] == [2, 1]


@pytest.mark.quick(every=3)
@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (12345, "0000000", "0012345"),
        (12345, "General", "12345"),
        (3.5, "0.00", "3.50"),
        (3.456, "0.0", "3.456"),
        (0.85, "0%", "85%"),
        (12345, "#,##0", "12345"),
        (7, '"UNI-"0000', "UNI-0007"),
        (7, r"\U000", "U007"),
        (46203, "General", "46203"),
        (20260630, "0", "20260630"),
        (0.1, "General", "0.1"),
        (-5, "000", "-5"),
        (7, "[Red]000;[Blue]0", "007"),
        (7, "# ?/?", "7"),
        (1.1010119900101e17, "0", TOO_LONG),
    ],
)
def test_a_number_is_read_as_its_format_shows_it(tmp_path: Path, value: float, code: str, text: str) -> None:
    def fill(book: Any) -> None:
        made = book.add_worksheet()
        texts(made, [HEADER, ["", *ROWS[0][1:]]])
        made.write_number(1, 0, value, book.add_format({"num_format": code}))

    assert column(workbook(tmp_path / "g.xlsx", fill, "")) == [text]


@pytest.mark.slow
def test_a_format_takes_no_time_however_it_is_written() -> None:
    for code in ('"' * 20_000, "\\" * 20_000, "(" * 20_000 + "x", '"a' * 9_999 + "0", "[" * 20_000):
        assert number_text("7", code) == "7"


def test_dates_are_days_and_truth_is_a_word(tmp_path: Path) -> None:
    def fill(book: Any) -> None:
        made, day = book.add_worksheet(), book.add_format({"num_format": "dd.mm.yyyy"})
        texts(made, [HEADER, ["", "", "", *ROWS[0][3:]]])
        made.write_datetime(1, 0, date(2026, 6, 30), day)
        made.write_boolean(1, 1, True)
        made.write_datetime(1, 2, datetime(2026, 6, 30, 12, 30, tzinfo=UTC).replace(tzinfo=None), day)

    assert rows(read(workbook(tmp_path / "g.xlsx", fill, "")))[0][:3] == [
        "2026-06-30",
        "TRUE",
        "2026-06-30T12:30:00",
    ]


def lost(made: Any) -> None:
    """What spreadsheets lose, one to a row, in the title of the programme."""
    texts(made, [HEADER, *ROWS])
    title = HEADER.index("programme_title")
    for index, error in enumerate(("#N/A", "#DIV/0!")):
        made.write_formula(1 + index, title, "=NA()", None, error)
    made.write_formula(3, title, "=B2", None, "")
    made.write_formula(4, title, '="stored"', None, "stored")
    made.write_number(5, HEADER.index("student_id"), 110101199003071233)
    made.write_number(5, HEADER.index("award_date"), 46203)


def test_what_the_sheet_lost_is_a_finding_and_never_a_blank(tmp_path: Path) -> None:
    path = workbook(tmp_path / "g.xlsx", lost)
    assert column(path, HEADER.index("programme_title"))[:4] == [
        "#N/A",
        "#DIV/0!",
        markup.UNCALCULATED,
        "stored",
    ]


@pytest.mark.slow
def test_the_findings_name_row_and_column_of_the_sheet(tmp_path: Path) -> None:
    """Through the process that reads, into the check and the error file, and back from there."""
    path = workbook(tmp_path / "g.xlsx", lost)
    for source in (open_source(path), None):
        source = source or open_source(tmp_path / "errors.csv")
        archive = Archive(SQLiteIndex(tmp_path / "index.sqlite"), ShardFolder(tmp_path / "shards"))
        order = Order(source, tmp_path / "errors.csv", workers=0)
        found = dry_run(order, archive, trial(shipped()), NOW.date(), shipped().person.full)
        said = [str(each) for findings in found.survey.findings.values() for each in findings]
        assert [each.split(": ")[0] for each in said][:3] == [
            f"row {number}, column programme_title" for number in (2, 3, 4)
        ]
        assert '"#N/A" is an error of the spreadsheet' in said[0]
        assert "formula without a stored value" in said[2]
        assert "more digits than a spreadsheet keeps" in said[3]
        assert 'column award_date: "46203" is not a date' in said[4]
        assert len(said) == 5


def test_titles_and_merged_headings_are_understood(tmp_path: Path) -> None:
    def fill(made: Any) -> None:
        made.merge_range("A2:P2", "Graduates 2026")
        upper = [HEADER[0], "name", "", *HEADER[3:]]
        texts(made, [upper], 3)
        made.merge_range("B4:C4", "name")
        texts(made, [["", "given_name", "family_name"]], 4)
        for index in (0, *range(3, 16)):
            made.merge_range(3, index, 4, index, HEADER[index])
        texts(made, ROWS, 5)

    found = read(workbook(tmp_path / "g.xlsx", fill))
    assert (found.header, found.above) == (HEADER, 1)
    assert rows(found) == [[], [], [], [], *ROWS], "so that a row has the number that the spreadsheet shows"


def test_equal_headings_below_merged_ones_have_these_before_them(tmp_path: Path) -> None:
    def fill(made: Any) -> None:
        texts(made, [["", "", "", "", "e"], ["no", "name", "no", "name"], ["1", "2", "3", "4", "5"]])
        made.merge_range("A1:B1", "student")
        made.merge_range("C1:D1", "degree")

    found = read(workbook(tmp_path / "g.xlsx", fill), chosen="Graduates")
    assert found.header == ["student no", "student name", "degree no", "degree name", "e"]


def test_cells_that_are_merged_among_the_rows_are_refused(tmp_path: Path) -> None:
    def fill(made: Any) -> None:
        texts(made, [HEADER, *ROWS])
        made.merge_range("H3:H5", "Physics")

    with raises(UNREADABLE_FILE, match="merged below the headings, first in row 3"):
        read(workbook(tmp_path / "g.xlsx", fill))
    merged = [cell(each) for each in ROWS[0]]
    merged[3] = cell("x", 'office:value-type="string" table:number-rows-spanned="2"')
    with raises(UNREADABLE_FILE, match="merged below the headings, first in row 2"):
        read(ods(tmp_path / "g.ods", [row(map(cell, HEADER)), row(merged), row(map(cell, ROWS[1]))]))


def test_hidden_rows_are_counted_and_asked_about(tmp_path: Path) -> None:
    def fill(made: Any) -> None:
        texts(made, [HEADER, *ROWS])
        made.set_row(2, None, None, {"hidden": True})
        made.set_row(9, None, None, {"hidden": True})  # which is empty

    path = workbook(tmp_path / "g.xlsx", fill)
    with pytest.raises(HiddenOpen, match="1 hidden row in the sheet Graduates") as raised:
        read(path)
    assert [name for name, _ in raised.value.choices] == ["include", "skip"]
    assert rows(read(path, hidden="include")) == ROWS
    found = read(path, hidden="skip")
    assert rows(found) == [ROWS[0], [], *ROWS[2:]]
    assert (found.hidden, found.with_hidden) == (1, False)


def of_two(path: Path, hidden: bool, second: Sequence[Sequence[str]]) -> Path:
    def fill(book: Any) -> None:
        texts(book.add_worksheet("Graduates"), [HEADER, *ROWS])
        other = book.add_worksheet("2025")
        texts(other, second)
        if hidden:
            other.hide()

    return workbook(path, fill, "")


def test_of_two_sheets_that_fit_one_has_to_be_named(tmp_path: Path) -> None:
    path = of_two(tmp_path / "g.xlsx", False, [HEADER, ROWS[3]])
    with pytest.raises(SheetOpen) as raised:
        read(path)
    assert raised.value.choices == [("Graduates", HEADER[:3]), ("2025", HEADER[:3])]
    assert "--sheet NAME" in remedy(raised.value)
    assert rows(read(path, chosen="2025")) == [ROWS[3]]
    with raises(UNREADABLE_FILE, match="no sheet '2024'") as unknown:
        read(path, chosen="2024")
    assert remedy(unknown.value) == "Its sheets are Graduates, 2025."
    for other in ([["lang", "x"], ["en", "1"]], []):
        assert read(of_two(path, False, other)).name == "Graduates"


def test_hidden_sheets_that_fit_are_asked_about(tmp_path: Path) -> None:
    path = of_two(tmp_path / "g.xlsx", True, [HEADER, ROWS[3]])
    with pytest.raises(HiddenOpen, match="1 hidden sheet with such headings"):
        read(path)
    assert read(path, hidden="skip").name == "Graduates"
    with pytest.raises(SheetOpen):
        read(path, hidden="include")
    assert read(of_two(path, True, [["a", "b"], ["1", "2"]])).name == "Graduates"


def test_open_document_is_read_as_it_is_shown(tmp_path: Path) -> None:
    number = 'office:value-type="float" office:value="{}"'
    cells = [
        cell("0012345", number.format("12345")),
        cell("1.234,50", number.format("1234.5")),
        cell("30.06.2026", 'office:value-type="date" office:date-value="2026-06-30"'),
        cell("#N/A", 'table:formula="of:=NA()" office:value-type="string"'),
        '<table:table-cell table:formula="of:=1+1"/>',
        cell("TRUE", 'office:value-type="boolean" office:boolean-value="true"'),
    ]
    header = row([*map(cell, HEADER[:6]), '<table:table-cell table:number-columns-repeated="16000"/>'])
    hidden = row([cell("h")] * 6, 'table:visibility="collapse"')
    empty = row(["<table:table-cell/>"], 'table:number-rows-repeated="3"')
    last = row([cell("z")] * 6)
    endless = row(["<table:table-cell/>"], 'table:number-rows-repeated="1048000"')
    found = read(ods(tmp_path / "g.ods", [header, row(cells), empty, hidden, last, endless]), hidden="skip")
    assert [cells[:6] for cells in rows(found)] == [
        ["0012345", "1234.5", "2026-06-30", "#N/A", markup.UNCALCULATED, "TRUE"],
        *([],) * 4,
        ["z"] * 6,
    ]
    assert found.hidden == 1


def test_rows_and_columns_that_are_empty_count(tmp_path: Path) -> None:
    """Above and left of the table, too: the number of a row, and the letter of a column, are the sheet's."""
    shifted = [[""] * 17, *(["", *cells] for cells in (HEADER, *ROWS))]
    as_xml = [row("<table:table-cell/>" if not text else cell(text) for text in cells) for cells in shifted]
    for path in (xlsx(tmp_path / "g.xlsx", shifted[1:], shifted[0]), ods(tmp_path / "g.ods", as_xml)):
        found = read(path, chosen="Graduates")
        assert found.header == ["", *HEADER]
        assert rows(found) == [[], *shifted[2:]]

    def fill(sheet: Any) -> None:
        texts(sheet, shifted)
        sheet.write_number(3, 1, 12)

    assert rows(read(workbook(tmp_path / "n.xlsx", fill)))[2][:3] == ["", "12", ROWS[1][1]]


def test_a_cell_that_two_readers_see_in_different_places_is_refused() -> None:
    with pytest.raises(UnreadableWorkbook, match="row 3 can be read in two ways"):
        _texts(3, ["a", 7.0], {})
    with pytest.raises(UnreadableWorkbook, match="row 3 can be read in two ways"):
        _texts(3, ["a", ""], {0: "7"})


characters = st.characters(codec="utf-8", categories=("L", "N", "P", "S"))
tables = st.lists(st.lists(st.text(characters, max_size=8), min_size=16, max_size=16), min_size=1, max_size=4)


@pytest.mark.slow
@given(tables)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_a_table_is_the_same_as_csv_and_as_a_workbook(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    written = [*cells, ROWS[0]]
    (folder / "p.csv").write_text(table([dict(zip(HEADER, each, strict=True)) for each in written]))
    source = open_source(folder / "p.csv", encoding="utf-8")
    as_csv = [each for _, each in source.rows(source.spans[0])]
    as_ods = ods(folder / "p.ods", [row(list(map(cell, each))) for each in (HEADER, *written)])
    for path in (xlsx(folder / "p.xlsx", written), as_ods):
        assert [each for each in rows(read(path)) if any(each)] == as_csv


# Hostile ones, and those that are none


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("part", "before", "after", "words"),
    [
        (SHEET, b"<worksheet", b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet', "has a document type"),
        ("xl/workbook.xml", b"<workbook ", b'<!DOCTYPE x SYSTEM "file:///x"><workbook ', "document type"),
        (SHEET, b'r="A3"', b'r="XFDD3"', "has no column"),
        (SHEET, b'<row r="3"', b'<row r="2"', "rows are out of order"),
        (SHEET, b'r="B2"', b'r="A2"', "cells are out of order"),
        (SHEET, b"</sheetData>", b"</sheetDat>", "not well formed|damaged"),
        (SHEET, b'<row r="3"', b'<row r="99999999"', "has no number|damaged"),
    ],
)  # fmt: skip
def test_xml_that_is_not_as_it_should_be_is_refused(
    tmp_path: Path, part: str, before: bytes, after: bytes, words: str
) -> None:
    path = xlsx(tmp_path / "g.xlsx", ROWS)
    with raises(UNREADABLE_FILE, match=words):
        read(with_part(path, part, lambda data: data.replace(before, after, 1)))


def test_a_part_outside_the_archive_is_not_opened(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "g.xlsx", ROWS)
    rels = "xl/_rels/workbook.xml.rels"
    outside = b'Target="https://x.example/s.xml" TargetMode="External"'
    with raises(UNREADABLE_FILE, match="lies somewhere else|damaged"):
        read(with_part(path, rels, lambda data: data.replace(b'Target="worksheets/sheet1.xml"', outside)))


def test_links_and_macros_are_never_followed_or_run(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "g.xlsm", ROWS)
    with_part(path, "xl/vbaProject.bin", lambda _: b"\xd0\xcf\x11\xe0")
    with_part(path, "xl/externalLinks/externalLink1.xml", lambda _: b"<!DOCTYPE x><x/>")
    assert rows(read(path)) == ROWS


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xd0\xcf\x11\xe0" + bytes(600), "format of Excel 97 to 2003"),
        (b"\xd0\xcf\x11\xe0" + bytes(600) + "EncryptedPackage".encode("utf-16-le"), "locked by a password"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "g.xls").write_bytes(content)
    with raises(UNREADABLE_FILE, match=words) as raised:
        open_source(tmp_path / "g.xls")
    assert remedy(raised.value)


def test_without_the_extra_a_workbook_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(ExtraMissing) as raised:
        open_source(xlsx(tmp_path / "g.xlsx", ROWS))
    assert "'.[xlsx]'" in remedy(raised.value)


def far(path: Path) -> None:
    """A cell in the last row and column."""
    last = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    with_part(path, SHEET, lambda data: data.replace(b"</sheetData>", last))


def filled(path: Path, part: str, megabytes: int, around: bytes) -> None:
    """Writes a part with so many megabytes of blanks in the place of the dots."""
    before, _, after = around.partition(b"...")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file, file.open(part, "w") as written:
        written.write(before)
        for _ in range(megabytes):
            written.write(b" " * (1 << 20))
        written.write(after)


def bomb(path: Path) -> None:
    """A sheet of 600 MB, for which the archive declares 600 bytes."""
    with_part(path, SHEET, lambda _: b"")
    other = SHEET.replace("sheet1", "sheet2")
    filled(path, other, 600, b"...")
    data = path.read_bytes().replace(other.encode(), SHEET.encode())
    path.write_bytes(data.replace((600 << 20).to_bytes(4, "little"), (600).to_bytes(4, "little")))


WIDE = (
    '<table:table-cell office:value-type="string" table:number-columns-repeated="1000000"><text:p>x</text:p>'
)


def test_a_sheet_of_a_million_columns_is_refused_at_once(tmp_path: Path) -> None:
    """Before the reader of values makes each of its rows as wide."""
    written = xlsx(tmp_path / "g.xlsx", ROWS)
    wide = b"<c/>" * 20_000
    with_part(written, SHEET, lambda data: data.replace(b"</row>", wide + b"</row>", 1))
    in_ods = ods(tmp_path / "g.ods", [row([*map(cell, HEADER), f"{WIDE}</table:table-cell>"])])
    for path in (written, in_ods):
        with raises(UNREADABLE_FILE, match="it has more than 16384 columns"):
            read(path)


@pytest.mark.slow
def test_a_workbook_that_changes_while_it_is_read_is_refused_for_that(tmp_path: Path) -> None:
    """The headings were read when they are judged, and the rows were not."""
    path = xlsx(tmp_path / "g.xlsx", ROWS)

    def fits(header: list[str]) -> int:
        path.write_bytes(path.read_bytes() + bytes(1))
        return len(header)

    with pytest.raises(Conflict, match=r"g\.xlsx was changed while it was read"):
        read_sheet(path, fits)


class Running:
    """Runs code where it is unpickled."""

    ran = False

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return setattr, (Running, "ran", True)


@pytest.mark.parametrize(
    "send",
    [
        pytest.param(lambda pipe: pipe.send(Running()), id="a pickle"),
        pytest.param(lambda pipe: pipe.send_bytes(b"[" * 9999), id="nested"),
        pytest.param(lambda pipe: os.write(pipe.fileno(), struct.pack("!i", LARGEST + 1)), id="too large"),
        pytest.param(lambda pipe: pipe.send_bytes(b'{"rows": 3}\nx'), id="another value"),
        pytest.param(lambda pipe: pipe.close(), id="nothing"),
    ],
)
def test_a_reader_that_was_taken_over_runs_nothing_here(send: Callable[[Any], object]) -> None:
    ours, theirs = Pipe()
    with ours, theirs:
        send(theirs)
        with raises(UNREADABLE_FILE, match="damaged, or takes too much"):
            [*BoundedReader(Path("g.xlsx"), ours).rows()]
    assert not Running.ran


@pytest.mark.slow
@pytest.mark.parametrize("hostile", [far, bomb])
def test_a_hostile_workbook_ends_its_own_process_only(
    tmp_path: Path, hostile: Callable[[Path], None], capfd: pytest.CaptureFixture[str]
) -> None:
    path = xlsx(tmp_path / "g.xlsx", ROWS)
    hostile(path)
    assert path.stat().st_size < 10 << 20
    with raises(UNREADABLE_FILE, match="too much memory|damaged|MB of XML"):
        open_source(path)
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_a_table_of_open_document_that_repeats_without_end_is_refused(tmp_path: Path) -> None:
    cells = cell("x", 'office:value-type="string" table:number-columns-repeated="16384"')
    path = ods(tmp_path / "g.ods", [row([cells], 'table:number-rows-repeated="1048576"')])
    with raises(UNREADABLE_FILE, match="too much memory or time|damaged"):
        open_source(path)


@pytest.mark.slow
def test_a_workbook_and_a_csv_of_the_same_rows_are_checked_alike(tmp_path: Path) -> None:
    """By workers, too: they have the rows in memory, and the file may be gone by then."""
    written = [list(graduate(each).values()) for each in range(300)]
    path = xlsx(tmp_path / "g.xlsx", written)
    source = open_source(path, span_rows=64)
    again = open_source(path, span_rows=64)
    assert [span.sha256 for span in source.spans] == [span.sha256 for span in again.spans]
    path.unlink()
    archive = Archive(SQLiteIndex(tmp_path / "index.sqlite"), ShardFolder(tmp_path / "shards"))
    found = dry_run(Order(source, workers=2), archive, trial(shipped()), NOW.date(), shipped().person.full)
    assert (found.survey.rows, found.survey.findings) == (300, {})
