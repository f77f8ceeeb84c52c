"""The statements that write: one method for each, all on the cursor of one transaction."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Final, NamedTuple

from audit_webhook.errors import DuplicateKey, StoreBusy
from audit_webhook.storage.chunks.columns import ActionRow, CallerRow
from audit_webhook.storage.chunks.hash_chain import EventRow, Head, Record, Seal, record_of, seal_next
from audit_webhook.storage.chunks.layout import Chunk, Posting
from audit_webhook.storage.database import Cursor, Pipeline, classified, pipeline_of

DAY: Final = 86_400_000
DELETED_AT_ONCE: Final = 64
"""Ids in the statement ``delete_tallies``."""
_CONTINUED: Final = "the stream of seals was continued by somebody else: %s"


class PartlyStored(DuplicateKey):
    """A chunk is new, but some of its events came before in another one; nothing of the batch was stored."""


class NotNew(DuplicateKey):
    """Of what was sent hastily something was there already; nothing of it was stored, and which it was is not known."""


class Quarantined(NamedTuple):
    """Bytes that could not be read as an event, with the reason; received in microseconds.

    Without an id, so many ``items`` for which there was no room: all of their bytes, and the hash of the last.
    """

    id: bytes
    cluster: str
    received: int
    reason: str
    raw_bytes: int
    content: bytes
    digest: bytes = bytes(32)
    items: int = 1


class Arrival(NamedTuple):
    """What a stream adds for a cluster: its newest sequence number, the time in microseconds, and counts."""

    stream: bytes
    cluster: str
    sequence: int
    received: int
    events: int
    duplicates: int


class ChunkRow(NamedTuple):
    """A row of the table chunks."""

    id: bytes
    cluster: str
    stream: bytes
    sequence: int
    received: int
    first_id: bytes
    events: int
    raw_bytes: int
    frames: bytes
    content: bytes


class TallyRow(NamedTuple):
    """A row of the table tallies: of one chunk, when ``chunks`` is 0, or the sum of so many."""

    id: bytes
    cluster: str
    chunks: int
    events: int
    content: bytes


class Transaction:
    """One writing transaction; what it wrote exists when the surrounding `Database.write` has ended well."""

    def __init__(self, cursor: Cursor, statements: Mapping[str, str]) -> None:
        """Write through this cursor with these named statements."""
        self._cursor: Final = cursor
        self._statements: Final = statements
        self._pipeline: Pipeline | None = None
        self._is_optimistic = False

    @contextmanager
    def together(self, is_optimistic: bool) -> Iterator[None]:
        """Send what is inserted in the block without awaiting each answer, where the server can; then read them all.

        An optimistic writer does not even await those answers that tell whether a chunk and its events are new: the
        block is told that they are, and NotNew is raised at its end when they are not.
        """
        pipeline = pipeline_of(self._cursor)
        if pipeline is None:
            yield
            return
        self._pipeline, self._is_optimistic = pipeline, is_optimistic
        try:
            with classified(), pipeline.together():
                yield
        except DuplicateKey as error:
            if isinstance(error, PartlyStored) and not is_optimistic:
                raise
            raise self._not_new(error) from error

    def _not_new(self, error: DuplicateKey) -> Exception:
        """Say what it means that something was there already; when chunk and events were awaited it is the seal."""
        return NotNew(str(error)) if self._is_optimistic else StoreBusy(_CONTINUED % error)

    def _await(self) -> None:
        """Read the answers to what was sent, unless the writer is optimistic."""
        if self._pipeline is not None and not self._is_optimistic:
            self._pipeline.read_answers()

    def insert_chunk(self, row: ChunkRow) -> bool:
        """Insert a chunk; False when it is there already, and with it all of its events. Always True when optimistic.

        Of two writers with the same batch, the second waits here until the first has ended.
        """
        with classified():
            self._await()
        try:
            with classified():
                self._cursor.execute(self._statements["insert_chunk"], row)
                self._await()
        except DuplicateKey:
            if self._is_optimistic:
                raise
            return False
        return True

    def insert_late(self, chunk: bytes, received: int) -> None:
        """Note that a new chunk was received, in microseconds, on a later day than that of its events."""
        self._cursor.execute(self._statements["insert_late"], (chunk, received))

    def insert_seal(self, row: Seal) -> None:
        """Insert the seal of a new chunk; raises StoreBusy when its number is taken, by somebody who has no right to.

        Where statements are sent together, `together` raises it.
        The next try has a new connection, and with it a stream of its own.
        """
        try:
            with classified():
                self._cursor.execute(self._statements["insert_seal"], row)
        except DuplicateKey as error:
            raise self._not_new(error) from error

    def insert_events(self, rows: Sequence[EventRow]) -> None:
        """Insert events; raises DuplicateKey when one of them is there already.

        An optimistic writer raises it at the end of `together`.
        """
        with classified():
            self._cursor.executemany(self._statements["insert_events"], rows)
            self._await()

    def insert_postings(self, rows: Sequence[Posting]) -> None:
        """Insert which values occur in a new chunk."""
        self._cursor.executemany(self._statements["insert_postings"], rows)

    def insert_tally(self, row: TallyRow) -> None:
        """Insert how often what occurs in a new chunk or on a day; raises DuplicateKey when it is there already."""
        with classified():
            self._cursor.execute(self._statements["insert_tally"], row)

    def update_sum(self, row: TallyRow, chunks: int) -> int:
        """Replace a day's sum of so many chunks by a new one; give how many there were: 0 or 1."""
        values = (row.chunks, row.events, row.content, row.id, row.cluster, chunks)
        self._cursor.execute(self._statements["update_sum"], values)
        return self._cursor.rowcount

    def delete_tallies(self, ids: Sequence[bytes]) -> int:
        """Delete these tallies; give how many were there."""
        deleted = 0
        for start in range(0, len(ids), DELETED_AT_ONCE):
            part = ids[start:start + DELETED_AT_ONCE]
            padded = (*part, *[part[0]] * (DELETED_AT_ONCE - len(part)))
            self._cursor.execute(self._statements["delete_tallies"], padded)
            deleted += self._cursor.rowcount
        return deleted

    def delete_expired_tallies(self, bound: bytes) -> int:
        """Delete the tallies before an id of a midnight; give how many there were."""
        self._cursor.execute(self._statements["delete_expired_tallies"], (bound,))
        return self._cursor.rowcount

    def insert_callers(self, rows: Collection[CallerRow], day: int) -> None:
        """Insert callers, or note that those that are there were in use on this day since the epoch.

        Raises RowRefused, where statements are sent together at the end of `together`, when another row holds an id.
        """
        self._cursor.executemany(self._statements["insert_callers"], [(*row, day) for row in sorted(rows)])

    def insert_actions(self, rows: Collection[ActionRow], day: int) -> None:
        """Insert actions, as `insert_callers` does callers."""
        self._cursor.executemany(self._statements["insert_actions"], [(*row, day) for row in sorted(rows)])

    def insert_quarantined(self, rows: Sequence[Quarantined]) -> None:
        """Insert what could not be read; the same bytes of the same cluster are kept once."""
        kept = [(*row[:5], row.digest, len(row.content), row.content) for row in rows if row.id]
        if kept:
            self._cursor.executemany(self._statements["insert_quarantined"], kept)
        for row in rows:
            if not row.id:
                values = (row.cluster, row.items, row.raw_bytes, row.received, row.reason, row.digest)
                self._cursor.execute(self._statements["count_left_out"], values)

    def record_arrival(self, row: Arrival) -> None:
        """Note when a cluster was heard from on this stream, and add to its counts."""
        self._cursor.execute(self._statements["record_arrival"], row)


def insert_fresh(
    transaction: Transaction, chunks: Sequence[Chunk], head: Head, received: int
) -> tuple[list[Chunk], Head]:
    """Insert and seal the chunks that are new; give them, and where the stream then ends. Raises PartlyStored."""
    fresh: list[Chunk] = []
    for chunk in chunks:
        row = ChunkRow(
            chunk.id, chunk.cluster, head.stream, head.sequence + 1, received, chunk.first_id, len(chunk.events),
            chunk.raw_bytes, chunk.frames, chunk.content,
        )
        if not transaction.insert_chunk(row):
            continue
        try:
            transaction.insert_events(chunk.events)
        except DuplicateKey as error:
            raise PartlyStored(str(error)) from error
        transaction.insert_postings(chunk.postings)
        if received // 1000 // DAY > int.from_bytes(chunk.id[:6], "big") // DAY:
            transaction.insert_late(chunk.id, received)
        transaction.insert_tally(TallyRow(chunk.id, chunk.cluster, 0, len(chunk.events), chunk.tally))
        known = Record(chunk.cluster, received, chunk.first_id, chunk.raw_bytes, chunk.rows, chunk.stored)
        seal = seal_next(head, chunk.id, len(chunk.events), time.time_ns() // 1000, chunk.root, record_of(known))
        transaction.insert_seal(seal)
        fresh.append(chunk)
        head = Head(seal.stream, seal.sequence, seal.link)
    return fresh, head


def note_dimensions(
    transaction: Transaction, fresh: Sequence[Chunk], known: AbstractSet[CallerRow | ActionRow], day: int
) -> set[CallerRow | ActionRow]:
    """Insert the callers and actions that are not known yet; return them, to be remembered once they are committed."""
    callers = {row for chunk in fresh for row in chunk.callers.values() if row not in known}
    actions = {row for chunk in fresh for row in chunk.actions.values() if row not in known}
    if callers:
        transaction.insert_callers(callers, day)
    if actions:
        transaction.insert_actions(actions, day)
    return {*callers, *actions}
