"""No table that this program writes begins a cell with a formula, however a spreadsheet parts its cells."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intaglio.pages import rendering
from issuer.table.errorfile import error_file
from issuer.table.finding import CellFinding
from issuer.table.source import open_source
from tests.world import graduate, table
from wire import text as wire_text

SIGNS = "=+-@＝＋－＠"
HARMFUL = (
    "=1+1",
    " =HYPERLINK(A2)",
    "\u00a0=1+1",
    "\ufeff=1+1",
    "＝1+1",
    "x;=1+1",
    "x, @SUM(A1)",
    "x\t-1",
    'a;"=1+1',
    "a\n+1",
    "'=1",
)
ALPHABET = "'\"=+-@＝ x;,\t\n\ufeff\u00a0é_(1"


def formulas(text: str) -> Iterator[str]:
    """What spreadsheets take for formulas: they part cells at commas, semicolons or tabs, and drop blanks."""
    for delimiter in ",;\t":
        for row in csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter):
            yield from (cell for cell in row if cell.strip(' \t\r\n\u00a0\ufeff"').startswith(tuple(SIGNS)))


@given(st.lists(st.text(st.sampled_from(ALPHABET)), min_size=1))
def test_a_row_of_guarded_cells_has_no_formula_and_comes_back_as_it_was(cells: list[str]) -> None:
    row = io.StringIO()
    csv.writer(row, quoting=csv.QUOTE_ALL).writerow(map(wire_text.guarded, cells))
    assert list(formulas(row.getvalue())) == []
    assert [wire_text.unguarded(wire_text.guarded(cell)) for cell in cells] == cells


@pytest.mark.parametrize("cell", ["'t Hooft", "O'Brien", "", "'", "Null", "a-b", "x = y", "UNI-1.json"])
def test_other_cells_are_left_alone(cell: str) -> None:
    assert wire_text.guarded(cell) == cell
    assert wire_text.unguarded(cell) == cell


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_an_error_file_has_no_formula(tmp_path: Path, delimiter: str) -> None:
    rows = [graduate(row, honours=cell) for row, cell in enumerate(HARMFUL)]
    (tmp_path / "g.csv").write_text(table(rows, delimiter=delimiter))
    source = open_source(tmp_path / "g.csv")
    findings = {row + 2: [CellFinding(row + 2, "honours", "is =1 or; =2")] for row in range(len(rows))}
    (tmp_path / "errors.csv").write_bytes(error_file(tmp_path / "errors.csv", source, findings, tmp_path))
    assert list(formulas((tmp_path / "errors.csv").read_text("utf-8"))) == []
    again = open_source(tmp_path / "errors.csv")
    cells = [again.fields(cells)["honours"] for span in again.spans for _, cells in again.rows(span)]
    assert cells == list(HARMFUL)


@pytest.mark.slow
def test_the_table_that_the_page_makes_by_script_follows_the_same_rule() -> None:
    """`page.js` keeps the answers of one window in a table, too."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node: apt-get install nodejs")
    script = (Path(rendering.__file__).parent / "static" / "page.js").read_text()
    (cell,) = re.findall(r"const cell = .*;", script)
    random = Random(7)
    cells = [*HARMFUL, *("".join(random.choices(ALPHABET, k=random.randrange(8))) for _ in range(500))]
    program = f"{cell} console.log(JSON.stringify({json.dumps(cells)}.map((one) => cell(one))));"
    done = subprocess.run([node, "-e", program], capture_output=True, text=True, check=True)
    made: list[str] = json.loads(done.stdout)
    assert list(formulas("\n".join(made))) == []
    blanks = " \t\r\n\u00a0\ufeff"
    harmless = [wire_text.guarded(one.strip(blanks)) for one in cells]
    assert [one[1:-1].replace('""', '"') for one in made] == harmless
