"""Whether what is stored is being signed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from audit_webhook import engine_state
from audit_webhook.config import Config
from audit_webhook.database import Database
from audit_webhook.doctor.finding import Finding, fail, ok, say_seconds, warn
from audit_webhook.errors import KeyUnusable
from audit_webhook.evidence_store import EvidenceStore
from audit_webhook.signing import read_keys

CHECK: Final = "evidence"
LATE_SECONDS: Final = 600
"""A checkpoint is made every minute in which something was stored."""


def check_key(config: Config) -> Iterator[Finding]:
    """Look at the key that signs."""
    path = Path(config.evidence_key_file)
    if not config.evidence_key_file:
        yield warn(CHECK, "EVIDENCE_KEY_FILE is none: what is changed can be hidden", "name a file for the key")
    elif not path.exists():
        yield warn(CHECK, f"{path} is not there yet", "nothing, if this is new: serve makes it; keep a copy of it")
    else:
        try:
            read_keys(path)
            yield ok(CHECK, f"{path} holds a key")
        except (KeyUnusable, OSError) as error:
            yield fail(CHECK, f"no checkpoint can be signed: {error}", "let the service's user read it, or restore it")


def check_checkpoints(config: Config, database: Database) -> Iterator[Finding]:
    """Compare the last checkpoint with the last batch; the tables must be there."""
    received = engine_state.newest_arrival(database)
    if not config.evidence_key_file or not received:
        return
    last = EvidenceStore(database).last_checkpoint()
    behind = (received - last[1]) / 1_000_000 if last else float("inf")
    if last is None:
        yield warn(CHECK, "batches are stored, and none is signed yet", "see the log of the service for the reason")
    elif behind > LATE_SECONDS:
        what = f"the last checkpoint was signed {say_seconds(behind)} before the last batch came"
        yield warn(CHECK, what, "see the log of the service for the reason")
    else:
        yield ok(CHECK, "what is stored is signed")
