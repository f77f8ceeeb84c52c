"""What was done through a subresource: a state that was changed, an action that was asked for, or a session.

Kubernetes' own are known by group and resource. Of another group's, the names are known that say what they are; a write
to any other one is told as what it is to Kubernetes: something sent to the object, which its server acts on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from audit_webhook.events.api_resources import find
from audit_webhook.events.event import SYSTEM_KINDS, Event
from audit_webhook.humanize.objects import one_object
from audit_webhook.humanize.sessions import Phrase, tell_attach, tell_exec, tell_forward, tell_log, tell_proxy
from audit_webhook.humanize.text import Part, visible

Explainer = Callable[[Event], Phrase]

INTERACTIVE: Final = {
    "exec": "a command in what runs there",
    "attach": "attached to what runs there",
    "console": "a console was opened",
    "vnc": "a screen was taken over",
    "spice": "a screen was taken over",
    "rdp": "a screen was taken over",
    "serial": "a console was opened",
    "terminal": "a console was opened",
    "tty": "a console was opened",
    "shell": "a console was opened",
    "ssh": "a console was opened",
    "portforward": "a port was forwarded",
    "usbredir": "a device was connected",
    "vsock": "a port was forwarded",
}
"""Subresources of other groups that connect somebody with what runs there, with why that stands out."""
_CONSOLES: Final = frozenset({"console", "serial", "terminal", "tty", "shell", "ssh"})
_READS: Final = frozenset({"get", "list", "watch", "head", "options"})
# Parts of an object that are written like the object itself.
_STATES: Final = frozenset({
    "status", "scale", "spec", "finalize", "approval", "resize", "ephemeralcontainers", "details",
})
_SUBRESOURCE_NOUNS: Final = {"ephemeralcontainers": "debug containers", "resize": "size"}
_PLAIN: Final = {
    "get": ("read", "read"),
    "list": ("listed", "list"),
    "watch": ("watched", "watch"),
    "create": ("created", "create"),
    "update": ("updated", "update"),
    "patch": ("changed", "change"),
    "delete": ("deleted", "delete"),
    "deletecollection": ("deleted all", "delete all"),
}


def _one(past: str, infinitive: str) -> Explainer:
    return lambda event: Phrase(past, infinitive, one_object(event))


def _tell_placing(event: Event) -> Phrase:
    return Phrase("placed", "place", (*one_object(event), Part(" on a node")))


def _tell_status(event: Event) -> Phrase:
    if event.kind in SYSTEM_KINDS:
        return Phrase("reported the status of", "report the status of", one_object(event))
    return Phrase("changed the status of", "change the status of", one_object(event))


# Of pods; asked for with GET as well as with POST, and the same either way.
_SESSIONS: Final[dict[str, Explainer]] = {"exec": tell_exec, "attach": tell_attach, "portforward": tell_forward}
_WRITTEN: Final[dict[tuple[str, str], Explainer]] = {
    ("pods", "binding"): _tell_placing,
    ("pods", "eviction"): _one("evicted", "evict"),
    ("pods", "ephemeralcontainers"): _one("put a debug container into", "put a debug container into"),
    ("pods", "resize"): _one("resized", "resize"),
    ("serviceaccounts", "token"): _one("created a token for", "create a token for"),
    ("certificatesigningrequests", "approval"): _one("approved or denied", "approve or deny"),
    ("namespaces", "finalize"): _one("finished the deletion of", "finish the deletion of"),
}
_OF_ANY: Final[dict[str, Explainer]] = {"scale": _one("scaled", "scale"), "status": _tell_status}


def phrase_of_subresource(event: Event) -> Phrase:
    """Return what a request for a subresource asked for."""
    is_own = find(event.api_group, event.resource) is not None
    if event.subresource == "proxy":
        return tell_proxy(event)
    if event.subresource == "log":
        return tell_log(event)
    if is_own and event.resource == "pods" and event.subresource in _SESSIONS:
        return _SESSIONS[event.subresource](event)
    if is_interactive(event):
        return _tell_interactive(event)
    if event.verb not in _READS:
        explainer = _WRITTEN.get((event.resource, event.subresource)) if is_own else None
        if explainer := explainer or _OF_ANY.get(event.subresource):
            return explainer(event)
        if event.subresource not in _STATES and event.verb in ("create", "update", "patch"):
            what = visible(event.subresource, 60)
            return Phrase(f"sent {what} to", f"send {what} to", one_object(event))
    word = _SUBRESOURCE_NOUNS.get(event.subresource) or visible(event.subresource, 60)
    past, infinitive = _PLAIN.get(event.verb) or sent(event)
    return Phrase(f"{past} the {word} of", f"{infinitive} the {word} of", one_object(event))


def is_interactive(event: Event) -> bool:
    """Return whether a request connects somebody with what another group's resource runs."""
    return event.subresource in INTERACTIVE and find(event.api_group, event.resource) is None


def _tell_interactive(event: Event) -> Phrase:
    if event.subresource == "portforward":
        return tell_forward(event)
    if event.subresource in ("exec", "attach"):
        return tell_exec(event) if event.subresource == "exec" else tell_attach(event)
    word = "console" if event.subresource in _CONSOLES else event.subresource
    if word == "console":
        return Phrase("opened the console of", "open the console of", one_object(event))
    return Phrase(f"connected to the {word} of", f"connect to the {word} of", one_object(event))


def sent(event: Event) -> tuple[str, str]:
    """Return the past and the infinitive for a verb that is none of Kubernetes'."""
    what = visible(event.verb, 40) or "a request"
    return f"sent {what} for", f"send {what} for"
