"""``make bench``: real MariaDB, events of recorded shape, figures with the machine that they were taken on."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

from audit_webhook.config import Config
from audit_webhook.context import now
from audit_webhook.ingest.receive import receive
from audit_webhook.storage.repository import Repository, open_repository
from bench import behind, evidence, explain, facets, hostile, imports, ingest, replicas, report, sealing
from bench.events import BATCH, batches
from bench.ingest import LEVELS, Source
from bench.pages import measure_pages
from bench.receivers import Receiver, service
from bench.search import measure
from tests.mariadb import MariaDB

MEBIBYTE: Final = 1024**2
SOURCE_EVENTS: Final = 20_000_000
EARLY_BATCHES: Final = 200


def main() -> int:
    """Measure replicas, ingest, evidence, the proxy, then searches; exit 1 when one is over its limit."""
    chosen = _parser().parse_args()
    is_quick = True
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {datetime.now(UTC):%F}")
    if chosen.only in (None, "replicas"):
        with tempfile.TemporaryDirectory() as folder, MariaDB(Path(folder)) as server:
            pairs = replicas.measure(server, Source(SOURCE_EVENTS), chosen.rounds, chosen.batch_events)
            print(f"\n{replicas.table(pairs)}")
    if chosen.only in (None, "ingest"):
        with tempfile.TemporaryDirectory() as folder, MariaDB(Path(folder)) as server:
            _measure_ingest(server, chosen)
    if chosen.only in (None, "evidence"):
        with tempfile.TemporaryDirectory() as folder, MariaDB(Path(folder)) as server:
            print()
            is_quick = sealing.measure(server, Source(SOURCE_EVENTS), chosen.rounds, chosen.batch_events)
    if chosen.only in (None, "proxy"):
        with tempfile.TemporaryDirectory() as folder, MariaDB(Path(folder)) as server:
            is_quick = _measure_proxy(server, chosen) and is_quick
    if chosen.only in (None, "search"):
        is_quick = _measure_search(chosen) and is_quick
    return 0 if is_quick else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parts = ("replicas", "ingest", "evidence", "proxy", "search")
    parser.add_argument("--only", choices=parts, help="measure only this")
    parser.add_argument("--events", type=int, default=200_000, help="events to search in (default 200,000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of ingest for each receiver and level")
    parser.add_argument("--batch-events", type=int, default=30_000, help="events of a round")
    parser.add_argument("--disk-events", type=int, default=600_000, help="events of which the room on disk is measured")
    parser.add_argument("--paced-seconds", type=int, default=30, help="how long 4,000 events/s are sent")
    parser.add_argument("--grow-to", type=int, default=0, help="then store so many events and measure again")
    parser.add_argument("--plot", type=Path, help="SVG file to draw the rates into")
    parser.add_argument(
        "--yardstick", default="", metavar="COMMAND",
        help="another receiver to measure side by side, with {address}, {dsn} and {token} in its command line",
    )
    return parser


def _measure_ingest(server: MariaDB, chosen: argparse.Namespace) -> None:
    """Print the tables of ingest."""
    source = Source(SOURCE_EVENTS)
    with ExitStack() as stack:
        receivers = ingest.start(server, stack, chosen.yardstick)
        names = [receiver.name for receiver in receivers]
        rounds = ingest.compare(server, receivers, source, chosen.rounds, chosen.batch_events)
        disk = {
            (level, receiver.name): ingest.disk_per_event(server, receiver, source, level, chosen.disk_events)
            for level in LEVELS for receiver in receivers
        }
        print(f"\n{report.rates_table(rounds, names, disk)}\n\n{report.ratios_table(rounds, names)}")
        median, worst_percent, longest = ingest.paced(receivers[0], source, chosen.paced_seconds)
        print(f"\n4,000 events/s for {chosen.paced_seconds} s: median {median * 1000:.0f} ms, "
              f"p99 {worst_percent * 1000:.0f} ms, longest {longest * 1000:.0f} ms")
        for receiver in receivers:
            print(f"peak memory of a process, {receiver.name}: {receiver.peak_memory() / MEBIBYTE:.0f} MiB")
        if chosen.plot:
            report.plot(rounds, names, chosen.plot)
        if chosen.grow_to:
            print(f"\n{report.growth_table(_grow(server, receivers[0], source, chosen))}")


def _measure_proxy(server: MariaDB, chosen: argparse.Namespace) -> bool:
    with service(server) as receiver:
        return behind.measure(receiver, Source(SOURCE_EVENTS), chosen.rounds, chosen.batch_events)


def _grow(server: MariaDB, receiver: Receiver, source: Source, chosen: argparse.Namespace) -> list[report.Growth]:
    """Measure the service anew whenever it holds ten times as many events."""
    found: list[report.Growth] = []
    stored, wanted = ingest.stored(server), 100_000
    while wanted <= chosen.grow_to:
        while stored < wanted:
            stored += ingest.run_round(server, receiver, source, LEVELS[0], min(wanted - stored, 50_000)).events
        rates = sorted(
            ingest.run_round(server, receiver, source, LEVELS[0], chosen.batch_events).rate for _ in range(5)
        )
        found.append(report.Growth(stored, rates[2]))
        stored, wanted = ingest.stored(server), wanted * 10
    return found


def _measure_search(chosen: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory() as folder, MariaDB(Path(folder)) as server:
        settings = {"WEBHOOK_TOKEN": "bench", "EVIDENCE_KEY_FILE": "none", **server.environment("bench")}
        config = Config.from_env(settings)
        repository = open_repository(config)
        repository.migrate()
        _fill(repository, chosen.events)
        is_quick = evidence.measure(repository, server.environment("bench"))
        is_quick = measure(repository) and is_quick
        is_quick = hostile.measure(repository) and is_quick
        is_quick = facets.measure(repository) and is_quick
        is_quick = measure_pages(repository, config) and is_quick
        is_quick = imports.measure(repository) >= imports.LEAST and is_quick
        repository.close()
    return explain.measure() >= explain.LEAST and is_quick


def _fill(repository: Repository, count: int) -> None:
    """Store the events and print how fast, and how fast at the end; the making of the batches is not counted."""
    spent: list[float] = []
    stored: list[int] = []
    done = 0
    for body in batches(count, datetime.now(UTC), timedelta(days=3)):
        start = time.perf_counter()
        stored.append(receive(repository, "bench", body, now()).stored)
        spent.append(time.perf_counter() - start)
        done += stored[-1]
        if sys.stderr.isatty():
            print(f"\rstored {done:,} of {count:,}", end="", file=sys.stderr)
    print(f"\n{done:,} events stored, one connection: {done / sum(spent):,.0f} events/s")
    rates = [events / seconds for events, seconds in zip(stored, spent, strict=True)]
    early, late = rates[EARLY_BATCHES:2 * EARLY_BATCHES], rates[-EARLY_BATCHES:]
    if count > 3 * EARLY_BATCHES * BATCH:
        print(f"median batch at the end ÷ after {EARLY_BATCHES * BATCH:,}: {median(late) / median(early):.2f}")


if __name__ == "__main__":
    sys.exit(main())
