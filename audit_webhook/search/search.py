"""Finds events: compiles a query and walks the chunks that may hold matches, newest first.

Chunks overlap in time, since batches are late and many write at once. A match is final only when no chunk that is
still unread can hold a newer one: a chunk's id begins with the time of its newest event.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from audit_webhook.deadline import check
from audit_webhook.events.decode import read_wire, to_event
from audit_webhook.events.event import Event
from audit_webhook.events.ids import time_bound, to_text
from audit_webhook.search import scan
from audit_webhook.search.windows import Windows, open_windows
from audit_webhook.storage.chunks.layout import window_end
from audit_webhook.storage.repository import Located, Raw, Repository
from audit_webhook.storage.search_sql import EVERYTHING, FIRST, LAST, Search, Span, narrow

FIRST_GROUP: Final = 4
UNTESTED: Final = 12
TESTED: Final = 48
LARGEST_GROUP: Final = 64
INEXACT_ROWS: Final = 5_000
MOST_IDS: Final = 1000
SECONDS: Final = 3.0
SCAN_SECONDS: Final = 0.6


class Found(NamedTuple):
    """Matching events, newest first; ``unread`` is the id before which nothing was looked at, None when all was."""

    events: list[Event]
    unread: bytes | None
    gave_up: bool = False
    """Whether time ran out before the page was full."""
    raws: list[Raw] = []
    """The same events as they are stored."""


class Places(NamedTuple):
    """Where the events of `Found` lie, still unread."""

    located: list[Located]
    unread: bytes | None
    gave_up: bool = False


def find(
    repository: Repository, search: Search, before: bytes = LAST, limit: int = 50, seconds: float | None = None
) -> Found:
    """Give the newest matches before an id; stops after ``SECONDS``, or those given, and says how far it came."""
    places = locate(repository, search, before, limit, seconds)
    raws = repository.read_chunks(places.located)
    return Found([event_of(raw) for raw in raws], places.unread, places.gave_up, raws)


def locate(
    repository: Repository, search: Search, before: bytes = LAST, limit: int = 50, seconds: float | None = None
) -> Places:
    """Give where the newest matches before an id lie, as `find` does."""
    is_whole = search.where == EVERYTHING.where and repository.sees_everything
    if search.matches is None and (is_whole or search.use_index):
        located = repository.select_events(search, before, limit)
        return Places(located, located[-1].id if len(located) == limit else None)
    narrowed = narrow_down(repository, search)
    if narrowed is None:
        return Places([], None)
    time_left = SECONDS if seconds is None else seconds
    if search.matches is None:
        return _walk(repository, narrowed, before, limit, time_left)
    with scan.place() as is_free:
        if is_free:
            return _walk(repository, narrowed, before, limit, min(time_left, SCAN_SECONDS))
    return Places([], before, gave_up=True)


def narrow_down(repository: Repository, search: Search) -> Search | None:
    """Look up which callers and actions may match, where they are few; None when there are none and so no match."""
    callers = repository.select_callers(search.callers, MOST_IDS + 1) if search.callers else None
    actions = repository.select_actions(search.actions, MOST_IDS + 1) if search.actions else None
    if callers == [] or actions == []:
        return None
    few = [ids if ids and len(ids) <= MOST_IDS else None for ids in (callers, actions)]
    return narrow(search, few[0], few[1])


def _walk(repository: Repository, search: Search, before: bytes, limit: int, seconds: float) -> Places:
    """Read groups of candidate chunks until the page is full, nothing is left, or time is up.

    However little time there is, the next step begins further back than this one: else a walk might never end.
    """
    deadline = time.monotonic() + seconds
    matches: dict[bytes, Located] = {}
    edge, gave_up = FIRST, False
    for group, edge in groups(repository, search, before):
        if group:
            matches |= {item.id: item for item in _matches(repository, search, before, limit, group)}
        gave_up = FIRST < edge < before and time.monotonic() > deadline
        if gave_up and not repository.sees_everything:
            edge = _end_of_window(edge, before)
        if gave_up or sum(identifier >= edge for identifier in matches) >= limit:
            break
    page = sorted((identifier for identifier in matches if identifier >= edge), reverse=True)[:limit]
    unread = page[-1] if len(page) == limit else edge if gave_up else None
    return Places([matches[identifier] for identifier in page], unread, unread == edge)


def _end_of_window(edge: bytes, before: bytes) -> bytes:
    """Return the end of the window of an id, unless the next step would then begin no further back than this one.

    The edge is the time of somebody's events: a limited reader, who may not see them, is not told when they happened.
    """
    end = time_bound(window_end(_milliseconds(edge)))
    return end if end < before else edge


def groups(repository: Repository, search: Search, before: bytes) -> Iterator[tuple[list[Span], bytes]]:
    """Give candidate chunks, newest first, in growing groups, each with the id that no unread chunk reaches.

    The first few are taken as they come: what is frequent is found there without asking which chunks may hold it. The
    next are those whose postings fulfil the query; after that, only windows are read in which all of it came together.
    """
    below = time_bound(window_end(_milliseconds(min(before, search.highest))))
    size = FIRST_GROUP
    largest = scan.CHUNKS_AT_ONCE if search.needles else LARGEST_GROUP
    seen = 0
    untested = search._replace(test=None)
    windows: Windows | None = None
    while True:
        if windows is None and seen >= UNTESTED + TESTED:
            windows = open_windows(repository, search)
        if windows:
            end = windows.newest_end(_milliseconds(below) + 1, _milliseconds(search.lowest))
            below = FIRST if end is None else min(below, time_bound(end))
        if seen < UNTESTED or search.test is None:
            group = repository.select_chunks(untested, below, before, size)
        elif search.driving:
            group = repository.select_driven_chunks(search, below, before, size)
        else:
            group = repository.select_chunks(search, below, before, size)
        yield (
            [span for span in group if windows is None or windows.is_open(span.id)],
            group[-1].end if len(group) == size else FIRST,
        )
        if len(group) < size:
            return
        below = group[-1].id
        seen += len(group)
        size = min(size * 2, largest)


def _milliseconds(identifier: bytes) -> int:
    return min(int.from_bytes(identifier[:6], "big"), 2**48 - 1_200_000)


def _matches(
    repository: Repository, search: Search, before: bytes, limit: int, group: list[Span]
) -> list[Located]:
    """Give the newest matches in a group of chunks; at least ``limit`` of them where there are as many."""
    if search.matches is None:
        return repository.select_events(search, before, limit, group)
    hits = scan.Hits(repository, group, search.needles) if search.needles else None
    spans = hits.spans if hits else group
    found: list[Located] = []
    while spans:
        located = repository.select_events(search, before, INEXACT_ROWS, spans)
        likely = [item for item in located if hits is None or hits.touch(item)]
        places = {item.id: item for item in likely}
        raws = repository.read_chunks(likely)
        found += [places[raw.id] for raw in raws if search.matches(event_of(raw), raw.raw)]
        if len(located) < INEXACT_ROWS or len(found) >= limit:
            break
        before = located[-1].id
    return found


def read(repository: Repository, located: list[Located]) -> list[Event]:
    """Give the events at these places."""
    return [event_of(raw) for raw in repository.read_chunks(located)]


def event_of(raw: Raw) -> Event:
    """Return a stored event, decoded; raises TimeoutError when the request's time is over."""
    check()
    return to_event(read_wire(raw.raw), raw.raw, raw.cluster, to_text(raw.id), raw.received)
