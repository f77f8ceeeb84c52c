"""Measures searches for characters that mean something to SQL, in every field that can be asked for (trial D35)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from audit_webhook.context import now
from audit_webhook.query import QueryError
from audit_webhook.query.fields import FIELDS
from audit_webhook.search import feed
from audit_webhook.storage.repository import Repository

LIMIT_MS: Final = 2_000.0
TEXTS: Final = (
    "'", "\\", "%", "_", "a%*", "*%*", "*_*", "' or 1=1 -- ", "'; drop table events;", "') or ('1'='1", "{where}", "?",
    "/*!50000 1*/",
)


def measure(repository: Repository) -> bool:
    """Print the slowest of these searches; tell whether each was answered or cut off within two seconds."""
    events = sum(contact.events for contact in repository.contacts())
    asked, taken = 0, [(0.0, "")]
    for text in _questions():
        asked += 1
        start = time.perf_counter()
        try:
            feed.page(repository, text, None, feed.PAGE, now())
        except QueryError:
            continue
        taken.append(((time.perf_counter() - start) * 1000, text))
    slowest, text = max(taken)
    refused = asked - len(taken) + 1
    print(
        f"{asked} searches for characters of SQL in {events:,} events, {refused} of them refused as mistakes: slowest "
        f"{slowest:.0f} ms ({text}), limit {LIMIT_MS:.0f}"
    )
    return slowest <= LIMIT_MS


def _questions() -> Iterator[str]:
    for field in FIELDS:
        for text in TEXTS:
            quoted = text if "*" in text and "/" not in text else '"' + text.replace("\\", "\\\\") + '"'
            yield f"{field.name}:{quoted}"
            yield f"-{field.name}:{quoted}"
