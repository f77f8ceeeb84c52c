"""What is asked of the tables of seals and checkpoints, and of all tables to compare them with their seals.

Nothing here knows what a reader may see: it is for `audit-webhook verify`, the checkpoints, and proofs of an event that
the caller has found by other means.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from audit_webhook import queries
from audit_webhook.checkpoints import Signed
from audit_webhook.database import Database, Row, classified
from audit_webhook.sealing import EventRow, Head, Seal, write_rows

SEALS_AT_ONCE: Final = 2_000
CHUNKS_AT_ONCE: Final = 1_000
ROWS_AT_ONCE: Final = 10_000
DELETED_AT_ONCE: Final = 2_000


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


class EvidenceStore:
    """The statements of evidence, on the connections of a repository."""

    def __init__(self, database: Database) -> None:
        """Use these connections."""
        self._database: Final = database
        self._statements: Final = queries.load(database.dialect)

    def last_checkpoint(self) -> tuple[int, Signed] | None:
        """Return number and bytes of the newest checkpoint, None when there is none."""
        rows = self._rows("last_checkpoint")
        return (_number(rows[0][0]), _signed(*rows[0][1:])) if rows else None

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
        return [(_number(own), _number(made), _signed(body, signature)) for own, made, body, signature in rows]

    def heads(self) -> list[Head]:
        """Return where each stream ends."""
        return [
            Head(_bytes(stream), _number(sequence), _bytes(link))
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
        return _bytes(rows[0][0]) if rows else None

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
        return [_sealed_chunk(row) for row in rows]

    def is_chunk_there(self, identifier: bytes) -> bool:
        """Whether there is a chunk with this id."""
        return bool(self._rows("is_chunk_there", identifier))

    def event_rows(self, low: bytes, high: bytes, limit: int = ROWS_AT_ONCE) -> list[bytes]:
        """Give the first rows of events with ids from one to before another, written as `sealing.write_rows` does."""
        rows = self._rows("event_rows", low, high, limit)
        if self._database.dialect == "mysql":
            return [row for (row,) in rows]
        return write_rows(map(_event_row, rows))

    def rows_of_chunk(self, low: bytes, high: bytes, chunk: bytes) -> list[EventRow]:
        """Give the rows of a chunk's events with ids from one to before another, in stored order."""
        return [_event_row(row) for row in self._rows("rows_of_chunk", low, high, chunk)]

    def chunk_of_event(self, identifier: bytes) -> SealedChunk | None:
        """Give the chunk that an event lies in, without its seal."""
        rows = self._rows("chunk_of_event", identifier)
        return _sealed_chunk((*rows[0], None, None, None, None)) if rows else None

    def first_stored(self, low: bytes) -> bytes | None:
        """Give the smallest id of a chunk or an event from an id on."""
        ((chunk, event),) = self._rows("first_stored", low, low)
        return min((identifier for identifier in (chunk, event) if identifier is not None), default=None)

    def callers_after(self, identifier: bytes, limit: int = CHUNKS_AT_ONCE) -> list[Row]:
        """Give the callers that follow an id, as `rows.CallerRow`."""
        return [(_bytes(row[0]), *map(_text, row[1:])) for row in self._rows("callers_after", identifier, limit)]

    def actions_after(self, identifier: bytes, limit: int = CHUNKS_AT_ONCE) -> list[Row]:
        """Give the actions that follow an id, as `rows.ActionRow`."""
        return [
            (_bytes(row[0]), *(value if isinstance(value, int) else _text(value) for value in row[1:]))
            for row in self._rows("actions_after", identifier, limit)
        ]

    def _rows(self, name: str, *parameters: Any) -> Sequence[Row]:
        with self._database.read() as cursor:
            cursor.execute(self._statements[name], parameters)
            return cursor.fetchall()


def _signed(body: Any, signature: Any) -> Signed:
    return Signed(_bytes(body), _bytes(signature))


def _seal(row: Row) -> Seal:
    stream, sequence, chunk, events, sealed, root, record, link = row
    return Seal(
        _bytes(stream), _number(sequence), _bytes(chunk), _number(events), _number(sealed), _bytes(root),
        _bytes(record), _bytes(link),
    )


def _sealed_chunk(row: Row) -> SealedChunk:
    identifier, cluster, received, first, events, size, stream, sequence, sealed, count, root, record = row
    return SealedChunk(
        _bytes(identifier), _text(cluster), _number(received), _bytes(first), _number(events), _number(size),
        _bytes(stream), _number(sequence), sealed, count, root, record,
    )


def _event_row(row: Row) -> EventRow:
    identifier, chunk, offset, length, caller, action, audit, *texts = row
    namespace, name, uri = map(_text, texts)
    return (
        _bytes(identifier), _bytes(chunk), _number(offset), _number(length), _bytes(caller), _bytes(action),
        _bytes(audit), namespace, name, uri,
    )


# A column of SQLite takes a value of any type, and somebody who changes rows may put anything there.
def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b"no bytes"


def _number(value: Any) -> int:
    return value if isinstance(value, int) else -1


def _text(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
