"""Takes a batch in: split, decode, redact, identify, lay out, store.

One bad item never costs its neighbours: what cannot be read goes into quarantine, and the answer is a receipt all the
same, because an apiserver would send the whole batch again five times and then drop all of it.
"""

from __future__ import annotations

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from audit_webhook.errors import IdTaken, MalformedBatch, StoreBusy, StoreUnavailable
from audit_webhook.events.ids import quarantine_id
from audit_webhook.events.redaction.redact import redact_unreadable
from audit_webhook.events.redaction.settings import BUILT_IN, Redaction
from audit_webhook.events.sources.not_audit import CONTROL_MESSAGE
from audit_webhook.events.sources.unwrap import DAMAGED, Unwrapper, may_hold_events, unwrap_text
from audit_webhook.events.sources.unwrapped import Event, Found, Other, Unreadable
from audit_webhook.events.split import Broken, MalformedBody, Split
from audit_webhook.ingest.parts import PART_BYTES, split_body
from audit_webhook.ingest.quarantine import fit
from audit_webhook.ingest.read_events import place_by_receipt, read_events
from audit_webhook.storage.chunks.columns import Entry
from audit_webhook.storage.chunks.layout import lay_out
from audit_webhook.storage.quarantine_store import QuarantineStore
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.row_ids import with_own_ids
from audit_webhook.storage.writer import PartlyStored, Quarantined

logger: Final = logging.getLogger(__name__)

TRIES: Final = 5
FIRST_PAUSE_SECONDS: Final = 0.05
LOOK_SECONDS: Final = 5.0
UNFORESEEN: Final = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a fault in looking into an item may raise; a batch is not refused for it."""
_AS_IT_CAME: Final = re.compile(
    rb'\{"(?:level":"|kind":"Event","apiVersion":"audit\.k8s\.io/|'
    rb'apiVersion":"audit\.k8s\.io/[^"]{1,64}","kind":"Event")'
)
"""How an event of a kube-apiserver begins, of whatever version: it keeps its bytes, with members unknown here."""
_LOOKING: Final = threading.BoundedSemaphore(1)


class Receipt(NamedTuple):
    """Where the items of a batch went; received = stored + duplicate + quarantined + spooled.

    ``oldest`` is the stageTimestamp of the oldest event in microseconds, to the millisecond; 0 when there is none.
    """

    received: int
    stored: int
    duplicate: int
    quarantined: int
    spooled: int = 0
    oldest: int = 0


def add_receipts(first: Receipt, second: Receipt) -> Receipt:
    """Return the receipt of two parts of a batch together."""
    oldest = min((each.oldest for each in (first, second) if each.oldest), default=0)
    return Receipt(*map(sum, zip(first, second, strict=True)))._replace(oldest=oldest)


class Batch(NamedTuple):
    """A batch, read: its events by id in the order sent, how often one was repeated, and what could not be read."""

    events: dict[bytes, Entry]
    repeated: int
    quarantined: list[Quarantined]

    @property
    def total(self) -> int:
        """Give the number of items sent."""
        return len(self.events) + self.repeated + len(self.quarantined)


def receive(repository: Repository, cluster: str, body: bytes, received: int) -> Receipt:
    """Store a batch durably and give the receipt; ``received`` is the time in microseconds.

    Raises MalformedBatch when the body holds nothing like an event, StoreUnavailable when it could not be stored.
    """
    return store_batch(repository, cluster, read_batch(cluster, body, received), received)


def store_batch(repository: Repository, cluster: str, batch: Batch, received: int) -> Receipt:
    """Store a batch that was read, in one transaction, and give the receipt; raises StoreUnavailable."""
    kept = fit(QuarantineStore(repository.database), cluster, batch.quarantined) if batch.quarantined else []
    new = batch._replace(events=_without_copies(repository, batch, received), quarantined=kept)
    stored = _store(repository, cluster, new, received)
    return Receipt(
        received=batch.total,
        stored=stored,
        duplicate=len(batch.events) - stored + batch.repeated,
        quarantined=len(batch.quarantined),
        oldest=int.from_bytes(min(batch.events, default=b"")[:6], "big") * 1000,
    )


def _without_copies(repository: Repository, batch: Batch, received: int) -> dict[bytes, Entry]:
    """Return the events but for those filed by their receipt that were stored before, by an earlier receipt."""
    head = (received // 1000).to_bytes(6, "big")
    filed = {key: entry for key, entry in batch.events.items() if key[:6] == head}
    known = {key for key, entry in filed.items() if repository.has_copy(key, entry.audit)}
    return {key: entry for key, entry in batch.events.items() if key not in known} if known else batch.events


def read_batch(cluster: str, body: bytes, received: int, redaction: Redaction = BUILT_IN) -> Batch:
    """Split a body and read each of its items; ``redaction`` is what `read_events` takes."""
    try:
        return read_items(cluster, split_body(body), received, redaction)
    except MalformedBody as error:
        raise MalformedBatch(str(error)) from error


def read_items(cluster: str, parts: Split, received: int, redaction: Redaction = BUILT_IN) -> Batch:
    """Read items that were split; ``redaction`` is what `read_events` takes."""
    items, left = parts
    if items and not _AS_IT_CAME.match(items[0]):  # one shipper writes all of its items in one way
        items, others = unwrap_items(items)
        left = [*left, *others]
    read, unread = read_events(cluster, items, redaction)
    if left or unread:
        wrapped, left = _unwrap([*left, *(Broken(items[place], reason) for place, reason in unread)])
        found, unread = read_events(cluster, wrapped, redaction)
        read += found
        left += (Broken(wrapped[place], reason) for place, reason in unread)
    events = {entry.id: entry for entry in place_by_receipt(read, received)}
    telltale, key = redaction.rules.telltale if redaction.rules else None, redaction.withheld_key
    quarantined = [
        _quarantine(cluster, redact_unreadable(raw, telltale, key), size or len(raw), reason, received)
        for raw, reason, size in left
    ]
    return Batch(events, len(read) - len(events), quarantined)


def unwrap_items(items: Iterable[bytes]) -> tuple[list[bytes], list[Broken]]:
    """Return the events that items of a shipper hold, in the kube-apiserver's form, and what cannot be read.

    An item in which nothing is found stays as it is.
    """
    events: list[bytes] = []
    broken: list[Broken] = []
    unwrapper = Unwrapper()
    for raw in items:
        is_searched = may_hold_events(raw) and not _AS_IT_CAME.match(raw)
        found = _look_into(raw, unwrapper.unwrap) if is_searched else []
        read = [each.raw for each in found if isinstance(each, Event)]
        events += read or [raw]
        broken += _left_over(found) if read else []
    return events, broken


def _unwrap(left: Iterable[Broken]) -> tuple[list[bytes], list[Broken]]:
    """Return the events that items hold which are none themselves, and the items or parts of them that hold none."""
    events: list[bytes] = []
    kept: list[Broken] = []
    unwrapper = Unwrapper()
    for item in left:
        found = [] if item.size else _look_into(item.raw, lambda raw: unwrap_text(raw, unwrapper))
        read = [each.raw for each in found if isinstance(each, Event)]
        events += read
        if read:
            kept += _left_over(found)
        else:
            named = next((each.what for each in found if isinstance(each, Other)), "")
            if named != CONTROL_MESSAGE:
                kept.append(item._replace(reason=f"not an audit event: {named}") if named else item)
    return events, kept


def _look_into(raw: bytes, unwrap: Callable[[bytes], Iterable[Found]]) -> list[Found]:
    """Return what an item holds; nothing where it is too large, or others are looked into for too long.

    Decoded JSON takes up to thirty times its bytes, so one item is looked into at a time.
    """
    if len(raw) > PART_BYTES or not _LOOKING.acquire(timeout=LOOK_SECONDS):
        return []
    try:
        return list(unwrap(raw))
    except UNFORESEEN:
        logger.exception("an item could not be looked into; it is taken as it is")
        return []
    finally:
        _LOOKING.release()


def _left_over(found: Iterable[Found]) -> Iterator[Broken]:
    """Yield what was not read beside events, and the bytes of what was cut off."""
    for each in found:
        if isinstance(each, Unreadable):
            yield Broken(each.raw, each.reason)
        elif isinstance(each, Event) and each.cut_off:
            yield Broken(each.cut_off, f"{DAMAGED}; what is intact of it was stored")


def _quarantine(cluster: str, content: bytes, size: int, reason: str, received: int) -> Quarantined:
    return Quarantined(quarantine_id(cluster, content), cluster, received, reason[:255], size, content)


def _store(repository: Repository, cluster: str, batch: Batch, received: int) -> int:
    """Store what is new; after a conflict with single events, take those out and try again."""
    left = batch.events
    pause = FIRST_PAUSE_SECONDS
    for _ in range(TRIES):
        try:
            return repository.store(cluster, lay_out(cluster, left.values()), batch.quarantined, received)
        except PartlyStored:
            left = _without(left, repository.stored_ids(list(left)))
        except IdTaken as error:
            logger.warning("%s: they get ids of their own", error)
            left = with_own_ids(repository.tallies, left)
        except StoreBusy:
            time.sleep(pause * random.uniform(1, 2))
            pause *= 2
    raise StoreUnavailable("the database was busy each time; the batch was not stored")


def _without(events: dict[bytes, Entry], stored: Iterable[bytes]) -> dict[bytes, Entry]:
    known = set(stored)
    return {key: item for key, item in events.items() if key not in known}
