"""Decides how much is kept of what could not be read: each cluster has its own share of the quarantine.

Nothing here refuses a batch. While a cluster's share has room, its items are kept whole; then their hash, reason and
size; and at last they are counted. A cluster that has little in it has room even when all others have filled theirs.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import zstandard

from audit_webhook.storage.quarantine_store import QuarantineStore, Usage
from audit_webhook.storage.writer import Quarantined

logger: Final = logging.getLogger(__name__)

MIB: Final = 1024**2
CLUSTER_ITEMS: Final = 2_000
CLUSTER_BYTES: Final = 32 * MIB
ALL_ITEMS: Final = 20_000
ALL_BYTES: Final = 256 * MIB
RESERVED_ITEMS: Final = 100
RESERVED_BYTES: Final = 1 * MIB
"""What every cluster may use however much the others have."""
LEVEL: Final = 3


def fit(store: QuarantineStore, cluster: str, items: Sequence[Quarantined]) -> list[Quarantined]:
    """Return the items of a batch as they are to be kept, compressed; what is left out is one item without an id."""
    usage = store.usage()
    own, all_items, all_bytes = usage.get(cluster, Usage(0, 0)), 0, 0
    for each in usage.values():
        all_items, all_bytes = all_items + each.items, all_bytes + each.stored_bytes
    known = store.known_ids([item.id for item in items])
    kept: list[Quarantined] = []
    left: list[Quarantined] = []
    for item in items:
        if item.id in known:
            continue
        known.add(item.id)
        if own.items >= CLUSTER_ITEMS or (all_items >= ALL_ITEMS and own.items >= RESERVED_ITEMS):
            left.append(item)
            continue
        packed = _pack(item.content, min(CLUSTER_BYTES, max(ALL_BYTES - all_bytes + own.stored_bytes, RESERVED_BYTES)),
                       own.stored_bytes)
        kept.append(item._replace(digest=sha256(item.content).digest(), content=packed))
        own = Usage(own.items + 1, own.stored_bytes + len(packed))
        all_items, all_bytes = all_items + 1, all_bytes + len(packed)
    return [*kept, *([_sum(left)] if left else [])]


def _pack(content: bytes, limit: int, used: int) -> bytes:
    """Return the compressed content, nothing when it does not fit."""
    if used >= limit:
        return b""
    packed = zstandard.ZstdCompressor(level=LEVEL).compress(content)
    return packed if used + len(packed) <= limit else b""


def _sum(left: list[Quarantined]) -> Quarantined:
    last = left[-1]
    logger.warning("the quarantine of %s is full: of %d more items only their number is kept", last.cluster, len(left))
    size = sum(item.raw_bytes for item in left)
    return last._replace(id=b"", raw_bytes=size, content=b"", digest=sha256(last.content).digest(), items=len(left))
