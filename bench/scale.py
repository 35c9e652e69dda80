"""A log of ten million entries on each engine: its time, memory and bytes, and what a proof reads.

Each engine is filled by a process of its own, whose highest resident memory counts. Bytes are the log's
storage in the engine: files, the database as PostgreSQL counts it, objects without their second copy.
(`docs/scale.md` has the figures of one run; a part of it: `python bench/scale.py 1000000 folder`.)
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, cast

from keys import PrivateKey
from ledger import EntryKind, Log, entry, merkle, open_store
from ledger.evidence import parse_proof
from ledger.log import LogReader
from ledger.tiles.store import Store
from tests import s3_server
from tests.postgres_server import PROGRAMS, Server

ENTRIES = 10_000_000
BATCH = 65_536
NAME = "bench.example/log"
PROOFS = 1_000
RESULTS = Path(__file__).parent / "results"


def fill(uri: str, count: int) -> dict[str, Any]:
    """Appends entries that are the same for every engine, and proves some; in the engine's own process."""
    signer, cosigner = (PrivateKey.from_secret("Ed25519", bytes([number]) * 32) for number in (1, 2))
    log = Log(NAME, signer, cosigner, open_store(uri), clock=lambda: datetime.now(UTC))
    start = time.perf_counter()
    for at in range(0, count, BATCH):
        batch = range(at, min(at + BATCH, count))
        log.append([leaf(number) for number in batch], b"%d" % at)
    took = time.perf_counter() - start
    appending = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    checkpoint, chosen = log.checkpoint(), Random(7).sample(range(count), PROOFS)
    store, reads, spent = open_store(uri, read_only=True), Counter[int](), 0.0
    for index in chosen:
        counted = Counting(store)
        reader = LogReader(NAME, signer.public_key, cosigner.public_key, cast("Store", counted))
        start = time.perf_counter()
        evidence = reader.evidence(index)
        spent += time.perf_counter() - start
        _, proof, _ = parse_proof(evidence.body)
        merkle.verify_inclusion(merkle.leaf_hash(leaf(index)), index, count, proof, checkpoint.root)
        reads[len(counted.tiles)] += 1
    return {
        "root": checkpoint.root.hex(),
        "seconds": took,
        "MiB": appending / 1024,
        "proof_ms": spent / PROOFS * 1e3,
        "tiles": dict(sorted(reads.items())),
    }


def leaf(number: int) -> bytes:
    return entry(EntryKind.CREDENTIAL, hashlib.sha256(b"%d" % number).digest())


class Counting:
    """A store for reading, which records the tiles of hashes that it was asked for."""

    def __init__(self, store: Store) -> None:
        self._store, self.tiles = store, set[str]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get(self, path: str) -> bytes | None:
        if path.startswith("tile/") and "entries" not in path:
            self.tiles.add(path)
        return self._store.get(path)


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def in_bucket(cluster: s3_server.Cluster, prefix: str) -> int:
    pages = s3_server.client(cluster.endpoint).get_paginator("list_objects_v2")
    listing = pages.paginate(Bucket=s3_server.BUCKET, Prefix=prefix)
    return sum(each["Size"] for page in listing for each in page.get("Contents", ()))


def filled(uri: str, count: int) -> dict[str, Any]:
    """The result of `fill`, run in a process of its own."""
    command = (sys.executable, __file__, "--fill", uri, str(count))
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    if sys.argv[1:2] == ["--fill"]:
        print(json.dumps(fill(sys.argv[2], int(sys.argv[3]))))
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    wanted = sys.argv[2:] or ["folder", "postgres", "s3"]
    RESULTS.mkdir(exist_ok=True)
    engines: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="intaglio-scale-", dir=RESULTS) as scratch:
        Path(scratch).chmod(0o711)  # a database server is another user
        if "folder" in wanted:
            folder = Path(scratch) / "log"
            engines["folder"] = filled(folder.as_uri(), count)
            engines["folder"]["bytes"] = on_disk(folder)
        if "postgres" in wanted and PROGRAMS is not None:
            server = Server("shared_buffers=128MB", "autovacuum=on", where=Path(scratch))
            server.create("log")
            engines["postgres"] = filled(server.uri("log", "appender"), count)
            ((size,),) = server.execute("SELECT pg_database_size('log')")
            engines["postgres"]["bytes"] = int(size)
            server.stop()
        if "s3" in wanted and s3_server.AVAILABLE:
            cluster = s3_server.Cluster(Path(scratch) / "s3")
            os.environ.update(s3_server.environment(cluster.endpoint))
            engines["s3"] = filled(f"s3://{s3_server.BUCKET}/log", count)
            engines["s3"]["bytes"] = in_bucket(cluster, "log/")
            cluster.leave()
    assert len({engine["root"] for engine in engines.values()}) == 1, "one root on all"
    print(f"{count:,} entries, root {next(iter(engines.values()))['root'][:16]}…")
    head = f"{'':10}{'entries/s':>12}{'MiB':>8}{'bytes an entry':>16}{'proof ms':>10}"
    print(f"{head}  tiles a proof reads: proofs")
    for name, engine in engines.items():
        rate, each = count / engine["seconds"], engine["bytes"] / count
        figures = f"{rate:12,.0f}{engine['MiB']:8.0f}{each:16.1f}{engine['proof_ms']:10.2f}"
        print(f"{name:10}{figures}  {engine['tiles']}")
    (RESULTS / "scale.json").write_text(json.dumps(engines, indent=2) + "\n")


if __name__ == "__main__":
    main()
