"""Bad rows come back: as CSV or a workbook that can be fed again, and never over what somebody corrected."""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intaglio.words import remedy
from issuer.job.errors import write_errors
from issuer.problem import ERROR_FILE_REFUSED
from issuer.table.errorbook import workbook
from issuer.table.errorfile import error_file, require_writer
from issuer.table.finding import CellFinding
from issuer.table.source import GUARD_COLUMNS, Source, open_source
from tests.fault.kill import Work, kill_at_each_step
from tests.problems import raises
from tests.workbooks import ROWS, read, rows
from tests.world import HEADER, graduate, table
from wire.problem import ExtraMissing

FINDINGS = {
    3: [CellFinding(3, "email", "is not an e-mail address", "x"), CellFinding(3, "gpa", "is none")],
    5: [CellFinding(5, "award_date", "is not a date", "1/2")],
}
TRICKY = (
    *("0012345", "9" * 40, "1e5", "TRUE", "2026-06-30", "#N/A", "http://x.example", "+49 170", "=1+1", "'=x"),
    *("<r>a</r>", "<r><t>x</t></r>", "<r></r>", "&amp;<b>", "_x0041_", " a ", "a\nb\r\nc\rd", "\x07", "\t"),
    *("张敏", "Nguyễn Thị Ánh", "\U0001f600", "", "a" * 32_000),
)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    path = tmp_path / "g.csv"
    path.write_text(table([graduate(row) for row in range(1, 6)]))
    return open_source(path)


def book(path: Path, cells: Sequence[Sequence[str]]) -> list[list[str]]:
    """The rows as they are read back from an error file."""
    path.write_bytes(workbook(((each, {}) for each in cells), path.parent))
    found = read(path, chosen="Sheet1")
    return [found.header, *rows(found)]


def test_a_workbook_of_bad_rows_has_a_comment_at_each_wrong_cell(source: Source, tmp_path: Path) -> None:
    path = tmp_path / "e.xlsx"
    path.write_bytes(error_file(path, source, FINDINGS, tmp_path))
    found = read(path)
    assert found.header == [*GUARD_COLUMNS, *HEADER]
    assert [cells[:3] for cells in rows(found)] == [
        ["3", "email; gpa", "is not an e-mail address; is none"],
        ["5", "award_date", "is not a date"],
    ]
    assert [cells[3:] for cells in rows(found)] == [ROWS[1], ROWS[3]]
    with zipfile.ZipFile(path) as parts:
        comments = parts.read("xl/comments1.xml").decode()
    column = {name: chr(ord("A") + len(GUARD_COLUMNS) + index) for index, name in enumerate(HEADER)}
    assert dict(re.findall(r'<comment ref="(\w+)".*?<t>(.*?)</t>', comments)) == {
        f"{column['email']}2": "is not an e-mail address",
        f"{column['gpa']}2": "is none",
        f"{column['award_date']}3": "is not a date",
    }
    assert path.read_bytes() == error_file(path, source, FINDINGS, tmp_path), "the same rows, the same bytes"


def test_a_workbook_of_bad_rows_keeps_what_a_spreadsheet_would_change(tmp_path: Path) -> None:
    """No cell becomes a number, a formula or a link, nor XML where the writer takes it for such."""
    cells = [["a", "b"], *(["x", text] for text in TRICKY)]
    assert book(tmp_path / "e.xlsx", cells) == cells


characters = st.characters(codec="utf-8", exclude_characters="\ufffe\uffff")
cells = st.lists(st.text(characters, min_size=1, max_size=12), min_size=3, max_size=3)


@pytest.mark.slow
@given(st.lists(cells, min_size=1, max_size=5))
def test_any_cell_comes_back_from_a_workbook_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, given_cells: list[list[str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.xlsx"
    assert book(path, [["a", "b", "c"], *given_cells]) == [["a", "b", "c"], *given_cells]


@pytest.mark.quick("shape0")
@pytest.mark.parametrize("shape", [["x" * 32_768], ["x"] * 16_385])
def test_what_no_workbook_holds_is_refused_with_another_way(tmp_path: Path, shape: list[str]) -> None:
    with raises(ERROR_FILE_REFUSED, match=r"row 2 of the error file has more") as raised:
        workbook(iter([(["a"], {}), (shape, {})]), tmp_path)
    assert "--errors" in remedy(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["e.csv", "e.xlsx"])
def test_an_error_file_is_fed_again_with_the_numbers_of_its_own_rows(
    source: Source, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(error_file(path, source, FINDINGS, tmp_path))
    again = open_source(path)
    assert again.is_error_file
    assert again.header == tuple(HEADER)
    found = [row for span in again.spans for row in again.rows(span)]
    assert found == [(2, ROWS[1]), (3, ROWS[3])]


def test_a_workbook_needs_the_extra_and_csv_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    require_writer(Path("e.csv"))
    with pytest.raises(ExtraMissing) as raised:
        require_writer(Path("e.XLSX"))
    assert "'.[xlsx]'" in remedy(raised.value)


def test_an_error_file_is_replaced_while_it_is_as_it_was_written(source: Source, tmp_path: Path) -> None:
    home, wanted = tmp_path / "home", tmp_path / "g.errors.csv"

    def written(findings: dict[int, list[CellFinding]]) -> str:
        path = write_errors(wanted, source, findings, tmp_path, home)
        assert path is not None
        assert path.read_bytes() == error_file(path, source, findings, tmp_path)
        assert path.stat().st_mode & 0o777 == 0o600
        return path.name

    fewer = {5: FINDINGS[5]}
    assert [written(FINDINGS), written(fewer), written(FINDINGS)] == ["g.errors.csv"] * 3
    wanted.write_text("corrected by hand")
    assert [written(FINDINGS), written(fewer)] == ["g.errors-2.csv"] * 2
    wanted.with_name("g.errors-2.csv").write_text("corrected, too")
    wanted.with_name("g.errors-3.csv").mkdir()
    assert written(fewer) == "g.errors-4.csv"
    assert wanted.read_text() == "corrected by hand"
    wanted.unlink()
    assert written(fewer) == "g.errors.csv", "a name that is free again"
    assert write_errors(wanted, source, {}, tmp_path, home) is None


def test_an_error_file_is_of_one_table_and_never_the_table_itself(source: Source, tmp_path: Path) -> None:
    home, wanted = tmp_path / "home", tmp_path / "g.errors.csv"
    assert write_errors(wanted, source, FINDINGS, tmp_path, home) == wanted
    again = open_source(wanted)
    fed = {2: [CellFinding(2, "email", "is not an e-mail address")]}
    second = tmp_path / "g.errors-2.csv"
    assert write_errors(wanted, again, fed, tmp_path, home) == second
    assert write_errors(wanted, again, fed, tmp_path, home) == second
    assert write_errors(wanted, source, {5: FINDINGS[5]}, tmp_path, home) == wanted
    assert write_errors(second, source, FINDINGS, tmp_path, home) == tmp_path / "g.errors-2-2.csv"
    (tmp_path / "link.csv").symlink_to(source.path)
    before = source.path.read_bytes()
    assert write_errors(tmp_path / "link.csv", source, FINDINGS, tmp_path, home) == tmp_path / "link-2.csv"
    assert source.path.read_bytes() == before


def test_without_an_issuer_nothing_is_replaced_but_by_the_same(source: Source, tmp_path: Path) -> None:
    wanted = tmp_path / "g.errors.csv"
    assert write_errors(wanted, source, FINDINGS, tmp_path) == wanted
    assert write_errors(wanted, source, FINDINGS, tmp_path) == wanted
    assert write_errors(wanted, source, {5: FINDINGS[5]}, tmp_path) == tmp_path / "g.errors-2.csv"


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_who_is_killed_leaves_the_former_error_file_or_the_new_one(tmp_path: Path, suffix: str) -> None:
    """And either is replaced by the next run: it is as it was written."""
    (tmp_path / "g.csv").write_text(table([graduate(row) for row in range(1, 6)]))
    source = open_source(tmp_path / "g.csv")
    places = iter(tmp_path / str(number) for number in range(1000))

    def prepare() -> tuple[Work, Work]:
        folder = next(places)
        scratch, wanted = folder / "scratch", folder / f"e{suffix}"
        scratch.mkdir(parents=True)
        fewer = {5: FINDINGS[5]}
        former, new = (error_file(wanted, source, each, scratch) for each in (FINDINGS, fewer))
        write_errors(wanted, source, FINDINGS, scratch, folder / "home")

        def check() -> None:
            assert wanted.read_bytes() in (former, new)
            assert write_errors(wanted, source, fewer, scratch, folder / "home") == wanted
            assert wanted.read_bytes() == new
            assert {each.name for each in folder.iterdir()} == {wanted.name, "home", "scratch"}

        return lambda: write_errors(wanted, source, fewer, scratch, folder / "home"), check

    assert kill_at_each_step(prepare, most=25) > 8


def test_a_folder_is_no_error_file(source: Source, tmp_path: Path) -> None:
    """The next free name would lie beside it."""
    folder = tmp_path / "errors"
    folder.mkdir()
    with raises(ERROR_FILE_REFUSED, match="errors is a folder"):
        write_errors(folder, source, FINDINGS, tmp_path)
    assert not (tmp_path / "errors-2").exists()
