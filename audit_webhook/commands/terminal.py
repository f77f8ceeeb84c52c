"""What commands share that speak to a person at a terminal: a progress bar, and an end that is no error."""

from __future__ import annotations

import sys
import time
from typing import Final, TextIO

WIDTH: Final = 30
SECONDS_BETWEEN: Final = 0.1


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
