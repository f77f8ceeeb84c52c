"""Makes a checkpoint every minute in which something was stored; several processes may run one each."""

from __future__ import annotations

import logging
import threading
from typing import Final

from audit_webhook.deadline import within
from audit_webhook.errors import AuditWebhookError
from audit_webhook.services.witness import Witness

logger: Final = logging.getLogger(__name__)

LOOK_SECONDS: Final = 10.0
LAST_SECONDS: Final = 2.0


class Checkpointer:
    """A thread that looks every few seconds whether a checkpoint is due, and makes one more when it is stopped."""

    def __init__(self, witness: Witness) -> None:
        """Let this witness sign."""
        self._witness = witness
        self._stopped = threading.Event()
        self._failure = ""
        self._thread = threading.Thread(target=self._run, name="checkpointer", daemon=True)

    def start(self) -> None:
        """Begin in the background, unless nothing is to be signed."""
        if self._witness.has_key_file:
            self._thread.start()

    def stop(self) -> None:
        """Sign what was stored since the last time, and do nothing more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(LAST_SECONDS)

    def _run(self) -> None:
        has_looked = False
        while not self._stopped.wait(LOOK_SECONDS):
            self._look(is_last=False)
            has_looked = True
        if has_looked:
            self._look(is_last=True)

    def _look(self, is_last: bool) -> None:
        """Make a checkpoint when one is due; what keeps it from that is said once."""
        try:
            with within(LAST_SECONDS if is_last else float("inf")):
                self._witness.sign_when_due(is_last)
            self._failure = ""
        except AuditWebhookError as error:
            if str(error) != self._failure:
                logger.error("no checkpoint can be made: %s", error)
            self._failure = str(error)
