"""The feed as commands or as requests: pages of cards, each event on one of them, and what has arrived since.

A card stands at the place of its newest event, and takes older ones from the next page with it. The cursor names these,
so that the next page leaves them out: whatever a page folds, going through all of them shows each event once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from audit_webhook.errors import InvalidParameter
from audit_webhook.event import Event
from audit_webhook.identity import from_text, time_bound, to_text
from audit_webhook.kubectl import Card, Grouping, Request, read_request, request_of
from audit_webhook.repository import Located, Raw, Repository
from audit_webhook.search_sql import FIRST, LAST
from audit_webhook.services import feed
from audit_webhook.services.events import in_order
from audit_webhook.services.neighbours import neighbours_of
from audit_webhook.services.query import compile_query
from audit_webhook.services.search import event_of, locate

MARGIN: Final = 30
FAR: Final = 60_000
"""How long before the end of a page, in milliseconds, what belongs to its cards may lie."""
MOST_SHOWN: Final = 200
LARGEST_READ: Final = 256 * 1024
"""Bodies of larger events are not looked into for a list of many."""

Fold = Literal["commands", "requests"]


class CardPage(NamedTuple):
    """One page: cards, newest first, the cursor of the next page or None, and the live token of this moment."""

    cards: list[Card]
    next: str | None
    live: str
    progress: feed.Progress | None = None


class CardNews(NamedTuple):
    """What arrived since a token: cards that hold something new, and others that may have changed with them."""

    cards: list[Card]
    others: list[Card]
    live: str
    more: int


class _Place(NamedTuple):
    """A place in the feed: the id before which nothing was shown but these."""

    before: bytes = LAST
    shown: frozenset[bytes] = frozenset()


def page(repository: Repository, text: str, cursor: str | None, limit: int, now: int, fold: Fold) -> CardPage:
    """Give the cards of the newest matching events, or of those before a cursor; ``limit`` is how many events to fold.

    Raises QueryError and InvalidParameter.
    """
    search = compile_query(text, now, repository.database.dialect)
    place = _read_cursor(cursor) if cursor else _Place()
    live = "" if cursor else feed.begin_live(repository, now)
    limit = max(1, min(limit, feed.LARGEST_PAGE))
    places = locate(repository, search, place.before, limit + len(place.shown) + MARGIN)
    located = [item for item in places.located if item.id not in place.shown]
    is_full = len(located) > limit
    edge = located[limit - 1].id if is_full else FIRST
    cards = [card for card in cards_of(repository, _reach(located, limit), fold) if newest_id(card) >= edge]
    shown = place.shown | {from_text(event.id) for card in cards for event in card.events}
    goes_on = places.unread is not None or any(item.id not in shown for item in located)
    rest = _Place(edge if is_full else places.unread or FIRST, shown)
    progress = None
    if places.gave_up and places.unread and not is_full:
        progress = feed.progress_of(repository, search, places.unread, now)
    return CardPage(cards, _write_cursor(rest) if goes_on else None, live, progress)


def _reach(located: Sequence[Located], limit: int) -> list[Located]:
    """Give the events of a page and those behind it that may belong to its cards."""
    if len(located) <= limit:
        return list(located)
    edge = int.from_bytes(located[limit - 1].id[:6], "big")
    lowest = time_bound(max(0, edge - FAR))
    return [*located[:limit], *(item for item in located[limit:] if item.id >= lowest)]


def news(repository: Repository, text: str, live: str, now: int, fold: Fold) -> CardNews:
    """Give the cards of what arrived since a token was made; raises QueryError and InvalidParameter."""
    arrivals = feed.arrivals_of(repository, text, live, now)
    if not arrivals.raws:
        return CardNews([], [], arrivals.live, arrivals.more)
    near = neighbours_of(repository, text, [event_of(raw) for raw in arrivals.raws], now)
    fresh = {to_text(raw.id) for raw in arrivals.raws}
    raws = {raw.id: raw for raw in (*arrivals.raws, *near)}
    cards = _fold(raws.values(), fold)
    return CardNews(
        [card for card in cards if any(event.id in fresh for event in card.events)],
        [card for card in cards if not any(event.id in fresh for event in card.events)],
        arrivals.live,
        arrivals.more,
    )


def card_around(repository: Repository, event: Event, raw: bytes, now: int) -> Card:
    """Give the card that an event is on, with the requests around it that may be seen."""
    grouping = Grouping()
    grouping.add(read_request(raw, event.cluster, event))
    for other in neighbours_of(repository, "", [event], now):
        if to_text(other.id) != event.id:
            grouping.add(_request_of(other))
    return next(card for card in grouping.cards() if any(each.id == event.id for each in card.events))


def cards_of(repository: Repository, located: Sequence[Located], fold: Fold) -> list[Card]:
    """Give the cards of some events, newest first."""
    return _fold(repository.read_chunks(located), fold)


def _fold(raws: Iterable[Raw], fold: Fold) -> list[Card]:
    grouping = Grouping()
    for raw in raws:
        grouping.add(_request_of(raw))
    cards = grouping.cards() if fold == "commands" else grouping.requests()
    return sorted(cards, key=newest_id, reverse=True)


def _request_of(raw: Raw) -> Request:
    event = event_of(raw)
    if len(raw.raw) <= LARGEST_READ:
        return read_request(raw.raw, raw.cluster, event)
    return request_of(msgspec.structs.replace(event, level="Metadata"))


def newest_id(card: Card) -> bytes:
    """Give the id of a card's newest event, which is its place in the feed."""
    return from_text(max(event.id for event in card.events))


def requests_on(card: Card) -> list[Event]:
    """Give the event that tells most of each request of a card, in the order in which they came in."""
    requests: dict[tuple[object, ...], Event] = {}
    for event in card.events:
        key = (event.audit_id or event.id, event.requested, event.verb, event.request_uri)
        if key not in requests or in_order(requests[key]) <= in_order(event):
            requests[key] = event
    return list(requests.values())


def _read_cursor(text: str) -> _Place:
    before, *shown = text.split(".", MOST_SHOWN + 1)
    if len(shown) > MOST_SHOWN:
        raise InvalidParameter(f"a cursor names at most {MOST_SHOWN} events that were shown")
    return _Place(feed.read_id(before), frozenset(feed.read_id(each) for each in shown))


def _write_cursor(place: _Place) -> str:
    """Write a place down; of what was shown only that counts which is older."""
    older = sorted((each for each in place.shown if each < place.before), reverse=True)
    return ".".join(map(to_text, (place.before, *older[:MOST_SHOWN])))
