"""Measures ingest side by side: acknowledged events/s, latency, CPU, memory, bytes on disk, and how they grow."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import orjson

from bench.events import BATCH, batches, mixed
from bench.floor import create_table
from bench.load import Load, post, request_of
from bench.receivers import Receiver, bytes_on_disk, cpu_seconds, floor, service, yardstick
from tests.mariadb import MariaDB

LEVELS: Final = ("Metadata", "RequestResponse")
PACE: Final = 4_000
_BODIES: Final = ("requestObject", "responseObject")


class Round(NamedTuple):
    """One load on one receiver."""

    receiver: str
    level: str
    events: int
    body_bytes: int
    load: Load
    cpu_seconds: float
    database_cpu_seconds: float

    @property
    def rate(self) -> float:
        """Acknowledged events a second."""
        return self.events / self.load.seconds


class Source:
    """Gives batches of recorded shape that no one has sent yet, at either level."""

    def __init__(self, total: int) -> None:
        """Spread ``total`` events over the last hour."""
        self._batches: Iterator[bytes] = batches(total, datetime.now(UTC), timedelta(hours=1), mixed())

    def requests(self, events: int, level: str) -> list[bytes]:
        """Give the requests of at least so many events."""
        found: list[bytes] = []
        made = 0
        while made < events:
            batch = next(self._batches)
            items = orjson.loads(batch)["items"]
            made += len(items)
            found.append(request_of(batch if level == "RequestResponse" else _without_bodies(items)))
        self.made = made
        return found


def _without_bodies(items: list[dict[str, object]]) -> bytes:
    """Give the batch as a policy of level Metadata would have it."""
    for item in items:
        item["level"] = "Metadata"
        for body in _BODIES:
            item.pop(body, None)
    return orjson.dumps({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": items})


def run_round(server: MariaDB, receiver: Receiver, source: Source, level: str, events: int) -> Round:
    """Load a receiver as fast as it takes it and give what that took."""
    assert server.process is not None
    requests = source.requests(events, level)
    own, database = receiver.processes(), [server.process.pid]
    before, database_before = cpu_seconds(own), cpu_seconds(database)
    load = post(receiver.port, requests)
    spent, database_spent = cpu_seconds(own) - before, cpu_seconds(database) - database_before
    size = sum(map(len, requests))
    return Round(receiver.name, level, source.made, size, load, spent, database_spent)


def compare(server: MariaDB, receivers: Sequence[Receiver], source: Source, rounds: int, events: int) -> list[Round]:
    """Load every receiver in turn with new batches, at both levels, several times; the first time is not counted."""
    done: list[Round] = []
    for turn in range(rounds + 1):
        for level in LEVELS:
            for receiver in receivers:
                found = run_round(server, receiver, source, level, events if turn else events // 4)
                if turn:
                    done.append(found)
                    print(f"{turn} {level:16} {receiver.name:10} {found.rate:9,.0f} events/s", file=sys.stderr)
    return done


def ratios(rounds: Sequence[Round], level: str, receiver: str, other: str) -> list[float]:
    """Give rate ÷ rate of each pair of rounds that followed each other."""
    def rates(name: str) -> list[float]:
        return [found.rate for found in rounds if found.level == level and found.receiver == name]

    return [ours / theirs for ours, theirs in zip(rates(receiver), rates(other), strict=True)]


def start(server: MariaDB, stack: ExitStack, command: str) -> list[Receiver]:
    """Start this program, the floor, and the yardstick when there is one."""
    connection = server.connect()
    create_table(connection)
    connection.close()
    chosen = [service(server), floor(server)] + ([yardstick(server, command)] if command else [])
    return [stack.enter_context(receiver) for receiver in chosen]


def disk_per_event(server: MariaDB, receiver: Receiver, source: Source, level: str, events: int) -> float:
    """Give the bytes on disk that an event of one level takes in a database that holds so many already."""
    before = bytes_on_disk(server, receiver.database)
    stored = 0
    while stored < events:
        post(receiver.port, source.requests(min(events - stored, 25_000), level))
        stored += source.made
    return (bytes_on_disk(server, receiver.database) - before) / stored


def paced(receiver: Receiver, source: Source, seconds: int) -> tuple[float, float, float]:
    """Give the median, the 99th percentile and the longest latency in seconds at 4,000 events a second."""
    requests = source.requests(PACE * seconds, "RequestResponse")
    cuts = sorted(post(receiver.port, requests, PACE / BATCH).latencies)
    return statistics.median(cuts), statistics.quantiles(cuts, n=100)[98], cuts[-1]


def stored(server: MariaDB) -> int:
    """Give how many events this program holds."""
    connection = server.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT COALESCE(SUM(events), 0) FROM service.chunks")
            return int(cursor.fetchall()[0][0])
    finally:
        connection.close()
