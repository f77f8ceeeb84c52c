"""The most frequent values of a field as a table: how many events each has, which share that is, and when they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from audit_webhook.events.visible_text import shown
from audit_webhook.query.edit import and_term, quote, term_value, with_term
from audit_webhook.search.histogram.aggregate import CHARTED
from audit_webhook.search.histogram.buckets import span_label, write_time
from audit_webhook.search.histogram.histogram import Histogram
from audit_webhook.search.histogram.view import LABELS, label_of

MOST_VALUES: Final = 100
HEIGHT: Final = 20
BAR: Final = 10


@dataclass(frozen=True, slots=True)
class ValueLine:
    """A value: what it is called, the search for it, its events, their share in percent, and its bars over time."""

    label: str
    title: str
    query: str
    count: int
    percent: float
    path: str


@dataclass(frozen=True, slots=True)
class ValuesView:
    """Everything that the template of the table uses."""

    query: str
    by: str
    fields: tuple[tuple[str, str], ...]
    lines: tuple[ValueLine, ...]
    more: int
    total: int
    is_exact: bool
    range: str
    since: str
    until: str
    width: int


def view_values(picture: Histogram, text: str) -> ValuesView:
    """Show the values of the field that the series of a picture are of."""
    counted = _counted(picture, text)
    line = picture.timeline
    return ValuesView(
        query=text,
        by=picture.by,
        fields=tuple((name, LABELS[name]) for name in CHARTED),
        lines=tuple(_lines(picture, text, counted)),
        more=max(0, len(counted) - MOST_VALUES),
        total=picture.total,
        is_exact=picture.is_exact,
        range=span_label(line.start, line.end),
        since=write_time(line.start),
        until=write_time(line.end),
        width=line.bars * BAR,
    )


def _counted(picture: Histogram, text: str) -> list[tuple[str, int]]:
    """Return the values with their events; where the query names values itself, only those that it finds.

    The filters of the feed also count what could be chosen instead.
    """
    counted = picture.facets[picture.by]
    if term_value(text, picture.by) is None:
        return counted
    return [(value, count) for value, count in counted if value in picture.bars]


def _lines(picture: Histogram, text: str, counted: list[tuple[str, int]]) -> Iterator[ValueLine]:
    field = picture.by
    kept = with_term(text, field, None)
    every = sum(count for _, count in counted)
    for value, count in counted[:MOST_VALUES]:
        label, _ = label_of(field, value)
        yield ValueLine(
            label, shown(value or label, longest=400), and_term(kept, f"{field}:{quote(value)}"), count,
            100 * count / max(1, every), _path(picture.bars.get(value, [])),
        )


def _path(bars: list[int]) -> str:
    """Draw the bars of one value, each value on a scale of its own."""
    highest = max([*bars, 1])
    pieces = []
    for number, events in enumerate(bars):
        if events:
            height = max(1.5, events * HEIGHT / highest)
            pieces.append(f"M{number * BAR} {HEIGHT - height:.1f}h{BAR - 2}v{height:.1f}h-{BAR - 2}z")
    return "".join(pieces)
