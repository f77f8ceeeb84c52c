"""Rules for paths that are no resource: what is suggested, for whom, what it saves, and what it hides."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.context import context_of
from audit_webhook.explore.clusters import path_advice
from audit_webhook.explore.clusters.path_advice import advise_on_paths, family_of
from audit_webhook.explore.clusters.policy_advice import Advice, advise
from audit_webhook.explore.clusters.volume import Amount, read_traffic
from audit_webhook.explore.setup.policy import METRICS_PATHS
from audit_webhook.ingest.receive import receive
from audit_webhook.search import feed
from audit_webhook.search.histogram.dimensions import Dimensions
from audit_webhook.storage.repository import Repository
from tests.factories import NOON_US, audit_event, encode, event_list
from tests.recorded import KUBELET

NOW = NOON_US + 3_600_000_000
PROMETHEUS = "system:serviceaccount:monitoring:prometheus"


def asking(path: str, user: str = PROMETHEUS, seconds: float = 0, **changes: Any) -> dict[str, Any]:
    """Make an event of a request for a path."""
    agent = {"userAgent": KUBELET} if user.startswith("system:node:") else {}
    event = audit_event(seconds, requestURI=path, user={"username": user}, **agent, **changes)
    return {key: value for key, value in event.items() if key != "objectRef"}


def advice_of(repository: Repository, *events: dict[str, Any], days: int = 7) -> list[Advice]:
    receive(repository, "prod", event_list(events), NOW)
    receive(repository, "other", event_list([asking("/healthz", seconds=5)]), NOW)
    traffic = read_traffic(repository, Dimensions(repository.tallies), days, NOW)["prod"]
    return advise(traffic, advise_on_paths(repository, "prod", traffic, days, NOW))


def rule_of(advice: Advice) -> dict[str, Any]:
    """Read a rule as a kube-apiserver would."""
    (rule,) = yaml.safe_load(f"rules:\n{advice.text}")["rules"]
    return dict(rule)


@pytest.mark.parametrize(("uri", "name"), [
    ("/healthz", "health checks"), ("/livez/ping", "health checks"), ("/readyz?verbose", "health checks"),
    ("/api", "discovery"), ("/apis/apps/v1", "discovery"), ("/openapi/v3?hash=1", "discovery"),
    ("/version", "discovery"), ("/metrics", "metrics"), ("/metrics/slis", "metrics"),
    ("/", ""), ("/healthzz", ""), ("/logs", ""), ("/apisecret", ""), ("/versions", ""), ("", ""),
])
def test_path_has_the_family_whose_rule_matches_it(uri: str, name: str) -> None:
    family = family_of(uri)
    assert (family.name if family else "") == name


def test_metrics_of_one_identity_are_left_out_and_nothing_else(repository: Repository) -> None:
    reads = [asking("/metrics", seconds=second) for second in range(20)]
    (advice,) = advice_of(repository, *reads, asking("/metrics", "alice", 50), asking("/logs", seconds=51))
    assert rule_of(advice) == {
        "level": "None", "users": [PROMETHEUS], "verbs": ["get"], "nonResourceURLs": METRICS_PATHS,
    }
    assert advice.saved == Amount(20, sum(len(encode(event)) for event in reads)) and advice.estimate == ""
    assert "this identity" in advice.hides
    assert len(feed.page(repository, f"cluster:prod {advice.query}", None, 100, NOW).events) == 20


def test_health_checks_are_left_out_whoever_asks(repository: Repository) -> None:
    users = ("system:anonymous", "alice", PROMETHEUS, "system:node:n1")
    checks = [asking(f"/livez?{number}", user, number) for number, user in enumerate(users)]
    (advice,) = advice_of(repository, *checks)
    assert rule_of(advice).keys() == {"level", "verbs", "nonResourceURLs"}
    assert advice.saved.events == 4 and "sent 2 of those looked at" in advice.hides
    assert len(feed.page(repository, f"cluster:prod {advice.query}", None, 100, NOW).events) == 4


def test_nodes_share_a_rule_for_discovery(repository: Repository) -> None:
    asked = [asking(path, f"system:node:n{number}", number) for number, path in enumerate(("/api", "/apis/x/v1"))]
    (advice,) = advice_of(repository, *asked)
    assert rule_of(advice)["userGroups"] == ["system:nodes"] and advice.saved.events == 2
    assert len(feed.page(repository, f"cluster:prod {advice.query}", None, 100, NOW).events) == 2


@pytest.mark.parametrize("event", [
    asking("/version", "alice"), asking("/api", "system:anonymous"), asking("/metrics", ""),
    asking("/metrics", verb="post"), asking("/logs"), asking("/api", impersonatedUser={"username": "bob"}),
], ids=["people", "anonymous", "no name", "other verb", "other path", "impersonation"])
def test_what_an_investigation_needs_is_never_advised_away(
    repository: Repository, event: dict[str, Any]
) -> None:
    assert advice_of(repository, *({**event, "auditID": f"a{number}"} for number in range(20))) == []


def test_denied_requests_that_a_rule_would_hide_are_counted(repository: Repository) -> None:
    denied = [asking("/metrics", seconds=second, responseStatus={"code": 403}) for second in range(3)]
    (advice,) = advice_of(repository, *denied, asking("/metrics", seconds=9))
    assert "Of them 3 were denied" in advice.hides


def test_estimate_stands_for_all_days_and_says_so(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path_advice, "SAMPLE", 10)
    reads = [asking("/metrics" if number % 2 else "/logs", seconds=-number) for number in range(100)]
    (advice,) = advice_of(repository, *reads)
    assert advice.saved.events == 50 and advice.estimate.startswith("Estimated from the newest 10 ")
    assert advice.saved.raw_bytes == pytest.approx(sum(len(encode(event)) for event in reads[1::2]), rel=.1)


def test_estimate_is_of_each_caller_by_itself(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_advice, "SAMPLE", 40)
    other = [asking("/livez", "system:anonymous", -1_000 - number) for number in range(60)]
    mixed = [asking("/metrics" if number % 2 else "/version", seconds=-number) for number in range(100)]
    found = advice_of(repository, *mixed, *other)
    assert {advice.saved.events for advice in found} == {50} and len(found) == 2


def test_time_that_runs_out_leaves_an_estimate(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_advice, "READ_SECONDS", -1.0)
    (advice,) = advice_of(repository, *(asking("/metrics", seconds=-number) for number in range(120)))
    assert advice.saved.events == 120
    assert advice.estimate == f"Estimated from the newest {path_advice.READ_AT_ONCE} requests for paths."


def test_few_requests_for_paths_are_not_even_read(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_nothing(*_: object) -> None:
        raise AssertionError("read although no rule could pay")

    monkeypatch.setattr(path_advice, "read_paths", read_nothing)
    assert advice_of(repository, asking("/metrics"), *(audit_event(-number) for number in range(150))) == []


def test_only_the_days_asked_for_are_looked_at(repository: Repository) -> None:
    old = [asking("/metrics", seconds=-3 * 86_400 - number) for number in range(5)]
    (advice,) = advice_of(repository, *old, asking("/metrics"), days=2)
    assert advice.saved.events == 1


def test_hostile_name_cannot_leave_the_comment_or_the_value(repository: Repository) -> None:
    name = 'system:serviceaccount:a:b\n- level: None\u2028- level: None"]'
    (advice,) = advice_of(repository, *(asking("/metrics", name, number) for number in range(9)))
    assert rule_of(advice)["users"] == [name]
    assert advice.text.count("\n  - level:") == 1


def test_page_shows_the_rule(sqlite_app: Flask, sqlite_client: FlaskClient) -> None:
    now = context_of(sqlite_app).clock()
    events = [asking("/livez", seconds=(now - NOON_US) / 1_000_000 - second) for second in range(9)]
    sqlite_client.post("/webhook/audit/prod", data=event_list(events))
    page = sqlite_client.get("/clusters/prod?days=7").text
    assert "nonResourceURLs: [" in page and "Health checks." in page
