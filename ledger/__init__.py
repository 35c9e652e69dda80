"""Proofs that something existed, and when: an append-only log of digests that anyone can check offline.

`Log` orders entries and proves them; a `Checkpoint` is its signed head; `Evidence` is the proof that travels
with a document, and `verify_evidence` gives the `Fact` it proves under a `TrustPolicy`. The package knows
bytes and digests only. Read `entries.py` first, then `merkle.py` and `note.py`; `log.py` puts them together.
"""

from __future__ import annotations

from .audit import audit
from .entries import EntryKind, entry, parse_entry
from .evidence import Evidence, Fact, TrustedLog, TrustPolicy, verify_evidence
from .log import Log
from .note import Checkpoint, VerifierKey
from .problem import InvalidEvidence, NotWitnessed, UnknownLog

__all__ = [
    "Checkpoint",
    "EntryKind",
    "Evidence",
    "Fact",
    "InvalidEvidence",
    "Log",
    "NotWitnessed",
    "TrustPolicy",
    "TrustedLog",
    "UnknownLog",
    "VerifierKey",
    "audit",
    "entry",
    "parse_entry",
    "verify_evidence",
]
