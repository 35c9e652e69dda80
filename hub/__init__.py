"""The hub's role: it watches over other people's logs, so that nobody has to believe one of them alone.

`home.py` makes and opens the folder of a hub: the key of its witness, and what that has signed
(`ledger/witness.py`). `mirrors.py` keeps copies of logs (`ledger/mirror.py`). `http.py` is its service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wire.later import later

if TYPE_CHECKING:
    from .home import make_hub, open_mirrors, open_state, open_witness

__all__ = ["make_hub", "open_mirrors", "open_state", "open_witness"]

if not TYPE_CHECKING:  # or every name would be one of ours to a type checker
    __getattr__ = later(__name__, dict.fromkeys(__all__, "home"))
