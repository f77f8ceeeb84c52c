"""Who sends: notes each batch and each refusal by its sender's address, and writes that down in the background.

A batch costs one entry of a dictionary here; the database is written every few seconds, so that receiving never waits
for it. What a process noted in its last seconds is lost when it is killed: counts of a sender are no promise, the
events themselves are.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from audit_webhook.deadline import within
from audit_webhook.errors import AuditWebhookError
from audit_webhook.storage.loss_store import GAPS, GIVEN_UP, HOUR, KEPT_DAYS, PAUSE, RESTART, Loss, LossStore, loss_id
from audit_webhook.storage.sender_store import OTHERS, Sender, SenderStore

logger: Final = logging.getLogger(__name__)

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND
SECONDS_BETWEEN_WRITES: Final = 5.0
SECONDS_BETWEEN_READS: Final = 15.0
WRITE_SECONDS: Final = 1.0
MOST_NOTES: Final = 1000
QUIET_AT_LEAST: Final = 60 * SECOND
QUIET_GAPS: Final = 20
GONE_AFTER: Final = 7 * DAY
SENDER_DAYS: Final = 31
GIVEN_UP_DAYS: Final = 31
LONGEST_AGENT: Final = 255
State = Literal["heard", "silent", "gone", "refused", "never"]


class Totals(NamedTuple):
    """What the metrics tell of all clusters: their senders, and losses by cluster and kind.

    ``given_up`` are events of the last days, ``refused`` requests and ``gaps`` those that ended within the last hour.
    """

    senders: tuple[tuple[Sender, State], ...] = ()
    given_up: Mapping[str, int] = MappingProxyType({})
    refused: Mapping[tuple[str, str], int] = MappingProxyType({})
    gaps: Mapping[tuple[str, str], int] = MappingProxyType({})


def quiet_after(usual_gap: int) -> int:
    """Return the microseconds of silence that are unusual: many times the usual gap between two batches."""
    return max(QUIET_AT_LEAST, usual_gap * QUIET_GAPS)


def state_of(sender: Sender, now: int) -> State:
    """Return how a sender fares: never means that something of it was refused, and nothing ever taken."""
    if sender.last_refused > sender.last_heard:
        return "refused" if sender.batches else "never"
    silence = now - sender.last_heard
    if silence <= quiet_after(sender.usual_gap):
        return "heard"
    return "silent" if silence < GONE_AFTER else "gone"


def merge(known: Sender, note: Sender) -> Sender:
    """Return what is known of a sender once a note is added; the habit is learned from recent batches."""
    return Sender(
        known.cluster, known.address, note.user_agent or known.user_agent,
        min(each.first_heard for each in (known, note) if each.batches) if known.batches or note.batches else 0,
        max(known.last_heard, note.last_heard), known.batches + note.batches, known.events + note.events,
        known.raw_bytes + note.raw_bytes, _learn_gap(known, note), known.refused + note.refused,
        max(known.last_refused, note.last_refused), note.refused_kind or known.refused_kind,
    )


def _learn_gap(known: Sender, note: Sender) -> int:
    """Return the usual gap, moved towards that of new batches; a pause that is a gap of its own teaches nothing."""
    if not note.batches or note.last_heard <= known.last_heard:
        return known.usual_gap
    pause = note.first_heard - known.last_heard if known.batches else 0
    if pause <= 0 or (known.usual_gap and pause > quiet_after(known.usual_gap)):
        batches, span = note.batches - 1, note.last_heard - note.first_heard
    else:
        batches, span = note.batches, note.last_heard - known.last_heard
    if batches < 1:
        return known.usual_gap
    mean = span // batches
    return mean if not known.usual_gap else known.usual_gap + (mean - known.usual_gap) * min(batches, 20) // 20


class SenderLog:
    """Notes of a process, and what all processes have written down."""

    def __init__(
        self, senders: SenderStore | None, losses: LossStore, clock: Callable[[], int], retention_days: int = 0
    ) -> None:
        """Write into these stores when `flush` is called; without one for senders, nothing is noted.

        ``retention_days`` is how long events are kept, 0 for ever: lost events are named no longer than that.
        """
        self._kept_days: Final = min(retention_days or KEPT_DAYS, KEPT_DAYS)
        self._senders = senders
        self._losses = losses
        self._clock = clock
        self._started: Final = clock()
        self._notes: dict[tuple[str, str], Sender] = {}
        self._lock = threading.Lock()
        self._write_due = 0.0
        self._read_due = 0.0
        self.totals = Totals()

    def note_batch(self, cluster: str, address: str, user_agent: str, events: int, size: int, now: int) -> None:
        """Note a batch that was taken. Never waits for the database."""
        self._add(Sender(cluster, address[:64], _clean(user_agent), now, now, 1, events, size))

    def note_refusal(self, cluster: str, address: str, user_agent: str, kind: str, now: int) -> None:
        """Note a refused request. Never waits for the database."""
        self._add(Sender(cluster, address[:64], _clean(user_agent), refused=1, last_refused=now, refused_kind=kind))

    def flush(self) -> None:
        """Write down what was noted and read what all processes know, every few seconds; called each second."""
        moment = time.monotonic()
        if self._senders is not None and self._notes and moment >= self._write_due:
            self._write_due = moment + SECONDS_BETWEEN_WRITES
            self._write(self._senders)
        if moment >= self._read_due:
            self._read_due = moment + SECONDS_BETWEEN_READS
            self._read()

    def write_now(self) -> None:
        """Write down what was noted, so that a page shows the newest, and at the end of the process."""
        if self._senders is not None and self._notes:
            self._write(self._senders)

    def forget_old(self, now: int) -> None:
        """Delete what is older than any page shows."""
        if self._senders is not None:
            self._senders.forget(now - SENDER_DAYS * DAY)
            self._losses.forget(now - self._kept_days * DAY)

    def _add(self, note: Sender) -> None:
        key = (note.cluster, note.address)
        with self._lock:
            if key not in self._notes and len(self._notes) >= MOST_NOTES:
                key, note = (OTHERS, OTHERS), note._replace(cluster=OTHERS, address=OTHERS)
            known = self._notes.get(key)
            self._notes[key] = note if known is None else merge(known, note)

    def _write(self, store: SenderStore) -> None:
        with self._lock:
            notes, self._notes = self._notes, {}
        try:
            with within(WRITE_SECONDS):
                done = store.merge(list(notes.values()), merge)
        except AuditWebhookError as error:
            logger.warning("senders could not be noted: %s", type(error).__name__)
            for note in notes.values():
                self._add(note)
            return
        gaps = [loss for known, note in done for loss in self._gaps_between(known, note)]
        if gaps:
            self._record(gaps)

    def _record(self, gaps: list[Loss]) -> None:
        try:
            with within(WRITE_SECONDS):
                self._losses.record(gaps)
        except AuditWebhookError as error:
            logger.warning("gaps of senders could not be noted: %s", type(error).__name__)

    def _gaps_between(self, known: Sender, note: Sender) -> list[Loss]:
        """Return the gaps that lie between what was known of a sender and its new batches."""
        found: list[Loss] = []
        pause = note.first_heard - known.last_heard
        if not (known.batches and note.batches and known.address) or pause <= 0:
            return found
        if known.usual_gap and pause > quiet_after(known.usual_gap):
            found.append(self._gap(PAUSE, known, note, _describe_pause(known, pause, note.first_heard - self._started)))
        if note.user_agent != known.user_agent and _program(note.user_agent) == _program(known.user_agent):
            reason = f"the version changed from {known.user_agent} to {note.user_agent}"
            found.append(self._gap(RESTART, known, note, reason))
        return found

    def _gap(self, kind: str, known: Sender, note: Sender, reason: str) -> Loss:
        identifier = loss_id(kind, known.cluster, known.address, known.last_heard)
        begin, end = known.last_heard, note.first_heard
        return Loss(identifier, known.cluster, kind, reason[:400], known.address, begin, end)

    def _read(self) -> None:
        now = self._clock()
        try:
            with within(WRITE_SECONDS):
                senders = self._senders.read_senders() if self._senders is not None else []
                recent = self._losses.sum_losses(now - GONE_AFTER, now - HOUR)
                sums = self._losses.sum_losses(now - GIVEN_UP_DAYS * DAY)
        except AuditWebhookError:
            return  # the metrics go on telling what was known last; the next reading is due soon
        self.totals = Totals(
            tuple((sender, state_of(sender, now)) for sender in senders),
            {each.cluster: each.events for each in sums if each.kind == GIVEN_UP},
            {(each.cluster, each.kind): each.requests for each in recent if each.requests},
            {(each.cluster, each.kind): each.rows for each in recent if each.kind in GAPS},
        )


def _program(user_agent: str) -> str:
    """Return a program's name without its version, such as ``kube-apiserver``: another one at that address is new."""
    return user_agent.partition("/")[0]


def _clean(user_agent: str) -> str:
    return user_agent.encode("utf-8", "replace")[:LONGEST_AGENT].decode("utf-8", "ignore")


def _describe_pause(known: Sender, pause: int, running: int) -> str:
    reason = f"no batch for {pause // SECOND} s; usually one every {max(known.usual_gap, SECOND) / SECOND:.0f} s"
    if running < pause:
        reason += f"; this process of the service had been started {max(running, 0) // SECOND} s before"
    return reason
