"""Finds what may belong to the same command or request as some events: their stages, and what their kubectl sent.

Only kubectl sends several requests for one command, so that only its events have neighbours beside their own stages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from audit_webhook import query
from audit_webhook.event import Event
from audit_webhook.identity import audit_key, time_bound
from audit_webhook.query.syntax import Equals, Or
from audit_webhook.repository import Located, Raw, Repository
from audit_webhook.search_sql import LAST, Search, of_requests
from audit_webhook.services.query import compile_tree
from audit_webhook.services.search import event_of, locate

SECOND: Final = 1_000_000
BEFORE: Final = 60 * SECOND
AFTER: Final = 10 * SECOND
NEAR: Final = SECOND
MOST: Final = 150
MOST_STAGES: Final = 1_000
MOST_USERS: Final = 20
MOST_WINDOWS: Final = 4
SECONDS: Final = 0.3
"""How long is looked for neighbours in each window; a card may then lack requests that are far from the others."""


def neighbours_of(repository: Repository, text: str, events: Sequence[Event], now: int) -> list[Raw]:
    """Give the events that match a query and may belong to some events; those themselves may be among them.

    Raises QueryError. Events of kubectl are looked for in windows of time around the given ones, newest first.
    """
    tree = query.parse(text, now)
    search = compile_tree(tree, repository.database.dialect)
    located = _stages(repository, search, events)
    typed = sorted((event for event in events if event.client == "kubectl" and event.user), key=lambda each: each.time)
    for window in _windows(typed)[-MOST_WINDOWS:]:
        located += _around(repository, tree, window)
    return _matching(repository, search, located)


def _stages(repository: Repository, search: Search, events: Iterable[Event]) -> list[Located]:
    hashes = {audit_key(event.audit_id) for event in events if event.audit_id}
    return repository.select_events(of_requests(search, hashes), LAST, MOST_STAGES) if hashes else []


def _windows(events: Sequence[Event]) -> list[list[Event]]:
    """Divide events, oldest first, where so much time lies between them that no command could reach over it."""
    windows: list[list[Event]] = []
    for event in events:
        if windows and event.time - windows[-1][-1].time <= BEFORE + AFTER:
            windows[-1].append(event)
        else:
            windows.append([event])
    return windows


def _around(repository: Repository, tree: query.Node, events: Sequence[Event]) -> list[Located]:
    """Give where the kubectl events of the same users lie: many from before, and those that came soon after."""
    users = sorted({event.user for event in events})[:MOST_USERS]
    typed = query.And((tree, Equals("client", "kubectl"), Or(tuple(Equals("user", user) for user in users))))
    search = compile_tree(typed, repository.database.dialect)
    first, last = events[0].time, events[-1].time
    found = _within(repository, search, first - BEFORE, last + 1_000)
    later = _within(repository, search, last + 1_000, last + AFTER)
    if len(later) == MOST:
        later = _within(repository, search, last + 1_000, last + NEAR)
    return found + later


def _within(repository: Repository, search: Search, start: int, end: int) -> list[Located]:
    """Give where the newest matches between two times in microseconds lie."""
    bounds = (time_bound(max(0, start // 1_000)), time_bound(max(0, end // 1_000)))
    lowest, highest = max(search.lowest, bounds[0]), min(search.highest, bounds[1])
    return locate(repository, search._replace(lowest=lowest, highest=highest), LAST, MOST, SECONDS).located


def _matching(repository: Repository, search: Search, located: Iterable[Located]) -> list[Raw]:
    raws = repository.read_chunks(list({place.id: place for place in located}.values()))
    return [raw for raw in raws if search.matches is None or search.matches(event_of(raw), raw.raw)]
