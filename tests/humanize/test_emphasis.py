"""What matters stands out, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest

from audit_webhook.humanize import badge, emphasis, outcome, why
from tests.recorded import BATCHES, FORBID, KUBELET, MANAGER, controller, in_pod, ran, read, recorded, ref, status, user

RBAC = "rbac.authorization.k8s.io"
SERVICE_ACCOUNT = user("system:serviceaccount:shop:bot")
NODE = user("system:node:n1")


def secrets(verb: str, name: str = "", namespace: str = "", query: str = "") -> dict[str, Any]:
    return {"verb": verb, "objectRef": ref("secrets", name, namespace), "requestURI": f"/api/v1/secrets?{query}"}


def rights(verb: str, resource: str, **changes: Any) -> dict[str, Any]:
    return {"verb": verb, "objectRef": ref(resource, "x", "", group=RBAC), **changes}


@pytest.mark.parametrize(
    ("changes", "text", "tone"),
    [
        ({}, "get", "read"),
        ({"verb": "create"}, "create", "create"),
        ({"verb": "update"}, "update", "change"),
        ({"verb": "deletecollection"}, "delete all", "delete"),
        ({"verb": "patch", "requestURI": "/x?fieldManager=kubectl-client-side-apply"}, "apply", "change"),
        ({"verb": "frobnicate"}, "frobnicate", "other"),
        ({"verb": ""}, "?", "other"),
        (ran("command=sh"), "exec", "exec"),
        (in_pod("log", ""), "logs", "read"),
        (in_pod("portforward", ""), "forward", "exec"),
        (in_pod("ephemeralcontainers", "", verb="patch"), "debug", "exec"),
        (in_pod("ephemeralcontainers", ""), "get", "read"),
        (in_pod("eviction", "", verb="create"), "evict", "delete"),
        (in_pod("binding", "", verb="create"), "bind", "create"),
        (in_pod("status", "", verb="patch"), "status", "change"),
        ({"verb": "create", "objectRef": ref("serviceaccounts", "ci", "shop", "token")}, "token", "create"),
        ({"verb": "create", "objectRef": ref("selfsubjectaccessreviews")}, "check", "read"),
        ({"verb": "update", "objectRef": ref("leases", "n1", "kube-node-lease")}, "update", "change"),
        ({"verb": "update", "objectRef": ref("leases", "n1", "kube-node-lease"), "user": NODE, "userAgent": KUBELET},
         "renew", "change"),
    ],
)
def test_badge_is_the_better_word_for_the_verb(changes: dict[str, Any], text: str, tone: str) -> None:
    assert badge(read(**changes)) == (text, tone)


@pytest.mark.parametrize(
    ("changes", "text", "tone"),
    [
        ({}, "200", "ok"),
        ({"responseStatus": status(101)}, "101", "ok"),
        ({"responseStatus": status(404)}, "404", "failed"),
        ({"responseStatus": status(401), "user": {}}, "401", "failed"),
        ({"responseStatus": status(403), "annotations": FORBID}, "denied", "denied"),
        ({"responseStatus": status(403, "Forbidden", "exceeded quota")}, "denied", "denied"),
        (in_pod("proxy", "", responseStatus=status(403)), "403", "failed"),
        ({"stage": "RequestReceived", "responseStatus": None}, "asked", "pending"),
        ({"responseStatus": None}, "?", "pending"),
        ({"stage": "Panic", "responseStatus": status(500)}, "panic", "failed"),
    ],
)
def test_outcome_is_the_code_or_what_it_means(changes: dict[str, Any], text: str, tone: str) -> None:
    assert outcome(read(**changes)) == (text, tone)


HOT: list[dict[str, Any]] = [
    secrets("delete", "db", "shop"),
    secrets("list"),
    {"verb": "delete", "objectRef": ref("namespaces", "shop")},
    {"verb": "delete", "objectRef": ref("persistentvolumes", "v")},
    {"verb": "delete", "objectRef": ref("customresourcedefinitions", "g.example.org", group="apiextensions.k8s.io")},
    rights("create", "clusterrolebindings"),
    rights("patch", "clusterrolebindings"),
    {"user": user("system:anonymous"), "verb": "list"},
    {"objectRef": ref("nodes", "n1", "", "proxy"), "requestURI": "/api/v1/nodes/n1/proxy/run/shop/web-0/app?cmd=id"},
]
WARM: list[dict[str, Any]] = [
    secrets("get", "db", "shop"),
    secrets("list", namespace="shop"),
    rights("create", "rolebindings"),
    rights("delete", "clusterrolebindings"),
    rights("create", "clusterrolebindings", user=SERVICE_ACCOUNT),
    rights("update", "roles"),
    ran("command=sh"),
    ran("command=sh", user=SERVICE_ACCOUNT),
    in_pod("attach", ""),
    in_pod("portforward", ""),
    in_pod("ephemeralcontainers", "", verb="patch"),
    {"objectRef": ref("nodes", "n1", "", "proxy"), "requestURI": "/api/v1/nodes/n1/proxy/metrics"},
    {"verb": "create", "objectRef": ref("serviceaccounts", "ci", "shop", "token")},
    {"verb": "update", "objectRef": ref("certificatesigningrequests", "dev", "", "approval")},
    {"verb": "delete", "objectRef": ref("validatingwebhookconfigurations", "w", group="admissionregistration.k8s.io")},
    {"verb": "delete", "objectRef": ref("networkpolicies", "n", "shop", group="networking.k8s.io")},
    {"verb": "delete", "objectRef": ref("events", "e", "shop")},
    {"verb": "deletecollection", "objectRef": ref("pods", namespace="shop")},
    {"verb": "update", "objectRef": ref("configmaps", "aws-auth", "kube-system")},
    {"verb": "patch", "impersonatedUser": user("bob")},
    secrets("get", "sh.helm.release.v1.web.v3", "shop"),
    secrets("get", "sh.helm.release.v1.web.v3", "shop") | {"userAgent": "curl/8.5", "user": SERVICE_ACCOUNT},
    secrets("list", namespace="shop", query="labelSelector=owner%3Dhelm,name%3Dweb") | {"userAgent": "curl/8.5"},
    {"annotations": FORBID, "responseStatus": status(403)},
    {"user": {}, "responseStatus": status(401)},
    {"verb": "create", "responseStatus": status(503)},
    {"stage": "Panic", "responseStatus": status(500)},
]
PLAIN: list[dict[str, Any]] = [
    {"verb": "create"},
    {"verb": "delete"},
    {"verb": "delete", "user": SERVICE_ACCOUNT},
    {"verb": "create", "responseStatus": status(409)},
    secrets("delete", "db", "shop", "dryRun=All"),
    secrets("delete", "db") | {"responseStatus": status(404)},
    secrets("delete", "db") | {"stage": "RequestReceived", "responseStatus": None},
    {"verb": "patch", "objectRef": ref("roles", "x", "shop", group="iam.example.org")},
    ran("command=sh") | {"responseStatus": status(400)},
]
QUIET: list[dict[str, Any]] = [
    {},
    {"responseStatus": status(404)},
    secrets("list", namespace="shop", query="labelSelector=owner%3Dhelm,name%3Dweb") | {"userAgent": "Helm/3.14.0"},
    secrets("get", "sh.helm.release.v1.web.v3", "shop") | {"userAgent": "Helm/3.14.0"},
    {"objectRef": None, "requestURI": "/version", "user": user("system:anonymous")},
    {"objectRef": None, "requestURI": "/api", "impersonatedUser": user("bob")},
    {"objectRef": ref("configmaps", "cluster-info", "kube-public"), "user": user("system:anonymous")},
    {"verb": "create", "objectRef": ref("selfsubjectaccessreviews"), "impersonatedUser": user("bob")},
    secrets("delete", "db", "shop") | {"user": NODE, "userAgent": KUBELET},
    secrets("list") | {"user": user("system:kube-controller-manager"), "userAgent": MANAGER},
    {"verb": "delete", "user": controller("generic-garbage-collector"), "userAgent": MANAGER},
    {"verb": "update", "user": SERVICE_ACCOUNT},
    {"verb": "get", "user": SERVICE_ACCOUNT, "impersonatedUser": user("bob")},
    rights("update", "clusterroles", user=controller("clusterrole-aggregation-controller"), userAgent=MANAGER),
]
LEVELS = [
    (level, case)
    for level, cases in (("hot", HOT), ("warm", WARM), ("plain", PLAIN), ("quiet", QUIET))
    for case in cases
]


@pytest.mark.parametrize(("level", "changes"), LEVELS)
def test_event_stands_out_as_far_as_it_should(level: str, changes: dict[str, Any]) -> None:
    assert emphasis(read(**changes)) == level


@pytest.mark.parametrize(("level", "changes"), LEVELS)
def test_what_stands_out_says_why_in_a_few_words(level: str, changes: dict[str, Any]) -> None:
    reason = why(read(**changes))
    assert bool(reason) == (level in ("hot", "warm"))
    assert len(reason) <= 60


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (ran("command=bash", "&stdin=true&tty=true"), "a shell in a running container"),
        (ran("command=id"), "a command in a running container"),
        (ran("command=tar&command=cf&command=-&command=%2Fetc"), "files copied out of a running container"),
    ],
)
def test_kind_of_session_is_told_apart(changes: dict[str, Any], reason: str) -> None:
    assert why(read(**changes)) == reason


def test_little_of_the_recorded_traffic_stands_out() -> None:
    levels = [emphasis(event) for path in BATCHES for event in recorded(path)]
    assert levels.count("hot") < len(levels) * 0.03
    assert levels.count("warm") < len(levels) * 0.2
    assert levels.count("quiet") > len(levels) * 0.4
