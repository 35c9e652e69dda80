"""Proofs that something existed, and when: an append-only log of digests that anyone can check offline.

`Log` orders entries and proves them; a `Checkpoint` is its signed head; `Evidence` is the proof that travels
with a document, and `verify_evidence` gives the `Fact` it proves under a `TrustPolicy`. The package knows
bytes and digests only. Read `entries.py` first, then `merkle.py` and `note.py`; `log.py` puts them together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .entries import EntryKind, entry, parse_entry
from .evidence import Evidence, Fact, TrustedLog, TrustPolicy, require_known_kind, verify_evidence
from .note import Checkpoint, VerifierKey
from .problem import InvalidEvidence, NotWitnessed, UnknownKind, UnknownLog

if TYPE_CHECKING:
    from .log import Log

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
    "UnknownKind",
    "UnknownLog",
    "VerifierKey",
    "entry",
    "parse_entry",
    "require_known_kind",
    "verify_evidence",
]


def __getattr__(name: str) -> Any:
    if name == "Log":  # loads tiles and journal, which checking evidence does not need
        from .log import Log

        return Log
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
