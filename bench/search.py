"""Measures, in the server, the first page of the feed and a search by every field, for rare and for frequent values."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from audit_webhook.repository import Repository
from audit_webhook.services import feed
from audit_webhook.wiring import now

TURNS: Final = 20
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


def p95_milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """Give the 95th percentile and the median of a piece of work, after one turn that is not counted."""
    work()
    taken = []
    for _ in range(TURNS):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.quantiles(taken, n=20)[-1], statistics.median(taken)


def measure(repository: Repository) -> float:
    """Print a row for each question and give the worst 95th percentile in milliseconds."""
    questions = [("first page", "")]
    questions += [("frequent", f"{field}:{value}") for field, value in FREQUENT.items()]
    questions += [("rare", f"{field.strip()}:{value}") for field, value in RARE.items()]
    print(f"{'question':58} {'found':>6} {'p95 ms':>8} {'median':>8}")
    worst = 0.0
    for kind, text in questions:
        found = len(feed.page(repository, text, None, feed.PAGE, now()).events)
        p95, median = p95_milliseconds(partial(feed.page, repository, text, None, feed.PAGE, now()))
        worst = max(worst, p95)
        print(f"{kind + ' ' + text:58} {found:6} {p95:8.1f} {median:8.1f}")
    return worst
