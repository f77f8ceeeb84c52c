"""Brings what waits in the spool into the database: oldest first, one file in memory, beside the direct writes.

A file goes away after the commit. If the process dies between the two, the file is stored again, and the database knows
all of it by its ids.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from audit_webhook.deadline import within
from audit_webhook.errors import AuditWebhookError, RowRefused
from audit_webhook.events.decode import Wire, read_wire
from audit_webhook.events.ids import digest_events
from audit_webhook.events.lenient_json import Undecodable
from audit_webhook.ingest.isolate import store_isolating
from audit_webhook.ingest.read_events import AT_ONCE
from audit_webhook.ingest.receive import Batch
from audit_webhook.storage.chunks.columns import Entry, to_entries
from audit_webhook.storage.health_probe import HealthProbe
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.spool.batch_file import BatchFile, Item
from audit_webhook.storage.spool.spool import Spool
from audit_webhook.storage.writer import Quarantined
from audit_webhook.worker import Worker

logger: Final = logging.getLogger(__name__)

PASS_FILES: Final = 256
PAUSE_SECONDS: Final = 1.0
STORE_SECONDS: Final = 20.0
AGAIN_SECONDS: Final = 15.0
# The database is away, the disk fails, or we make a mistake with this one file: none of that may end the thread.
_MAY_PASS: Final = (AuditWebhookError, OSError, ValueError, TypeError, LookupError, MemoryError, RecursionError)


class SpoolDrain(Worker):
    """A worker that empties the spool while the database answers; of several processes one works at a time."""

    name = "spool drain"
    stop_seconds = STORE_SECONDS

    def __init__(
        self, spool: Spool, repository: Repository, health_probe: HealthProbe, clock: Callable[[], int],
        note: Callable[[str, int, int], None] = lambda cluster, events, size: None,
    ) -> None:
        """Drain this spool into this repository; what waited counts as received when the clock says it arrives.

        The live feed shows what has become visible by the time of receipt. Of each batch stored, ``note`` is told the
        cluster, the number of its events and their bytes.
        """
        super().__init__()
        self._note = note
        self._spool = spool
        self._repository = repository
        self._health_probe = health_probe
        self._clock = clock
        self._later: dict[str, float] = {}
        self._failed = ""

    def drain(self) -> int:
        """Store what waits, up to a few hundred files, and give how many are gone; ends early when one fails."""
        if self._health_probe.is_open():
            return 0
        with self._spool.sole() as is_mine:
            if not is_mine:
                return 0
            self._later = {name: moment for name, moment in self._later.items() if moment > time.monotonic()}
            done = 0
            for name in self._spool.oldest(PASS_FILES, self._later):
                if self.stopped.is_set() or not self._drain_file(name):
                    break
                done += 1
            return done

    def work(self) -> float:
        """Drain once; go on at once while there is more."""
        try:
            return 0.0 if self.drain() else PAUSE_SECONDS
        except OSError as error:
            logger.error("the spool cannot be read: %s", error)
            return PAUSE_SECONDS

    def _drain_file(self, name: str) -> bool:
        """Store one file; False when it has to wait, and then others go before it for a while."""
        try:
            batch_file = self._spool.read(name)
            if batch_file is None:
                return True
            moment = self._clock()
            with within(STORE_SECONDS, self._health_probe.is_open):
                store_isolating(self._repository, batch_file.cluster, _batch_of(batch_file, moment), moment)
            self._health_probe.note_stored()
            self._spool.remove(name, batch_file)
            self._note(batch_file.cluster, len(batch_file.events) + len(batch_file.unread), _size_of(batch_file))
        except RowRefused as error:
            self._spool.set_aside(name, str(error))
        except _MAY_PASS as error:
            logger.warning("the spool's file %.80r could not be stored and has to wait: %r", name, error)
            self._health_probe.look()
            # The first failure may be of a connection that was lost while the database was away. The second of the same
            # file, with a database that answers, is the file's own fault, and it must not hold up the others.
            if name == self._failed and not self._health_probe.is_open():
                self._later[name] = time.monotonic() + AGAIN_SECONDS
            self._failed = name
            return False
        return True


def _size_of(batch_file: BatchFile) -> int:
    return sum(len(item.raw) for item in batch_file.events) + sum(item.raw_bytes for item in batch_file.unread)


def _batch_of(batch_file: BatchFile, received: int) -> Batch:
    """Make the batch that was spooled, redacted and identified already."""
    quarantined = [
        Quarantined(item.id, batch_file.cluster, received, item.reason, item.raw_bytes, item.content)
        for item in batch_file.unread
    ]
    events: dict[bytes, Entry] = {}
    for start in range(0, len(batch_file.events), AT_ONCE):
        read: list[tuple[Item, Wire]] = []
        for item in batch_file.events[start:start + AT_ONCE]:
            try:
                read.append((item, read_wire(item.raw)))
            except Undecodable as error:
                reason = str(error)[:255]
                quarantined.append(Quarantined(item.id, batch_file.cluster, received, reason, len(item.raw), item.raw))
        events |= {entry.id: entry for entry in _file(batch_file.cluster, read)}
    return Batch(events, 0, quarantined)


def _file(cluster: str, read: list[tuple[Item, Wire]]) -> list[Entry]:
    ids, raws = [item.id for item, _ in read], [item.raw for item, _ in read]
    return to_entries(cluster, ids, [wire for _, wire in read], raws, digest_events(cluster, raws))
