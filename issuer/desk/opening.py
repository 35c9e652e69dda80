"""Opening an issuer's claim links: in its folder, or in the database that all of its machines share."""

from __future__ import annotations

from pathlib import Path

from ..problem import CLAIMS_LOST
from ..shared import store_address
from .links import WHAT, Links, require_newest
from .linkstore import SQLiteLinks, require_kept

FILE = "claims.sqlite"
"""The links of an issuer that has all in its folder."""


def open_links(home: Path) -> Links:
    """The claim links of the issuer in a folder. Raises as `store_address`."""
    address = store_address(home)
    return SQLiteLinks(home / FILE) if address is None else _in_database(address)


def require_links(home: Path, counted: int) -> None:
    """Looks at the links of an issuer that has counted `counted` ones, without changing them.

    Raises as `require_kept`, and as `store_address`.
    """
    address = store_address(home)
    if address is None:
        require_kept(home / FILE, counted)
    elif counted:
        last = _in_database(address).last()
        require_newest(last, counted)
        if not last:
            raise CLAIMS_LOST(f"{WHAT} is gone from the database: no link that was given out can be used")


def _in_database(address: str) -> Links:
    # The driver is there: the index lies in the same database, and was opened before.
    from .postgres import PostgresLinks

    return PostgresLinks(address)
