"""Plural and verb are not enough: what another group's resources, subresources and words mean is told apart."""

from __future__ import annotations

from typing import Any

import pytest

from audit_webhook.events.api_resources import BUILT_IN, find, has_namesake, singular_of
from audit_webhook.humanize import badge, emphasis, summary, why
from audit_webhook.kubectl import cards_of, read_request
from audit_webhook.kubectl.sentences import sentence_of
from tests.factories import audit_event, encode
from tests.recorded import KUBELET, MANAGER, controller, in_pod, ran, read, ref, user

KUBEVIRT = "subresources.kubevirt.io"
TYPED = "&container=app&stdin=true&stdout=true&tty=true"
NAMESAKES: list[tuple[dict[str, Any], str]] = [
    ({"verb": "delete", "objectRef": ref("nodes", "n", "", group="management.cattle.io")},
     "alice deleted node.management.cattle.io n"),
    ({"verb": "patch", "objectRef": ref("services", "web", "shop", group="serving.knative.dev")},
     "alice changed service.serving.knative.dev web in shop"),
    ({"verb": "list", "objectRef": ref("secrets", namespace="shop", group="vault.example.org")},
     "alice listed secrets.vault.example.org in shop"),
    ({"verb": "list", "objectRef": ref("roles", group="iam.example.org")}, "alice listed roles.iam.example.org"),
    ({"verb": "update", "objectRef": ref("leases", "l", "shop", group="boskos.example.org"), "userAgent": "boskos/1",
      "user": user("system:serviceaccount:ci:boskos")},
     "service account ci/boskos updated lease.boskos.example.org l in shop"),
    ({"verb": "update", "objectRef": ref("events", "e", "shop", group="eventing.example.org"), "userAgent": "x/1",
      "user": user("system:serviceaccount:ci:x")}, "service account ci/x updated event.eventing.example.org e in shop"),
    ({"verb": "create", "objectRef": ref("tokenreviews", "t", group="auth.example.org")},
     "alice created tokenreview.auth.example.org t"),
    ({"verb": "create", "objectRef": ref("pods", "p", "shop", "eviction", group="x.example.org")},
     "alice sent eviction to pod.x.example.org p in shop"),
    ({"verb": "list", "objectRef": ref("events", namespace="shop", group="events.k8s.io")},
     "alice listed events in shop"),
    ({"verb": "delete", "objectRef": ref("deployments", "web", "shop", group="extensions")},
     "alice deleted deployment web in shop"),
]
UNKNOWN: list[tuple[dict[str, Any], str]] = [
    ({"verb": "delete", "objectRef": ref("prometheuses", "k8s", "mon", group="monitoring.coreos.com")},
     "alice deleted prometheuses k8s in mon"),
    ({"verb": "delete", "objectRef": ref("redis", "cache", "shop", group="redis.example.org")},
     "alice deleted redis cache in shop"),
    ({"verb": "delete", "objectRef": ref("eventbus", "default", "shop", group="argoproj.io")},
     "alice deleted eventbus default in shop"),
    ({"verb": "delete", "objectRef": ref("certificates", "web", "shop", group="cert-manager.io")},
     "alice deleted certificate web in shop"),
    ({"verb": "patch", "objectRef": ref("prometheuses", "k8s", "mon", group="monitoring.coreos.com"),
      "level": "RequestResponse", "responseObject": {"kind": "Prometheus"}}, "alice changed prometheus k8s in mon"),
    ({"verb": "create", "objectRef": ref("people", "bob", "hr", group="example.org"), "level": "Request",
      "requestObject": {"kind": "Person"}}, "alice created person bob in hr"),
    ({"verb": "delete", "objectRef": ref("prometheuses", "k8s", "mon", group="monitoring.coreos.com"),
      "level": "RequestResponse", "requestObject": {"kind": "DeleteOptions"}, "responseObject": {"kind": "Status"}},
     "alice deleted prometheuses k8s in mon"),
    ({"verb": "patch", "objectRef": ref("gizmos", "g", "shop", group="example.org"), "level": "RequestResponse",
      "responseObject": {"kind": "x in kube-system\u202e"}}, "alice changed gizmo g in shop"),
]
ACTIONS: list[tuple[dict[str, Any], str]] = [
    ({"verb": "update", "objectRef": ref("virtualmachines", "vm1", "vms", "stop", KUBEVIRT)},
     "alice sent stop to virtualmachine vm1 in vms"),
    ({"verb": "create", "objectRef": ref("deploymentconfigs", "web", "shop", "instantiate", "apps.openshift.io")},
     "alice sent instantiate to deploymentconfig web in shop"),
    ({"verb": "create", "objectRef": ref("virtualmachineinstances", "vm1", "vms", "evict", KUBEVIRT)},
     "alice sent evict to virtualmachineinstance vm1 in vms"),
    ({"objectRef": ref("virtualmachineinstances", "vm1", "vms", "console", KUBEVIRT)},
     "alice opened the console of virtualmachineinstance vm1 in vms"),
    ({"objectRef": ref("virtualmachineinstances", "vm1", "vms", "vnc", KUBEVIRT)},
     "alice connected to the vnc of virtualmachineinstance vm1 in vms"),
    ({"objectRef": ref("virtualmachineinstances", "vm1", "vms", "portforward", KUBEVIRT)},
     "alice forwarded a port to virtualmachineinstance vm1 in vms"),
    ({"verb": "delete", "objectRef": ref("clusters", "member1", "", "proxy", "cluster.karmada.io"),
      "requestURI": "/apis/cluster.karmada.io/v1alpha1/clusters/member1/proxy/api/v1/namespaces/shop/pods/web-0"},
     "alice called DELETE /api/v1/namespaces/shop/pods/web-0 of cluster member1 through the apiserver"),
    ({"objectRef": ref("builds", "b", "shop", "log", "build.openshift.io")},
     "alice read the log of build b in shop"),
    ({"verb": "update", "objectRef": ref("gizmos", "g", "shop", "status", "example.org")},
     "alice changed the status of gizmo g in shop"),
    ({"verb": "patch", "objectRef": ref("gizmos", "g", "shop", "scale", "example.org")},
     "alice scaled gizmo g in shop"),
]
BY_HAND: list[tuple[dict[str, Any], str]] = [
    ({"verb": "patch", "objectRef": ref("leases", "kube-scheduler", "kube-system", group="coordination.k8s.io")},
     "alice changed lease kube-scheduler in kube-system"),
    ({"verb": "update", "objectRef": ref("events", "web.1", "shop")}, "alice changed event web.1 in shop"),
    ({"verb": "patch", "objectRef": ref("events", "web.1", "shop"), "user": user("system:serviceaccount:ci:bot")},
     "service account ci/bot changed event web.1 in shop"),
    ({"verb": "patch", "objectRef": ref("events", "web.1", "shop"), "user": user("system:node:n1"),
      "userAgent": KUBELET}, "node n1 reported an event again in shop"),
    ({"verb": "update", "objectRef": ref("leases", "l", "kube-system", group="coordination.k8s.io"),
      "user": controller("node-controller"), "userAgent": MANAGER},
     "the node controller renewed lease l in kube-system"),
]
PROJECTS: list[tuple[dict[str, Any], str]] = [
    ({"verb": "delete", "objectRef": ref("projects", "payments", "payments", group="project.openshift.io")},
     "alice deleted project payments"),
    ({"verb": "create", "objectRef": ref("projectrequests", "payments", group="project.openshift.io")},
     "alice requested project payments"),
    ({"verb": "delete", "objectRef": ref("projects", "p-x", "c-y", group="management.cattle.io")},
     "alice deleted project p-x in c-y"),
]
CASES = NAMESAKES + UNKNOWN + ACTIONS + BY_HAND + PROJECTS


@pytest.mark.parametrize(("changes", "expected"), CASES, ids=[expected for _, expected in CASES])
def test_event_reads_as(changes: dict[str, Any], expected: str) -> None:
    assert summary(read(**changes)) == expected


@pytest.mark.parametrize("verb", ["get", "list", "create", "update", "patch", "delete", "deletecollection"])
def test_another_groups_resource_is_never_told_as_kubernetes_own(verb: str) -> None:
    name = "" if verb in ("list", "deletecollection") else "x"
    for resource in [each.plural for each in BUILT_IN]:
        event = read(verb=verb, objectRef=ref(resource, name, "shop", group="other.example.org"))
        assert has_namesake("other.example.org", resource), resource
        assert ".other.example.org" in summary(event), resource
        level = {"deletecollection": "warm", "get": "quiet", "list": "quiet"}.get(verb, "plain")
        assert emphasis(event) == level, resource
        assert event.command in ("get", "create", "replace", "patch", "delete"), resource


@pytest.mark.parametrize("resource", ["pods", "nodes", "services", "serviceaccounts", "certificatesigningrequests"])
@pytest.mark.parametrize("subresource", ["ephemeralcontainers", "token", "approval", "binding"])
def test_subresource_of_another_group_is_no_deed_of_kubernetes(resource: str, subresource: str) -> None:
    event = read(verb="create", objectRef=ref(resource, "x", "shop", subresource, "other.example.org"))
    assert emphasis(event) == "plain"


@pytest.mark.parametrize(("changes", "level"), [
    (ACTIONS[3][0], "warm"),
    (ACTIONS[4][0], "warm"),
    ({**ACTIONS[3][0], "user": user("system:serviceaccount:ci:bot")}, "warm"),
    (ACTIONS[0][0], "plain"),
    (BY_HAND[0][0], "warm"),
    (BY_HAND[1][0], "warm"),
    (BY_HAND[3][0], "quiet"),
    (PROJECTS[0][0], "hot"),
    (PROJECTS[2][0], "plain"),
])
def test_what_matters_of_other_groups_stands_out(changes: dict[str, Any], level: str) -> None:
    event = read(**changes)
    assert emphasis(event) == level
    assert bool(why(event)) == (level in ("hot", "warm"))


def test_badge_says_what_an_action_is() -> None:
    assert badge(read(**ACTIONS[0][0])) == ("stop", "change")
    assert badge(read(**ACTIONS[3][0])) == ("console", "exec")


@pytest.mark.parametrize(("group", "plural", "is_own"), [
    ("", "pods", True), ("apps", "deployments", True), ("extensions", "ingresses", True), ("", "deployments", True),
    ("serving.knative.dev", "services", False), ("", "widgets", False), ("extensions", "pods", False),
])
def test_resource_of_kubernetes_is_known_by_its_group(group: str, plural: str, is_own: bool) -> None:
    assert (find(group, plural) is not None) == is_own


@pytest.mark.parametrize("plural", ["prometheuses", "redis", "eventbus", "kubernetes", "dns", "series", "indices", "x"])
def test_plural_that_leaves_a_doubt_is_not_cut(plural: str) -> None:
    assert singular_of(plural) == plural


SHELLS = [
    "command=%2Fbin%2Fsh&command=-c&command=TERM%3Dxterm-256color%3B+export+TERM%3B+%5B+-x+%2Fbin%2Fbash+%5D+%26%26+%28"
    "%5B+-x+%2Fusr%2Fbin%2Fscript+%5D+%26%26+%2Fusr%2Fbin%2Fscript+-q+-c+%22%2Fbin%2Fbash%22+%2Fdev%2Fnull+%7C%7C+exec"
    "+%2Fbin%2Fbash%29+%7C%7C+exec+%2Fbin%2Fsh",
    "command=sh&command=-i&command=-c&command=TERM%3Dxterm+sh",
    "command=env&command=TERM%3Dxterm&command=%2Fbin%2Fbash",
    "command=powershell.exe", "command=cmd.exe", "command=C%3A%5CWindows%5CSystem32%5CCMD.EXE", "command=pwsh",
    "command=%2Fusr%2Fbin%2Fenv&command=bash&command=-l",
    "command=sh&command=-c&command=command+-v+bash+%3E%2Fdev%2Fnull+%26%26+exec+bash+%7C%7C+exec+sh",
]
NO_SHELLS = [
    "command=sh&command=-i&command=-c&command=TERM%3Dxterm+id", "command=env", "command=env&command=A%3Db",
    "command=env&command=A%3Db&command=id", "command=cmd.exe&command=%2Fc&command=dir",
    "command=powershell.exe&command=-Command&command=Get-Process", "command=powershell&command=-c&command=whoami",
    "command=sh&command=-c&command=X%3D%60curl+evil%60+sh", "command=sh&command=-c&command=X%3D%24%28id%29+sh",
    "command=sh&command=script.sh", "command=sh&command=-c&command=script+-q+%2Ftmp%2Fx",
    "command=nsenter&command=-t&command=1&command=-m&command=bash", "command=sh&command=-c&command=-c",
]


@pytest.mark.parametrize("line", SHELLS)
def test_console_opens_a_shell(line: str) -> None:
    event = read(**ran(line, TYPED))
    assert summary(event) == "alice opened a shell in pod web-0 in shop (container app)"
    assert why(event) == "a shell in a running container"


@pytest.mark.parametrize("line", NO_SHELLS)
def test_command_beside_a_shell_is_shown(line: str) -> None:
    assert summary(read(**ran(line, TYPED))).startswith("alice ran “")


def test_shell_without_input_is_a_command() -> None:
    assert summary(read(**in_pod("exec", "command=env&command=bash"))).startswith("alice ran “")


@pytest.mark.parametrize("changes", [ACTIONS[3][0], ACTIONS[4][0], ACTIONS[6][0], ACTIONS[8][0], PROJECTS[0][0]])
@pytest.mark.parametrize("agent", ["kubectl/v1.31.0 (linux/amd64) kubernetes/9edcffc", "virtctl/v1.2.0"])
def test_command_is_one_that_kubectl_has(changes: dict[str, Any], agent: str) -> None:
    event = audit_event(**{**changes, "userAgent": agent})
    event["requestURI"] = changes.get("requestURI", "/apis/x/v1/y/z")
    card = cards_of([read_request(encode(event), "prod")])[0]
    command = card.command or ""
    assert "--subresource=console" not in command and "--subresource=vnc" not in command
    assert "-n payments" not in command
    assert "whether as a dry run" not in sentence_of(card) or not changes["objectRef"]["subresource"]
