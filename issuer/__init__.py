"""The issuer's role: from a registrar's file to anchored diplomas, and their revocation.

`Issuer` (`issuer.py`) does it all over one folder (`home.py`). Rooms, each with a door of its own: `table/`
makes checked records of a file, `press/` a signed credential of a record, `archive/` keeps what was issued,
`job/` issues a whole file once, or single diplomas together, and to `desk/` others come. `creation.py` makes
the folder, `status/` revokes, `bundles.py` adds what verifies offline; `clock.py` and `ahead.py` mend what a
wrong clock did. Read `issuer.py` first, then `job/bulk.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .issuer import Issuer

__all__ = ["Issuer"]


def __getattr__(name: str) -> Any:
    if name == "Issuer":  # loads the database, which the published status lists do without
        from .issuer import Issuer

        return Issuer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
