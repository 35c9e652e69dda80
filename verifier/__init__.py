"""The verifier: is this credential genuine, in force, and from somebody I recognise?

Start with `verify.py` and `checks.py` (nine numbered steps), then `sources/` (what is believed:
the trust file, issuers' keys, status lists, evidence) and `policy.py` (what else to ask for). `signatures.py`
checks proofs, `status.py` looks a credential up, `standing.py` says what was found, `summary.py` tells a
credential in a sentence. As a service it is `http.py`, which hands requests to `judge.py`, and those that
cost much to `processes.py`.
"""

from typing import TYPE_CHECKING

from wire.later import later

from .policy import (
    AllOf,
    AnchoredOn,
    AnyOf,
    BySuite,
    ControlsDID,
    EveryProof,
    HasSchema,
    HolderBound,
    InTrustedLog,
    OfType,
    Policy,
    Presenter,
    Recognised,
    StatusWithin,
    load_policy,
)
from .sources.lists import Fetched, ListMemory
from .sources.trust import Trust, TrustSource, update_trust
from .sources.trust_entries import RecognisedIssuer, RecognisedLog
from .verify import Verifier

if TYPE_CHECKING:
    from .resources import GivenFile
    from .sources.published import Published

__all__ = [
    "AllOf",
    "AnchoredOn",
    "AnyOf",
    "BySuite",
    "ControlsDID",
    "EveryProof",
    "Fetched",
    "GivenFile",
    "HasSchema",
    "HolderBound",
    "InTrustedLog",
    "ListMemory",
    "OfType",
    "Policy",
    "Presenter",
    "Published",
    "Recognised",
    "RecognisedIssuer",
    "RecognisedLog",
    "StatusWithin",
    "Trust",
    "TrustSource",
    "Verifier",
    "load_policy",
    "update_trust",
]

if not TYPE_CHECKING:  # or every name would be one of ours to a type checker
    __getattr__ = later(__name__, {"GivenFile": "resources", "Published": "sources.published"})
