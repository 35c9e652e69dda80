"""A row of age over 18 against a diploma, by the bytes that are hashed, and what of a row has no bytes.

"As dear as a diploma, byte for byte" asks of a short credential that nothing of it is paid by the row. Here
is that part alone, of the bare libraries: one signature, its SHA-256, a log leaf, a row of SQLite, a key to
look it up by. These alone miss the goal, and the last lines say who could meet it: only a program that takes
several times as long for each byte. Give a number to issue so many rows. CPU time; the least of several runs.
"""

from __future__ import annotations

import hashlib
import hmac
import multiprocessing
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl import bindings

from bench.issue import bare_signatures, write_csv
from tests.test_uses_bulk import Job, job

SHORT, LONG = "age-over-18", "diploma"
GOAL = 1.1
"""Of the diploma's CPU a row, scaled by bytes."""
ROUNDS = 3
_TABLE = (
    "CREATE TABLE credential (seq INTEGER PRIMARY KEY, number TEXT, leaf INTEGER, name TEXT) WITHOUT ROWID"
)


class Parts(NamedTuple):
    """Microseconds of CPU for what a row of any size takes, however it is written."""

    signature: float
    hashes: float
    """Of proof options and document, of the log's leaf and its share of the tree."""
    recorded: float
    """A row of four columns in SQLite, 4,096 in a transaction, in memory."""
    lookup: float
    """The `id`, which an outsider cannot predict, and the key by which it is looked up."""


def least(work: Callable[[int], object], count: int = 4_096, rounds: int = 9) -> float:
    """Microseconds of CPU for one of `count` calls."""
    best = float("inf")
    for _ in range(rounds):
        begun = time.process_time()
        for number in range(count):
            work(number)
        best = min(best, (time.process_time() - begun) / count)
    return best * 1e6


def parts(size: int) -> Parts:
    """The floor of a row whose canonical form has `size` bytes."""
    canonical, secret = b"\x5a" * size, b"\x5a" * 32
    _, sodium = bindings.crypto_sign_seed_keypair(secret)
    openssl = Ed25519PrivateKey.from_private_bytes(secret)
    signature = min(
        least(lambda _: openssl.sign(canonical[:64])),
        least(lambda _: bindings.crypto_sign(canonical[:64], sodium)),
    )

    def hashes(_: int) -> None:
        digest = hashlib.sha256(canonical).digest()
        hashlib.sha256(hashlib.sha256(b"\0" + digest).digest() + digest).digest()

    def key(number: int) -> None:
        identifier = hmac.digest(secret, b"%d" % number, "sha256")
        hashlib.sha256(identifier).digest()

    return Parts(signature, least(hashes), _insert(), least(key))


def _insert(rows: int = 4_096) -> float:
    best = float("inf")
    for _ in range(9):
        connection = sqlite3.connect(":memory:")
        connection.execute(_TABLE)
        people = [(row, f"AGE-{row:09}", row, f"Aino Müller-{row}") for row in range(rows)]
        begun = time.process_time()
        with connection:
            connection.executemany("INSERT INTO credential VALUES (?, ?, ?, ?)", people)
        best = min(best, (time.process_time() - begun) / rows)
        connection.close()
    return best * 1e6


def issued(what: str, rows: int, folder: Path) -> Job:
    """The quickest of several jobs, each in a process of its own."""
    jobs = []
    for number in range(ROUNDS):
        home = folder / f"{what}-{number}"
        home.mkdir()
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            jobs.append(pool.submit(job, what, rows, home).result())
    return min(jobs)


def reasons(short: Job, long: Job, signature: float, bare: float) -> Iterator[tuple[str, str]]:
    """The goal for anybody who signs each row, in microseconds of CPU."""
    share = GOAL * short.size / long.size
    # Of F a row and b a byte: F + b·short <= share·(F + b·long) is F·(1 - share) <= (GOAL - 1)·b·short.
    a_byte = (long.row - short.row) / (long.size - short.size) * 1e6
    most = (GOAL - 1) * a_byte * short.size / (1 - share)
    needed = signature + signature * (1 - share) / ((GOAL - 1) * short.size) * long.size
    yield "the goal leaves", f"{most:.1f} µs for what has no bytes; a signature alone takes {signature:.1f}"
    yield (
        "so it needs",
        f"diplomas that take {needed:.0f} µs or more: {needed / long.row / 1e6:.1f} times these",
    )
    yield "which excludes", f"<= 1.3 of a bare signature for the whole job: it would be {needed / bare:.1f}"


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="intaglio-bench-") as scratch:
        folder = Path(scratch)
        short, long = issued(SHORT, rows, folder), issued(LONG, rows, folder)
        write_csv(folder / "g.csv", 4_000)
        bare = bare_signatures(folder) * 1e6
    floors = {each: parts(each.size) for each in (short, long)}
    for what, each in ((SHORT, short), (LONG, long)):
        costs = ", ".join(f"{name} {cost:.1f}" for name, cost in floors[each]._asdict().items())
        print(f"{what}: {each.size:,} bytes hashed, {each.row * 1e6:.0f} µs a row; "
              f"the floor is {sum(floors[each]):.0f} µs: {costs}")  # fmt: skip
    by_bytes = long.size / short.size
    print(f"{'a row against the diploma, by bytes':45}{short.row / long.row * by_bytes:8.2f}  <= {GOAL}")
    at_floor = sum(floors[short]) / sum(floors[long]) * by_bytes
    print(f"{'the same of the floors alone':45}{at_floor:8.2f}")
    for what, words in reasons(short, long, floors[long].signature, bare):
        print(f"  {what} {words}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) == 2 else 20_000)
