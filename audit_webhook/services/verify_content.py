"""Compares what is stored with its seals, some windows of ten minutes at a time, oldest first.

All chunks and rows of a window's events lie in it, so that memory holds a few bytes for each event of these windows,
and the content of some chunks. So many windows are taken that they have some hundred thousand events.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from itertools import chain
from typing import Final

from audit_webhook.chunk import Damaged, unpack_whole
from audit_webhook.evidence_store import CHUNKS_AT_ONCE, ROWS_AT_ONCE, EvidenceStore, SealedChunk
from audit_webhook.identity import time_bound, to_text
from audit_webhook.pruning import DAY
from audit_webhook.repository import Repository
from audit_webhook.rows import WINDOW_MILLISECONDS, has_own_id, window_end
from audit_webhook.sealing import form_of, leaves_of, root_of
from audit_webhook.services.ahead import ahead
from audit_webhook.services.findings import Findings
from audit_webhook.services.verify_chunk import locate
from audit_webhook.services.verify_trail import Trail

CONTENT_BYTES: Final = 8 * 1024**2
CHUNKS_TOGETHER: Final = 32
STRANGERS: Final = 1_000
MANY_EVENTS: Final = 100_000
MOST_MILLISECONDS: Final = 1_000 * WINDOW_MILLISECONDS
_LATEST: Final = b"\xff" * 16

Contents = dict[bytes, tuple[bytes, bytes]]


class Opened:
    """A chunk of the window at hand: what the tables say of it, a hash of its rows so far, and where its events lie."""

    __slots__ = ("chunk", "rows", "places")

    def __init__(self, chunk: SealedChunk) -> None:
        """Begin without rows."""
        self.chunk: Final = chunk
        self.rows: Final = sha256()
        self.places: Final = array("Q")

    def spans(self) -> list[tuple[int, int]]:
        """Give offset and length of each event, in stored order."""
        return sorted(zip(self.places[::2], self.places[1::2], strict=True))


class ContentCheck:
    """One pass over all chunks and rows from a time on."""

    def __init__(
        self, repository: Repository, store: EvidenceStore, trail: Trail, findings: Findings,
        progress: Callable[[int], None],
    ) -> None:
        """Read from this store; ``progress`` is told how many events were compared."""
        self._repository: Final = repository
        self._store: Final = store
        self._trail: Final = trail
        self._findings: Final = findings
        self._progress: Final = progress
        self._used: tuple[set[bytes], set[bytes]] = set(), set()
        self.events = self.chunks = 0

    def run(self, since: int = 0) -> None:
        """Check everything from the midnight before a time in milliseconds."""
        since = since // DAY * DAY
        first = self._store.first_stored(time_bound(since))
        while first is not None:
            start = window_end(int.from_bytes(first[:6], "big")) - WINDOW_MILLISECONDS
            high = self._check_from(time_bound(start), _bound(start + MOST_MILLISECONDS))
            first = self._store.first_stored(high) if high != _LATEST else None
        self._check_dimensions()

    def _check_from(self, low: bytes, high: bytes) -> bytes:
        """Check windows from an id on, up to another one or until they have many events; give where that ended."""
        opened: dict[bytes, Opened] = {}
        events = 0
        for chunk in self._chunks(low, high):
            if chunk.id >= high:
                break
            opened[chunk.id] = Opened(chunk)
            events += chunk.events
            if events > MANY_EVENTS:
                high = min(high, _bound(window_end(int.from_bytes(chunk.id[:6], "big"))))
        self._read_rows(opened, low, high)
        sealed = [each for each in opened.values() if self._is_sealed(each.chunk)]
        for group, contents in ahead(self._contents(sealed)):
            self._check_chunks(group, contents)
        return high

    def _read_rows(self, opened: dict[bytes, Opened], low: bytes, high: bytes) -> None:
        """Hand each row between two ids to its chunk."""
        strangers: dict[bytes, bytes] = {}
        for row in chain.from_iterable(ahead(self._rows(low, high))):
            found = opened.get(row[16:32])
            if found is None:
                if len(strangers) < STRANGERS:
                    strangers[row[16:32]] = row[:16]
                continue
            found.rows.update(row)
            offset, length, _ = row[64:].split(b",", 2)
            found.places.append(int(offset) & 0xFFFF_FFFF_FFFF)
            found.places.append(int(length) & 0xFFFF_FFFF_FFFF)
            self._used[0].add(row[32:48])
            self._used[1].add(row[48:64])
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
            is_here = low <= chunk < high
            if is_here and self._store.is_chunk_there(chunk):
                continue
            text = f"its row points to the batch {_name(chunk)}, which is not there"
            self._findings.add("EXTRA", _name(event), text)

    def _is_sealed(self, chunk: SealedChunk) -> bool:
        """Return whether a chunk has a seal; one without is a finding."""
        if chunk.root is None:
            text = f"a batch of {chunk.events} events of {chunk.cluster!r} was never sealed"
            self._findings.add("UNSEALED", _name(chunk.id), text)
        return chunk.root is not None

    def _contents(self, opened: list[Opened]) -> Iterator[tuple[list[Opened], Contents]]:
        """Give chunks in groups, with the content and the frame table of each."""
        for group in _together(opened):
            found = self._repository.chunk_contents([each.chunk.id for each in group])
            yield group, {identifier: (content, frames) for identifier, frames, content in found}

    def _check_chunks(self, group: list[Opened], contents: Contents) -> None:
        for each in group:
            content, frames = contents.get(each.chunk.id, (b"", b""))
            if not self._is_sound(each, content, frames) and not self._is_going(each.chunk):
                locate(self._store, each.chunk, content, frames, self._findings)
            self.chunks += 1
            self.events += each.chunk.events
        self._progress(self.events)

    def _is_going(self, chunk: SealedChunk) -> bool:
        """Whether a pruning is just taking this chunk: its rows go first."""
        return chunk.sealed_id == chunk.id and self._trail.was_pruned(chunk.id, chunk.stream, chunk.sequence)

    def _is_sound(self, opened: Opened, content: bytes, frames: bytes) -> bool:
        chunk = opened.chunk
        known = chunk.cluster, chunk.received, chunk.first_id, chunk.raw_bytes, opened.rows.digest()
        form, spans = form_of(chunk.record, *known), opened.spans()
        if form is None or (chunk.sealed_id, chunk.sealed_events) != (chunk.id, len(spans)):
            return False
        try:
            whole = unpack_whole(content, frames)
        except Damaged:
            return False
        raws = [whole[offset:offset + length] for offset, length in spans]
        if len(whole) != chunk.raw_bytes or chunk.events != len(spans) or b"\n".join((*raws, b"")) != whole:
            return False
        return root_of(leaves_of(chunk.cluster, raws, form)) == chunk.root

    def _check_dimensions(self) -> None:
        """Compare callers and actions with their ids, which are hashes of them; each that a row uses must be there."""
        kinds = (
            ("caller", self._store.callers_after, self._used[0]),
            ("action", self._store.actions_after, self._used[1]),
        )
        for kind, after, used in kinds:
            last = b""
            while page := after(last):
                for row in page:
                    used.discard(row[0])
                    if not has_own_id(row):
                        self._findings.add("MODIFIED", f"{kind} {row[0].hex()}", f"this {kind} was another one")
                last = page[-1][0]
            for identifier in sorted(used):
                text = f"events point to this {kind}, and it is gone"
                self._findings.add("MISSING", f"{kind} {identifier.hex()}", text)


def _together(opened: Iterable[Opened]) -> Iterator[list[Opened]]:
    """Give chunks in groups whose content is read at once."""
    group: list[Opened] = []
    size = 0
    for each in opened:
        if group and (size + each.chunk.raw_bytes > CONTENT_BYTES or len(group) == CHUNKS_TOGETHER):
            yield group
            group, size = [], 0
        group.append(each)
        size += each.chunk.raw_bytes
    if group:
        yield group


def _bound(milliseconds: int) -> bytes:
    """Give the smallest id of a time, and for one that no id has the largest there is."""
    return time_bound(milliseconds) if milliseconds < 1 << 48 else _LATEST


def _after(identifier: bytes) -> bytes:
    """Give the id that follows one."""
    return min(int.from_bytes(identifier, "big") + 1, (1 << 128) - 1).to_bytes(16, "big")


def _name(identifier: bytes) -> str:
    return to_text(identifier) if len(identifier) == 16 else identifier.hex()
