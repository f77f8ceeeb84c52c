"""Events of a megabyte, each hostile to another part: what a client of a cluster, or a sender, can post."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final
from urllib.parse import quote

from tests.factories import audit_event, encode

MEGABYTE: Final = 1_000_000
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
EXEC: Final = "/api/v1/namespaces/shop/pods/web-0/exec?command="
UNITS: Final = (
    "_", "token", "--token ", "-", "%", "%41", "é", "\u202e", "a=1&", "command=a&", "command=--token&", "mysql -p1 ",
    "curl -u a:b ", "a:", "-eyJ", "x://a:b@", "bearer ", "password='", "\\\"", "{", "a token=b ",
)
MANAGERS: Final = (
    "kubectl-client-side-apply", "kubectl", "kubectl-edit", "kubectl-label", "kubectl-set", "kubectl-patch",
    "kubectl-create", "kubectl-replace", "kubectl-rollout", "kubectl-run", "kubectl-taint", "kubectl-autoscale",
)


def fill(unit: str, size: int = MEGABYTE) -> str:
    """Repeat a text up to a length in bytes."""
    return unit * max(1, size // len(unit.encode()))


def ordinary(seconds: float = 0) -> bytes:
    """Return an update of a large object as a controller sends it, of a megabyte with its answer."""
    item = {"name": "app", "image": "registry.example/app:1.2.3", "env": [{"name": "LEVEL", "value": "info"}] * 4,
            "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}}, "ports": [{"containerPort": 8080}]}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"app": "web"}},
            "spec": {"template": {"spec": {"containers": [{**item, "name": f"app-{n}"} for n in range(1_450)]}}}}
    return encode(audit_event(
        seconds, level="RequestResponse", verb="update", requestObject=body, responseObject=body,
        requestURI="/apis/apps/v1/namespaces/shop/deployments/web?fieldManager=operator",
        objectRef={"resource": "deployments", "apiGroup": "apps", "namespace": "shop", "name": "web"},
        userAgent="operator/v1", user={"username": "system:serviceaccount:shop:operator", "groups": []},
    ))


def every_shape(first: int = 0, step: int = 1) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of the events from the first on, in steps; the others are not encoded."""
    makers = (_uris, _texts, _bodies, _patches, _secrets, _broken, _commands)
    for name, event in islice((shape for maker in makers for shape in maker()), first, None, step):
        yield name, event if isinstance(event, bytes) else encode(event)


def _uris() -> Iterator[tuple[str, dict[str, Any]]]:
    exec_ref = {"resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web-0", "apiVersion": "v1"}
    for unit in UNITS:
        yield f"parameter {unit!r}", audit_event(requestURI=f"/?token&{fill(unit)}=1", objectRef=None)
        yield f"argument {unit!r}", audit_event(requestURI=EXEC + fill(unit), objectRef=exec_ref, verb="create")
        long = EXEC + quote(fill(unit, 300_000))
        yield f"quoted argument {unit!r}", audit_event(requestURI=long, objectRef=exec_ref, verb="create")
    arguments = "&command=".join(["a/" * 100_000, *["--token"] * 50_000])
    yield "long program", audit_event(requestURI=EXEC + arguments, objectRef=exec_ref, verb="create")
    yield "path", audit_event(requestURI="/" + fill("a/"), objectRef=None)


def _texts() -> Iterator[tuple[str, dict[str, Any]]]:
    for unit in ("a", "\u202e", "\u3164", '\\"', "-token", "/", " ", "\n", "a\u0301\u0301\u0301\u0301"):
        long = fill(unit)
        yield f"agent {unit!r}", audit_event(userAgent=f"kubectl/v1.36.2 {long}")
        yield f"user {unit!r}", audit_event(user={"username": long})
        yield f"group {unit!r}", audit_event(user={"username": "alice", "groups": [long]})
        yield f"as {unit!r}", audit_event(impersonatedUser={"username": long, "groups": [long[:100]] * 100})
        yield f"name {unit!r}", audit_event(objectRef={"resource": "pods", "namespace": "shop", "name": long})
        yield f"resource {unit!r}", audit_event(objectRef={"resource": long, "apiGroup": "x", "name": "a"})
        yield f"annotation {unit!r}", audit_event(annotations={"x": long})
        yield f"message {unit!r}", audit_event(responseStatus={"code": 403, "message": long, "reason": "Forbidden"})
        yield f"reason {unit!r}", audit_event(annotations={
            "authorization.k8s.io/decision": "allow",
            "authorization.k8s.io/reason": f'RBAC: allowed by ClusterRoleBinding "{long}" of ClusterRole "x"'})
        yield f"time {unit!r}", audit_event(stageTimestamp=long)
        yield f"audit id {unit!r}", audit_event(auditID=long)
        yield f"verb {unit!r}", audit_event(verb=long)
    yield "groups", audit_event(user={"username": "alice", "groups": [f"g{n}" for n in range(120_000)]})
    yield "addresses", audit_event(sourceIPs=["10.0.0.1"] * 90_000)
    yield "extra", audit_event(user={"username": "alice", "extra": {f"k{n}": ["v"] for n in range(60_000)}})
    yield "extra flags", audit_event(
        impersonatedUser={"username": "bob", "extra": {f"k{n}": ["v"] for n in range(60_000)}})
    yield "annotations", audit_event(annotations={f"apiserver.latency.k8s.io/{n}": "1ms" for n in range(25_000)})


def _bodies() -> Iterator[tuple[str, dict[str, Any] | bytes]]:
    wide: dict[str, Any] = {"list": [0] * 450_000}
    nested: dict[str, Any] = {}
    for _ in range(80):
        nested = {**{f"k{n}": n for n in range(800)}, "z": nested}
    for name, body in (
        ("wide list", wide), ("wide object", {f"k{n}": 0 for n in range(90_000)}), ("levels", nested),
        ("text", {"a": fill("x\n")}), ("unseen", {"a": fill("\u202e")}), ("copies", {"a": [[1] * 100] * 4_000}),
        ("last applied", {"metadata": {"annotations": {LAST_APPLIED: json.dumps({"a": [{"b": "c"}] * 60_000})}}}),
        ("quotes", {"metadata": {"annotations": {LAST_APPLIED: fill('"')}}}),
        ("owners", {"items": [{"metadata": {"name": "n", "ownerReferences": [{"name": "x"}]}}] * 14_000}),
    ):
        for verb in ("create", "patch", "update", "list"):
            yield f"{name} {verb}", audit_event(
                level="RequestResponse", verb=verb, requestObject=body, responseObject={"kind": "Pod", "a": 1},
                responseStatus={"code": 201 if verb == "create" else 200})
    for name, raw in (("brackets", b"[" * 400_000 + b"]" * 400_000), ("NaN", b"[" + b"NaN," * 250_000 + b"1]"),
                      ("integers", b"[" + b"99999999999999999999," * 45_000 + b"1]"),
                      ("surrogates", b'"' + b"\\ud800" * 160_000 + b'"'),
                      ("escapes", b'"' + b"\\u0000" * 160_000 + b'"'),
                      ("unclosed", b"[" * 1_000_000)):
        event = encode(audit_event(level="Request", verb="patch"))
        yield name, event[:-1] + b',"requestObject":' + raw + b"}"


def _patches() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, patch in (
        ("copy bomb", [{"op": "copy", "from": "/a", "path": "/a/-"}] * 1_000),
        ("nested adds", [{"op": "add", "path": "/a" + "/0" * n, "value": [1]} for n in range(900)]),
        ("remove all", [{"op": "remove", "path": ""}]),
        ("tests", [{"op": "test", "path": "/a", "value": [1]}] * 10_000),
        ("inserts", [{"op": "add", "path": "/a/0", "value": 1}] * 10_000),
        ("merge", {"imagePullSecrets": [{"name": f"m{n}"} for n in range(50_000)]}),
        ("set", {"metadata": {"finalizers": [f"m{n}" for n in range(80_000)]}}),
        ("order", {"metadata": {"finalizers": ["a"], "$setElementOrder/finalizers": [f"m{n}" for n in range(80_000)]}}),
        ("rules", {"rules": [{"verbs": [f"v{n}"]} for n in range(45_000)]}),
    ):
        yield name, audit_event(
            level="Request", verb="patch", requestObject=patch,
            objectRef={"resource": "pods", "namespace": "shop", "name": "web-0", "apiVersion": "v1"})


def _secrets() -> Iterator[tuple[str, dict[str, Any]]]:
    held: dict[str, Any] = {"kind": "Secret", "data": {"a": "b"}}
    for _ in range(60):
        held = {"a": [held], "b": ["Secret"] * 2_000}
    reference = {"resource": "secrets", "namespace": "shop", "name": "db", "apiVersion": "v1"}
    yield "held secrets", audit_event(level="Request", verb="update", requestObject=held)
    yield "secrets", audit_event(
        level="Request", verb="update", objectRef=reference,
        requestObject={"data": {f"k{n}": "v" for n in range(70_000)}})
    yield "secret patch", audit_event(
        level="Request", verb="patch", objectRef=reference,
        requestObject=[{"op": "replace", "path": f"/data/k{n}", "value": "v"} for n in range(18_000)])
    review = {"spec": {"token": "x"}, "a": [{"token": "y"}] * 70_000}
    yield "tokens", audit_event(
        level="Request", verb="create", objectRef={"resource": "tokenreviews"}, requestObject=review)


def _broken() -> Iterator[tuple[str, bytes]]:
    event = encode(audit_event())
    yield "not UTF-8", event[:-1] + b',"x":"' + b"\xff" * MEGABYTE + b'"}'
    yield "members", event[:-1] + b"".join(b',"k%d":0' % n for n in range(90_000)) + b"}"
    yield "same member", event[:-1] + b',"verb":"get"' * 75_000 + b"}"
    yield "lone surrogates", event[:-1] + b',"userAgent":"' + b"\\ud800" * 160_000 + b'"}'


def _commands() -> Iterator[tuple[str, dict[str, Any]]]:
    containers = [{"name": f"c{n}", "image": "x", "env": [{"name": "A", "value": "b"}]} for n in range(14_000)]
    bodies: tuple[tuple[str, dict[str, Any]], ...] = (
        ("pods", {"spec": {"template": {"spec": {"containers": containers}}, "containers": containers[:10]}}),
        ("labels", {"metadata": {"labels": {f"k{n}": "v" for n in range(70_000)}, "annotations": {"a": "b"}}}),
        ("data", {"data": {f"k{n}": "token=x" for n in range(50_000)}}),
        ("rules", {"rules": [{"verbs": ["get"], "resources": [f"r{n}"]} for n in range(18_000)],
                   "subjects": [{"kind": "User", "name": f"u{n}"} for n in range(5_000)], "roleRef": {"name": "x"}}),
        ("taints", {"spec": {"taints": [{"key": f"k{n}", "effect": "NoSchedule"} for n in range(20_000)]}}),
    )
    rights = "rbac.authorization.k8s.io"
    turn = 0
    for resource, group in (("deployments", "apps"), ("configmaps", ""), ("clusterrolebindings", rights),
                            ("clusterroles", rights), ("nodes", ""), ("pods", ""), ("jobs", "batch")):
        for name, body in bodies:
            turn += 1
            for place in (turn % len(MANAGERS), (5 * turn + 3) % len(MANAGERS)):
                manager = MANAGERS[place]
                verb = ("patch", "create", "update")[place % 3]
                yield f"{manager} {verb} {resource} {name}", audit_event(
                    level="RequestResponse", verb=verb, requestObject=body, responseObject=body if place % 2 else None,
                    objectRef={"resource": resource, "apiGroup": group, "namespace": "shop", "name": "w"},
                    requestURI=f"/apis/x?fieldManager={manager}&fieldValidation=Strict",
                    responseStatus={"code": 201 if verb == "create" else 200})
