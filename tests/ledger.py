"""What was sent and what was acknowledged, and the oracle that compares it with what is stored."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import NamedTuple

from audit_webhook.evidence.verify.verify import verify
from audit_webhook.storage.keys import Keys
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.search_sql import EVERYTHING, LAST


class Answer(NamedTuple):
    """One answer: its status (0 when there was none), after how many seconds, and its Retry-After."""

    status: int
    seconds: float
    retry_after: str


class Verdict(NamedTuple):
    """What the store has to show: only the first two numbers may be other than 0."""

    acknowledged: int
    stored: int
    missing: int
    twice: int
    altered: int
    alarms: int

    @property
    def is_clean(self) -> bool:
        """Whether every acknowledged event is stored once, with the bytes that were sent, and sealed."""
        return (self.missing, self.twice, self.altered, self.alarms) == (0, 0, 0, 0)


class Ledger:
    """Written by many threads at once."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lock = threading.Lock()
        self.sent: set[bytes] = set()
        self.acknowledged: set[bytes] = set()
        self.answers: list[Answer] = []
        self.given_up = 0
        self.false_deliveries = 0

    def note_sent(self, events: Iterable[bytes]) -> None:
        """Note what is about to be sent."""
        with self._lock:
            self.sent.update(events)

    def note_acknowledged(self, events: Iterable[bytes]) -> None:
        """Note what the service has promised to keep."""
        with self._lock:
            self.acknowledged.update(events)

    def note_answer(self, answer: Answer) -> None:
        """Note how an attempt ended."""
        with self._lock:
            self.answers.append(answer)

    def note_given_up(self) -> None:
        """Note a batch that was dropped after its last attempt."""
        with self._lock:
            self.given_up += 1

    def note_false_delivery(self) -> None:
        """Note a batch that a redirect made disappear."""
        with self._lock:
            self.false_deliveries += 1

    def statuses(self) -> set[int]:
        """Give every status that was answered."""
        with self._lock:
            return {answer.status for answer in self.answers}

    def slowest(self, *statuses: int) -> float:
        """Give the longest time of all answers, or of those with these statuses."""
        return max((a.seconds for a in self.answers if not statuses or a.status in statuses), default=0.0)

    def judge(self, repository: Repository) -> Verdict:
        """Compare with all that is stored."""
        stored = [raw.raw for raw in repository.read_chunks(repository.select_events(EVERYTHING, LAST, 5_000_000))]
        found = set(stored)
        alarms = verify(repository, Keys(None, {})).findings.counts
        return Verdict(
            acknowledged=len(self.acknowledged),
            stored=len(stored),
            missing=len(self.acknowledged - found),
            twice=len(stored) - len(found),
            altered=len(found - self.sent),
            alarms=sum(alarms.values()) - alarms["BAD_SIGNATURE"],  # the service's key is not at hand here
        )
