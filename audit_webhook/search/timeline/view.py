"""The timeline as its page shows it: lanes with names that lead on, a scale of time, and the same as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from audit_webhook.events.event import Event
from audit_webhook.events.visible_text import shown
from audit_webhook.humanize import summary
from audit_webhook.humanize.moments import Moment, moment_of_event
from audit_webhook.query import QueryError, parse, time_bounds
from audit_webhook.query.edit import and_term, quote
from audit_webhook.search import feed
from audit_webhook.search.addresses import Actor, Place, actor_of, place_of
from audit_webhook.search.event_rows import Row, row_of
from audit_webhook.search.feed_view import Mistake, mistake_of
from audit_webhook.search.histogram.buckets import cut, tick_label, ticks
from audit_webhook.search.time_range import timeless, write_instant
from audit_webhook.search.timeline.lanes import WIDTH, Bounds, By, Lane, count_tones, lay_out
from audit_webhook.storage.repository import Repository

WAYS: Final[tuple[tuple[By, str], ...]] = (("object", "Objects"), ("actor", "Actors"), ("ns", "Namespaces"))
MOST_EVENTS: Final = 2_000
MOST_ROWS: Final = 200
_PAD: Final = 0.02
"""The share of the time that is left free before the first and after the last event."""
_TONES: Final = {
    "read": "reads", "change": "changes", "create": "creates", "exec": "sessions", "delete": "deletes",
    "denied": "denied", "failed": "failed",
}


class MarkView(NamedTuple):
    """A mark on a lane: its place, its tone, what it says, the event behind it."""

    x: int
    tone: str
    title: str
    id: str
    is_many: bool


@dataclass(frozen=True, slots=True)
class LaneView:
    """A lane with its name, where the name leads, its marks and spans."""

    label: str
    detail: str
    place: Place | None
    actor: Actor | None
    query: str
    total: int
    marks: tuple[MarkView, ...]
    spans: tuple[tuple[int, int, bool], ...]


class ScaleTick(NamedTuple):
    """A time on the scale: its place in percent, its text, and when it is."""

    x: str
    label: str
    time: str


@dataclass(frozen=True, slots=True)
class TimelineView:
    """Everything that the templates of the timeline use."""

    query: str
    by: str
    mistake: Mistake | None = None
    lanes: tuple[LaneView, ...] = ()
    more: int = 0
    more_events: int = 0
    total: int = 0
    is_cut: bool = False
    since: str = ""
    until: str = ""
    start: int = 0
    end: int = 0
    scale: tuple[ScaleTick, ...] = ()
    legend: tuple[tuple[str, str, int], ...] = ()
    timeless: str = ""
    wider: str = ""
    rows: tuple[Row, ...] = ()
    width: int = WIDTH


def view_timeline(repository: Repository, text: str, by: By, now: int) -> TimelineView:
    """Show the newest events of a search on lanes; a mistake in the query is shown, not raised."""
    view = TimelineView(text, by, timeless=timeless(text))
    try:
        events, is_cut = _read(repository, text, now)
        bounds = _bounds(text, events, now, is_cut)
    except QueryError as error:
        return replace(view, mistake=mistake_of(text, error))
    layout = lay_out(events, by, bounds)
    return replace(
        view,
        lanes=tuple(_view_lane(lane, by, bounds, now) for lane in layout.lanes),
        more=layout.more,
        more_events=layout.more_events,
        total=len(events),
        is_cut=is_cut,
        since=write_instant(bounds.start),
        until=write_instant(bounds.end),
        start=bounds.start,
        end=bounds.end,
        scale=tuple(_scale(bounds)),
        legend=tuple((tone, _noun(tone, number), number) for tone, number in count_tones(events).items()),
        wider=_wider(view.timeless, bounds),
        rows=tuple(row_of(event, now, ("ns",)) for event in events[:MOST_ROWS]),
    )


def _read(repository: Repository, text: str, now: int) -> tuple[list[Event], bool]:
    """Return the newest events of a search, and whether there are more."""
    events: list[Event] = []
    cursor: str | None = None
    while len(events) < MOST_EVENTS:
        page = feed.page(repository, text, cursor, feed.LARGEST_PAGE, now)
        events += page.events
        cursor = page.next
        if cursor is None or page.gave_up:
            break
    return events, cursor is not None


def _bounds(text: str, events: Sequence[Event], now: int, is_cut: bool) -> Bounds:
    """Return the time that is shown: that of the query as far as it says so, else that of the events."""
    since, until = time_bounds(parse(text, now))
    times = [event.time // 1000 for event in events]
    low, high = (min(times), max(times) + 1) if times else (now // 1000 - 1, now // 1000)
    pad = max(1, int((high - low) * _PAD))
    start = low - pad if since is None or is_cut else since
    end = until if until is not None else high + pad if since is None else max(high, now // 1000)
    return Bounds(max(0, start), max(end, start + 10))


def _wider(text: str, bounds: Bounds) -> str:
    half = max(500, (bounds.end - bounds.start) // 2)
    since, until = write_instant(max(0, bounds.start - half)), write_instant(bounds.end + half)
    return and_term(text, f"since:{since} until:{until}")


def _noun(tone: str, number: int) -> str:
    return _TONES[tone].removesuffix("s") if number == 1 else _TONES[tone]


def _scale(bounds: Bounds) -> Iterator[ScaleTick]:
    line = cut(bounds.start, bounds.end)
    for moment in ticks(line):
        place = (moment - bounds.start) * 100 / (bounds.end - bounds.start)
        if 0 <= place < 96:
            yield ScaleTick(f"{place:.2f}%", tick_label(moment, line), write_instant(moment))


def _view_lane(lane: Lane, by: By, bounds: Bounds, now: int) -> LaneView:
    event = lane.example
    label, detail = _name(event, by)
    place, actor = place_of(event) if by == "object" else None, actor_of(event) if by == "actor" else None
    terms = place.query if place else actor.query if actor else _terms(event, by)
    limits = f"since:{write_instant(bounds.start)} until:{write_instant(bounds.end)}"
    return LaneView(
        shown(label, longest=120), shown(detail, longest=160), place, actor, f"{terms} {limits}", lane.total,
        tuple(
            MarkView(tick.place, tick.tone, _says(tick.event, tick.number, now), tick.event.id, tick.number > 1)
            for tick in lane.ticks
        ),
        tuple((span.start, max(1, span.end - span.start), span.is_begun) for span in lane.spans),
    )


def _name(event: Event, by: By) -> tuple[str, str]:
    """Return the name of a lane and what stands small beside it."""
    if by == "actor":
        return event.actor or "not named", event.cluster
    if by == "ns":
        return event.namespace or "in no namespace", event.cluster
    what = event.name or ("all" if event.resource else event.request_uri.partition("?")[0])
    where = " · ".join(part for part in (event.resource, event.namespace, event.cluster) if part)
    return what, where


def _terms(event: Event, by: By) -> str:
    if by == "object":
        return f"cluster:{quote(event.cluster)} resource:{quote(event.resource)} name:{quote(event.name)}"
    field, value = ("user", event.actor) if by == "actor" else ("ns", event.namespace)
    return f"cluster:{quote(event.cluster)} {field}:{quote(value)}"


def _says(event: Event, count: int, now: int) -> str:
    moment: Moment = moment_of_event(event, now)
    more = f"\n{count:,} such events here" if count > 1 else ""
    return f"{moment.exact}\n{shown(summary(event), longest=300)}{more}"
