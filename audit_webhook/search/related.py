"""Finds all requests of the commands that some events belong to, whatever query or page the events came from.

A command is put together before anything is filtered, so that it is the same in the feed, on the page of an event, in
lists, exports and the JSON interface. Only kubectl sends several requests for one command: other programs' events have
no neighbours beside the stages of their own requests.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from audit_webhook import query
from audit_webhook.events.event import Event
from audit_webhook.events.ids import audit_key, from_text, time_bound
from audit_webhook.kubectl import Card, Grouping, Request, read_request, request_of
from audit_webhook.query.syntax import Equals, Or
from audit_webhook.search.compile_query import compile_query, compile_tree
from audit_webhook.search.search import event_of, narrow_down
from audit_webhook.storage.repository import Located, Raw, Repository
from audit_webhook.storage.search_sql import LAST, of_requests

SECOND: Final = 1_000_000
BEFORE: Final = 60 * SECOND
AFTER: Final = 10 * SECOND
EDITING: Final = 600 * SECOND
MARGIN: Final = 5 * SECOND
"""How much before the first and after the last request of a command must have been looked at for it to be whole."""
MOST: Final = 400
MOST_STAGES: Final = 1_000
MOST_USERS: Final = 50
MOST_EDITS: Final = 20
ROUNDS: Final = 5
SECONDS: Final = 1.5
"""How long is looked for neighbours; commands that may lack requests then are likely at most, and say so."""
LARGEST_READ: Final = 256 * 1024
"""Bodies of larger events are not looked into for a command, on whatever page."""
LOOKED_INTO: Final = 4 * 1024**2
"""Bytes of all events whose bodies are looked into for a page; of others, only what stands beside the bodies is."""
READ_BYTES: Final = 48 * 1024**2
"""Bytes of all events that are read around those of a page."""
PARTIAL: Final = "whether more requests belong to it: not all around it were looked at"
HIDDEN: Final = "whether requests belong to it that you may not see"


class _Window(NamedTuple):
    """A time from and to, in microseconds."""

    start: int
    end: int


class Surroundings:
    """Some events with all requests that may belong to the same commands, as far as their reader may see them."""

    def __init__(self, repository: Repository, raws: Sequence[Raw], now: int) -> None:
        """Take the events; `cards` looks for the others."""
        self._repository = repository
        self._now = now
        self._deadline = time.monotonic() + SECONDS
        self._asked = {raw.id for raw in raws}
        self._known: dict[bytes, Request] = {}
        self._windows: list[_Window] = []
        self._gaps: list[_Window] = []
        self._staged: set[bytes] = set()
        self._grouping = Grouping()
        self._to_look_into, self._to_read = LOOKED_INTO, READ_BYTES
        self._add(raws)

    def cards(self) -> list[Card]:
        """Return the commands that hold any of the events, whole, newest first."""
        events = [self._known[identifier].event for identifier in self._asked]
        self._add_stages(events)
        wanted = [event for event in events if _is_typed(event)]
        self._look_around([event.time for event in wanted], wanted)
        self._look_for_edits(wanted)
        cards = self._asked_cards()
        for _ in range(ROUNDS):
            uncovered = list(self._uncovered(cards))
            if not uncovered:
                break
            self._look_around(uncovered, wanted)
            cards = self._asked_cards()
        return sorted(map(self._doubted, cards), key=newest_id, reverse=True)

    def others(self, cards: Iterable[Card]) -> list[Card]:
        """Return the commands found around the events that hold none of them."""
        shown = {event.id for card in cards for event in card.events}
        rest = self._grouping.cards(lambda event: event.id not in shown)
        return sorted(map(self._doubted, rest), key=newest_id, reverse=True)

    def _asked_cards(self) -> list[Card]:
        return self._grouping.cards(lambda event: from_text(event.id) in self._asked)

    def _add(self, raws: Iterable[Raw]) -> None:
        for raw in raws:
            if raw.id not in self._known:
                is_small = len(raw.raw) <= min(LARGEST_READ, self._to_look_into)
                self._to_look_into -= len(raw.raw) if is_small else 0
                request = self._known[raw.id] = _request_of(raw, is_small)
                self._grouping.add(request)

    def _add_stages(self, events: Iterable[Event]) -> None:
        """Add the other stages of requests, which may lie hours away."""
        hashes = {audit_key(event.audit_id) for event in events if event.audit_id} - self._staged
        self._staged |= hashes
        if hashes:
            search = of_requests(compile_query("", self._now, self._repository.database.dialect), hashes)
            self._read(self._repository.select_events(search, LAST, MOST_STAGES))

    def _read(self, located: Iterable[Located]) -> bool:
        """Add events as far as there is room for them; return whether there was for all."""
        fresh = {place.id: place for place in located if place.id not in self._known}
        affordable = [place for place in fresh.values() if self._afford(place)]
        self._add(self._repository.read_chunks(affordable))
        return len(affordable) == len(fresh)

    def _afford(self, place: Located) -> bool:
        self._to_read -= place.length
        return self._to_read >= 0

    def _look_around(self, times: Iterable[int], typed: Sequence[Event]) -> None:
        """Add what the same people's kubectl sent around some times."""
        users = sorted({event.actor for event in typed})
        wanted = _without(self._windows, _merged(_Window(each - BEFORE, each + AFTER) for each in times))
        if not users or not wanted:
            return
        tree = query.And((Equals("client", "kubectl"), Or(tuple(Equals("user", user) for user in users[:MOST_USERS]))))
        search = narrow_down(self._repository, compile_tree(tree, self._repository.database.dialect))
        for window in wanted:
            if search is None:
                break
            if time.monotonic() > self._deadline or len(users) > MOST_USERS:
                self._gaps.append(window)
                continue
            bounds = [time_bound(max(0, each // 1_000)) for each in (window.start, window.end + 1_000)]
            most = MOST + len(self._asked)
            found = self._repository.select_events(search._replace(lowest=bounds[0], highest=bounds[1]), LAST, most)
            if not self._read(found) or len(found) == most:
                self._gaps.append(window)
        self._windows = _merged([*self._windows, *wanted])

    def _look_for_edits(self, typed: Sequence[Event]) -> None:
        """Add the changes for which somebody sat in an editor after the look at an object."""
        looks = [event for event in typed if event.verb == "get" and event.name and not event.subresource]
        if not looks:
            return
        times = [event.time for event in looks]
        users = sorted({event.actor for event in looks})[:MOST_USERS]
        tree = query.And((
            Equals("client", "kubectl"), Equals("manager", "kubectl-edit"),
            Or(tuple(Equals("user", user) for user in users)),
        ))
        search = narrow_down(self._repository, compile_tree(tree, self._repository.database.dialect))
        if search is None:
            return
        bounds = [time_bound(max(0, each // 1_000)) for each in (min(times), max(times) + EDITING)]
        found = self._repository.select_events(search._replace(lowest=bounds[0], highest=bounds[1]), LAST, MOST_EDITS)
        self._read(found)
        edits = [self._known[place.id].event for place in found if place.id in self._known]
        names = {(event.cluster, event.resource, event.namespace, event.name) for event in looks}
        self._look_around(
            [edit.time for edit in edits if (edit.cluster, edit.resource, edit.namespace, edit.name) in names], typed
        )

    def _uncovered(self, cards: Iterable[Card]) -> Iterator[int]:
        """Yield the times around which not all is known that could belong to a command."""
        for card in cards:
            if not _is_typed(card.main) or card.run is None:
                continue
            self._add_stages(each.event for each in card.run.requests if len(each.events) > 1 or each.is_open)
            reach = EDITING if card.main.manager == "kubectl-edit" and not card.run.reads else 0
            for request in card.run.requests:
                for moment in (request.start, request.end):
                    if not self._covers(moment - MARGIN) or not self._covers(min(self._now, moment + MARGIN)):
                        yield moment
            if reach and not self._covers(card.start - reach):
                yield from range(card.start - reach + BEFORE, card.start, BEFORE)

    def _covers(self, moment: int) -> bool:
        return any(window.start <= moment <= window.end for window in self._windows)

    def _doubted(self, card: Card) -> Card:
        """Return a card that is no surer than what was looked at allows."""
        if not _is_typed(card.main):
            return card
        if any(gap.start <= card.end and card.start <= gap.end for gap in self._gaps):
            card = card.with_doubt(PARTIAL)
        return card.with_doubt(HIDDEN) if self._repository.scope().namespaces is not None else card


def cards_around(repository: Repository, raws: Sequence[Raw], now: int) -> list[Card]:
    """Return the commands that hold any of some events, whole, newest first."""
    return Surroundings(repository, raws, now).cards()


def cards_by_event(repository: Repository, raws: Sequence[Raw], now: int) -> dict[str, Card]:
    """Return for each of some events, by its id, the command that it is part of."""
    return {event.id: card for card in cards_around(repository, raws, now) for event in card.events}


def newest_id(card: Card) -> bytes:
    """Return the id of a card's newest event."""
    return from_text(max(event.id for event in card.events))


def _is_typed(event: Event) -> bool:
    return event.client == "kubectl" and bool(event.user)


def _request_of(raw: Raw, is_small: bool) -> Request:
    event = event_of(raw)
    if is_small:
        return read_request(raw.raw, raw.cluster, event)
    return request_of(msgspec.structs.replace(event, level="Metadata"))


def _merged(windows: Iterable[_Window]) -> list[_Window]:
    """Return windows that do not touch each other, newest first."""
    merged: list[_Window] = []
    for window in sorted(windows):
        if merged and window.start <= merged[-1].end:
            merged[-1] = _Window(merged[-1].start, max(merged[-1].end, window.end))
        else:
            merged.append(window)
    return merged[::-1]


def _without(known: Iterable[_Window], wanted: Iterable[_Window]) -> list[_Window]:
    """Return what of the windows is not known yet."""
    rest = list(wanted)
    for hole in known:
        parts = [
            part for start, end in rest
            for part in (_Window(start, min(end, hole.start)), _Window(max(start, hole.end), end))
        ]
        rest = [part for part in parts if part.start < part.end]
    return rest
