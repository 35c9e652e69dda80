"""Opening an issuer's shared state: by `store.json` in its folder, else the folder itself."""

from __future__ import annotations

import functools
from pathlib import Path

from ledger.shared import store_address
from wire.extras import extra

from .door import Shared
from .folder import FolderShared


def shared_in(home: Path) -> Shared:
    """The shared state of the issuer in a folder. Raises as `store_address`, and `ExtraMissing`."""
    return shared_at(home, store_address(home))


def shared_at(home: Path, address: str | None) -> Shared:
    """The shared state at the address of a database, which was agreed to; without one, in the folder."""
    return _in_database(address) if address else FolderShared(home)


@functools.lru_cache(maxsize=4)  # the addresses of a process are few; each keeps connections
def _in_database(address: str) -> Shared:
    with extra("postgres", "an issuer in PostgreSQL"):
        from .postgres import PostgresShared
    return PostgresShared(address)
