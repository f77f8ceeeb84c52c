"""How much an event deserves to be noticed, and why.

What stands out must stay rare: reads and the control plane's own work are quiet, refusals and far-reaching changes
are not.
"""

from __future__ import annotations

from typing import Final, Literal

from audit_webhook.events.addresses import is_inside
from audit_webhook.events.api_resources import find
from audit_webhook.events.event import SYSTEM_KINDS, Event
from audit_webhook.events.identities import BOOTSTRAP, is_controller, is_managed, proxy_name
from audit_webhook.humanize.actors import borrowed_by
from audit_webhook.humanize.badges import is_review, outcome
from audit_webhook.humanize.failures import is_denied
from audit_webhook.humanize.objects import PROJECTS
from audit_webhook.humanize.phrases import READS
from audit_webhook.humanize.request import proxied_path, selectors
from audit_webhook.humanize.sessions import is_shell, takes_files
from audit_webhook.humanize.subresources import INTERACTIVE, is_interactive

Emphasis = Literal["hot", "warm", "quiet", "plain"]
Judgement = tuple[Emphasis, str]

_WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_DELETES: Final = frozenset({"delete", "deletecollection"})
_RBAC_GROUPS: Final = frozenset({"rbac.authorization.k8s.io", "authorization.openshift.io"})
_GATE_GROUP: Final = "admissionregistration.k8s.io"
_RBAC: Final = frozenset({"clusterrolebindings", "rolebindings", "clusterroles", "roles"})

# Keyed by API group and resource: other groups have resources of the same names that are quite ordinary things.
_PRECIOUS: Final = {
    ("", "secrets"): "a secret was deleted",
    ("", "namespaces"): "a namespace was deleted with everything in it",
    (PROJECTS, "projects"): "a namespace was deleted with everything in it",
    ("", "persistentvolumes"): "a volume was deleted",
    ("", "persistentvolumeclaims"): "a volume claim was deleted",
    ("apiextensions.k8s.io", "customresourcedefinitions"): "a custom resource type was deleted with all its objects",
}
_EVENTS: Final = ("", "events")
_LEASES: Final = ("coordination.k8s.io", "leases")
_CLUSTER_SPACES: Final = frozenset({"kube-system", "kube-node-lease"})
_RELEASE_PROGRAMS: Final = ("helm", "argocd", "rancher")
_MISSED: Final = {
    ("", "nodes"): "a node was deleted",
    ("", "events"): "Event objects were deleted",
    ("networking.k8s.io", "networkpolicies"): "a NetworkPolicy was deleted",
    ("apiregistration.k8s.io", "apiservices"): "an APIService was deleted",
}
_CONFIGURATION: Final = {
    ("kube-system", "coredns"): "cluster DNS configuration was changed",
    ("kube-system", "kube-dns"): "cluster DNS configuration was changed",
    ("kube-system", "aws-auth"): "authentication configuration was changed",
}
_AGGREGATOR: Final = "system:serviceaccount:kube-system:clusterrole-aggregation-controller"
_GIVE_RIGHTS: Final = {
    "clusterroles": ("system:apiserver", _AGGREGATOR),
    "clusterrolebindings": ("system:apiserver",),
    "roles": ("system:apiserver",),
    "rolebindings": ("system:apiserver",),
}
"""Parts of the control plane that write rights as their own work (kubernetes: pkg/registry/rbac/rest)."""
_JOINING: Final = frozenset({
    ("", "configmaps"), ("", "nodes"), ("certificates.k8s.io", "certificatesigningrequests"),
})
"""What a node with a bootstrap token asks for to join (kubeadm: cmd/kubeadm/app/phases/bootstraptoken)."""
_OPEN: Final = ("get", "configmaps", "kube-public", "cluster-info")  # kubeadm: read by nodes that want to join
_SESSIONS: Final = {
    "exec": "a command in a running container",
    "attach": "attached to a running container",
    "portforward": "a pod's port was forwarded",
}
_KUBELET_COMMANDS: Final = ("/exec/", "/run/", "/attach/", "/portForward/", "/cri/")
_KUBELET_METRICS: Final = ("/metrics", "/stats", "/healthz", "/spec")


def emphasis(event: Event) -> Emphasis:
    """Give how far the event stands out."""
    return _judge(event)[0]


def why(event: Event) -> str:
    """Give the reason for standing out in a few words; empty when it does not."""
    return _judge(event)[1]


def _judge(event: Event) -> Judgement:
    happened = outcome(event).tone == "ok" and not event.dry_run
    found = _success(event) if happened else _failure(event)
    return found or _borrowed_name(event) or (_calm(event), "")


def _borrowed_name(event: Event) -> Judgement | None:
    """Judge a name of the cluster's own that somebody uses by hand: a name alone is no reason to look away."""
    return ("warm", "a name of the control plane, used by hand") if borrowed_by(event) else None


def _calm(event: Event) -> Emphasis:
    is_read = event.verb in READS and event.subresource not in _SESSIONS and not is_interactive(event)
    if is_read or is_review(event) or event.kind in ("node", "controlplane"):
        return "quiet"
    if event.kind in SYSTEM_KINDS:
        return "plain" if event.verb in _DELETES and not is_controller(event.actor) else "quiet"
    return "plain"


def _failure(event: Event) -> Judgement | None:
    if is_denied(event):
        return "warm", "it was not allowed"
    if event.code == 401:
        return "warm", "the credentials were not accepted"
    if event.stage == "Panic" or ((event.code or 0) >= 500 and event.subresource != "proxy"):
        return "warm", "the server failed"
    return None


def _success(event: Event) -> Judgement | None:
    """Give the gravest that can be said of a request that did what it asked for."""
    if not event.resource or is_review(event):
        return None
    if event.kind == "anonymous":
        return _anonymous(event)
    found = _session(event)
    if found or is_at_work(event):
        return found
    found = None if event.subresource else _rights(event) or _release_read(event)
    if found or _is_account(event):
        return found or _kubelet(event)
    return _by_person(event)


def _anonymous(event: Event) -> Judgement | None:
    what = (event.verb, event.resource, event.namespace, event.name)
    return None if what == _OPEN else ("hot", "allowed without any credentials")


def _session(event: Event) -> Judgement | None:
    if is_interactive(event):
        return "warm", INTERACTIVE[event.subresource]
    if _thing(event) == ("", "pods") and event.subresource in _SESSIONS:
        return "warm", _exec(event) or _SESSIONS[event.subresource]
    if _thing(event) == ("", "pods") and event.subresource == "ephemeralcontainers" and event.verb in _WRITES:
        return "warm", "a debug container in a running pod"
    return None


def _thing(event: Event) -> tuple[str, str]:
    """Return group and resource; Kubernetes' own, under whatever address, by its usual one."""
    known = find(event.api_group, event.resource)
    return (known.group, known.plural) if known else (event.api_group, event.resource)


def _exec(event: Event) -> str:
    if is_shell(event):
        return "a shell in a running container"
    return "files copied out of a running container" if takes_files(event) else ""


def is_at_work(event: Event) -> bool:
    """Return whether a node or a part of the control plane does what is its own work, from where it usually runs.

    Its name and its program say so. What gives rights or reads Secrets must fit as well: most parts never do the first,
    and do the second from within.
    """
    is_loop = event.kind == "serviceaccount" and is_controller(event.actor)
    if event.kind not in ("node", "controlplane") and not is_loop:
        return False
    if is_managed(event.actor):
        return True
    thing = _thing(event)
    if event.actor.startswith(BOOTSTRAP):
        return thing in _JOINING
    if thing[0] in _RBAC_GROUPS and event.verb in _WRITES:
        return event.actor in _GIVE_RIGHTS.get(thing[1], ())
    is_grave = thing == ("", "secrets") or event.verb in _WRITES and thing[0] == _GATE_GROUP
    return not is_grave or is_inside(event.source_ip)


def _is_account(event: Event) -> bool:
    return event.kind == "serviceaccount" and not is_controller(event.actor)


def _rights(event: Event) -> Judgement | None:
    if event.verb not in _WRITES:
        return None
    if event.api_group == _GATE_GROUP:
        return "warm", "an admission webhook or policy was changed"
    if event.resource not in _RBAC or event.api_group not in _RBAC_GROUPS:
        return None
    if event.verb in _DELETES:
        return "warm", "permissions were revoked"
    if event.resource == "clusterrolebindings":
        return "warm" if _is_account(event) else "hot", "cluster-wide permissions were granted"
    return "warm", "permissions were granted" if event.resource == "rolebindings" else "permissions were changed"


def _by_person(event: Event) -> Judgement | None:
    thing = _thing(event)
    if thing == ("", "secrets") and event.verb in READS and (found := _secrets_read(event)):
        return found
    if event.subresource:
        return _subresource(event) or _impersonation(event)
    if event.verb in _DELETES and thing in _PRECIOUS:
        return "hot", _PRECIOUS[thing]
    if event.verb in _DELETES and thing in _MISSED:
        return "warm", _MISSED[thing]
    if found := _traces(event, thing):
        return found
    if event.verb == "deletecollection":
        return "warm", "many objects were deleted at once"
    if thing == ("", "configmaps") and event.verb in _WRITES and (event.namespace, event.name) in _CONFIGURATION:
        return "warm", _CONFIGURATION[event.namespace, event.name]
    return _impersonation(event)


def _traces(event: Event, thing: tuple[str, str]) -> Judgement | None:
    """Judge a change by hand of what programs write to say what happened, and who leads."""
    if event.verb not in ("update", "patch"):
        return None
    if thing == _EVENTS:
        return "warm", "Event objects were changed"
    if thing == _LEASES and event.namespace in _CLUSTER_SPACES:
        return "warm", "a Lease of the cluster was changed by hand"
    return None


def _is_release(event: Event) -> bool:
    """Whether the Secrets are those in which Helm keeps its releases, with all values that were given to a chart."""
    chosen = ",".join(selectors(event)).split(",")
    return event.name.startswith("sh.helm.release.v1.") or "owner=helm" in chosen


def _release_read(event: Event) -> Judgement | None:
    """Helm reads its releases at every command, which is no news; whoever else does may be after the passwords."""
    is_read = _thing(event) == ("", "secrets") and event.verb in READS and _is_release(event)
    if not is_read or any(program in event.client for program in _RELEASE_PROGRAMS):
        return None
    return "warm", "a release of Helm was read" if event.name else "releases of Helm were read"


def _secrets_read(event: Event) -> Judgement | None:
    if _is_release(event):
        return None
    if not event.namespace and event.verb != "get":
        return "hot", "the secrets of the whole cluster were read"
    return "warm", "a secret was read" if event.name else "secrets were read"


def _subresource(event: Event) -> Judgement | None:
    if found := _kubelet(event):
        return found
    if event.verb in READS:
        return None
    if find(event.api_group, event.resource) is None:
        return None
    if event.subresource == "token":
        return "warm", "a token was issued"
    return ("warm", "a certificate was approved or denied") if event.subresource == "approval" else None


def _kubelet(event: Event) -> Judgement | None:
    """Judge what goes through the node proxy: what monitoring reads all day is no news of a service account."""
    if _thing(event) != ("", "nodes") or event.subresource != "proxy":
        return None
    path = proxied_path(event)
    if path.startswith(_KUBELET_COMMANDS):
        return "hot", "a command through the kubelet, past the audit of pods"
    if event.kind == "serviceaccount" and event.verb in READS and path.startswith(_KUBELET_METRICS):
        return None
    return "warm", "straight to the kubelet"


def _impersonation(event: Event) -> Judgement | None:
    is_unknown = event.proxy and proxy_name(event.proxy) is None and event.actor.startswith("system:")
    return ("warm", "with the rights of another user") if event.borrowed_user or is_unknown else None
