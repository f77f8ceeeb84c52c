"""Keeps the schema in order in the background: applies it when the database comes late, makes tomorrow's partitions."""

from __future__ import annotations

import logging
import threading
from typing import Final

from audit_webhook.compactor import Compactor
from audit_webhook.errors import AuditWebhookError
from audit_webhook.repository import Repository

logger: Final = logging.getLogger(__name__)

RETRY_SECONDS: Final = 5
INTERVAL_SECONDS: Final = 3600


class Keeper:
    """A thread that brings the schema up to date now, every hour, and every few seconds while that fails."""

    def __init__(self, repository: Repository) -> None:
        """Keep this repository's schema."""
        self._repository = repository
        self._compactor = Compactor(repository)
        self._stopped = threading.Event()

    def start(self) -> Keeper:
        """Try once before returning, then go on in the background."""
        wait = self._migrate()
        threading.Thread(target=self._run, args=(wait,), name="keeper", daemon=True).start()
        self._compactor.start()
        return self

    def stop(self) -> None:
        """Do nothing more."""
        self._stopped.set()
        self._compactor.stop()

    def _run(self, wait: float) -> None:
        while not self._stopped.wait(wait):
            wait = self._migrate()

    def _migrate(self) -> float:
        """Apply what is missing and give the seconds until the next time."""
        try:
            self._repository.migrate()
            return INTERVAL_SECONDS
        except AuditWebhookError as error:
            logger.error("the database cannot be prepared, next try in %d s: %s", RETRY_SECONDS, error)
            return RETRY_SECONDS
