"""The verifier: is this credential genuine, in force, and from somebody I recognise?

Start with `verify.py` (nine numbered steps), then `trust.py` (whom to believe) and `policy.py` (what
else to ask for). `documents.py` and `status.py` say where keys and status lists come from.
"""

from .policy import DEFAULT_POLICY, AllOf, AnyOf, Policy, load_policy
from .trust import RecognisedIssuer, RecognisedLog, Trust, update_trust
from .verify import Verifier

__all__ = [
    "DEFAULT_POLICY",
    "AllOf",
    "AnyOf",
    "Policy",
    "RecognisedIssuer",
    "RecognisedLog",
    "Trust",
    "Verifier",
    "load_policy",
    "update_trust",
]
