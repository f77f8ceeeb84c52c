"""Follows what is stored, in the order of its arrival, and raises alerts: in one process of all that receive.

Each step reads the chunks that were committed since the last one, without the connection that stores batches, and
stores hits, what rules remember and the positions in one transaction that also holds the lease. A process that is
killed at any moment has stored all of a step or nothing of it; another one goes on from the positions.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from audit_webhook.alerts.chunk_reader import ChunkReader
from audit_webhook.alerts.grouping import Subject, begun, group_key, hit_id, joined, muted_by, subject_of
from audit_webhook.alerts.notifications.outbox import News, Outbox
from audit_webhook.alerts.notifications.sink_shelf import SinkShelf
from audit_webhook.alerts.rule import Rule
from audit_webhook.alerts.rule_book import Hit, RuleBook
from audit_webhook.alerts.rule_shelf import RuleShelf
from audit_webhook.alerts.stores import Stores
from audit_webhook.alerts.windows import Remembered, Windows
from audit_webhook.errors import AuditWebhookError
from audit_webhook.events.ids import from_text
from audit_webhook.storage.alert_decision_store import Mute
from audit_webhook.storage.alert_progress_store import LeaseLost
from audit_webhook.storage.alert_store import MOST_HITS, Alert
from audit_webhook.storage.database import Cursor
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.search_sql import Span
from audit_webhook.worker import Worker

logger: Final = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 0.5
STANDBY_SECONDS: Final = 5.0
LEASE: Final = 15_000_000
RENEW_SECONDS: Final = 5.0
CHUNKS_A_STEP: Final = 64
TURN_SECONDS: Final = 0.0005
"""How long whoever receives a batch in this process has its turn, now and then."""
STREAM_MEMORY: Final = 3_600_000_000
TIDY_SECONDS: Final = 3600.0
MICROSECONDS_A_DAY: Final = 86_400_000_000


class Step(NamedTuple):
    """What a step found: hits, the positions after it, and whether there is more at once."""

    hits: list[Hit]
    positions: dict[bytes, int]
    is_full: bool


class Evaluation(Worker):
    """A worker that evaluates the rules while it holds the lease, and else waits for it."""

    name = "evaluation"
    first_pause = 1.0
    stop_seconds = 5.0

    def __init__(
        self, repository: Repository, stores: Stores, shelf: RuleShelf, clock: Callable[[], int], days: int = 0,
        sinks: SinkShelf | None = None,
    ) -> None:
        """Read this repository; alerts are kept for so many days, 0 is for ever. The clock gives microseconds."""
        super().__init__()
        self._outbox: Final = Outbox(stores.outbox, sinks or SinkShelf(""))
        self._repository, self._stores, self._shelf, self._clock, self._days = repository, stores, shelf, clock, days
        self._holder: Final = os.urandom(16)
        self._rules: tuple[Rule, ...] = ()
        self._book = RuleBook(())
        self._reader = self._reader_of(self._book)
        self._windows: Windows | None = None
        self._positions: dict[bytes, int] = {}
        self._pending: dict[bytes, int] = {}  # of chunks without a hit: evaluating these twice changes nothing
        self._evaluated = 0
        self._renewed = self._tidied = float("-inf")

    def work(self) -> float:
        """Evaluate what has arrived; return the seconds until the next run."""
        try:
            if self._windows is None and not self._begin():
                return STANDBY_SECONDS
            return 0.0 if self.evaluate() else PAUSE_SECONDS
        except LeaseLost:
            self._windows = None
            return STANDBY_SECONDS
        except AuditWebhookError as error:
            self._windows = None  # what was remembered since the last transaction is not stored: read it again
            logger.warning("rules cannot be evaluated now: %s", error)
            return STANDBY_SECONDS
        except BaseException:
            self._windows = None
            raise

    def _begin(self) -> bool:
        """Take the lease and read where the last holder came to; return whether it is ours.

        The first holder ever begins with what arrives from now on: the past is for `replay`.
        """
        now = self._clock()
        lease = self._stores.progress.take(self._holder, now, now + LEASE)
        if lease is None:
            return False
        self._positions, self._pending = self._stores.progress.positions(), {}
        self._evaluated = lease.evaluated
        self._windows = Windows()
        self._windows.load(Remembered(*row) for row in self._stores.progress.windows(now))
        if not lease.evaluated:
            self._evaluated = now
            self._store(Step([], self._repository.positions(0), is_full=False), now, ())
        return True

    def evaluate(self) -> bool:
        """Evaluate the chunks that arrived; return whether there are more. Raises LeaseLost."""
        self._read_rules()
        now = self._clock()
        step = self._step(now)
        if step.hits or self._remembered() or time.monotonic() - self._renewed >= RENEW_SECONDS:
            self._store(step, now, self._stores.decisions.mutes(now))
        else:
            self._positions.update(step.positions)
            self._pending.update(step.positions)
        self._tidy(now)
        return step.is_full

    def _remembered(self) -> list[Remembered]:
        return self._windows.changes() if self._windows else []

    def _read_rules(self) -> None:
        """Compile the rules anew when a file or a switch has changed, and look who is to be told."""
        self._outbox.look()
        switches = self._stores.decisions.switches()
        rules = tuple(
            rule for rule in self._shelf.rules()
            if (switches[rule.id].is_on if rule.id in switches else rule.is_on)
        )
        if rules != self._rules:
            self._rules, self._book = rules, RuleBook(rules)
            self._reader = self._reader_of(self._book)

    def _reader_of(self, book: RuleBook) -> ChunkReader:
        return ChunkReader(self._repository, self._stores.progress, book, lambda: time.sleep(TURN_SECONDS))

    def _step(self, now: int) -> Step:
        """Read the next chunks of each stream and find what rules fire on."""
        newest = self._repository.positions(max(0, min(self._evaluated, now) - STREAM_MEMORY))
        hits: list[Hit] = []
        positions: dict[bytes, int] = {}
        is_full = False
        for stream, last in newest.items():
            seen = self._positions.get(stream, 0)
            if last <= seen:
                continue
            arrived = self._repository.arrived_chunks(stream, seen, last, 0, CHUNKS_A_STEP)
            for span, _ in arrived:
                hits += self._hits_of(span)
            is_cut = len(arrived) == CHUNKS_A_STEP
            positions[stream] = arrived[-1][1] if is_cut else last
            is_full |= is_cut
        return Step(hits, positions, is_full)

    def _hits_of(self, span: Span) -> Iterator[Hit]:
        """Yield the hits of a chunk, each with the sinks that are to be told."""
        for event, raw, candidates in self._reader.read(span):
            if self._windows is not None:
                for each in self._book.hits(event, raw, candidates, self._windows):
                    yield each._replace(sinks=self._outbox.wanting(each, raw))

    def _store(self, step: Step, now: int, mutes: Sequence[Mute]) -> None:
        """Store a step in one transaction; raises LeaseLost, after which nothing of it is stored."""
        ends = self._clock() + LEASE
        remembered = self._remembered()
        with self._stores.progress.write() as cursor:
            self._stores.progress.hold(cursor, self._holder, ends, now)
            self._store_hits(cursor, step.hits, now, mutes)
            rows = ((each.rule, each.key, each.ends, each.marks) for each in remembered)
            self._stores.progress.write_windows(cursor, rows)
            self._stores.progress.write_positions(cursor, {**self._pending, **step.positions})
        self._positions.update(step.positions)
        self._pending = {}
        self._evaluated, self._renewed = now, time.monotonic()
        if self._windows:
            self._windows.note_stored()

    def _store_hits(self, cursor: Cursor, hits: Sequence[Hit], now: int, mutes: Sequence[Mute]) -> None:
        """Add hits to their alerts, but for those that are stored already or muted."""
        by_id = {hit_id(hit): hit for hit in reversed(hits)}
        known = self._stores.alerts.known_hits(cursor, list(by_id)) if by_id else set()
        alerts: dict[bytes, tuple[Alert, bool]] = {}
        rows = []
        news: dict[bytes, dict[str, int]] = {}
        for identifier, hit in reversed(by_id.items()):
            if identifier in known:
                continue
            subject = subject_of(hit.rule, hit.event)
            if mute := muted_by(hit, subject, mutes, now):
                self._stores.decisions.count_muted(cursor, mute.id, 1)
                continue
            alert = self._alert_of(cursor, alerts, hit, subject, now)
            if alert.hits <= MOST_HITS:
                rows.append((identifier, alert.id, from_text(hit.event.id), hit.event.time))
            counts = news.setdefault(alert.group_key, {})
            counts.update({sink: counts.get(sink, 0) + 1 for sink in hit.sinks})
        self._write(cursor, alerts.values(), rows)
        self._outbox.tell(cursor, (
            News(alerts[key][0], hits, sink) for key, counts in news.items() for sink, hits in counts.items()
        ), now)

    def _alert_of(
        self, cursor: Cursor, alerts: dict[bytes, tuple[Alert, bool]], hit: Hit, subject: Subject, now: int
    ) -> Alert:
        """Add a hit to the alert of its group, or begin one; ``alerts`` says which are new."""
        key = group_key(hit, subject)
        known, is_new = alerts.get(key) or (self._stores.alerts.open_alert(cursor, key), False)
        alert = begun(hit, subject, key, now) if known is None else joined(known, hit, now)
        alerts[key] = alert, is_new or known is None
        return alert

    def _write(
        self, cursor: Cursor, alerts: Iterable[tuple[Alert, bool]], rows: Sequence[tuple[bytes, bytes, bytes, int]]
    ) -> None:
        for alert, is_new in alerts:
            (self._stores.alerts.insert_alert if is_new else self._stores.alerts.update_alert)(cursor, alert)
        self._stores.alerts.insert_hits(cursor, rows)

    def _tidy(self, now: int) -> None:
        """Forget once an hour what is no longer needed."""
        if time.monotonic() - self._tidied < TIDY_SECONDS:
            return
        self._tidied = time.monotonic()
        self._stores.progress.forget_windows(now)
        if self._days:
            self._stores.alerts.forget(now - self._days * MICROSECONDS_A_DAY)
