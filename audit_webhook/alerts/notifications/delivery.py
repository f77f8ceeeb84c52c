"""Sends what waits in the outbox: in one process of all, with a thread for each sink.

A message is begun in one transaction and ended in another, both of which hold the lease: whoever is killed between
the two has sent it once more than is known, and the next process sends it again under the same id. A sink that hangs
holds up its own messages alone.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable
from typing import Final

from audit_webhook.alerts.notifications.channels import try_to_send
from audit_webhook.alerts.notifications.connection import DeliveryFailed
from audit_webhook.alerts.notifications.notice import Notice, notice_of
from audit_webhook.alerts.notifications.sink import Sink
from audit_webhook.alerts.notifications.sink_shelf import SinkShelf
from audit_webhook.alerts.rule_shelf import RuleShelf
from audit_webhook.errors import AuditWebhookError
from audit_webhook.storage.alert_outbox_store import DEAD, SENT, AlertOutboxStore, Message
from audit_webhook.storage.alert_progress_store import DELIVERY, AlertProgressStore, LeaseLost
from audit_webhook.storage.alert_store import AlertStore
from audit_webhook.storage.database import Database
from audit_webhook.worker import Worker

logger: Final = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 0.5
STANDBY_SECONDS: Final = 5.0
LEASE: Final = 15_000_000
RENEW_SECONDS: Final = 5.0
TIDY_SECONDS: Final = 600.0
TURN_SECONDS: Final = 0.01
"""After each message, whoever stores a batch in this process has its turn at the database."""
END_SECONDS: Final = 3.0
MOST_TRIES: Final = 12
FIRST_RETRY: Final = 5_000_000
LONGEST_RETRY: Final = 3_600_000_000
LONGEST_SINK_PAUSE: Final = 300_000_000
"""After failures the sink is left alone for this long at most, so that it is soon found when it is back."""
MOST_DEAD: Final = 1000
MICROSECONDS_A_DAY: Final = 86_400_000_000
KEPT: Final = 30 * MICROSECONDS_A_DAY
"""How long messages are kept that were not sent."""
TOLD: Final = 366 * MICROSECONDS_A_DAY
"""How long it is known who was told of an alert, since the last message about it."""


class Delivery(Worker):
    """A worker that sends messages while it holds the lease, and else waits for it."""

    name = "delivery"
    first_pause = 1.0
    stop_seconds = 5.0

    def __init__(
        self, database: Database, rules: RuleShelf, sinks: SinkShelf, public_url: str, clock: Callable[[], int]
    ) -> None:
        """Send to these sinks; ``public_url`` begins the links, and the clock gives microseconds."""
        super().__init__()
        self._alerts, self._store = AlertStore(database), AlertOutboxStore(database)
        self._progress = AlertProgressStore(database, DELIVERY)
        self._rules, self._sinks, self._public_url, self._clock = rules, sinks, public_url, clock
        self._holder: Final = os.urandom(16)
        self._has_lease = False
        self._renewed = self._tidied = float("-inf")
        self._threads: dict[str, threading.Thread] = {}
        self._failures: dict[str, int] = {}
        self._paused: dict[str, int] = {}

    def work(self) -> float:
        """Begin what is due; return the seconds until the next run."""
        try:
            now = self._clock()
            if not self._has_lease and not self._begin(now):
                return STANDBY_SECONDS
            self._renew(now)
            self._start_threads(now)
            self._tidy(now)
        except LeaseLost:
            self._has_lease = False
            return STANDBY_SECONDS
        except AuditWebhookError as error:
            logger.warning("messages cannot be delivered now: %s", error)
            return STANDBY_SECONDS
        return PAUSE_SECONDS

    def finish(self) -> None:
        """Wait shortly for what is being sent, and leave the lease to another process."""
        ends = time.monotonic() + END_SECONDS
        for thread in list(self._threads.values()):
            thread.join(max(0.0, ends - time.monotonic()))
        if self._has_lease and not any(thread.is_alive() for thread in self._threads.values()):
            now = self._clock()
            self._progress.take(self._holder, now, now)

    def _begin(self, now: int) -> bool:
        self._has_lease = self._progress.take(self._holder, now, now + LEASE) is not None
        self._renewed = time.monotonic()
        return self._has_lease

    def _renew(self, now: int) -> None:
        if time.monotonic() - self._renewed >= RENEW_SECONDS:
            with self._progress.write() as cursor:
                self._progress.hold(cursor, self._holder, self._clock() + LEASE, now)
            self._renewed = time.monotonic()

    def _start_threads(self, now: int) -> None:
        """Start a thread for each sink that has something due and none yet."""
        self._threads = {name: thread for name, thread in self._threads.items() if thread.is_alive()}
        for name in self._store.due_sinks(now):
            if name in self._threads or self._paused.get(name, 0) > now or self._sinks.find(name) is None:
                continue
            thread = threading.Thread(
                target=self.attempt, args=(lambda name=name: self._drain(name),), name=f"sink {name}", daemon=True
            )
            self._threads[name] = thread
            thread.start()

    def _drain(self, name: str) -> None:
        """Send what is due for a sink until nothing is, or it fails."""
        try:
            while not self.stopped.is_set() and (sink := self._sinks.find(name)) is not None:
                message = self._next(name)
                if message is None or not self._send(sink, message):
                    return
                self.stopped.wait(TURN_SECONDS)
        except LeaseLost:
            self._has_lease = False
        except AuditWebhookError as error:
            logger.warning("messages to the sink %s wait for the database: %s", name, error)
            self._paused[name] = self._clock() + FIRST_RETRY

    def _next(self, name: str) -> Message | None:
        now = self._clock()
        with self._progress.write() as cursor:
            self._progress.hold(cursor, self._holder, now + LEASE, now)
            return self._store.next_message(cursor, name, now)

    def _send(self, sink: Sink, message: Message) -> bool:
        """Send a message and note what came of it; return whether the sink took it."""
        notice = self._notice(message)
        failure = try_to_send(sink, notice) if notice.told or notice.is_test else None
        now = self._clock()
        with self._progress.write() as cursor:
            self._progress.hold(cursor, self._holder, now + LEASE, now)
            if failure is None:
                self._store.note_sent(cursor, message, now)
            else:
                self._store.note_failed(cursor, failed(message, failure, now), now)
        self._note_outcome(sink.name, failure, now)
        return failure is None

    def _notice(self, message: Message) -> Notice:
        return notice_of(message, self._alerts.find_alert, self._rules.find, self._public_url, self._clock())

    def _note_outcome(self, name: str, failure: DeliveryFailed | None, now: int) -> None:
        """Leave a sink alone for a while that failed, longer after each failure."""
        if failure is None:
            self._failures.pop(name, None)
            self._paused.pop(name, None)
            return
        self._failures[name] = self._failures.get(name, 0) + 1
        pause = min(retry_after(self._failures[name]), LONGEST_SINK_PAUSE)
        self._paused[name] = now + max(pause, int(failure.wait * 1e6))
        logger.warning("the sink %s did not take a message: %s", name, failure)

    def _tidy(self, now: int) -> None:
        if time.monotonic() - self._tidied < TIDY_SECONDS:
            return
        self._tidied = time.monotonic()
        sinks = self._sinks.sinks()
        names = {sink.name for sink in sinks} | {sink for sink, _ in self._store.counts()}
        interval = max((sink.interval for sink in sinks), default=0)  # until then a sent message tells of its group
        self._store.forget(now - interval, now - KEPT, sorted(names), MOST_DEAD)
        self._store.forget_told(now - TOLD)


def failed(message: Message, failure: DeliveryFailed, now: int) -> Message:
    """Return a message after one more failure: it is tried again later, or dead; a test is not tried again."""
    tries = message.tries + 1
    state = SENT if message.kind == "test" else DEAD if tries >= MOST_TRIES else message.state
    due = now + max(retry_after(tries), int(failure.wait * 1e6))
    return message._replace(tries=tries, state=state, due=due, error=str(failure))


def retry_after(tries: int) -> int:
    """Return when to try again after so many failures, in microseconds: doubling, and somewhere in its upper half."""
    return int(min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(tries - 1, 20)) * random.uniform(0.5, 1.0))
