"""Counts matches from the rows of events, newest first, in steps of a fraction of a second."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from audit_webhook.events.ids import time_bound
from audit_webhook.query.syntax import And, Node
from audit_webhook.search.compile_query import compile_tree
from audit_webhook.search.histogram.aggregate import Counts
from audit_webhook.search.histogram.dimensions import Dimensions
from audit_webhook.search.search import find
from audit_webhook.storage.chunks.layout import window_end
from audit_webhook.storage.count_store import Matches
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.search_sql import Search, Span

SLICE_EVENTS: Final = 5_000
QUICK_SECONDS: Final = 0.03
SLOW_SECONDS: Final = 0.1
CHUNKS_AT_ONCE: Final = 32
PAGE: Final = 500
BUSY_SECONDS: Final = 0.1


class Range(NamedTuple):
    """A range of time in milliseconds and how many events it holds, about."""

    low: int
    high: int
    events: int


class Scanner:
    """Counts the matches of one query."""

    def __init__(
        self, repository: Repository, dimensions: Dimensions, tree: Node, scanned: Node, counts: Counts
    ) -> None:
        """Count into ``counts``; ``scanned`` is what tallies cannot tell of the tree."""
        self._repository = repository
        self._dimensions = dimensions
        self._counts = counts
        dialect = repository.database.dialect
        self._whole = compile_tree(tree, dialect)
        self._search = compile_tree(scanned, dialect)
        self.is_slow: Final = self._search.matches is not None
        """Whether events have to be read whole."""
        self._drives = scanned != And() and self._whole.driving is not None and not self._whole.use_index

    def run(self, ranges: Sequence[Range]) -> Iterator[float]:
        """Count the matches in these ranges; give the share that is done after each step."""
        for span in ranges:
            if self.is_slow:
                yield 0.0
                yield from self._read_all(span)
            elif self._drives:
                yield from self._follow(span)
            else:
                yield from self._slice(span)

    def _slice(self, span: Range) -> Iterator[float]:
        """Count slice by slice; slices grow while they are quick."""
        width = max(1, (span.high - span.low) * SLICE_EVENTS // max(span.events, SLICE_EVENTS))
        high = span.high
        while high > span.low:
            low = max(span.low, high - width)
            begun = time.monotonic()
            self._add(self._count(self._search, low, high))
            taken = time.monotonic() - begun
            width = width * 2 if taken < QUICK_SECONDS else max(1, width // 2) if taken > SLOW_SECONDS else width
            high = low
            yield (span.high - high) / (span.high - span.low)

    def _follow(self, span: Range) -> Iterator[float]:
        """Count in the chunks alone that hold a value which every match has."""
        low, high = time_bound(span.low), time_bound(span.high)
        search = self._whole._replace(lowest=low, highest=high)
        below = time_bound(window_end(span.high))
        while group := self._repository.select_driven_chunks(search, below, high, CHUNKS_AT_ONCE):
            self._add(self._count(self._search, span.low, span.high, group))
            below = group[-1].id
            reached = int.from_bytes(below[:6], "big")
            yield max(0.0, (span.high - reached) / (span.high - span.low))

    def _read_all(self, span: Range) -> Iterator[float]:
        """Count what only the events themselves tell."""
        search = self._whole._replace(lowest=time_bound(span.low), highest=time_bound(span.high))
        before = search.highest
        while True:
            found = find(self._repository, search, before, PAGE)
            for event in found.events:
                self._counts.add_at(event, 1, event.time // 1000)
            if found.unread is None:
                return
            if found.unread == before:
                time.sleep(BUSY_SECONDS)  # as many others read whole events as may
            before = found.unread
            yield (span.high - int.from_bytes(before[:6], "big")) / (span.high - span.low)

    def _count(self, search: Search, low: int, high: int, spans: Sequence[Span] = ()) -> list[Matches]:
        step = self._counts.timeline.step
        return self._repository.tallies.count_matches(search, time_bound(low), time_bound(high), step, spans)

    def _add(self, found: Sequence[Matches]) -> None:
        events = self._dimensions.events({(item.caller, item.action, item.namespace) for item in found})
        for item in found:
            event = events[item.caller, item.action, item.namespace]
            self._counts.add_at(event, item.events, item.milliseconds)
