"""Requests find their command whatever order they come in, and what two people did never meets."""

from __future__ import annotations

import random
from itertools import chain
from typing import Any

import pytest

from audit_webhook.kubectl import Card, Grouping, cards_of, read_request
from audit_webhook.kubectl.sentences import sentence_of
from tests.factories import NOON_US, audit_event, encode
from tests.recorded import ref, status, user
from tests.test_kubectl import CASES, explain

DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/"


def look(seconds: float, name: str = "web", **changes: Any) -> dict[str, Any]:
    """Make a read of a deployment."""
    target = ref("deployments", name, "shop", group="apps")
    return audit_event(seconds, requestURI=DEPLOYMENT + name, objectRef=target, **changes)


def change(seconds: float, name: str = "web", manager: str = "kubectl-label", **changes: Any) -> dict[str, Any]:
    """Make a patch of a deployment."""
    body = {"metadata": {"labels": {"a": "b"}}}
    return look(seconds, name) | {
        "verb": "patch", "requestURI": f"{DEPLOYMENT}{name}?fieldManager={manager}", "level": "RequestResponse",
        "requestObject": body, **changes,
    }


def commands(*events: dict[str, Any]) -> list[str | None]:
    return [card.command for card in explain(list(events))]


def key(card: Card) -> tuple[object, ...]:
    return card.command, card.confidence, tuple(sorted(card.audit_ids))


def test_read_and_write_of_one_run_are_one_card() -> None:
    assert commands(look(0), change(0.01)) == ["kubectl label deployment web a=b -n shop"]


@pytest.mark.parametrize(
    "other",
    [
        {"user": user("bob")},
        {"sourceIPs": ["10.9.9.9"]},
        {"userAgent": "kubectl/v1.20.2 (linux/amd64) kubernetes/faecb19"},
        {"impersonatedUser": {"username": "bob"}},
        {"user": user("alice") | {"extra": {"authentication.kubernetes.io/credential-id": ["X509SHA256=1"]}}},
    ],
)
def test_what_differs_in_who_or_whence_is_never_one_card(other: dict[str, Any]) -> None:
    assert len(commands(look(0), change(0.01, **other))) == 2


def test_clusters_are_never_mixed() -> None:
    pairs = ((look(0), "prod"), (change(0.01), "staging"))
    assert len(cards_of(read_request(encode(event), cluster) for event, cluster in pairs)) == 2


def test_two_different_writes_are_two_cards() -> None:
    events = look(0), change(0.01), look(0.3), change(0.31, manager="kubectl-annotate", requestObject={
        "metadata": {"annotations": {"c": "d"}}})
    assert commands(*events) == [
        "kubectl label deployment web a=b -n shop", "kubectl annotate deployment web c=d -n shop",
    ]


def test_same_change_to_chosen_objects_is_one_card() -> None:
    listing = audit_event(
        0, verb="list", requestURI="/apis/apps/v1/namespaces/shop/deployments?labelSelector=app%3Dweb",
        objectRef=ref("deployments", "", "shop", group="apps"),
    )
    assert commands(listing, change(0.01), change(0.02, "api")) == ["kubectl label deployments a=b -l app=web -n shop"]


def test_version_request_of_a_dispatcher_belongs_to_the_command_after_it() -> None:
    version = audit_event(
        0, requestURI="/version?timeout=5s", objectRef=None, userAgent="kubectl-dispatcher/v1.0 (linux/amd64)"
    )
    assert commands(version, look(0.5), change(0.51)) == ["kubectl label deployment web a=b -n shop"]


def test_stages_of_one_request_are_one_request() -> None:
    session = {
        "verb": "get", "objectRef": ref("pods", "web-0", "shop", "exec"), "auditID": "same",
        "requestURI": "/api/v1/namespaces/shop/pods/web-0/exec?command=sh&container=app&stdin=true&tty=true",
        "requestReceivedTimestamp": "2026-11-23T12:00:00.000000Z", "responseStatus": status(101),
    }
    started = audit_event(0.01, **session, stage="ResponseStarted")
    ended = audit_event(60, **session)
    (card,) = explain([ended, started])
    assert (card.command, len(card.events), card.audit_ids) == (
        "kubectl exec web-0 -i -t -c app -n shop -- sh", 2, ("same",),
    )


def test_every_order_gives_the_same_cards() -> None:
    events = list(chain.from_iterable(case["events"] for case in CASES[:60]))
    in_order = sorted(map(key, explain(events)), key=repr)
    for seed in range(3):
        random.Random(seed).shuffle(events)
        assert sorted(map(key, explain(events)), key=repr) == in_order


def test_no_card_holds_the_writes_of_two_recorded_runs() -> None:
    owners: dict[str, set[str]] = {}
    for case in CASES:
        for event in case["events"]:
            if event["verb"] in ("create", "update", "patch", "delete"):
                owners.setdefault(event["auditID"], set()).add(case["id"])
    for card in explain(list(chain.from_iterable(case["events"] for case in CASES))):
        mine = [owners[each] for each in card.audit_ids if each in owners]
        assert not mine or set.intersection(*mine), card.command


def test_late_event_takes_its_place_by_its_time() -> None:
    grouping = Grouping()
    for event in (change(0.01), look(0)):
        grouping.add(read_request(encode(event), "prod"))
        known = [card.command for card in grouping.cards()]
    assert known == ["kubectl label deployment web a=b -n shop"]


def test_finished_commands_are_taken_once_and_others_stay() -> None:
    grouping = Grouping()
    for event in (look(0), change(0.01), look(100, "api"), change(100.01, "api")):
        grouping.add(read_request(encode(event), "prod"))
    first = grouping.take(NOON_US + 60_000_000)
    assert [card.main.name for card in first] == ["web"]
    assert [card.main.name for card in grouping.cards()] == ["api"]
    assert grouping.take(NOON_US + 60_000_000) == []


def test_sentence_counts_what_one_command_did() -> None:
    (card,) = explain([change(0), change(0.01, "api")])
    assert sentence_of(card) == "alice labelled 2 objects: deployments web, deployments api"


def test_sentence_of_a_drain_names_the_node_and_its_pods() -> None:
    node = audit_event(0, verb="patch", requestURI="/api/v1/nodes/n1", objectRef=ref("nodes", "n1"))
    pods = audit_event(
        0.01, verb="list", requestURI="/api/v1/pods?fieldSelector=spec.nodeName%3Dn1&limit=500", objectRef=ref("pods"),
    )
    gone = audit_event(
        0.02, verb="create", requestURI="/api/v1/namespaces/shop/pods/a/eviction",
        objectRef=ref("pods", "a", "shop", "eviction"),
    )
    (card,) = explain([node, pods, gone])
    assert card.command == "kubectl drain n1"
    assert sentence_of(card) == "alice drained node n1, 1 pod asked to leave"
