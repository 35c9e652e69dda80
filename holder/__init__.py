"""The holder's side: a wallet that keeps credentials encrypted, verifies before it keeps, and presents.

Read `wallet.py` first (what a holder can do), then `store.py` (the encrypted file beneath it). `client.py`
claims a credential by its link, `health.py` looks a wallet over. The verifier's check is handed in by whoever
calls, since the three roles never import each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wire.later import later

if TYPE_CHECKING:
    from .wallet import BOUND_TO_ANOTHER, Held, HolderKey, Wallet

__all__ = ["BOUND_TO_ANOTHER", "Held", "HolderKey", "Wallet"]

if not TYPE_CHECKING:  # or every name would be one of ours to a type checker
    __getattr__ = later(__name__, dict.fromkeys(__all__, "wallet"))  # `holder.store` alone needs none of it
