"""Listing and exporting take diplomas one by one: memory does not grow with their number."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from issuer.archive.kept import Appended, Entry, NewEntry
from issuer.archive.store import SQLiteIndex
from issuer.desk.bundles import AT_ONCE
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.keeping.export import export
from tests.commandline import Program
from tests.conftest import ROOT
from tests.world import csv_file, graduate, index_of, issuer_in

DATE = "2026-07-01T12:00:00Z"


def filled(home: Path, rows: int) -> None:
    """An issuer whose index has so many diplomas."""
    issuer = issuer_in(home / "issuer")
    assert issuer.log.checkpoint().size
    fill(index_of(issuer), rows)
    issuer.store.close()


def fill(store: SQLiteIndex, rows: int) -> None:
    job = store.begin(b"key", "g.csv", DATE, rows, 1)
    store.begin_chunk(job, 0, job.first_seq)
    entries = [
        NewEntry(
            job.first_seq + row,
            "diploma",
            f"UNI-{row:06}",
            1,
            1,
            row,
            f"Given{row} Family",
            f"a{row}@x.example",
        )
        for row in range(rows)
    ]
    store.finish_chunk(job, 0, Appended(b"", range(1)), entries)


def peak(home: Path, out: Path, *words: str) -> int:
    """The largest part of memory that the program ever held, in bytes."""
    with out.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "intaglio", "issuer", "list", *words],
            stdout=file,
            env={**os.environ, "INTAGLIO_HOME": str(home)},
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("--json",)])
def test_forty_thousand_diplomas_are_listed_in_the_memory_of_a_thousand(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    for home, rows in ((few, 1000), (many, 40_000)):
        filled(home, rows)
    base = peak(few, tmp_path / "out", *words)
    assert peak(many, tmp_path / "out", *words) < base + 15_000_000  # most of it are pages of the index
    listed = (tmp_path / "out").read_text()
    numbers = (
        [diploma["number"] for diploma in json.loads(listed)["diplomas"]]
        if words
        else [line.split()[0] for line in listed.splitlines()]
    )
    assert numbers == [f"UNI-{row:06}" for row in range(40_000)]


def test_a_list_in_json_is_one_object_whatever_its_length(program: Program) -> None:
    assert issuer_in(program.home / "issuer").log.checkpoint().size
    empty = program("issuer", "list", "--json")
    assert json.loads(empty.out) == {"version": 2, "diplomas": [], "more": False}
    assert empty.err == "Nothing was issued here yet.\n"
    assert program("issuer", "list").out == ""
    fill(SQLiteIndex(program.home / "issuer" / "issuer.sqlite"), 2)
    listed = json.loads(program("issuer", "list", "--json").out)
    assert [diploma["number"] for diploma in listed["diplomas"]] == ["UNI-000000", "UNI-000001"]
    assert program("issuer", "list").out.splitlines() == [
        "UNI-000000  Given0 Family",
        "UNI-000001  Given1 Family",
    ]


def test_an_export_takes_diplomas_when_it_writes_them(tmp_path: Path) -> None:
    issuer: Issuer = issuer_in(tmp_path / "home")
    issuer.issue_file(
        Order(csv_file(tmp_path / "g.csv", [graduate(row) for row in range(300)]), tmp_path / "e.csv")
    )
    taken = 0

    def entries() -> Iterator[Entry]:
        nonlocal taken
        for taken, entry in enumerate(issuer.entries(), 1):  # noqa: B007 -- read below
            yield entry

    for written, _ in enumerate(export(issuer, entries(), tmp_path / "out", at_once=4), 1):
        assert taken <= written + 4 + AT_ONCE
    assert written == 300


@pytest.mark.slow
def test_who_only_reads_loads_nothing_that_serves_fetches_or_draws(issued: Program) -> None:
    """A command is a process, and what it loads is most of its cost: `bench/reading.py` has the figures."""
    command = [sys.executable, "-X", "importtime", "-m", "intaglio", "--home", str(issued.home)]
    done = subprocess.run([*command, "issuer", "list"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.startswith("UNI-000001")
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "issuer" in loaded
    heavy = {"pyld", "jwcrypto", "fastapi", "pydantic", "httpx", "httpcore", "uvicorn", "sqlalchemy"}
    assert not loaded & {*heavy, "ssl", "asyncio"}
