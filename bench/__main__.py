"""``make bench``: real MariaDB, events of recorded shape, figures with the machine that they were taken on."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from audit_webhook.config import Config
from audit_webhook.repository import Repository, open_repository
from audit_webhook.services.ingest import receive
from audit_webhook.wiring import now
from bench import facets
from bench.events import batches
from bench.search import measure
from tests.mariadb import MariaDB


def main() -> int:
    """Fill a fresh database and measure searches; exit 1 when one is over its limit."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000, help="events to search in (default 200,000)")
    chosen = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {datetime.now(UTC):%F}")
    with tempfile.TemporaryDirectory() as folder, MariaDB(Path(folder)) as server:
        repository = open_repository(Config.from_env({"WEBHOOK_TOKEN": "bench", **server.environment("bench")}))
        repository.migrate()
        _fill(repository, chosen.events)
        is_quick = measure(repository)
        is_quick = facets.measure(repository) and is_quick
        repository.close()
    return 0 if is_quick else 1


def _fill(repository: Repository, count: int) -> None:
    """Store the events and print how fast; the making of the batches is not counted."""
    spent, done = 0.0, 0
    for body in batches(count, datetime.now(UTC), timedelta(days=3)):
        start = time.perf_counter()
        done += receive(repository, "bench", body, now()).stored
        spent += time.perf_counter() - start
        if sys.stderr.isatty():
            print(f"\rstored {done:,} of {count:,}", end="", file=sys.stderr)
    print(f"\n{done:,} events stored, one connection: {done / spent:,.0f} events/s")


if __name__ == "__main__":
    sys.exit(main())
