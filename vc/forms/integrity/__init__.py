"""Data Integrity proofs: signing JSON documents so that any change is noticed.

Start with `pipeline.py` (sign, verify), then `proof.py` (one proof) and `suites.py` (the algorithms).
"""

from .pipeline import sign, verify_proof
from .problem import SUITE_NOT_FOR_KEY, InvalidProof, UnknownCryptosuite
from .proof import MAX_PROOFS, Proof, proof_values
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
