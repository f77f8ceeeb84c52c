"""How the service writes its log: readable text in development, a JSON object a line in production.

What a client sent is never in it: no token, no body, no query string. Control characters cannot begin a second line.
"""

from __future__ import annotations

import logging
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from audit_webhook.events.visible_text import write_out, write_out_json

_OWN: Final = logging.LogRecord("", 0, "", 0, "", (), None).__dict__.keys() | {"message", "asctime", "taskName"}
# What waitress says of its queue and of each client that goes away is counted by the metrics.
_QUIET: Final = {"waitress": logging.ERROR, "waitress.queue": logging.CRITICAL}


def configure(as_json: bool) -> None:
    """Write to standard error from now on, as JSON or as text."""
    handler = StandardError()
    handler.setFormatter(JsonLines() if as_json else TextLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)


class StandardError(logging.Handler):
    """Writes to what standard error is at the moment: somebody may have put another stream in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; one that cannot be written is lost, as nobody could be told of it."""
        with suppress(AttributeError, LookupError, OSError, TypeError, ValueError):
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line; of an exception, its type and where it came from, not its text, which may quote an event."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **extras(record),
            "process": record.process,
        }
        if record.exc_info and record.exc_info[0]:
            fields["exception"] = record.exc_info[0].__name__
            fields["where"] = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(record.exc_info[2])]
        line = orjson.dumps(fields, default=str).decode()
        return write_out_json(line)


class TextLines(logging.Formatter):
    """Writes a record for a person to read."""

    def __init__(self) -> None:
        """Begin with the time."""
        super().__init__("%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Give the line without what follows it of an exception."""
        more = "".join(f" {name}={value}" for name, value in extras(record).items() if value != "")
        return write_out(super().formatMessage(record) + more)


def extras(record: logging.LogRecord) -> dict[str, Any]:
    """Give the fields that a call added to its message."""
    return {name: value for name, value in record.__dict__.items() if name not in _OWN}
