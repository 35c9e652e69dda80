"""A country's proofs of age by the bulk job: what a row costs for its size, and that memory stays flat."""

from __future__ import annotations

import csv
import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from bench.issue import FAMILY, GIVEN, write_csv
from examples.uses.folder import HERE
from issuer.identity.kind import read_kind
from issuer.job.order import Order
from issuer.table.source import open_source
from kinds import Kind
from kinds.shipped import shipped
from tests.world import issuer_in
from vc.vcdm.jsonld import canonicalize

SPARE = 32 << 20
"""Bytes of memory that all rows may take beyond an eighth of them, also where that is no whole chunk."""


class Job(NamedTuple):
    """What a job took, in a process of its own."""

    row: float
    """Seconds of CPU for each row."""
    peak: int
    """The most bytes in memory."""
    size: int
    """Bytes that are hashed to be signed: the canonical forms of a credential and of its proof's options."""


def write_people(path: Path, rows: int) -> None:
    """Invented people: of two, both have one family name."""
    _write(path, ("证明编号", "名", "姓", "出生日期"), map(_person, range(rows)))


def _person(row: int) -> tuple[str, ...]:
    born = f"{1930 + row % 80}-{1 + row % 12:02}-{1 + row % 28:02}"
    return f"AGE-{row:09}", GIVEN[row % 11], f"{FAMILY[row // 11 % 10]}-{row // 2}", born


def write_members(path: Path, rows: int) -> None:
    """Invented members of a club."""
    members = (
        (f"C-{row}", "Chess", f"{GIVEN[row % 11]} {FAMILY[row % 10]}", "2026-06-01") for row in range(rows)
    )
    _write(path, ("number", "title", "name", "date"), members)


def _write(path: Path, header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


WRITERS: dict[str, Callable[[Path, int], None]] = {
    "age-over-18": write_people,
    "diploma": write_csv,
    "certificate": write_members,
}


def job(what: str, rows: int, folder: Path) -> Job:
    """In this process: issues so many rows of a kind."""
    kind, file = _kind(what), folder / "rows.csv"
    WRITERS[what](file, rows)
    issuer = issuer_in(folder / "home", kind=kind)
    begun = time.process_time()
    issued = issuer.issue_file(Order(open_source(file, kind=kind), workers=0)).issued
    taken = time.process_time() - begun
    assert issued == rows
    document = {**issuer.line(next(issuer.entries())).credential}
    (proof,) = document.pop("proof")
    options = {name: value for name, value in proof.items() if name != "proofValue"}
    hashed = (document, {"@context": document["@context"], **options})
    return Job(taken / rows, _peak(), sum(len(canonicalize(each)) for each in hashed))


def _kind(what: str) -> Kind:
    return read_kind(HERE / what) if what == "age-over-18" else shipped(what)


def _peak() -> int:
    """The most memory of this process alone; `getrusage` has that of the one that began it as well."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) << 10


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc: memory is read there")
@pytest.mark.parametrize(
    ("many", "most"), [(4_000, 1.5), pytest.param(1_000_000, 1.1, marks=pytest.mark.soak)]
)
def test_a_proof_of_age_costs_what_its_bytes_cost_and_memory_stays_flat(
    many: int, most: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Some costs of a row, such as its signature, do not grow with it: two kinds that ship show these."""

    def of(what: str, rows: int) -> Job:
        folder = tmp_path / f"{what}-{rows}"
        folder.mkdir()
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(job, what, rows, folder).result()

    few, age = of("age-over-18", many // 8), of("age-over-18", many)
    large, small = (of(what, min(many, 100_000)) for what in ("diploma", "certificate"))
    a_byte = (large.row - small.row) / (large.size - small.size)
    usual = small.row + (age.size - small.size) * a_byte
    with capsys.disabled():
        print(
            f"\n{many} proofs of age: {age.row * 1e6:.0f} µs a row for {age.size} bytes, "
            f"{age.row / usual:.2f} of what kinds that ship take for so many "
            f"(a diploma: {large.row * 1e6:.0f} µs for {large.size}); "
            f"{few.peak >> 20} MB for {many // 8} rows, {age.peak >> 20} MB for all"
        )
    assert age.row <= most * usual
    assert age.row < large.row
    assert age.peak <= few.peak + SPARE
