"""Shared by the ledger's tests: keys, entries, a clock, and a second, naive implementation of RFC 6962."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from keys import PrivateKey
from ledger import EntryKind, Log, TrustedLedger, TrustedLog, TrustPolicy, entry
from ledger.tiles.disk import KeptCheckpoint
from ledger.tiles.store import Store

ORIGIN = "ledger.example/log"
SIGNER = PrivateKey.from_secret("Ed25519", b"\x01" * 32)
COSIGNER = PrivateKey.from_secret("Ed25519", b"\x02" * 32)
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def open_log(store: Store, *, kept: Path | KeptCheckpoint | None = None, **other: PrivateKey) -> Log:
    signer, cosigner = other.get("signer", SIGNER), other.get("cosigner", COSIGNER)
    return Log(ORIGIN, signer, cosigner, store, clock=lambda: NOW, kept=kept)


def trust_in(log: Log, *ledgers: TrustedLedger) -> TrustPolicy:
    return TrustPolicy((TrustedLog.of(str(log.verifier_key), str(log.clock_key), ledgers=ledgers),))


def sample(index: int, kind: EntryKind = EntryKind.CREDENTIAL) -> bytes:
    return entry(kind, hashlib.sha256(b"sample %d" % index).digest())


def samples(start: int, stop: int) -> list[bytes]:
    return [sample(index) for index in range(start, stop)]


def naive_root(entries: Sequence[bytes]) -> bytes:
    """MTH as RFC 6962 2.1 defines it."""
    if len(entries) < 2:
        return hashlib.sha256(b"".join(b"\x00" + entry for entry in entries)).digest()
    middle = 1
    while middle * 2 < len(entries):
        middle *= 2
    left, right = naive_root(entries[:middle]), naive_root(entries[middle:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def naive_path(index: int, entries: Sequence[bytes]) -> list[bytes]:
    """PATH as RFC 6962 2.1.1 defines it."""
    if len(entries) == 1:
        return []
    middle = 1
    while middle * 2 < len(entries):
        middle *= 2
    if index < middle:
        return [*naive_path(index, entries[:middle]), naive_root(entries[middle:])]
    return [*naive_path(index - middle, entries[middle:]), naive_root(entries[:middle])]


def naive_proof(old: int, entries: Sequence[bytes], *, is_known: bool = True) -> list[bytes]:
    """SUBPROOF as RFC 6962 2.1.2 defines it."""
    if old == len(entries):
        return [] if is_known else [naive_root(entries)]
    middle = 1
    while middle * 2 < len(entries):
        middle *= 2
    if old <= middle:
        return [*naive_proof(old, entries[:middle], is_known=is_known), naive_root(entries[middle:])]
    return [*naive_proof(old - middle, entries[middle:], is_known=False), naive_root(entries[:middle])]
