"""Bundles that enough witnesses have signed for, so that verifiers who ask for a quorum accept them."""

from __future__ import annotations

import functools
from collections.abc import Callable

from ledger.cosigned import Cosigned
from ledger.evidence import TLOG_PROOF, parse_proof
from vc import Bundle

_KEPT = 64  # verdicts on checkpoints: most bundles of an export share a few


def witnessed(cosigned: Cosigned) -> Callable[[Bundle], bool]:
    """Return a function that is true for bundles whose log proofs all have the lines of enough witnesses.

    It is true for any where the log asks none. Verifiers who ask for a quorum leave others open.
    """
    if not cosigned.witnesses():
        return lambda _: True
    is_met = functools.lru_cache(_KEPT)(cosigned.is_met)

    def is_witnessed(bundle: Bundle) -> bool:
        # All parts count: a verifier leaves open a status list or a document without the quorum, too.
        proofs = [*bundle.evidence]
        proofs += (item for part in bundle.kinds for item in part.evidence)
        for part in (*bundle.issuer_documents, *bundle.status_lists):
            proofs += part.evidence
        return all(is_met(parse_proof(item.body)[2]) for item in proofs if item.kind == TLOG_PROOF)

    return is_witnessed
