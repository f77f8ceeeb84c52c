"""One English sentence for an event: who did what, or tried to and why it did not happen."""

from __future__ import annotations

from audit_webhook.events.event import Event
from audit_webhook.humanize.actors import actor_parts
from audit_webhook.humanize.failures import failure_of, is_denied, may_not_impersonate, refusal_of
from audit_webhook.humanize.logins import login_parts
from audit_webhook.humanize.phrases import phrase_of
from audit_webhook.humanize.sessions import Phrase
from audit_webhook.humanize.text import Part


def summary(event: Event) -> str:
    """Give the sentence as text."""
    return "".join(part.text for part in sentence(event))


def sentence(event: Event, phrase: Phrase | None = None) -> tuple[Part, ...]:
    """Give the sentence in parts, so that a page can set the actor and the object apart.

    A phrase of what was done may be given, where more is known of it than the event tells.
    """
    if event.login_decision and (parts := login_parts(event)) is not None:
        return parts
    phrase = phrase or phrase_of(event)
    rest = (Part(" "), *phrase.rest) if phrase.rest else ()
    who = actor_parts(event)
    if event.stage == "RequestReceived":
        return (*who, Part(f" asked to {phrase.infinitive}"), *rest)
    if is_denied(event):
        return (*who, *_refused(event, phrase, rest))
    if event.code == 404 and event.verb == "get" and event.name and not event.subresource:
        return (*who, Part(" tried to read"), *rest, Part(": not found"))
    if failure := failure_of(event):
        return (*who, *_failed(event, phrase, rest, failure))
    return (*who, Part(f" {phrase.past}"), *rest, *_ending(event, phrase))


def _refused(event: Event, phrase: Phrase, rest: tuple[Part, ...]) -> tuple[Part, ...]:
    if may_not_impersonate(event):
        return (Part(f" was not allowed to act as another user to {phrase.infinitive}"), *rest)
    if refusal := refusal_of(event):
        return (Part(f" tried to {phrase.infinitive}"), *rest, Part(f": {refusal}"))
    return (Part(f" was not allowed to {phrase.infinitive}"), *rest)


def _failed(event: Event, phrase: Phrase, rest: tuple[Part, ...], failure: str) -> tuple[Part, ...]:
    tried = (Part(f" tried to {phrase.infinitive}"), *rest)
    if event.code == 401 and not event.actor:
        return tried
    return (*tried, Part(f": {failure}"))


def _ending(event: Event, phrase: Phrase) -> tuple[Part, ...]:
    ending = (Part(phrase.ending),) if phrase.ending else ()
    return (*ending, Part(" (dry run: nothing was changed)")) if event.dry_run else ending
