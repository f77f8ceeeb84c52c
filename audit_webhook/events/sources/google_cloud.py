"""Translates a LogEntry of Google Cloud into an audit event, as far as it holds one.

Cloud Audit Logs of GKE hold no groups, no request URI with its parameters and no auditID (google.cloud.audit.AuditLog;
google.rpc.Code). What they lack is left out, and the annotation `audit-webhook/source` says where the event is from.
"""

from __future__ import annotations

import re
from typing import Any, Final

from audit_webhook.events.sources.rewritten import restore

SOURCE: Final = "audit-webhook/source"
FORM: Final = "Google Cloud LogEntry"
_METHOD: Final = re.compile(r"io\.k8s\.[\w.-]{1,500}")
_VERBS: Final = frozenset({
    "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "proxy", "connect",
})
_CODES: Final = {0: 200, 3: 400, 5: 404, 6: 409, 7: 403, 8: 429, 9: 409, 10: 409, 12: 501, 13: 500, 14: 503, 16: 401}
"""google.rpc.Code to HTTP, as google.rpc/code.proto maps them; a code that is not here stays unknown."""


def is_entry(document: dict[str, Any]) -> bool:
    """Return whether an object is a LogEntry with an audit log of Kubernetes."""
    payload = document.get("protoPayload")
    is_named = isinstance(payload, dict) and isinstance(payload.get("methodName"), str)
    return is_named and isinstance(document.get("timestamp"), str)


def translate(document: dict[str, Any]) -> bytes | None:
    """Return the event; None for what is no request to a kube-apiserver."""
    payload = document["protoPayload"]
    if not payload["methodName"].startswith("io.k8s."):
        return None
    metadata, who = _object(payload, "requestMetadata"), _object(payload, "authenticationInfo")
    reference, verb, uri = _place(payload["methodName"], str(payload.get("resourceName", "")))
    bodies = {name: _body(payload[given]) for name, given in (
        ("requestObject", "request"), ("responseObject", "response")) if isinstance(payload.get(given), dict)}
    code = _CODES.get(_object(payload, "status").get("code", 0))
    authority = who.get("authoritySelector")
    labels = {str(name): str(value) for name, value in _object(document, "labels").items()}
    event = {
        "level": "RequestResponse" if "responseObject" in bodies else "Request" if bodies else "Metadata",
        "auditID": str(_object(document, "operation").get("id") or document.get("insertId") or ""),
        "stage": "ResponseComplete", "requestURI": uri, "verb": verb,
        "user": {"username": str(who.get("principalEmail", ""))},
        **({"impersonatedUser": {"username": authority}} if isinstance(authority, str) and authority else {}),
        "sourceIPs": [str(metadata["callerIp"])] if metadata.get("callerIp") else [],
        "userAgent": str(metadata.get("callerSuppliedUserAgent", "")),
        **({"objectRef": reference} if reference else {}),
        **({"responseStatus": {"metadata": {}, "code": code}} if code else {}), **bodies,
        "requestReceivedTimestamp": document.get("timestamp"), "stageTimestamp": document.get("timestamp"),
        "annotations": {**labels, SOURCE: "gke"},
    }
    return restore(event)


def _place(method: str, name: str) -> tuple[dict[str, str], str, str]:
    """Return the object, the verb and the path of a request, from its method and the resource's name."""
    match = _METHOD.fullmatch(method)
    verb = method.rpartition(".")[2]
    verb = verb if verb in _VERBS else "get"
    parts = name.split("/")
    if match is None or len(parts) < 3:
        return {}, verb, f"/{name}" if name else "/"
    group, version, *rest = parts
    group = "" if group == "core" else group
    namespace = rest[1] if rest[:1] == ["namespaces"] and len(rest) > 2 else ""
    path = rest[2:] if namespace else rest
    reference = {"resource": path[0], "namespace": namespace, "name": path[1] if len(path) > 1 else "",
                 "apiGroup": group, "apiVersion": version, "subresource": "/".join(path[2:])}
    prefix = f"/apis/{group}/{version}" if group else f"/api/{version}"
    return {key: value for key, value in reference.items() if value}, verb, f"{prefix}/{'/'.join(rest)}"


def _body(value: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name != "@type"}


def _object(document: dict[str, Any], name: str) -> dict[str, Any]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}
