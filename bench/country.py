"""A country's file through everything, on a folder, and on PostgreSQL with a bucket: what each step takes.

All but three steps are commands, each a process of its own. Of each step: seconds; processor time of its
processes, and of the servers; the most memory of one process; the bytes that its processes, and the servers,
hand to the disk. What lies in memory, as files of /dev/shm do, counts no byte.

    python -m bench.country 10000000 folder served

Whatever is not as it should be ends it with an error; so does, in the end, a process beyond `MEMORY`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from bench.counted import counted
from bench.issue import write_csv
from did.methods import key as did_key
from issuer.archive.engines import open_index
from issuer.issuer import Issuer
from keys import PrivateKey
from tests import postgres_server, s3_server

ROWS = 100_000
MEMORY = 250
"""The most that one process may take, in MB, however many rows there are."""
REVOKED = 10
"""One row of so many is revoked by a file."""
SHOWN = 1_000
"""Bundles that are exported and verified; of a small file a tenth."""
PAGE = 1_000
RESULTS = Path(__file__).parent / "results"
_TICKS = os.sysconf("SC_CLK_TCK")


class Step(NamedTuple):
    """The cost of a step: seconds of time and of processors, MB of a process, bytes for the disk."""

    name: str
    is_command: bool
    """False for a step of this process, whose memory has what ran in it before."""
    seconds: float
    processes: float
    servers: float
    megabytes: float
    written: int


class Place(NamedTuple):
    """A scratch folder, which is the home of the issuer, and where the rest of it lies."""

    folder: Path
    options: Sequence[str] = ()
    """Those of `issuer init`."""
    servers: Sequence[int] = ()
    """Processes that serve, without the children that each has."""


def served(folder: Path, database: postgres_server.Server, bucket: s3_server.Cluster) -> Place:
    """A place with its own database, and its own part of a bucket; the environment leads there."""
    os.environ.update(s3_server.environment(bucket.endpoint))
    address = database.uri(database.of(folder), "machine")
    options = ("--store", address, "--shards", bucket.of(folder))
    return Place(folder, options, [database.process.pid, *bucket.processes()])


@contextmanager
def opened(store: str, scratch: Path) -> Iterator[Place]:
    """A place in a scratch folder, with servers of its own while the block lasts if it is `served`."""
    folder = scratch / store
    folder.mkdir()
    if store == "folder":
        yield Place(folder)
        return
    database = postgres_server.Server(
        *("autovacuum=on", "max_wal_size=4GB", "shared_buffers=256MB"), where=scratch
    )
    bucket = s3_server.Cluster(scratch / "s3", volume_mb=512)  # ten million rows take 3 GB, and as much again
    try:
        yield served(folder, database, bucket)
    finally:
        database.stop()
        bucket.leave()
        while bucket.folder.exists():  # its watcher reads there which processes to end
            time.sleep(0.1)


def by_servers(servers: Sequence[int]) -> tuple[float, int]:
    """CPU seconds of these processes and their children until now, and bytes that they handed to the disk."""
    ticks = written = 0
    for path in (each for each in Path("/proc").iterdir() if servers and each.name.isdigit()):
        try:
            stat = (path / "stat").read_text().rpartition(") ")[2].split()
            if int(path.name) in servers:
                ticks += sum(map(int, stat[11:15]))  # with children that ended
            elif int(stat[1]) in servers:
                ticks += sum(map(int, stat[11:13]))
            else:
                continue
            written += int((path / "io").read_text().partition("\nwrite_bytes:")[2].split()[0])
        except OSError:  # it has ended meanwhile, and is among its parent's children
            continue
    return ticks / _TICKS, written


class _Run:
    """The steps so far."""

    def __init__(self, place: Place) -> None:
        self.place, self.steps = place, list[Step]()
        self.environment = dict[str, str]()

    def command(self, name: str, *words: str, code: int = 0) -> Path:
        """A step that is a command; returns the file with its output."""
        out = self.place.folder / "output"
        before = by_servers(self.place.servers)
        with out.open("w") as file:
            used = counted(self.place.folder, *words, stdout=file, environment=self.environment)
        assert used.code == code, (name, used.code)
        self._add(name, True, used.wall, used.parent + used.workers, before, used.memory, used.written)
        return out

    def here(self, name: str, work: Callable[[], None]) -> None:
        """A step in this process."""
        before, begun, spent = by_servers(self.place.servers), time.perf_counter(), time.process_time()
        handed = _of_this("io", "write_bytes:")
        work()
        seconds, spent = time.perf_counter() - begun, time.process_time() - spent
        written = _of_this("io", "write_bytes:") - handed
        self._add(name, False, seconds, spent, before, _of_this("status", "VmHWM:"), written)

    def _add(
        self,
        name: str,
        is_command: bool,
        seconds: float,
        spent: float,
        before: tuple[float, int],
        memory: int,
        written: int,
    ) -> None:
        ticks, handed = by_servers(self.place.servers)
        megabytes = memory * 1024 / 1e6
        step = Step(
            name, is_command, seconds, spent, ticks - before[0], megabytes, written + handed - before[1]
        )
        self.steps.append(step)
        print(_line(step), flush=True)


def _of_this(file: str, name: str) -> int:
    words = Path("/proc/self", file).read_text().split()
    return int(words[words.index(name) + 1])


def _line(step: Step) -> str:
    figures = f"{step.seconds:>9,.1f}{step.processes:>10,.2f}{step.servers:>9,.2f}{step.megabytes:>7.0f}"
    return f"{step.name:<34}{figures}{step.written / 1e6:>11,.1f}"


def number(row: int) -> str:
    """The number of a row's diploma, as `write_csv` has it."""
    return f"UNI-2026-{row:08}"


def through(rows: int, place: Place) -> list[Step]:
    """Has a file of so many rows, at least a hundred, go through everything.

    Raises `AssertionError` where anything is not as it should be.
    """
    folder, run, last = place.folder, _Run(place), rows - 1
    print(f"{'':<34}{'s':>9}{'CPU s':>10}{'servers':>9}{'MB':>7}{'MB written':>11}", flush=True)
    table, tenth, phrase = folder / "country.csv", folder / "revoked.csv", folder / "phrase"
    write_csv(table, rows)
    named = (number(row) for row in range(0, rows, REVOKED))
    tenth.write_text("\n".join(("diploma_number", *named)))
    phrase.write_text("a country of invented people")
    phrase.chmod(0o600)

    about = ("--name", "Invented Country", "--url", "https://country.example")
    run.command("begun", "issuer", "init", *about, *place.options)
    issue = ("issuer", "issue", str(table), "--yes", "--workers", "2", "--json")
    assert _json(run.command("issued", *issue))["issued"] == rows
    again = _json(run.command("issued again: none is", *issue))
    assert (again["issued"], again["issuedBefore"]) == (0, rows)

    output = run.command("all listed", "issuer", "list", "--format", "jsonl")
    with output.open() as listed:
        assert sum(1 for _ in listed) == rows
    output = run.command("the last ten listed", "issuer", "list", number(last)[:-1], "--json")
    assert len(_json(output)["diplomas"]) == 1 + last % 10
    run.here("a page at the end", lambda: _page(folder, rows))
    shown = run.command("one shown", "issuer", "show", number(last), "--json")
    assert _json(shown)["number"] == number(last)
    run.command("a link for one", "issuer", "claim", number(last - 1), "--json")
    run.here("one claimed", lambda: _claimed(folder, number(last - 1)))
    out = ("--out", str(folder / "corrected"))
    run.command("one corrected", "issuer", "correct", number(last - 2), "--set", "gpa=4.0", "--yes", *out)
    why = ("--reason", "withdrawn", "--yes", "--json")
    run.command("one revoked, and published", "issuer", "revoke", number(last - 3), *why)
    output = run.command("a tenth revoked, and published", "issuer", "revoke", "--from", str(tenth), *why)
    assert sum(_json(output)[name] for name in ("revoked", "revokedBefore")) == -(-rows // REVOKED)

    run.command("lists published: none is due", "issuer", "status", "publish", "--json")
    run.command("digest of the revocations", "issuer", "status", "digest", "--json")
    output = run.command("all counted", "issuer", "status", "show", "--json")
    assert _json(output)["credentials"] == rows
    run.command("doctor", "doctor", "--json")
    run.here("shards looked for", lambda: _nothing_missing(folder))
    run.command("log audited", "ledger", "audit", "--json")
    run.environment["INTAGLIO_BACKUP_PASSPHRASE_FILE"] = str(phrase)
    run.command("backup", "issuer", "backup", str(folder / "backup"), "--json")

    some = range(rows - min(SHOWN, rows // 10), rows)
    out = ("--out", str(folder / "some"))
    output = run.command(f"{len(some):,} exported", "issuer", "export", *map(number, some), "--json", *out)
    assert _json(output)["written"] >= len(some)
    lines = folder / "some.jsonl"
    bundles = sorted((folder / "some").glob("*.json"))
    lines.write_bytes(b"".join(orjson.dumps(orjson.loads(each.read_bytes())) + b"\n" for each in bundles))
    words = ("verify", str(lines), "--json", "--offline", "--workers", "2")
    _judged(run.command("and verified, as JSON Lines", *words, code=7), bundles, last - 3)
    return run.steps


def _json(output: Path) -> dict[str, Any]:
    return dict(orjson.loads(output.read_bytes()))


def _page(folder: Path, rows: int) -> None:
    with closing(open_index(folder / "issuer")) as index:
        after = max(-1, rows - 1 - PAGE)
        assert len(index.entries(after)) == rows - 1 - after


def _issuer(folder: Path) -> Issuer:
    return Issuer(folder / "issuer", lambda: None, lambda: datetime.now(UTC))


def _claimed(folder: Path, which: str) -> None:
    _issuer(folder).claim(which, did_key.create(PrivateKey.generate().public_key))


def _nothing_missing(folder: Path) -> None:
    assert _issuer(folder).archive.missing() == []


def _judged(output: Path, bundles: Sequence[Path], revoked: int) -> None:
    """The verdicts of bundles in their order: invalid are those of the tenth, and of one row more."""
    with output.open("rb") as lines:
        for place, (bundle, line) in enumerate(zip(bundles, lines, strict=True), 1):
            row, report = int(bundle.name.split(".")[0].rpartition("-")[2]), orjson.loads(line)
            is_revoked = row % REVOKED == 0 or row == revoked
            assert report["line"] == place
            assert report["verdict"] == ("invalid" if is_revoked else "valid"), row


def main() -> None:
    rows = int(next(iter(sys.argv[1:]), ROWS))
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="intaglio-country-") as scratch:
        Path(scratch).chmod(0o711)  # a database server is another user
        for store in sys.argv[2:] or ["folder", "served"]:
            print(f"{rows:,} rows, {store}")
            with opened(store, Path(scratch)) as place:
                steps = through(rows, place)
            results = {"rows": rows, "steps": [step._asdict() for step in steps]}
            (RESULTS / f"country-{store}.json").write_bytes(orjson.dumps(results))
            if large := [step.name for step in steps if step.megabytes > MEMORY]:
                raise SystemExit(f"a process took more than {MEMORY} MB: {', '.join(large)}")


if __name__ == "__main__":
    main()
