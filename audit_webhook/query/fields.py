"""The table of the query language's fields: one row gives a field's SQL, its predicate, its help and its tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from audit_webhook.events.api_resources import plural_of
from audit_webhook.events.event import KINDS, SYSTEM_KINDS, Event

Type = Literal[
    "text", "user", "kind", "code", "time", "id", "audit", "flag", "groups", "addresses", "body", "fact", "member",
    "grants", "denied",
]


class Field(NamedTuple):
    """A field: how its values are compared, its SQL column, its value in an event, and how people learn of it."""

    name: str
    type: Type
    column: str
    value: Callable[[Event], str]
    is_posted: bool
    help: str
    example: str
    canonical: Callable[[str], str] = str


def _flag(is_set: bool) -> str:
    return "1" if is_set else "0"


def _known(*words: str, **synonyms: str) -> Callable[[str], str]:
    """Give a function that writes a known word as the API does, whatever its case; others stay as they are."""
    spelling = {word.lower(): word for word in words} | synonyms
    return lambda text: spelling.get(text.lower(), text)


def _nothing(event: Event) -> str:
    return ""


def _fact(name: str, meaning: str, example: str) -> Field:
    """Return the row of a field that no column holds; `facts` says where its values come from."""
    return Field(name, "fact", "", _nothing, False, meaning, f"{name}:{example}")


def _resource(text: str) -> str:
    return plural_of(text) or text


_level = _known("None", "Metadata", "Request", "RequestResponse")
_stage = _known("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")
_decision = _known("allow", "forbid", allowed="allow", denied="forbid", deny="forbid", forbidden="forbid")
_truth = _known(true="1", yes="1", false="0", no="0")

FIELDS: Final[tuple[Field, ...]] = (
    Field("cluster", "text", "c.cluster", lambda e: e.cluster, True, "cluster's name", "cluster:prod"),
    Field("user", "user", "c.effective_user", lambda e: e.actor, True,
          "who acted: the person or program behind a request, or the proxy in between", "user:alice"),
    Field("by", "text", "c.username", lambda e: e.user, True,
          "authenticated user, such as a proxy that acts for people", "by:system:serviceaccount:cattle-system:rancher"),
    Field("as", "text", "c.impersonated_user", lambda e: e.impersonated_user, True, "impersonated user", "as:bob"),
    Field("usergroup", "groups", "c.user_groups", lambda e: "\n".join(("", *e.user_groups, "")), True,
          "a group of the user", "usergroup:system:masters"),
    Field("kind", "kind", "c.kind", lambda e: e.kind, True,
          "kind of actor: human, system, or exactly anonymous, serviceaccount, node, controlplane", "kind:human"),
    Field("verb", "text", "a.verb", lambda e: e.verb, True, "verb of the request", "verb:delete", str.lower),
    Field("ns", "text", "e.namespace", lambda e: e.namespace, True,
          'namespace; ns:"" for requests outside of any', "ns:kube-system"),
    Field("group", "text", "a.api_group", lambda e: e.api_group, True,
          'API group; group:"" for the core', "group:apps"),
    Field("resource", "text", "a.resource", lambda e: e.resource, True,
          "resource by its plural, singular, kind or short name, with a subresource after a slash",
          "resource:pods/exec", _resource),
    Field("sub", "text", "a.subresource", lambda e: e.subresource, True, "subresource", "sub:exec", str.lower),
    Field("name", "text", "e.name", lambda e: e.name, False, "object's name", "name:web-*"),
    Field("code", "code", "a.code", lambda e: str(e.code or 0), True,
          "status code; takes >=, <=, >, <, a..b, 4xx; 0 when there is none", "code:>=400"),
    Field("session", "text", "c.session", lambda e: e.session, True,
          "name that a cloud or a proxy gives somebody's session", "session:alice"),
    Field("ip", "addresses", "c.source_ip", lambda e: e.source_ip, True,
          "address: the one that the apiserver saw, or one that was claimed", "ip:10.20.*"),
    Field("ua", "text", "c.user_agent", lambda e: e.user_agent, True, "user agent", "ua:kubectl/v1.36*"),
    Field("client", "text", "c.client", lambda e: e.client, True, "program, as its user agent says", "client:helm",
          str.lower),
    Field("manager", "text", "a.manager", lambda e: e.manager, True, "field manager", "manager:kubectl-create"),
    Field("command", "text", "a.command", lambda e: e.command, True, "kubectl's command", "command:apply", str.lower),
    Field("level", "text", "a.level", lambda e: e.level, True, "audit level", "level:Metadata", _level),
    Field("stage", "text", "a.stage", lambda e: e.stage, True, "stage of the request", "stage:ResponseComplete",
          _stage),
    Field("decision", "text", "a.decision", lambda e: e.decision, True, "authorizer's decision: allow or forbid",
          "decision:forbid", _decision),
    Field("dryrun", "flag", "a.dry_run", lambda e: _flag(e.dry_run), True, "whether it was a dry run", "dryrun:true",
          _truth),
    Field("truncated", "flag", "a.truncated", lambda e: _flag(e.truncated), True,
          "whether the apiserver cut the bodies off", "truncated:true", _truth),
    Field("audit", "audit", "e.audit_key", lambda e: e.audit_id, False, "auditID of the request",
          "audit:7bde12ab-1537-4820-a35f-b939d19e3df9"),
    Field("id", "id", "e.id", lambda e: e.id, False, "event's id in this store", "id:01M86HN0DK2MJCSF556HH97J2D",
          str.upper),
    Field("since", "time", "e.id", lambda e: e.id, False,
          "from this time on: 15m, 6h, 7d, today, yesterday, 14:05, a date or a time (UTC)", "since:6h"),
    Field("until", "time", "e.id", lambda e: e.id, False, "before this time", "until:2026-11-23T20:05"),
    Field("body", "body", "", _nothing, False,
          "a text in the event's stored JSON; reads the chunks of the time range, newest first",
          'body:"nginx:1.25"'),
    Field("effective.user", "text", "c.effective_user", lambda e: e.actor, True,
          "who acted, never the proxy in between", "effective.user:alice"),
    Field("denied", "denied", "", _nothing, False,
          "whether the authorizer forbade the request, or its answer was 401 or 403", "denied:true", _truth),
    Field("request.", "member", "", _nothing, False,
          "a member of the request's body by its path; of a list any element counts",
          "request.spec.type:NodePort"),
    Field("response.", "member", "", _nothing, False, "a member of the response's body",
          "response.metadata.labels.app:web"),
    Field("annotation.", "member", "", _nothing, False, "an audit annotation by its key",
          "annotation.pod-security.kubernetes.io/audit-violations:*"),
    _fact("exec", "command line of an exec into a container", "*curl*"),
    Field("grants", "grants", "", _nothing, False,
          "verb and resource that a role which is written grants", "grants:create:pods/exec"),
    _fact("role.verbs", "a verb in the rules of a role, as written", '"*"'),
    _fact("role.resources", "a resource in the rules of a role, as written", "secrets"),
    _fact("pod.privileged", "whether a container of a pod or of a workload's template is privileged", "true"),
    _fact("pod.hostnetwork", "whether the pod shares the node's network", "true"),
    _fact("pod.hostpid", "whether it sees the node's processes", "true"),
    _fact("pod.hostipc", "whether it shares the node's memory segments", "true"),
    _fact("pod.hostprocess", "whether it is a HostProcess container of Windows", "true"),
    _fact("pod.hostpath", "a folder or file of the node that it mounts", "/etc*"),
    _fact("pod.image", "image of a container", "*nginx*"),
    _fact("pod.capability", "a Linux capability that a container is given", "SYS_ADMIN"),
    _fact("pod.serviceaccount", "service account of the pod", "default"),
    _fact("pod.node", "node that the pod names itself", "node-1"),
    _fact("pod.command", "command and arguments of a container", "*sh*"),
    _fact("pod.root", "whether a container asks to run as user 0", "true"),
    _fact("copied", "whether a controller of Kubernetes made the object from its owner's template", "true"),
    _fact("public", "whether the address that the apiserver saw is of no private network", "true"),
)
BY_NAME: Final = {field.name: field for field in FIELDS}
SEVERAL: Final[dict[str, Callable[[Event], tuple[str, ...]]]] = {
    "user": lambda e: (e.actor, e.user),
    "usergroup": lambda e: e.user_groups or ("",),
    "ip": lambda e: e.source_ips or ("",),
}
"""Fields of which an event has several values, each of which is looked for."""
POSTED_AS: Final = {"by": "user", "effective.user": "user"}
"""Fields whose values are among those posted of another one."""
WORD_FIELDS: Final = ("user", "by", "session", "ns", "resource", "name")
KEPT_AS: Final = {
    "user": "user", "by": "user", "session": "session", "as": "impersonated_user", "verb": "verb", "ns": "namespace",
    "group": "api_group",
    "resource": "resource", "sub": "subresource", "name": "name", "ip": "source_ip", "ua": "user_agent",
    "client": "client", "manager": "manager", "level": "level", "stage": "stage", "decision": "decision",
    "audit": "audit_id", "effective.user": "effective_user",
}
"""The entry of `event.LIMITS` that cuts a field's values."""
KIND_GROUPS: Final = {
    "human": tuple(kind for kind in KINDS if kind not in SYSTEM_KINDS),
    "system": SYSTEM_KINDS,
    **{kind: (kind,) for kind in KINDS if kind != "human"},
}
