"""What the commands share: their settings, the store they read, and a progress bar at a terminal."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import Final, TextIO

from audit_webhook import config as configuration
from audit_webhook.config import Config
from audit_webhook.errors import StoreMisconfigured
from audit_webhook.operate import logs
from audit_webhook.storage.repository import Repository, open_repository
from audit_webhook.storage.schema import missing_steps

logger: Final = logging.getLogger(__name__)

WIDTH: Final = 30
SECONDS_BETWEEN: Final = 0.1
_ADVICE: Final = "run `audit-webhook migrate`, or start the server"


def load_settings(is_serving: bool = False) -> Config:
    """Give the settings, checked for serving only where a port is opened; raises ConfigError.

    What serves logs JSON in production.
    """
    config, warnings = configuration.load(is_serving=is_serving)
    if is_serving:
        logs.configure(as_json=not config.is_development)
    for warning in warnings:
        logger.warning(warning)
    return config


def open_prepared(config: Config) -> Repository:
    """Open the store of the settings; raises StoreMisconfigured when its tables are not those of this version."""
    if not config.db_host and not Path(config.db_path).exists():
        raise StoreMisconfigured(f"there is no database {config.db_path!r}: {_ADVICE}")
    repository = open_repository(config)
    try:
        _check(repository)
    except BaseException:
        repository.close()
        raise
    return repository


def _check(repository: Repository) -> None:
    if missing_steps(repository.database):
        raise StoreMisconfigured(f"the database has no tables yet: {_ADVICE}")


class Bar:
    """A line on standard error that is written over; nothing at all when that is no terminal."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        """Draw on this stream."""
        self._stream = stream
        self._is_shown = stream.isatty()
        self._drawn = 0.0
        self._length = 0

    def draw(self, share: float | None, text: str) -> None:
        """Show how much is done, from 0 to 1 or None where that is not known, a few times a second at most."""
        moment = time.monotonic()
        if not self._is_shown or moment - self._drawn < SECONDS_BETWEEN:
            return
        self._drawn = moment
        bar = "" if share is None else f"[{'#' * round(WIDTH * share):{WIDTH}}] {share:4.0%} "
        self._write(bar + text)

    def clear(self) -> None:
        """Leave the line empty, so that something else may be written there."""
        if self._length:
            self._write("")
            self._stream.write("\r")
            self._stream.flush()

    def _write(self, text: str) -> None:
        self._stream.write(f"\r{text:{self._length}}")
        self._stream.flush()
        self._length = len(text)
