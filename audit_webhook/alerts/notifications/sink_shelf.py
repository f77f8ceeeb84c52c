"""Keeps the sinks in use, and reads them again when SINKS_FILE or a file that it names has changed.

A file that cannot be read takes nothing away: the sinks stay as they were, and what is wrong is said.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Final

from audit_webhook.alerts.notifications.sink import Sink
from audit_webhook.alerts.notifications.sink_files import SinkError, files_of, read_sinks

logger: Final = logging.getLogger(__name__)

Stamp = tuple[tuple[str, int, int], ...]


class SinkShelf:
    """The sinks of this process; ``trouble`` is what is wrong with the file, empty when nothing is."""

    def __init__(self, path: str) -> None:
        """Read nothing yet; ``path`` is SINKS_FILE and may be empty."""
        self._path: Final = path
        self._lock = threading.Lock()
        self._sinks: tuple[Sink, ...] = ()
        self._files: list[Path] = []
        self._stamp: Stamp | None = None
        self.trouble = ""

    def sinks(self) -> tuple[Sink, ...]:
        """Return the sinks as the file holds them now, or as they were when it can no longer be read."""
        if not self._path:
            return ()
        with self._lock:
            if self._stamp is None or _stamp_of(self._files) != self._stamp:
                self._files = files_of(self._path)
                self._stamp = _stamp_of(self._files)
                self._read()
            return self._sinks

    def find(self, name: str) -> Sink | None:
        """Return the sink of a name, None when there is none."""
        return next((sink for sink in self.sinks() if sink.name == name), None)

    def _read(self) -> None:
        try:
            self._sinks = read_sinks(self._path)
            self.trouble = ""
        except SinkError as error:
            self.trouble = str(error)
            logger.error("the sinks of SINKS_FILE are not used: %s", error)


def _stamp_of(files: list[Path]) -> Stamp:
    """Return what changes whenever one of the files does."""
    found = []
    for path in files:
        try:
            state = path.stat()
        except OSError:
            continue
        found.append((str(path), state.st_mtime_ns, state.st_size))
    return tuple(found)
