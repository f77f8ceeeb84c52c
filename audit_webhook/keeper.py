"""Keeps the schema in order in the background: applies it when the database comes late, makes tomorrow's partitions."""

from __future__ import annotations

import logging
import threading
from typing import Final, Protocol

from audit_webhook.errors import AuditWebhookError
from audit_webhook.repository import Repository

logger: Final = logging.getLogger(__name__)

RETRY_SECONDS: Final = 3
INTERVAL_SECONDS: Final = 3600


class Worker(Protocol):
    """Something that goes on in the background."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End."""


class Crew:
    """All that goes on in the background of an application: started in this order, stopped in reverse."""

    def __init__(self, *workers: Worker) -> None:
        """Take the workers; none is started yet."""
        self._workers = workers

    def start(self) -> Crew:
        """Start each."""
        for worker in self._workers:
            worker.start()
        return self

    def stop(self) -> None:
        """Stop each."""
        for worker in reversed(self._workers):
            worker.stop()


class Keeper:
    """A thread that brings the schema up to date now, every hour, and every few seconds while that fails."""

    def __init__(self, repository: Repository) -> None:
        """Keep this repository's schema."""
        self._repository = repository
        self._stopped = threading.Event()

    def start(self) -> None:
        """Try once before returning, then go on in the background."""
        wait = self._migrate()
        threading.Thread(target=self._run, args=(wait,), name="keeper", daemon=True).start()

    def stop(self) -> None:
        """Do nothing more."""
        self._stopped.set()

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
