"""The issuer's role: from a registrar's file to anchored credentials, and their revocation.

`Issuer` (`issuer.py`) does it all over one folder (`identity/home.py`). Its packages: `table/` makes checked
records of a file, `press/` a signed credential of a record. `archive/` keeps issued credentials, `identity/`
the issuer's folder and keys. `status/` revokes, `job/` issues a whole file once, or single credentials in
batches, and `desk/` serves others. `keeping/` uses `Issuer` for maintenance: changes of keys, backups,
repairs after a wrong clock, and health checks. Read `issuer.py` first, then `job/bulk.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wire.later import later

if TYPE_CHECKING:
    from .identity.description import Description
    from .identity.home import published_list
    from .issuer import Issuer
    from .job.numbering import NumberPattern
    from .job.order import Order
    from .job.singles import RecordRefused
    from .table.source import open_source

__all__ = [
    "Description",
    "Issuer",
    "NumberPattern",
    "Order",
    "RecordRefused",
    "open_source",
    "published_list",
]

_LATER = {
    "Description": "identity.description",
    "Issuer": "issuer",
    "NumberPattern": "job.numbering",
    "Order": "job.order",
    "RecordRefused": "job.singles",
    "open_source": "table.source",
    "published_list": "identity.home",
}
"""Names imported on first use, by module: reading published lists then needs no database."""

if not TYPE_CHECKING:  # or every name would be one of ours to a type checker
    __getattr__ = later(__name__, _LATER)
