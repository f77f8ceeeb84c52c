"""Who evaluates the rules or delivers messages, how far that came, and what rules over several events remember.

One process at a time holds the lease. Whatever it stores, it stores in a transaction that begins with `hold`, which
locks the lease: one that lost it meanwhile stores nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple

import msgspec

from audit_webhook.storage import statements as queries
from audit_webhook.storage.database import Cursor, Database, Row
from audit_webhook.storage.search_sql import Span, fill_ids
from audit_webhook.storage.text_columns import text_of

EVALUATION: Final = "evaluation"
DELIVERY: Final = "delivery"
Key = tuple[bytes, bytes, str]
"""Caller, action and namespace of events."""
WindowRow = tuple[str, bytes, int, tuple[tuple[bytes, int], ...]]
"""Rule, key, until when it is kept, and marks with their times."""
_decode_marks: Final = msgspec.msgpack.Decoder(tuple[tuple[bytes, int], ...]).decode


class Lease(NamedTuple):
    """Who evaluates, until when at least, and the time until which arrivals were followed, in microseconds."""

    holder: bytes
    ends: int
    evaluated: int


class LeaseLost(Exception):
    """Another process evaluates now."""


class ChunkRow(NamedTuple):
    """Where an event of a chunk lies, and who did what."""

    id: bytes
    chunk_id: bytes
    offset: int
    length: int
    key: Key


class AlertProgressStore:
    """The statements on lease, positions and windows."""

    def __init__(self, database: Database, work: str = EVALUATION) -> None:
        """Use the repository's connections; ``work`` is what the lease is for."""
        self._database: Final = database
        self._work: Final = work
        self._statements: Final[Mapping[str, str]] = queries.load(database.dialect)

    def write(self) -> AbstractContextManager[Cursor]:
        """Begin a transaction."""
        return self._database.write()

    def take(self, holder: bytes, now: int, ends: int) -> Lease | None:
        """Take the lease when it is free, has ended or is this holder's; return it as it was, or None."""
        with self._database.write() as cursor:
            self._execute(cursor, "take_lease", self._work, holder, 0)
            lease = self._lock(cursor)
            if lease.holder != holder and lease.ends > now:
                return None
            self._execute(cursor, "renew_lease", holder, ends, lease.evaluated, self._work)
            return lease

    def lease(self) -> Lease | None:
        """Return the lease, None when nobody ever had it."""
        rows = self._rows(self._statements["read_lease"], (self._work,))
        return Lease(bytes(rows[0][0]), int(rows[0][1]), int(rows[0][2])) if rows else None

    def hold(self, cursor: Cursor, holder: bytes, ends: int, evaluated: int) -> None:
        """Lock the lease until the end of the transaction and renew it; raises LeaseLost."""
        if self._lock(cursor).holder != holder:
            raise LeaseLost
        self._execute(cursor, "renew_lease", holder, ends, evaluated, self._work)

    def _lock(self, cursor: Cursor) -> Lease:
        self._execute(cursor, "lock_lease", self._work)
        ((holder, ends, evaluated),) = cursor.fetchall()
        return Lease(bytes(holder), int(ends), int(evaluated))

    def positions(self) -> dict[bytes, int]:
        """Return the sequence number up to which each stream was evaluated."""
        rows = self._rows(self._statements["read_alert_positions"])
        return {bytes(stream): int(sequence) for stream, sequence in rows}

    def write_positions(self, cursor: Cursor, positions: Mapping[bytes, int]) -> None:
        """Store positions."""
        for stream, sequence in sorted(positions.items()):
            self._execute(cursor, "write_alert_position", stream, sequence)

    def windows(self, now: int) -> list[WindowRow]:
        """Return what rules remember that has not ended at a time in microseconds."""
        return [
            (text_of(rule), bytes(key), int(ends), _decode_marks(marks))
            for rule, key, ends, marks in self._rows(self._statements["read_windows"], (now,))
        ]

    def write_windows(self, cursor: Cursor, rows: Iterable[WindowRow]) -> None:
        """Store what rules remember."""
        for rule, key, ends, marks in rows:
            self._execute(cursor, "write_window", rule, key, max(0, ends), msgspec.msgpack.encode(marks))

    def forget_windows(self, before: int) -> None:
        """Delete what ended before a time in microseconds."""
        with self._database.write() as cursor:
            self._execute(cursor, "forget_windows", before)

    def chunk_keys(self, span: Span) -> list[Key]:
        """Return what callers did what in which namespaces of a chunk."""
        rows = self._rows(self._statements["chunk_keys"], (span.first_id, span.end, span.id))
        return [(bytes(caller), bytes(action), text_of(namespace)) for caller, action, namespace in rows]

    def chunk_rows(self, span: Span, actions: Sequence[bytes]) -> list[ChunkRow]:
        """Return the events of a chunk with one of some actions, in the order of their times."""
        found: list[ChunkRow] = []
        for start in range(0, len(actions), 500):
            part = actions[start:start + 500]
            sql = fill_ids(self._statements["chunk_rows"], len(part))
            for identifier, chunk, offset, length, *key in self._rows(sql, (span.first_id, span.end, span.id, *part)):
                caller, action, namespace = key
                known = (bytes(caller), bytes(action), text_of(namespace))
                found.append(ChunkRow(bytes(identifier), bytes(chunk), offset, length, known))
        return sorted(found)

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> Sequence[Row]:
        with self._database.read() as cursor:
            cursor.execute(queries.adapt(sql, self._database.dialect), tuple(values))
            return cursor.fetchall()

    def _execute(self, cursor: Cursor, name: str, *values: Any) -> None:
        cursor.execute(queries.adapt(self._statements[name], self._database.dialect), values)
