"""Measures how many events a second one core explains: from the bytes of a batch to commands on cards."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from audit_webhook.search.explain import explain
from bench.events import batches

EVENTS: Final = 20_000
TURNS: Final = 5
LEAST: Final = 20_000  # five times what an apiserver sends at most


def measure(count: int = EVENTS) -> float:
    """Print and give the events explained in a second, the median of some turns.

    All batches are made before: what the making keeps in memory would be searched for garbage while the clock runs.
    """
    bodies = list(batches(count, datetime.now(UTC), timedelta(minutes=20)))
    rates = []
    for _ in range(TURNS):
        start = time.perf_counter()
        cards = sum(len(explain(body).cards) for body in bodies)
        rates.append(count / (time.perf_counter() - start))
    rate = statistics.median(rates)
    print(f"{count:,} events explained as {cards:,} cards, one core: {rate:,.0f} events/s")
    return rate
