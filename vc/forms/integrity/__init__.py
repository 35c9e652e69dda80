"""Data Integrity proofs: signing JSON documents so that any change is noticed.

Start with `proof.py` (one proof, made and verified), then `suites.py` (the algorithms).
"""

from .problem import SUITE_NOT_FOR_KEY, InvalidProof, UnknownCryptosuite
from .proof import MAX_PROOFS, Proof, proof_values, sign, verify_proof
from .suites import SUITES, SUITES_BY_KEY, Cryptosuite, DataIntegritySuite

__all__ = [
    "MAX_PROOFS",
    "SUITES",
    "SUITES_BY_KEY",
    "SUITE_NOT_FOR_KEY",
    "Cryptosuite",
    "DataIntegritySuite",
    "InvalidProof",
    "Proof",
    "UnknownCryptosuite",
    "proof_values",
    "sign",
    "verify_proof",
]
