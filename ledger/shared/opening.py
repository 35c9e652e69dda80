"""`store.json`, the address of the database that all machines of an issuer share; and opening it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from wire.consent import require_unmarked
from wire.extras import extra
from wire.files import read_regular, write_durably
from wire.problem import Damaged, Malformed
from wire.strict import load_json_object

if TYPE_CHECKING:
    from .postgres import SharedDatabase

ADDRESS = "store.json"
"""The file with the address of the database."""
_LARGEST = 1 << 16  # bytes: the file may come with a stranger's folder (threat F23)


def store_address(home: Path) -> str | None:
    """The address of the database of an issuer; `None` where the folder has all.

    Raises as `named_store`, and `NotAgreed` for an address in a folder that was written from a backup.
    """
    address = named_store(home)
    if address is not None:
        require_unmarked(home, address)
    return address


def named_store(home: Path) -> str | None:
    """The address that a folder names, before anybody is asked whether it may be used. Raises `Damaged`."""
    path = home / ADDRESS
    if not path.exists():
        return None
    try:
        content = load_json_object(read_regular(path, _LARGEST))
    except Malformed as error:
        raise Damaged.saying("{file} cannot be read", file=str(path)) from error
    address = content.get("address")
    # Damaged, not absent: the folder would look like that of one machine, with an index of its own.
    if content.get("version") != 1 or not isinstance(address, str):
        raise Damaged.saying("{file} cannot be read", file=str(path))
    return address


def keep_store_address(home: Path, address: str) -> None:
    """Has the issuer in a folder use the database at an address from now on."""
    write_durably(home / ADDRESS, orjson.dumps({"version": 1, "address": address}))


def database_of(home: Path) -> SharedDatabase | None:
    """The database that `store.json` names, if any. Raises as `store_address`, and `ExtraMissing`."""
    address = store_address(home)
    return None if address is None else database_at(address)


@functools.lru_cache(maxsize=4)  # the addresses of a process are few; each keeps connections
def database_at(address: str) -> SharedDatabase:
    """The database at an address that was agreed to. Raises `ExtraMissing`."""
    with extra("postgres", "an issuer in PostgreSQL"):
        from .postgres import SharedDatabase
    return SharedDatabase(address)
