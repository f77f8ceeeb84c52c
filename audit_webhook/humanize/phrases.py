"""What was done, as a phrase in the past and in the infinitive: a table by verb, resource and subresource.

The specific rows stand on top; what no row knows is said with the verb itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from audit_webhook.event import SYSTEM_KINDS, Event
from audit_webhook.humanize.actors import own
from audit_webhook.humanize.objects import many_objects, noun, one_object, place
from audit_webhook.humanize.request import path_of, selectors
from audit_webhook.humanize.sessions import (
    Phrase,
    lasting,
    tell_attach,
    tell_exec,
    tell_forward,
    tell_log,
    tell_proxy,
)
from audit_webhook.humanize.text import Part, visible

READS: Final = frozenset({"get", "list", "watch", "head", "options"})

Teller = Callable[[Event], Phrase]


def phrase_of(event: Event) -> Phrase:
    """Give the phrase for what the request asked for."""
    if not event.resource:
        return _tell_path(event)
    if event.subresource:
        return _tell_subresource(event)
    teller = _RESOURCES.get((event.verb, event.resource)) or _VERBS.get(event.verb)
    return teller(event) if teller else _tell_unknown(event)


def _one(past: str, infinitive: str) -> Teller:
    return lambda event: Phrase(past, infinitive, one_object(event))


def _many(past: str, infinitive: str) -> Teller:
    return lambda event: Phrase(past, infinitive, (*many_objects(event), *_selection(event)))


def _where(past: str, infinitive: str) -> Teller:
    return lambda event: Phrase(past, infinitive, (Part("in "), *place(event)[1:]) if place(event) else ())


def _about_self(past: str, infinitive: str, what: str) -> Teller:
    return lambda event: Phrase(f"{past} {own(event)} {what}", f"{infinitive} {own(event)} {what}")


def _selection(event: Event) -> tuple[Part, ...]:
    chosen = selectors(event)
    return (Part(f" with {visible(', '.join(chosen))}"),) if chosen else ()


def _tell_get(event: Event) -> Phrase:
    return Phrase("looked at", "look at", one_object(event))


def _tell_list(event: Event) -> Phrase:
    if event.name:
        return _tell_get(event)
    return _many("listed", "list")(event)


def _tell_watch(event: Event) -> Phrase:
    what = (*many_objects(event), *_selection(event))
    if event.stage == "ResponseStarted":
        return Phrase("started watching", "watch", what)
    ending = f" after {lasting(event.duration)}" if event.duration is not None else ""
    return Phrase("stopped watching", "watch", what, ending)


def _tell_write(event: Event) -> Phrase:
    """Tell of an update or patch: with 201 there was nothing before, as when server-side apply makes the object."""
    if event.code == 201:
        return Phrase("created", "create", one_object(event))
    past, infinitive = _PLAIN[event.verb]
    return Phrase(past, infinitive, one_object(event))


def _tell_placing(event: Event) -> Phrase:
    return Phrase("placed", "place", (*one_object(event), Part(" on a node")))


def _tell_status(event: Event) -> Phrase:
    if event.kind in SYSTEM_KINDS:
        return Phrase("reported the status of", "report the status of", one_object(event))
    return Phrase("changed the status of", "change the status of", one_object(event))


# Asked for with GET as well as with POST, and the same either way.
_SESSIONS: Final[dict[tuple[str, str], Teller]] = {
    ("pods", "exec"): tell_exec,
    ("pods", "attach"): tell_attach,
    ("pods", "portforward"): tell_forward,
    ("pods", "log"): tell_log,
    ("pods", "proxy"): tell_proxy,
    ("services", "proxy"): tell_proxy,
    ("nodes", "proxy"): tell_proxy,
}
_WRITTEN: Final[dict[tuple[str, str], Teller]] = {
    ("pods", "binding"): _tell_placing,
    ("pods", "eviction"): _one("evicted", "evict"),
    ("pods", "ephemeralcontainers"): _one("put a debug container into", "put a debug container into"),
    ("pods", "resize"): _one("resized", "resize"),
    ("serviceaccounts", "token"): _one("created a token for", "create a token for"),
    ("certificatesigningrequests", "approval"): _one("approved or denied", "approve or deny"),
    ("namespaces", "finalize"): _one("finished the deletion of", "finish the deletion of"),
    ("*", "scale"): _one("scaled", "scale"),
    ("*", "status"): _tell_status,
}
_SUBRESOURCE_NOUNS: Final = {"ephemeralcontainers": "debug containers", "resize": "size"}


def _tell_subresource(event: Event) -> Phrase:
    session = _SESSIONS.get((event.resource, event.subresource))
    if session:
        return session(event)
    keys = ((event.resource, event.subresource), ("*", event.subresource))
    tellers = (_WRITTEN[key] for key in keys if key in _WRITTEN and event.verb not in READS)
    teller = next(tellers, None)
    if teller:
        return teller(event)
    word = _SUBRESOURCE_NOUNS.get(event.subresource) or visible(event.subresource, 60)
    past, infinitive = _PLAIN.get(event.verb) or _sent(event)
    return Phrase(f"{past} the {word} of", f"{infinitive} the {word} of", one_object(event))


def _sent(event: Event) -> tuple[str, str]:
    what = visible(event.verb, 40) or "a request"
    return f"sent {what} for", f"send {what} for"


_PLAIN: Final = {
    "get": ("looked at", "look at"),
    "list": ("listed", "list"),
    "watch": ("watched", "watch"),
    "create": ("created", "create"),
    "update": ("updated", "update"),
    "patch": ("changed", "change"),
    "delete": ("deleted", "delete"),
    "deletecollection": ("deleted all", "delete all"),
}
_VERBS: Final[dict[str, Teller]] = {
    "get": _tell_get,
    "list": _tell_list,
    "watch": _tell_watch,
    "create": _one("created", "create"),
    "update": _tell_write,
    "patch": _tell_write,
    "delete": _one("deleted", "delete"),
    "deletecollection": _many("deleted all", "delete all"),
}
_RESOURCES: Final[dict[tuple[str, str], Teller]] = {
    ("create", "selfsubjectaccessreviews"): _about_self("checked", "check", "rights"),
    ("create", "selfsubjectrulesreviews"): _about_self("listed", "list", "rights"),
    ("create", "selfsubjectreviews"): _about_self("looked up", "look up", "identity"),
    ("create", "subjectaccessreviews"): _where("checked the rights of a user", "check the rights of a user"),
    ("create", "localsubjectaccessreviews"): _where("checked the rights of a user", "check the rights of a user"),
    ("create", "tokenreviews"): _where("had a token checked", "have a token checked"),
    ("update", "leases"): _one("renewed", "renew"),
    ("patch", "leases"): _one("renewed", "renew"),
    ("create", "events"): _where("reported an event", "report an event"),
    ("update", "events"): _where("reported an event again", "report an event again"),
    ("patch", "events"): _where("reported an event again", "report an event again"),
}
_PATHS: Final = (
    (("/version",), "asked for the server's version", "ask for the server's version"),
    (("/openapi", "/swagger.json"), "read the API's schema", "read the API's schema"),
    (("/api", "/apis"), "asked which APIs there are", "ask which APIs there are"),
    (("/healthz", "/livez", "/readyz"), "checked the apiserver's health", "check the apiserver's health"),
    (("/metrics",), "read the apiserver's metrics", "read the apiserver's metrics"),
    (("/logs",), "read the control plane's log files", "read the control plane's log files"),
    (("/debug",), "read the apiserver's internals", "read the apiserver's internals"),
    (("/configz", "/flagz", "/statusz"), "asked how the apiserver is set up", "ask how the apiserver is set up"),
    (("/.well-known", "/openid"), "asked how tokens are checked", "ask how tokens are checked"),
)


def _tell_path(event: Event) -> Phrase:
    path = path_of(event)
    for prefixes, past, infinitive in _PATHS if event.verb in ("get", "head", "") else ():
        if any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes):
            return Phrase(past, infinitive)
    if not path:
        return Phrase("sent a request", "send a request")
    method = visible(event.verb, 40).upper()
    sent = f" {method}" if method else " a request for"
    return Phrase(f"sent{sent}", f"send{sent}", (Part(visible(path), "object"),))


def _tell_unknown(event: Event) -> Phrase:
    past, infinitive = _sent(event)
    return Phrase(past, infinitive, one_object(event) if event.name else (Part(noun(event.resource)), *place(event)))
