"""Sums tallies in the background, so that a picture of many days reads few rows."""

from __future__ import annotations

import logging
import threading
from typing import Final

from audit_webhook.errors import AuditWebhookError
from audit_webhook.repository import Repository

logger: Final = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 10


class Compactor:
    """A thread that sums the tallies of chunks by day; several processes may run one each."""

    def __init__(self, repository: Repository) -> None:
        """Work on this repository."""
        self._repository = repository
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin in the background."""
        threading.Thread(target=self._run, name="compactor", daemon=True).start()

    def stop(self) -> None:
        """Do nothing more."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL_SECONDS):
            try:
                self._repository.tallies.compact()
            except AuditWebhookError as error:
                logger.warning("tallies could not be summed: %s", error)
