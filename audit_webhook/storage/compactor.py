"""Sums tallies in the background, so that a picture of many days reads few rows."""

from __future__ import annotations

import logging
from typing import Final

from audit_webhook.errors import AuditWebhookError
from audit_webhook.storage.repository import Repository
from audit_webhook.worker import Worker

logger: Final = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 10


class Compactor(Worker):
    """A worker that sums the tallies of chunks by day; several processes may run one each."""

    name = "compactor"
    first_pause = INTERVAL_SECONDS

    def __init__(self, repository: Repository) -> None:
        """Work on this repository."""
        super().__init__()
        self._repository = repository

    def work(self) -> float:
        """Sum what is fresh."""
        try:
            self._repository.tallies.compact()
        except AuditWebhookError as error:
            logger.warning("tallies could not be summed: %s", error)
        return INTERVAL_SECONDS
