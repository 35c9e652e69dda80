"""The verifier's service over HTTP against the library that it calls: verifications a second of one core.

The real service, in a process of its own that is bound to one core; the library in this process, bound to the
same core. The sender, on whatever other core there is, keeps eight connections busy. By CPU time of either
process, the best of several rounds that take turns in one run.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import orjson

from bench.bundles import bundle
from did import METHODS, Resolver
from verifier import Trust, Verifier
from wire.fetch import NoFetcher

CORE = {min(os.sched_getaffinity(0))}
EVERYWHERE = os.sched_getaffinity(0)
ROUNDS, CALLS, CONNECTIONS = 12, 400, 8
GOAL = 0.6


def library(data: bytes, trust: Trust, seconds: float) -> float:
    """Verifications in a second of CPU."""
    verifier = Verifier(Resolver(METHODS, NoFetcher()), trust=trust)
    now = datetime.now(UTC)
    assert verifier.verify(data, now=now)
    os.sched_setaffinity(0, CORE)
    start, calls = time.process_time(), 0
    while time.process_time() - start < seconds:
        assert verifier.verify(data, now=now)
        calls += 1
    taken = time.process_time() - start
    os.sched_setaffinity(0, EVERYWHERE)
    return calls / taken


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has had, all its threads together, those that ended as well."""
    return time.clock_gettime(~pid << 3 | 2)  # clock_getcpuclockid(3), which Python has not


def asked(connections: list[http.client.HTTPConnection], data: bytes, calls: int) -> None:
    """Sends that many requests, with one under way on each connection."""
    for _ in range(calls // len(connections)):
        for connection in connections:
            connection.request("POST", "/verify", data, {"Content-Type": "application/json"})
        for connection in connections:
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, trust = bundle(folder / "university", datetime.now(UTC).replace(microsecond=0))
        (folder / "trust.json").write_bytes(trust.to_bytes())
        service = subprocess.Popen(
            (sys.executable, "-m", "intaglio", "verifier", "serve", "--port", "0"),
            env={**os.environ, "INTAGLIO_HOME": name},
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, CORE),
        )
        try:
            assert service.stdout is not None
            host, _, port = service.stdout.readline().split("/")[2].rpartition(":")
            connections = [http.client.HTTPConnection(host, int(port)) for _ in range(CONNECTIONS)]
            asked(connections, data, CALLS)
            alone = over_http = 0.0
            for _ in range(ROUNDS):
                alone = max(alone, library(data, trust, 0.3))
                before = cpu_of(service.pid)
                asked(connections, data, CALLS)
                over_http = max(over_http, CALLS / (cpu_of(service.pid) - before))
        finally:
            service.terminate()
            service.wait()
    ratio = over_http / alone
    print(
        f"library {alone:.0f}, over HTTP {over_http:.0f} verifications a second of a core: {ratio:.0%}, ",
        end="",
    )
    print(f"goal {GOAL:.0%}")
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "service.json").write_bytes(
        orjson.dumps({"library": alone, "http": over_http, "ratio": ratio, "goal": GOAL})
    )


if __name__ == "__main__":
    main()
