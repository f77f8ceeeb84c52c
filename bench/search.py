"""Measures, in the server, searches by every field for rare and frequent values, several together, and deep pages."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple

from audit_webhook.context import now
from audit_webhook.events.ids import to_text
from audit_webhook.search import feed
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.search_sql import EVERYTHING, LAST

TURNS: Final = 20
DEEP_PAGE: Final = 1000
QUICK_MS, FIELD_MS, DAY_MS, WHOLE_MS, FIRST_HIT_MS = 50.0, 400.0, 100.0, 800.0, 1000.0
SCANNED_A_SECOND: Final = 300_000
QUICK: Final = frozenset({"cluster", "user", "ns", "resource", "name", "code", "decision"})
FREQUENT: Final = {
    "cluster": "bench", "user": "alice", "usergroup": "system:authenticated", "verb": "get", "ns": "shop",
    "group": '""', "resource": "configmaps", "name": "web-*", "code": "200", "ip": "127.0.0.1", "ua": "kubectl*",
    "client": "kubectl", "level": "RequestResponse", "stage": "ResponseComplete", "decision": "allow",
    "kind": "human", "command": "get", "dryrun": "false", "truncated": "false", "manager": "kubectl*",
}
RARE: Final = {
    "user": "rare-user", "as": "rare-assumed", "usergroup": "rare-group", "verb": "rareverb", "ns": "rare-ns",
    "group": "rare.example", "resource": "rares", "sub": "raresub", "name": "rare-name", "code": "418",
    "ip": "203.0.113.9", "ua": "rareclient/1.0", "client": "rareclient", "manager": "rare-manager",
    "level": "Request", "stage": "Panic", "decision": "forbid", "dryrun": "true", "truncated": "true",
    "audit": "0000c350-1111-4222-8333-000000000000", "user ": "nobody-at-all", "name ": "nothing-at-all",
}
TOGETHER: Final = (
    "user:rare-user resource:rares", "user:rare-user verb:get", "ns:payments user:rare-user",
    "user:alice resource:gizmos", "user:alice verb:rareverb ns:shop", "user:bob@example.com code:403 ns:payments",
    "ns:payments resource:gizmos", "name:rare-name user:alice", "-verb:get ns:rare-ns client:kubectl",
)


class Question(NamedTuple):
    """A search, the page of it that is asked for, and how many milliseconds it may take."""

    kind: str
    text: str
    limit: float
    cursor: str | None = None


def p95_milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """Give the 95th percentile and the median of a piece of work, after one turn that is not counted."""
    work()
    taken = []
    for _ in range(TURNS):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.quantiles(taken, n=20)[-1], statistics.median(taken)


def measure(repository: Repository) -> bool:
    """Print a row for each question; tell whether each 95th percentile came within its limit."""
    while repository.tallies.compact():
        pass
    print(f"{'question':66} {'found':>5} {'p95 ms':>8} {'median':>8} {'limit':>6}")
    return all([*(_row(repository, question) for question in _questions(repository)), _scan(repository)])


def _questions(repository: Repository) -> Iterator[Question]:
    yield Question("first page", "", QUICK_MS)
    deep = repository.select_events(EVERYTHING, LAST, DEEP_PAGE * feed.PAGE)[-1].id
    for text in ("", "user:alice", "-verb:get"):
        yield Question(f"after {DEEP_PAGE * feed.PAGE:,} events", text, QUICK_MS, to_text(deep))
    for kind, values in (("frequent", FREQUENT), ("rare", RARE)):
        for field, value in values.items():
            yield Question(kind, f"{field.strip()}:{value}", QUICK_MS if field.strip() in QUICK else FIELD_MS)
    for text in TOGETHER:
        yield Question("together", text, WHOLE_MS)
        yield Question("together", f"{text} since:24h", DAY_MS)


def _row(repository: Repository, question: Question) -> bool:
    ask = partial(feed.page, repository, question.text, question.cursor, feed.PAGE, now())
    found = len(ask().events)
    p95, median = p95_milliseconds(ask)
    mark = "" if p95 <= question.limit else " over"
    print(f"{question.kind + ' ' + question.text:66} {found:5} {p95:8.1f} {median:8.1f} {question.limit:6.0f}{mark}")
    return p95 <= question.limit


def _scan(repository: Repository) -> bool:
    """Look once through the JSON of all events for what stands in none, and for what stands in few."""
    events = sum(contact.events for contact in repository.contacts())
    start, cpu = time.perf_counter(), time.process_time()
    cursor, slowest = None, 0.0
    while True:
        step = time.perf_counter()
        page = feed.page(repository, "body:stands-in-none-of-them", cursor, feed.PAGE, now())
        slowest = max(slowest, (time.perf_counter() - step) * 1000)
        cursor = page.next
        if cursor is None:
            break
    rate = events / (time.perf_counter() - start)
    share = (time.process_time() - cpu) / (time.perf_counter() - start)
    start = time.perf_counter()
    feed.page(repository, "body:rare-manager", None, feed.PAGE, now())
    first = (time.perf_counter() - start) * 1000
    print(f"body: {rate:,.0f} events/s, {share:.2f} of a core, slowest step {slowest:.0f} ms, first {first:.0f} ms")
    return rate >= SCANNED_A_SECOND and slowest <= FIRST_HIT_MS and first <= FIRST_HIT_MS
