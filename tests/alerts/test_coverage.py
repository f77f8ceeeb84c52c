"""Coverage: a rule that cannot fire because of what is recorded is told from one that nobody gave a reason to."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from audit_webhook.alerts.coverage import DAYS, view_coverage
from audit_webhook.alerts.rule_files import read_text
from audit_webhook.context import context_of, now
from audit_webhook.ingest.receive import receive
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.scope import Scope
from tests.factories import NOON_US, audit_event, event_list

RULE = """
[[rule]]
id = "{id}"
title = "t"
severity = "low"
query = "{query}"
why = "w"
next = "n"
fire = ["get pods a"]
pass = ["get pods a"]
"""
RULES = read_text("".join(RULE.format(id=name, query=query) for name, query in (
    ("node-port", "resource:services verb:(create or update) request.spec.type:NodePort"),
    ("answer", "resource:services response.spec.type:NodePort"),
    ("secret-read", "resource:secrets verb:get"),
    ("shell", "resource:pods sub:exec"),
    ("anything", "user:mallory"),
)), "own.toml")
SERVICE = {"resource": "services", "namespace": "shop", "name": "web"}


def verdicts(repository: Repository, moment: int = NOON_US) -> dict[str, dict[str, str]]:
    """Return by cluster the verdict on each rule."""
    found = view_coverage(repository, RULES, moment)
    return {each.cluster: {one.rule.id: one.verdict for one in each.rules} for each in found}


def send(repository: Repository, cluster: str, *events: dict[str, Any]) -> None:
    """Store a batch of a cluster."""
    receive(repository, cluster, event_list(events), NOON_US)


def create(level: str, seconds: float = 0, **changes: Any) -> dict[str, Any]:
    """Make an event in which a service was created, at a level."""
    return audit_event(seconds, verb="create", level=level, **{"objectRef": SERVICE, **changes})


def test_rule_cannot_fire_where_requests_are_recorded_without_what_it_needs(repository: Repository) -> None:
    send(repository, "bare", create("Metadata"))
    send(repository, "half", create("Request"))
    send(repository, "full", create("Metadata"), create("RequestResponse", 1))
    found = verdicts(repository)
    assert [found[name]["node-port"] for name in ("bare", "half", "full")] == ["cannot", "can", "can"]
    assert [found[name]["answer"] for name in ("bare", "half", "full")] == ["cannot", "cannot", "can"]
    (bare, _, _) = view_coverage(repository, RULES, NOON_US)
    assert "services are recorded at Metadata" in bare.rules[0].reason
    assert (bare.count("cannot"), bare.count("not known"), bare.count("can")) == (2, 2, 1)


def test_rule_whose_requests_were_not_recorded_is_not_known(repository: Repository) -> None:
    pod = {"resource": "pods", "namespace": "shop", "name": "web"}
    secret = {"resource": "secrets", "namespace": "shop", "name": "db"}
    send(repository, "prod", audit_event(verb="get", objectRef=pod))
    send(repository, "prod", audit_event(1, verb="get", objectRef=secret, stage="RequestReceived"))
    found = verdicts(repository)["prod"]
    assert (found["shell"], found["secret-read"], found["anything"]) == ("not known", "not known", "can")
    send(repository, "prod", audit_event(2, verb="get", objectRef=secret))
    send(repository, "prod", audit_event(3, verb="create", objectRef={**pod, "subresource": "exec"}))
    found = verdicts(repository)["prod"]
    assert (found["shell"], found["secret-read"]) == ("can", "can")


def test_what_was_recorded_long_ago_does_not_count(repository: Repository) -> None:
    send(repository, "prod", create("RequestResponse"))
    day = 86_400_000_000
    assert verdicts(repository, NOON_US + (DAYS - 1) * day)["prod"]["node-port"] == "can"
    assert verdicts(repository, NOON_US + DAYS * day) == {}


def test_limited_reader_is_told_of_their_own_namespaces_alone(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(repository, "prod", create("Metadata"))
    send(repository, "prod", create("RequestResponse", 1, objectRef={**SERVICE, "namespace": "bank"}))
    send(repository, "staging", create("RequestResponse", 1, objectRef={**SERVICE, "namespace": "bank"}))
    monkeypatch.setattr(repository.tallies, "_scope", lambda: Scope(None, frozenset({"shop"})))
    found = verdicts(repository)
    assert found.keys() == {"prod"} and found["prod"]["node-port"] == "cannot"


def test_page_and_json_say_the_same_of_each_cluster(sqlite_app: Flask) -> None:
    client, repository = sqlite_app.test_client(), context_of(sqlite_app).repository
    assert "Nothing was recorded lately" in client.get("/rules/coverage").text
    seconds = (now() - NOON_US) / 1_000_000 - 60
    receive(repository, "prod", event_list([create("Metadata", seconds)]), now())
    (found,) = client.get("/api/v1/rules/coverage").get_json()["clusters"]
    rules = {rule["id"]: rule for rule in found["rules"]}
    assert rules["nodeport-service"]["verdict"] == "cannot" and "Metadata" in rules["nodeport-service"]["reason"]
    assert rules["exec"]["verdict"] == "not_known" and "deployment-deleted" not in rules
    page = client.get("/rules/coverage").text
    assert f"{found['can']} can, {found['cannot']} cannot, {found['not_known']} not known" in page
    assert "services are recorded at Metadata" in page and "/rules/coverage" in client.get("/rules").text
