"""Messages between the three roles: pure values that each side builds and reads, no network, no storage.

The roles never import each other; what two of them must agree on stands here once, both sides beside
one another. `claim.py` is how a holder turns a claim link into a credential bound to the wallet's key: read
it from the top. `http.py` is what the roles' web services share, and the one door to FastAPI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wire.later import later

if TYPE_CHECKING:
    from .claim import Acceptance, ClaimLink, Invitation, acceptance

__all__ = ["Acceptance", "ClaimLink", "Invitation", "acceptance"]

_LATER = dict.fromkeys(__all__, "claim")
"""The module of each name that is loaded on first use: a verifier's service has no part in claims."""

if not TYPE_CHECKING:  # or every name would be one of ours to a type checker
    __getattr__ = later(__name__, _LATER)
