"""Files as registrars have them: a workbook against the CSV of the same rows, and finding an encoding.

Both are read and checked by one process, as in a dry run without workers; CPU counts the process that reads
the workbook. Give a number for other than 100,000 rows.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import xlsxwriter

from bench.issue import NOW, write_csv
from issuer.archive.archive import Archive
from issuer.archive.shard_store import ShardFolder
from issuer.archive.store import SQLiteIndex
from issuer.job.bulk import dry_run
from issuer.job.order import Order
from issuer.press.document import trial
from issuer.table.encoding import codec_of, sampled
from issuer.table.source import open_source
from kinds import shipped


def cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def checked(path: Path, rows: int) -> tuple[float, float]:
    """CPU and wall seconds until all rows were read and checked."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(SQLiteIndex(Path(folder) / "index.sqlite"), ShardFolder(Path(folder) / "shards"))
        begun, wall = cpu(), time.perf_counter()
        order = Order(open_source(path), workers=0)
        outcome = dry_run(order, archive, trial(shipped()), NOW.date(), shipped().person.full)
        assert outcome.survey.good == rows
        return cpu() - begun, time.perf_counter() - wall


def detected(path: Path, codec: str) -> float:
    begun = cpu()
    with path.open("rb") as file:
        assert codec_of(sampled(iter(lambda: file.read(1 << 20), b""))) == codec
    return cpu() - begun


def write_xlsx(source: Path, path: Path) -> None:
    with (
        source.open(encoding="utf-8", newline="") as file,
        xlsxwriter.Workbook(path, {"constant_memory": True}) as book,
    ):
        sheet = book.add_worksheet()
        for row, cells in enumerate(csv.reader(file)):
            for column, cell in enumerate(cells):
                number = column in (9, 10, 12) and row  # levels, credits, grades
                sheet.write_number(row, column, float(cell)) if number else sheet.write_string(
                    row, column, cell
                )


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="intaglio-bench-") as scratch:
        folder = Path(scratch)
        write_csv(folder / "g.csv", rows)
        write_xlsx(folder / "g.csv", folder / "g.xlsx")
        text = (folder / "g.csv").read_text(encoding="utf-8")
        text = (
            "".join(each for each in text if each.isascii()).replace("Aino", "张敏").replace("Smith", "欧阳")
        )
        (folder / "gb.csv").write_bytes(text.encode("gb18030"))
        as_csv, csv_wall = checked(folder / "g.csv", rows)
        as_xlsx, xlsx_wall = checked(folder / "g.xlsx", rows)
        utf8, gb = detected(folder / "g.csv", "utf-8"), detected(folder / "gb.csv", "gb18030")
    figures = {
        "xlsx read and checked against the CSV, CPU": (as_xlsx / as_csv, "<= 3"),
        "the same, wall": (xlsx_wall / csv_wall, "<= 3"),
        "finding UTF-8 against the check, %": (100 * utf8 / as_csv, "<= 5"),
        "finding GB18030 against the check, %": (100 * gb / as_csv, "<= 5"),
    }
    results = [{"name": name, "ratio": ratio, "goal": goal} for name, (ratio, goal) in figures.items()]
    print(f"{rows} rows, on {os.cpu_count()} cores: CSV {as_csv:.1f} s CPU, xlsx {as_xlsx:.1f} s")
    print(f"{'':45}{'figure':>8}  goal")
    for result in results:
        print(f"{result['name']:45}{result['ratio']:8.2f}  {result['goal']}")
    target = Path(__file__).parent / "results"
    target.mkdir(exist_ok=True)
    (target / "tables.json").write_text(json.dumps({"rows": rows, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) == 2 else 100_000)
