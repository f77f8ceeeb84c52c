"""Tells from tallies in which windows of time there can be matches at all, so that a search leaps over all others.

Values that are frequent each, but never come together, are in every chunk; only the counts of whole combinations of
caller, action and namespace tell that there is nothing to look for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Final

from audit_webhook.events.event import Event
from audit_webhook.search.histogram.dimensions import Dimensions
from audit_webhook.storage.chunks.counts import DAY, LANE, merge, read_lanes
from audit_webhook.storage.chunks.layout import WINDOW
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.search_sql import Search

WINDOW_MS: Final = WINDOW // 1000
_LANES_A_WINDOW: Final = WINDOW_MS // LANE


class Windows:
    """The windows in which something happened that may match; days are read when the search comes to them."""

    def __init__(self, repository: Repository, may_match: Callable[[Event, bytes], bool]) -> None:
        """Ask this repository's tallies; ``may_match`` decides from caller, action and namespace."""
        self._tallies = repository.tallies
        self._may_match = may_match
        self._dimensions = Dimensions(repository.tallies)
        self._days: dict[int, list[int]] = {}
        ends = self._tallies.tallied_days()
        self._first, self._last = ends or (0, -DAY)

    def is_open(self, identifier: bytes) -> bool:
        """Whether there can be matches in the window that this id of a chunk lies in."""
        milliseconds = int.from_bytes(identifier[:6], "big")
        return milliseconds // WINDOW_MS * WINDOW_MS in self._open(milliseconds // DAY * DAY)

    def newest_end(self, before: int, lowest: int) -> int | None:
        """Give the end of the newest open window that begins before a time, in milliseconds; None when there is none.

        Windows that end before ``lowest`` count as none.
        """
        day = min(before // DAY * DAY, self._last)
        while day >= max(self._first, lowest // DAY * DAY):
            starts = self._open(day)
            at = bisect_left(starts, before)
            if at:
                return starts[at - 1] + WINDOW_MS if starts[at - 1] + WINDOW_MS > lowest else None
            day -= DAY
        return None

    def _open(self, day: int) -> list[int]:
        """Give when the open windows of a day begin, in milliseconds."""
        if day not in self._days:
            self._days[day] = self._read(day)
        return self._days[day]

    def _read(self, day: int) -> list[int]:
        counts = merge(row.content for row in self._tallies.select_tallies(day, day + DAY))
        events = self._dimensions.events(counts)
        every = 0
        for key, count in counts.items():
            if self._may_match(events[key], b""):
                every |= count.lanes
        lanes = read_lanes(every)
        starts = range(0, len(lanes), _LANES_A_WINDOW)
        return [day + start * LANE for start in starts if any(lanes[start:start + _LANES_A_WINDOW])]


def open_windows(repository: Repository, search: Search) -> Windows | None:
    """Give the windows of a search; None when tallies cannot tell."""
    return Windows(repository, search.may_match) if search.may_match is not None else None
