"""What was done, as a phrase in the past and in the infinitive: a table by verb, resource and subresource.

The specific rows stand on top; what no row knows is said with the verb itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from audit_webhook.events.api_resources import find
from audit_webhook.events.event import SYSTEM_KINDS, Event
from audit_webhook.events.programs import is_hand_tool
from audit_webhook.humanize.actors import own
from audit_webhook.humanize.objects import PROJECTS, many_objects, noun, one_object, place
from audit_webhook.humanize.request import path_of, selectors
from audit_webhook.humanize.sessions import Phrase, lasting
from audit_webhook.humanize.subresources import phrase_of_subresource, sent
from audit_webhook.humanize.text import Part, visible

READS: Final = frozenset({"get", "list", "watch", "head", "options"})

Explainer = Callable[[Event], Phrase]


def phrase_of(event: Event) -> Phrase:
    """Give the phrase for what the request asked for."""
    if not event.resource:
        return _tell_path(event)
    if event.subresource:
        return phrase_of_subresource(event)
    is_own = find(event.api_group, event.resource) is not None or event.api_group == PROJECTS
    special = _RESOURCES.get((event.verb, event.resource)) if is_own else None
    explainer = special or _VERBS.get(event.verb)
    return explainer(event) if explainer else _tell_unknown(event)


def _one(past: str, infinitive: str) -> Explainer:
    return lambda event: Phrase(past, infinitive, one_object(event))


def _many(past: str, infinitive: str) -> Explainer:
    return lambda event: Phrase(past, infinitive, (*many_objects(event), *_selection(event)))


def _where(past: str, infinitive: str) -> Explainer:
    return lambda event: Phrase(past, infinitive, (Part("in "), *place(event)[1:]) if place(event) else ())


def _about_self(past: str, infinitive: str, what: str) -> Explainer:
    return lambda event: Phrase(f"{past} {own(event)} {what}", f"{infinitive} {own(event)} {what}")


def _selection(event: Event) -> tuple[Part, ...]:
    chosen = selectors(event)
    return (Part(f" with {visible(', '.join(chosen))}"),) if chosen else ()


def _tell_get(event: Event) -> Phrase:
    return Phrase("read", "read", one_object(event))


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
    past, infinitive = ("updated", "update") if event.verb == "update" else ("changed", "change")
    return Phrase(past, infinitive, one_object(event))


def by_hand(event: Event) -> bool:
    """Return whether somebody, and no program of its own accord, sent a request."""
    return event.kind not in SYSTEM_KINDS or is_hand_tool(event.client)


def _of_program(past: str, infinitive: str, is_in_place: bool = False) -> Explainer:
    """Return what tells a write that programs repeat all day; by hand it is a change like any other."""
    usual = _where(past, infinitive) if is_in_place else _one(past, infinitive)
    by_person = _one("changed", "change")
    return lambda event: by_person(event) if by_hand(event) else usual(event)


_VERBS: Final[dict[str, Explainer]] = {
    "get": _tell_get,
    "list": _tell_list,
    "watch": _tell_watch,
    "create": _one("created", "create"),
    "update": _tell_write,
    "patch": _tell_write,
    "delete": _one("deleted", "delete"),
    "deletecollection": _many("deleted all", "delete all"),
}
_RESOURCES: Final[dict[tuple[str, str], Explainer]] = {
    ("create", "selfsubjectaccessreviews"): _about_self("checked", "check", "rights"),
    ("create", "selfsubjectrulesreviews"): _about_self("listed", "list", "rights"),
    ("create", "selfsubjectreviews"): _about_self("looked up", "look up", "identity"),
    ("create", "subjectaccessreviews"): _where("checked the rights of a user", "check the rights of a user"),
    ("create", "localsubjectaccessreviews"): _where("checked the rights of a user", "check the rights of a user"),
    ("create", "tokenreviews"): _where("had a token checked", "have a token checked"),
    ("update", "leases"): _of_program("renewed", "renew"),
    ("patch", "leases"): _of_program("renewed", "renew"),
    ("create", "events"): _where("reported an event", "report an event"),
    ("update", "events"): _of_program("reported an event again", "report an event again", is_in_place=True),
    ("patch", "events"): _of_program("reported an event again", "report an event again", is_in_place=True),
    ("create", "projectrequests"): _one("requested", "request"),
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
    past, infinitive = sent(event)
    word = noun(event.resource, event.api_group, event.object_kind)
    return Phrase(past, infinitive, one_object(event) if event.name else (Part(word), *place(event)))
