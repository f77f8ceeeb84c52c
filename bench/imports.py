"""Measures how many events a second ``audit-webhook import`` stores from a log file, through its own code."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import orjson

from audit_webhook.context import now
from audit_webhook.ingest.import_log import LogImport, Watcher
from audit_webhook.storage.repository import Repository
from bench.events import batches

EVENTS: Final = 200_000
LEAST: Final = 15_000
_LINE: Final = b'{"kind":"Event","apiVersion":"audit.k8s.io/v1",%b\n'


def measure(repository: Repository, count: int = EVENTS) -> float:
    """Print and give the events a second; the making of the file is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "audit.log"
        with log.open("wb") as file:
            for body in batches(count, datetime.now(UTC), timedelta(hours=1)):
                file.writelines(_LINE % orjson.dumps(event)[1:] for event in orjson.loads(body)["items"])
        start = time.perf_counter()
        report = LogImport(repository, "imported", now(), Watcher(lambda _: None, lambda _: None)).run([str(log)])
        rate = report.stored / (time.perf_counter() - start)
    print(f"{report.stored:,} events imported from a log file: {rate:,.0f} events/s; limit {LEAST:,}")
    return rate
