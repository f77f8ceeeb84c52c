"""Takes a batch into safe keeping: into the database, or into the spool while the database is away.

A receipt is a promise: the batch is committed, or it is written and synced to the spool. Nothing else is acknowledged.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from typing import Final

from audit_webhook.deadline import within
from audit_webhook.errors import (
    AuditWebhookError, MalformedBatch, Overloaded, SpoolUnavailable, StoreMisconfigured, StoreUnavailable,
)
from audit_webhook.events.redaction.settings import BUILT_IN, Redaction
from audit_webhook.events.split import MalformedBody, Split
from audit_webhook.ingest.isolate import store_isolating
from audit_webhook.ingest.parts import PART_BYTES, Parts
from audit_webhook.ingest.receive import Batch, Receipt, add_receipts, read_items
from audit_webhook.storage.health_probe import HealthProbe
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.spool.batch_file import BatchFile, Item, Unread
from audit_webhook.storage.spool.spool import Spool, SpoolState

logger: Final = logging.getLogger(__name__)

STORE_SECONDS: Final = 20.0  # a kube-apiserver waits 30 s for all of it, the reading of the body included
STORE_SECONDS_BEFORE_SPOOL: Final = 5.0
LARGE_PARTS_AT_ONCE: Final = 2
NOTHING: Final = Receipt(0, 0, 0, 0)


class DurableStore:
    """The database with the spool, if there is one, behind it."""

    def __init__(
        self, repository: Repository, health_probe: HealthProbe, spool: Spool | None, redaction: Redaction = BUILT_IN
    ) -> None:
        """Keep batches in the repository while the health probe finds it, and in the spool otherwise.

        ``redaction`` says what is done about secrets beside what is built in.
        """
        self._redaction = redaction
        self._large = threading.BoundedSemaphore(LARGE_PARTS_AT_ONCE)
        self._long = threading.BoundedSemaphore(1)
        self._repository = repository
        self._health_probe = health_probe
        self._spool = spool

    def receive(self, cluster: str, body: bytes, received: int) -> Receipt:
        """Keep a batch that is held whole, as `receive_parts` does."""
        return self.receive_parts(cluster, Parts(BytesIO(body).read), received)

    def receive_parts(self, cluster: str, parts: Parts, received: int) -> Receipt:
        """Keep a batch durably, part by part, and return the receipt; ``received`` is the time in microseconds.

        Raises MalformedBatch when the body holds nothing like an event or ends too early, StoreUnavailable when it
        could not be kept. The error then says what of it is kept nevertheless: when the batch is sent again, that is
        known by its ids and the rest is added.
        """
        kept, size = NOTHING, 0
        try:
            self._check_way()
            for part in parts:
                with self._room(parts.is_large, part):
                    kept = add_receipts(kept, self._receive_part(cluster, part, received))
                size = parts.size
        except MalformedBody as error:
            raise MalformedBatch(str(error)) from error
        except AuditWebhookError as error:
            error.kept, error.kept_bytes = kept, size
            raise
        return kept

    def _check_way(self) -> None:
        if not self._is_worth_reading():
            raise StoreUnavailable("the database is away, and there is no spool that could take the batch")

    @contextmanager
    def _room(self, is_large: bool, part: Split) -> Iterator[None]:
        """Let few parts of large batches be worked on at once, and of those with a very long item one at a time.

        Each part takes several times its bytes meanwhile.
        """
        if not is_large:
            yield
            return
        is_long = any(len(raw) > 2 * PART_BYTES for raw in part.items)
        places = [self._long, self._large] if is_long else [self._large]
        with ExitStack() as taken:
            for place in places:
                if not place.acquire(timeout=STORE_SECONDS):
                    raise Overloaded("too many large batches are being stored; send it again")
                taken.callback(place.release)
            yield

    def _receive_part(self, cluster: str, part: Split, received: int) -> Receipt:
        self._check_way()
        batch = read_items(cluster, part, received, self._redaction)
        try:
            return self._keep(cluster, batch, received)
        except AuditWebhookError as error:
            error.events = batch.total
            raise

    def _keep(self, cluster: str, batch: Batch, received: int) -> Receipt:
        if self._health_probe.is_open():
            return self._put_by(cluster, batch, received)
        try:
            return self._store(cluster, batch, received)
        except (StoreUnavailable, StoreMisconfigured) as error:
            if self._spool is None:
                raise
            logger.warning("the database did not take a batch, which goes into the spool: %s", error)
        return self._put_by(cluster, batch, received)

    def is_ready(self) -> bool:
        """Whether the next batch can be kept, in the database or in the spool."""
        is_storing = self._health_probe.is_storing() and not self.trouble()
        return is_storing or (self._spool is not None and self._spool.can_take())

    def trouble(self) -> str:
        """Return what happened to the file of an embedded database and what to do; empty when nothing is known."""
        file = self._repository.database.file
        return file.trouble if file is not None else ""

    def spool_state(self) -> SpoolState | None:
        """Give what waits in the spool and what was drained; None when there is no spool."""
        return self._spool.state() if self._spool else None

    def _is_worth_reading(self) -> bool:
        return not self._health_probe.is_open() or (self._spool is not None and self._spool.can_take())

    def _store(self, cluster: str, batch: Batch, received: int) -> Receipt:
        seconds = STORE_SECONDS if self._spool is None else STORE_SECONDS_BEFORE_SPOOL
        try:
            with within(seconds, self._health_probe.is_open):
                receipt = store_isolating(self._repository, cluster, batch, received)
        except (StoreUnavailable, StoreMisconfigured):
            self._health_probe.note_failed()
            raise
        self._health_probe.note_stored()
        return receipt

    def _put_by(self, cluster: str, batch: Batch, received: int) -> Receipt:
        """Keep a batch in the spool."""
        if self._spool is None:
            raise SpoolUnavailable("the database went away, and there is no spool")
        events = [Item(item.id, item.raw) for item in batch.events.values()]
        unread = [Unread(item.id, item.reason, item.raw_bytes, item.content) for item in batch.quarantined]
        self._spool.write(BatchFile(cluster, received, events, unread))
        kept = len(events) + len(unread)
        return Receipt(kept + batch.repeated, stored=0, duplicate=batch.repeated, quarantined=0, spooled=kept)
