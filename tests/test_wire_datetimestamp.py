from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import Malformed
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-06-30T00:00:00Z", datetime(2026, 6, 30, tzinfo=UTC)),
        ("2026-06-30T24:00:00Z", datetime(2026, 7, 1, tzinfo=UTC)),
        ("2026-06-30T00:00:00.5Z", datetime(2026, 6, 30, 0, 0, 0, 500_000, UTC)),
        ("2026-06-30T00:00:00.123456789Z", datetime(2026, 6, 30, 0, 0, 0, 123_456, UTC)),
        ("2026-06-30T02:00:00+02:00", datetime(2026, 6, 30, tzinfo=UTC)),
        ("2026-06-29T19:00:00-05:00", datetime(2026, 6, 30, tzinfo=UTC)),
        ("2026-06-30T00:00:00+00:00", datetime(2026, 6, 30, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_reads_what_the_specification_allows(text: str, moment: datetime) -> None:
    assert parse_datetimestamp(text, "validFrom") == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-30",
        "2026-06-30T00:00:00",  # no time zone: a dateTime, not a dateTimeStamp
        "2026-6-30T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-06-30T25:00:00Z",
        "2026-06-30T24:00:01Z",
        "2026-06-30T00:00:60Z",
        "2026-06-30T00:00:00+15:99",
        "2026-06-30T00:00:00z",
        "2026-06-30T00:00:00Z\n",
        "٢٠٢٦-06-30T00:00:00Z",
        "9999-12-31T24:00:00Z",
        20260630,
        None,
    ],
)
def test_names_the_member_that_is_not_a_time(text: object) -> None:
    with pytest.raises(Malformed, match="validFrom"):
        parse_datetimestamp(text, "validFrom")


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])))
def test_what_is_written_is_read_again(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    try:
        in_utc = moment.astimezone(UTC)
    except OverflowError:
        return
    assert parse_datetimestamp(format_datetimestamp(in_utc), "created") == moment


def test_a_time_without_a_zone_is_never_written() -> None:
    with pytest.raises(ValueError, match="time zone"):
        format_datetimestamp(datetime(2026, 6, 30))  # noqa: DTZ001 -- the point of the test
