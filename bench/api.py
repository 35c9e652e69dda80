"""The API over HTTP against the library that it calls, against itself in two processes, and against a peer.

All by CPU time, in one run, the best of rounds that take turns. The real service and the peer, Digital
Bazaar's packages behind node's http, are bound to one core each, two processes to the same one together. The
library is in this process on that core, with the verifier that the service has.

Sixteen connections keep each process busy. Requests that arrive together are written together, so with half
as many connections each request would cost more. Issuing writes durably, here and in the library, by sixteen
threads. The peer stores nothing that it signs, and verifies the proof alone.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.service import CORE, EVERYWHERE, cpu_of
from intaglio.api.tokens import Right, Tokens
from intaglio.session import Session, utc_now
from issuer import Description
from issuer.issuer import Issuer
from kinds import shipped
from verifier import Verifier

ROUNDS, CALLS, CONNECTIONS = 6, 320, 16
GOALS = {"verify": 0.6, "issue": 0.5}
MOST_OF_TWO = 1.2
PATHS = {"verify": "/credentials/verify", "issue": "/issuers/s/credentials/issue"}
ROOT = Path(__file__).parents[1]
PEER = ROOT / "tests/interop/service.mjs"
CERTIFICATE = json.loads((ROOT / "examples/api/certificate.json").read_text())


def records(prefix: str, count: int) -> Iterator[dict[str, str]]:
    for number in range(count):
        yield {
            "certificate_number": f"{prefix}-{number}",
            "title": "Welding, basic course",
            "name": f"Graduate {number}",
            "issued_on": "2026-06-01",
        }


def posted(record: Mapping[str, str]) -> bytes:
    return json.dumps({"credential": {**CERTIFICATE, "credentialSubject": record}}).encode()


class Service:
    """A running service, and the connections to it."""

    def __init__(
        self, pid: int, address: str, token: str, bundle: Mapping[str, Any], connections: int = CONNECTIONS
    ) -> None:
        self.pid, self.host, self.connections = pid, address.split("/")[2], connections
        self.headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        self.shown = json.dumps({"verifiableCredential": bundle}).encode()

    def cpu(self) -> float:
        """Seconds of CPU that it used, including the processes that it started and their children."""
        return sum(map(cpu_of, family(self.pid)))

    def do(self, what: str, turn: int) -> tuple[float, list[float]]:
        """Seconds of CPU per request, and the duration of each."""
        bodies = [self.shown] * CALLS if what == "verify" else [*map(posted, records(f"T{turn}", CALLS))]
        before = self.cpu()
        taken = self.ask(PATHS[what], bodies)
        return (self.cpu() - before) / CALLS, taken

    def ask(self, path: str, bodies: list[bytes]) -> list[float]:
        """Posts all requests, one at a time on each connection; returns the seconds that each took."""

        def some(nth: int) -> list[float]:
            taken, connection = [], http.client.HTTPConnection(self.host)
            for body in bodies[nth :: self.connections]:
                begun = time.perf_counter()
                connection.request("POST", path, body, self.headers)
                answer = connection.getresponse()
                content = answer.read()
                assert answer.status in (200, 201), content
                taken.append(time.perf_counter() - begun)
            connection.close()
            return taken

        with ThreadPoolExecutor(self.connections) as pool:
            return [seconds for part in pool.map(some, range(self.connections)) for seconds in part]


def family(pid: int) -> Iterator[int]:
    """A process and its descendants."""
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            yield from family(int(child))


@contextmanager
def started(*command: str, stdin: bytes = b"") -> Iterator[tuple[int, str]]:
    """The process of a service, and its address, which it prints first."""
    service = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, CORE),
    )
    try:
        assert service.stdin is not None
        assert service.stdout is not None
        service.stdin.write(stdin + b"\n")
        service.stdin.flush()
        yield service.pid, service.stdout.readline().decode().strip()
    finally:
        service.terminate()
        service.wait()


@contextmanager
def ours(home: Path, processes: int = 1) -> Iterator[Service]:
    issuer = an_issuer(home / "issuer")
    bundle = json.loads(issuer.bundle(issuer.issue(next(records("first", 1)))).to_bytes())
    Session(home).pin(issuer.trust_entry())
    token = Tokens(issuer.home).add("bench", Right, utc_now())
    serve = ("api", "serve", "--issuer", f"s={home}", "--port", "0", "--offline")
    command = (sys.executable, "-m", "intaglio", "--home", str(home), *serve, "--processes", str(processes))
    with started(*command) as (pid, address):
        yield Service(pid, address, token, bundle, processes * CONNECTIONS)


@contextmanager
def theirs(bundle: Mapping[str, Any]) -> Iterator[Service]:
    documents = [each["document"] for each in bundle["issuerDocuments"]]
    with started("node", str(PEER), stdin=json.dumps(documents).encode()) as (pid, address):
        yield Service(pid, address, "", bundle["credential"])


def an_issuer(folder: Path) -> Issuer:
    description = Description("School", kind=shipped("certificate"), url="https://school.example")
    return Issuer.create(folder, description, lambda: None, utc_now)


def main() -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        home = Path(name, "home")
        single = running.enter_context(ours(home))
        services = {"one process": single}
        services["two processes"] = running.enter_context(ours(Path(name, "two"), 2))
        bundle = json.loads(single.shown)["verifiableCredential"]
        if shutil.which("node") and (PEER.parent / "node_modules").exists():
            services["node"] = running.enter_context(theirs(bundle))
        verifier = Session(home).verifier(offline=True)
        report(measured(services, an_issuer(Path(name, "alone")), json.dumps(bundle).encode(), verifier))


def measured(
    services: Mapping[str, Service], alone: Issuer, bundle: bytes, verifier: Verifier
) -> dict[str, dict[str, Any]]:
    """By service: seconds of CPU of each kind, the best of the rounds, and durations of requests."""
    nobody: dict[str, Any] = {**dict.fromkeys(GOALS, float("inf")), "taken": []}
    figures = {name: {**nobody, "taken": []} for name in ("library", *services)}

    def keep(name: str, what: str, seconds: float) -> None:
        figures[name][what] = min(figures[name][what], seconds)

    for turn in range(ROUNDS):
        for name, service in services.items():
            for what in GOALS:
                seconds, taken = service.do(what, turn)
                keep(name, what, seconds)
                figures[name]["taken"] += taken if what == "verify" else []
        os.sched_setaffinity(0, CORE)
        begun, now = time.process_time(), datetime.now(UTC)
        for _ in range(CALLS):
            assert verifier.verify(bundle, now=now)
        keep("library", "verify", (time.process_time() - begun) / CALLS)
        begun = time.process_time()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(alone.issue, records(f"T{turn}", CALLS)))
        keep("library", "issue", (time.process_time() - begun) / CALLS)
        os.sched_setaffinity(0, EVERYWHERE)
    return figures


def report(figures: Mapping[str, Mapping[str, Any]]) -> None:
    single = figures["one process"]
    for what, goal in GOALS.items():
        alone, over_http = figures["library"][what], single[what]
        print(f"{what}: {alone * 1e6:.0f} us in the library, {over_http * 1e6:.0f} over HTTP: ", end="")
        print(f"{alone / over_http:.2f} of it, goal {goal}")
        two = figures["two processes"][what]
        print(f"  by two processes {two * 1e6:.0f} us a request: {two / over_http:.2f} times, ", end="")
        print(f"goal {MOST_OF_TWO}")
        if "node" in figures:
            peer = figures["node"][what]
            print(f"  by Digital Bazaar's packages behind node's http {peer * 1e6:.0f} us: ", end="")
            rates = f"{1 / peer:.0f} a second of a core, ours {1 / over_http:.0f}"
            print(f"{peer / over_http:.2f} times ours; {rates}")
    median = statistics.median(single["taken"])
    last = statistics.quantiles(single["taken"], n=100)[98]
    print(
        f"verify over 16 connections: p50 {median * 1e3:.1f} ms, p99 {last / median:.1f} times that, goal 10"
    )


if __name__ == "__main__":
    main()
