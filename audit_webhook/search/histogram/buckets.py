"""Cuts a range of time into the bars of a histogram: few enough to see, at times that a clock shows."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

from audit_webhook.events.event import EPOCH
from audit_webhook.storage.chunks.counts import LANE

MOST_BARS: Final = 144
SECOND: Final = 1000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
STEPS: Final = (
    SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, LANE, 2 * LANE,
    15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 28 * DAY,
)
"""From five minutes on each is a whole number of lanes."""
TICKS: Final = (*STEPS[:-1], 14 * DAY, 28 * DAY, 91 * DAY, 364 * DAY)
MOST_TICKS: Final = 9


class Timeline(NamedTuple):
    """Bars of one width that follow each other; all in milliseconds since the epoch."""

    start: int
    step: int
    bars: int

    @property
    def end(self) -> int:
        """Where the last bar ends."""
        return self.start + self.step * self.bars

    def bar_of(self, milliseconds: int) -> int | None:
        """Give the bar that a time belongs to; None when it lies outside."""
        bar = (milliseconds - self.start) // self.step
        return bar if 0 <= bar < self.bars else None


def cut(low: int, high: int, least: int = SECOND) -> Timeline:
    """Give the bars that cover a range, at least ``least`` wide."""
    high = max(high, low + 1)
    for step in STEPS:
        if step >= least and _bars(low, high, step) <= MOST_BARS:
            break
    while _bars(low, high, step) > MOST_BARS:
        step *= 2
    return Timeline(low // step * step, step, _bars(low, high, step))


def _bars(low: int, high: int, step: int) -> int:
    return -(-high // step) - low // step


def ticks(timeline: Timeline) -> list[int]:
    """Give the times to write under the bars."""
    spacing = next((size for size in TICKS if (timeline.end - timeline.start) // size <= MOST_TICKS), TICKS[-1])
    first = -(-timeline.start // spacing) * spacing
    return list(range(first, timeline.end, spacing))[:2 * MOST_TICKS]


def tick_label(milliseconds: int, timeline: Timeline) -> str:
    """Write a time as short as its neighbours allow: a day, a day's time, or seconds too."""
    moment = EPOCH + timedelta(milliseconds=milliseconds)
    if timeline.end - timeline.start > 300 * DAY:
        return f"{moment:%b %Y}"
    if milliseconds % DAY == 0:
        return f"{moment.day} {moment:%b}"
    return f"{moment:%H:%M:%S}" if milliseconds % MINUTE else f"{moment:%H:%M}"


def span_label(start: int, end: int) -> str:
    """Write a bar's range of time in UTC."""
    first, last = EPOCH + timedelta(milliseconds=start), EPOCH + timedelta(milliseconds=end)
    form = "%H:%M:%S" if (end - start) % MINUTE else "%H:%M"
    head = f"{first:%a} {first.day} {first:%b} {first.strftime(form)}"
    return f"{head}–{last.strftime(form)}" if first.date() == last.date() else f"{head}–{last.day} {last:%b %H:%M}"


def write_time(milliseconds: int) -> str:
    """Write a time as the query language reads it."""
    moment = EPOCH + timedelta(milliseconds=milliseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if milliseconds % MINUTE else moment.strftime("%Y-%m-%dT%H:%MZ")
