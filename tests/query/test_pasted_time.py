"""Times as people paste them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from audit_webhook.query.pasted_time import read_range

NOW = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000
NEW_YORK = ZoneInfo("America/New_York")


def milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


SECOND = "2026-11-23T20:31:49.787"
ONE_TIME = {
    "2026-11-23T20:31:49.787Z": SECOND,
    "2026-11-23 20:31:49.787": SECOND,
    "2026-11-23 20:31:49,787": SECOND,
    "2026-11-23T15:31:49.787-05:00": SECOND,
    "2026-11-23 21:31:49.787 +0100": SECOND,
    "2026-11-23 20:31:49.787123456 +0000 UTC": "2026-11-23T20:31:49.787123",
    "2026/11/23 20:31:49.787": SECOND,
    "Mon 23 Nov 2026 20:31:49.787 UTC": SECOND,
    "Mon, 23 Nov 2026 20:31:49 GMT": "2026-11-23T20:31:49",
    "Mon Nov 23 20:31:49 UTC 2026": "2026-11-23T20:31:49",
    "[23/Nov/2026:20:31:49 +0000]": "2026-11-23T20:31:49",
    "Nov 23 20:31:49": "2026-11-23T20:31:49",
    "23 November 2026 at 20:31": "2026-11-23T20:31:00",
    "I1123 20:31:49.787": SECOND,
    "Dec 24 08:00": "2025-12-24T08:00:00",
    "1795465909": "2026-11-23T20:31:49",
    "1795465909.787": SECOND,
    "1795465909787": SECOND,
    "1795465909787123": "2026-11-23T20:31:49.787123",
    "1795465909787123456": "2026-11-23T20:31:49.787123",
    "20:31:49": "2026-11-24T20:31:49",
    "14:05": "2026-11-25T14:05:00",
    "2 hours ago": "2026-11-25T12:30:00",
}


@pytest.mark.parametrize("text", ONE_TIME)
def test_single_time_means_five_minutes_before_and_after(text: str) -> None:
    middle = datetime.fromisoformat(ONE_TIME[text]).replace(tzinfo=UTC).timestamp() * 1000
    since, until = read_range(text, NOW_US)
    assert since == int(middle) - 300_000 and until in (int(middle) + 300_000, int(middle) + 300_001)


RANGES = {
    "2026-11-23": ("2026-11-23T00:00:00", "2026-11-24T00:00:00"),
    "23 Nov": ("2026-11-23T00:00:00", "2026-11-24T00:00:00"),
    "today": ("2026-11-25T00:00:00", "2026-11-26T00:00:00"),
    "yesterday": ("2026-11-24T00:00:00", "2026-11-25T00:00:00"),
    "last 3 hours": ("2026-11-25T11:30:00", "2026-11-25T14:30:00"),
    "15m": ("2026-11-25T14:15:00", "2026-11-25T14:30:00"),
    "last hour": ("2026-11-25T13:30:00", "2026-11-25T14:30:00"),
    "2026-11-23 20:28 to 20:33": ("2026-11-23T20:28:00", "2026-11-23T20:33:00"),
    "20:28 - 20:33": ("2026-11-24T20:28:00", "2026-11-24T20:33:00"),
    "Mon 23 Nov 20:20–20:34 UTC": ("2026-11-23T20:20:00", "2026-11-23T20:34:00"),
    "2026-11-23T20:28:00Z/2026-11-23T20:33:00Z": ("2026-11-23T20:28:00", "2026-11-23T20:33:00"),
    "2026-11-23T20:28..2026-11-24T01:00": ("2026-11-23T20:28:00", "2026-11-24T01:00:00"),
    "22 Nov to 23 Nov": ("2026-11-22T00:00:00", "2026-11-24T00:00:00"),
    "yesterday to now": ("2026-11-24T00:00:00", "2026-11-25T14:30:00"),
}


@pytest.mark.parametrize("text", RANGES)
def test_range_is_read_as_it_is_meant(text: str) -> None:
    since, until = RANGES[text]
    assert read_range(text, NOW_US) == (milliseconds(since), milliseconds(until))


def test_time_without_a_zone_is_of_the_readers_zone() -> None:
    since, until = read_range("2026-11-23 15:28 to 15:33", NOW_US, NEW_YORK)
    assert (since, until) == (milliseconds("2026-11-23T20:28"), milliseconds("2026-11-23T20:33"))
    assert read_range("2026-11-23 20:28Z", NOW_US, NEW_YORK) == read_range("2026-11-23 20:28", NOW_US)


@pytest.mark.parametrize("text", [
    "", " ", "alice", "25:00", "2026-13-01", "32 Nov", "20:31 tomorrow perhaps", "99999999d", "0", "12345",
    "2026-11-24 to 2026-11-22", "user:alice", "9" * 300, "Nov", "::", "2026-02-29",
])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_range(text, NOW_US)
