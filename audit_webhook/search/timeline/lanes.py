"""Lays events out on lanes: which lanes there are, where an event stands on its lane, and when an object existed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from audit_webhook.events.event import Event
from audit_webhook.humanize import badge
from audit_webhook.humanize.phrases import READS

By = Literal["object", "actor", "ns"]
WIDTH: Final = 1000
"""Places on a lane: events of one place and one tone are one mark."""
MOST_LANES: Final = 60
TONES: Final = ("read", "change", "create", "exec", "delete", "denied", "failed")
"""From what is usual to what must not be covered by it."""
_DENIED: Final = 403


class Bounds(NamedTuple):
    """A range of time in milliseconds since 1970, its end not in it."""

    start: int
    end: int

    def place_of(self, milliseconds: int) -> int:
        """Return where on a lane a time stands, from 0 to `WIDTH`."""
        share = (milliseconds - self.start) * WIDTH // max(1, self.end - self.start)
        return min(WIDTH, max(0, share))


class Tick(NamedTuple):
    """Events of one tone at one place of a lane: the newest of them stands for all."""

    place: int
    tone: str
    number: int
    event: Event


class Span(NamedTuple):
    """From where to where on its lane an object is known to have existed."""

    start: int
    end: int
    is_begun: bool
    """Whether its creation is among the events; else it was there before."""


class Lane(NamedTuple):
    """What belongs together: the key, an event to name it by, its marks, its spans and how many events it has."""

    key: tuple[str, ...]
    example: Event
    ticks: tuple[Tick, ...]
    spans: tuple[Span, ...]
    total: int


class Layout(NamedTuple):
    """The lanes with most changes first, how many further ones there are, and the events of these."""

    lanes: tuple[Lane, ...]
    more: int
    more_events: int


def lay_out(events: Sequence[Event], by: By, bounds: Bounds) -> Layout:
    """Return the lanes of events, which come newest first; changes count for the order before reads do."""
    grouped: dict[tuple[str, ...], list[Event]] = defaultdict(list)
    for event in events:
        grouped[key_of(event, by)].append(event)
    ordered = sorted(grouped.items(), key=lambda item: (-sum(map(_is_change, item[1])), -len(item[1]), item[0]))
    lanes = tuple(_lane(key, some, by, bounds) for key, some in ordered[:MOST_LANES])
    rest = ordered[MOST_LANES:]
    return Layout(lanes, len(rest), sum(len(some) for _, some in rest))


def key_of(event: Event, by: By) -> tuple[str, ...]:
    """Return what puts an event on its lane."""
    if by == "actor":
        return event.cluster, event.actor
    if by == "ns":
        return event.cluster, event.namespace
    return event.cluster, event.api_group, event.resource, event.namespace, event.name


def tone_of(event: Event) -> str:
    """Return the tone of an event: how it failed, else what it did."""
    if (event.code or 0) >= 400:
        return "denied" if event.code == _DENIED else "failed"
    tone = badge(event).tone
    return tone if tone in TONES else "read"


def _is_change(event: Event) -> bool:
    return event.verb not in READS and (event.code or 0) < 400


def _lane(key: tuple[str, ...], events: Sequence[Event], by: By, bounds: Bounds) -> Lane:
    spans = tuple(_spans(events, bounds)) if by == "object" else ()
    return Lane(key, events[0], tuple(_ticks(events, bounds)), spans, len(events))


def _ticks(events: Iterable[Event], bounds: Bounds) -> Iterable[Tick]:
    """Yield the marks of a lane, what matters most last, so that nothing is drawn over it."""
    found: dict[tuple[int, str], list[Event]] = defaultdict(list)
    for event in events:
        found[bounds.place_of(event.time // 1000), tone_of(event)].append(event)
    for (place, tone), some in sorted(found.items(), key=lambda item: (TONES.index(item[0][1]), item[0][0])):
        yield Tick(place, tone, len(some), some[0])


def _spans(events: Sequence[Event], bounds: Bounds) -> Iterable[Span]:
    """Yield the times between creations and deletions that succeeded; nothing is said where neither is recorded."""
    start: int | None = None
    seen = False
    for event in reversed(events):
        if event.subresource or event.dry_run or not 200 <= (event.code or 0) < 300:
            continue
        place = bounds.place_of(event.time // 1000)
        if event.verb == "create":
            start, seen = place, True
        elif event.verb == "delete":
            if start is not None or not seen:
                yield Span(start or 0, place, start is not None)
            start, seen = None, True
    if start is not None:
        yield Span(start, WIDTH, True)


def count_tones(events: Iterable[Event]) -> Mapping[str, int]:
    """Return how many events there are of each tone, in the order of `TONES`."""
    counts: dict[str, int] = dict.fromkeys(TONES, 0)
    for event in events:
        counts[tone_of(event)] += 1
    return {tone: number for tone, number in counts.items() if number}
