"""Deciding when to publish a list again: because of its age, or of changes that it lacks."""

from __future__ import annotations

from datetime import datetime

from wire.clock import CLOCK_SKEW
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp

from ..archive.index import Index
from ..identity.home import Identity

NEVER = "9999-12-31T23:59:59Z"


def due(store: Index, identity: Identity, now: datetime, since: int = 0) -> list[int]:
    """The lists to publish now: those with new revocations, and the `overdue`."""
    return sorted({*overdue(store, identity, now, since), *store.revocations.changed_lists()})


def ended(store: Index, now: datetime, since: int = 0) -> list[int]:
    """The lists that are new or have ended, and those in the log before the entry `since`."""
    return store.revocations.stale_lists(format_datetimestamp(now), NEVER, since)


def overdue(store: Index, identity: Identity, now: datetime, since: int = 0) -> list[int]:
    """The lists that are new, past half of their life, or with another life than is decided.

    So are those that the log has before the entry `since`. An issuer that has closed signs none anew because
    of its age.
    """
    if identity.closing is not None:
        return store.revocations.stale_lists("", NEVER, since)
    half, whole = now + identity.lifetime / 2, now + identity.lifetime + CLOCK_SKEW
    return store.revocations.stale_lists(format_datetimestamp(half), format_datetimestamp(whole), since)


def next_due(store: Index, identity: Identity) -> tuple[datetime, datetime] | None:
    """The time when the first published list is half through its life, and its end; `None` without any."""
    expires = min(store.revocations.expiries().values(), default=None)
    if expires is None:
        return None
    end = parse_datetimestamp(expires, "expires")
    return end - identity.lifetime / 2, end


def unrenewed(store: Index, identity: Identity, now: datetime) -> dict[int, str]:
    """The end of each published list that is past half of its life and was not signed anew so far."""
    if identity.closing is not None:
        return {}
    half = format_datetimestamp(now + identity.lifetime / 2)
    return {number: end for number, end in store.revocations.expiries().items() if end <= half}
