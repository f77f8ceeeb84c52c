"""The shipped sample: real events, moved to the last hours, that go through ingest like any others."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from audit_webhook.explore.setup import demo
from audit_webhook.ingest.receive import Receipt

NOW = 1_800_000_000_000_000
SIX_HOURS = 6 * 3600 * 1_000_000


class Inbox:
    """Keeps what it is given, as ingest would, and says that all of it was new."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[dict[str, Any]]]] = []

    def receive(self, cluster: str, body: bytes) -> Receipt:
        events = json.loads(body)["items"]
        self.batches.append((cluster, events))
        return Receipt(received=len(events), stored=len(events), duplicate=0, quarantined=0)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for _, events in self.batches for event in events]


@pytest.fixture(scope="module")
def inbox() -> Inbox:
    inbox = Inbox()
    demo.send(inbox.receive, NOW)
    return inbox


def microseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)


def test_send_says_how_many_events_were_stored() -> None:
    inbox = Inbox()
    assert demo.send(inbox.receive, NOW) == len(inbox.events)
    assert 300 <= len(inbox.events) <= 600


def test_sample_tells_of_two_clusters(inbox: Inbox) -> None:
    assert {cluster for cluster, _ in inbox.batches} == {"prod", "staging"}


def test_newest_event_happened_just_now_and_the_oldest_about_six_hours_ago(inbox: Inbox) -> None:
    times = [microseconds(event["stageTimestamp"]) for event in inbox.events]
    assert max(times) == NOW
    assert SIX_HOURS * 0.9 < NOW - min(times) < SIX_HOURS * 1.1


def test_order_of_the_events_is_kept(inbox: Inbox) -> None:
    for cluster in ("prod", "staging"):
        times = [event["stageTimestamp"] for name, events in inbox.batches if name == cluster for event in events]
        assert times == sorted(times)


def test_no_event_ends_before_it_began(inbox: Inbox) -> None:
    for event in inbox.events:
        assert microseconds(event["requestReceivedTimestamp"]) <= microseconds(event["stageTimestamp"])


def test_how_long_a_request_took_stays_as_recorded(inbox: Inbox) -> None:
    took = Counter(
        microseconds(event["stageTimestamp"]) - microseconds(event["requestReceivedTimestamp"])
        for event in inbox.events
    )
    recorded = Counter(
        microseconds(event["stageTimestamp"]) - microseconds(event["requestReceivedTimestamp"])
        for event in (json.loads(sample.raw) for sample in demo.read_samples())
    )
    assert took == recorded


def test_nothing_in_the_sample_lies_in_the_recording_s_own_time(inbox: Inbox) -> None:
    created = [
        event["responseObject"]["metadata"]["creationTimestamp"]
        for event in inbox.events
        if "creationTimestamp" in event.get("responseObject", {}).get("metadata", {})
    ]
    assert created
    assert all(abs(microseconds(text) - NOW) < 2 * SIX_HOURS for text in created)


def test_stages_of_one_request_still_share_their_audit_id(inbox: Inbox) -> None:
    recorded = Counter(json.loads(sample.raw)["auditID"] for sample in demo.read_samples())
    moved = Counter(event["auditID"] for event in inbox.events)
    assert sorted(recorded.values()) == sorted(moved.values())
    assert max(moved.values()) > 1


def test_second_load_is_a_second_set_of_events(inbox: Inbox) -> None:
    later = Inbox()
    demo.send(later.receive, NOW + 1_000_000)
    assert not {event["auditID"] for event in later.events} & {event["auditID"] for event in inbox.events}


def test_sample_shows_what_a_first_look_should_find(inbox: Inbox) -> None:
    acts = {
        (event["verb"], reference.get("resource"), reference.get("subresource"), event["responseStatus"]["code"])
        for event in inbox.events
        if (reference := event.get("objectRef", {})) is not None and "code" in event.get("responseStatus", {})
    }
    assert ("delete", "secrets", None, 200) in acts
    assert ("get", "pods", "exec", 101) in acts
    assert ("patch", "deployments", "scale", 200) in acts
    assert ("create", "pods", "eviction", 201) in acts
    assert ("create", "clusterrolebindings", None, 201) in acts
    assert ("get", "secrets", None, 403) in acts
    clients = {event.get("userAgent", "").split("/")[0] for event in inbox.events}
    assert {"kubectl", "Helm", "HashiCorp", "kubelet", "curl"} <= clients


def test_sample_holds_no_value_of_a_secret(inbox: Inbox) -> None:
    values = [
        value
        for event in inbox.events
        if event.get("objectRef", {}).get("resource") == "secrets"
        for body in (event.get("requestObject", {}), event.get("responseObject", {}))
        for field in ("data", "stringData")
        for value in body.get(field, {}).values()
    ]
    assert set(values) == {"ZXhhbXBsZQ=="}


def test_sample_holds_no_token(inbox: Inbox) -> None:
    issued = [event for event in inbox.events if event.get("objectRef", {}).get("subresource") == "token"]
    assert {event["responseObject"]["status"]["token"] for event in issued if "responseObject" in event} == {"example"}
