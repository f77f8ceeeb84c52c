"""What ``create deployment``, ``create job`` and ``create cronjob`` make."""

from __future__ import annotations

import re
from typing import Any, Final

from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.values import entries, only, pairs, part, text, texts

INSTANTIATED: Final = "cronjob.kubernetes.io/instantiate"
_SPECIAL: Final = re.compile(r"[^a-z0-9-]")
# What the apiserver adds to a pod and its containers by default (k8s.io/kubernetes pkg/apis/core/v1/defaults.go).
_POD_DEFAULTS: Final = (
    "containers", "restartPolicy", "terminationGracePeriodSeconds", "dnsPolicy", "securityContext", "schedulerName",
    "enableServiceLinks",
)
_CONTAINER_DEFAULTS: Final = (
    "name", "image", "imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy", "resources",
)


def deployment(name: str, body: Any) -> Line | None:
    """Give the command for a deployment, or None when it has more than that makes."""
    spec, labels = part(body, "spec"), {"app": name}
    containers = entries(spec, "template", "spec", "containers")
    if pairs(body, "metadata", "labels") != labels or pairs(spec, "template", "metadata", "labels") != labels:
        return None
    if not only(part(body, "metadata"), "name", "namespace", "labels") or not containers:
        return None
    if not _is_plain_pod(part(spec, "template", "spec"), "command", "ports"):
        return None
    if any(text(each, "name") != _container_name(text(each, "image")) for each in containers) and len(containers) == 1:
        return None
    line = Line("create", "deployment").add(name)
    for container in containers:
        line.flag("image", text(container, "image"))
    if (replicas := text(spec, "replicas")) not in ("", "1"):
        line.flag("replicas", replicas)
    ports = entries(containers[0], "ports")
    if ports:
        line.flag("port", text(ports[0], "containerPort"))
    return line.tail(texts(containers[0], "command"))


def _container_name(image: str) -> str:
    """Give the name that kubectl makes of an image: its last part, without tag and digest."""
    return _SPECIAL.sub("-", image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[0])


def _is_plain_pod(spec: Any, *members: str) -> bool:
    if not only(spec, *_POD_DEFAULTS):
        return False
    return all(only(container, *_CONTAINER_DEFAULTS, *members) for container in entries(spec, "containers"))


def job(name: str, body: Any) -> Line | None:
    """Give the command for a job, from a cron job where it says so; None when it has more than that makes."""
    owners = [owner for owner in entries(body, "metadata", "ownerReferences") if owner.get("kind") == "CronJob"]
    if pairs(body, "metadata", "annotations").get(INSTANTIATED) == "manual" and owners:
        return Line("create", "job").add(name).flag("from", f"cronjob/{text(owners[0], 'name')}")
    if not only(part(body, "metadata"), "name", "namespace"):
        return None
    return _with_image(Line("create", "job").add(name), name, part(body, "spec", "template", "spec"))


def cron_job(name: str, body: Any) -> Line | None:
    """Give the command for a cron job, or None when it has more than that makes."""
    if not only(part(body, "metadata"), "name", "namespace"):
        return None
    pod = part(body, "spec", "jobTemplate", "spec", "template", "spec")
    line = _with_image(Line("create", "cronjob").add(name), name, pod)
    if line is None:
        return None
    line.flag("schedule", text(body, "spec", "schedule"))
    restart = text(pod, "restartPolicy")
    return line.flag("restart", restart) if restart not in ("", "OnFailure") else line


def _with_image(line: Line, name: str, pod: Any) -> Line | None:
    containers = entries(pod, "containers")
    if len(containers) != 1 or text(containers[0], "name") != name or not _is_plain_pod(pod, "command"):
        return None
    line.flag("image", text(containers[0], "image"))
    return line.tail(texts(containers[0], "command"))
