"""Requests find their command whatever order they come in, and what two people did never meets."""

from __future__ import annotations

import random
import shlex
from itertools import chain
from typing import Any

import pytest

from audit_webhook.kubectl import Card, Grouping, cards_of, read_request
from audit_webhook.kubectl.doubts import SEVERAL
from audit_webhook.kubectl.sentences import sentence_of
from tests.factories import NOON_US, audit_event, encode
from tests.kubectl.test_kubectl import CASES, explain
from tests.recorded import ref, status, user

RUNS = {case["id"] for case in CASES if not case["id"].startswith("told-")}
RUN_OF: dict[str, set[str]] = {}
for run in CASES:
    for each in run["events"] if run["id"] in RUNS else ():
        RUN_OF.setdefault(each["auditID"], set()).add(run["id"])
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


def without_bodies(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in ("requestObject", "responseObject")} | {
        "level": "Metadata"}


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
    assert sentence_of(card) == "alice labelled 2 objects: deployment web, deployment api in shop"


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


def test_no_card_that_is_exact_holds_requests_of_two_recorded_runs() -> None:
    """All recordings joined into one log: commands that other people, or the same ones, typed before and after."""
    events = list(chain.from_iterable(case["events"] for case in CASES if case["id"] in RUNS))
    for bare in (False, True):
        mixed = 0
        for card in explain([without_bodies(event) if bare else event for event in events]):
            runs = {next(iter(RUN_OF[each])) for each in card.audit_ids if len(RUN_OF[each]) == 1}
            mixed += len(runs) > 1
            assert len(runs) < 2 or card.confidence != "exact", card.command
        assert mixed <= len(RUNS) / 200


def test_exact_card_is_about_the_namespace_that_it_names() -> None:
    for case in CASES:
        for card in explain(case["events"]):
            spaces = {event.namespace for event in card.events if event.namespace and event.resource != "namespaces"}
            words = shlex.split(card.command or "")
            if card.confidence == "exact" and "-n" in words and words[1] not in ("drain", "cluster-info"):
                assert spaces <= {words[words.index("-n") + 1]}, card.command


@pytest.mark.parametrize(("manager", "gap", "expected"), [
    ("kubectl-label", 0.06, 2), ("kubectl-label", 0.1, 2), ("kubectl-label", 0.004, 1), ("kubectl-rollout", 0.004, 2),
])
def test_commands_of_a_script_are_told_apart(manager: str, gap: float, expected: int) -> None:
    """A new kubectl needs some 50 ms to start; commands that read all objects first never read one after a write."""
    later = 0.012 + gap
    patched = change(later + 0.004, "api", manager)
    cards = explain([look(0), change(0.004, manager=manager), look(later, "api"), patched])
    assert len(cards) == expected
    assert all(card.confidence == "likely" and SEVERAL in card.unknown for card in cards if expected == 1)


def test_drain_takes_nothing_but_the_evictions_of_pods() -> None:
    node = audit_event(0, verb="patch", requestURI="/api/v1/nodes/n1", objectRef=ref("nodes", "n1"))
    pods = audit_event(
        0.01, verb="list", requestURI="/api/v1/pods?fieldSelector=spec.nodeName%3Dn1&limit=500", objectRef=ref("pods"),
    )
    gone = audit_event(
        0.02, verb="create", requestURI="/api/v1/namespaces/shop/pods/a/eviction",
        objectRef=ref("pods", "a", "shop", "eviction"),
    )
    machine = audit_event(0.5, verb="delete", requestURI="/api/v1/nodes/n1", objectRef=ref("nodes", "n1"))
    other = audit_event(
        0.6, verb="delete", requestURI="/api/v1/namespaces/shop/pods/b", objectRef=ref("pods", "b", "shop"),
    )
    told = commands(node, pods, gone, machine, other)
    assert told == ["kubectl drain n1", "kubectl delete node n1", "kubectl delete pod b -n shop"]


def test_second_copy_of_an_aggregated_apiserver_is_no_second_request() -> None:
    copy = {"auditID": "agg", "requestURI": "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods", "verb": "list",
            "objectRef": ref("pods", "", "shop", group="metrics.k8s.io")}
    first = audit_event(0, **copy, sourceIPs=["192.0.2.30"], requestReceivedTimestamp="2026-11-23T12:00:00.000000Z")
    second = audit_event(0.003, **copy, sourceIPs=["192.0.2.30", "10.128.0.1"],
                         requestReceivedTimestamp="2026-11-23T12:00:00.002000Z")
    for events in ([first, second], [second, first]):
        (card,) = explain(events)
        assert (card.command, len(card.events), card.main.source_ips) == (
            "kubectl top pods -n shop", 2, ("192.0.2.30",),
        )
