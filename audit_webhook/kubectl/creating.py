"""The command ``create``: its sub-commands, where the object is just what one of them makes, and ``create -f``.

What each sub-command makes: kubectl pkg/cmd/create/create_*.go. A function gives None for an object of another shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from audit_webhook.kubectl.applying import CLIENT_SIDE, apply, is_diff, tell_create
from audit_webhook.kubectl.create_rights import cluster_role, cluster_role_binding, role, role_binding
from audit_webhook.kubectl.create_services import ingress, service
from audit_webhook.kubectl.create_workloads import cron_job, deployment, job
from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.manifests import last_applied
from audit_webhook.kubectl.objects import checked, slashed
from audit_webhook.kubectl.raw import tell_raw
from audit_webhook.kubectl.registry import command
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.traits import is_made_by_flags
from audit_webhook.kubectl.values import joined, only, pairs, part, text, texts
from audit_webhook.kubectl.words import MASK

MANAGER: Final = "kubectl-create"
_BROKEN: Final = (400, 415, 422)
_NAME_LABEL: Final = "kubernetes.io/metadata.name"
_TLS: Final = "kubernetes.io/tls"
_DOCKER: Final = ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg")


@command("create", manager=MANAGER)
def create(run: Run) -> Line | None:
    """Tell ``create`` by its field manager."""
    first = run.main
    if run.has_openapi or len(run.deeds) > 1:
        return tell_create(run)
    line = _sub_command(first)
    if line is None or first.parameter("fieldValidation") == "Ignore":
        told = tell_create(run)
        is_sure = first.event.resource not in _MAKERS
        return told if is_sure else told.guess("whether flags made the object: no schema was read before")
    source = next((read for read in run.gets() if read.event.resource == "cronjobs"), None)
    if source and first.event.resource == "jobs" and not first.has_body:
        line.flag("from", slashed(source.event)).because("the cron job that was read before")
    line.standard_managers = (MANAGER,)
    is_typed = is_made_by_flags(first) or bool(run.preludes)  # then the schema would have been read for a file
    return (line.lacks if is_typed else line.guess)("whether the same object came from a file")


def _sub_command(request: Request) -> Line | None:
    """Give the sub-command that makes this object; without a body, the one for its type."""
    resource = request.event.resource
    maker = _MAKERS.get(resource)
    if maker is None:
        return None
    if not request.has_body and request.event.code in _BROKEN:
        return None  # what flags make is well formed
    if not request.has_body:
        line = Line("create", *_PLAIN_WORDS[resource])
        line.guess("what was created, and whether from a file: the body was not recorded")
        return line.add(checked(request.event.name)) if request.event.name else line
    name = text(request.body, "metadata", "name")
    if not name or last_applied(request.body) is not None:
        return None
    return maker(checked(name), request.body)


def _plain(*words: str) -> Callable[[str, Any], Line | None]:
    """Make a teller of objects that have nothing but a name."""

    def tell(name: str, body: Any) -> Line | None:
        known = only(body, "kind", "apiVersion", "metadata", "spec", "status") and only(part(body, "metadata"), "name",
                                                                                        "namespace", "labels")
        labels = pairs(body, "metadata", "labels")
        return Line("create", *words).add(name) if known and set(labels) <= {_NAME_LABEL} else None

    return tell


def _has_only_name(body: Any) -> bool:
    return only(part(body, "metadata"), "name", "namespace", "creationTimestamp")


def _config_map(name: str, body: Any) -> Line | None:
    if not _has_only_name(body):
        return None
    line = Line("create", "configmap").add(name)
    for key, value in pairs(body, "data").items():
        if "." in key or "\n" in value:
            line.flag("from-file", key).lacks("the names of files")
        else:
            line.flag("from-literal", line.assign(key, value))
    for key in pairs(body, "binaryData"):
        line.flag("from-file", key).lacks("the names of files")
    return line.lacks("whether values came from files")


def _secret(name: str, body: Any) -> Line | None:
    kind = text(body, "type")
    if not _has_only_name(body):
        return None
    if kind == _TLS:
        return Line("create", "secret", "tls").add(name).flag("cert", "<file>").flag("key", "<file>")
    if kind in _DOCKER:
        return Line("create", "secret", "docker-registry").add(name).lacks("the registry, user and password")
    line = Line("create", "secret", "generic").add(name)
    for key in pairs(body, "data"):
        line.flag("from-file", key) if "." in key else line.flag("from-literal", f"{key}={MASK}")
    if kind not in ("", "Opaque"):
        line.flag("type", kind)
    return line.masks(True).lacks("whether values came from files")


def _quota(name: str, body: Any) -> Line | None:
    if not _has_only_name(body) or not only(part(body, "spec"), "hard", "scopes"):
        return None
    line = Line("create", "quota").add(name)
    line.flag_if("hard", joined(pairs(body, "spec", "hard")))
    return line.flag_if("scopes", ",".join(texts(body, "spec", "scopes")))


def _budget(name: str, body: Any) -> Line | None:
    spec = part(body, "spec")
    if not _has_only_name(body) or not only(spec, "selector", "minAvailable", "maxUnavailable"):
        return None
    if not only(part(spec, "selector"), "matchLabels"):
        return None
    line = Line("create", "poddisruptionbudget").add(name)
    line.flag("selector", joined(pairs(spec, "selector", "matchLabels")))
    line.flag_if("min-available", text(spec, "minAvailable"))
    return line.flag_if("max-unavailable", text(spec, "maxUnavailable"))


def _priority_class(name: str, body: Any) -> Line | None:
    if not _has_only_name(body):
        return None
    line = Line("create", "priorityclass").add(name).flag("value", text(body, "value"))
    if part(body, "globalDefault") is True:
        line.flag("global-default")
    line.flag_if("description", text(body, "description"))
    policy = text(body, "preemptionPolicy")
    return line.flag("preemption-policy", policy) if policy not in ("", "PreemptLowerPriority") else line


_MAKERS: Final[dict[str, Callable[[str, Any], Line | None]]] = {
    "namespaces": _plain("namespace"),
    "serviceaccounts": _plain("serviceaccount"),
    "configmaps": _config_map,
    "secrets": _secret,
    "resourcequotas": _quota,
    "poddisruptionbudgets": _budget,
    "priorityclasses": _priority_class,
    "deployments": deployment,
    "jobs": job,
    "cronjobs": cron_job,
    "services": service,
    "ingresses": ingress,
    "roles": role,
    "clusterroles": cluster_role,
    "rolebindings": role_binding,
    "clusterrolebindings": cluster_role_binding,
}
_PLAIN_WORDS: Final[dict[str, tuple[str, ...]]] = {
    **{resource: (resource.removesuffix("s"),) for resource in _MAKERS},
    "secrets": ("secret", "generic"),
    "services": ("service", "clusterip"),
    "ingresses": ("ingress",),
    "priorityclasses": ("priorityclass",),
    "resourcequotas": ("quota",),
}


@command("create", resource="serviceaccounts", subresource="token")
def token(run: Run) -> Line | None:
    """Tell ``create token``."""
    spec = part(run.main.body, "spec")
    line = Line("create", "token").add(checked(run.main.event.name)).because("subresource token")
    for audience in texts(spec, "audiences"):
        line.flag("audience", audience)
    seconds = text(spec, "expirationSeconds")
    if seconds not in ("", "3600"):
        line.flag("duration", f"{seconds}s")
    bound = part(spec, "boundObjectRef")
    for name, member in (("kind", "kind"), ("name", "name"), ("uid", "uid")):
        line.flag_if(f"bound-object-{name}", text(bound, member))
    return line if run.main.has_body else line.lacks("--duration and --audience: the body was not recorded")


@command("create", subresource="*")
def create_without_manager(run: Run) -> Line | None:
    """Tell a create whose field manager is no default of kubectl's, by its shape."""
    first = run.main
    if not first.is_kubectl or first.event.subresource:
        return tell_raw(run) if first.is_kubectl else None
    if first.manager and (last_applied(first.body) is not None or _was_missed(run)):
        return apply(run)
    if first.event.dry_run and is_diff(first) and first.manager == CLIENT_SIDE:
        return apply(run)
    if first.lacks_managers and last_applied(first.body) is not None:
        return apply(run)
    if "fieldValidation" in first.parameters or first.lacks_managers:
        line = None if run.has_openapi or len(run.deeds) > 1 or first.lacks_bodies else _sub_command(first)
        return line or tell_create(run)
    return tell_raw(run)


def _was_missed(run: Run) -> bool:
    """Whether the object was looked for before, as apply does."""
    return any(read.thing == run.main.thing and read.event.code == 404 for read in run.gets())
