"""The issuer's role: from a registrar's file to anchored diplomas, and their revocation.

`Issuer` (`issue.py`) does it all over one folder (`home.py`). A file goes through `source.py` (reading),
`checking.py` (each row), `crossing.py` (row against row) and `bulk.py`; a row through `records.py`,
`template.py`, `document.py` and `press.py`. Single diplomas go through `singles.py`, those of many threads
together (`turns.py`). What was issued lies in `shards.py` and in the index, `store.py` with `revocations.py`,
`logged.py` and `lookup.py`; `finding.py` finds it, `archive.py` reads it and `changes.py` compares it with a
file; `status.py` revokes. `consistency.py` sees that index and log are of one time, `clock.py` and `ahead.py`
mend what a wrong clock did. Read `issue.py` first, then `bulk.py`.
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
