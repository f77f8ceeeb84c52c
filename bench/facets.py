"""Measures, in the server, histogram and facets: without a filter, with filters, and how long until they are exact."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from audit_webhook.context import now
from audit_webhook.search.histogram.histogram import Histogram, Histograms
from audit_webhook.storage.repository import Repository
from bench.search import p95_milliseconds

WHOLE_MS: Final = 400.0
DAY_MS: Final = 150.0
EXACT_SECONDS: Final = 60.0
QUESTIONS: Final = (
    ("", WHOLE_MS), ("since:24h", DAY_MS), ("since:6h", DAY_MS), ("since:1h", DAY_MS), ("user:alice", WHOLE_MS),
    ("-kind:system verb:(create or delete)", WHOLE_MS), ("user:rare-user", WHOLE_MS), ("ip:127.*", WHOLE_MS),
    ("usergroup:system:*", WHOLE_MS), ("name:rare-name", WHOLE_MS), ("name:web-*", WHOLE_MS), ("deploy", WHOLE_MS),
    ("deploy since:24h", WHOLE_MS), ("name:web-* ns:rare-ns", WHOLE_MS),
)


def measure(repository: Repository) -> bool:
    """Print a row for each question; tell whether each first picture came within its limit."""
    begun = time.perf_counter()
    summed = 0
    while done := repository.tallies.compact():
        summed += done
    print(f"\n{summed:,} tallies summed in {time.perf_counter() - begun:.2f} s")
    print(f"{'histogram and facets':42} {'events':>12} {'p95 ms':>8} {'median':>8} {'limit':>6} {'exact after':>12}")
    return all([_row(Histograms(repository), text, limit) for text, limit in QUESTIONS])


def _row(pictures: Histograms, text: str, limit: float) -> bool:
    p95, median = p95_milliseconds(partial(pictures.draw, text, "outcome", now()))
    begun = time.perf_counter()
    picture = _finish(pictures, pictures.draw(text, "outcome", now()))
    exact = f"{time.perf_counter() - begun:.2f} s" if picture.is_exact else "not yet"
    print(f"{text or '(everything)':42} {picture.total:12,} {p95:8.1f} {median:8.1f} {limit:6.0f} {exact:>12}")
    return p95 <= limit


def _finish(pictures: Histograms, picture: Histogram) -> Histogram:
    """Refine a picture until it is exact, for a minute at most."""
    deadline = time.monotonic() + EXACT_SECONDS
    while picture.token and time.monotonic() < deadline:
        picture = pictures.refine(picture.token) or picture
    return picture
