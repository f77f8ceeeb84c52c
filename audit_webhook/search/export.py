"""Writes all events of a search as a stream: NDJSON for programs, CSV for spreadsheets.

A stream takes one of few places for as long as it runs, so that exports never hold every thread of the server.
"""

from __future__ import annotations

import csv
import io
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Final, NamedTuple

import orjson

from audit_webhook.errors import InvalidParameter, ServerBusy
from audit_webhook.events.event import EPOCH, rfc3339
from audit_webhook.events.visible_text import shown
from audit_webhook.search.compile_query import compile_query
from audit_webhook.search.document import COLUMNS, documents_of
from audit_webhook.search.feed import oldest_moment
from audit_webhook.search.search import Found, find
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.search_sql import LAST, Search

PLACES: Final = 2
STEP_EVENTS: Final = 500
PAUSE_SECONDS: Final = 0.2
LONGEST_CELL: Final = 32_000  # a spreadsheet takes 32,767 characters

_places: Final = threading.BoundedSemaphore(PLACES)
# What a spreadsheet would run: a sign at the beginning of a cell, or of what another separator makes one.
# Written so that a run of blanks is read once, not once for each blank in it.
_FORMULA: Final = re.compile(
    r"((?:^|[;,|])\s*+|(?<!\s)[^\S\t\r\n]*+[\t\r\n]\s*+)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])"
)


class Format(NamedTuple):
    """How events are written: the media type, the beginning of the file, and the bytes of some documents."""

    media_type: str
    head: bytes
    write: Callable[[Iterable[dict[str, object]]], bytes]


def walk(repository: Repository, search: Search) -> Iterator[Found]:
    """Give all matches in steps, newest first; each step tells how far it came."""
    before = LAST
    while True:
        found = find(repository, search, before, STEP_EVENTS)
        yield found
        if found.unread is None:
            return
        if found.unread == before:
            time.sleep(PAUSE_SECONDS)  # others search just now; each of them is done within a second
        before = found.unread


class Export:
    """A stream of bytes that holds a place until it is closed."""

    def __init__(self, repository: Repository, text: str, name: str, now: int) -> None:
        """Compile the query and make the first step, so that what cannot work fails before anything is sent.

        Raises QueryError, InvalidParameter, ServerBusy and what the repository raises.
        """
        if name not in FORMATS:
            raise InvalidParameter(f"format is one of {', '.join(FORMATS)}")
        self.format: Final = FORMATS[name]
        self.filename: Final = f"audit-events-{EPOCH + timedelta(microseconds=now):%Y%m%dT%H%M%SZ}.{name}"
        self._repository, self._now = repository, now
        search = compile_query(text, now, repository.database.dialect)
        self.oldest: Final = rfc3339(oldest_moment(repository, search))
        if not _places.acquire(blocking=False):
            raise ServerBusy(f"{PLACES} exports run already; try again when one of them is done")
        self._is_open = True
        try:
            self._steps = walk(repository, search)
            self._first = next(self._steps)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[bytes]:
        """Give the file in pieces."""
        yield self.format.head
        yield self._written(self._first)
        for found in self._steps:
            yield self._written(found)
        self.close()

    def _written(self, found: Found) -> bytes:
        return self.format.write(documents_of(self._repository, found.raws, self._now))

    def close(self) -> None:
        """Give the place back."""
        if self._is_open:
            self._is_open = False
            _places.release()


def write_ndjson(documents: Iterable[dict[str, object]]) -> bytes:
    """Write a line of JSON for each event."""
    return b"".join(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE) for document in documents)


def write_csv(documents: Iterable[dict[str, object]]) -> bytes:
    """Write a row for each event (RFC 4180)."""
    return _rows([_cell(value) for value in document.values()] for document in documents)


def _rows(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: object) -> str:
    """Write a value so that no spreadsheet takes it for a formula (owasp.org, CSV Injection) or hides part of it."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return _FORMULA.sub(r"\1'", shown(text, kept="\n", longest=LONGEST_CELL))


FORMATS: Final = {
    "ndjson": Format("application/x-ndjson", b"", write_ndjson),
    "csv": Format("text/csv", _rows([COLUMNS]), write_csv),
}
