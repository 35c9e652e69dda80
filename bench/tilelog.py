"""The durable log against a plain hashlib loop over as many hashes, and evidence against its hashes alone.

Wall time, since a durable log waits for the disk: appends include the journal, tiles, read-back, checkpoint
and the settling. Opening is CPU time in fresh processes, against a log whose journal holds 8 MiB, as it once
did: all of that is integrated again. Each round measures both sides; the median ratio of the rounds counts.
If installed, a PostgreSQL server with default settings is started on the same disk. So is a SeaweedFS cluster
of three masters, three volume servers (each object on two of them) and a filer with S3.

For minutes after many files were deleted, an ext4 without a journal takes ten times as long to create a file
nearby, and this program deletes many. So each round has a folder that is placed elsewhere on the disk; the
line "files alone" shows if that helped. (Not called `ledger.py`: that would hide the package from programs in
this folder.)
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from keys import PrivateKey
from ledger import EntryKind, Evidence, Log, TrustPolicy, entry, merkle, verify_evidence
from ledger.evidence import attest, parse_proof
from ledger.tiles.journal import CAPACITY, Capacity
from ledger.tiles.posix import PosixStore
from tests import s3_server
from tests.farther import farther
from tests.postgres_server import PROGRAMS, Server

BATCH = 65_536
BATCHES = 9
MILLION = 1_000_000
OPENED = 5  # times
ROUNDS = 3
PROOFS = 2_000
SINGLES = 200
AWAY = 0.0005  # seconds to a database elsewhere, each way
RESULTS = Path(__file__).parent / "results"


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def hash_loop(entries: list[bytes]) -> None:
    """As many hashes as a tree over the entries has, over as many bytes."""
    for each in entries:
        hashlib.sha256(b"\x00" + each).digest()
    left, right = os.urandom(32), os.urandom(32)
    for _ in range(len(entries) - 1):
        hashlib.sha256(b"\x01" + left + right).digest()


def fresh_folder(scratch: Path) -> Path:
    """A folder that ext4, if it can, places away from others, by its random name."""
    with contextlib.suppress(FileNotFoundError):
        subprocess.run(["chattr", "+T", scratch], stderr=subprocess.DEVNULL, check=False)
    return Path(tempfile.mkdtemp(dir=scratch))


def open_log(folder: Path) -> Log:
    signer, cosigner = PrivateKey.generate(), PrivateKey.generate()
    return Log("bench.example/log", signer, cosigner, PosixStore(folder), clock=lambda: datetime.now(UTC))


OPEN = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from keys import PrivateKey
from ledger import Log
from ledger.tiles.posix import PosixStore
keys = [PrivateKey.from_secret("Ed25519", bytes.fromhex(secret)) for secret in sys.argv[2:]]
start = time.process_time()
log = Log("bench.example/log", *keys, PosixStore(Path(sys.argv[1])), clock=lambda: datetime.now(UTC))
print(time.process_time() - start)
assert log.checkpoint().size == 1_000_000
"""


def opened(scratch: Path, journal: int) -> list[float]:
    """CPU seconds to open a log of a million entries, whose journal holds so many bytes."""
    folder, secrets = fresh_folder(scratch), (os.urandom(32), os.urandom(32))
    signer, cosigner = (PrivateKey.from_secret("Ed25519", secret) for secret in secrets)
    store = PosixStore(folder, capacity=Capacity(size=journal))
    log = Log("bench.example/log", signer, cosigner, store, clock=lambda: datetime.now(UTC))
    for start in range(0, MILLION, BATCH):
        size = min(BATCH, MILLION - start)
        log.append([entry(EntryKind.CREDENTIAL, os.urandom(32)) for _ in range(size)], b"%d" % start)
    command = (sys.executable, "-c", OPEN, str(folder), *(secret.hex() for secret in secrets))
    return [float(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(OPENED)]


def open_database(server: Server, name: str, **where: str) -> Log:
    from ledger.tiles.postgres.store import PostgresStore

    server.create(name)
    signer, cosigner = PrivateKey.generate(), PrivateKey.generate()
    store = PostgresStore(server.uri(name, "appender", **where))
    return Log("bench.example/log", signer, cosigner, store, clock=lambda: datetime.now(UTC))


def open_bucket(cluster: s3_server.Cluster, folder: Path) -> Log:
    from ledger.tiles.s3.store import S3Store

    signer, cosigner = PrivateKey.generate(), PrivateKey.generate()
    store = S3Store(cluster.of(folder))
    return Log("bench.example/log", signer, cosigner, store, clock=lambda: datetime.now(UTC))


def append(log: Log, batches: list[list[bytes]]) -> None:
    for number, batch in enumerate(batches):
        log.append(batch, b"batch %d" % number)


def write_files(folder: Path) -> None:
    """As many files as the batches become: a tile and a bundle for every 256 entries."""
    data = bytes(8192)
    for number in range(BATCH * BATCHES // 128):
        descriptor = os.open(folder / str(number), os.O_WRONLY | os.O_CREAT)
        os.write(descriptor, data)
        os.close(descriptor)


def verify(evidences: list[tuple[bytes, Evidence]], trust: TrustPolicy, *, afresh: bool) -> None:
    for each, evidence in evidences:
        if afresh:
            attest.cache_clear()
        verify_evidence(each, evidence, trust)


def hashes_of(evidences: list[tuple[bytes, Evidence]]) -> None:
    for each, evidence in evidences:
        merkle.leaf_hash(each)
        for _ in range(PROOF_HASHES[len(evidence.body)]):
            merkle.node_hash(LEFT, RIGHT)


LEFT, RIGHT = os.urandom(32), os.urandom(32)
PROOF_HASHES: dict[int, int] = {}  # by length of the evidence, so that parsing is not measured


def main() -> None:
    entries = [entry(EntryKind.CREDENTIAL, os.urandom(32)) for _ in range(BATCH * BATCHES)]
    batches = [entries[at : at + BATCH] for at in range(0, len(entries), BATCH)]
    rows = []

    def row(name: str, unit: int, ours: list[float], peer: list[float], peer_name: str, goal: str) -> None:
        over = goal.startswith("<")
        ratio = statistics.median((o / p if over else p / o) for o, p in zip(ours, peer, strict=True))
        rows.append(
            {
                "name": name,
                "ours_us": statistics.median(ours) / unit * 1e6,
                "peer_us": statistics.median(peer) / unit * 1e6,
                "peer": peer_name,
                "ratio": ratio,
                "goal": goal,
            }
        )

    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="intaglio-bench-", dir=RESULTS) as scratch:
        ours, peer = [], []
        for _ in range(ROUNDS):
            folder = fresh_folder(Path(scratch))
            log = open_log(folder)
            peer.append(seconds(lambda: hash_loop(entries)))
            ours.append(seconds(partial(append, log, batches)))
        files = seconds(lambda: write_files(fresh_folder(Path(scratch)))) / len(entries)
        row("append, an entry of a batch of 65,536", len(entries), ours, peer, "hashlib loop", ">= 0.40")
        if PROGRAMS is None:
            print("no PostgreSQL server is installed: no row of it")
        else:
            Path(scratch).chmod(0o711)  # the server is another user
            server = Server("shared_buffers=128MB", "autovacuum=on", where=Path(scratch))
            here, elsewhere, afar = [], [], []
            with farther(server.port, AWAY) as port:
                for number in range(ROUNDS):
                    folder_log = open_log(fresh_folder(Path(scratch)))
                    near = open_database(server, f"near{number}")
                    far = open_database(server, f"far{number}", host="127.0.0.1", port=str(port))
                    here.append(seconds(partial(append, folder_log, batches)))
                    elsewhere.append(seconds(partial(append, near, batches)))
                    afar.append(seconds(partial(append, far, batches)))
            server.stop()
            row("the same in PostgreSQL", len(entries), elsewhere, here, "the folder", ">= 0.75")
            row("the same, 0.5 ms away", len(entries), afar, here, "the folder", ">= 0.50")
        if not s3_server.AVAILABLE:
            print("no S3 store is installed: no row of it")
        else:
            cluster = s3_server.Cluster(fresh_folder(Path(scratch)))
            os.environ.update(s3_server.environment(cluster.endpoint))
            here, elsewhere = [], []
            for number in range(ROUNDS):
                folder_log = open_log(fresh_folder(Path(scratch)))
                bucket_log = open_bucket(cluster, Path(str(number)))
                here.append(seconds(partial(append, folder_log, batches)))
                elsewhere.append(seconds(partial(append, bucket_log, batches)))
            cluster.leave()
            row("the same in S3, 3 + 3 SeaweedFS", len(entries), elsewhere, here, "the folder", ">= 0.06")

        trust = TrustPolicy.of([(str(log.verifier_key), str(log.clock_key), [], 0)])
        evidences = [(entries[index], log.evidence(index)) for index in range(1000, 1000 + PROOFS)]
        PROOF_HASHES.update({len(proof.body): len(parse_proof(proof.body)[1]) for _, proof in evidences})
        for name, afresh in (("many of one checkpoint", False), ("each checkpoint afresh", True)):
            ours, peer = [], []
            for _ in range(ROUNDS):
                peer.append(seconds(lambda: hashes_of(evidences)))
                ours.append(seconds(partial(verify, evidences, trust, afresh=afresh)))
            row(f"verify evidence, {name}", PROOFS, ours, peer, "its hashes alone", "< 20")

        count = itertools.count()
        single = (
            seconds(lambda: [log.append([entries[next(count)]], os.urandom(16)) for _ in range(SINGLES)])
            / SINGLES
        )
        proving = seconds(lambda: [log.evidence(index) for index in range(PROOFS)]) / PROOFS
        ours, peer = (opened(Path(scratch), journal) for journal in (CAPACITY.size, 8 << 20))
        row("open a log of 1,000,000 entries, CPU", 1, ours, peer, "a journal of 8 MiB", ">= 14, < 20 ms")

    print(f"{'':40}{'ours µs':>10}{'peer µs':>10}{'ratio':>8}  goal")
    for each in rows:
        figures = f"{each['ours_us']:10.2f}{each['peer_us']:10.2f}{each['ratio']:8.2f}"
        print(f"{each['name']:40}{figures}  {each['goal']}")
    slow = "  (slow: many were deleted nearby; measure again in five minutes)"
    print(f"{'  of that, files alone':40}{files * 1e6:10.2f}{slow if files > 0.3e-6 else ''}")
    print(f"{'append, one entry alone':40}{single * 1e6:10.2f}")
    print(f"{'make evidence, entries in order':40}{proving * 1e6:10.2f}")
    (RESULTS / "ledger.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
