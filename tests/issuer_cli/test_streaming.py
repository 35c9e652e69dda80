"""Listing and exporting take diplomas one by one: memory does not grow with their number."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from issuer.archive.kept import Appended, Entry, NewEntries, NewEntry, ShardName
from issuer.archive.store import SQLiteIndex
from issuer.desk.bundles import AT_ONCE
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.keeping.export import export
from tests.commandline import Program
from tests.conftest import ROOT
from tests.world import csv_file, graduate, index_of, issuer_in
from wire.sqlite import connect

DATE = "2026-07-01T12:00:00Z"


def filled(home: Path, rows: int) -> None:
    """An issuer whose index has so many diplomas."""
    issuer = issuer_in(home / "issuer")
    assert issuer.log.checkpoint().size
    fill(index_of(issuer), rows)
    issuer.store.close()


def fill(store: SQLiteIndex, rows: int) -> None:
    job = store.begin(b"key", "g.csv", DATE, rows, 1)
    store.begin_chunk(ShardName(job.id, 0, bytes(32)), job.first_seq)
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
    store.finish_chunk(job, 0, Appended(b"", range(1)), NewEntries.of(entries))


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
@pytest.mark.parametrize(
    "words", [(), ("--json",), ("--format", "csv"), ("--format", "jsonl", "--state", "valid")]
)
def test_forty_thousand_diplomas_are_listed_in_the_memory_of_a_thousand(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    for home, rows in ((few, 1000), (many, 40_000)):
        filled(home, rows)
    base = peak(few, tmp_path / "out", *words)
    assert peak(many, tmp_path / "out", *words) < base + 15_000_000  # most of it are pages of the index
    listed = (tmp_path / "out").read_text()
    if words == ("--json",):
        numbers = [diploma["number"] for diploma in json.loads(listed)["diplomas"]]
    elif "csv" in words:
        numbers = [row["number"] for row in csv.DictReader(listed.removeprefix("\ufeff").splitlines())]
    elif words:
        numbers = [json.loads(line)["number"] for line in listed.splitlines()]
    else:
        numbers = [line.split()[0] for line in listed.splitlines()]
    assert numbers == [f"UNI-{row:06}" for row in range(40_000)]


def millions(home: Path) -> None:
    """An issuer with a million diplomas in its index, made by the database alone."""
    filled(home, 1)
    with closing(connect(home / "issuer" / "issuer.sqlite")) as index:
        index.executescript(
            """
            BEGIN;
            CREATE TEMP TABLE more AS WITH RECURSIVE row(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM row
                WHERE n < 999999) SELECT n FROM row;
            UPDATE job SET length = 1000000;
            UPDATE chunk SET issued = 1000000;
            UPDATE counter SET next = 1000000 WHERE name = 'seq';
            INSERT INTO credential SELECT n, 'diploma', printf('UNI-%06d', n), 1, '', 1, n FROM more;
            INSERT INTO person SELECT n, 'Given' || n || ' Family', 'a' || n || '@x.example' FROM more;
            COMMIT;
            """
        )


def spent(process: subprocess.Popen[str]) -> float:
    """The seconds of processor time that a process, and the children that it waited for, took so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def first_line(home: Path, *words: str) -> tuple[str, float, str, float]:
    """The first line, the processor time until then, and what is on stderr and how long it goes on after."""
    process = subprocess.Popen(
        [sys.executable, "-m", "intaglio", "issuer", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "INTAGLIO_HOME": str(home)},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    line, taken = process.stdout.readline(), spent(process)
    process.stdout.close()  # as `head` does
    err = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    return line, taken, err, usage.ru_utime + usage.ru_stime - taken


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc: only Linux tells it so")
def test_the_first_of_a_million_comes_at_once_and_nobody_who_reads_no_more_is_told(tmp_path: Path) -> None:
    millions(tmp_path)
    start = min(first_line(tmp_path, "list", "--help")[1] for _ in range(2))
    for words, expected in [
        ((), "UNI-000000  Given0 Family\n"),
        (
            ("--format", "jsonl", "--columns", "number,name"),
            '{"number":"UNI-000000","name":"Given0 Family"}\n',
        ),
        (("--format", "csv", "--unclaimed"), "\ufeffkind,number,edition"),
    ]:
        runs = [first_line(tmp_path, "list", *words) for _ in range(2)]
        for line, _, err, rest in runs:
            assert line.startswith(expected)
            assert err == ""
            assert rest < 0.5, "nothing is looked for that nobody reads"
        assert min(taken for _, taken, _, _ in runs) - start < 0.2


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


@pytest.mark.slow
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
