"""The cost of an index of ten million rows: a row, one claim, a page, and revoking a tenth of it at once.

CPU of this process and of the whole server together. An issuer signs 10,000 diplomas of a file, and some of
them are claimed, shown and revoked. Then rows are recorded as a job records them, with log entries and keys
for finding, but without signatures, and the same is done with others of the 10,000. In the end one row of
ten is revoked. Bare is the least that this takes: joining the numbers, writing journal rows, and compressing
and signing the same lists and pages of details.

    python bench/millions.py 10000000 sqlite postgres [random]

`random` gives numbers that do not rise, and measures the recording alone.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import psycopg

from bench.issue import write_csv
from did.methods import key as did_key
from issuer import Description
from issuer.archive.index import Index
from issuer.archive.kept import Appended, Keyed, KindNumber, NewEntries, NewEntry, ShardName
from issuer.archive.lookup import PIECE, packed_keys
from issuer.archive.postgres.store import PostgresIndex
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.shared.database import prepare_index
from issuer.table.source import SPAN_ROWS, open_source
from keys import PrivateKey
from ledger import EntryKind, entry
from tests.postgres_server import Server
from vc.status import Reason

ROWS = 10_000_000
SIGNED = 10_000
ROUNDS = 21
NOW = datetime(2026, 11, 1, tzinfo=UTC)
DATE = "2026-11-01T00:00:00Z"
RESULTS = Path(__file__).parent / "results"
_TICKS = os.sysconf("SC_CLK_TCK")
_DURABLE = ("shared_buffers=256MB", "max_wal_size=4GB", "autovacuum=on")
_WRITTEN = """
SELECT (SELECT wal_bytes FROM pg_stat_wal)
     + (SELECT (buffers_checkpoint + buffers_clean + buffers_backend) * 8192 FROM pg_stat_bgwriter)
"""


class Engine(NamedTuple):
    """An index to be filled, and how its costs are read."""

    store: Index
    server: Server | None
    file: Path

    def spent(self, work: Callable[[], object], *, alone: bool = False) -> float:
        """CPU seconds of this process and the server for some work; looking at the server is not counted.

        With `alone`, only the server's sessions count, not what it does in the background.
        """
        server = 0 if self.server is None else server_cpu(self.server, alone)
        own = time.process_time()
        work()
        own = time.process_time() - own
        return own + (0 if self.server is None else server_cpu(self.server, alone) - server)

    def written(self) -> int:
        """Bytes handed to the system for the index until now, the journal's among them."""
        if self.server is None:
            return int(_field(Path("/proc/self/io"), "wchar:"))
        self.server.execute("CHECKPOINT")
        time.sleep(1)  # the counters of other processes come late
        ((written,),) = self.server.execute(_WRITTEN)
        return int(written)

    def kept(self) -> int:
        """Bytes of the index."""
        if self.server is None:
            self.store.close()  # which puts the journal into the file
            return self.file.stat().st_size
        ((size,),) = self.server.execute("SELECT pg_database_size('postgres')")
        return int(size)


def server_cpu(server: Server, sessions: bool) -> float:
    """CPU seconds of a server's processes until now, or of its `sessions` that live, to the microsecond."""
    postmaster, spent = server.process.pid, 0.0
    for path in (each for each in Path("/proc").iterdir() if each.name.isdigit()):
        try:
            stat = (path / "stat").read_text().rpartition(") ")[2].split()
            if sessions and not (path / "cmdline").read_bytes().startswith(b"postgres: owner"):
                continue
            if int(path.name) == postmaster:
                spent += sum(map(int, stat[13:15])) / _TICKS
            if postmaster in (int(stat[1]), int(path.name)):
                spent += int((path / "schedstat").read_text().split()[0]) / 1e9
        except OSError:  # it has ended meanwhile, and is among the postmaster's children
            continue
    return spent


def _field(path: Path, name: str) -> str:
    words = path.read_text().split()
    return words[words.index(name) + 1]


def peak() -> float:
    """The most memory that this process had, in MB."""
    return int(_field(Path("/proc/self/status"), "VmHWM:")) / 1024


def chunks(first: int, rows: int, is_random: bool) -> Iterator[tuple[list[NewEntry], Keyed]]:
    """Credentials of a file, chunk by chunk, and the keys by which they are found."""
    for start in range(first, first + rows, SPAN_ROWS):
        entries, keys = [], list[bytes]()
        for seq in range(start, min(start + SPAN_ROWS, first + rows)):
            number = f"{seq:09}"
            if is_random:
                number = hashlib.sha256(number.encode()).hexdigest()[:12]
            email = f"graduate{seq}@example.edu"
            entries.append(NewEntry(seq, "diploma", f"NAT-{number}", 1, 1, seq, "Aino Müller", email))
            keys += packed_keys(seq, f"urn:intaglio:{seq}", email)
        yield entries, Keyed(start, entries[-1].seq + 1, b"".join(sorted(keys)))


def fill(issuer: Issuer, engine: Engine, rows: int, is_random: bool) -> dict[str, Any]:
    """Records a job as `Bulk` does, but for signatures: microseconds a row of each tenth, bytes, memory."""
    index, log = issuer.store, issuer.log
    job = index.begin(b"key", "nation.csv", DATE, rows, -(-rows // SPAN_ROWS))
    of_rows, of_keys, tenths, memory = 0.0, 0.0, [(0.0, 0.0)], [peak()]
    start, kept, own, waiting = engine.written(), engine.kept(), 0, list[Keyed]()
    for number, (entries, keyed) in enumerate(chunks(job.first_seq, rows, is_random)):
        key = job.chunk_key(number)
        leaves = log.append([entry(EntryKind.CREDENTIAL, os.urandom(32)) for _ in entries], key)
        placed = [each._replace(leaf=leaf) for each, leaf in zip(entries, leaves, strict=True)]
        handed = engine.written() if engine.server is None else 0
        is_last = number + 1 == job.chunks
        waiting.append(keyed)

        def record(
            number: int = number, key: bytes = key, placed: list[NewEntry] = placed, leaves: range = leaves
        ) -> None:
            index.logged.intend(key)
            assert index.take(job, number, "diploma", {each.number: each.seq for each in placed}) == set()
            index.begin_chunk(ShardName(job.id, number, bytes(32)), placed[0].seq)
            index.finish_chunk(job, number, Appended(key, leaves), NewEntries.of(placed))

        of_rows += engine.spent(record)
        if is_last or sum(each.stop - each.first for each in waiting) >= PIECE:
            of_keys += engine.spent(partial(index.lookup.add, waiting))
            waiting.clear()
        own += engine.written() - handed if engine.server is None else 0
        if is_last or (number + 1) * 10 // job.chunks > len(tenths) - 1:
            tenths.append((of_rows, of_keys))
            memory.append(peak())
            print(f"{number + 1} chunks: {of_rows:.1f} s for rows, {of_keys:.1f} s for keys", flush=True)
    own = own or engine.written() - start
    each = [
        {"rows": 1e7 * (after[0] - before[0]) / rows, "keys": 1e7 * (after[1] - before[1]) / rows}
        for before, after in pairwise(tenths)
    ]
    return {"us": each, "written": own, "kept": engine.kept() - kept, "mb": memory}


def least(engine: Engine, works: list[Callable[[], object]]) -> float:
    """The least of several, in milliseconds of CPU: what else a server does meanwhile is no part of it."""
    return min(engine.spent(work, alone=True) for work in works) * 1e3


def ones(issuer: Issuer, engine: Engine, first: int) -> dict[str, float]:
    """The work on one of the signed diplomas, each time with another, from row `first` on."""
    at = iter(range(first, first + 5 * ROUNDS))

    def numbers() -> list[str]:
        return [f"UNI-2026-{next(at):08}" for _ in range(ROUNDS)]

    def show(text: str) -> None:
        assert len([issuer.line(each) for each in issuer.find(text)]) == 1

    def page(after: int) -> None:
        assert len(issuer.store.entries(after)) == 1000

    holder = did_key.create(PrivateKey.generate().public_key)
    issuer.claim(numbers()[0], holder)  # warm
    revoke = partial(issuer.revoke, reason=Reason.WITHDRAWN, date=NOW, now=NOW)
    store = issuer.store
    last = store.jobs()[-1].seqs.stop
    return {
        "claim": least(engine, [partial(issuer.claim, each, holder) for each in numbers()]),
        "show by number": least(engine, [partial(show, each) for each in numbers()]),
        "show by address": least(
            engine, [partial(show, f"graduate{int(each[-8:])}@example.org") for each in numbers()]
        ),
        "revoke": least(engine, [partial(revoke, [each]) for each in numbers()]),
        "first page": least(engine, [partial(page, -1) for _ in range(ROUNDS)]),
        "last page": least(engine, [partial(page, last - 1_001) for _ in range(ROUNDS)]),
    }


def revoked(issuer: Issuer, engine: Engine, rows: int) -> dict[str, float]:
    """Seconds of CPU for revoking every tenth row at once, and for the same done bare."""
    job = issuer.store.jobs()[-1]
    which = [KindNumber("diploma", f"NAT-{seq:09}") for seq in range(job.first_seq, job.first_seq + rows, 10)]
    store, lists = issuer.store.revocations, issuer.lists
    taken = {"bare: join and journal": bare_journal(engine, [each.number for each in which])}
    taken["journal"] = engine.spent(partial(store.revoke, which, Reason.WITHDRAWN.value, DATE))
    taken["lists"] = engine.spent(partial(lists.publish, now=NOW))
    taken["memory, MB"] = peak()
    taken["bare: gzip and signatures"] = bare_lists(issuer, store.published_lists())
    return taken


def bare_journal(engine: Engine, numbers: list[str]) -> float:
    """Joining the numbers with the rows, and writing as many rows of a journal, in one transaction."""
    if engine.server is None:
        with closing(sqlite3.connect(engine.file)) as own:
            own.execute("CREATE TABLE bare (seq INTEGER PRIMARY KEY, reason TEXT, date TEXT)")
            query = "SELECT seq, 'withdrawn', ? FROM credential WHERE kind = 'diploma' AND number = ?"
            rows = [(DATE, number) for number in numbers]

            def join() -> None:
                own.executemany(f"INSERT INTO bare {query}", rows)
                own.commit()

            spent = engine.spent(join)
            own.execute("DROP TABLE bare")
        return spent
    with psycopg.connect(engine.server.uri("postgres")) as connection:
        connection.execute("CREATE TABLE bare (seq bigint PRIMARY KEY, reason text, date text)")

        def insert() -> None:
            connection.execute(
                "INSERT INTO bare SELECT seqs[1], 'withdrawn', %s FROM unnest(%b::text[]) AS asked (number) "
                "JOIN intaglio_issuer.edition USING (number) WHERE kind = 'diploma'",
                [DATE, numbers],
            )
            connection.commit()

        spent = engine.spent(insert)
        connection.execute("DROP TABLE bare")
    return spent


def bare_lists(issuer: Issuer, lists: list[int]) -> float:
    """Compressing each list once, and signing it and each of its pages, as they were published."""
    paths = [
        path for path in (issuer.home / "status").rglob("*") if path.is_file() and path.name[0].isdigit()
    ]
    sampled = [orjson.loads(path.read_bytes()) for path in paths[:: max(1, len(paths) // 1000)]]
    bits = os.urandom(1 << 14)
    before = time.process_time()
    for document in sampled:
        document.pop("proof")
        issuer.lists._sign(document, NOW)
    signing = (time.process_time() - before) * len(paths) / len(sampled)  # all cost the same
    before = time.process_time()
    for _ in lists:
        gzip.compress(bits)
    return signing + time.process_time() - before


def measure(folder: Path, name: str, rows: int, is_random: bool) -> dict[str, Any]:
    server = Server(*_DURABLE, where=folder) if name == "postgres" else None
    home = folder / name
    if server is not None:
        prepare_index(server.uri("postgres"))
    index = None if server is None else PostgresIndex(server.uri("postgres"))
    issuer = Issuer.create(home, Description("Invented University"), lambda: None, lambda: NOW, index=index)
    engine = Engine(issuer.store, server, home / "issuer.sqlite")
    taken: dict[str, Any] = {}
    if not is_random:
        write_csv(folder / "g.csv", SIGNED)
        issuer.issue_file(Order(open_source(folder / "g.csv")))
        taken["before"] = ones(issuer, engine, 0)
        print(taken["before"], flush=True)
    taken["filled"] = fill(issuer, engine, rows, is_random)
    if not is_random:
        taken["before publishing"] = _publish(issuer, engine)
        taken["after"] = ones(issuer, engine, SIGNED // 2)
        print(taken["after"], flush=True)
        taken["revoked"] = revoked(issuer, engine, rows)
    if server is not None:
        issuer.store.close()
        server.stop()
    return taken


def _publish(issuer: Issuer, engine: Engine) -> float:
    """The seconds of CPU for publishing the lists of all rows, of which none is revoked."""
    return engine.spent(partial(issuer.lists.publish, now=NOW))


def show(name: str, rows: int, taken: dict[str, Any]) -> None:
    filled = taken["filled"]
    print(f"{name}, {rows:,} rows")
    for what in ("rows", "keys"):
        each = [tenth[what] for tenth in filled["us"]]
        tenths = ", ".join(f"{tenth:.2f}" for tenth in each)
        growth = f"{each[-1] / each[0]:.2f}" if each[0] else "-"
        print(f"  µs of CPU for {what}, by tenth: {tenths}; last to first {growth} (at most 1.5)")
    written, kept = filled["written"] / rows, filled["kept"] / rows
    print(f"  bytes a row: {written:.0f} written, {kept:.0f} kept: {written / kept:.2f} (at most 3)")
    print(f"  MB of the process: {filled['mb'][1]:.0f} after a tenth, {filled['mb'][-1]:.0f} after all")
    for what, after in taken.get("after", {}).items():
        print(f"  {what}: {taken['before'][what]:.2f} ms before, {after:.2f} after, "
              f"{after / taken['before'][what]:.2f} (at most 1.5)")  # fmt: skip
    if "after" in taken:
        after = taken["after"]
        print(f"  last page to first: {after['last page'] / after['first page']:.2f} (at most 2)")
        parts = taken["revoked"]
        bare = parts["bare: join and journal"] + parts["bare: gzip and signatures"]
        print("  revoking a tenth, s:", ", ".join(f"{what} {value:.2f}" for what, value in parts.items()))
        print(f"  to the same done bare: {(parts['journal'] + parts['lists']) / bare:.2f} (at most 1.5)")


def main() -> None:
    rows = int(next((each for each in sys.argv[1:] if each.isdigit()), ROWS))
    is_random = "random" in sys.argv
    names = [each for each in ("sqlite", "postgres") if each in sys.argv] or ["sqlite", "postgres"]
    RESULTS.mkdir(exist_ok=True)
    for name in names:
        with tempfile.TemporaryDirectory(prefix="intaglio-millions-") as scratch:
            Path(scratch).chmod(0o711)  # a database server is another user
            taken = measure(Path(scratch), name, rows, is_random)
        show(name, rows, taken)
        file = f"millions-{name}{'-random' * is_random}.json"
        (RESULTS / file).write_text(json.dumps({"rows": rows, **taken}, indent=1) + "\n")


if __name__ == "__main__":
    main()
