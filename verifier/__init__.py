"""The verifier: is this credential genuine, in force, and from somebody I recognise?

Start with `verify.py` (nine numbered steps, collected by `checks.py`), then `trust.py` (whom to believe) and
`policy.py` (what else to ask for). `signatures.py` and `evidence.py` check proofs and what logs attest,
`documents.py` and `status.py` say where keys and status lists come from, and `lists.py` what is remembered
of the latter; `summary.py` tells it in a sentence.
As a service it is `app.py`, which hands requests to `judge.py`, and those that cost much to `processes.py`.
"""

from .policy import AllOf, AnyOf, Policy, load_policy
from .sources.trust import RecognisedIssuer, RecognisedLog, Trust, update_trust
from .verify import Verifier

__all__ = [
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
