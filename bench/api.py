"""The API over HTTP against the library that it calls: verifications, and credentials issued by posting them.

Both by CPU time, in one run, the best of rounds that take turns: the real service in a process bound to one
core, the library in this process on the same core, with the verifier that the service has. Sixteen
connections are kept busy from the other core. Issuing writes durably on both sides, sixteen at once: the
library by sixteen threads.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
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
CERTIFICATE = json.loads((Path(__file__).parents[1] / "examples/api/certificate.json").read_text())


def records(prefix: str, count: int) -> Iterator[dict[str, str]]:
    for number in range(count):
        yield {
            "certificate_number": f"{prefix}-{number}",
            "title": "Welding, basic course",
            "name": f"Graduate {number}",
            "issued_on": "2026-06-01",
        }


def posted(record: Mapping[str, str]) -> bytes:
    subject = {name: record[name] for name in ("certificate_number", "title", "name", "issued_on")}
    return json.dumps({"credential": {**CERTIFICATE, "credentialSubject": subject}}).encode()


class Client:
    """Sixteen connections to the service."""

    def __init__(self, address: str, token: str) -> None:
        self.host, _, self.port = address.split("/")[2].rpartition(":")
        self.headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def ask(self, path: str, bodies: list[bytes]) -> list[float]:
        """Posts all of them, one on each connection at a time; the seconds that each took."""

        def some(nth: int) -> list[float]:
            taken, connection = [], http.client.HTTPConnection(self.host, int(self.port))
            for body in bodies[nth::CONNECTIONS]:
                begun = time.perf_counter()
                connection.request("POST", path, body, self.headers)
                answer = connection.getresponse()
                content = answer.read()
                assert answer.status in (200, 201), content
                taken.append(time.perf_counter() - begun)
            return taken

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            return [seconds for part in pool.map(some, range(CONNECTIONS)) for seconds in part]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name, "home")
        description = Description("School", kind=shipped("certificate"), url="https://school.example")
        served = Issuer.create(home / "issuer", description, lambda: None, utc_now)
        alone = Issuer.create(Path(name, "alone"), description, lambda: None, utc_now)
        bundle = served.bundle(served.issue(next(records("first", 1)))).to_bytes()
        Session(home).pin(served.trust_entry())
        token = Tokens(served.home).add("bench", Right, utc_now())
        serve = ("api", "serve", "--issuer", f"s={home}", "--port", "0", "--offline")
        service = subprocess.Popen(
            (sys.executable, "-m", "intaglio", "--home", str(home), *serve),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, CORE),
        )
        try:
            assert service.stdout is not None
            client = Client(service.stdout.readline(), token)
            report(measured(client, service.pid, alone, bundle, Session(home).verifier(offline=True)))
        finally:
            service.terminate()
            service.wait()


def measured(client: Client, pid: int, alone: Issuer, bundle: bytes, verifier: Verifier) -> dict[str, Any]:
    """Seconds of CPU of each kind, the best of the rounds, and how long requests took."""
    body = b'{"verifiableCredential": ' + bundle + b"}"
    best = dict.fromkeys(("verify", "verify over HTTP", "issue", "issue over HTTP"), float("inf"))
    taken: list[float] = []

    def keep(what: str, seconds: float) -> None:
        best[what] = min(best[what], seconds / CALLS)

    for turn in range(ROUNDS):
        before = cpu_of(pid)
        taken += client.ask("/credentials/verify", [body] * CALLS)
        keep("verify over HTTP", cpu_of(pid) - before)
        before = cpu_of(pid)
        bodies = [posted(record) for record in records(f"T{turn}", CALLS)]
        client.ask("/issuers/s/credentials/issue", bodies)
        keep("issue over HTTP", cpu_of(pid) - before)
        os.sched_setaffinity(0, CORE)
        begun, now = time.process_time(), datetime.now(UTC)
        for _ in range(CALLS):
            assert verifier.verify(bundle, now=now)
        keep("verify", time.process_time() - begun)
        begun = time.process_time()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(alone.issue, records(f"T{turn}", CALLS)))
        keep("issue", time.process_time() - begun)
        os.sched_setaffinity(0, EVERYWHERE)
    return {**best, "taken": taken}


def report(found: dict[str, Any]) -> None:
    for what, goal in GOALS.items():
        alone, over_http = found[what] * 1e6, found[f"{what} over HTTP"] * 1e6
        print(f"{what}: {alone:.0f} us in the library, {over_http:.0f} over HTTP: ", end="")
        print(f"{alone / over_http:.2f} of it, goal {goal}")
    median = statistics.median(found["taken"])
    last = statistics.quantiles(found["taken"], n=100)[98]
    print(
        f"verify over 16 connections: p50 {median * 1e3:.1f} ms, p99 {last / median:.1f} times that, goal 10"
    )


if __name__ == "__main__":
    main()
