"""The small state that decides for all machines of an issuer: files by name, and locks.

It lies in the issuer's folder, or in the PostgreSQL database that `store.json` names.
"""

from ledger.shared import ADDRESS as STORE
from ledger.shared import keep_store_address, store_address

from .door import Shared
from .opening import shared_in

__all__ = ["STORE", "Shared", "keep_store_address", "shared_in", "store_address"]
