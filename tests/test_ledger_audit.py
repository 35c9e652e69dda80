"""The audit names what differs, whichever byte of the log it is."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from ledger import Log
from ledger.audit import audit
from ledger.log import LogReader
from ledger.note import checkpoint_text
from ledger.tiles.journal import Capacity
from ledger.tiles.layout import full_tiles, partial_tiles
from ledger.tiles.memory import MemoryStore
from ledger.tiles.posix import PosixStore
from tests.doubles import instead
from tests.ledger_samples import COSIGNER, ORIGIN, SIGNER, naive_root, open_log, samples
from wire.problem import Damaged

SIZE = 600
PATHS = [*full_tiles(0, SIZE), *partial_tiles(SIZE)]


@pytest.fixture
def log() -> Log:
    log = open_log(MemoryStore())
    log.append(samples(0, 300), b"0")
    log.append(samples(300, SIZE), b"300")
    return log


def test_an_intact_log(log: Log) -> None:
    assert audit(log) == log.checkpoint()
    assert audit(open_log(MemoryStore())).size == 0


@pytest.mark.slow
def test_a_large_log(tmp_path: Path) -> None:
    log = open_log(PosixStore(tmp_path / "log"))
    log.append(samples(0, 66_000), b"0")
    assert audit(log).size == 66_000
    tile = tmp_path / "log" / "tile/1/000"
    tile.write_bytes(tile.read_bytes()[:-1] + b"?")
    with pytest.raises(Damaged, match=r"^tile/1/000 "):
        audit(log)


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_any_altered_byte_is_found_and_named(log: Log, path: str) -> None:
    data = log.store.get(path)
    assert data is not None
    for at in {*range(0, len(data), 97), 0, 1, len(data) - 1}:
        log.store.put({path: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]})
        with pytest.raises(Damaged, match=path):
            audit(log)
    for other in (data[:-1], data[:-32], b"", data + b"\0"):
        log.store.put({path: other})
        with pytest.raises(Damaged, match=path):
            audit(log)
    log.store.put({path: data})
    assert audit(log).size == SIZE


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("path", PATHS)
def test_a_missing_file_is_named(path: str, tmp_path: Path) -> None:
    log = open_log(PosixStore(tmp_path / "log"))
    log.append(samples(0, SIZE), b"0")
    (tmp_path / "log" / path).unlink()
    with pytest.raises(Damaged, match=path):
        audit(log)


def test_a_log_that_rewrote_its_past(log: Log) -> None:
    """All tiles follow from the entries, but the checkpoint is of other ones."""
    other = open_log(MemoryStore())
    other.append([*samples(0, 7), *samples(8, SIZE + 1)], b"0")
    for path in PATHS:
        data = other.store.get(path)
        assert data is not None
        log.store.put({path: data})
    with pytest.raises(Damaged, match="checkpoint has another root"):
        audit(log)


def test_the_clocks_signature_is_verified(log: Log) -> None:
    note = log.checkpoint().note
    unclocked = note[: note.rindex("— ".encode())]
    log.store.publish(unclocked, after=note)
    with pytest.raises(Damaged, match="own clock"):
        audit(log)
    altered = unclocked + log.clock_key.sign(SIGNER, b"another text", log._clock())
    log.store.publish(altered, after=unclocked)
    with pytest.raises(Damaged, match=r"checkpoint: the signature by .*/clock"):
        audit(log)


def test_a_log_may_grow_while_it_is_audited(tmp_path: Path) -> None:
    """The right edge that is audited may be gone by then, and its full tiles in its place."""
    store = PosixStore(tmp_path / "log", capacity=Capacity(batches=1))
    log = open_log(store)
    log.append(samples(0, 300), b"0")
    old = log.checkpoint()
    for size in (600, 601, 602):
        log.append(samples(log.checkpoint().size, size), b"%d" % size)
    assert store.get("tile/0/001.p/44") is None
    assert audit(instead(log, checkpoint=lambda _: old)) == old


def test_another_clock(log: Log) -> None:
    other = Log(ORIGIN, SIGNER, SIGNER, log.store, clock=log._clock)
    with pytest.raises(Damaged, match="own clock"):
        audit(other)
    assert COSIGNER.public_key != SIGNER.public_key


# Another's log: without a clock, its entries of any form


def strangers(entries: Sequence[bytes], store: MemoryStore) -> LogReader:
    """A log of 257 to 511 entries, written by hand as C2SP tlog-tiles has it."""
    leaves = [sha256(b"\0" + entry).digest() for entry in entries]
    framed = [len(entry).to_bytes(2) + entry for entry in entries]
    rest = len(entries) - 256
    store.put(
        {
            "tile/entries/000": b"".join(framed[:256]),
            f"tile/entries/001.p/{rest}": b"".join(framed[256:]),
            "tile/0/000": b"".join(leaves[:256]),
            f"tile/0/001.p/{rest}": b"".join(leaves[256:]),
            "tile/1/000.p/1": naive_root(entries[:256]),
        }
    )
    log = LogReader(ORIGIN, SIGNER.public_key, None, store)
    text = checkpoint_text(ORIGIN, len(entries), naive_root(entries)) + b"an extension\n"
    line = log.verifier_key.sign(SIGNER, text)
    store.publish(text + b"\n" + line + "— another AAAAAAAA\n".encode(), after=None)
    return log


def test_entries_of_any_length() -> None:
    store, entries = MemoryStore(), [b"x" * (number * 7 % 700) for number in range(300)]
    log = strangers(entries, store)
    assert audit(log).size == 300
    assert list(log.entries(0, 300)) == entries
    bundle = store.get("tile/entries/000") or b""
    store.put({"tile/entries/000": bundle[:-1] + b"y"})
    with pytest.raises(Damaged, match="tile/0/000 "):
        audit(log)


@pytest.mark.slow
def test_an_audit_holds_a_part_of_the_longest_entries() -> None:
    """Else a stranger's log of 65,536 of them would fill any memory."""
    log = strangers([b"x" * 0xFFFF] * 511, MemoryStore())  # 33 MB
    tracemalloc.start()
    try:
        assert audit(log).size == 511
        assert tracemalloc.get_traced_memory()[1] < 90_000_000  # the whole at once takes 100
    finally:
        tracemalloc.stop()
