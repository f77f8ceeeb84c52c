"""Measures what evidence costs: the same load on the service as it is, and on one that neither seals nor signs."""

from __future__ import annotations

import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench.ingest import LEVELS, Round, Source, ratios, run_round
from bench.load import TOKEN
from bench.receivers import WORKERS, Receiver
from tests.mariadb import MariaDB, free_port

WITH, WITHOUT = "with", "without"
LEAST: Final = 0.9


def measure(server: MariaDB, source: Source, rounds: int, events: int) -> bool:
    """Load both in turn, each first in every other round, and print a table; tell whether each median is enough."""
    done: list[Round] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        receivers = [
            stack.enter_context(_receiver(server, WITH, "audit_webhook", str(folder / "evidence.key"), "serve")),
            stack.enter_context(_receiver(server, WITHOUT, "bench.unsealed", "none")),
        ]
        for turn in range(rounds + 1):
            for level in LEVELS:
                for receiver in receivers if turn % 2 else receivers[::-1]:
                    found = run_round(server, receiver, source, level, events if turn else events // 4)
                    if turn:  # the first time is not counted
                        done.append(found)
                        print(f"{turn} {level:16} {receiver.name:10} {found.rate:9,.0f} events/s", file=sys.stderr)
    print("| level | with, events/s | without | with ÷ without, each pair | median | CPU s per 10⁶ events, own + "
          "database | without |\n|---|---|---|---|---|---|---|")
    return all([_print_row(done, level) for level in LEVELS])


def _receiver(server: MariaDB, name: str, module: str, key: str, *arguments: str) -> Receiver:
    port, database = free_port(), f"{name}_evidence"
    settings = {
        "WEBHOOK_TOKEN": TOKEN, "HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(port), "WORKERS": str(WORKERS),
        "EVIDENCE_KEY_FILE": key, **server.environment(database),
    }
    return Receiver(name, database, [sys.executable, "-m", module, *arguments], settings, port)


def _print_row(done: list[Round], level: str) -> bool:
    pairs = ratios(done, level, WITH, WITHOUT)
    median = statistics.median(pairs)
    rates, cpu = [], []
    for name in (WITH, WITHOUT):
        found = [each for each in done if (each.level, each.receiver) == (level, name)]
        rates.append(f"{statistics.median(each.rate for each in found):,.0f}")
        own, database = (
            sum(spent) / sum(each.events for each in found) * 1e6
            for spent in ([each.cpu_seconds for each in found], [each.database_cpu_seconds for each in found])
        )
        cpu.append(f"{own:.1f} + {database:.1f}")
    each_pair = ", ".join(f"{pair:.2f}" for pair in pairs)
    print(f"| {level} | {' | '.join(rates)} | {each_pair} | {median:.2f} | {' | '.join(cpu)} |")
    return median >= LEAST
