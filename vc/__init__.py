"""Verifiable credentials: their form, their proofs, their status, and what a check of them found.

Start with `secured.py` (a credential of any form) and `report.py` (what the verifier says). `vcdm/` is W3C's
data model, and `vcdm/jsonld/` turns its JSON into the bytes that are signed, and into what is read. `forms/`
secures it, `reading/` takes what arrives, `status/` has revocation, `bundle.py` one file that verifies
offline. Nothing here touches the network or asks for the time.
"""

from typing import TYPE_CHECKING

from wire.later import later

from .claims import Claims
from .forms import FORMS
from .forms.integrity import SUITES, Cryptosuite, InvalidProof, Proof, UnknownCryptosuite, sign, verify_proof
from .possession import Asked
from .problem import MalformedCredential, UnsupportedForm
from .reading.bundle import Anchored, Bundle
from .report import Check, Outcome, Report, Verdict
from .secured import Form, Secured, Signatures
from .status import Reason, StatusList
from .vcdm.credential import Credential
from .vcdm.enveloped import Enveloped

if TYPE_CHECKING:
    from .vcdm.issuing import unsigned
    from .vcdm.presentation import Presentation

__all__ = [
    "FORMS",
    "SUITES",
    "Anchored",
    "Asked",
    "Bundle",
    "Check",
    "Claims",
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
    "Signatures",
    "StatusList",
    "UnknownCryptosuite",
    "UnsupportedForm",
    "Verdict",
    "sign",
    "unsigned",
    "verify_proof",
]

if not TYPE_CHECKING:  # or every name would be one of ours to a type checker
    # most files hold a credential, and verifying one issues none
    __getattr__ = later(__name__, {"Presentation": "vcdm.presentation", "unsigned": "vcdm.issuing"})
