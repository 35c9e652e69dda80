"""Engines that sign the chunks of a file: CPU a row of all processes and of the driver, memory, bytes.

Each engine is two workers that sign the same tasks of `issuer.engine`: a driver checks the file, hands out
the rows, reads back what was signed, and commits. "our own" hands them to processes of this machine, "dask"
to a scheduler and two workers over mutual TLS, "skip locked" to a table of PostgreSQL, of which two processes
claim them, and "ray" to two workers of a local cluster. "pool" is what a machine alone does: it signs in
forks that need no task, and reads nothing back: its forks sign, and those of the others read back. Starting
all that, and the first chunks, is left out.

`python -m bench.engines [ROWS] [ENGINE …]`; an engine that is not installed is skipped, and that is said. Ray
wants an environment of its own, which RAY names: `RAY=/path/to/bin/python`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import multiprocessing
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.issue import issuer_in, write_csv
from issuer.engine.answer import answered, result_of
from issuer.engine.reading import Driver
from issuer.engine.signing import FUNCTION, HOME, require_ready
from issuer.engine.worker_home import write_worker
from issuer.engine.workers import LocalProcesses, Workers
from issuer.identity.root import root_digest
from issuer.job.order import Order, Progress
from issuer.table.source import SPAN_ROWS, open_source

WORKERS, AHEAD = 2, 6
ENGINES = ("pool", "our own", "dask", "skip locked", "ray")
_WARMING = 2 * SPAN_ROWS  # rows: each worker makes its press


class Rows(Workers):
    """Workers that claim tasks in a table: `SKIP LOCKED` gives each to one, and a dead one's to another."""

    def __init__(self, address: str) -> None:
        import psycopg

        self._connection = psycopg.connect(address, autocommit=True)
        self._connection.execute("CREATE TABLE task (id bigint PRIMARY KEY, item bytea, answer bytea)")
        self._connection.execute("LISTEN answered")
        self._numbers = iter(range(1 << 40))

    def map(self, function: str, items: Iterable[bytes]) -> Iterator[bytes]:
        assert function == FUNCTION
        remaining, order, done = iter(items), deque[int](), dict[int, bytes]()
        while True:
            while len(order) < AHEAD and (item := next(remaining, None)) is not None:
                order.append(next(self._numbers))
                self._connection.execute("INSERT INTO task VALUES (%s, %s)", (order[-1], item))
                self._connection.execute("NOTIFY task")
            if not order:
                return
            gone = "DELETE FROM task WHERE answer IS NOT NULL RETURNING id, answer"
            done.update((number, bytes(answer)) for number, answer in self._connection.execute(gone))
            if order[0] not in done:
                next(iter(self._connection.notifies(timeout=5, stop_after=1)), None)
            while order and order[0] in done:
                yield result_of(done.pop(order.popleft()))


def claim(address: str, home: str) -> None:
    """The life of a process that claims tasks: the row's lock is the claim, and is free once it is dead."""
    import psycopg

    os.environ[HOME] = home
    require_ready()
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("LISTEN task")
        while True:
            with connection.transaction():
                row = connection.execute(
                    "SELECT id, item FROM task WHERE answer IS NULL "
                    "ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
                ).fetchone()
                if row:
                    answer = answered(FUNCTION, bytes(row[1]))
                    connection.execute(
                        "UPDATE task SET answer = %s, item = NULL WHERE id = %s", (answer, row[0])
                    )
                    connection.execute("NOTIFY answered")
            if not row:
                next(iter(connection.notifies(timeout=5, stop_after=1)), None)


class RayWorkers(Workers):
    """Workers of a Ray cluster."""

    def __init__(self) -> None:
        ray = import_module("ray")  # in an environment of its own: no test needs it
        self._ray, self._call = ray, ray.remote(answered)

    def map(self, function: str, items: Iterable[bytes]) -> Iterator[bytes]:
        remaining, order = iter(items), deque[Any]()
        while True:
            while len(order) < AHEAD and (item := next(remaining, None)) is not None:
                order.append(self._call.remote(function, item))
            if not order:
                return
            yield result_of(self._ray.get(order.popleft()))


# Measuring


class Tree:
    """Processes that this one did not fork, by what began them, with all that they began."""

    def __init__(self, *roots: int, named: str = "") -> None:
        self._roots, self._named = roots, named

    def pids(self) -> set[int]:
        stats = _stats()
        running = {*self._roots} & stats.keys()
        if self._named:
            running |= {pid for pid in stats if re.search(self._named, _command(pid)) and pid != os.getpid()}
        while more := {pid for pid, (parent, _) in stats.items() if parent in running} - running:
            running |= more
        return running

    def cpu(self) -> float:
        """Seconds, those of children that were waited for included."""
        stats = _stats()
        return sum(stats[pid][1] for pid in self.pids() if pid in stats)

    def memory(self) -> float:
        """Megabytes, what several share counted once."""
        kilobytes = 0
        for pid in self.pids():
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            kilobytes += sum(map(int, re.findall(r"^Pss: +(\d+)", text, re.MULTILINE)))
        return kilobytes / 1024


def _stats() -> dict[int, tuple[int, float]]:
    ticks, running = os.sysconf("SC_CLK_TCK"), {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        running[int(path.parent.name)] = int(fields[1]), sum(map(int, fields[11:15])) / ticks
    return running


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _cpu(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def begun(name: str, folder: Path, home: Path) -> Iterator[tuple[Callable[[], Workers] | None, Tree]]:
    """An engine with two workers: how the driver reaches it, and its processes beside the driver."""
    with ExitStack() as stack:
        if name == "pool":
            yield None, Tree()
        elif name == "our own":
            os.environ[HOME] = str(home)
            require_ready()
            yield lambda: stack.enter_context(LocalProcesses(WORKERS)), Tree()
        elif name == "dask":
            from issuer.engine.dask import Cluster
            from tests.clusters import Nodes

            os.environ[HOME] = str(home)
            nodes = Nodes(folder, hosts=())
            stack.callback(nodes.close)
            words = [sys.executable, "-c", _WORK, nodes.address, str(nodes.tls)]
            worker = subprocess.Popen(words)
            stack.callback(worker.wait)
            stack.callback(worker.kill)
            tree = Tree(nodes.scheduler.pid, worker.pid)
            yield lambda: stack.enter_context(Cluster(nodes.address, nodes.tls)), tree
        elif name == "skip locked":
            from tests.postgres_server import Server

            server = Server()
            stack.callback(server.stop)
            address = server.uri("postgres")
            rows = Rows(address)
            spawn = multiprocessing.get_context("spawn")
            workers = [
                spawn.Process(target=claim, args=(address, str(home)), daemon=True) for _ in range(WORKERS)
            ]
            for process in workers:
                process.start()
                stack.callback(process.kill)
            pids = [process.pid for process in workers if process.pid]
            yield lambda: rows, Tree(server.process.pid, *pids)
        else:
            ray = import_module("ray")

            os.environ[HOME] = str(home)
            ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
            stack.callback(ray.shutdown)
            yield RayWorkers, Tree(named=r"ray::|raylet|gcs_server|/ray/")


_WORK = f"""
import sys
from pathlib import Path
from issuer.engine.node import WorkerSettings, work
work(WorkerSettings(sys.argv[1], Path(sys.argv[2]), ("{FUNCTION}",), "127.0.0.1"), {WORKERS})
"""


def measure(name: str, folder: Path, rows: int) -> dict[str, float]:
    """Issues the file by an engine, in this process, and returns what that took."""
    issuer = issuer_in(folder / "issuer")
    home = folder / "worker" / "issuer"
    write_worker(issuer.home, issuer.keys, home.parent)
    warm = folder / "warm.csv"
    write_csv(warm, rows + _WARMING)
    lines = warm.read_text().splitlines(keepends=True)
    warm.write_text("".join(lines[: 1 + _WARMING]))
    (folder / "g.csv").write_text("".join([lines[0], *lines[1 + _WARMING :]]))
    with begun(name, folder, home) as (reach, tree):
        workers = reach() if reach else None
        elsewhere = Driver(workers, root_digest(issuer.keys).decode()) if workers else None

        checked = 0.0

        def note(progress: Progress) -> None:
            nonlocal checked
            if progress.stage == "issuing" and progress.done == 0:
                checked = _cpu(resource.RUSAGE_CHILDREN) + _of_forks(tree)

        def issue(file: str) -> int:
            order = Order(open_source(folder / file), folder / "errors.csv", workers=WORKERS, progress=note)
            return issuer.issue_file(order, elsewhere=elsewhere).issued

        assert issue("warm.csv") == _WARMING
        time.sleep(1)
        if name == "our own":
            tree = Tree(*(pid for pid, (parent, _) in _stats().items() if parent == os.getpid()))
        idle = tree.memory()
        wall, before, driver = time.perf_counter(), _all(tree), _cpu(resource.RUSAGE_SELF)
        assert issue("g.csv") == rows
        return {
            "cpu_us": (_all(tree) - before) / rows * 1e6,
            "driver_us": (_cpu(resource.RUSAGE_SELF) - driver) / rows * 1e6,
            "forks_us": (_cpu(resource.RUSAGE_CHILDREN) - checked) / rows * 1e6,
            "idle_mb": idle,
            "rows_a_second": rows / (time.perf_counter() - wall),
        }


def _of_forks(tree: Tree) -> float:
    """CPU seconds of the processes beside this one that check, sign or read back for one file."""
    others, stats = tree.pids(), _stats()
    forks = (pid for pid, (parent, _) in stats.items() if parent == os.getpid() and pid not in others)
    return sum(stats[pid][1] for pid in forks if "issuer.engine.client" not in _command(pid))


def _all(tree: Tree) -> float:
    """CPU seconds of this process, of those that it waited for, and of the engine's."""
    stats = _stats()
    return sum(stats[pid][1] for pid in tree.pids() | Tree(os.getpid()).pids() if pid in stats)


def installed(names: Iterable[str]) -> float:
    """Megabytes of packages that an engine adds to the base installation."""
    total = 0
    for name in names:
        for file in importlib.metadata.files(name) or ():
            path = Path(str(file.locate()))
            total += path.stat().st_size if path.is_file() else 0
    return total / 1e6


def added(name: str) -> set[str]:
    """The packages that a package brings, besides those that Intaglio needs anyway."""

    def needed(package: str, seen: set[str]) -> set[str]:
        try:
            wanted = importlib.metadata.requires(package) or []
        except importlib.metadata.PackageNotFoundError:
            return seen
        seen.add(package)
        for each in wanted:
            other = re.match(r"[A-Za-z0-9_.-]+", each)
            if other and "extra ==" not in each and other[0].lower() not in seen:
                needed(other[0].lower(), seen)
        return seen

    return needed(name, set()) - needed("intaglio", set())


PACKAGES = {"dask": ["distributed"], "skip locked": ["psycopg", "psycopg-binary"], "ray": ["ray"]}


def in_a_process(name: str, rows: int) -> dict[str, float] | str:
    python = os.environ.get("RAY", sys.executable) if name == "ray" else sys.executable
    module = {"dask": "distributed", "skip locked": "psycopg", "ray": "ray"}.get(name)
    if module and python == sys.executable and importlib.util.find_spec(module) is None:
        return f"{module} is not installed"
    with tempfile.TemporaryDirectory(prefix="intaglio-bench-") as folder:
        words = [python, "-m", "bench.engines", "--one", name, folder, str(rows)]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            return f"it ended with {done.returncode}"
        figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return figures


def main(rows: int, engines: Iterable[str]) -> None:
    results = {}
    print(f"{rows} rows, two workers; CPU in µs a row\n")
    print("| Engine | CPU, all | driver | its forks, once all is checked | idle MB | MB installed | rows/s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in engines:
        figures = results[name] = in_a_process(name, rows)
        if isinstance(figures, str):
            print(f"| {name} | {figures} | | | | | |", flush=True)
            continue
        print(
            f"| {name} | {figures['cpu_us']:.0f} | {figures['driver_us']:.1f} | {figures['forks_us']:.0f} "
            f"| {figures['idle_mb']:.0f} | {figures['installed_mb']:.0f} | {figures['rows_a_second']:.0f} |",
            flush=True,
        )
    target = Path(__file__).parent / "results"
    target.mkdir(exist_ok=True)
    (target / "engines.json").write_text(json.dumps({"rows": rows, **results}, indent=2) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _, _, engine, place, count = sys.argv
        figures = measure(engine, Path(place), int(count))
        packages = {each for name in PACKAGES.get(engine, ()) for each in added(name)}
        print(json.dumps({**figures, "installed_mb": installed(packages)}))
    else:
        asked = [each for each in sys.argv[1:] if not each.isdigit()]
        main(int(next((each for each in sys.argv[1:] if each.isdigit()), 200_000)), asked or ENGINES)
