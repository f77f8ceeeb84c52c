"""Times as a query may give them: counted back, days, clocks, dates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from audit_webhook import query
from tests.factories import NOON_US

DAY_US = 86_400_000_000


def reach(text: str, now: int = NOON_US) -> list[str]:
    """Give from when to when a query reaches, seen at noon of 23 November 2026."""
    bounds = query.time_bounds(query.parse(text, now))
    return ["" if each is None else f"{datetime.fromtimestamp(each / 1000, UTC):%d %H:%M:%S}" for each in bounds]


@pytest.mark.parametrize(("value", "moment"), [
    ("15m", "23 11:45:00"), ("7d", "16 12:00:00"), ("now", "23 12:00:00"), ("today", "23 00:00:00"),
    ("yesterday", "22 00:00:00"), ("2026-11-20", "20 00:00:00"), ("2026-11-20T14:05+02:00", "20 12:05:00"),
    ("11:59", "23 11:59:00"), ("12:00", "23 12:00:00"), ("12:00:01", "22 12:00:01"), ("14:05", "22 14:05:00"),
    ("14:05z", "22 14:05:00"), ("14:05+02:30", "23 11:35:00"), ("01:00-05:00", "23 06:00:00"),
    ("00:30+14:00", "23 10:30:00"),
])
def test_time_is_read(value: str, moment: str) -> None:
    assert reach(f"since:{value}") == [moment, ""]
    assert reach(f"until:{value}") == ["", moment]


@pytest.mark.parametrize(("value", "since", "until"), [
    ("09:00..11:00", "23 09:00:00", "23 11:00:00"),
    ("22:00..02:00", "22 22:00:00", "23 02:00:00"),
    ("11:00..13:00", "23 11:00:00", "23 13:00:00"),
    ("yesterday..14:05", "22 00:00:00", "22 14:05:00"),
    ("2026-11-20T23:00..22:00", "20 23:00:00", "22 22:00:00"),
    ("11:00..11:00", "23 11:00:00", "24 11:00:00"),
])
def test_range_of_clocks_ends_after_it_begins(value: str, since: str, until: str) -> None:
    assert reach(f"since:{value}") == [since, until]


@pytest.mark.parametrize("value", ["25:00", "14:60", "1405", "14:5", "14:05+99:00", "14:05..25:00", "tomorrow"])
def test_what_no_clock_shows_is_a_mistake_that_names_what_is_taken(value: str) -> None:
    with pytest.raises(query.QueryError) as raised:
        query.parse(f"since:{value}", NOON_US)
    assert "14:05" in raised.value.expected and raised.value.position == len("since:")


def test_clock_s_last_time_moves_on_with_the_day() -> None:
    assert reach("until:14:05", NOON_US + DAY_US // 4) == ["", "23 14:05:00"]
