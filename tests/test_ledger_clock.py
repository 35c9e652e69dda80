"""A log whose clock was wrong: it signs nothing that goes back, unless somebody knows which time is right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intaglio.words import remedy
from keys import PrivateKey
from ledger import Log
from ledger.tiles.memory import MemoryStore
from ledger.tiles.posix import PosixStore
from ledger.tiles.store import Batch, Store
from tests.ledger_samples import COSIGNER, NOW, ORIGIN, SIGNER, sample, samples
from wire.problem import Damaged, Problem

SECOND, ALLOWED = timedelta(seconds=1), timedelta(minutes=5)


class Clock:
    """What somebody sets."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


def opened(
    store: Store,
    clock: Clock,
    *superseded: bytes,
    cosigner: PrivateKey = COSIGNER,
    kept: Path | None = None,
) -> Log:
    known = superseded.__contains__
    return Log(ORIGIN, SIGNER, cosigner, store, clock=clock, superseded=known, kept=kept)


def test_a_clock_that_went_back_signs_nothing_and_both_times_are_named() -> None:
    clock, store = Clock(), MemoryStore()
    log = Log(ORIGIN, SIGNER, COSIGNER, store, clock=clock)
    log.append([sample(0)], b"0")
    before = log.checkpoint().note
    for back in (
        ALLOWED + SECOND,
        timedelta(hours=6),
        timedelta(days=365),
        NOW - datetime.min.replace(tzinfo=UTC),
    ):
        clock.now = NOW - back
        again = Log(ORIGIN, SIGNER, COSIGNER, store, clock=clock)  # to read, any clock is good
        for one in (log, again):
            with pytest.raises(Problem) as refused:
                one.append([sample(1)], b"1")
            assert f"{clock.now:%Y-%m-%d %H:%M:%S}Z" in refused.value.detail
            assert "2026-11-24 12:00:00Z" in refused.value.detail
            assert "clock accept" in remedy(refused.value)
            assert not refused.value.undetermined
            assert one.append([sample(0)], b"0") == range(1)  # is there already
            assert one.evidence(0)
    assert (log.checkpoint().note, list(store.pending(1))) == (before, [])
    clock.now = NOW + SECOND
    assert log.append([sample(1)], b"1") == range(1, 2)


def test_within_five_minutes_the_time_stands_still() -> None:
    clock = Clock()
    log = Log(ORIGIN, SIGNER, COSIGNER, MemoryStore(), clock=clock)
    log.append([sample(0)], b"0")
    for number, back in enumerate((SECOND, ALLOWED, timedelta(0)), 1):
        clock.now = NOW - back
        log.append([sample(number)], b"%d" % number)
        checkpoint = log.checkpoint()
        assert (checkpoint.size, checkpoint.signers([log.clock_key])) == (number + 1, {log.clock_key: NOW})


def test_before_1970_nothing_is_signed() -> None:
    clock, store = Clock(), MemoryStore()
    clock.now = datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)
    with pytest.raises(Problem, match="before 1970"):
        Log(ORIGIN, SIGNER, COSIGNER, store, clock=clock)
    clock.now += SECOND
    assert Log(ORIGIN, SIGNER, COSIGNER, store, clock=clock).time() == clock.now


def test_a_checkpoint_that_a_wrong_clock_signed_gives_way_once(tmp_path: Path) -> None:
    clock, store, kept = Clock(), PosixStore(tmp_path / "log"), tmp_path / "kept"
    clock.now = NOW + timedelta(days=365)
    opened(store, clock, kept=kept).append([sample(0)], b"0")
    ahead = opened(store, clock, kept=kept).checkpoint()
    clock.now = NOW
    log = opened(store, clock, ahead.note, kept=kept)
    assert (log.time(), log.checkpoint().root) == (NOW, ahead.root)
    assert kept.read_bytes() == log.checkpoint().note
    assert log.append([sample(1)], b"1") == range(1, 2)
    clock.now -= timedelta(days=1)
    with pytest.raises(Problem, match="newest checkpoint"):
        log.append([sample(2)], b"2")


def test_a_log_that_is_open_learns_of_it_too() -> None:
    clock, store, known = Clock(), MemoryStore(), list[bytes]()
    clock.now = NOW + timedelta(days=1)
    log = Log(ORIGIN, SIGNER, COSIGNER, store, clock=clock, superseded=lambda note: note in known)
    log.append([sample(0)], b"0")
    known.append(log.checkpoint().note)
    assert log.now() == clock.now  # which is right again by then
    clock.now = NOW
    assert log.now() == NOW
    log.append(samples(1, 3), b"1")
    assert log.time() == NOW


def test_what_was_recorded_by_a_clock_ahead_is_signed_for_once_it_is_known(tmp_path: Path) -> None:
    """Killed between record and checkpoint."""
    clock, store = Clock(), PosixStore(tmp_path / "log")
    clock.now = NOW + timedelta(days=1)
    log = opened(store, clock)
    log.append([sample(0)], b"0")
    ahead = log.checkpoint().note
    with store.lock():
        store.record(Batch(1, b"1", [sample(1)]))
    clock.now = NOW
    with pytest.raises(Problem, match="newest checkpoint"):
        opened(store, clock)
    again = opened(store, clock, ahead)
    assert (again.checkpoint().size, again.time()) == (2, NOW)


def test_another_clocks_time_is_not_compared() -> None:
    clock, store = Clock(), MemoryStore()
    opened(store, clock)
    clock.now = NOW - timedelta(days=1)
    other = opened(store, clock, cosigner=PrivateKey.from_secret("Ed25519", b"\x03" * 32))
    assert other.time() is None
    assert other.append([sample(0)], b"0") == range(1)


def test_a_time_that_is_not_signed_is_none() -> None:
    clock, store = Clock(), MemoryStore()
    log = opened(store, clock)
    note = log.checkpoint().note
    unclocked = note[: note.rindex("— ".encode())]
    store.publish(unclocked + log.clock_key.sign(COSIGNER, b"another text", NOW), after=note)
    with pytest.raises(Damaged, match="not signed by its clock"):
        log.append([sample(0)], b"0")
