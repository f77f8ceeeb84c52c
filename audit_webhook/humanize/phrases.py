"""What was done, as a phrase in the past and in the infinitive: a table by verb, resource and subresource.

The specific rows stand on top; what no row knows is said with the verb itself.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from audit_webhook.event import Event
from audit_webhook.humanize.objects import many_objects, noun, one_object, place
from audit_webhook.humanize.text import Part, visible

SHELLS: Final = frozenset({"sh", "bash", "ash", "zsh", "dash", "ksh", "fish", "powershell", "cmd"})
_READ: Final = frozenset({"get", "list", "watch"})


class Phrase(NamedTuple):
    """``deleted`` / ``delete`` and what follows it."""

    past: str
    infinitive: str
    rest: tuple[Part, ...] = ()


Teller = Callable[[Event], Phrase]


def phrase_of(event: Event) -> Phrase:
    """Give the phrase for what the request asked for."""
    if not event.resource:
        return _non_resource(event)
    if event.subresource:
        return _subresource(event)
    teller = _RESOURCES.get((event.verb, event.resource)) or _VERBS.get(event.verb)
    return teller(event) if teller else _unknown(event)


def _told(past: str, infinitive: str, what: Callable[[Event], tuple[Part, ...]] = one_object) -> Teller:
    return lambda event: Phrase(past, infinitive, what(event))


def _fixed(past: str, infinitive: str) -> Teller:
    return lambda event: Phrase(past, infinitive)


def _of(past: str, infinitive: str) -> Teller:
    """Tell of a subresource whose object has no article of its own when it has no name."""
    return lambda event: Phrase(past, infinitive, (*one_object(event), *_container(event)))


def _selected(past: str, infinitive: str) -> Teller:
    return lambda event: Phrase(past, infinitive, (*many_objects(event), *_selector(event)))


def query_of(event: Event) -> Mapping[str, list[str]]:
    """Give the parameters of the request's URI; none when it cannot be read."""
    try:
        return parse_qs(urlsplit(event.request_uri).query, max_num_fields=200, errors="replace")
    except ValueError:
        return {}


def _first(event: Event, name: str) -> str:
    return query_of(event).get(name, [""])[0]


def _selector(event: Event) -> tuple[Part, ...]:
    """Say which ones were asked for; a field selector for the name is said by the name already."""
    chosen = [_first(event, "labelSelector"), _first(event, "fieldSelector")]
    said = [text for text in chosen if text and text != f"metadata.name={event.name}"]
    return (Part(f" with {visible(', '.join(said))}"),) if said else ()


def _container(event: Event) -> tuple[Part, ...]:
    name = _first(event, "container")
    return (Part(f" (container {visible(name)})"),) if name else ()


def _watch(event: Event) -> Phrase:
    what = (*many_objects(event), *_selector(event))
    if event.stage == "ResponseStarted":
        return Phrase("started watching", "watch", what)
    lasted = f" after {_lasting(event.duration)}" if event.duration is not None else ""
    return Phrase("stopped watching", "watch", (*what, Part(lasted)) if lasted else what)


def _lasting(microseconds: int) -> str:
    seconds = microseconds // 1_000_000
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"


def command_words(event: Event) -> list[str]:
    """Give the command line of an exec, as its URI has it."""
    return query_of(event).get("command", [])


def _exec(event: Event) -> Phrase:
    words = command_words(event)
    pod = (*one_object(event), *_container(event))
    if words and words[0].rsplit("/", 1)[-1] in SHELLS and len(words) == 1:
        return Phrase("opened a shell in", "open a shell in", pod)
    if not words:
        return Phrase("ran a command in", "run a command in", pod)
    line = visible(shlex.join(words), 80)
    return Phrase(f"ran “{line}” in", f"run “{line}” in", pod)


def _log(event: Event) -> Phrase:
    if _first(event, "follow") in ("true", "1"):
        return _of("followed the log of", "follow the log of")(event)
    return _of("read the log of", "read the log of")(event)


def _binding(event: Event) -> Phrase:
    return Phrase("placed", "place", (*one_object(event), Part(" on a node")))


def _scale(event: Event) -> Phrase:
    if event.verb in _READ:
        return _of("looked at the scale of", "look at the scale of")(event)
    return _of("scaled", "scale")(event)


def _status(event: Event) -> Phrase:
    if event.verb in _READ:
        return _of("looked at the status of", "look at the status of")(event)
    return _of("updated the status of", "update the status of")(event)


_SUBRESOURCES: Final[dict[tuple[str, str], Teller]] = {
    ("pods", "exec"): _exec,
    ("pods", "attach"): _of("attached to", "attach to"),
    ("pods", "portforward"): _of("forwarded a port to", "forward a port to"),
    ("pods", "log"): _log,
    ("pods", "binding"): _binding,
    ("pods", "eviction"): _of("evicted", "evict"),
    ("pods", "ephemeralcontainers"): _of("put a debug container into", "put a debug container into"),
    ("pods", "resize"): _of("resized", "resize"),
    ("serviceaccounts", "token"): _of("created a token for", "create a token for"),
    ("certificatesigningrequests", "approval"): _of("decided on", "decide on"),
    ("namespaces", "finalize"): _of("finalized", "finalize"),
    ("*", "proxy"): _of("went through the apiserver to", "go through the apiserver to"),
    ("*", "scale"): _scale,
    ("*", "status"): _status,
}


def _subresource(event: Event) -> Phrase:
    key = (event.resource, event.subresource)
    teller = _SUBRESOURCES.get(key) or _SUBRESOURCES.get(("*", event.subresource))
    if teller:
        return teller(event)
    past, infinitive = _PLAIN.get(event.verb, (f"sent {visible(event.verb)} to", f"send {visible(event.verb)} to"))
    the = f" the {visible(event.subresource)} of"
    return Phrase(past + the, infinitive + the, one_object(event))


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
    "get": _told("looked at", "look at"),
    "list": _selected("listed", "list"),
    "watch": _watch,
    "create": _told("created", "create"),
    "update": _told("updated", "update"),
    "patch": _told("changed", "change"),
    "delete": _told("deleted", "delete"),
    "deletecollection": _selected("deleted all", "delete all"),
}
_RESOURCES: Final[dict[tuple[str, str], Teller]] = {
    ("create", "selfsubjectaccessreviews"): _fixed("asked whether it is allowed", "ask what it is allowed"),
    ("create", "selfsubjectrulesreviews"): _fixed("asked what it is allowed", "ask what it is allowed"),
    ("create", "selfsubjectreviews"): _fixed("asked the apiserver who it is", "ask the apiserver who it is"),
    ("create", "subjectaccessreviews"): _fixed("asked what somebody is allowed", "ask what somebody is allowed"),
    ("create", "localsubjectaccessreviews"): lambda event: Phrase(
        "asked what somebody is allowed", "ask what somebody is allowed", place(event)
    ),
    ("create", "tokenreviews"): _fixed("had a token checked", "have a token checked"),
    ("update", "leases"): _told("renewed", "renew"),
    ("patch", "leases"): _told("renewed", "renew"),
    ("create", "events"): lambda event: Phrase("reported an event", "report an event", place(event)),
    ("patch", "events"): lambda event: Phrase("reported an event again", "report an event again", place(event)),
}
_PATHS: Final = (
    (("/version",), "asked for the server's version", "ask for the server's version"),
    (("/api", "/apis", "/openapi", "/swagger"), "asked which APIs there are",
     "ask which APIs there are"),
    (("/healthz", "/livez", "/readyz"), "checked the apiserver's health", "check the apiserver's health"),
    (("/metrics",), "read the apiserver's metrics", "read the apiserver's metrics"),
    (("/logs",), "read the control plane's log files", "read the control plane's log files"),
    (("/.well-known", "/openid"), "asked who issues tokens", "ask who issues tokens"),
)


def _non_resource(event: Event) -> Phrase:
    path = event.request_uri.partition("?")[0]
    for prefixes, past, infinitive in _PATHS:
        if any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes):
            return Phrase(past, infinitive)
    if not path:
        return Phrase("sent a request", "send a request")
    sent = visible(event.verb.upper() or "a request to")
    return Phrase(f"sent {sent}", f"send {sent}", (Part(visible(path), "object"),))


def _unknown(event: Event) -> Phrase:
    verb = visible(event.verb or "a request", 40)
    what = one_object(event) if event.name else (Part(noun(event.resource)), *place(event))
    return Phrase(f"sent {verb} for", f"send {verb} for", what)
