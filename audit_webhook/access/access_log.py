"""The readers are audited too: what was searched, opened and exported, by whom and when."""

from __future__ import annotations

import threading
import time
from typing import Final, NamedTuple

from audit_webhook.errors import AuditWebhookError, InvalidParameter
from audit_webhook.events.ids import from_text, to_text
from audit_webhook.storage.access_store import AccessStore, Reading, reading_id
from audit_webhook.storage.scope import Reader
from audit_webhook.storage.search_sql import LAST

PAGE: Final = 100
REPEAT_SECONDS: Final = 600
MOST_REPEATED: Final = 1000


class ReadingPage(NamedTuple):
    """Readings, newest first, and the cursor of the next page or None."""

    readings: list[Reading]
    next: str | None


class AccessLog:
    """Records what is read, before it is answered; a question that a page repeats by itself, once in ten minutes."""

    def __init__(self, store: AccessStore) -> None:
        """Record into this store."""
        self._store: Final = store
        self._repeated: dict[tuple[str, str, str], float] = {}
        self._lock = threading.Lock()

    def note(self, reader: Reader, peer: str, action: str, target: str, status: int, now: int) -> None:
        """Record a reading; raises StoreUnavailable when that is not possible."""
        self._store.insert_reading(Reading(reading_id(now), reader.name, reader.way, peer, action, target, status))

    def note_repeated(self, reader: Reader, peer: str, action: str, target: str, status: int, now: int) -> None:
        """Record the first of many readings with the same reader, action and target."""
        key = (reader.name, action, target)
        with self._lock:
            last = self._repeated.get(key, float("-inf"))
            if time.monotonic() - last < REPEAT_SECONDS:
                return
            if len(self._repeated) >= MOST_REPEATED:
                self._repeated.clear()
            self._repeated[key] = time.monotonic()
        try:
            self.note(reader, peer, action, target, status, now)
        except AuditWebhookError:
            with self._lock:
                self._repeated.pop(key, None)  # nothing was recorded: the next question of the page is the first one
            raise


def page(store: AccessStore, username: str, cursor: str) -> ReadingPage:
    """Give what was read before a cursor, of one reader or of all; raises InvalidParameter."""
    try:
        before = from_text(cursor) if cursor else LAST
    except ValueError as error:
        raise InvalidParameter("the cursor is not one that this server gave; leave it out to begin anew") from error
    found = store.readings_of(username, before, PAGE) if username else store.readings(before, PAGE)
    return ReadingPage(found, to_text(found[-1].id) if len(found) == PAGE else None)
