"""Verifiable credentials: their form, their proofs, their status, and what a check of them found.

Start with `credential.py` (what a credential is), then `integrity/` (proofs), `status.py` (revocation),
`bundle.py` (one file that verifies offline), `forms.py` (what other files are) and `report.py` (what the
verifier says). `jsonld/` and `jcs.py` turn JSON into the bytes that are signed, and `jsonld/reading.py` into
what is read. Nothing here touches the network or asks for the time.
"""

from .bundle import Anchored, Bundle
from .integrity import SUITES, Cryptosuite, InvalidProof, Proof, UnknownCryptosuite, sign, verify_proof
from .model.credential import Credential, MalformedCredential
from .model.presentation import Presentation
from .report import Check, Outcome, Report, Verdict
from .status import Reason, StatusList

__all__ = [
    "SUITES",
    "Anchored",
    "Bundle",
    "Check",
    "Credential",
    "Cryptosuite",
    "InvalidProof",
    "MalformedCredential",
    "Outcome",
    "Presentation",
    "Proof",
    "Reason",
    "Report",
    "StatusList",
    "UnknownCryptosuite",
    "Verdict",
    "sign",
    "verify_proof",
]
