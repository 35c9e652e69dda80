"""A cosignature over HTTP against its parts: the same request to no route, and checking and signing alone.

The service runs in a process of its own; the indispensable parts run in this one. By CPU time, the least of
several rounds that take turns in one run. The cost of storage (SQLite files, here in memory) is measured on a
witness without a server. The ratio leaves it out, since it depends on the disk.
"""

from __future__ import annotations

import http.client
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import orjson

from bench.service import cpu_of
from hub import make_hub, open_witness
from keys import PrivateKey
from keys.mldsa import MlDsaSigner
from ledger import Log, MemoryStore, merkle
from ledger.add_checkpoint import AddCheckpoint
from ledger.note import NoteSigner, VerifierKey

ROUNDS, CALLS, LOGS = 12, 50, 8
GOAL = 1.5


class Sender:
    """A log that grows by some entries between two checkpoints."""

    def __init__(self, name: str) -> None:
        keys = PrivateKey.generate(), PrivateKey.generate()
        self.log = Log(name, *keys, MemoryStore(), clock=lambda: datetime.now(UTC))
        self.key = self.log.verifier_key
        self.known, self.root = 0, merkle.EMPTY_ROOT

    def next(self) -> bytes:
        """The `add-checkpoint` request for its next checkpoint."""
        size, self.known = self.known, self.known + 10
        self.log.append([b"%d" % index for index in range(size, self.known)], b"%d" % size)
        proof = self.log.consistency(size, self.known) if size else []
        return AddCheckpoint(size, proof, self.log.checkpoint()).write()

    def checked(self, bodies: list[bytes], keys: Mapping[VerifierKey, NoteSigner]) -> None:
        """Checks, signs with each key, and keeps nothing."""
        for body in bodies:
            old, proof, checkpoint = AddCheckpoint.parse(body)
            assert self.key in checkpoint.signers([self.key])
            merkle.verify_consistency(old, self.root, checkpoint.size, checkpoint.root, proof)
            for key, signer in keys.items():
                key.sign(signer, checkpoint.text, datetime.now(UTC))
            self.root = checkpoint.root


def asked(
    connections: list[http.client.HTTPConnection], path: str, bodies: list[list[bytes]], status: int
) -> None:
    """Sends each log's requests on a connection of its own, one under way on each."""
    for at_once in zip(*bodies, strict=True):
        for connection, body in zip(connections, at_once, strict=True):
            connection.request("POST", path, body)
        for connection in connections:
            answer = connection.getresponse()
            assert answer.status == status, answer.read()
            answer.read()


def main() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        folder = Path(name)
        logs = [Sender(f"log{number}.example") for number in range(LOGS)]
        state = make_hub(folder / "hub", "hub.example/witness", lambda: None)
        for log in logs:
            state.add(log.key, f"https://{log.key.name}")
        service = subprocess.Popen(
            (sys.executable, "-m", "intaglio", "hub", "serve", "--alone", "--port", "0"),
            env={**os.environ, "INTAGLIO_HOME": name},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        here = make_hub(folder / "here", "here.example/witness", lambda: None)
        for log in logs:
            here.add(log.key, f"https://{log.key.name}")
        witness = open_witness(folder / "here", lambda: None, lambda: datetime.now(UTC))
        assert here.second is not None
        keys: Mapping[VerifierKey, NoteSigner] = {
            here.key: PrivateKey.generate(),
            here.second: MlDsaSigner(bytes(32)),
        }
        route = checking = whole = cosignature = float("inf")
        try:
            assert service.stdout is not None
            host, _, port = service.stdout.readline().split("/")[2].rpartition(":")
            for _ in range(ROUNDS):
                bodies = [[log.next() for _ in range(CALLS)] for log in logs]
                before = time.process_time()
                for log, sent in zip(logs, bodies, strict=True):
                    log.checked(sent, keys)
                checking = min(checking, time.process_time() - before)
                before = time.process_time()
                for body in itertools.chain(*bodies):
                    witness.add_checkpoint(body)
                whole = min(whole, time.process_time() - before)
                # Anew in each round: the service closes those that were idle meanwhile.
                connections = [http.client.HTTPConnection(host, int(port)) for _ in logs]
                before = cpu_of(service.pid)
                asked(connections, "/nothing", bodies, 404)
                route = min(route, cpu_of(service.pid) - before)
                before = cpu_of(service.pid)
                asked(connections, "/witness/add-checkpoint", bodies, 200)
                cosignature = min(cosignature, cpu_of(service.pid) - before)
        finally:
            service.terminate()
            service.wait()
    measured = {
        "route": route,
        "checking": checking,
        "keeping": whole - checking,
        "cosignature": cosignature,
    }
    each = {part: seconds / CALLS / LOGS * 1e6 for part, seconds in measured.items()}
    ratio = (each["cosignature"] - each["keeping"]) / (each["route"] + each["checking"])
    print(", ".join(f"{part} {taken:.0f} µs" for part, taken in each.items()), end="")
    print(f": without keeping {ratio:.2f} × its parts, goal {GOAL}")
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "witness.json").write_bytes(orjson.dumps({**each, "ratio": ratio, "goal": GOAL}))


if __name__ == "__main__":
    main()
