"""Knows whether the database can be used, so that no request has to find out by waiting.

One thread asks the database every second. While it does not answer, requests are told at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from audit_webhook.deadline import within
from audit_webhook.worker import Worker

logger: Final = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 1.0
PROBE_SECONDS: Final = 1.5
FAILED_SECONDS: Final = 4.0


class HealthProbe(Worker):
    """Open while the database is away; what it says is at most a few seconds old."""

    name = "health probe"
    first_pause = INTERVAL_SECONDS
    stop_seconds = 2 * PROBE_SECONDS + 1

    def __init__(self, answers: Callable[[], bool]) -> None:
        """Ask with this function, which gives up when its time is over; nothing is known yet."""
        super().__init__()
        self._answers = answers
        self._is_open = False
        self._failed = float("-inf")

    def start(self) -> None:
        """Ask once before returning, then go on in the background."""
        self.attempt(self.look)
        super().start()

    def work(self) -> float:
        """Ask once."""
        self.look()
        return INTERVAL_SECONDS

    def is_open(self) -> bool:
        """Whether the database is known to be away."""
        return self._is_open

    def is_storing(self) -> bool:
        """Whether the next batch is likely to be stored.

        A database can answer and yet take nothing, with a full disk or as a replica: the last write tells. It is
        forgotten soon, because without readiness nobody sends the batch that would show that all is well again.
        """
        return not self._is_open and time.monotonic() - self._failed > FAILED_SECONDS

    def note_stored(self) -> None:
        """Take notice that the database has just committed something."""
        self._failed = float("-inf")

    def note_failed(self) -> None:
        """Take notice that the database has just refused something that it should take."""
        self._failed = time.monotonic()

    def look(self) -> None:
        """Ask the database; only its second silence counts, because the first may be a lost connection."""
        is_open = not (self._ask() or self._ask())
        if is_open != self._is_open:
            logger.warning("the database %s", "is away" if is_open else "answers again")
        self._is_open = is_open

    def _ask(self) -> bool:
        with within(PROBE_SECONDS):
            return self._answers()
