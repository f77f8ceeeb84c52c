"""What of an event a search can be narrowed to, or freed of: the way from a row to the next query."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audit_webhook.errors import InvalidParameter
from audit_webhook.events.event import Event
from audit_webhook.events.visible_text import shown
from audit_webhook.query.edit import narrowed, unquote
from audit_webhook.query.fields import BY_NAME
from audit_webhook.search.event.around import Around, searches_around


MOST_CLAIMED = 4


@dataclass(frozen=True, slots=True)
class Filter:
    """A field's value in an event, with the query that finds only such events, and the one that leaves them out."""

    field: str
    text: str
    only: str
    without: str


@dataclass(frozen=True, slots=True)
class FiltersView:
    """Everything that the template of an event's filters uses."""

    query: str
    filters: tuple[Filter, ...]
    around: tuple[Around, ...]


def view_filters(event: Event, text: str) -> FiltersView:
    """Offer an event's values, each as a change of the query."""
    filters = tuple(
        Filter(field, shown(value, longest=80), narrowed(text, field, value), narrowed(text, field, value, True))
        for field, value in _values(event) if value
    )
    return FiltersView(text, filters, searches_around(event))


def narrow_by(text: str, term: str) -> str:
    """Give the query narrowed by a term such as ``user:alice`` or ``-user:alice``; raises InvalidParameter."""
    name, colon, value = term.removeprefix("-").partition(":")
    if not colon or name not in BY_NAME:
        raise InvalidParameter("a term is a field and a value, as in user:alice")
    return narrowed(text, name, unquote(value), term.startswith("-"))


def _values(event: Event) -> Iterator[tuple[str, str]]:
    yield "user", event.actor
    yield "by", event.proxy
    yield "as", event.impersonated_user
    yield "verb", event.verb
    yield "resource", "/".join(part for part in (event.resource, event.subresource) if part)
    yield "ns", event.namespace
    yield "name", event.name
    yield "code", "" if event.code is None else str(event.code)
    yield "client", event.client
    yield "ip", event.source_ip
    for address in event.claimed_ips[-MOST_CLAIMED:]:
        yield "ip", address
    yield "cluster", event.cluster
