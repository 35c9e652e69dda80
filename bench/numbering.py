"""Giving numbers to the rows of a file without them, against the check of the same rows.

All is done by one process. Identities are made by the check and numbers are given after it: both count.
Give a number for other than 100,000 rows.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.issue import NOW, write_csv
from issuer.archive.archive import Archive
from issuer.archive.shard_store import ShardFolder
from issuer.archive.store import SQLiteIndex
from issuer.job.bulk import dry_run
from issuer.job.numbering import NumberPattern
from issuer.job.order import Order
from issuer.press.document import trial
from issuer.table.source import open_source
from kinds import shipped

PATTERN = NumberPattern.parse("{year}-{seq:06}", shipped())
SECRET = bytes(32)
PORTION = 4096


def checked(path: Path, rows: int, numbers: NumberPattern | None) -> float:
    """CPU seconds until all rows were read and checked."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(SQLiteIndex(Path(folder) / "index.sqlite"), ShardFolder(Path(folder) / "shards"))
        begun = time.process_time()
        order = Order(open_source(path, has_numbers=numbers is None), workers=0, numbers=numbers)
        outcome = dry_run(order, archive, trial(shipped()), NOW.date(), shipped().person.full, lambda: SECRET)
        assert outcome.survey.good == rows
        return time.process_time() - begun


def portions(rows: int) -> Iterator[list[bytes]]:
    for first in range(0, rows, PORTION):
        yield [os.urandom(16) for _ in range(first, min(rows, first + PORTION))]


def given(rows: int) -> float:
    """CPU seconds until as many identities have their numbers, and these were looked up."""
    with tempfile.TemporaryDirectory() as folder:
        store, series = SQLiteIndex(Path(folder) / "index.sqlite"), PATTERN.series(NOW.year)
        wanted = list(portions(rows))
        begun = time.process_time()
        numbers: list[str] = []
        store.numbers.give("diploma", series.name, series.numbers, wanted, numbers.extend)
        assert len(set(numbers)) == rows
        return time.process_time() - begun


def without_numbers(source: Path, path: Path) -> None:
    with (
        source.open(encoding="utf-8", newline="") as file,
        path.open("w", encoding="utf-8", newline="") as to,
    ):
        for cells in csv.reader(file):
            csv.writer(to).writerow(cells[:-1])


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="intaglio-bench-") as scratch:
        folder = Path(scratch)
        write_csv(folder / "g.csv", rows)
        without_numbers(folder / "g.csv", folder / "n.csv")
        check = min(checked(folder / "g.csv", rows, None) for _ in range(2))
        with_identities = min(checked(folder / "n.csv", rows, PATTERN) for _ in range(2))
        table = given(rows)
    cost = 100 * (with_identities - check + table) / check
    print(
        f"{rows} rows: check {check:.2f} s CPU, with identities {with_identities:.2f} s, table {table:.2f} s"
    )
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB")
    print(f"giving numbers against the check: {100 * table / check:.1f} %, goal <= 10 %")
    print(f"the same with what identities add to the check: {cost:.1f} %")
    target = Path(__file__).parent / "results"
    target.mkdir(exist_ok=True)
    (target / "numbers.json").write_text(
        json.dumps({"rows": rows, "percent": 100 * table / check, "with_identities": cost}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) == 2 else 100_000)
