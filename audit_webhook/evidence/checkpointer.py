"""Makes a checkpoint every minute in which something was stored, and looks whether the newest ones still hold.

Several processes may run one each.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import Final, Protocol

from audit_webhook.deadline import within
from audit_webhook.errors import AuditWebhookError, HistoryRefused, KeyUnusable
from audit_webhook.evidence.self_check import SelfCheck
from audit_webhook.evidence.signer import Signer
from audit_webhook.worker import Worker

logger: Final = logging.getLogger(__name__)

LOOK_SECONDS: Final = 10.0
LAST_SECONDS: Final = 2.0
CHECK_SECONDS: Final = 60.0
REFUSALS: Final = 2


class Notes(Protocol):
    """Who counts what is seen."""

    def note_checkpoint(self, made: int) -> None:
        """Take when the newest checkpoint was made, in microseconds; 0 when that is not known."""

    def note_break(self, kind: str) -> None:
        """Take that something is wrong with the evidence."""


class Checkpointer(Worker):
    """A worker that looks every few seconds whether a checkpoint is due, and makes one more when it is stopped."""

    name = "checkpointer"
    stop_seconds = LAST_SECONDS

    def __init__(self, signer: Signer, check: SelfCheck, notes: Notes) -> None:
        """Let this signer sign, and this check look at what was signed."""
        super().__init__()
        self._signer = signer
        self._check = check
        self._notes = notes
        self._due = 0.0
        self._has_looked = False
        self._failure, self._refused = "", 0
        self.first_pause = LOOK_SECONDS

    def start(self) -> None:
        """Begin in the background, unless nothing is to be signed."""
        if self._signer.has_key_file:
            self._notes.note_checkpoint(0)
            with suppress(KeyUnusable):  # said when a checkpoint is due
                self._signer.make_key()
            super().start()

    def work(self) -> float:
        """Sign when that is due, then look at what was signed."""
        self._has_looked = True
        self.attempt(lambda: self._look(is_last=False))  # what keeps it from signing must not keep it from looking
        self.attempt(self._check_when_due)
        return LOOK_SECONDS

    def finish(self) -> None:
        """Sign what was stored since the last time."""
        if self._has_looked:
            self._look(is_last=True)

    def _look(self, is_last: bool) -> None:
        """Make a checkpoint when one is due; what keeps it from that is said once."""
        try:
            with within(LAST_SECONDS if is_last else float("inf")):
                self._signer.sign_when_due(is_last)
            self._failure, self._refused = "", 0
        except AuditWebhookError as error:
            self._report(error)
        self._notes.note_checkpoint(self._signer.newest)

    def _report(self, error: AuditWebhookError) -> None:
        """Say once what keeps from signing; a history that is refused twice in a row raises the alarm.

        Once alone it may be a server that is behind the others.
        """
        if isinstance(error, HistoryRefused):
            self._refused += 1
            if self._refused == REFUSALS:
                self._notes.note_break(error.kind)
        if str(error) != self._failure:
            logger.error("no checkpoint can be made: %s", error)
        self._failure = str(error)

    def _check_when_due(self) -> None:
        """Say once, and count, what is wrong; what keeps from looking keeps from signing too, and is said there."""
        if time.monotonic() < self._due:
            return
        try:
            for kind, place, text in self._check.run(self.stopped.wait):
                logger.error("the evidence is broken: %s %s: %s", kind, place, text)
                self._notes.note_break(kind)
        except AuditWebhookError:
            return
        self._due = time.monotonic() + CHECK_SECONDS
