"""Measures how many events a second one core explains: from the bytes of a batch to commands on cards."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

from audit_webhook.services.explain import explain
from bench.events import batches

EVENTS: Final = 60_000
LEAST: Final = 20_000  # five times what an apiserver sends at most


def measure(count: int = EVENTS) -> float:
    """Print and give the events explained in a second; the making of the batches is not counted."""
    spent, cards = 0.0, 0
    for body in batches(count, datetime.now(UTC), timedelta(hours=1)):
        start = time.perf_counter()
        cards += len(explain(body).cards)
        spent += time.perf_counter() - start
    print(f"{count:,} events explained as {cards:,} cards, one core: {count / spent:,.0f} events/s")
    return count / spent
