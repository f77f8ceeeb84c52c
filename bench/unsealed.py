"""Serves this program without evidence, to be compared with it alone: ``python -m bench.unsealed``.

No setting switches seals off. Here, before the workers are forked, every hash of a seal is a constant and no seal is
inserted; with ``EVIDENCE_KEY_FILE=none`` nothing is signed either. What is stored so can never be verified.
"""

from __future__ import annotations

import sys
from typing import Any

from audit_webhook.cli import main
from audit_webhook.storage import writer as transaction
from audit_webhook.storage.chunks import layout as rows
from audit_webhook.storage.chunks.hash_chain import BEGINNING, Head, Seal


def leave_out() -> None:
    """Let sealing do nothing in this process and its children."""
    for room, name in (
        (rows, "root_of"), (rows, "digest_rows"), (rows, "digest_content"), (transaction, "record_of"),
    ):
        _replace(room, name, lambda *parts: BEGINNING)
    _replace(transaction, "seal_next", _count)
    _replace(transaction.Transaction, "insert_seal", lambda transaction, seal: None)


def _count(head: Head, chunk_id: bytes, events: int, sealed: int, root: bytes, record: bytes) -> Seal:
    """Give the next number of a stream, which arrivals need too."""
    return Seal(head.stream, head.sequence + 1, chunk_id, events, sealed, root, record, BEGINNING)


def _replace(room: Any, name: str, by: Any) -> None:
    getattr(room, name)  # or the comparison would be one with itself
    setattr(room, name, by)


if __name__ == "__main__":
    leave_out()
    sys.exit(main(["serve"]))
