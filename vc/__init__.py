"""Verifiable credentials: their form, their proofs, their status, and what a check of them found.

Start with `credential.py` (what a credential is), then `integrity/` (proofs), `status/` (revocation),
`bundle.py` (one file that verifies offline), `secured.py` (a credential of any form), `forms/` (the forms)
and `report.py` (what the verifier says). `jsonld/` and `jcs.py` turn JSON into the bytes that are signed, and
`jsonld/reading.py` into what is read. Nothing here touches the network or asks for the time.
"""

from .bundle import Anchored, Bundle
from .enveloped import Enveloped
from .forms import FORMS
from .integrity import SUITES, Cryptosuite, InvalidProof, Proof, UnknownCryptosuite, sign, verify_proof
from .model.credential import Credential, MalformedCredential
from .model.presentation import Presentation
from .report import Check, Outcome, Report, Verdict
from .secured import Form, Secured
from .status import Reason, StatusList

__all__ = [
    "FORMS",
    "SUITES",
    "Anchored",
    "Bundle",
    "Check",
    "Credential",
    "Cryptosuite",
    "Enveloped",
    "Form",
    "InvalidProof",
    "MalformedCredential",
    "Outcome",
    "Presentation",
    "Proof",
    "Reason",
    "Report",
    "Secured",
    "StatusList",
    "UnknownCryptosuite",
    "Verdict",
    "sign",
    "verify_proof",
]
