"""The pages of the clusters tell what was sent, what is missing, and what a policy could leave out."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.context import context_of
from audit_webhook.explore.clusters import overview as clusters
from audit_webhook.explore.clusters.policy_advice import advise
from audit_webhook.explore.clusters.volume import BY, Amount, Traffic, read_traffic, split, total, write_bytes
from audit_webhook.explore.losses import losses
from audit_webhook.ingest.receive import receive
from audit_webhook.search import feed
from audit_webhook.search.histogram.dimensions import Dimensions
from audit_webhook.storage.count_store import Kept
from audit_webhook.storage.rejection_store import Refusal
from audit_webhook.storage.repository import Repository
from tests.factories import NOON_US, audit_event, encode, event_list

NOW = NOON_US + 3_600_000_000
HOUR = 3_600_000_000
CONTROLLER = "system:serviceaccount:kube-system:noisy-controller"


def machine(seconds: float, **changes: Any) -> dict[str, Any]:
    """Make an event of a controller that reads config maps."""
    reading = {"resource": "configmaps", "namespace": "shop", "name": "settings", "apiVersion": "v1"}
    return audit_event(seconds, **{"user": {"username": CONTROLLER}, "objectRef": reading} | changes)


def traffic_of(repository: Repository, days: int = 7, now: int = NOW) -> list[Traffic]:
    return read_traffic(repository, Dimensions(repository.tallies), days, now).get("prod", [])


def test_volume_is_counted_in_events_and_in_the_bytes_that_were_sent(repository: Repository) -> None:
    events = [audit_event(0), audit_event(1, verb="delete"), machine(2), machine(3, verb="list")]
    receive(repository, "prod", event_list(events), NOW)
    receive(repository, "other", event_list([audit_event(4)]), NOW)
    traffic = traffic_of(repository)
    assert total(traffic) == Amount(4, sum(len(encode(event)) for event in events))
    by = {label: {name: amount.events for name, amount in split(traffic, of).items()} for label, of in BY}
    assert by["Verb"] == {"get": 2, "delete": 1, "list": 1}
    assert by["Resource"] == {"pods": 2, "configmaps": 2}
    assert by["Actor"] == {"alice": 2, CONTROLLER: 2}


def test_only_the_days_asked_for_are_counted(repository: Repository) -> None:
    receive(repository, "prod", event_list([audit_event(0), audit_event(-86_400), audit_event(-6 * 86_400)]), NOW)
    assert [total(traffic_of(repository, days)).events for days in (1, 2, 7)] == [1, 2, 3]


def test_lag_is_the_time_from_event_to_receipt(repository: Repository) -> None:
    for seconds in range(3):
        receive(repository, "prod", event_list([audit_event(seconds * 700)]), NOON_US + seconds * 701_000_000)
    (state,), _ = clusters.list_clusters(repository, Dimensions(repository.tallies), 7, NOW)
    assert state.lag == clusters.Lag("1.0 s", "2.0 s", 3)


@pytest.mark.parametrize(("silence", "state"), [(30, "sending"), (7200, "silent")])
def test_cluster_is_silent_after_far_more_than_its_usual_gap(
    repository: Repository, silence: int, state: str
) -> None:
    for seconds in range(5):
        receive(repository, "prod", event_list([audit_event(seconds)]), NOON_US + seconds * 3_000_000)
    now = NOON_US + (12 + silence) * 1_000_000
    (found,), _ = clusters.list_clusters(repository, Dimensions(repository.tallies), 7, now)
    assert found.state == state


def test_what_was_dropped_is_told(repository: Repository) -> None:
    receive(repository, "prod", event_list([audit_event(0), audit_event(-86_400), audit_event(-86_401)]), NOW)
    with repository.database.write() as cursor:
        cursor.execute("DELETE FROM tallies WHERE id < (SELECT MAX(id) FROM (SELECT id FROM tallies) others)")
    (state,), _ = clusters.list_clusters(repository, Dimensions(repository.tallies), 7, NOW)
    assert state.kept == Kept(1, NOON_US // 86_400_000_000 * 86_400_000)
    assert state.dropped == 2


def test_cluster_that_is_refused_is_listed_although_it_never_sent(repository: Repository) -> None:
    refusal = Refusal("staging", NOW - HOUR, "the token is not the one expected", "10.0.0.1")
    repository.refusals.record([refusal], {})
    (state,), _ = clusters.list_clusters(repository, Dimensions(repository.tallies), 7, NOW)
    assert (state.name, state.state, state.contact) == ("staging", "refused", None)
    assert clusters.view_cluster(repository, Dimensions(repository.tallies), "nowhere", 7, NOW) is None


def test_what_no_event_shows_is_named(repository: Repository) -> None:
    slim = audit_event(0, verb="create", level="Metadata")
    full = audit_event(1, verb="create", level="RequestResponse", annotations={"audit.k8s.io/truncated": "true"})
    receive(repository, "prod", event_list([slim, full]), NOW)
    unseen = list(clusters.name_unseen(traffic_of(repository)))
    assert any(sentence.startswith("What changes contained: 50 %") for sentence in unseen)
    assert any("those of 1 events" in sentence for sentence in unseen)
    assert any(sentence.startswith("What people read") for sentence in unseen)
    receive(repository, "prod", event_list([audit_event(2, verb="list")]), NOW)
    assert not any(text.startswith("What people read") for text in clusters.name_unseen(traffic_of(repository)))
    assert list(clusters.name_unseen([])) == []


def test_advice_saves_what_it_says_and_leads_to_exactly_that_traffic(repository: Repository) -> None:
    reads = [machine(second, verb=verb) for second in range(10) for verb in ("get", "list")]
    receive(repository, "prod", event_list([*reads, audit_event(0), machine(99, verb="delete", level="Metadata")]), NOW)
    (advice,) = advise(traffic_of(repository))
    assert advice.saved == Amount(20, sum(len(encode(event)) for event in reads))
    assert len(feed.page(repository, advice.query, None, 100, NOW).events) == advice.saved.events
    assert "- level: None" in advice.text
    assert f'users: ["{CONTROLLER}"]' in advice.text
    assert '{group: "", resources: ["configmaps"]}' in advice.text


def test_bodies_of_changes_may_go_and_the_changes_stay(repository: Repository) -> None:
    body = {"kind": "ConfigMap", "data": {"text": "x" * 5_000}}
    writes = [machine(second, verb="update", level="RequestResponse", requestObject=body) for second in range(5)]
    receive(repository, "prod", event_list(writes), NOW)
    (advice,) = advise(traffic_of(repository))
    assert "- level: Metadata" in advice.text
    assert advice.saved.events == 0
    assert 5 * 4_500 < advice.saved.raw_bytes < 5 * 5_500


@pytest.mark.parametrize("changes", [
    {"user": {"username": "alice"}},
    {"user": {}},
    {"objectRef": {"resource": "secrets", "namespace": "shop", "name": "key"}},
    {"objectRef": {"resource": "rolebindings", "apiGroup": "rbac.authorization.k8s.io"}},
    {"objectRef": {"resource": "pods", "subresource": "exec", "name": "web"}},
    {"impersonatedUser": {"username": "bob"}},
], ids=["people", "anonymous", "secrets", "rights", "sessions", "impersonation"])
def test_what_an_investigation_needs_is_never_advised_away(
    repository: Repository, changes: dict[str, Any]
) -> None:
    receive(repository, "prod", event_list([machine(second, **changes) for second in range(50)]), NOW)
    assert advise(traffic_of(repository)) == []


def test_denied_requests_that_a_rule_would_hide_are_counted(repository: Repository) -> None:
    denied = [machine(second, responseStatus={"code": 403}) for second in range(3)]
    receive(repository, "prod", event_list([*denied, machine(9)]), NOW)
    (advice,) = advise(traffic_of(repository))
    assert "Of them 3 were denied" in advice.hides


def test_first_stage_is_advised_away_when_it_is_recorded(repository: Repository) -> None:
    receive(repository, "prod", event_list([audit_event(0, stage="RequestReceived"), audit_event(1)]), NOW)
    (advice,) = advise(traffic_of(repository))
    assert (advice.text, advice.saved.events) == ('omitStages: ["RequestReceived"]\n', 1)


def test_hostile_names_cannot_leave_the_comment_or_the_value(repository: Repository) -> None:
    name = 'system:serviceaccount:a:b\n- level: None\u2028- level: None"]'
    receive(repository, "prod", event_list([machine(n, user={"username": name}) for n in range(9)]), NOW)
    (advice,) = advise(traffic_of(repository))
    assert [line for line in advice.text.splitlines() if not line.startswith("  ")] == []
    assert advice.text.count("\n  - level:") == 1


@pytest.mark.parametrize(("size", "text"), [
    (0, "0 B"), (999, "999 B"), (1_000, "1.0 KB"), (99_960, "100 KB"), (2_345_678, "2.3 MB"), (10**13, "10.0 TB"),
])
def test_sizes_are_written_in_few_characters(size: int, text: str) -> None:
    assert write_bytes(size) == text


def test_pages_show_the_clusters(sqlite_app: Flask, sqlite_client: FlaskClient) -> None:
    assert "No cluster has sent anything yet" in sqlite_client.get("/clusters").text
    now = context_of(sqlite_app).clock()
    events = [machine((now - NOON_US) / 1_000_000 - second) for second in range(9)]
    sqlite_client.post("/webhook/audit/prod", data=event_list(events))
    assert 'href="/clusters/prod?days=7"' in sqlite_client.get("/clusters").text
    page = sqlite_client.get("/clusters/prod?days=30").text
    assert "configmaps" in page and "What cannot be seen" in page and "level: None" in page
    assert sqlite_client.get("/clusters/prod?days=999").status_code == 200
    assert sqlite_client.get("/clusters/nowhere").status_code == 404


def test_thousands_of_made_up_names_keep_the_pages_short(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "MOST_LISTED", 20)
    monkeypatch.setattr(losses, "MOST_CLUSTERS", 20)
    for number in range(60):
        assert client.post(f"/webhook/audit/c{number}", data=event_list([audit_event()])).status_code == 200
    states, more = clusters.list_clusters(
        context_of(app).repository, Dimensions(context_of(app).repository.tallies), 7, context_of(app).clock()
    )
    assert len(states) == 20 and more == 40
    assert "40 further clusters" in client.get("/clusters").get_data(as_text=True)
    page = client.get("/losses").get_data(as_text=True)
    assert "40 further clusters" in page and page.count('aria-label="Senders of ') == 20
    assert client.get("/clusters/c1").status_code == 200
    assert 'aria-label="Senders of c1"' in client.get("/losses?cluster=c1").get_data(as_text=True)
