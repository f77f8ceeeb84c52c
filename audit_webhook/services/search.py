"""Finds events: compiles a query and walks the chunks that may hold matches, newest first.

Chunks overlap in time, since batches are late and many write at once. A match is final only when no chunk that is
still unread can hold a newer one: a chunk's id begins with the time of its newest event.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from audit_webhook.decode import read_wire, to_event
from audit_webhook.event import Event
from audit_webhook.identity import time_bound, to_text
from audit_webhook.repository import Located, Raw, Repository
from audit_webhook.rows import window_end
from audit_webhook.search_sql import EVERYTHING, FIRST, LAST, Search, Span

FIRST_GROUP: Final = 4
UNTESTED: Final = 12
LARGEST_GROUP: Final = 64
INEXACT_ROWS: Final = 5_000
SECONDS: Final = 3.0


class Found(NamedTuple):
    """Matching events, newest first; ``unread`` is the id before which nothing was looked at, None when all was."""

    events: list[Event]
    unread: bytes | None
    gave_up: bool = False
    """Whether time ran out before the page was full."""


def find(repository: Repository, search: Search, before: bytes = LAST, limit: int = 50) -> Found:
    """Give the newest matches before an id; stops after a few seconds and says how far it came."""
    is_whole = search.where == EVERYTHING.where and repository.sees_everything
    if search.matches is None and (is_whole or search.use_index):
        located = repository.select_events(search, before, limit)
        return Found(read(repository, located), located[-1].id if len(located) == limit else None)
    return _walk(repository, search, before, limit)


def _walk(repository: Repository, search: Search, before: bytes, limit: int) -> Found:
    """Read groups of candidate chunks until the page is full, nothing is left, or time is up."""
    deadline = time.monotonic() + SECONDS
    matches: dict[bytes, Located] = {}
    edge, gave_up = FIRST, False
    for group in _groups(repository, search, before):
        matches |= {item.id: item for item in _matches(repository, search, before, limit, group)}
        edge = group[-1].end
        gave_up = time.monotonic() > deadline
        if gave_up or sum(identifier >= edge for identifier in matches) >= limit:
            break
    else:
        edge = FIRST
    page = sorted((identifier for identifier in matches if identifier >= edge), reverse=True)[:limit]
    unread = page[-1] if len(page) == limit else edge if gave_up else None
    return Found(read(repository, [matches[identifier] for identifier in page]), unread, unread == edge)


def _groups(repository: Repository, search: Search, before: bytes) -> Iterator[list[Span]]:
    """Give candidate chunks, newest first, in growing groups.

    The first few are taken as they come: what is frequent is found there without asking which chunks may hold it.
    """
    below = time_bound(window_end(_milliseconds(min(before, search.highest))))
    size = FIRST_GROUP
    seen = 0
    untested = search._replace(test=None)
    while True:
        if seen < UNTESTED or search.test is None:
            group = repository.select_chunks(untested, below, before, size)
        elif search.driving:
            group = repository.select_driven_chunks(search, below, before, size)
        else:
            group = repository.select_chunks(search, below, before, size)
        if group:
            yield group
        if len(group) < size:
            return
        below = group[-1].id
        seen += len(group)
        size = min(size * 2, LARGEST_GROUP)


def _milliseconds(identifier: bytes) -> int:
    return min(int.from_bytes(identifier[:6], "big"), 2**48 - 1_200_000)


def _matches(
    repository: Repository, search: Search, before: bytes, limit: int, group: list[Span]
) -> list[Located]:
    """Give the newest matches in a group of chunks; at least ``limit`` of them where there are as many."""
    if search.matches is None:
        return repository.select_events(search, before, limit, group)
    found: list[Located] = []
    while True:
        located = repository.select_events(search, before, INEXACT_ROWS, group)
        events = zip(located, read(repository, located), strict=True)
        found += [item for item, event in events if search.matches(event)]
        if len(located) < INEXACT_ROWS or len(found) >= limit:
            return found
        before = located[-1].id


def read(repository: Repository, located: list[Located]) -> list[Event]:
    """Give the events at these places."""
    return [event_of(raw) for raw in repository.read_chunks(located)]


def event_of(raw: Raw) -> Event:
    """Decode a stored event."""
    return to_event(read_wire(raw.raw), raw.raw, raw.cluster, to_text(raw.id), raw.received)
