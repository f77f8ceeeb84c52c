"""Deletes in the background, once a day, what is older than is to be kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from audit_webhook.context import now
from audit_webhook.errors import AuditWebhookError
from audit_webhook.evidence.signer import Signer
from audit_webhook.operate import retention
from audit_webhook.storage.repository import Repository
from audit_webhook.worker import Worker

logger: Final = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 3600


class DailyPruning(Worker):
    """A worker that prunes at its start, and from then on when a day in UTC has begun; what fails is tried again."""

    name = "pruning"

    def __init__(
        self, repository: Repository, days: int, signer: Signer | None = None,
        note: Callable[[bool], None] = lambda is_held_back: None,
    ) -> None:
        """Keep this repository's events for so many days, 0 is for ever; ``signer`` signs what was deleted.

        ``note`` is told at each turn whether nothing was deleted because something looks wrong.
        """
        super().__init__()
        self._note: Final = note
        self._signer = signer
        self._repository = repository
        self._days = days
        self._first_kept = 0

    def start(self) -> None:
        """Begin, unless events are kept for ever."""
        if self._days:
            super().start()

    def work(self) -> float:
        """Prune when a day has begun."""
        self.prune(now())
        return INTERVAL_SECONDS

    def prune(self, moment: int) -> None:
        """Delete what is too old at a time in microseconds, unless that was done on the same day."""
        first_kept = retention.first_kept(self._days, moment)
        if first_kept == self._first_kept:
            return
        try:
            doubts = retention.doubts(self._repository.database, self._days, moment)
            self._note(bool(doubts))
            if doubts:
                advice = retention.advice(self._days)
                logger.error("retention deletes nothing: %s. If that is right, %s", doubts, advice)
                return
            found = retention.prune(self._repository, self._days, moment, signer=self._signer)
            logger.info("retention: %d events older than %d days were deleted", found.events, self._days)
            self._first_kept = first_kept
        except AuditWebhookError as error:
            logger.error("what is older than %d days cannot be deleted now: %s", self._days, error)
