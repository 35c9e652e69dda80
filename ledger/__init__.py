"""Proofs that something existed, and when: an append-only log of digests that anyone can check offline.

`Log` orders entries and proves them; a `Checkpoint` is its signed head; `Evidence` is the proof that travels
with a document, and `verify_evidence` gives the `Fact` it proves under a `TrustPolicy`. Another ledger's
proof of a checkpoint is evidence too, of a kind that is passed in. The package knows bytes and digests only.

Read `entries.py` first, then `merkle.py` and `note.py`; `log.py` puts them together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wire.later import later

from .entries import EntryKind, entry, parse_entry
from .evidence import (
    Evidence,
    EvidenceKind,
    Fact,
    OfCheckpoints,
    OfEntries,
    Reached,
    TrustedLedger,
    TrustedLog,
    TrustPolicy,
    known_kind,
    verify_anchoring,
    verify_evidence,
)
from .kinds import KINDS
from .note import Checkpoint, VerifierKey
from .problem import LOG_CONTRADICTED, InvalidEvidence, NotWitnessed, UnknownKind, UnknownLedger, UnknownLog
from .requirement import Requirement

if TYPE_CHECKING:
    from .anchor import Anchor
    from .anchors import AnchorKind
    from .log import Log
    from .tiles.engines import open_store
    from .tiles.memory import MemoryStore
    from .tiles.store import Store

__all__ = [
    "KINDS",
    "LOG_CONTRADICTED",
    "Anchor",
    "AnchorKind",
    "Checkpoint",
    "EntryKind",
    "Evidence",
    "EvidenceKind",
    "Fact",
    "InvalidEvidence",
    "Log",
    "MemoryStore",
    "NotWitnessed",
    "OfCheckpoints",
    "OfEntries",
    "Reached",
    "Requirement",
    "Store",
    "TrustPolicy",
    "TrustedLedger",
    "TrustedLog",
    "UnknownKind",
    "UnknownLedger",
    "UnknownLog",
    "VerifierKey",
    "entry",
    "known_kind",
    "open_store",
    "parse_entry",
    "verify_anchoring",
    "verify_evidence",
]

_LATER = {
    "Anchor": "anchor",
    "AnchorKind": "anchors",
    "Log": "log",
    "MemoryStore": "tiles.memory",
    "Store": "tiles.store",
    "open_store": "tiles.engines",
}
"""Modules of the names that load on first use: checking evidence needs neither tiles nor journal."""

if not TYPE_CHECKING:  # or every name would be one of ours to a type checker
    __getattr__ = later(__name__, _LATER)
