"""Watches the file of an embedded database for the process that writes it."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable
from typing import Final

from audit_webhook.errors import AuditWebhookError, StoreMoved
from audit_webhook.storage.sqlite.file import SqliteFile
from audit_webhook.storage.sqlite.rescue import Rescue
from audit_webhook.worker import Worker

logger: Final = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 1.0
LAST_LOOKS: Final = 3


class FileWatch(Worker):
    """A worker that claims the file for this server, and looks each second whether it still is the one of its name."""

    name = "database file"
    stop_seconds = 20.0

    def __init__(self, file: SqliteFile, close_idle: Callable[[], None]) -> None:
        """Watch this file; ``close_idle`` closes the connections of this process that are not in use."""
        super().__init__()
        self._file: Final = file
        self._file.is_served = True
        self._rescue: Final = Rescue(file, close_idle)
        self._rival: int | None = None

    def start(self) -> None:
        """Claim the file before anything is written, then go on in the background."""
        self.attempt(self.look)
        super().start()

    def work(self) -> float:
        """Look once."""
        self.look()
        return INTERVAL_SECONDS

    def finish(self) -> None:
        """Save what only this process still reaches, before it ends."""
        for _ in range(LAST_LOOKS if self._file.anchor is not None and self._file.trouble else 0):
            self._mend()

    def look(self) -> None:
        """Claim the file when it is free, and mend what can be mended."""
        if not self._is_ours() or self._is_read_only():
            return
        try:
            if self._file.anchor is None:
                self._file.hold()
            self._file.check()
        except StoreMoved:
            self._mend()
        except sqlite3.Error as error:
            self._file.note(f"{self._file.path} cannot be used: {error}")

    def _is_ours(self) -> bool:
        """Take the claim; not while another server has it."""
        try:
            rival = self._file.claim.take()
        except OSError as error:
            logger.warning("no other server can be kept from %s: %s", self._file.path, error)
            return True
        if rival is not None:
            self._file.note(
                f"another server (process {rival}) has {self._file.path} open: stop one of them, or use MariaDB"
            )
            self._rival = rival
            return False
        if self._rival is not None:
            self._rival, self._file.trouble = None, ""
            logger.warning("the other server has ended: %s is ours", self._file.path)
        self._file.claim.write(self._file.files)
        return True

    def _mend(self) -> None:
        try:
            self._rescue.step()
        except (AuditWebhookError, sqlite3.Error, OSError) as error:
            logger.error("%s cannot be used again yet: %s", self._file.path, error)

    def _is_read_only(self) -> bool:
        """Say when the disk is mounted read-only: then nothing is taken, and nothing can be mended."""
        folder = self._file.path.absolute().parent
        try:
            is_read_only = bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
        except OSError:
            return False
        if is_read_only:
            self._file.note(f"the disk of {folder} is read-only: look at the kernel's log, then mount it for writing")
        return is_read_only
