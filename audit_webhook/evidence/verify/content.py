"""Compares what is stored with its seals and its raw events, some windows of ten minutes at a time, oldest first.

All chunks and rows of a window's events lie in it, so that memory holds the rows of these windows, and the content of
some chunks. So many windows are taken that they have some hundred thousand events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import chain
from typing import Final

from audit_webhook.events.ids import time_bound
from audit_webhook.evidence.findings import Findings, name_of
from audit_webhook.evidence.store import CHUNKS_AT_ONCE, ROWS_AT_ONCE, EvidenceStore, SealedChunk
from audit_webhook.evidence.verify.chunk import locate
from audit_webhook.evidence.verify.examine import Examined, Part, Verdict
from audit_webhook.evidence.verify.tables import TableCheck
from audit_webhook.evidence.verify.trail import Trail
from audit_webhook.evidence.verify.workers import Examiners
from audit_webhook.storage.chunks.layout import WINDOW_MILLISECONDS, window_end
from audit_webhook.storage.retention import DAY

CONTENT_BYTES: Final = 8 * 1024**2
CHUNKS_TOGETHER: Final = 32
STRANGERS: Final = 1_000
MANY_EVENTS: Final = 20_000
MOST_MILLISECONDS: Final = 1_000 * WINDOW_MILLISECONDS
_LATEST: Final = b"\xff" * 16

Waiting = deque[tuple[list[Part], Future[Examined]]]


class ContentCheck:
    """One pass over all chunks and rows from a time on."""

    def __init__(
        self, store: EvidenceStore, trail: Trail, findings: Findings, progress: Callable[[int], None],
        examiners: Examiners, tables: TableCheck,
    ) -> None:
        """Read from this store; ``progress`` is told how many events were compared."""
        self._store: Final = store
        self._trail: Final = trail
        self._findings: Final = findings
        self._progress: Final = progress
        self._examiners: Final = examiners
        self._tables: Final = tables
        self.events = self.chunks = 0

    def run(self, since: int = 0) -> None:
        """Check everything from the midnight before a time in milliseconds."""
        since = since // DAY * DAY
        waiting: Waiting = deque()
        for parts in self._parts(since):
            waiting.append((parts, self._examiners.examine(parts)))
            while len(waiting) > self._examiners.ahead:
                self._take(*waiting.popleft())
        while waiting:
            self._take(*waiting.popleft())

    def _parts(self, since: int) -> Iterator[list[Part]]:
        first = self._store.first_stored(time_bound(since))
        while first is not None:
            start = window_end(int.from_bytes(first[:6], "big")) - WINDOW_MILLISECONDS
            low, high = time_bound(start), _bound(start + MOST_MILLISECONDS)
            opened, high = self._open(low, high)
            self._read_rows(opened, low, high)
            yield from self._with_content(opened)
            first = self._store.first_stored(high) if high != _LATEST else None

    def _open(self, low: bytes, high: bytes) -> tuple[dict[bytes, tuple[SealedChunk, list[bytes]]], bytes]:
        """Return the chunks of windows from an id on, and where these end: at an id, or where they have many events."""
        opened: dict[bytes, tuple[SealedChunk, list[bytes]]] = {}
        events = 0
        for chunk in self._chunks(low, high):
            if chunk.id >= high:
                break
            opened[chunk.id] = chunk, []
            self._tables.note_chunk(chunk)
            if chunk.root is None:
                text = f"a batch of {chunk.events} events of {chunk.cluster!r} was never sealed"
                self._findings.add("UNSEALED", name_of(chunk.id), text)
            events += chunk.events
            if events > MANY_EVENTS:
                high = min(high, _bound(window_end(int.from_bytes(chunk.id[:6], "big"))))
        return opened, high

    def _read_rows(self, opened: dict[bytes, tuple[SealedChunk, list[bytes]]], low: bytes, high: bytes) -> None:
        """Hand each row between two ids to its chunk."""
        strangers: dict[bytes, bytes] = {}
        for row in chain.from_iterable(self._rows(low, high)):
            found = opened.get(row[16:32])
            if found is not None:
                found[1].append(row)
            elif len(strangers) < STRANGERS:
                strangers[row[16:32]] = row[:16]
        self._check_strangers(strangers, low, high)

    def _chunks(self, low: bytes, high: bytes) -> Iterator[SealedChunk]:
        while page := self._store.sealed_chunks(low, high):
            yield from page
            if len(page) < CHUNKS_AT_ONCE:
                return
            low = _after(page[-1].id)

    def _rows(self, low: bytes, high: bytes) -> Iterator[list[bytes]]:
        while page := self._store.event_rows(low, high):
            yield page
            if len(page) < ROWS_AT_ONCE:
                return
            low = _after(page[-1][:16])

    def _check_strangers(self, strangers: dict[bytes, bytes], low: bytes, high: bytes) -> None:
        """Look at the rows whose chunk was not there: it came since, or there is none; rows go before their chunk."""
        for chunk, event in strangers.items():
            is_new = low <= chunk < high and self._store.is_chunk_there(chunk)
            if not is_new and self._store.event_rows(event, _after(event), 1):
                text = f"its row points to the batch {name_of(chunk)}, which is not there"
                self._findings.add("EXTRA", name_of(event), text)

    def _with_content(self, opened: dict[bytes, tuple[SealedChunk, list[bytes]]]) -> Iterator[list[Part]]:
        """Return chunks in groups, with the rows and the content of each."""
        for group in _together(chunk for chunk, _ in opened.values()):
            found = self._store.contents([chunk.id for chunk in group])
            yield [
                Part(chunk, b"".join(opened[chunk.id][1]), *found.get(chunk.id, (b"", b""))) for chunk in group
            ]

    def _take(self, parts: list[Part], examined: Future[Examined]) -> None:
        """Note what became of a group of chunks."""
        found = examined.result()
        for part, verdict in zip(parts, found.verdicts, strict=True):
            if verdict != "sound" and not self._is_going(part.chunk, verdict):
                self._tables.note_broken(part.chunk)
                if part.chunk.root is not None:
                    locate(self._store, part, self._findings)
            self.chunks += 1
            self.events += part.chunk.events
        self._tables.take(found)
        self._progress(self.events)

    def _is_going(self, chunk: SealedChunk, verdict: Verdict) -> bool:
        """Return whether a pruning is just taking this chunk: its rows go first, and nothing else of it may differ."""
        if chunk.sealed_id != chunk.id or not self._trail.was_pruned(chunk.id, chunk.stream, chunk.sequence):
            return False
        return verdict == "rows gone" or not self._store.is_chunk_there(chunk.id)


def _together(chunks: Iterable[SealedChunk]) -> Iterator[list[SealedChunk]]:
    """Return chunks in groups whose content is read at once."""
    group: list[SealedChunk] = []
    size = 0
    for chunk in chunks:
        if group and (size + chunk.raw_bytes > CONTENT_BYTES or len(group) == CHUNKS_TOGETHER):
            yield group
            group, size = [], 0
        group.append(chunk)
        size += chunk.raw_bytes
    if group:
        yield group


def _bound(milliseconds: int) -> bytes:
    """Return the smallest id of a time, and for one that no id has the largest there is."""
    return time_bound(milliseconds) if milliseconds < 1 << 48 else _LATEST


def _after(identifier: bytes) -> bytes:
    """Return the id that follows one."""
    return min(int.from_bytes(identifier, "big") + 1, (1 << 128) - 1).to_bytes(16, "big")
