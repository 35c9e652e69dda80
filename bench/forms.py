"""A row of a file as `vc+jwt` against one with Data Integrity, by its skeleton and the general way.

The three alternate, five rounds each in one process; the figures are medians of ratios of one round, in CPU
time of `Press.print_row`. Give a number to print so many rows.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bench.issue import NOW, issuer_in, write_csv
from bench.press import General
from issuer.job.checking import Checker
from issuer.table.source import open_source
from vc.forms import VCJWT, DataIntegrity
from vc.secured import Form

ROUNDS = 5
WAYS: Mapping[str, Form] = {"general": General(), "skeleton": DataIntegrity(), "vc+jwt": VCJWT()}


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="intaglio-bench-") as scratch:
        folder = Path(scratch)
        write_csv(folder / "g.csv", rows)
        presses = {name: issuer_in(folder / name, form).press() for name, form in WAYS.items()}
        source = open_source(folder / "g.csv")
        checker = Checker(source, NOW.date(), presses["vc+jwt"].composer)
        records = [
            (checker.check(row, cells)[0], row) for span in source.spans for row, cells in source.rows(span)
        ]
        seconds: dict[str, list[float]] = {name: [] for name in WAYS}
        for _ in range(ROUNDS):
            for name, press in presses.items():
                fresh = replace(press)  # which compiles its skeletons anew
                begun = time.process_time()
                for record, seq in records:
                    fresh.print_row(record, seq, NOW)
                seconds[name].append((time.process_time() - begun) / len(records))
    for name, taken in seconds.items():
        print(f"{name}: {statistics.median(taken) * 1e6:.0f} µs a row")
    for name, most in (("general", 0.5), ("skeleton", 0.9)):
        ratio = statistics.median(
            mine / theirs for mine, theirs in zip(seconds["vc+jwt"], seconds[name], strict=True)
        )
        print(f"vc+jwt / {name}: {ratio:.2f} (at most {most})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
