"""How much an event deserves to be noticed: its badge, its outcome, whether it stands out, and why.

What stands out must stay rare: reads and the control plane's own work are quiet, refusals and far-reaching changes
are not.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from audit_webhook.event import SYSTEM_KINDS, Event
from audit_webhook.humanize.phrases import SHELLS, command_words
from audit_webhook.humanize.sentences import is_denied
from audit_webhook.humanize.text import visible

Tone = Literal["create", "change", "delete", "exec", "read", "other"]
OutcomeTone = Literal["ok", "denied", "failed", "pending"]
Emphasis = Literal["hot", "warm", "quiet", "plain"]

_READS: Final = frozenset({"get", "list", "watch", "head", "options"})
_WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_TONES: Final[dict[str, Tone]] = {
    "create": "create", "update": "change", "patch": "change", "delete": "delete", "deletecollection": "delete",
}
_SUBRESOURCE_BADGES: Final[dict[str, tuple[str, Tone]]] = {
    "exec": ("exec", "exec"),
    "attach": ("attach", "exec"),
    "portforward": ("forward", "exec"),
    "proxy": ("proxy", "exec"),
    "ephemeralcontainers": ("debug", "exec"),
    "log": ("logs", "read"),
    "binding": ("bind", "create"),
    "eviction": ("evict", "delete"),
    "token": ("token", "create"),
    "approval": ("approve", "change"),
}
_VERB_BADGES: Final = {"deletecollection": "delete all"}
_RBAC: Final = frozenset({"clusterrolebindings", "rolebindings", "clusterroles", "roles"})
_PRECIOUS: Final = {
    "secrets": "a secret was deleted",
    "namespaces": "a namespace was deleted with all that was in it",
    "persistentvolumes": "a volume was deleted",
    "persistentvolumeclaims": "a volume claim was deleted",
    "customresourcedefinitions": "a resource type was deleted with all of its objects",
    "clusterroles": "rights were taken away",
    "clusterrolebindings": "rights were taken away",
    "nodes": "a node was deleted",
}
_GATES: Final = frozenset({
    "mutatingwebhookconfigurations", "validatingwebhookconfigurations", "validatingadmissionpolicies",
    "validatingadmissionpolicybindings", "mutatingadmissionpolicies", "mutatingadmissionpolicybindings",
})
_SESSIONS: Final = {
    "exec": "a command in a running container",
    "attach": "somebody attached to a running container",
    "portforward": "a port of a pod was forwarded",
    "ephemeralcontainers": "a debug container in a running pod",
}


class Badge(NamedTuple):
    """The word for what was done, and its colour."""

    label: str
    tone: Tone


class Outcome(NamedTuple):
    """How it ended, in a word, and its colour."""

    label: str
    tone: OutcomeTone


def badge(event: Event) -> Badge:
    """Give the verb, or the better word for it."""
    if event.subresource in _SUBRESOURCE_BADGES:
        return Badge(*_SUBRESOURCE_BADGES[event.subresource])
    if event.subresource == "scale" and event.verb not in _READS:
        return Badge("scale", "change")
    if event.verb == "patch" and event.command == "apply":
        return Badge("apply", "change")
    label = _VERB_BADGES.get(event.verb, visible(event.verb, 12))
    return Badge(label or "?", _TONES.get(event.verb, "read" if event.verb in _READS else "other"))


def outcome(event: Event) -> Outcome:
    """Give the status code, or ``denied``."""
    if is_denied(event):
        return Outcome("denied", "denied")
    if event.stage == "Panic":
        return Outcome("panic", "failed")
    if event.code is None:
        return Outcome("asked" if event.stage == "RequestReceived" else "?", "pending")
    return Outcome(str(event.code), "failed" if event.code >= 400 else "ok")


def emphasis(event: Event) -> Emphasis:
    """Give how far the event stands out."""
    return _judge(event)[0]


def why(event: Event) -> str | None:
    """Give the reason for standing out in a few words; None when it does not."""
    return _judge(event)[1]


def _judge(event: Event) -> tuple[Emphasis, str | None]:
    is_system = event.kind in SYSTEM_KINDS
    happened = outcome(event).tone == "ok" and not event.dry_run
    if happened and (found := _grave(event, is_system) or _notable(event, is_system)):
        return found
    if is_denied(event):
        return "warm", "it was not allowed"
    if event.code == 401:
        return "warm", "the credentials were not accepted"
    if event.stage == "Panic" or (event.code or 0) >= 500:
        return "warm", "the server failed"
    if event.verb in _READS or event.kind in ("node", "controlplane") or event.subresource == "status":
        return "quiet", None
    return ("quiet" if is_system and not event.verb.startswith("delete") else "plain"), None


def _grave(event: Event, is_system: bool) -> tuple[Emphasis, str] | None:
    if event.kind == "anonymous" and event.resource:
        return "hot", "nobody had to say who they are"
    if is_system or event.subresource:
        return None
    if event.verb in ("delete", "deletecollection") and event.resource in _PRECIOUS:
        return "hot", _PRECIOUS[event.resource]
    if event.resource == "clusterrolebindings" and event.verb in ("create", "update", "patch"):
        return "hot", "rights in the whole cluster were given"
    return None


def _notable(event: Event, is_system: bool) -> tuple[Emphasis, str] | None:
    if event.resource == "pods" and event.subresource in _SESSIONS:
        return "warm", _shell(event) or _SESSIONS[event.subresource]
    if event.subresource == "proxy" and not is_system:
        return "warm", "past the authorization of what is behind the apiserver"
    if event.impersonated_user:
        return "warm", "one user acted as another"
    if is_system:
        return None
    if event.resource == "secrets" and event.verb in ("get", "list", "watch"):
        return "warm", "secrets were read"
    if event.resource in _RBAC and event.verb in _WRITES:
        return "warm", "rights were changed"
    if event.resource in _GATES and event.verb in _WRITES:
        return "warm", "a gate before every change was changed"
    if event.subresource in ("token", "approval"):
        return "warm", "credentials were issued"
    return None


def _shell(event: Event) -> str | None:
    words = command_words(event) if event.subresource == "exec" else []
    return "a shell in a running container" if words and words[0].rsplit("/", 1)[-1] in SHELLS else None
