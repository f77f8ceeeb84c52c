"""Measures what nginx with TLS before the service costs: the same load through deploy/nginx and without it, in turn."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from bench.ingest import LEVELS, Source
from bench.load import post
from bench.receivers import Receiver, cpu_seconds
from tests.mariadb import free_port
from tests.nginx import Front

LEAST: Final = 0.8
PROOF: Final = "p" * 40


class Pair(NamedTuple):
    """The same number of events sent without nginx and through it; its CPU in seconds."""

    level: str
    events: int
    plain_seconds: float
    seconds: float
    nginx_cpu_seconds: float

    @property
    def ratio(self) -> float:
        """Rate behind nginx ÷ rate without."""
        return self.plain_seconds / self.seconds


def measure(receiver: Receiver, source: Source, rounds: int, events: int) -> bool:
    """Print the table; give whether the median of each level is what is promised."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with Front(Path(folder), receiver.port, free_port(), free_port(), PROOF) as front:
            pairs = [
                _run(receiver, front, source, level, events if turn else events // 4, turn % 2 == 0)
                for turn in range(rounds + 1) for level in LEVELS
            ][len(LEVELS):]
    print(f"\n{_table(pairs)}")
    return all(statistics.median(pair.ratio for pair in pairs if pair.level == level) >= LEAST for level in LEVELS)


def _run(receiver: Receiver, front: Front, source: Source, level: str, events: int, nginx_first: bool) -> Pair:
    """Send both ways; which one is first changes, so that neither has a fuller database each time."""
    seconds: dict[bool, float] = {}
    spent = 0.0
    for through in (nginx_first, not nginx_first):
        requests = source.requests(events, level)
        before = cpu_seconds(front.workers())
        port, trust = (front.port, front.certificate.client_context()) if through else (receiver.port, None)
        seconds[through] = post(port, requests, trust=trust).seconds / source.made
        if through:
            spent = cpu_seconds(front.workers()) - before
    pair = Pair(level, source.made, seconds[False] * source.made, seconds[True] * source.made, spent)
    print(f"{level:16} behind nginx {pair.ratio:.2f}", file=sys.stderr)
    return pair


def _table(pairs: list[Pair]) -> str:
    lines = [
        "| level | events/s, median | behind nginx with TLS | ÷ in each pair | median | nginx, CPU s per 10⁶ events |",
        "|---|---|---|---|---|---|",
    ]
    for level in LEVELS:
        found = [pair for pair in pairs if pair.level == level]
        plain = statistics.median(pair.events / pair.plain_seconds for pair in found)
        behind = statistics.median(pair.events / pair.seconds for pair in found)
        each = ", ".join(f"{pair.ratio:.2f}" for pair in found)
        spent = sum(pair.nginx_cpu_seconds for pair in found) / sum(pair.events for pair in found) * 1e6
        median = statistics.median(pair.ratio for pair in found)
        lines.append(f"| {level} | {plain:,.0f} | {behind:,.0f} | {each} | {median:.2f} | {spent:.1f} |")
    return "\n".join(lines)
