"""Measures ``audit-webhook verify`` in a process of its own: events compared in a second, and its memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import orjson

from audit_webhook.context import now
from audit_webhook.evidence.signer import Signer
from audit_webhook.evidence.store import EvidenceStore
from audit_webhook.storage.repository import Repository

LEAST: Final = 100_000
MOST_BYTES: Final = 200_000_000


def measure(repository: Repository, environment: dict[str, str]) -> bool:
    """Print events a second and peak memory; tell whether both are within their limits and all was sound."""
    with tempfile.TemporaryDirectory() as folder:
        key, report = Path(folder) / "evidence.key", Path(folder) / "report.json"
        Signer(EvidenceStore(repository.database), str(key), now).sign_when_due()
        with report.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "audit_webhook", "verify", "--json", "--key", str(key)], stdout=output,
                env={**os.environ, **environment},
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        found = orjson.loads(report.read_bytes())
    rate, memory = found["events"] / found["seconds"], usage.ru_maxrss * 1024
    print(
        f"{found['events']:,} events verified as {found['verdict']}: {rate:,.0f} events/s, limit {LEAST:,}; "
        f"peak memory {memory / 1e6:.0f} MB, limit {MOST_BYTES / 1e6:.0f}"
    )
    return process.returncode == 0 and rate >= LEAST and memory <= MOST_BYTES
