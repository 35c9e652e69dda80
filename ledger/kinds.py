"""All kinds of evidence. The modules of a kind are imported when evidence of that kind is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from .evidence import OF_LOGS, Evidence, EvidenceKind, Fact, OfCheckpoints, TrustedLedger
from .evm import KIND as ON_EVM_CHAIN
from .note import Checkpoint
from .problem import EVIDENCE_NEEDS_PACKAGE


def _on_evm_chain() -> OfCheckpoints[Any]:
    try:
        from .evm.evidence import ANCHORS
    except ModuleNotFoundError as error:  # undetermined, so that a small verifier reads the rest (ADR 14)
        raise EVIDENCE_NEEDS_PACKAGE.saying(
            "evidence of the kind {kind} needs {package}, which is not installed",
            kind=ON_EVM_CHAIN,
            package="pycryptodome",
        ) from error
    return ANCHORS


def _read(ledger: TrustedLedger) -> object:
    return _on_evm_chain().read(ledger)


def _verify(checkpoint: Checkpoint, evidence: Evidence, trusted: object) -> Fact:
    return _on_evm_chain().verify(checkpoint, evidence, trusted)


KINDS: Mapping[str, EvidenceKind] = MappingProxyType({**OF_LOGS, ON_EVM_CHAIN: OfCheckpoints(_read, _verify)})
"""The verification of each kind, by its name: the default of verifiers."""
