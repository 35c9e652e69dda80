"""Issuing 100,000 diplomas from a CSV file: workers, CPU, memory, and bytes written to the index.

Each run is a process of its own. CPU of all processes is held against as many bare signatures of the same
documents; "one worker" is one worker process beside the parent. Give a number to issue fewer rows.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from issuer import Description
from issuer.archive.kept import Appended, NewEntries, NewEntry, ShardName
from issuer.archive.store import SQLiteIndex
from issuer.issuer import Issuer
from issuer.job.checking import Checker
from issuer.job.order import Order
from issuer.table.source import SPAN_ROWS, open_source
from vc import sign
from vc.secured import Form

NOW = datetime(2026, 11, 1, tzinfo=UTC)
GIVEN = ("Aino", "Björn", "Chloé", "Dmitri", "Elif", "Fatima", "Hồng", "Ines", "Katya", "Mei", "Zoë")
FAMILY = ("Müller", "O'Brien", "García", "Nguyễn", "Kowalski", "Smith", "Øster", "Rossi", "Haddad", "Li")
PROGRAMMES = (
    ("BSC-CS", "Bachelor of Science in Computer Science", "BachelorDegree", "6", "180", "0613"),
    ("MSC-DS", "Master of Science in Data Science", "MasterDegree", "7", "120", "0542"),
    ("LLB", "Bachelor of Laws", "BachelorDegree", "6", "240", "0421"),
    ("MD", "Doctor of Medicine", "ProfessionalDoctorate", "7", "360", "0912"),
)
HEADER = (
    *("student_id", "given_name", "family_name", "birth_date", "email", "lang", "programme_code"),
    *("programme_title", "achievement_type", "eqf_level", "ects", "isced_f", "gpa", "honours"),
    *("award_date", "diploma_number"),
)


def write_csv(path: Path, rows: int) -> None:
    """Invented graduates."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for row in range(rows):
            student = [f"S{row:08}", GIVEN[row % 11], FAMILY[row // 11 % 10]]
            student += [f"{1980 + row % 25}-{1 + row % 12:02}-15", f"graduate{row}@example.org", "en"]
            results = [f"{2 + row % 200 / 100:.2f}", "merit" if row % 3 == 0 else ""]
            writer.writerow([*student, *PROGRAMMES[row % 4], *results, "2026-06-30", f"UNI-2026-{row:08}"])


def issuer_in(home: Path, form: Form | None = None) -> Issuer:
    return Issuer.create(home, Description("Invented University"), lambda: None, lambda: NOW, form=form)


def run(folder: Path, workers: int, form: Form | None = None) -> dict[str, float]:
    """Issues the file in this process, and prints its cost."""
    issuer = issuer_in(folder / str(workers), form)
    begun, before = time.perf_counter(), _cpu()  # what Python takes to start is no part of the job
    result = issuer.issue_file(Order(open_source(folder / "g.csv"), folder / "errors.csv", workers=workers))
    wall = time.perf_counter() - begun
    return {
        "issued": result.issued,
        "wall_s": wall,
        "cpu_s": _cpu() - before,
        "rss_mb": max(usage.ru_maxrss for usage in _usages()) / 1024,
    }


def _cpu() -> float:
    """CPU seconds of this process and of its workers that have ended."""
    return sum(usage.ru_utime + usage.ru_stime for usage in _usages())


def _usages() -> list[resource.struct_rusage]:
    return [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]


def in_a_process(folder: Path, what: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, str(folder), what], check=True, stdout=subprocess.PIPE, cwd=Path.cwd()
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def bare_signatures(folder: Path, count: int = 4000) -> float:
    """CPU seconds of one `vc.sign` of these diplomas."""
    issuer = issuer_in(folder / "bare")
    press, source = issuer.press(), open_source(folder / "g.csv")
    checker, documents = Checker(source, NOW.date(), press.composer), []
    for row, cells in source.rows(source.spans[0]):
        documents.append(press.composer.compose(checker.check(row, cells)[0], row))
    documents = documents[:count]
    best = float("inf")
    for _ in range(3):
        begun = time.process_time()
        for document in documents:
            sign(document, press.signer, verification_method=press.verification_method, created=NOW)
        best = min(best, (time.process_time() - begun) / len(documents))
    return best


def index_bytes(folder: Path, rows: int) -> dict[str, float]:
    """Bytes that SQLite hands to the system while chunks are recorded, and those that it keeps."""
    path = folder / "index.sqlite"
    store = SQLiteIndex(path)
    job = store.begin(b"key", "g.csv", "2026-11-01T00:00:00Z", rows, rows // SPAN_ROWS + 1)
    before = _written()
    for number, first in enumerate(range(0, rows, SPAN_ROWS)):
        store.begin_chunk(ShardName(job.id, number, bytes(32)), first)
        store.finish_chunk(
            job,
            number,
            Appended(job.chunk_key(number), range(first, first + SPAN_ROWS)),
            NewEntries.of(
                [
                    NewEntry(
                        row,
                        "diploma",
                        f"UNI-2026-{row:08}",
                        1,
                        1,
                        row,
                        "Aino Müller",
                        f"graduate{row}@example.org",
                    )
                    for row in range(first, min(first + SPAN_ROWS, rows))
                ]
            ),
        )
    store.close()
    return {"written": _written() - before, "kept": path.stat().st_size}


def _written() -> int:
    lines = Path("/proc/self/io").read_text().split()
    return int(lines[lines.index("wchar:") + 1])


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="intaglio-bench-") as scratch:
        folder = Path(scratch)
        write_csv(folder / "g.csv", rows)
        bare = bare_signatures(folder)
        single, two = (in_a_process(folder, workers) for workers in ("1", "2"))
        index = in_a_process(folder, "index")
        assert single["issued"] == two["issued"] == rows
    signing = bare * rows
    figures = {
        "2 workers against 1, speed": (single["wall_s"] / two["wall_s"], ">= 1.75"),
        "CPU of all processes against bare signing": (two["cpu_s"] / signing, "<= 1.3"),
        "memory of the largest process, MB": (max(single["rss_mb"], two["rss_mb"]), "< 300"),
        "bytes to the index, written against kept": (index["written"] / index["kept"], "<= 4"),
    }
    results = [{"name": name, "ratio": ratio, "goal": goal} for name, (ratio, goal) in figures.items()]
    print(f"issuing {rows} diplomas, eddsa-rdfc-2022, on {os.cpu_count()} cores")
    for words, run in (("1 worker", single), ("2 workers", two)):
        print(f"  {words}: {run['wall_s']:.1f} s, {rows / run['wall_s']:.0f}/s, "
              f"{run['cpu_s'] / rows * 1e6:.0f} µs CPU each")  # fmt: skip
    print(f"  one bare signature: {bare * 1e6:.0f} µs CPU")
    print(f"{'':45}{'figure':>8}  goal")
    for result in results:
        print(f"{result['name']:45}{result['ratio']:8.2f}  {result['goal']}")
    record = {
        "rows": rows,
        "one_worker": single,
        "two_workers": two,
        "bare_us": bare * 1e6,
        "results": results,
    }
    target = Path(__file__).parent / "results"
    target.mkdir(exist_ok=True)
    (target / "issue.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        place, wanted = Path(sys.argv[1]), sys.argv[2]
        count = sum(1 for _ in (place / "g.csv").open()) - 1
        print(json.dumps(index_bytes(place, count) if wanted == "index" else run(place, int(wanted))))
    else:
        main(int(sys.argv[1]) if len(sys.argv) == 2 else 100_000)
