"""Large logs: the same million entries in each engine, and the tiles that a proof out of more reads."""

from __future__ import annotations

import hashlib
import random
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from ledger import Checkpoint, merkle, verify_evidence
from ledger.log import LogReader, verifier_keys
from ledger.move import move
from ledger.note import checkpoint_text
from ledger.tiles.layout import WIDTH
from tests.contract.test_ledgers import STORES
from tests.ledger_samples import COSIGNER, NOW, ORIGIN, SIGNER, open_log, sample, samples, trust_in

MILLION, BATCH = 1_000_000, 1 << 16
TEN = 10_000_000


def _root(leaves: Iterable[bytes]) -> bytes:
    """MTH of RFC 6962 2.1 with one pass, by the perfect subtrees so far: nothing of the product."""
    stack: list[tuple[int, bytes]] = []
    for leaf in leaves:
        height, found = 0, hashlib.sha256(b"\0" + leaf).digest()
        while stack and stack[-1][0] == height:
            height, found = height + 1, hashlib.sha256(b"\1" + stack.pop()[1] + found).digest()
        stack.append((height, found))
    _, found = stack.pop()
    while stack:
        found = hashlib.sha256(b"\1" + stack.pop()[1] + found).digest()
    return found


@pytest.mark.slow
@pytest.mark.soak
def test_a_million_entries_give_one_root_in_each_engine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a log that goes through all of them keeps it, and what was proved."""
    entries = samples(0, MILLION)
    expected = _root(entries)
    for name, make in STORES.items():
        log = open_log(make(tmp_path / name))
        begun = time.monotonic()
        for start in range(0, MILLION, BATCH):
            log.append(entries[start : start + BATCH], b"%d" % start)
        taken = time.monotonic() - begun
        assert (log.checkpoint().size, log.checkpoint().root) == (MILLION, expected), name
        with capsys.disabled():
            print(f"\n{name}: {MILLION} entries in {taken:.1f} s, root {expected.hex()[:16]}…", end="")
    indices = random.Random(1).sample(range(MILLION), 20)
    proved = [open_log(STORES["posix"](tmp_path / "posix")).evidence(index) for index in indices]
    here = STORES["posix"](tmp_path / "posix")
    for name in [name for name in STORES if name != "posix"]:
        begun = time.monotonic()
        there = STORES[name](tmp_path / f"to {name}")
        assert move(here, there).root == expected
        with capsys.disabled():
            print(f"\nto {name} in {time.monotonic() - begun:.1f} s", end="")
        here = there
        log = open_log(here)
        assert log.append(entries[:BATCH], b"0") == range(BATCH)
        for index, evidence in zip(indices, proved, strict=True):
            assert verify_evidence(sample(index), evidence, trust_in(log)).index == index


class Uniform:
    """The store of a log of one entry again and again: any of its tiles is known, and none is kept."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.reads: list[str] = []
        self._perfect = [merkle.leaf_hash(sample(0))]  # the roots of perfect trees, by height
        while len(self._perfect) < 64:
            self._perfect.append(merkle.node_hash(self._perfect[-1], self._perfect[-1]))
        tree = self.tree
        text = checkpoint_text(ORIGIN, size, merkle.root(0, size, tree))
        keys = verifier_keys(ORIGIN, SIGNER.public_key, COSIGNER.public_key)
        lines = keys[0].sign(SIGNER, text), keys[1].sign(COSIGNER, text, NOW)
        self._note = b"%b\n%b%b" % (text, *lines)

    def tree(self, height: int, index: int) -> bytes:
        assert (index + 1) << height <= self.size
        return self._perfect[height]

    def get(self, path: str) -> bytes | None:
        if path == "checkpoint":
            return self._note
        self.reads.append(path)
        level, number, width = _parsed(path)
        assert number * WIDTH + width <= self.size >> 8 * level, "a tile that the log does not have"
        return self._perfect[8 * level] * width


def _parsed(path: str) -> tuple[int, int, int]:
    name, _, width = path.partition(".p/")
    _, level, *groups = name.split("/")
    return int(level), int("".join(groups).replace("x", "")), int(width or WIDTH)


@pytest.mark.slow
def test_a_proof_out_of_ten_million_reads_five_tiles(capsys: pytest.CaptureFixture[str]) -> None:
    """With nothing at hand: at most five in 99 of 100, and never more than six, as counted."""
    points = random.Random(1)
    counts = Counter[int]()
    for size in (
        TEN,
        TEN + 1,
        TEN + 255,
        (1 << 24) - 1,
        *(points.randrange(TEN, 1 << 24) for _ in range(16)),
    ):
        store = Uniform(size)
        root = Checkpoint.parse(store.get("checkpoint") or b"").root
        edges = (0, 255, 256, 65_535, 65_536, size - 1, size // 2, size & -65_536, size & -256)
        for index in (*(edge for edge in edges if edge < size), *(points.randrange(size) for _ in range(41))):
            log = LogReader(ORIGIN, SIGNER.public_key, COSIGNER.public_key, store)  # type: ignore[arg-type]
            store.reads.clear()
            proof = log.prove(index, size)
            counts[len(store.reads)] += 1
            assert len(set(store.reads)) == len(store.reads)
            merkle.verify_inclusion(merkle.leaf_hash(sample(0)), index, size, proof, root)
    few = sum(count for reads, count in counts.items() if reads <= 5)
    with capsys.disabled():
        print(f"\ntiles read by a proof: {dict(sorted(counts.items()))}", end="")
    assert few >= 0.99 * counts.total()
    assert max(counts) <= 6
