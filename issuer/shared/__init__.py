"""The small state that decides for all machines of an issuer: files by name, and locks.

It lies in the issuer's folder, or in the PostgreSQL database that `store.json` names.
"""

from .door import Shared
from .opening import shared_in

__all__ = ["Shared", "shared_in"]
