"""Stores a batch although the database refuses some of it: what is refused goes into quarantine, alone.

That is a mistake of this program or a limit of the database, but an apiserver that is told so sends the whole batch
again and then drops all of it.
"""

from __future__ import annotations

import logging
from functools import reduce
from itertools import islice
from typing import Final

from audit_webhook.errors import RowRefused
from audit_webhook.events.ids import quarantine_id
from audit_webhook.ingest.receive import Batch, Receipt, add_receipts, store_batch
from audit_webhook.storage.chunks.columns import Entry
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.writer import Quarantined

logger: Final = logging.getLogger(__name__)

KEPT_BYTES: Final = 4 * 1024**2


def store_isolating(repository: Repository, cluster: str, batch: Batch, received: int) -> Receipt:
    """Store a batch, in halves and halves of these where the database refuses some of it, and give the receipt.

    Raises RowRefused only when not even the quarantine takes what is left.
    """
    try:
        return store_batch(repository, cluster, batch, received)
    except RowRefused as error:
        logger.error("the database refuses a part of a batch, which is looked for: %s", error)
        parts = _parts(batch, cluster, received, str(error))
        if parts == [batch]:
            raise
    receipts = [store_isolating(repository, cluster, part, received) for part in parts]
    return reduce(add_receipts, receipts)


def _parts(batch: Batch, cluster: str, received: int, reason: str) -> list[Batch]:
    """Return what to try next: events apart from what is for the quarantine, then halves of the events.

    Of a single event it is what goes into quarantine in its place, as much as any database takes.
    """
    if batch.events and batch.quarantined:
        return [batch._replace(quarantined=[]), Batch({}, 0, batch.quarantined)]
    if len(batch.events) < 2:
        refused = [_refused(item, cluster, received, reason) for item in batch.events.values()]
        kept = [item._replace(content=item.content[:KEPT_BYTES]) for item in (*batch.quarantined, *refused)]
        return [Batch({}, batch.repeated, kept)]
    items = iter(batch.events.items())
    first = dict(islice(items, len(batch.events) // 2))
    return [Batch(first, batch.repeated, []), Batch(dict(items), 0, [])]


def _refused(item: Entry, cluster: str, received: int, reason: str) -> Quarantined:
    identifier = quarantine_id(cluster, item.raw)
    return Quarantined(identifier, cluster, received, reason[:255], len(item.raw), item.raw)
