"""What ``create service`` in its four forms and ``create ingress`` make."""

from __future__ import annotations

from typing import Any, Final

from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.values import entries, only, pairs, part, text, texts

_FORMS: Final = {
    "ClusterIP": "clusterip", "NodePort": "nodeport", "LoadBalancer": "loadbalancer", "ExternalName": "externalname",
}


def service(name: str, body: Any) -> Line | None:
    """Give the command for a service, or None when it has more than that makes."""
    spec = part(body, "spec")
    form = _FORMS.get(text(spec, "type") or "ClusterIP")
    labels = {"app": name}
    if form is None or pairs(body, "metadata", "labels") != labels or pairs(spec, "selector") != labels:
        return None
    if not only(part(body, "metadata"), "name", "namespace", "labels"):
        return None
    line = Line("create", "service", form).add(name)
    for port in entries(spec, "ports"):
        line.flag("tcp", _pair(port))
        if form == "nodeport":
            line.flag_if("node-port", text(port, "nodePort"))
    if text(spec, "clusterIP") == "None" or (form == "clusterip" and text(spec, "clusterIP")):
        line.flag("clusterip", text(spec, "clusterIP"))
    line.flag_if("external-name", text(spec, "externalName"))
    return line


def _pair(port: dict[str, Any]) -> str:
    outer, inner = text(port, "port"), text(port, "targetPort")
    name = text(port, "name")
    return outer if inner in ("", outer) and name == outer else f"{outer}:{inner or outer}"


def ingress(name: str, body: Any) -> Line | None:
    """Give the command for an ingress."""
    spec = part(body, "spec")
    if not only(part(body, "metadata"), "name", "namespace", "annotations"):
        return None
    line = Line("create", "ingress").add(name)
    line.flag_if("class", text(spec, "ingressClassName"))
    secrets = _secrets(spec)
    for rule in entries(spec, "rules"):
        for path in entries(rule, "http", "paths"):
            line.flag("rule", _rule(text(rule, "host"), path, secrets))
    for key, value in pairs(body, "metadata", "annotations").items():
        line.flag("annotation", f"{key}={value}")
    backend = part(spec, "defaultBackend")
    return line.flag("default-backend", _backend(backend)) if backend else line


def _secrets(spec: Any) -> dict[str, str]:
    """Give the TLS secret of each host."""
    return {
        host: text(entry, "secretName")
        for entry in entries(spec, "tls") for host in texts(entry, "hosts") or [""]
    }


def _rule(host: str, path: dict[str, Any], secrets: dict[str, str]) -> str:
    star = "*" if text(path, "pathType") == "Prefix" else ""
    rule = f"{host}{text(path, 'path')}{star}={_backend(part(path, 'backend'))}"
    if host not in secrets and "" not in secrets:
        return rule
    secret = secrets.get(host, secrets.get("", ""))
    return f"{rule},tls={secret}" if secret else f"{rule},tls"


def _backend(backend: Any) -> str:
    port = part(backend, "service", "port")
    return f"{text(backend, 'service', 'name')}:{text(port, 'number') or text(port, 'name')}"
