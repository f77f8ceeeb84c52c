"""The feed as commands or as requests: pages of cards, each event on one of them, and what has arrived since.

A card is made of all the requests of its command, whatever the query: it stands at the place of its newest event that
matches, and takes older ones from the next page with it. The cursor names these, so that the next page leaves them out:
whatever a page folds, going through all of them shows each matching event once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, Literal, NamedTuple

from audit_webhook.errors import InvalidParameter
from audit_webhook.events.event import Event
from audit_webhook.events.ids import from_text, to_text
from audit_webhook.kubectl import Card
from audit_webhook.search import feed
from audit_webhook.search.compile_query import compile_query
from audit_webhook.search.event.story import in_order
from audit_webhook.search.related import Surroundings, cards_around, newest_id
from audit_webhook.search.search import locate
from audit_webhook.storage.repository import Raw, Repository
from audit_webhook.storage.search_sql import FIRST, LAST

MOST_SHOWN: Final = 200

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
    """Return the cards of the newest matching events, or of those before a cursor.

    ``limit`` is how many events to fold. A card has all of its requests, those that do not match too.

    Raises QueryError and InvalidParameter.
    """
    search = compile_query(text, now, repository.database.dialect)
    place = _read_cursor(cursor) if cursor else _Place()
    live = "" if cursor else feed.begin_live(repository, now)
    limit = max(1, min(limit, feed.LARGEST_PAGE))
    places = locate(repository, search, place.before, limit + len(place.shown) + 1)
    located = [item for item in places.located if item.id not in place.shown]
    is_full = len(located) > limit
    edge = located[limit - 1].id if is_full else FIRST
    matching = {item.id for item in located[:limit]}
    whole = cards_around(repository, repository.read_chunks(located[:limit]), now)
    cards = sorted(_folded(whole, matching, fold), key=newest_id, reverse=True)
    shown = place.shown | {from_text(event.id) for card in cards for event in card.events}
    goes_on = places.unread is not None or any(item.id not in shown for item in located)
    rest = _Place(edge if is_full else places.unread or FIRST, shown)
    progress = None
    if places.gave_up and places.unread and not is_full:
        progress = feed.progress_of(repository, search, places.unread, now)
    return CardPage(cards, _write_cursor(rest) if goes_on else None, live, progress)


def _folded(cards: Iterable[Card], matching: Collection[bytes], fold: Fold) -> list[Card]:
    if fold == "commands":
        return list(cards)
    requests = [request for card in cards for request in card.by_request()]
    return [each for each in requests if any(from_text(event.id) in matching for event in each.events)]


def news(repository: Repository, text: str, live: str, now: int, fold: Fold) -> CardNews:
    """Return the cards of what arrived since a token was made; raises QueryError and InvalidParameter."""
    arrivals = feed.arrivals_of(repository, text, live, now)
    if not arrivals.raws:
        return CardNews([], [], arrivals.live, arrivals.more)
    fresh = {raw.id for raw in arrivals.raws}
    surroundings = Surroundings(repository, arrivals.raws, now)
    whole = surroundings.cards()
    cards = _folded(whole, fresh, fold)
    if fold == "requests":
        return CardNews(cards, [], arrivals.live, arrivals.more)
    return CardNews(cards, surroundings.others(whole), arrivals.live, arrivals.more)


def card_around(repository: Repository, event: Event, raw: bytes, now: int) -> Card:
    """Return the card that an event is on, with all of its requests that may be seen."""
    (card,) = cards_around(repository, [Raw(from_text(event.id), event.cluster, event.received, raw)], now)
    return card


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
