"""Deletes what is older than a day, in steps short enough that batches go on being stored between them.

On MariaDB whole partitions are dropped; what then is left before the day, such as events of long ago in a partition of
later days, is deleted row by row, as all of it is on SQLite. A chunk's events are of one day in UTC, as its own id is.
Order: rows of events, postings, tallies, chunks. What breaks off in between leaves chunks without rows, and the next
time takes them; no row ever outlives its chunk.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from audit_webhook import queries
from audit_webhook.columns import text_of
from audit_webhook.database import Cursor, Database, Row
from audit_webhook.event import EPOCH
from audit_webhook.identity import time_bound
from audit_webhook.schema import drop_partitions, locked
from audit_webhook.transaction import Arrival, Transaction

DROPPED: Final = ("events", "postings", "tallies", "chunks")
EVENTS_A_STEP: Final = 2_000
CHUNKS_A_STEP: Final = 20
POSTINGS_SECONDS: Final = 0.05
PAUSE_SECONDS: Final = 0.01
DAY: Final = 86_400_000
FOLDED: Final = bytes(8)
"""The stream that holds the counts of all streams that ended long ago."""


class Expired(NamedTuple):
    """What lies before a day: chunks, events, bytes before compression, and the oldest event's time in ms or None."""

    chunks: int
    events: int
    raw_bytes: int
    oldest: int | None


class Deletion:
    """The statements that delete: one method for each, all on the cursor of one transaction."""

    def __init__(self, cursor: Cursor, statements: Mapping[str, str]) -> None:
        """Delete through this cursor with these named statements."""
        self._cursor: Final = cursor
        self._statements: Final = statements

    def expired(self, bound: bytes) -> Expired:
        """Give what lies before an id."""
        ((chunks, events, raw_bytes, oldest),) = self._rows("expired", bound)
        return Expired(int(chunks), int(events), int(raw_bytes), oldest and int.from_bytes(oldest[:6], "big"))

    def nth_expired_event(self, bound: bytes, number: int) -> bytes:
        """Give the id of so many events after the oldest; ``bound`` when there are not so many before it."""
        rows = self._rows("nth_expired_event", bound, number)
        return bytes(rows[0][0]) if rows else bound

    def nth_expired_chunk(self, bound: bytes, number: int) -> bytes:
        """Give the id of so many chunks after the oldest; ``bound`` when there are not so many before it."""
        rows = self._rows("nth_expired_chunk", bound, number)
        return bytes(rows[0][0]) if rows else bound

    def next_posted(self, field: bytes | str, value: bytes | str) -> tuple[bytes | str, bytes | str] | None:
        """Give the posted value that follows another one, as its field and itself."""
        rows = self._rows("next_posted", field, field, value)
        return (rows[0][0], rows[0][1]) if rows else None

    def delete_events(self, bound: bytes) -> int:
        """Delete the rows of the events before an id."""
        return self._count("delete_events", bound)

    def delete_postings(self, field: bytes | str, value: bytes | str, bound: bytes) -> int:
        """Delete the postings of one value in chunks before an id."""
        return self._count("delete_postings", field, value, bound)

    def delete_chunks(self, bound: bytes) -> int:
        """Delete the chunks before an id."""
        return self._count("delete_chunks", bound)

    def delete_old_tallies(self, bound: bytes) -> int:
        """Delete the tallies before an id."""
        return self._count("delete_old_tallies", bound)

    def delete_callers(self, day: int, future: bytes) -> int:
        """Delete the callers that were last in use before a day, but for those of events from an id on."""
        return self._count("delete_callers", day, future)

    def delete_actions(self, day: int, future: bytes) -> int:
        """Delete the actions that were last in use before a day, but for those of events from an id on."""
        return self._count("delete_actions", day, future)

    def delete_quarantined(self, received: int) -> int:
        """Delete what could not be read and was received before a time in microseconds."""
        return self._count("delete_quarantined", received)

    def delete_old_readings(self, bound: bytes) -> int:
        """Delete what was recorded of readers before an id."""
        return self._count("delete_old_readings", bound)

    def silent_arrivals(self, received: int) -> list[tuple[str, int, int, int, int]]:
        """Give each cluster's newest arrival and counts on streams that were last heard before a time, and how many."""
        rows = self._rows("silent_arrivals", received)
        return [(text_of(name), int(last), int(new), int(known), int(count)) for name, last, new, known, count in rows]

    def delete_silent_arrivals(self, cluster: str, received: int) -> int:
        """Delete a cluster's arrivals on such streams."""
        return self._count("delete_silent_arrivals", cluster, received)

    def _rows(self, name: str, *parameters: object) -> list[Row]:
        self._cursor.execute(self._statements[name], parameters)
        return list(self._cursor.fetchall())

    def _count(self, name: str, *parameters: object) -> int:
        self._cursor.execute(self._statements[name], parameters)
        return self._cursor.rowcount


class Pruner:
    """Takes everything before a day out of one database."""

    def __init__(self, database: Database) -> None:
        """Prune this database."""
        self._database: Final = database
        self._statements: Final = queries.load(database.dialect)

    def count_expired(self, before: int) -> Expired:
        """Give what lies before a time in milliseconds."""
        with self._database.read() as cursor:
            return Deletion(cursor, self._statements).expired(time_bound(before))

    def prune(self, before: int) -> Iterator[Expired]:
        """Delete what lies before a midnight in milliseconds, the oldest day first; give after each what is left."""
        if self._database.dialect == "mysql":
            for table in DROPPED:
                with self._database.write() as cursor, locked(cursor):
                    drop_partitions(cursor, table, EPOCH + timedelta(milliseconds=before))
        while (left := self.count_expired(before)).oldest is not None:
            yield left
            self._delete_before(time_bound(min((left.oldest // DAY + 1) * DAY, before)))
        self._delete_before(time_bound(before))
        yield left

    def _delete_before(self, bound: bytes) -> None:
        """Delete what lies before an id of a midnight."""
        self._delete_events(bound)
        self._delete_postings(bound)
        self._delete_tallies(bound)
        self._delete_chunks(bound)

    def _delete_events(self, bound: bytes) -> None:
        upper = b""
        while upper != bound:
            with self._database.write() as cursor:
                deletion = Deletion(cursor, self._statements)
                upper = deletion.nth_expired_event(bound, EVENTS_A_STEP)
                deletion.delete_events(upper)
            time.sleep(PAUSE_SECONDS)

    def _delete_tallies(self, bound: bytes) -> None:
        with self._database.write() as cursor:
            Deletion(cursor, self._statements).delete_old_tallies(bound)

    def _delete_chunks(self, bound: bytes) -> None:
        upper = b""
        while upper != bound:
            with self._database.write() as cursor:
                deletion = Deletion(cursor, self._statements)
                upper = deletion.nth_expired_chunk(bound, CHUNKS_A_STEP)
                deletion.delete_chunks(upper)
            time.sleep(PAUSE_SECONDS)

    def _delete_postings(self, bound: bytes) -> None:
        """Go through the posted values, each of which has its chunks in order, for a short time in each step."""
        posted: tuple[bytes | str, bytes | str] | None = ("", "")
        while posted is not None:
            with self._database.write() as cursor:
                deletion = Deletion(cursor, self._statements)
                end = time.monotonic() + POSTINGS_SECONDS
                while (posted := deletion.next_posted(*posted)) is not None:
                    deletion.delete_postings(*posted, bound)
                    if time.monotonic() > end:
                        break
            time.sleep(PAUSE_SECONDS)

    def forget(self, unused_since: int, now: int) -> None:
        """Delete callers and actions that no event was stored for since a time in milliseconds.

        Those of events that are dated later than ``now`` stay, however long ago they came.
        """
        with self._database.write() as cursor:
            deletion = Deletion(cursor, self._statements)
            deletion.delete_callers(unused_since // DAY, time_bound(now))
            deletion.delete_actions(unused_since // DAY, time_bound(now))

    def forget_unreadable(self, before: int) -> int:
        """Empty the quarantine of what was received before a time in milliseconds."""
        with self._database.write() as cursor:
            return Deletion(cursor, self._statements).delete_quarantined(before * 1000)

    def forget_readings(self, before: int) -> int:
        """Delete what was read before a time in milliseconds: who read is kept as long as what could be read."""
        with self._database.write() as cursor:
            return Deletion(cursor, self._statements).delete_old_readings(time_bound(before))

    def fold_arrivals(self, before: int) -> None:
        """Put the counts of streams that were last heard before a time in milliseconds into one row a cluster."""
        with self._database.write() as cursor:
            deletion = Deletion(cursor, self._statements)
            for cluster, received, events, duplicates, streams in deletion.silent_arrivals(before * 1000):
                if streams > 1:
                    deletion.delete_silent_arrivals(cluster, before * 1000)
                    folded = Arrival(FOLDED, cluster, 0, received, events, duplicates)
                    Transaction(cursor, self._statements).record_arrival(folded)
