"""What was done and how it ended, each in one word and a tone that colours it."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from audit_webhook.events.api_resources import find
from audit_webhook.events.event import Event
from audit_webhook.humanize.failures import is_denied
from audit_webhook.humanize.phrases import READS, by_hand
from audit_webhook.humanize.subresources import is_interactive
from audit_webhook.humanize.text import visible

Tone = Literal["create", "change", "delete", "exec", "read", "other"]
OutcomeTone = Literal["ok", "denied", "failed", "pending"]

REVIEWS: Final = frozenset({
    "selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews", "subjectaccessreviews",
    "localsubjectaccessreviews", "tokenreviews",
})
_TONES: Final[dict[str, Tone]] = {
    "create": "create", "update": "change", "patch": "change", "delete": "delete", "deletecollection": "delete",
}
_SESSIONS: Final[dict[str, tuple[str, Tone]]] = {
    "exec": ("exec", "exec"),
    "attach": ("attach", "exec"),
    "portforward": ("forward", "exec"),
    "proxy": ("proxy", "exec"),
    "log": ("logs", "read"),
}
_WRITTEN: Final[dict[str, tuple[str, Tone]]] = {
    "ephemeralcontainers": ("debug", "exec"),
    "binding": ("bind", "create"),
    "eviction": ("evict", "delete"),
    "token": ("token", "create"),
    "approval": ("approval", "change"),
    "scale": ("scale", "change"),
    "resize": ("resize", "change"),
    "status": ("status", "change"),
}
_RENEWED: Final = frozenset({("update", "leases"), ("patch", "leases")})


class Badge(NamedTuple):
    """The word for what was done, and its colour."""

    text: str
    tone: Tone


class Outcome(NamedTuple):
    """How it ended, in a word, and its colour."""

    text: str
    tone: OutcomeTone


def badge(event: Event) -> Badge:
    """Give the verb, or the better word for it."""
    if event.subresource in _SESSIONS:
        return Badge(*_SESSIONS[event.subresource])
    if is_interactive(event):
        return Badge(visible(event.subresource, 12), "exec")
    if event.verb in READS:
        return Badge(event.verb, "read")
    if event.subresource:
        return Badge(*_WRITTEN.get(event.subresource) or _action(event))
    if is_review(event) and event.verb == "create":
        return Badge("check", "read")
    if (event.verb, event.resource) in _RENEWED and find(event.api_group, event.resource) and not by_hand(event):
        return Badge("renew", "change")
    if event.verb == "patch" and event.command == "apply":
        return Badge("apply", "change")
    return Badge(_verb(event), _tone(event))


def is_review(event: Event) -> bool:
    """Return whether a request asks Kubernetes about rights or a token, which changes nothing."""
    return event.resource in REVIEWS and find(event.api_group, event.resource) is not None


def _action(event: Event) -> tuple[str, Tone]:
    """Return an action by its own name: what it does to the object is not said by the verb."""
    if event.verb in ("create", "update", "patch"):
        return visible(event.subresource, 12), "change"
    return _verb(event), _tone(event)


def _verb(event: Event) -> str:
    return "delete all" if event.verb == "deletecollection" else visible(event.verb, 12) or "?"


def _tone(event: Event) -> Tone:
    return _TONES.get(event.verb, "other")


def outcome(event: Event) -> Outcome:
    """Give the status code, or ``denied``."""
    if is_denied(event):
        return Outcome("denied", "denied")
    if event.stage == "Panic":
        return Outcome("panic", "failed")
    if event.code is None:
        return Outcome("asked" if event.stage == "RequestReceived" else "?", "pending")
    return Outcome(str(event.code), "failed" if event.code >= 400 else "ok")
