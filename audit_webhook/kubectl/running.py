"""Commands that make an object out of flags or of another object: run, expose, autoscale."""

from __future__ import annotations

from typing import Any, Final

from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.objects import checked, kind_of_type, slashed, type_of
from audit_webhook.kubectl.registry import command
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.values import entries, joined, pairs, part, text, texts, write_json

# What run itself or the apiserver's defaults put into a pod.
_OWN_MEMBERS: Final = frozenset({
    "containers", "restartPolicy", "terminationGracePeriodSeconds", "dnsPolicy", "securityContext", "schedulerName",
    "enableServiceLinks", "serviceAccountName", "serviceAccount",
})
_AFTER_SESSION: Final = 3_000_000
"""How long kubectl waits at most for a pod to end whose only process has ended, in microseconds."""
_RUN: Final = "kubectl-run"
_EXPOSE: Final = "kubectl-expose"
_AUTOSCALE: Final = "kubectl-autoscale"


@command("create", manager=_RUN)
def run_image(run: Run) -> Line | None:
    """Tell ``run``, with what it did to the pod afterwards."""
    first = run.main
    line = Line("run")
    line.standard_managers = (_RUN,)
    name = first.event.name or text(first.body, "metadata", "name")
    line.add(checked(name)) if name else line.lacks("the name: it was not recorded")
    if not first.has_body:
        return line.lacks("--image and all else: the body was not recorded")
    containers = entries(first.body, "spec", "containers")
    container: dict[str, Any] = containers[0] if containers else {}
    line.flag("image", text(container, "image"))
    _add_pod_flags(line, name, first.body, container)
    _add_streams(line, run, container)
    _add_service(line, run, container)
    if texts(container, "command"):
        line.flag("command").tail(texts(container, "command"))
    else:
        line.tail(texts(container, "args"))
    _add_overrides(line, part(first.body, "spec"))
    return line.lacks("--image-pull-policy where it is the default")


def _add_pod_flags(line: Line, name: str, body: Any, container: dict[str, Any]) -> None:
    for entry in entries(container, "env"):
        line.flag("env", line.assign(text(entry, "name"), text(entry, "value")))
    labels = pairs(body, "metadata", "labels")
    if labels != {"run": name}:
        line.flag_if("labels", joined(labels))
    for key, value in pairs(body, "metadata", "annotations").items():
        line.flag("annotations", f"{key}={value}")
    restart = text(body, "spec", "restartPolicy")
    if restart not in ("", "Always"):
        line.flag("restart", restart)
    if part(container, "securityContext", "privileged") is True:
        line.flag("privileged")
    line.flag_if("serviceaccount", text(body, "spec", "serviceAccountName"))
    _add_resources(line, container)
    _add_pull_policy(line, container)


def _add_overrides(line: Line, spec: Any) -> None:
    """Add what no flag makes, as ``--overrides`` would have it."""
    extra = {key: value for key, value in spec.items() if key not in _OWN_MEMBERS} if isinstance(spec, dict) else {}
    if extra:
        line.flag("overrides", write_json({"spec": extra})).lacks("how --overrides was written")


def _add_resources(line: Line, container: dict[str, Any]) -> None:
    """Add limits and requests; a request that equals the limit was filled in by the apiserver."""
    limits = pairs(container, "resources", "limits")
    requests = pairs(container, "resources", "requests")
    line.flag_if("requests", joined({key: value for key, value in requests.items() if limits.get(key) != value}))
    line.flag_if("limits", joined(limits))


def _add_pull_policy(line: Line, container: dict[str, Any]) -> None:
    policy, image = text(container, "imagePullPolicy"), text(container, "image")
    tag = image.rsplit("/", 1)[-1].partition(":")[2]
    default = "Always" if tag in ("", "latest") and "@" not in image else "IfNotPresent"
    if policy not in ("", default):
        line.flag("image-pull-policy", policy)


def _add_streams(line: Line, run: Run, container: dict[str, Any]) -> None:
    if part(container, "stdin") is True:
        line.short("-i")
    if part(container, "tty") is True:
        line.short("-t")
    if any(deed.event.verb == "delete" for deed in run.deeds):
        line.flag("rm").because("the pod was deleted at the end")
    elif part(container, "stdin") is True and _was_interrupted(run):
        line.flag("rm").lacks("whether --rm was typed: it ended before the pod would have been deleted")


def _was_interrupted(run: Run) -> bool:
    """Whether a run for one job was ended from outside: after the session kubectl looks how the pod ended.

    With ``--restart=Never`` and a terminal ``--rm`` is what people type, and what the deletion would show.
    """
    attached = [deed for deed in run.deeds if deed.event.subresource == "attach"]
    if not attached or text(run.main.body, "spec", "restartPolicy") != "Never":
        return False
    last = run.requests[-1]
    return last is attached[-1] or last.event.verb == "watch" and last.end - last.start > _AFTER_SESSION


def _add_service(line: Line, run: Run, container: dict[str, Any]) -> None:
    ports = entries(container, "ports")
    if ports:
        line.flag("port", text(ports[0], "containerPort"))
    if any(deed.event.resource == "services" for deed in run.deeds):
        line.flag("expose").because("a service was created with the pod")


@command("create", resource="services", manager=_EXPOSE)
def expose(run: Run) -> Line | None:
    """Tell ``expose``: a service for the object that was read before."""
    first = run.main
    line = Line("expose")
    line.standard_managers = (_EXPOSE,)
    target = _target(run)
    name = first.event.name or text(first.body, "metadata", "name")
    if target:
        line.add(slashed(target.event)).because("the object that was read before")
    else:
        line.add(f"deployment/{checked(name or '<name>')}").guess("what was exposed: no read before was recorded")
    if not target or target.event.name != name:
        line.flag_if("name", name)
    if not first.has_body:
        return line.lacks("--port and all else: the body was not recorded")
    spec = part(first.body, "spec")
    _add_ports(line, entries(spec, "ports"))
    if (kind := text(spec, "type")) not in ("", "ClusterIP"):
        line.flag("type", kind)
    for address in texts(spec, "externalIPs"):
        line.flag("external-ip", address)
    for member, flag in (("loadBalancerIP", "load-balancer-ip"), ("clusterIP", "cluster-ip")):
        line.flag_if(flag, text(spec, member))
    if (affinity := text(spec, "sessionAffinity")) not in ("", "None"):
        line.flag("session-affinity", affinity)
    _add_own_labels(line, target, first.body)
    return line


def _target(run: Run) -> Request | None:
    return next((read for read in run.gets() if read.event.code == 200 and not read.event.subresource), None)


def _add_ports(line: Line, ports: list[dict[str, Any]]) -> None:
    if len(ports) != 1 or text(ports[0], "name"):
        line.lacks("--port, where it was typed: the ports may be those of the object")
        return
    port, inner = text(ports[0], "port"), text(ports[0], "targetPort")
    line.flag("port", port)
    if inner not in ("", port):
        line.flag("target-port", inner)
    if (protocol := text(ports[0], "protocol")) not in ("", "TCP"):
        line.flag("protocol", protocol)


def _add_own_labels(line: Line, target: Request | None, body: Any) -> None:
    """Add selector and labels that are not the object's own."""
    answer = target.response if target else None
    if not isinstance(answer, dict):
        line.guess("--selector and --labels: the object was not recorded")
        return
    selector, labels = pairs(body, "spec", "selector"), pairs(body, "metadata", "labels")
    own = pairs(answer, "metadata", "labels")
    known = [pairs(answer, "spec", "selector", "matchLabels"), pairs(answer, "spec", "selector"), own]
    if selector not in known:
        line.flag("selector", joined(selector))
    if labels != own:
        line.flag_if("labels", joined(labels))


@command("create", resource="horizontalpodautoscalers", manager=_AUTOSCALE)
def autoscale(run: Run) -> Line | None:
    """Tell ``autoscale``."""
    first = run.main
    line = Line("autoscale")
    line.standard_managers = (_AUTOSCALE,)
    kind, name = text(first.body, "spec", "scaleTargetRef", "kind"), text(first.body, "spec", "scaleTargetRef", "name")
    target = _target(run)
    if kind and name:
        line.add(kind_of_type(kind), checked(name)).because("body: scaleTargetRef")
    elif target:
        line.add(type_of(target.event, is_one=True), checked(target.event.name)).because("the object read before")
    else:
        line.add("deployment", checked(first.event.name or "<name>")).guess("what is scaled: it was not recorded")
    if first.event.name and first.event.name != (name or (target.event.name if target else "")):
        line.flag("name", first.event.name)
    if not first.has_body:
        return line.lacks("--min, --max and the target: the body was not recorded")
    line.flag_if("min", text(first.body, "spec", "minReplicas")).flag("max", text(first.body, "spec", "maxReplicas"))
    _add_metrics(line, part(first.body, "spec"))
    return line


def _add_metrics(line: Line, spec: Any) -> None:
    old = text(spec, "targetCPUUtilizationPercentage")
    if old not in ("", "80"):
        line.flag("cpu-percent", old)
    for metric in entries(spec, "metrics"):
        name, target = text(metric, "resource", "name"), part(metric, "resource", "target")
        percent, amount = text(target, "averageUtilization"), text(target, "averageValue")
        if name == "cpu" and percent:
            line.flag("cpu-percent", percent) if percent != "80" else None
            line.lacks("--cpu or --cpu-percent: both send the same")
        elif name in ("cpu", "memory"):
            line.flag(name, amount or f"{percent}%")
