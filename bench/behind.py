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


class Cost(NamedTuple):
    """What a million events took in seconds: by the clock, and of CPU in the service and in nginx."""

    clock: float
    service: float
    nginx: float


class Pair(NamedTuple):
    """What events took that were sent without nginx, and those that were sent through it."""

    level: str
    plain: Cost
    behind: Cost

    @property
    def ratio(self) -> float:
        """Rate behind nginx ÷ rate without."""
        return self.plain.clock / self.behind.clock


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
    costs = {
        through: _send(receiver, front, source.requests(events, level), source.made, through)
        for through in (nginx_first, not nginx_first)
    }
    pair = Pair(level, costs[False], costs[True])
    print(f"{level:16} behind nginx {pair.ratio:.2f}", file=sys.stderr)
    return pair


def _send(receiver: Receiver, front: Front, requests: list[bytes], events: int, through: bool) -> Cost:
    port, trust = (front.port, front.certificate.client_context()) if through else (receiver.port, None)
    own, before = cpu_seconds(receiver.processes()), cpu_seconds(front.workers())
    clock = post(port, requests, trust=trust).seconds
    spent = (clock, cpu_seconds(receiver.processes()) - own, cpu_seconds(front.workers()) - before)
    return Cost(*(seconds / events * 1e6 for seconds in spent))


def _table(pairs: list[Pair]) -> str:
    lines = [
        "| level | events/s, median | behind nginx with TLS | ÷ in each pair | median "
        "| CPU s per 10⁶ events | behind nginx, + nginx |",
        "|---|---|---|---|---|---|---|",
    ]
    for level in LEVELS:
        found = [pair for pair in pairs if pair.level == level]
        rates = [1e6 / statistics.median(cost.clock for cost in costs) for costs in zip(*(pair[1:] for pair in found))]
        each = ", ".join(f"{pair.ratio:.2f}" for pair in found)
        median = statistics.median(pair.ratio for pair in found)
        alone = statistics.mean(pair.plain.service for pair in found)
        own, nginx = (statistics.mean(pair.behind[kind] for pair in found) for kind in (1, 2))
        row = (level, f"{rates[0]:,.0f}", f"{rates[1]:,.0f}", each, f"{median:.2f}", f"{alone:.1f}")
        lines.append(f"| {' | '.join(row)} | {own:.1f} + {nginx:.1f} |")
    return "\n".join(lines)
