"""One file, signed by the workers of a cluster, one of which is killed half-way; the log ends as without.

    python -m examples.city.story --cluster

Scheduler and workers are processes on addresses of loopback, as on machines of their own, with mutual TLS.
All people are invented.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from issuer import Description
from issuer.engine.dask import Cluster
from issuer.engine.reading import Driver
from issuer.engine.worker_home import write_worker
from issuer.identity.root import root_digest
from issuer.issuer import Issuer
from issuer.job.order import Order, Progress
from issuer.table.source import open_source
from kinds import shipped
from ledger.audit import audit
from tests.clusters import Authority, free_port

from .residents import write_residents

ROWS = 100_000
"""The rows of the file, unless the command says another number."""
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
"""The time of both jobs, so that their bytes can be compared."""
HOSTS = ("127.0.0.2", "127.0.0.3")


class Nodes(NamedTuple):
    """A scheduler, and the workers at their own addresses."""

    address: str
    tls: Path
    workers: list[subprocess.Popen[bytes]]


@contextmanager
def nodes(folder: Path, home: Path) -> Iterator[Nodes]:
    """Scheduler and workers, begun by the command, each with certificates of the cluster's own authority."""
    authority, port, begun = Authority(folder / "authority"), free_port(), list[subprocess.Popen[bytes]]()
    address, tls = f"tls://127.0.0.1:{port}", authority.folder("driver")

    def begin(name: str, *words: str) -> None:
        command = [sys.executable, "-m", "intaglio", "--home", str(home), "issuer", "worker", address]
        certificates = ["--cluster-tls", str(authority.folder(name))]
        begun.append(
            subprocess.Popen(
                [*command, *certificates, *words], stderr=subprocess.DEVNULL, start_new_session=True
            )
        )

    try:
        begin("scheduler", "--scheduler")
        for host in HOSTS:
            begin(host, "--host", host, "--workers", "1")
        while begun[0].poll() is None and not _listens(port):
            time.sleep(0.1)
        yield Nodes(address, tls, begun[1:])
    finally:
        for process in begun:
            kill(process)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kills a worker with its processes, as when its machine loses power."""
    with suppress(ProcessLookupError):  # it was killed before
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def opened(home: Path) -> Issuer:
    """The city's issuer in a folder, whose clock stands still."""
    return Issuer(home, lambda: None, lambda: NOW)


def left(home: Path) -> tuple[object, ...]:
    """The traces of a job: the rows of the index, the root of the log, and the shards by name and content."""
    issuer = opened(home)
    shards = {path.name: path.read_bytes() for path in (home / "shards").rglob("*.zst")}
    return [*issuer.entries()], audit(issuer.log).root, shards


def main(rows: int = ROWS) -> None:
    """Tells the story; exits with an error where anything is not as it should be."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, there, here = folder / "residents.csv", folder / "there", folder / "here"
        write_residents(file, 0, rows)
        kind = shipped("resident")
        described = Description("Invented City", "https://city.example", kind=kind)
        Issuer.create(there, described, lambda: None, lambda: NOW).store.close()
        shutil.copytree(there, here)
        source = open_source(file, kind=kind, span_rows=max(1, min(4096, rows // 24)))
        print(f"{rows} rows, two processes of one machine")
        print(f"  {issued(here, Order(source, workers=2)):.1f} s")

        write_worker(there, opened(there).keys, folder / "worker")
        with nodes(folder, folder / "worker") as cluster:
            print(f"{rows} rows, two workers of a cluster, one of which is killed half-way")

            def half_way(progress: Progress) -> None:
                is_half = progress.stage == "issuing" and progress.done >= rows // 2
                if is_half and len(cluster.workers) == len(HOSTS):
                    kill(cluster.workers.pop())
                    print(f"  killed a worker after {progress.done} rows; the other one goes on")

            seconds = issued(there, Order(source, workers=1, progress=half_way), cluster)
            print(f"  {seconds:.1f} s")
        if len(cluster.workers) != 1:
            raise SystemExit("no worker was killed")
        if left(here) != left(there):
            raise SystemExit("the two issuers differ")
        print("Rows, log root and shards are the same.")


def issued(home: Path, order: Order, cluster: Nodes | None = None) -> float:
    """Issues a file, by a cluster if one is given; returns the seconds that it took."""
    began, issuer = time.monotonic(), opened(home)
    if cluster is None:
        issuer.issue_file(order)
    else:
        with Cluster(cluster.address, cluster.tls) as workers:
            issuer.issue_file(order, elsewhere=Driver(workers, root_digest(issuer.keys).decode()))
    return time.monotonic() - began
