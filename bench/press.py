"""Issuing rows by skeletons against the general way: the press alone, and a whole job of one worker.

Runs of the two ways and bare signatures alternate, five of each; the figures are medians of ratios of one
round, in CPU time of all processes. Give a number to issue so many rows.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.issue import NOW, bare_signatures, issuer_in, run, write_csv
from issuer.job.checking import Checker
from issuer.press.press import Press
from issuer.table.source import open_source
from vc.forms import DataIntegrity

ROUNDS = 5


class General(DataIntegrity):
    """The same form without skeletons."""

    skeleton = None  # type: ignore[assignment]  # to isinstance() of a protocol, None is no method


def in_a_process(folder: Path, way: str, name: str) -> float:
    """CPU seconds of a job."""
    home = folder / name
    home.mkdir()
    (home / "g.csv").symlink_to(folder / "g.csv")
    done = subprocess.run(
        [sys.executable, __file__, str(home), way], check=True, stdout=subprocess.PIPE, cwd=Path.cwd()
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures["cpu_s"]


def job(home: Path, way: str) -> dict[str, float]:
    """Issues the file in this process, in one of the two ways."""
    return run(home, 1, General() if way == "general" else DataIntegrity())


def press_alone(folder: Path, count: int = 4000) -> tuple[float, float]:
    """CPU seconds of one `Press.print`, and of one `Press.print_row` with its guard."""
    press, source = issuer_in(folder / "press").press(), open_source(folder / "g.csv")
    checker = Checker(source, NOW.date(), press.composer)
    rows = [
        (checker.check(row, cells)[0], row)
        for span in source.spans
        for row, cells in source.rows(span)
        if row <= count
    ]

    def each(print_: Callable[..., Any]) -> float:
        begun = time.process_time()
        for record, seq in rows:
            print_(record, seq, NOW)
        return (time.process_time() - begun) / len(rows)

    def quick(of: Press) -> float:
        return each(replace(of).print_row)  # which compiles its skeletons anew

    return statistics.median(each(press.print) for _ in range(3)), statistics.median(
        quick(press) for _ in range(3)
    )


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="intaglio-bench-") as scratch:
        folder = Path(scratch)
        write_csv(folder / "g.csv", rows)
        general_print, quick_print = press_alone(folder)
        against_general, against_bare = [], []
        for number in range(ROUNDS):
            general = in_a_process(folder, "general", f"general-{number}")
            quick = in_a_process(folder, "quick", f"quick-{number}")
            bare = rows * bare_signatures(folder)
            against_general.append(quick / general)
            against_bare.append(quick / bare)
            print(f"  {general / rows * 1e6:.0f} µs a row the general way, {quick / rows * 1e6:.0f} by "
                  f"skeletons, {bare / rows * 1e6:.0f} a bare signature")  # fmt: skip
    figures = {
        "press, by skeletons against the general way": (quick_print / general_print, ""),
        "job, by skeletons against the general way": (statistics.median(against_general), "<= 0.60"),
        "job, by skeletons against bare signatures": (statistics.median(against_bare), "<= 1.30"),
    }
    print(f"press: {general_print * 1e6:.0f} µs the general way, {quick_print * 1e6:.0f} by skeletons")
    print(f"{'':45}{'figure':>8}  goal")
    for name, (ratio, goal) in figures.items():
        print(f"{name:45}{ratio:8.2f}  {goal}")
    results = [{"name": name, "ratio": ratio, "goal": goal} for name, (ratio, goal) in figures.items()]
    target = Path(__file__).parent / "results"
    target.mkdir(exist_ok=True)
    (target / "press.json").write_text(json.dumps({"rows": rows, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(job(Path(sys.argv[1]), sys.argv[2])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) == 2 else 20_480)
