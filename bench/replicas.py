"""Measures what a second replica adds: two processes on one database, each on its own port, against one alone."""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final, NamedTuple

from bench.ingest import LEVELS, Source
from bench.load import TOKEN, post
from bench.receivers import Receiver, cpu_seconds
from tests.mariadb import MariaDB, free_port

REPLICAS: Final = 2


class Pair(NamedTuple):
    """One load on one replica and on two: events/s, and the CPU seconds of the two and the database for 10^6 events."""

    level: str
    one: float
    two: float
    own_cpu: float
    database_cpu: float

    @property
    def ratio(self) -> float:
        """How much more two take than one."""
        return self.two / self.one


def measure(server: MariaDB, source: Source, rounds: int, events: int) -> list[Pair]:
    """Load one and two replicas in turn at both levels; the first time is not counted."""
    with ExitStack() as stack:
        one = [stack.enter_context(_replica(server, "one"))]
        two = [stack.enter_context(_replica(server, "two")) for _ in range(REPLICAS)]
        pairs = []
        for turn in range(rounds + 1):
            for level in LEVELS:
                pair = _compare(server, one, two, source, level, events if turn else events // 4)
                if turn:
                    pairs.append(pair)
                    print(f"{turn} {level:16} {pair.one:9,.0f} {pair.two:9,.0f} events/s", file=sys.stderr)
        return pairs


def _replica(server: MariaDB, database: str) -> Receiver:
    port = free_port()
    settings = {"WEBHOOK_TOKEN": TOKEN, "HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(port), "EVIDENCE_KEY_FILE": "none"}
    command = [sys.executable, "-m", "audit_webhook", "serve"]
    return Receiver(database, database, command, {**settings, **server.environment(database)}, port)


def _compare(
    server: MariaDB, one: Sequence[Receiver], two: Sequence[Receiver], source: Source, level: str, events: int
) -> Pair:
    assert server.process is not None
    rate = _load(one, source, level, events)[0]
    own, database = [process for each in two for process in each.processes()], [server.process.pid]
    before, database_before = cpu_seconds(own), cpu_seconds(database)
    rate_of_two, made = _load(two, source, level, events)
    spent, database_spent = cpu_seconds(own) - before, cpu_seconds(database) - database_before
    return Pair(level, rate, rate_of_two, spent / made * 1e6, database_spent / made * 1e6)


def _load(replicas: Sequence[Receiver], source: Source, level: str, events: int) -> tuple[float, int]:
    """Post in two halves, to as many replicas as there are, and give events/s and how many were sent."""
    requests = source.requests(events, level)
    made = source.made
    halves = [requests[half::REPLICAS] for half in range(REPLICAS)]
    ports = [replicas[half % len(replicas)].port for half in range(REPLICAS)]
    failures: list[BaseException] = []

    def work(port: int, half: Sequence[bytes]) -> None:
        try:
            post(port, half)
        except (OSError, RuntimeError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(ports, halves, strict=True)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return made / (time.perf_counter() - began), made


def table(pairs: Sequence[Pair]) -> str:
    """Write the medians as a table."""
    lines = [
        "| level | one, events/s | two, events/s | two ÷ one, each pair | median | CPU s per 10⁶ events, replicas + "
        "database |", "|---|---|---|---|---|---|",
    ]
    for level in LEVELS:
        found = [pair for pair in pairs if pair.level == level]
        ratios = ", ".join(f"{pair.ratio:.2f}" for pair in found)
        names = ("one", "two", "ratio", "own_cpu", "database_cpu")
        one, two, ratio, own, database = (statistics.median(getattr(pair, name) for pair in found) for name in names)
        lines.append(f"| {level} | {one:,.0f} | {two:,.0f} | {ratios} | {ratio:.2f} | {own:.1f} + {database:.1f} |")
    return "\n".join(lines)
