"""Compares the notes of late batches with the batches, and their times of receipt with those of their seals.

A batch is late when it came on a later day than that of its events. Retention keeps that day by its note
(`storage.retention`): without it, the day would go too early, and with one too many, too late.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from audit_webhook.events.event import rfc3339
from audit_webhook.events.ids import time_bound
from audit_webhook.evidence.findings import Findings, name_of
from audit_webhook.evidence.store import CHUNKS_AT_ONCE, EvidenceStore, SealedChunk
from audit_webhook.evidence.verify.trail import CLOCK_MICROSECONDS, Trail
from audit_webhook.storage.retention import DAY


class LateCheck:
    """The batches of a pass that are late, and the comparison at its end."""

    def __init__(self, store: EvidenceStore, trail: Trail, findings: Findings, since: int) -> None:
        """Compare from a time in milliseconds on."""
        self._store: Final = store
        self._trail: Final = trail
        self._findings: Final = findings
        self._since: Final = time_bound(since)
        self._wanted: dict[bytes, SealedChunk] = {}

    def note_chunk(self, chunk: SealedChunk) -> None:
        """Take a batch that is there."""
        if chunk.received // 1000 // DAY > int.from_bytes(chunk.id[:6], "big") // DAY:
            self._wanted[chunk.id] = chunk
        if chunk.sealed is not None and chunk.received > chunk.sealed + CLOCK_MICROSECONDS:
            self._trail.note(
                f"batch {name_of(chunk.id)} was received at {rfc3339(chunk.received)} and sealed at "
                f"{rfc3339(chunk.sealed)}: a clock was wrong"
            )

    def end(self, known: Container[bytes]) -> None:
        """Compare the notes with the batches; ``known`` are those of the pass. The trail was followed just now."""
        last = b""
        while page := self._store.late_chunks_after(last):
            for identifier, received in page:
                self._compare(identifier, received, known)
            if len(page) < CHUNKS_AT_ONCE or page[-1][0] <= last:
                break
            last = page[-1][0]
        for chunk in self._wanted.values():
            if chunk.received >= self._trail.pruned_before * 1000 and self._is_there(chunk):
                text = "the note is gone that keeps the day of a late batch"
                self._findings.add("MISSING", name_of(chunk.id), text)

    def _compare(self, identifier: bytes, received: int, known: Container[bytes]) -> None:
        wanted = self._wanted.pop(identifier, None)
        if wanted is not None:
            if wanted.received != received:
                text = "the note of a late batch says that it came at another time"
                self._findings.add("MODIFIED", name_of(identifier), text)
        elif identifier in known:
            self._findings.add("EXTRA", name_of(identifier), "a batch that was not late is noted as late")
        elif identifier >= self._since and not self._trail.has_pruned and not self._store.is_chunk_there(identifier):
            self._findings.add("EXTRA", name_of(identifier), "a batch is noted as late that is not there")

    def _is_there(self, chunk: SealedChunk) -> bool:
        """Return whether no pruning is just taking a batch."""
        was_pruned = self._trail.was_pruned(chunk.id, chunk.stream, chunk.sequence)
        return not was_pruned and self._store.is_chunk_there(chunk.id)
