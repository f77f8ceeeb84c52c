"""What an application does in the background, in one thread.

It keeps the schema in order: applies it when the database comes late, makes tomorrow's partitions, and says when the
database server does not keep what it says it keeps. And it writes down the refusals that the requests themselves do not
wait for, and forgets old ones.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import Final

from audit_webhook.errors import AuditWebhookError
from audit_webhook.ingest.admission import RejectionLog
from audit_webhook.ingest.senders import SenderLog
from audit_webhook.storage import server_status as engine_state
from audit_webhook.storage.repository import Repository
from audit_webhook.worker import Worker

logger: Final = logging.getLogger(__name__)

RETRY_SECONDS: Final = 3
INTERVAL_SECONDS: Final = 3600
TICK_SECONDS: Final = 1.0


class Maintenance(Worker):
    """A worker that brings the schema up to date now, every hour, and every few seconds while that fails."""

    name = "maintenance"
    first_pause = TICK_SECONDS

    def __init__(self, repository: Repository, refusals: RejectionLog, senders: SenderLog) -> None:
        """Keep this repository's schema, and write down these refusals and senders."""
        super().__init__()
        self._senders = senders
        self._repository = repository
        self._refusals = refusals
        self._due = 0.0
        self._weak: list[engine_state.Weakness] = []

    def start(self) -> None:
        """Bring the schema up to date once before returning, then go on in the background."""
        self.attempt(self._migrate)
        super().start()

    def work(self) -> float:
        """Write down refusals and senders, and look at the schema when that is due."""
        self._refusals.flush()
        self._senders.flush()
        if time.monotonic() >= self._due:
            self._migrate()
        return TICK_SECONDS

    def stop(self) -> None:
        """Write down what was noted, and end."""
        self.stopped.set()
        self._senders.write_now()
        super().stop()

    def _migrate(self) -> None:
        """Apply what is missing, and set the next time."""
        try:
            self._repository.migrate()
            self._refusals.forget_old(time.time_ns() // 1000)
            self._senders.forget_old(time.time_ns() // 1000)
            self._due = time.monotonic() + INTERVAL_SECONDS
            self._look_at_settings()
        except AuditWebhookError as error:
            logger.error("the database cannot be prepared, next try in %d s: %s", RETRY_SECONDS, error)
            self._due = time.monotonic() + RETRY_SECONDS

    def _look_at_settings(self) -> None:
        """Say which settings of a server can lose what was acknowledged, whenever these are others than before."""
        database = self._repository.database
        if database.dialect != "mysql":
            return  # an embedded database syncs as each connection tells it to
        with suppress(AuditWebhookError):
            weak = engine_state.weak_settings(engine_state.server_settings(database))
            for each in weak if weak != self._weak else ():
                logger.warning(
                    "the database server runs with %s=%s: %s; set %s=%s", each.name, each.value, each.follows,
                    each.name, each.wanted,
                )
            self._weak = weak
