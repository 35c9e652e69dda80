"""Opening an issuer's shared state: by `store.json` in its folder, else the folder itself."""

from __future__ import annotations

import functools
from pathlib import Path

from ledger.shared import store_address
from wire.problem import ExtraMissing

from .door import Shared
from .folder import FolderShared


def shared_in(home: Path) -> Shared:
    """The shared state of the issuer in a folder. Raises as `store_address`, and `ExtraMissing`."""
    address = store_address(home)
    return FolderShared(home) if address is None else _in_database(address)


@functools.lru_cache(maxsize=16)  # the addresses of a process are few; each keeps connections
def _in_database(address: str) -> Shared:
    try:
        from .postgres import PostgresShared
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        raise ExtraMissing(
            f"an issuer in PostgreSQL needs {missing}, which is not installed",
            package=missing,
            extra="postgres",
        ) from error
    return PostgresShared(address)
