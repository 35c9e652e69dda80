"""Opening an issuer's index: the SQLite file of its folder, or the database that `store.json` names."""

from __future__ import annotations

from pathlib import Path

from wire.problem import ExtraMissing

from ..problem import DAMAGED_ISSUER
from ..shared import store_address
from .index import Index
from .store import SQLiteIndex

FILE = "issuer.sqlite"


def open_index(home: Path) -> Index:
    """The index of the issuer in a folder. Raises `Damaged` where it is lost, and as `store_address`.

    An empty one would revoke nothing.
    """
    address = store_address(home)
    if address is not None:
        return _in_database(address)
    path = home / FILE
    if not path.exists() or not path.stat().st_size:  # SQLite takes an empty file for a new database
        raise DAMAGED_ISSUER(f"{path} is lost, the index of what was issued and revoked")
    return SQLiteIndex(path)


def make_index(home: Path) -> None:
    """Makes the empty index of an issuer that has all in its folder; a database has its tables before."""
    if store_address(home) is None:
        SQLiteIndex(home / FILE).close()


def _in_database(address: str) -> Index:
    try:
        from .postgres.store import PostgresIndex
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        raise ExtraMissing(
            f"an index in PostgreSQL needs {missing}, which is not installed",
            package=missing,
            extra="postgres",
        ) from error
    return PostgresIndex(address)
