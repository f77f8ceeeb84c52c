"""One English sentence for an event: who did what, or tried to and why it did not happen."""

from __future__ import annotations

from typing import Final

from audit_webhook.event import Event
from audit_webhook.humanize.actors import actor_parts
from audit_webhook.humanize.phrases import phrase_of
from audit_webhook.humanize.text import Part, visible

_FAILURES: Final = {
    "AlreadyExists": "there is one already",
    "Conflict": "it had changed meanwhile",
    "Invalid": "the object was not valid",
    "BadRequest": "the request was not understood",
    "MethodNotAllowed": "that cannot be done there",
    "NotAcceptable": "the form asked for is not offered",
    "RequestEntityTooLarge": "it was too large",
    "UnsupportedMediaType": "its format is not taken",
    "TooManyRequests": "it was held back for now",
    "Expired": "what it continued from is gone",
    "Gone": "what it continued from is gone",
    "Timeout": "it took too long",
    "ServiceUnavailable": "the server was not available",
    "InternalError": "the server failed",
}
_BY_CODE: Final = {
    400: "the request was not understood",
    405: "that cannot be done there",
    409: "it had changed meanwhile",
    410: "what it continued from is gone",
    413: "it was too large",
    415: "its format is not taken",
    422: "the object was not valid",
    429: "it was held back for now",
    500: "the server failed",
    503: "the server was not available",
    504: "it took too long",
}


def summary(event: Event) -> str:
    """Give the sentence as text."""
    return "".join(part.text for part in sentence(event))


def sentence(event: Event) -> tuple[Part, ...]:
    """Give the sentence in parts, so that a page can set the actor and the object apart."""
    phrase = phrase_of(event)
    rest = (Part(" "), *phrase.rest) if phrase.rest else ()
    who = actor_parts(event)
    if event.stage == "RequestReceived":
        return (*who, Part(f" asked to {phrase.infinitive}"), *rest)
    if is_denied(event):
        return (*who, Part(f" may not {phrase.infinitive}"), *rest)
    if event.code == 404 and event.verb == "get":
        return (*who, Part(" looked for"), *rest, Part(": there is none"))
    if failure := failure_of(event):
        return (*who, Part(f" tried to {phrase.infinitive}"), *rest, Part(f": {failure}"))
    dry_run = (Part(" (dry run: nothing was changed)"),) if event.dry_run else ()
    return (*who, Part(f" {phrase.past}"), *rest, *dry_run)


def is_denied(event: Event) -> bool:
    """Whether the authorizer or an admission rule said no."""
    return event.decision == "forbid" or event.code == 403


def failure_of(event: Event) -> str:
    """Give why nothing happened; empty when it did."""
    if event.stage == "Panic":
        return "the apiserver panicked"
    if event.code == 401:
        return "the credentials were not accepted"
    if event.code == 404:
        return "there is none"
    if event.code is None or event.code < 400:
        return ""
    if event.status_reason in _FAILURES:
        return _FAILURES[event.status_reason]
    return _BY_CODE.get(event.code) or (visible(event.status_reason, 60) or f"answered with {event.code}")
