"""How lines of the log are written: what came from outside never begins a line of its own or steers a terminal."""

from __future__ import annotations

import logging
import re
import sys
from typing import Final

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class OneLine(logging.Formatter):
    """Writes each message on one line, its control characters as escapes; a traceback of ours follows as it is."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the name is that of the standard library)
        """Write the line."""
        return _CONTROL.sub(_escape, super().formatMessage(record))


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def configure() -> None:
    """Log to the standard error, from level INFO on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
