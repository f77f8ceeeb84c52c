"""The table of the query language's fields: one row gives a field's SQL, its predicate, its help and its tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from audit_webhook.events.api_resources import plural_of
from audit_webhook.events.event import KINDS, SYSTEM_KINDS, Event

Type = Literal["text", "user", "kind", "code", "time", "id", "audit", "flag", "groups", "addresses", "body"]


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
    Field("body", "body", "", lambda e: "", False,
          "a text in the event's stored JSON; reads the chunks of the time range, newest first",
          'body:"nginx:1.25"'),
)
BY_NAME: Final = {field.name: field for field in FIELDS}
SEVERAL: Final[dict[str, Callable[[Event], tuple[str, ...]]]] = {
    "user": lambda e: (e.actor, e.user),
    "usergroup": lambda e: e.user_groups or ("",),
    "ip": lambda e: e.source_ips or ("",),
}
"""Fields of which an event has several values, each of which is looked for."""
POSTED_AS: Final = {"by": "user"}
"""Fields whose values are among those posted of another one."""
WORD_FIELDS: Final = ("user", "by", "session", "ns", "resource", "name")
KEPT_AS: Final = {
    "user": "user", "by": "user", "session": "session", "as": "impersonated_user", "verb": "verb", "ns": "namespace",
    "group": "api_group",
    "resource": "resource", "sub": "subresource", "name": "name", "ip": "source_ip", "ua": "user_agent",
    "client": "client", "manager": "manager", "level": "level", "stage": "stage", "decision": "decision",
    "audit": "audit_id",
}
"""The entry of `event.LIMITS` that cuts a field's values."""
KIND_GROUPS: Final = {
    "human": tuple(kind for kind in KINDS if kind not in SYSTEM_KINDS),
    "system": SYSTEM_KINDS,
    **{kind: (kind,) for kind in KINDS if kind != "human"},
}
