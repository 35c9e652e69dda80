"""An overview of all credentials issued, from the index: counts, the file begun last, status lists."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from wire.datetimestamp import parse_datetimestamp
from wire.problem import NotFound

from ..archive.kept import EditionState, Job
from ..issuer import Issuer
from ..status.due import due


class LastFile(NamedTuple):
    """The job that was begun last."""

    job: Job
    is_finished: bool


class Overview(NamedTuple):
    """The state of an issuer's credentials."""

    credentials: int
    """The number of credentials, however many editions and copies each has."""
    states: Mapping[EditionState, int]
    """Editions by state, each copy counted."""
    claimed: int
    """Credentials whose latest edition is bound to a wallet."""
    last: LastFile | None
    lists: Mapping[int, tuple[datetime, datetime] | None]
    """By list, the time at half of its life, and its end; `None` for one that was not published yet."""
    due: list[int]
    """The lists to publish now."""


def overview(issuer: Issuer, now: datetime, form: str | None = None) -> Overview:
    """Count the issued credentials, in a form as in `Listing.is_in`.

    Nothing is changed and no secret opened; later editions are read, one by one.
    """
    store, lifetime, listing = issuer.store, issuer.identity.lifetime, issuer.listing
    to_publish = due(store, issuer.identity, now)
    lists: dict[int, tuple[datetime, datetime] | None] = dict.fromkeys(to_publish)
    for number, expires in store.revocations.expiries().items():
        end = parse_datetimestamp(expires, "expires")
        lists[number] = end - lifetime / 2, end
    return Overview(
        credentials=store.count() - store.later_editions(),
        states=store.states(form),
        claimed=sum(
            entry.state is not EditionState.SUPERSEDED
            and listing.is_in(entry, form)
            and listing.is_claimed(entry)
            for entry in issuer.entries(from_edition=2)
        ),
        last=_last(issuer),
        lists=dict(sorted(lists.items())),
        due=to_publish,
    )


def _last(issuer: Issuer) -> LastFile | None:
    try:
        job = issuer.store.latest_job()
    except NotFound:
        return None
    return LastFile(job, len(issuer.store.finished_chunks(job)) == job.chunks)
