"""Deletes what is older than a day, in steps short enough that batches go on being stored between them.

Old is what happened before that day and was received before it too: a day of which a batch came late stays whole, so
that a wrong clock or an old log file costs no events. On MariaDB whole partitions are dropped; what then is left, such
as events of long ago in a partition of later days, is deleted row by row, as all of it is on SQLite. A chunk's events
are of one day in UTC, as its own id is.
Order: rows of events, postings, tallies, chunks. What breaks off in between leaves chunks without rows, and the next
time takes them; no row ever outlives its chunk.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from audit_webhook.events.event import EPOCH
from audit_webhook.events.ids import time_bound
from audit_webhook.storage import statements as queries
from audit_webhook.storage.database import Cursor, Database, Row
from audit_webhook.storage.schema import drop_partitions, locked
from audit_webhook.storage.text_columns import text_of
from audit_webhook.storage.writer import Arrival, Transaction

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

    def expired(self, low: bytes, bound: bytes) -> Expired:
        """Return what lies between two ids."""
        ((chunks, events, raw_bytes, oldest),) = self._rows("expired", low, bound)
        return Expired(int(chunks), int(events), int(raw_bytes), oldest and int.from_bytes(oldest[:6], "big"))

    def nth_expired_event(self, low: bytes, bound: bytes, number: int) -> bytes:
        """Return the id of so many events after the first from an id on; ``bound`` when there are fewer before it."""
        rows = self._rows("nth_expired_event", low, bound, number)
        return bytes(rows[0][0]) if rows else bound

    def nth_expired_chunk(self, low: bytes, bound: bytes, number: int) -> bytes:
        """Return the id of so many chunks after the first from an id on; ``bound`` when there are fewer before it."""
        rows = self._rows("nth_expired_chunk", low, bound, number)
        return bytes(rows[0][0]) if rows else bound

    def next_posted(self, field: bytes | str, value: bytes | str) -> tuple[bytes | str, bytes | str] | None:
        """Give the posted value that follows another one, as its field and itself."""
        rows = self._rows("next_posted", field, field, value)
        return (rows[0][0], rows[0][1]) if rows else None

    def delete_events(self, low: bytes, bound: bytes) -> int:
        """Delete the rows of the events between two ids."""
        return self._count("delete_events", low, bound)

    def delete_postings(self, field: bytes | str, value: bytes | str, low: bytes, bound: bytes) -> int:
        """Delete the postings of one value in chunks between two ids."""
        return self._count("delete_postings", field, value, low, bound)

    def kept_late(self, received: int, bound: bytes) -> list[bytes]:
        """Return the chunks before an id that came on a later day than their events, from a time in microseconds on."""
        return [bytes(chunk) for (chunk,) in self._rows("kept_late", received, bound)]

    def delete_late(self, received: int) -> int:
        """Delete the notes of late chunks that were received before a time in microseconds."""
        return self._count("delete_late", received)

    def newest_chunk(self) -> int:
        """Return the time of the newest event in milliseconds; 0 when there is none."""
        ((newest,),) = self._rows("newest_chunk")
        return int.from_bytes(newest[:6], "big") if newest else 0

    def count_tallied(self) -> int:
        """Return how many events there are, as the tallies say."""
        return int(self._rows("count_tallied")[0][0])

    def delete_chunks(self, low: bytes, bound: bytes) -> int:
        """Delete the chunks between two ids."""
        return self._count("delete_chunks", low, bound)

    def delete_old_tallies(self, low: bytes, bound: bytes) -> int:
        """Delete the tallies between two ids."""
        return self._count("delete_old_tallies", low, bound)

    def delete_callers(self, day: int, future: bytes) -> int:
        """Delete the callers that were last in use before a day, but for those of events from an id on."""
        return self._count("delete_callers", day, future)

    def delete_actions(self, day: int, future: bytes) -> int:
        """Delete the actions that were last in use before a day, but for those of events from an id on."""
        return self._count("delete_actions", day, future)

    def delete_quarantined(self, received: int) -> int:
        """Delete what could not be read and was received before a time in microseconds."""
        return self._count("delete_quarantined", received)

    def delete_left_out(self, received: int) -> int:
        """Delete the counts of what was left out of the quarantine, the last of it before a time in microseconds."""
        return self._count("delete_left_out", received)

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
        """Return what is older than a midnight in milliseconds."""
        return self._count(self._spans(before))

    def newest_event(self) -> int:
        """Return the time of the newest event in milliseconds; 0 when there is none."""
        with self._database.read() as cursor:
            return Deletion(cursor, self._statements).newest_chunk()

    def count_all(self) -> int:
        """Return how many events are stored."""
        with self._database.read() as cursor:
            return Deletion(cursor, self._statements).count_tallied()

    def prune(self, before: int) -> Iterator[Expired]:
        """Delete what is older than a midnight in milliseconds, the oldest day first; yield after each what is left."""
        if self._database.dialect == "mysql":
            kept = {f"p{EPOCH + timedelta(milliseconds=day):%Y%m%d}" for day in self.kept_days(before)}
            for table in DROPPED:
                with self._database.write() as cursor, locked(cursor):
                    drop_partitions(cursor, table, EPOCH + timedelta(milliseconds=before), kept)
        spans = self._spans(before)
        while (left := self._count(spans)).oldest is not None:
            yield left
            low, high = next(span for span in spans if span[0] <= left.oldest < span[1])
            self._delete_between(time_bound(low), time_bound(min((left.oldest // DAY + 1) * DAY, high)))
        for low, high in spans:
            self._delete_between(time_bound(low), time_bound(high))
        with self._database.write() as cursor:
            Deletion(cursor, self._statements).delete_late(before * 1000)
        yield left

    def kept_days(self, before: int) -> set[int]:
        """Return the days before a midnight of which a batch was received since then, in milliseconds."""
        with self._database.read() as cursor:
            late = Deletion(cursor, self._statements).kept_late(before * 1000, time_bound(before))
        return {int.from_bytes(chunk[:6], "big") // DAY * DAY for chunk in late}

    def _spans(self, before: int) -> list[tuple[int, int]]:
        """Return the spans of time before a midnight, in milliseconds, without the days that are kept."""
        edges = [0, *(edge for day in sorted(self.kept_days(before)) for edge in (day, day + DAY)), before]
        return [(low, high) for low, high in zip(edges[::2], edges[1::2], strict=True) if low < high]

    def _count(self, spans: list[tuple[int, int]]) -> Expired:
        with self._database.read() as cursor:
            deletion = Deletion(cursor, self._statements)
            parts = [deletion.expired(time_bound(low), time_bound(high)) for low, high in spans]
        oldest = min((part.oldest for part in parts if part.oldest is not None), default=None)
        return Expired(
            sum(part.chunks for part in parts), sum(part.events for part in parts),
            sum(part.raw_bytes for part in parts), oldest,
        )

    def _delete_between(self, low: bytes, bound: bytes) -> None:
        """Delete what lies between the ids of two midnights."""
        self._delete_events(low, bound)
        self._delete_postings(low, bound)
        with self._database.write() as cursor:
            Deletion(cursor, self._statements).delete_old_tallies(low, bound)
        self._delete_chunks(low, bound)

    def _delete_events(self, low: bytes, bound: bytes) -> None:
        upper = b""
        while upper != bound:
            with self._database.write() as cursor:
                deletion = Deletion(cursor, self._statements)
                upper = deletion.nth_expired_event(low, bound, EVENTS_A_STEP)
                deletion.delete_events(low, upper)
            time.sleep(PAUSE_SECONDS)

    def _delete_chunks(self, low: bytes, bound: bytes) -> None:
        upper = b""
        while upper != bound:
            with self._database.write() as cursor:
                deletion = Deletion(cursor, self._statements)
                upper = deletion.nth_expired_chunk(low, bound, CHUNKS_A_STEP)
                deletion.delete_chunks(low, upper)
            time.sleep(PAUSE_SECONDS)

    def _delete_postings(self, low: bytes, bound: bytes) -> None:
        """Go through the posted values, each of which has its chunks in order, for a short time in each step."""
        posted: tuple[bytes | str, bytes | str] | None = ("", "")
        while posted is not None:
            with self._database.write() as cursor:
                deletion = Deletion(cursor, self._statements)
                end = time.monotonic() + POSTINGS_SECONDS
                while (posted := deletion.next_posted(*posted)) is not None:
                    deletion.delete_postings(*posted, low, bound)
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
            deletion = Deletion(cursor, self._statements)
            deletion.delete_left_out(before * 1000)
            return deletion.delete_quarantined(before * 1000)

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
