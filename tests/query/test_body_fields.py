"""What no column holds is found in the bodies: members, facts of pods, commands, what roles grant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audit_webhook import query
from audit_webhook.events.recorded_bodies import values_at
from audit_webhook.ingest.receive import receive
from audit_webhook.search import feed
from audit_webhook.storage.repository import Repository
from tests.factories import NOON_US, audit_event, encode, event_list
from tests.recorded import MANAGER, controller, decode, ran, ref

NOW = NOON_US + 3_600_000_000
SPEC: dict[str, Any] = {
    "containers": [{"name": "a", "image": "nginx:1.25"}],
    "initContainers": [{"name": "b", "securityContext": {"privileged": True, "capabilities": {"add": ["SYS_ADMIN"]}}}],
    "hostNetwork": True, "serviceAccountName": "builder", "volumes": [{"name": "v", "hostPath": {"path": "/etc"}}],
}
GROUPS = {"deployments": "apps", "cronjobs": "batch", "jobs": "batch"}
BODIES = {
    "pods": {"kind": "Pod", "spec": SPEC},
    "deployments": {"kind": "Deployment", "spec": {"template": {"spec": SPEC}}},
    "jobs": {"kind": "Job", "spec": {"template": {"spec": SPEC}}},
    "cronjobs": {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": SPEC}}}}},
}


def written(resource: str, body: object, **changes: Any) -> dict[str, Any]:
    """Make an event in which an object was created."""
    target = ref(resource, "web", "shop", group=GROUPS.get(resource, ""))
    return audit_event(verb="create", level="Request", objectRef=target, requestObject=body) | changes


def holds(text: str, event: dict[str, Any]) -> bool:
    """Tell whether an event matches a query."""
    return query.compile_predicate(query.parse(text, NOW))(decode(event), encode(event))


@pytest.mark.parametrize("resource", BODIES)
@pytest.mark.parametrize("text", [
    "pod.privileged:true", "pod.hostnetwork:true", "pod.hostpid:false", "pod.hostpath:/etc", "pod.hostpath:/e*",
    "pod.image:nginx*", "pod.capability:SYS_ADMIN", "pod.serviceaccount:builder", "-pod.hostpid:true", 'pod.node:""',
])
def test_facts_of_a_pod_are_found_in_every_template(resource: str, text: str) -> None:
    assert holds(text, written(resource, BODIES[resource]))
    assert not holds(f"not ({text})", written(resource, BODIES[resource]))


def test_patch_counts_for_what_it_says_itself() -> None:
    answer = {"kind": "Deployment", "spec": {"template": {"spec": SPEC}}}
    labels = written("deployments", {"metadata": {"labels": {"a": "b"}}}, verb="patch", responseObject=answer)
    assert not holds("pod.privileged:true", labels)
    path = "/spec/template/spec/containers/0/securityContext"
    operations = [{"op": "add", "path": path, "value": {"privileged": True}}, {"op": "remove", "path": "/a"}]
    assert holds("pod.privileged:true", written("deployments", operations, verb="patch", responseObject=answer))


def test_answer_counts_before_what_was_asked_for_unless_it_is_no_object() -> None:
    changed = {"kind": "Pod", "spec": {**SPEC, "hostPID": True}}
    event = written("pods", BODIES["pods"], level="RequestResponse", responseObject=changed)
    assert holds("pod.hostpid:true", event)
    refused = {"kind": "Status", "code": 403}
    assert holds("pod.privileged:true", written("pods", BODIES["pods"], responseObject=refused))


def test_copy_is_what_a_controller_makes_and_nobody_else() -> None:
    body = {"metadata": {"ownerReferences": [{"kind": "ReplicaSet", "controller": True}]}, "spec": SPEC}
    copy = written("pods", body, user=controller("replicaset-controller"), userAgent=MANAGER)
    assert holds("copied:true", copy) and holds("copied:false", written("pods", body))


def test_members_are_found_by_path_through_lists_and_dotted_names() -> None:
    body = {"spec": {"ports": [{"nodePort": 30080}, {"nodePort": 2.5}], "a": None, "tls": []},
            "metadata": {"labels": {"app.kubernetes.io/name": "web", "x": True}}}
    event = written("services", body)
    for text in (
        "request.spec.ports.nodePort:30080", "request.spec.ports.nodePort:2.5", "request.spec:{}",
        "request.metadata.labels.app.kubernetes.io/name:w*", "request.metadata.labels.*:true", "REQUEST.spec.ports:*",
        'request.spec.tls:""', 'request.spec.a:""', 'response.spec:""', "-request.spec.ports:30080",
    ):
        assert holds(text, event), text


def test_roles_are_found_by_what_they_grant() -> None:
    rules = [{"apiGroups": [""], "resources": ["pods/exec", "*/scale"], "verbs": ["create"]},
             {"apiGroups": ["example.org"], "resources": ["*"], "verbs": ["*"]},
             {"nonResourceURLs": ["/metrics*"], "verbs": ["get"]}]
    role = written("clusterroles", {"kind": "ClusterRole", "rules": rules})
    for text in (
        "grants:create:pods/exec", "grants:create:pods/*", "grants:create:replicationcontrollers/scale",
        "grants:delete", "grants:get:/metrics/a", 'role.verbs:"*"', "role.resources:pods/exec",
        "grants:impersonate:widgets",
    ):
        assert holds(text, role), text
    for text in (
        "grants:get:secrets", "grants:create:pods", "role.resources:secrets", "grants:post:/metrics",
        "grants:create:deployments/scale",
    ):
        assert not holds(text, role), text


def test_command_of_an_exec_is_found_however_long_the_address_is() -> None:
    padding = "x" * 3000
    event = audit_event(verb="get", **ran(f"command=sh&command=-c&command=echo+{padding}%3B%20curl+http%3A%2F%2Fa"))
    assert holds("exec:sh*curl*http://a", event) and not holds('exec:"sh -c echo x"', event)
    assert not holds("exec:*curl*", audit_event(requestURI="/api/v1/namespaces/shop/pods/web-0?command=curl"))


def test_denied_requests_and_public_addresses_are_found() -> None:
    forbidden = audit_event(annotations={"authorization.k8s.io/decision": "forbid", "example.org/a": "b"})
    assert holds("denied:true annotation.example.org/a:b annotation.example.*:b", forbidden)
    assert holds("denied:true", audit_event(responseStatus={"code": 401})) and holds("denied:no", audit_event())
    assert holds("public:true", audit_event(sourceIPs=["10.0.0.1", "203.0.113.9"])) and holds(
        "public:false", audit_event())


def test_body_fields_find_what_is_stored(repository: Repository) -> None:
    batch = [
        written("pods", BODIES["pods"], auditID="pod"), written("cronjobs", BODIES["cronjobs"], auditID="cronjob"),
        written("pods", {"kind": "Pod", "spec": {"containers": []}}, auditID="plain"),
        audit_event(auditID="exec", verb="get", **ran("command=curl&command=a")),
        written("clusterroles", {"rules": [{"verbs": ["*"], "resources": ["*"], "apiGroups": ["*"]}]}, auditID="role"),
    ]
    receive(repository, "prod", event_list(batch), NOW)
    for text, ids in {
        "pod.privileged:true": {"pod", "cronjob"}, "pod.hostpath:/etc resource:pods": {"pod"}, "exec:curl*": {"exec"},
        "-pod.privileged:true resource:pods": {"plain", "exec"}, "grants:get:secrets": {"role"},
        "request.spec.hostNetwork:true": {"pod"}, "effective.user:alice resource:cj": {"cronjob"},
    }.items():
        assert {event.audit_id for event in feed.page(repository, text, None, 100, NOW).events} == ids, text


def test_walk_is_bounded_by_what_is_there() -> None:
    deep: object = "x"
    for _ in range(19):
        deep = [{"a": deep}]
    assert list(values_at(deep, ".".join(["a"] * 19))) == ["x"]
    assert list(values_at(deep, ".".join(["a"] * 200))) == []
    names = json.loads('{"a":{"a":{"a":1}},"a.a":{"a":2},"a.a.a":3}')
    assert sorted(map(str, values_at(names, "a.a.a"))) == ["1", "2", "3"]
