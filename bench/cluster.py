"""Recording a file's credentials in the index: PostgreSQL against SQLite, and against the same done bare.

CPU time of this process and of the whole server together, a row; each engine fills an index of its own, in
chunks as jobs have them, with numbers that rise. Bare is what the rows cost at least: the same keys by INSERT
ON CONFLICT in the same batches, and the same rows by COPY into partitions, whose indexes are made afterwards.
Bytes are those of the server's journal and files. Give a number of rows, "random" for random numbers, and
"growth" for how the first of a job compare with its last.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import psycopg

from issuer.archive.index import Index
from issuer.archive.kept import Appended, NewEntries, NewEntry, ShardName
from issuer.archive.postgres.store import PostgresIndex
from issuer.archive.store import SQLiteIndex
from issuer.shared.database import prepare_index
from issuer.table.source import SPAN_ROWS
from tests.postgres_server import Server

ROWS = 1_000_000
ROUNDS = 3
CREATED = "2026-11-01T00:00:00Z"
RESULTS = Path(__file__).parent / "results"
_TICKS = os.sysconf("SC_CLK_TCK")
_DURABLE = ("shared_buffers=256MB", "max_wal_size=4GB", "autovacuum=on")


def chunks(rows: int, is_random: bool) -> Iterator[list[NewEntry]]:
    """The credentials of a file, chunk by chunk."""
    places = list(range(rows))
    if is_random:
        random.Random(7).shuffle(places)
    for first in range(0, rows, SPAN_ROWS):
        yield [
            NewEntry(
                seq,
                "diploma",
                f"UNI-2026-{places[seq]:08}",
                1,
                1,
                seq,
                "Aino Müller",
                f"graduate{seq}@example.org",
            )
            for seq in range(first, min(first + SPAN_ROWS, rows))
        ]


def record(
    index: Index, rows: int, is_random: bool, tenth: Callable[[float], object] = lambda _: None
) -> float:
    """Records a job as `Bulk` does; CPU seconds of this process, but for making rows, also at each tenth."""
    job = index.begin(b"key", "g.csv", CREATED, rows, -(-rows // SPAN_ROWS))
    spent, tenths = 0.0, 0
    for number, entries in enumerate(chunks(rows, is_random)):
        numbers = {entry.number: entry.seq for entry in entries}
        columns = NewEntries.of(entries)
        begun = time.process_time()
        assert index.take(job, number, "diploma", numbers) == set()
        index.begin_chunk(ShardName(job.id, number, bytes(32)), entries[0].seq)
        batch = Appended(job.chunk_key(number), range(entries[0].seq, entries[-1].seq + 1))
        index.finish_chunk(job, number, batch, columns)
        spent += time.process_time() - begun
        if (number + 1) * 10 // job.chunks > tenths:
            tenths += 1
            tenth(spent)
    return spent


def bare(uri: str, rows: int, is_random: bool) -> float:
    """The same rows by hand, of which nothing can be claimed until the end; this process's CPU seconds."""
    spent = 0.0
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA bare")
        connection.execute(
            'CREATE TABLE bare.edition (number text COLLATE "C", kind text COLLATE "C", edition bigint, '
            "seqs bigint[], PRIMARY KEY (number, kind, edition))"
        )
        parts = range((rows >> 20) + 1)
        for part in parts:
            connection.execute(f"CREATE TABLE bare.credential_{part} (LIKE intaglio_issuer.credential)")
        for entries in chunks(rows, is_random):
            begun, part = time.process_time(), entries[0].seq >> 20
            with connection.transaction():
                connection.execute(
                    "INSERT INTO bare.edition SELECT number, 'diploma', 1, ARRAY[seq] "
                    "FROM unnest(%b::text[], %b::bigint[]) AS given (number, seq) ON CONFLICT DO NOTHING",
                    [[entry.number for entry in entries], [entry.seq for entry in entries]],
                )
            with connection.transaction():
                columns = "seq, kind, number, edition, copy, leaf, form, name, email"
                _copy(
                    connection,
                    f"credential_{part} ({columns})",
                    ("int8", "text", "text", "int8", "int8", "int8", "text", "text", "text"),
                    [(*entry[:6], entry.form, entry.name, entry.email) for entry in entries],
                )
            spent += time.process_time() - begun
        for part in parts:
            connection.execute(f"CREATE UNIQUE INDEX ON bare.credential_{part} (seq)")
    return spent


def _copy(
    connection: psycopg.Connection[object],
    table: str,
    types: Sequence[str],
    given: Sequence[Sequence[object]],
) -> None:
    statement = f"COPY bare.{table} FROM STDIN (FORMAT BINARY)"
    with connection.cursor() as cursor, cursor.copy(statement) as copying:
        copying.set_types(types)
        for row in given:
            copying.write_row(row)


def server_cpu(server: Server) -> float:
    """CPU seconds of all processes of a server until now, those that ended among them."""
    postmaster = server.process.pid
    own = _stat(postmaster)
    alive = (_stat(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit())
    children = [each for each in alive if each and each[0] == postmaster]
    assert own is not None
    return (sum(own[1:]) + sum(user + system for _, user, system, *_ in children)) / _TICKS


def _stat(pid: int) -> tuple[int, int, int, int, int] | None:
    """Parent, and ticks: user, system, and those of children that ended."""
    try:
        found = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None
    return int(found[1]), *map(int, found[11:15])  # type: ignore[return-value]


def in_server(server: Server, work: Callable[[], float]) -> dict[str, float]:
    server.execute("CHECKPOINT")
    before, wal = server_cpu(server), server.execute("SELECT pg_current_wal_insert_lsn()")[0][0]
    begun = time.perf_counter()
    client = work()
    wall = time.perf_counter() - begun
    server.execute("CHECKPOINT")
    ((written,),) = server.execute(f"SELECT pg_current_wal_insert_lsn() - '{wal}'")
    return {"client": client, "server": server_cpu(server) - before, "wall": wall, "wal": float(written)}


def growth(server: Server, rows: int, is_random: bool) -> None:
    """Prints the CPU of a row in each tenth of a job."""
    prepare_index(server.uri("postgres"))
    spent = [server_cpu(server)]
    record(
        PostgresIndex(server.uri("postgres")),
        rows,
        is_random,
        lambda own: spent.append(own + server_cpu(server)),
    )
    print("µs a row:", *(f"{1e7 * (after - before) / rows:.2f}" for before, after in pairwise(spent)))


def compare(server: Server, rows: int, is_random: bool) -> None:
    """Fills all of them several times, and prints the least CPU of each."""
    found: dict[str, list[dict[str, float]]] = {"sqlite": [], "postgres": [], "bare": []}
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            index = SQLiteIndex(Path(folder) / "issuer.sqlite")
            found["sqlite"].append({"client": record(index, rows, is_random), "server": 0.0})
            index.close()
        for name in ("postgres", "bare"):
            database = f"{name}_{number}"
            server.execute(f"CREATE DATABASE {database}")
            uri = server.uri(database)
            prepare_index(uri)
            own = PostgresIndex(uri)
            fill = partial(bare, uri) if name == "bare" else partial(record, own)
            found[name].append(in_server(server, partial(fill, rows, is_random)))
            ((size,),) = server.execute(f"SELECT pg_database_size('{database}')")
            found[name][-1]["kept"] = float(size)
            own.close()
            server.execute(f"DROP DATABASE {database}")
    cpu = {name: min(each["client"] + each["server"] for each in runs) for name, runs in found.items()}
    for name, runs in found.items():
        best = min(runs, key=lambda each: each["client"] + each["server"])
        micro = {part: f"{1e6 * best[part] / rows:.2f}" for part in ("client", "server")}
        print(f"{name}: {1e6 * cpu[name] / rows:.2f} µs a row of CPU, {micro}", {**best})
    print(f"PostgreSQL / SQLite: {cpu['postgres'] / cpu['sqlite']:.2f} (at most 2.5)")
    print(f"rate / bare, by CPU: {cpu['bare'] / cpu['postgres']:.2f} (at least 0.9)")
    RESULTS.mkdir(exist_ok=True)
    name = "cluster-random.json" if is_random else "cluster.json"
    (RESULTS / name).write_text(json.dumps({"rows": rows, "runs": found}, indent=1))


def main() -> None:
    rows = int(next(iter(sys.argv[1:]), ROWS))
    is_random = "random" in sys.argv
    server = Server(*_DURABLE, where=Path(tempfile.gettempdir()))
    if "growth" in sys.argv:
        growth(server, rows, is_random)
    else:
        compare(server, rows, is_random)


if __name__ == "__main__":
    main()
