"""Opening an issuer's index: the file in its folder, or the database that `store.json` names."""

from __future__ import annotations

import functools
from pathlib import Path

from wire.extras import extra

from ..problem import DAMAGED_ISSUER
from ..shared import store_address
from .index import Index
from .store import SQLiteIndex
from .versions import FileVersions, possible_versions

FILE = "issuer.sqlite"


def open_index(home: Path) -> Index:
    """The index of the issuer in a folder.

    Raises `Damaged` where it is lost: an empty one would revoke nothing. Also raises what `store_address`
    and the index's class raise, and `ExtraMissing`.
    """
    address = store_address(home)
    if address is not None:
        return _in_database(address)
    path = home / FILE
    if not path.exists() or not path.stat().st_size:  # SQLite takes an empty file for a new database
        raise DAMAGED_ISSUER(f"{path} is lost, the index of what was issued and revoked")
    return SQLiteIndex(path)


def make_index(home: Path) -> Index:
    """The index of an issuer that is just being made: a file is made, a database has its tables already."""
    address = store_address(home)
    return SQLiteIndex(home / FILE) if address is None else _in_database(address)


def published_versions(home: Path, name: str) -> FileVersions:
    """As `Revocations.versions`, for readers: no file is made or converted. None if the index is lost."""
    address = store_address(home)
    if address is not None:
        return _in_database(address).revocations.versions(name)
    path = home / FILE
    return possible_versions(path, name) if path.exists() else FileVersions()


@functools.lru_cache(maxsize=16)  # the addresses of a process are few; each keeps connections
def _in_database(address: str) -> Index:
    with extra("postgres", "an index in PostgreSQL"):
        from .postgres.store import PostgresIndex
    return PostgresIndex(address)
