"""The time of a search: the menu, a range of the reader's own, fixed bounds to share, and the usual range."""

from __future__ import annotations

from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.context import context_of
from audit_webhook.search.time_range import Wanted, pinned, usual_query, with_range
from tests.factories import NOON_US, audit_event, event_list

HOUR = 3_600_000_000


def choose(client: FlaskClient, **given: str) -> str:
    answer = client.get("/feed/range", query_string=given)
    assert answer.status_code == 303
    return parse_qs(urlsplit(answer.headers["Location"]).query, keep_blank_values=True)["q"][0]


def test_feed_without_a_query_shows_the_last_day_and_then_what_was_chosen(
    sqlite_client: FlaskClient, sqlite_app: Flask
) -> None:
    now = context_of(sqlite_app).clock()
    moments = {"fresh": -HOUR, "hours": -5 * HOUR, "old": -3 * 24 * HOUR}
    events = [audit_event((now + age - NOON_US) / 1e6, user={"username": name}) for name, age in moments.items()]
    sqlite_client.post("/webhook/audit/prod", data=event_list(events))
    page = sqlite_client.get("/").text
    assert 'value="since:24h"' in page and "hours</b>" in page and "old</b>" not in page
    sqlite_client.set_cookie("range", "7d")
    assert "old</b>" in sqlite_client.get("/").text
    sqlite_client.set_cookie("range", "all")
    assert "old</b>" in sqlite_client.get("/").text
    sqlite_client.set_cookie("range", "1000y\"><script>")
    page = sqlite_client.get("/").text
    assert 'value="since:24h"' in page and "1000y" not in page


def test_query_that_is_given_is_never_narrowed(sqlite_client: FlaskClient) -> None:
    sqlite_client.post("/webhook/audit/prod", data=event_list([audit_event(user={"username": "ancient"})]))
    assert "ancient</b>" in sqlite_client.get("/?q=").text
    assert "ancient</b>" in sqlite_client.get("/?q=user:ancient").text
    assert len(sqlite_client.get("/api/v1/events").get_json()["events"]) == 1


@pytest.mark.parametrize(("remembered", "query"), [
    (None, "since:24h"), ("", ""), ("all", ""), ("1h", "since:1h"), ("30d", "since:30d"), ("2d", "since:24h"),
])
def test_only_ranges_of_the_menu_are_remembered(remembered: str | None, query: str) -> None:
    assert usual_query(remembered) == query


def test_pasted_time_becomes_the_range_of_the_search(sqlite_client: FlaskClient) -> None:
    text = choose(sqlite_client, q="user:alice since:1h", when="2026-11-23T20:31:49.787Z")
    assert text == "user:alice since:2026-11-23T20:26:49.787Z until:2026-11-23T20:36:49.787Z"
    text = choose(sqlite_client, q="user:a or user:b", when="2026-11-23 15:28 to 15:33", zone="America/New_York")
    assert text == "(user:a or user:b) since:2026-11-23T20:28:00Z until:2026-11-23T20:33:00Z"


def test_bounds_of_the_calendar_mean_the_readers_zone_and_either_may_be_open(sqlite_client: FlaskClient) -> None:
    given = {"q": "until:today", "from": "2026-11-23T20:28:00.500", "zone": "Europe/Berlin"}
    assert choose(sqlite_client, **given) == "since:2026-11-23T19:28:00.500Z"
    assert choose(sqlite_client, q="", to="2026-11-23T20:28") == "until:2026-11-23T20:28:00Z"
    assert choose(sqlite_client, q="ns:shop since:1h") == "ns:shop"
    assert choose(sqlite_client, to="2026-11-23T20:28", zone="../../etc/passwd") == "until:2026-11-23T20:28:00Z"


def test_what_is_no_time_is_marked_in_the_search(sqlite_client: FlaskClient) -> None:
    text = choose(sqlite_client, q="user:alice", when="half past <b>")
    assert text == 'user:alice since:"half past <b>"'
    answer = sqlite_client.get("/", query_string={"q": text})
    assert answer.status_code == 400 and "is not a value of since:" in unescape(answer.text)
    assert "<b>\"" not in answer.text


def test_choosing_a_range_keeps_columns_and_what_a_row_is(sqlite_client: FlaskClient) -> None:
    address = sqlite_client.get("/feed/range?q=&when=today&columns=ip&columns=ns&show=events").headers["Location"]
    kept = parse_qs(urlsplit(address).query)
    assert kept["columns"] == ["ip", "ns"] and kept["show"] == ["events"]


def test_shared_search_finds_the_same_tomorrow(sqlite_client: FlaskClient) -> None:
    assert pinned("user:alice since:1h", NOON_US) == (
        "user:alice since:2026-11-23T11:00:00Z until:2026-11-23T12:00:00Z"
    )
    fixed = "since:2026-11-23T10:00:00Z until:2026-11-23T11:00:00Z"
    assert pinned(f"{fixed} ns:shop", NOON_US) == f"ns:shop {fixed}"
    assert pinned("ns:shop", NOON_US) == "ns:shop" and pinned("user:(", NOON_US) == "user:("
    page = sqlite_client.get("/?q=since:1h").text
    sqlite_client.post("/webhook/audit/prod", data=event_list([audit_event()]))
    page = sqlite_client.get("/?q=since:2026-11-23").text
    assert 'data-copy-link="/?q=since:2026-11-23T00:00:00Z+until:' in page


def test_bound_without_a_time_of_day_keeps_its_place_in_the_calendar() -> None:
    text = with_range("since:7d verb:delete", Wanted("23 Nov 2026", "", ""), NOON_US)
    assert text == "verb:delete since:2026-11-23T00:00:00Z until:2026-11-24T00:00:00Z"
