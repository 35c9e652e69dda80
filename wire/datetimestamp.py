"""XML Schema 1.1 `dateTimeStamp`, the form of every time in a credential (VCDM 2.0, 4.9); and ages, `30d`.

A `dateTime`, as in VCDM 1.1, may lack the time zone, and then does not name one moment.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple

from .problem import Malformed

_FORM = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,20}))?(Z|([+-])(14(?=:00)|0\d|1[0-3]):([0-5]\d))?",
    re.ASCII,
)
_LONGEST = 46  # characters of that form

FARTHEST_ZONE = timedelta(hours=14)
"""The largest difference between a local time and UTC."""

_AGE = "([1-9][0-9]{0,4})([dh])"


def parse_datetimestamp(value: object, where: str) -> datetime:
    """The moment that `value` names; a time zone is mandatory. `where` is the member, for the message.

    Raises `Malformed`. Years run from 0001 to 9999; digits beyond the microsecond are cut.
    """
    return _parsed(value, where, with_zone=True)[0].utc


class Moment(NamedTuple):
    """The reading of a date and time: one moment, or, without a time zone, the range of possible moments."""

    utc: datetime
    """The moment; read as UTC where the text has no time zone."""
    earliest: datetime
    latest: datetime
    day: date
    """The day as it is written, in any time zone."""


def parse_datetime(value: object, where: str, *, needs_zone: bool = False) -> Moment:
    """The moment that an `xsd:dateTime` names; without a time zone, within 14 hours on either side.

    No zone is farther from UTC (XML Schema 1.1, part 2, 3.3.7). Raises `Malformed`.
    """
    moment, has_zone = _parsed(value, where, with_zone=needs_zone)
    if has_zone:
        return moment
    try:
        return moment._replace(earliest=moment.utc - FARTHEST_ZONE, latest=moment.utc + FARTHEST_ZONE)
    except OverflowError:
        raise Malformed.saying("{where} is not a date of the calendar", where=where) from None


def _parsed(value: object, where: str, *, with_zone: bool) -> tuple[Moment, bool]:
    try:
        parsed = _moment(value) if isinstance(value, str) and len(value) <= _LONGEST else None
    except (ValueError, OverflowError):
        raise Malformed.saying("{where} is not a date of the calendar", where=where) from None
    if parsed is None or (with_zone and not parsed[1]):
        raise Malformed.saying(
            "{where} is not a date and time with a time zone, such as 2026-06-30T00:00:00Z", where=where
        )
    return parsed


@lru_cache(1024)  # of at most _LONGEST characters; a year's diplomas have few dates
def _moment(text: str) -> tuple[Moment, bool] | None:
    """The moment, in UTC where it has no time zone, and whether it has one."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, written, sign, zone_hour, zone_minute = match.groups()
    if not fraction and written == "Z" and hour != "24":
        moment = datetime.fromisoformat(text)  # the quick way for most
        return Moment(moment, moment, moment, moment.date()), True
    midnight = (hour, minute, second, (fraction or "").strip("0")) == ("24", "00", "00", "")
    zone = UTC
    if sign and (offset := timedelta(hours=int(zone_hour), minutes=int(zone_minute))):
        zone = timezone(offset if sign == "+" else -offset)
    moment = datetime(
        int(year),
        int(month),
        int(day),
        0 if midnight else int(hour),
        int(minute),
        int(second),
        int((fraction or "0").ljust(6, "0")[:6]),
        zone,
    )
    moment = (moment + timedelta(days=1) if midnight else moment).astimezone(UTC)
    return Moment(moment, moment, moment, date(int(year), int(month), int(day))), written is not None


def parse_age(value: object) -> timedelta:
    """A number of days or hours, such as `30d` or `12h`: at least one hour, at most 99,999 days.

    Raises `Malformed`.
    """
    match = re.fullmatch(_AGE, value) if isinstance(value, str) else None
    if match is None:
        raise Malformed("this is not a number of days or hours, such as 30d or 12h")
    return int(match[1]) * (timedelta(days=1) if match[2] == "d" else timedelta(hours=1))


def format_datetimestamp(moment: datetime) -> str:
    """`moment` in UTC, whole seconds: the form that every implementation reads."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"
