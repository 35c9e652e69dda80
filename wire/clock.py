"""The one rule for clocks that differ: a date up to five minutes ahead of our clock counts as now.

It applies to dates of creation: of a proof, a status list, a log's checkpoint. An end (of a key, a
credential, a list, a link) gets no such tolerance.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from .problem import Problem

CLOCK_SKEW = timedelta(minutes=5)
"""The largest tolerated lead of another machine's clock over ours."""


class DatedAhead(Problem):
    """Something says that it was made later than now: one of two clocks is wrong, and which is unknown.

    Of a moment that was asked about, and is past, it tells nothing.
    """

    code = "dated-ahead"
    title = "Dated later than now"
    undetermined = True


def is_ahead(moment: datetime, now: datetime) -> bool:
    """True if `moment` is further ahead of `now` than clocks may differ."""
    return moment - now > CLOCK_SKEW  # a difference: now + CLOCK_SKEW could be past the year 9999


def require_not_ahead(moment: datetime, now: datetime, what: str) -> None:
    """Raises `DatedAhead` if `moment` is too far ahead of `now`; `what` names the dated thing in its text."""
    if is_ahead(moment, now):  # threat 56
        raise DatedAhead.saying(
            "{what} is dated {date}, later than the moment asked about",
            what=what,
            date=f"{moment:%Y-%m-%d %H:%M}Z",
        )
