"""What the fields of a credential are called, wherever they are shown: in a wallet, or after a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LABELS: Mapping[str, str] = MappingProxyType(
    {
        # of a summary
        "what": "credential",
        "whom": "awarded to",
        "by": "by",
        "when": "date",
        # further ones
        "awarded": "awarded on",
        "result": "result",
        "credits": "credits",
        "number": "number",
        "did": "its DID",
        "since": "valid from",
        "until": "valid until",
        "bound": "bound to",
        "checked": "checked",
        "id": "id here",
    }
)
"""By field. `when` is the day of the award or else the first day of validity; `did` is the issuer's."""
