"""Whether what is stored is being signed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from audit_webhook.config import Config
from audit_webhook.errors import HistoryRefused, KeyUnusable
from audit_webhook.evidence.checkpoints import BadCheckpoint, Signed, read
from audit_webhook.evidence.signer import Signer, open_memory
from audit_webhook.evidence.store import EvidenceStore
from audit_webhook.evidence.verify.schema_tables import find_differences
from audit_webhook.operate.doctor.finding import Finding, fail, ok, say_seconds, warn
from audit_webhook.storage import server_status as engine_state
from audit_webhook.storage.database import Database
from audit_webhook.storage.keys import read_keys

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
    """Compare the last checkpoint with what is remembered and with the last batch; the tables must be there."""
    for name, text in find_differences(database):
        advice = "run `audit-webhook verify`, and find out who changed the schema"
        yield fail(CHECK, f"the schema is not as this program makes it: {name}: {text}", advice)
    received = engine_state.newest_arrival(database)
    if not config.evidence_key_file or not received:
        return
    store = EvidenceStore(database)
    yield from _check_history(config, store)
    last = store.last_checkpoint()
    behind = abs(received - _made(last[1])) / 1_000_000 if last else float("inf")
    if last is None:
        yield warn(CHECK, "batches are stored, and none is signed yet", "see the log of the service for the reason")
    elif behind > LATE_SECONDS:
        what = f"{say_seconds(behind)} lie between the last checkpoint and the last batch that came"
        yield warn(CHECK, what, "see the log of the service for the reason")
    else:
        yield ok(CHECK, "what is stored is signed")


def _check_history(config: Config, store: EvidenceStore) -> Iterator[Finding]:
    """Say whether the database continues what was signed, and whether that can be remembered."""
    memory = open_memory(config, may_write=False)
    if memory.path is not None and not os.access(memory.path if memory.path.exists() else memory.path.parent, os.W_OK):
        what = f"the newest checkpoint cannot be remembered in {memory.path}"
        yield warn(CHECK, what, "let EVIDENCE_LAST_FILE name a file that the service's user can write to")
    try:
        Signer(store, config.evidence_key_file, lambda: 0, may_make_key=False, memory=memory).check()
        yield ok(CHECK, "the checkpoints continue those that were signed before")
    except HistoryRefused as error:
        yield fail(CHECK, str(error), "see docs/operations.md, Evidence is broken")
    except KeyUnusable as error:
        yield fail(CHECK, str(error), "let the service's user read it, or restore it")


def _made(signed: Signed) -> int:
    try:
        return read(signed.body).made
    except BadCheckpoint:
        return 0
