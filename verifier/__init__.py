"""The verifier: is this credential genuine, in force, and from somebody I recognise?

Start with `verify.py` (nine numbered steps, collected by `checks.py`), then `sources/` (what is believed:
the trust file, issuers' keys, status lists, evidence) and `policy.py` (what else to ask for). `signatures.py`
checks proofs, `status.py` looks a credential up, `summary.py` tells it in a sentence. As a service it is
`http.py`, which hands requests to `judge.py`, and those that cost much to `processes.py`.
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
