"""Every event reads as one good English sentence, and what matters stands out."""

from __future__ import annotations

import gzip
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_webhook.decode import read_wire, to_event
from audit_webhook.event import Event
from audit_webhook.humanize import badge, emphasis, outcome, sentence, summary, why
from audit_webhook.split import split
from tests.factories import audit_event, encode

BATCHES = sorted((Path(__file__).parent / "data" / "webhook").glob("*.json.gz"))


def read(**changes: Any) -> Event:
    raw = encode(audit_event(**changes))
    return to_event(read_wire(raw), raw, "prod")


def ref(resource: str, name: str = "", namespace: str = "", subresource: str = "") -> dict[str, str]:
    parts = {"resource": resource, "name": name, "namespace": namespace, "subresource": subresource}
    return {key: value for key, value in parts.items() if value}


def user(name: str) -> dict[str, str]:
    return {"username": name}


FORBID = {"authorization.k8s.io/decision": "forbid"}
EXEC = "/api/v1/namespaces/shop/pods/web-0/exec?container=app&stdin=true&tty=true"

CASES: list[tuple[dict[str, Any], str]] = [
    ({"verb": "delete", "objectRef": ref("secrets", "db", "payments")}, "alice deleted secret db in payments"),
    ({}, "alice looked at pod web-0 in shop"),
    ({"verb": "list", "objectRef": ref("pods", namespace="shop")}, "alice listed pods in shop"),
    ({"verb": "list", "objectRef": ref("pods")}, "alice listed pods in all namespaces"),
    ({"verb": "list", "objectRef": ref("nodes")}, "alice listed nodes"),
    (
        {"verb": "list", "objectRef": ref("pods", namespace="shop"), "requestURI": "/x?labelSelector=app%3Dweb"},
        "alice listed pods in shop with app=web",
    ),
    (
        {"verb": "list", "objectRef": ref("secrets", namespace="kube-system"), "annotations": FORBID,
         "responseStatus": {"code": 403}},
        "alice may not list secrets in kube-system",
    ),
    ({"objectRef": ref("pods", "web-0", "shop", "exec"), "requestURI": EXEC + "&command=sh"},
     "alice opened a shell in pod web-0 in shop (container app)"),
    ({"objectRef": ref("pods", "web-0", "shop", "exec"), "requestURI": EXEC + "&command=ls&command=-l+%2Ftmp"},
     "alice ran “ls '-l /tmp'” in pod web-0 in shop (container app)"),
    ({"objectRef": ref("pods", "web-0", "shop", "log")}, "alice read the log of pod web-0 in shop"),
    ({"objectRef": ref("pods", "web-0", "shop", "log"), "requestURI": "/x?follow=true"},
     "alice followed the log of pod web-0 in shop"),
    ({"objectRef": ref("pods", "web-0", "shop", "portforward")}, "alice forwarded a port to pod web-0 in shop"),
    ({"verb": "patch", "objectRef": ref("deployments", "web", "shop", "scale")}, "alice scaled deployment web in shop"),
    ({"verb": "create", "objectRef": ref("pods", "web-0", "shop", "binding"), "user": user("system:kube-scheduler")},
     "the scheduler placed pod web-0 in shop on a node"),
    ({"verb": "patch", "objectRef": ref("pods", "web-0", "shop", "status"), "user": user("system:node:n1")},
     "node n1 updated the status of pod web-0 in shop"),
    ({"verb": "create", "objectRef": ref("serviceaccounts", "ci", "shop", "token")},
     "alice created a token for service account ci in shop"),
    ({"verb": "create", "objectRef": ref("pods", namespace="shop")}, "alice created a pod in shop"),
    ({"verb": "create", "objectRef": ref("ingresses", namespace="shop")}, "alice created an ingress in shop"),
    ({"verb": "create", "objectRef": ref("namespaces", "shop", "shop")}, "alice created namespace shop"),
    ({"verb": "deletecollection", "objectRef": ref("networkpolicies", namespace="shop")},
     "alice deleted all network policies in shop"),
    ({"verb": "patch", "objectRef": ref("gizmos", "g", "shop")}, "alice changed gizmo g in shop"),
    ({"verb": "frobnicate", "objectRef": ref("gizmos", "g")}, "alice sent frobnicate for gizmo g"),
    ({"verb": "get", "objectRef": ref("gizmos", "g", "shop", "spin")}, "alice looked at the spin of gizmo g in shop"),
    ({"responseStatus": {"code": 404}}, "alice looked for pod web-0 in shop: there is none"),
    ({"verb": "delete", "responseStatus": {"code": 404}}, "alice tried to delete pod web-0 in shop: there is none"),
    ({"verb": "create", "responseStatus": {"code": 409, "reason": "AlreadyExists"}},
     "alice tried to create pod web-0 in shop: there is one already"),
    ({"verb": "update", "responseStatus": {"code": 409, "reason": "Conflict"}},
     "alice tried to update pod web-0 in shop: it had changed meanwhile"),
    ({"responseStatus": {"code": 418}}, "alice tried to look at pod web-0 in shop: answered with 418"),
    ({"responseStatus": {"code": 500}}, "alice tried to look at pod web-0 in shop: the server failed"),
    ({"user": {}, "responseStatus": {"code": 401}},
     "someone without valid credentials tried to look at pod web-0 in shop: the credentials were not accepted"),
    ({"verb": "delete", "requestURI": "/x?dryRun=All"},
     "alice deleted pod web-0 in shop (dry run: nothing was changed)"),
    ({"verb": "delete", "impersonatedUser": user("bob")}, "alice, acting as bob, deleted pod web-0 in shop"),
    ({"stage": "RequestReceived", "responseStatus": None}, "alice asked to look at pod web-0 in shop"),
    ({"stage": "Panic", "responseStatus": {"code": 500}},
     "alice tried to look at pod web-0 in shop: the apiserver panicked"),
    ({"verb": "watch", "stage": "ResponseStarted", "objectRef": ref("pods", namespace="shop")},
     "alice started watching pods in shop"),
    ({"verb": "watch", "objectRef": ref("pods", namespace="shop"),
      "requestReceivedTimestamp": "2026-11-23T11:55:00.000000Z"},
     "alice stopped watching pods in shop after 5 min"),
    ({"objectRef": None, "requestURI": "/version?timeout=5s"}, "alice asked for the server's version"),
    ({"objectRef": None, "requestURI": "/apis/apps/v1"}, "alice asked which APIs there are"),
    ({"objectRef": None, "requestURI": "/livez"}, "alice checked the apiserver's health"),
    ({"objectRef": None, "requestURI": "/other/path"}, "alice sent GET /other/path"),
    ({"verb": "create", "objectRef": ref("selfsubjectaccessreviews")}, "alice asked whether it is allowed"),
    ({"user": user("system:serviceaccount:kube-system:deployment-controller"), "verb": "create"},
     "the deployment controller created pod web-0 in shop"),
    ({"user": user("system:serviceaccount:shop:bot"), "verb": "create"},
     "service account shop/bot created pod web-0 in shop"),
]


@pytest.mark.parametrize(("changes", "expected"), CASES, ids=[expected for _, expected in CASES])
def test_event_reads_as(changes: dict[str, Any], expected: str) -> None:
    assert summary(read(**changes)) == expected


def test_actor_and_object_are_parts_of_their_own() -> None:
    parts = sentence(read(verb="delete"))
    assert [(part.text, part.role) for part in parts if part.role != "text"] == [
        ("alice", "actor"), ("web-0", "object"), ("shop", "namespace"),
    ]


@pytest.mark.parametrize("path", BATCHES, ids=lambda path: path.name)
def test_every_recorded_event_reads_well(path: Path) -> None:
    for raw in split(gzip.decompress(path.read_bytes())).items:
        text = summary(to_event(read_wire(raw), raw, "prod"))
        assert re.fullmatch(r"\S(?!.*(None|  | ,| :|\bin$|\bof$|\bto$)).*\S", text), text


def test_text_that_would_act_or_hide_is_written_out() -> None:
    text = summary(read(objectRef=ref("pods", "a\u202eb\x1b[31m\nc", "shop")))
    assert text == "alice looked at pod a\\u202eb\\u001b[31m\\u000ac in shop"


def test_huge_name_is_shortened() -> None:
    assert len(summary(read(objectRef=ref("pods", "x" * 100_000)))) < 200


ANY = st.text(max_size=40) | st.sampled_from(["get", "create", "pods", "secrets", "exec", "status", "system:node:"])


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.fixed_dictionaries({
    name: ANY for name in (
        "verb", "resource", "subresource", "name", "namespace", "user", "impersonated_user", "request_uri", "decision",
        "status_reason", "stage", "kind",
    )
}), st.none() | st.integers(0, 999))
def test_no_event_breaks_a_sentence(fields: dict[str, str], code: int | None) -> None:
    event = Event(id="x", cluster="c", time=1, code=code, **fields)
    text = summary(event) + badge(event).label + outcome(event).label + (why(event) or "")
    assert emphasis(event) in ("hot", "warm", "quiet", "plain")
    assert len(text) < 1_500
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in text)


@pytest.mark.parametrize(
    ("changes", "label", "result", "level"),
    [
        ({"verb": "delete", "objectRef": ref("secrets", "db", "shop")}, "delete", "200", "hot"),
        ({"verb": "delete", "objectRef": ref("namespaces", "shop")}, "delete", "200", "hot"),
        ({"verb": "create", "objectRef": ref("clusterrolebindings", "x")}, "create", "200", "hot"),
        ({"verb": "create", "objectRef": ref("rolebindings", "x", "shop")}, "create", "200", "warm"),
        ({"objectRef": ref("pods", "web-0", "shop", "exec"), "responseStatus": {"code": 101}}, "exec", "101", "warm"),
        ({"verb": "list", "objectRef": ref("secrets"), "annotations": FORBID}, "list", "denied", "warm"),
        ({"objectRef": ref("secrets", "db", "shop")}, "get", "200", "warm"),
        ({}, "get", "200", "quiet"),
        ({"verb": "create"}, "create", "200", "plain"),
        ({"verb": "patch", "requestURI": "/x?fieldManager=kubectl-client-side-apply"}, "apply", "200", "plain"),
        ({"verb": "delete", "objectRef": ref("secrets", "db"), "requestURI": "/x?dryRun=All"}, "delete", "200", "plain"),
        ({"user": user("system:node:n1"), "verb": "delete", "objectRef": ref("secrets", "db")}, "delete", "200", "quiet"),
        ({"user": user("system:anonymous"), "verb": "list"}, "list", "200", "hot"),
        ({"responseStatus": {"code": 404}}, "get", "404", "quiet"),
        ({"verb": "create", "responseStatus": {"code": 503}}, "create", "503", "warm"),
        ({"verb": "patch", "impersonatedUser": user("bob")}, "patch", "200", "warm"),
        ({"objectRef": ref("pods", "w", "s", "exec"), "annotations": FORBID}, "exec", "denied", "warm"),
        ({"stage": "RequestReceived", "responseStatus": None, "verb": "create"}, "create", "asked", "plain"),
    ],
)
def test_badge_outcome_and_emphasis(changes: dict[str, Any], label: str, result: str, level: str) -> None:
    event = read(**changes)
    assert (badge(event).label, outcome(event).label, emphasis(event)) == (label, result, level)
    assert (why(event) is not None) == (level in ("hot", "warm"))


def test_little_of_the_recorded_traffic_stands_out() -> None:
    raws = [raw for path in BATCHES for raw in split(gzip.decompress(path.read_bytes())).items]
    levels = [emphasis(to_event(read_wire(raw), raw, "prod")) for raw in raws]
    assert levels.count("hot") < len(levels) * 0.03
    assert levels.count("quiet") > len(levels) * 0.4
