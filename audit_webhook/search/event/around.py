"""What happened around an event: searches of the minutes before and after it, and the events next to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from audit_webhook.events.event import Event
from audit_webhook.query.edit import and_term, quote
from audit_webhook.search import feed
from audit_webhook.search.time_range import timeless, write_instant
from audit_webhook.storage.repository import Repository

MINUTES: Final = (1, 5, 15)
MINUTE: Final = 60_000
"""Milliseconds in a minute."""
_SPANS: Final = (1000, MINUTE, 60 * MINUTE, 24 * 60 * MINUTE, 30 * 24 * 60 * MINUTE)
_MOST_PAGES: Final = 8
_LONGEST: Final = 1_000
"""A longer value is in no link: a query has at most 4,096 characters."""

Step = Literal["newer", "older"]


class Window(NamedTuple):
    """So many minutes before and after an event, and the query for them."""

    minutes: int
    query: str


class Around(NamedTuple):
    """What of the time around an event can be looked at: in words, the minutes, and as JSON names it."""

    label: str
    windows: tuple[Window, ...]
    is_marked: bool = True
    """Whether the event itself is among what is found."""


def searches_around(event: Event) -> tuple[Around, ...]:
    """Return the searches around an event: everything, and what has its actor, object or address."""
    return tuple(
        Around(label, tuple(Window(minutes, _within(terms, event, minutes)) for minutes in MINUTES))
        for label, terms in _targets(event)
    )


def _targets(event: Event) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """Yield each label with the terms that find it; what an event does not have, or what is too long, has none."""
    cluster = ("cluster", event.cluster)
    yield "Everything", (cluster,)
    if _is_usable(event.actor):
        yield "Same actor", (cluster, ("user", event.actor))
    if event.resource and _is_usable(event.name):
        place = (("ns", event.namespace),) if event.namespace else ()
        kind = ("group", event.api_group), ("resource", event.resource)
        yield "Same object", (cluster, *kind, *place, ("name", event.name))
    if _is_usable(event.source_ip):
        yield "Same address", (cluster, ("ip", event.source_ip))


def _is_usable(value: str) -> bool:
    return 0 < len(value) <= _LONGEST


def _within(terms: tuple[tuple[str, str], ...], event: Event, minutes: int) -> str:
    moment = event.time // 1000
    since, until = write_instant(max(0, moment - minutes * MINUTE)), write_instant(moment + minutes * MINUTE + 1)
    return " ".join((*(f"{field}:{quote(value)}" for field, value in terms), f"since:{since}", f"until:{until}"))


def step_from(repository: Repository, event: Event, text: str, step: Step, now: int) -> str | None:
    """Return the id of the next newer or older event that a query finds, whatever its time; None when there is none.

    Without a query it is the next one of the cluster. Raises QueryError.
    """
    kept = timeless(text) or f"cluster:{quote(event.cluster)}"
    if step == "older":
        found = feed.page(repository, kept, event.id, 1, now).events
        return found[0].id if found else None
    moment = int(event.time // 1000)
    for span in _SPANS:
        term = f"since:{write_instant(moment)} until:{write_instant(moment + span)}"
        if (newer := _oldest_after(repository, and_term(kept, term), event.id, now)) is not None:
            return newer
    return None


def _oldest_after(repository: Repository, text: str, identifier: str, now: int) -> str | None:
    """Return the smallest id that a query finds above one; of very many only the newest pages are looked through."""
    cursor, best = None, None
    for _ in range(_MOST_PAGES):
        page = feed.page(repository, text, cursor, feed.LARGEST_PAGE, now)
        above = [event.id for event in page.events if event.id > identifier]
        best = above[-1] if above else best
        if page.next is None or len(above) < len(page.events):
            break
        cursor = page.next
    return best
