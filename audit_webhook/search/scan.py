"""Scans the stored JSON of chunks for bytes, and keeps scans from starving everything else.

A scan is many short steps: each takes one of few places, works for less than a second and says how far it came. Who
finds no place free asks again; nobody waits in a thread that a batch of events may need.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from audit_webhook.storage.chunks.frames import find_any
from audit_webhook.storage.repository import Located, Repository
from audit_webhook.storage.search_sql import Span

PLACES: Final = 2
CHUNKS_AT_ONCE: Final = 16

_places: Final = threading.BoundedSemaphore(PLACES)


@contextmanager
def place() -> Iterator[bool]:
    """Take a place for one step of a scan; gives False at once when all are taken."""
    is_free = _places.acquire(blocking=False)
    try:
        yield is_free
    finally:
        if is_free:
            _places.release()


class Hits:
    """Where in some chunks the needles stand."""

    def __init__(self, repository: Repository, spans: Sequence[Span], needles: Sequence[bytes]) -> None:
        """Read the chunks, a few at a time, and look for the needles."""
        self._places: dict[bytes, list[int]] = {}
        ids = [span.id for span in spans]
        for start in range(0, len(ids), CHUNKS_AT_ONCE):
            for chunk, frames, content in repository.chunk_contents(ids[start:start + CHUNKS_AT_ONCE]):
                if places := find_any(content, frames, needles):
                    self._places[chunk] = places
        self.spans: Final = [span for span in spans if span.id in self._places]

    def touch(self, located: Located) -> bool:
        """Whether a needle begins in this event."""
        places = self._places.get(located.chunk_id, [])
        first = bisect_left(places, located.offset)
        return first < len(places) and places[first] < located.offset + located.length
