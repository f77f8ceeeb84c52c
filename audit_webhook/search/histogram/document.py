"""A picture as programs read it: the answers of ``/api/v1/histogram`` and ``/api/v1/facets``."""

from __future__ import annotations

from typing import Final

from audit_webhook.events.event import rfc3339
from audit_webhook.search.histogram.histogram import Histogram

MOST_VALUES: Final = 100


def histogram_of(picture: Histogram) -> dict[str, object]:
    """Give the bars: when they begin, how many seconds each is wide, and the events of each series in each bar."""
    line = picture.timeline
    return {
        "exact": picture.is_exact,
        "total": picture.total,
        "start": rfc3339(line.start * 1000),
        "step": line.step / 1000,
        "series": picture.bars,
    }


def facets_of(picture: Histogram) -> dict[str, object]:
    """Give the most frequent values of each field with how many events have them."""
    return {
        "exact": picture.is_exact,
        "total": picture.total,
        "facets": {
            name: [{"value": value, "events": events} for value, events in values[:MOST_VALUES]]
            for name, values in picture.facets.items()
        },
    }
