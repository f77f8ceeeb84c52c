"""Reads again what was put into quarantine, after a release that understands it or a mended database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from audit_webhook.errors import RowRefused
from audit_webhook.events.redaction.settings import BUILT_IN, Redaction
from audit_webhook.ingest.read_events import read_events
from audit_webhook.ingest.receive import Batch, store_batch
from audit_webhook.storage.quarantine_store import Kept
from audit_webhook.storage.repository import Repository

MOST: Final = 100_000


def retry_items(
    repository: Repository, cluster: str, received: int, redaction: Redaction = BUILT_IN,
    wanted: Sequence[bytes] | None = None,
) -> tuple[int, int]:
    """Store the items that can be read now, and take them out of quarantine; return how many, and how many are left.

    ``wanted`` are ids, all items of the cluster or of every cluster without them; ``received`` is in microseconds.
    Raises StoreUnavailable.
    """
    stored = left = 0
    for item in _items(repository, cluster, wanted):
        if _is_stored(repository, item, received, redaction):
            repository.quarantine.delete_item(item.id)
            stored += 1
        else:
            left += 1
    return stored, left


def _items(repository: Repository, cluster: str, wanted: Sequence[bytes] | None) -> Iterable[Kept]:
    ids = wanted if wanted is not None else [each.id for each in repository.quarantine.list_items(MOST, cluster)]
    return (item for identifier in ids if (item := repository.quarantine.find_item(identifier)) is not None)


def _is_stored(repository: Repository, item: Kept, received: int, redaction: Redaction) -> bool:
    """Whether an item could be read and stored as the event that it is."""
    entries, _ = read_events(item.cluster, [item.content], redaction) if item.content else ([], [])
    try:
        if entries:
            store_batch(repository, item.cluster, Batch({entry.id: entry for entry in entries}, 0, []), received)
    except RowRefused:
        return False
    return bool(entries)
