"""Closing an issuer for good: its status lists are signed a last time, and have no end."""

from __future__ import annotations

from datetime import datetime

from ..identity.home import Identity
from ..issuer import Issuer


def close(issuer: Issuer) -> datetime:
    """Closes the issuer for good: all status lists are signed, anchored and written a last time.

    Returns their date. Work that was begun is finished before. Issuing and revoking raise `ISSUER_CLOSED`
    afterwards.
    """
    if Identity.read(issuer.home).closing is None:
        issuer.require_list_signer()
    lists = issuer.lists
    with issuer.shared.held("issue", patience=issuer.patience):
        if Identity.read(issuer.home).closing is None:
            issuer.recover()
        issuer.identity = lists.close(now=issuer.log.now())
    assert issuer.identity.closing is not None
    return issuer.identity.closing
