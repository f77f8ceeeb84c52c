"""What is asked of the tables of seals and checkpoints, and of all tables to compare them with their seals.

Nothing here knows what a reader may see: it is for `audit-webhook verify`, the checkpoints, and proofs of an event that
the caller has found by other means.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from audit_webhook.evidence.checkpoints import Signed
from audit_webhook.storage import statements as queries
from audit_webhook.storage.chunks.hash_chain import EventRow, Head, Seal
from audit_webhook.storage.database import Database, Row, classified
from audit_webhook.storage.mysql.cursor import BulkCursor
from audit_webhook.storage.search_sql import fill_ids
from audit_webhook.storage.typed_rows import OTHER_TYPE, bytes_of, number_of, write_posting, write_typed

SEALS_AT_ONCE: Final = 2_000
CHUNKS_AT_ONCE: Final = 1_000
ROWS_AT_ONCE: Final = 10_000
DELETED_AT_ONCE: Final = 2_000


KEYED: Final = ("events", "chunks", "callers", "actions", "tallies", "seals")

Posting = tuple[str, str, bytes]


class TallyRow(NamedTuple):
    """A row of the table tallies."""

    id: bytes
    cluster: str
    chunks: int
    events: int
    content: bytes


class ArrivalRow(NamedTuple):
    """What a stream has brought of a cluster: its newest number and when it came, in microseconds, and how much."""

    stream: bytes
    cluster: str
    sequence: int
    received: int
    events: int


class SealedChunk(NamedTuple):
    """What the table chunks says of one, and what its seal says; None where there is no seal."""

    id: bytes
    cluster: str
    received: int
    first_id: bytes
    events: int
    raw_bytes: int
    stream: bytes
    sequence: int
    sealed_id: bytes | None = None
    sealed_events: int | None = None
    root: bytes | None = None
    record: bytes | None = None
    sealed: int | None = None


class EvidenceStore:
    """The statements of evidence, on the connections of a repository."""

    def __init__(self, database: Database) -> None:
        """Use these connections."""
        self._database: Final = database
        self._statements: Final = queries.load(database.dialect)

    def last_checkpoint(self) -> tuple[int, Signed] | None:
        """Return number and bytes of the newest checkpoint, None when there is none."""
        rows = self._rows("last_checkpoint")
        return (number_of(rows[0][0]), _signed(*rows[0][1:])) if rows else None

    def insert_checkpoint(self, number: int, made: int, signed: Signed) -> None:
        """Insert a checkpoint; raises DuplicateKey when another process was quicker."""
        with self._database.write() as cursor, classified():
            cursor.execute(self._statements["insert_checkpoint"], (number, made, signed.body, signed.signature))

    def delete_checkpoint(self, number: int) -> None:
        """Delete the checkpoint of a row's number."""
        with self._database.write() as cursor:
            cursor.execute(self._statements["delete_checkpoint"], (number,))

    def checkpoints_after(self, number: int, limit: int) -> list[tuple[int, Signed]]:
        """Return the checkpoints that follow a number, in their order."""
        return [(own, signed) for own, _, signed in self.timed_checkpoints_after(number, limit)]

    def timed_checkpoints_after(self, number: int, limit: int) -> list[tuple[int, int, Signed]]:
        """Return the same with the times of their rows, in microseconds."""
        rows = self._rows("checkpoints_after", number, limit)
        return [(number_of(own), number_of(made), _signed(body, signature)) for own, made, body, signature in rows]

    def heads(self) -> list[Head]:
        """Return where each stream ends."""
        return [
            Head(bytes_of(stream), number_of(sequence), bytes_of(link))
            for stream, sequence, link in self._rows("heads")
        ]

    def checkpoints_since(self, made: int, limit: int) -> list[Signed]:
        """Return the first checkpoints whose rows say that they were made at a time in microseconds or later."""
        return [_signed(*row) for row in self._rows("checkpoints_since", made, limit)]

    def has_seal_after(self, sealed: int) -> bool:
        """Return whether a batch was sealed after a time in microseconds."""
        return bool(self._rows("seal_after", sealed))

    def has_seal_before(self, sealed: int) -> bool:
        """Return whether a batch was sealed before a time in microseconds."""
        return bool(self._rows("seal_before", sealed))

    def find_seal(self, stream: bytes, sequence: int) -> Seal | None:
        """Give one seal."""
        rows = self._rows("find_seal", stream, sequence)
        return _seal(rows[0]) if rows else None

    def seals_after(self, stream: bytes, sequence: int, limit: int = SEALS_AT_ONCE) -> list[tuple[Seal, bool]]:
        """Give the seals of a stream that follow a number, and whether the chunk of each is there."""
        return [(_seal(row[:-1]), bool(row[-1])) for row in self._rows("seals_after", stream, sequence, limit)]

    def next_stream(self, after: bytes) -> bytes | None:
        """Give the stream that follows another one."""
        rows = self._rows("next_stream", after)
        return bytes_of(rows[0][0]) if rows else None

    def streams(self) -> Iterator[bytes]:
        """Give every stream that has a seal."""
        stream = self.next_stream(b"")
        while stream is not None:
            yield stream
            stream = self.next_stream(stream)

    def delete_seals(self, stream: bytes, sequence: int) -> None:
        """Delete a part of a stream's seals, up to a number."""
        with self._database.write() as cursor:
            cursor.execute(self._statements["delete_seals"], (stream, sequence))

    def sealed_chunks(self, low: bytes, high: bytes, limit: int = CHUNKS_AT_ONCE) -> list[SealedChunk]:
        """Give the first chunks with ids from one to before another, with their seals."""
        rows = self._rows("sealed_chunks", low, high, limit)
        return [self._sealed_chunk(row) for row in rows]

    def contents(self, ids: Sequence[bytes]) -> dict[bytes, tuple[bytes, bytes]]:
        """Return compressed content and frame table of chunks."""
        statement = queries.adapt(fill_ids(self._statements["chunk_contents"], len(ids)), self._database.dialect)
        with self._database.read() as cursor, self._typed(cursor):
            cursor.execute(statement, tuple(ids))
            return {bytes_of(own): (bytes_of(content), bytes_of(frames)) for own, frames, content in cursor.fetchall()}

    def first_tally(self, low: bytes) -> bytes | None:
        """Return the smallest id of a tally from an id on."""
        ((identifier,),) = self._rows("first_tally", low)
        return identifier if type(identifier) is bytes else None

    def is_chunk_there(self, identifier: bytes) -> bool:
        """Whether there is a chunk with this id."""
        return bool(self._rows("is_chunk_there", identifier))

    def event_rows(self, low: bytes, high: bytes, limit: int = ROWS_AT_ONCE) -> list[bytes]:
        """Give the first rows of events with ids from one to before another, written as `sealing.write_rows` does."""
        with self._database.read() as cursor, self._typed(cursor):
            if isinstance(cursor, BulkCursor):
                return cursor.read_values(self._statements["event_rows"], (low, high, limit))
            cursor.execute(self._statements["event_rows"], (low, high, limit))
            return write_typed(cursor.fetchall())

    def rows_of_chunk(self, low: bytes, high: bytes, chunk: bytes) -> list[EventRow]:
        """Give the rows of a chunk's events with ids from one to before another, in stored order."""
        return [self._event_row(row) for row in self._rows("rows_of_chunk", low, high, chunk)]

    def chunk_of_event(self, identifier: bytes) -> SealedChunk | None:
        """Give the chunk that an event lies in, without its seal."""
        rows = self._rows("chunk_of_event", identifier)
        return self._sealed_chunk((*rows[0], *[None] * 5)) if rows else None

    def first_stored(self, low: bytes) -> bytes | None:
        """Give the smallest id of a chunk or an event from an id on."""
        ((chunk, event),) = self._rows("first_stored", low, low)
        return min((identifier for identifier in (chunk, event) if identifier is not None), default=None)

    def callers_after(self, identifier: bytes, limit: int = CHUNKS_AT_ONCE) -> list[Row]:
        """Return the callers that follow an id, as `entry.CallerRow`, each with its last day."""
        return [
            (bytes_of(row[0]), *map(self._text, row[1:-1]), number_of(row[-1]))
            for row in self._rows("callers_after", identifier, limit)
        ]

    def actions_after(self, identifier: bytes, limit: int = CHUNKS_AT_ONCE) -> list[Row]:
        """Return the actions that follow an id, as `entry.ActionRow`, each with its last day."""
        return [
            (
                bytes_of(row[0]), *(value if isinstance(value, int) else self._text(value) for value in row[1:-1]),
                number_of(row[-1]),
            )
            for row in self._rows("actions_after", identifier, limit)
        ]

    def postings_after(self, last: Posting, limit: int = ROWS_AT_ONCE) -> list[bytes]:
        """Return the postings that follow one, in their order, as `typed_rows.write_posting` writes them."""
        field, value, chunk = last
        parameters = field, field, value, field, value, chunk, limit
        with self._database.read() as cursor, self._typed(cursor):
            if isinstance(cursor, BulkCursor):
                return cursor.read_values(self._statements["postings_after"], parameters)
            cursor.execute(self._statements["postings_after"], parameters)
            rows = cursor.fetchall()
        return [write_posting(self._text(own), self._text(posted), bytes_of(place)) for own, posted, place in rows]

    def day_of_tallies(self, low: bytes, high: bytes) -> tuple[list[TallyRow], set[bytes]]:
        """Return the tallies, and the ids of the chunks, from one id to before another, both as of one moment."""
        with self._database.read() as cursor, self._typed(cursor):
            if self._database.dialect == "sqlite":
                cursor.execute("BEGIN")
            try:
                cursor.execute(self._statements["tallies_between"], (low, high))
                tallies = [
                    TallyRow(bytes_of(own), self._text(cluster), number_of(count), number_of(events), bytes_of(content))
                    for own, cluster, count, events, content in cursor.fetchall()
                ]
                cursor.execute(self._statements["chunk_ids_between"], (low, high))
                return tallies, {bytes_of(own) for (own,) in cursor.fetchall()}
            finally:
                if self._database.dialect == "sqlite":
                    cursor.execute("COMMIT")

    def late_chunks_after(self, identifier: bytes, limit: int = CHUNKS_AT_ONCE) -> list[tuple[bytes, int]]:
        """Return the notes of late chunks that follow an id, each with its time of receipt in microseconds."""
        return [(bytes_of(own), number_of(at)) for own, at in self._rows("late_chunks_after", identifier, limit)]

    def arrivals(self) -> list[ArrivalRow]:
        """Return what is known of each cluster on each stream."""
        return [
            ArrivalRow(bytes_of(stream), self._text(cluster), *map(number_of, numbers))
            for stream, cluster, *numbers in self._rows("arrivals")
        ]

    def odd_keys(self) -> list[str]:
        """Return the tables that hold a row whose key is of another type than keys are, so that no search sees it."""
        return [table for table in KEYED if self._rows(f"odd_{table}", b"")]

    def _text(self, value: Any) -> str:
        is_text = isinstance(value, bytearray) or (isinstance(value, bytes) and self._database.dialect == "mysql")
        return value.decode("utf-8", "surrogateescape") if is_text else OTHER_TYPE

    @contextmanager
    def _typed(self, cursor: Any) -> Iterator[None]:
        """Let a cursor of SQLite tell texts from bytes, and take texts that are not UTF-8."""
        if self._database.dialect != "sqlite":
            yield
            return
        cursor.connection.text_factory = bytearray
        try:
            yield
        finally:
            cursor.connection.text_factory = str

    def _rows(self, name: str, *parameters: Any) -> Sequence[Row]:
        with self._database.read() as cursor, self._typed(cursor):
            cursor.execute(self._statements[name], parameters)
            return cursor.fetchall()

    def _sealed_chunk(self, row: Row) -> SealedChunk:
        identifier, cluster, received, first, events, size, stream, sequence, *seal = row
        return SealedChunk(
            bytes_of(identifier), self._text(cluster), number_of(received), bytes_of(first), number_of(events),
            number_of(size), bytes_of(stream), number_of(sequence), *seal,
        )

    def _event_row(self, row: Row) -> EventRow:
        identifier, chunk, offset, length, caller, action, audit, *texts = row
        namespace, name, uri = map(self._text, texts)
        return (
            bytes_of(identifier), bytes_of(chunk), number_of(offset), number_of(length), bytes_of(caller),
            bytes_of(action), bytes_of(audit), namespace, name, uri,
        )


def _signed(body: Any, signature: Any) -> Signed:
    return Signed(bytes_of(body), bytes_of(signature))


def _seal(row: Row) -> Seal:
    stream, sequence, chunk, events, sealed, root, record, link = row
    return Seal(
        bytes_of(stream), number_of(sequence), bytes_of(chunk), number_of(events), number_of(sealed), bytes_of(root),
        bytes_of(record), bytes_of(link),
    )
