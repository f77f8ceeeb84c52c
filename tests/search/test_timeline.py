"""The timeline: which lanes there are, what stands on them, and what is said of what is not shown."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from audit_webhook.events.decode import read_wire, to_event
from audit_webhook.events.event import Event
from audit_webhook.search.timeline import view
from audit_webhook.search.timeline.lanes import MOST_LANES, WIDTH, Bounds, lay_out, tone_of
from tests.factories import NOON_US, audit_event, encode, event_list

NOON_MS = NOON_US // 1000
HOUR = 3_600_000
BOUNDS = Bounds(NOON_MS, NOON_MS + HOUR)


def made(seconds: float, verb: str, name: str = "web", code: int = 200, **changes: Any) -> Event:
    place = {"resource": "configmaps", "namespace": "shop", "name": name, "apiVersion": "v1"}
    event = audit_event(seconds, **{"verb": verb, "objectRef": place, "responseStatus": {"code": code}, **changes})
    raw = encode(event)
    return to_event(read_wire(raw), raw, "prod", f"{int(seconds):026d}")


def newest_first(*events: Event) -> list[Event]:
    return sorted(events, key=lambda event: -event.time)


def test_span_lasts_from_creation_to_deletion_as_far_as_they_are_recorded() -> None:
    def spans(*events: Event) -> list[tuple[int, int, bool]]:
        (lane,) = lay_out(newest_first(*events), "object", BOUNDS).lanes
        return [(span.start, span.end, span.is_begun) for span in lane.spans]

    assert spans(made(900, "create", code=201), made(1800, "delete")) == [(250, 500, True)]
    assert spans(made(900, "create", code=201), made(1000, "patch")) == [(250, WIDTH, True)]
    assert spans(made(1800, "delete")) == [(0, 500, False)]
    assert spans(made(1000, "patch"), made(1100, "get")) == []
    again = made(900, "create"), made(1080, "delete"), made(1800, "create"), made(2700, "delete")
    assert spans(*again) == [(250, 300, True), (500, 750, True)]
    assert spans(made(900, "create", code=409), made(1800, "delete", code=403)) == []
    assert spans(made(900, "delete"), made(1000, "delete")) == [(0, 250, False)]


def test_marks_have_the_tone_of_their_outcome_and_lie_on_each_other_once() -> None:
    events = newest_first(made(1, "patch"), made(1.001, "patch"), made(1.002, "patch", code=403), made(2000, "get"))
    (lane,) = lay_out(events, "object", BOUNDS).lanes
    marks = [(tick.tone, tick.number) for tick in lane.ticks]
    assert marks == [("read", 1), ("change", 2), ("denied", 1)] and lane.total == 4
    tones = {"create": 201, "delete": 200, "get": 500, "patch": 403}
    found = [tone_of(made(0, verb, code=code)) for verb, code in tones.items()]
    assert found == ["create", "delete", "failed", "denied"]


def test_lanes_with_most_changes_come_first_and_the_rest_is_counted() -> None:
    reads = [made(number, "get", "read-often") for number in range(50)]
    others = [made(100 + number, "update", f"name-{number:03}") for number in range(MOST_LANES + 5)]
    layout = lay_out(newest_first(*reads, *others, made(999, "patch", "name-007")), "object", BOUNDS)
    assert layout.lanes[0].key[-1] == "name-007" and len(layout.lanes) == MOST_LANES
    assert (layout.more, layout.more_events) == (6, 55)
    assert len(lay_out(reads, "actor", BOUNDS).lanes) == len(lay_out(reads, "ns", BOUNDS).lanes) == 1


def test_times_outside_of_the_range_stand_at_its_ends() -> None:
    offsets = (-5, 0, HOUR // 2, HOUR, 9 * HOUR)
    assert [BOUNDS.place_of(NOON_MS + offset) for offset in offsets] == [0, 0, 500, 1000, 1000]
    assert Bounds(5, 5).place_of(5) == 0


@pytest.mark.parametrize("by", ["object", "actor", "ns", "nonsense"])
def test_page_shows_lanes_table_and_ways_on(client: FlaskClient, by: str) -> None:
    hostile = "<script>alert(1)</script>\u202e"
    events = [audit_event(1, verb="delete", user={"username": hostile}), audit_event(2), audit_event(3, objectRef=None)]
    client.post("/webhook/audit/prod", data=event_list(events))
    page = client.get("/timeline", query_string={"q": "since:2026-11-23", "by": by}).text
    assert hostile not in page and "3 events" in page
    assert len(re.findall(r"<tr><td", page)) == 3
    assert 'href="/events/' in page and "1 delete<" in page
    links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/(?:timeline|\?|objects|actors)[^"]*)"', page)}
    assert {client.get(link).status_code for link in links} == {200}


def test_mistake_and_emptiness_are_said(sqlite_client: FlaskClient) -> None:
    answer = sqlite_client.get("/timeline?q=user:(")
    assert answer.status_code == 400 and "user:(" in answer.text
    assert "Nothing matches" in sqlite_client.get("/timeline?q=user:nobody").text
    assert 'value="since:24h"' in sqlite_client.get("/timeline").text


def test_only_so_many_events_are_read_and_the_page_says_so(
    sqlite_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_client.post("/webhook/audit/prod", data=event_list([audit_event(number) for number in range(30)]))
    monkeypatch.setattr(view, "MOST_EVENTS", 10)
    monkeypatch.setattr(view.feed, "LARGEST_PAGE", 10)
    page = sqlite_client.get("/timeline?q=since:2026-11-23").text
    assert "10 events" in page and "Only the newest are shown" in page
