"""Where tallies are kept: read by day, summed in the background; a reader always sees each event counted once.

A chunk's tally is written with the chunk, in the same transaction. Later the tallies of a cluster's day are replaced by
their sum, again in one transaction. Readers take all rows with one statement, which sees the tables at one moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, Final, NamedTuple

from audit_webhook.errors import DuplicateKey, StoreBusy
from audit_webhook.events.ids import time_bound
from audit_webhook.storage import statements as queries
from audit_webhook.storage.chunks.columns import ActionRow, CallerRow
from audit_webhook.storage.chunks.counts import DAY, day_of, keep_namespaces, merge, pack, sum_id
from audit_webhook.storage.database import Database, Row
from audit_webhook.storage.scope import Scope
from audit_webhook.storage.search_sql import Search, Span, fill_events, fill_ids, within
from audit_webhook.storage.text_columns import text_of
from audit_webhook.storage.writer import TallyRow, Transaction

IDS_AT_ONCE: Final = 500
FRESH_AT_ONCE: Final = 5_000
DAYS_AT_ONCE: Final = 30
SUMMED_TOGETHER: Final = 16
"""Tallies of one cluster's day that are worth summing; fewer are summed when too many are left in all."""
MOST_FRESH: Final = 512


class DayTally(NamedTuple):
    """Packed counts of a cluster on the day that begins at a time in milliseconds."""

    day: int
    cluster: str
    content: bytes


class Matches(NamedTuple):
    """How many events of a caller, an action and a namespace match within one step of time; one of their times."""

    caller: bytes
    action: bytes
    namespace: str
    milliseconds: int
    events: int


class Kept(NamedTuple):
    """How many events of a cluster are stored, and the beginning of the oldest day of them, in milliseconds."""

    events: int
    first_day: int


class Batch(NamedTuple):
    """The time of a chunk's newest event and when it was received, in microseconds, and how many events it has."""

    happened: int
    received: int
    events: int


class TallyStore:
    """The table ``tallies``, and the dimensions that their keys point to."""

    def __init__(self, database: Database, statements: Mapping[str, str], scope: Callable[[], Scope]) -> None:
        """Share the repository's connections and statements, and what may be seen at a moment."""
        self._scope: Final = scope
        self._database: Final = database
        self._statements: Final = statements

    def select_tallies(self, since: int, until: int) -> list[DayTally]:
        """Give the tallies of the days from one to before another, both in milliseconds, oldest first."""
        scope = self._scope()
        rows = self._rows(self._statements["select_tallies"], (time_bound(since), time_bound(until)))
        return [
            DayTally(day_of(identifier), text_of(cluster), keep_namespaces(content, scope.namespaces))
            for identifier, cluster, content in rows if scope.has_cluster(text_of(cluster))
        ]

    def tallied_days(self) -> tuple[int, int] | None:
        """Give the first and the last day with events, in milliseconds; None when there are none."""
        ((first, last),) = self._rows(self._statements["tallied_days"])
        return None if first is None else (day_of(first), day_of(last))

    def first_visible_day(self) -> int:
        """Return the beginning of the first day with events that may be seen, in milliseconds; 0 without any."""
        first, last = self.tallied_days() or (0, -DAY)
        for start in range(first, last + DAY, DAYS_AT_ONCE * DAY):
            for row in self.select_tallies(start, start + DAYS_AT_ONCE * DAY):
                if merge([row.content]):
                    return row.day
        return 0

    def tallied_clusters(self) -> dict[str, Kept]:
        """Give what is stored of each cluster."""
        return {
            text_of(cluster): Kept(int(events), day_of(first))
            for cluster, events, first in self._rows(self._statements["tallied_clusters"])
            if self._scope().has_cluster(text_of(cluster))
        }

    def recent_chunks(self, cluster: str, limit: int) -> list[Batch]:
        """Give when the newest chunks of a cluster happened and when they were received, newest first."""
        may_see = self._scope().has_cluster(cluster)
        rows = self._rows(self._statements["recent_chunks"], ("cluster", cluster, limit)) if may_see else ()
        return [Batch(int.from_bytes(chunk[:6], "big") * 1000, received, events) for chunk, received, events in rows]

    def read_callers(self, ids: Sequence[bytes]) -> list[CallerRow]:
        """Give the callers with these ids."""
        return [(row[0], *map(text_of, row[1:])) for row in self._by_ids(self._statements["read_callers"], ids)]

    def read_actions(self, ids: Sequence[bytes]) -> list[ActionRow]:
        """Give the actions with these ids."""
        return [
            (row[0], *(value if isinstance(value, int) else text_of(value) for value in row[1:]))
            for row in self._by_ids(self._statements["read_actions"], ids)
        ]

    def has_cut_values(self) -> bool:
        """Return whether of any stored event a value was cut for searching."""
        return bool(self._rows(self._statements["has_cut_values"]))

    def count_matches(
        self, search: Search, low: bytes, high: bytes, step: int, spans: Sequence[Span] = ()
    ) -> list[Matches]:
        """Count the matches between two ids by caller, action, namespace and step of time, in milliseconds."""
        search = within(search, self._scope())
        filled = fill_events(self._statements["count_matches"], search, spans, self._database.dialect)
        bounds = (max(low, search.lowest), min(high, search.highest))
        return [
            Matches(caller, action, text_of(namespace), int.from_bytes(first[:6], "big"), int(events))
            for caller, action, namespace, first, events in self._rows(filled.sql, (*bounds, *filled.parameters, step))
        ]

    def list_fresh(self, limit: int = FRESH_AT_ONCE) -> Sequence[Row]:
        """Give id and cluster of the oldest tallies that are of one chunk each."""
        return self._rows(self._statements["list_fresh"], (limit,))

    def read_sum(self, cluster: str, day: int) -> Row | None:
        """Return chunks, events and content of a cluster's sum of a day, or None."""
        return next(iter(self._rows(self._statements["read_sum"], (sum_id(day), cluster))), None)

    def read_tallies(self, ids: Sequence[bytes]) -> list[Row]:
        """Give id, events and content of tallies."""
        return self._by_ids(self._statements["read_tallies"], ids)

    def compact(self) -> int:
        """Replace tallies of single chunks by the sums of their days; give how many there were."""
        fresh = self.list_fresh()
        done = 0
        for cluster, day, ids in sorted(_by_day(fresh), key=lambda group: -len(group[2])):
            if len(ids) >= SUMMED_TOGETHER or len(fresh) - done > MOST_FRESH:
                done += self.sum_up(cluster, day, ids)
        return done

    def sum_up(self, cluster: str, day: int, ids: Sequence[bytes]) -> int:
        """Put these tallies into the sum of their day; 0 when another process changed one meanwhile, or was at it."""
        known = self.read_sum(cluster, day)
        parts = [*self.read_tallies(ids), *([known] if known else [])]
        chunks = int(known[0]) if known else 0
        content = pack(merge(row[-1] for row in parts))
        total = TallyRow(sum_id(day), cluster, chunks + len(ids), sum(int(row[-2]) for row in parts), content)
        try:
            with self._write() as transaction:
                _expect(len(ids), transaction.delete_tallies(ids))
                if known:
                    _expect(1, transaction.update_sum(total, chunks))
                else:
                    transaction.insert_tally(total)
        except (DuplicateKey, StoreBusy):
            return 0
        return len(ids)

    def prune(self, before: int) -> int:
        """Delete the tallies of the days before a midnight in milliseconds that no dropped partition took along."""
        with self._write() as transaction:
            return transaction.delete_expired_tallies(time_bound(before))

    @contextmanager
    def _write(self) -> Iterator[Transaction]:
        with self._database.write() as cursor:
            yield Transaction(cursor, self._statements)

    def _by_ids(self, statement: str, ids: Sequence[bytes]) -> list[Row]:
        found: list[Row] = []
        for start in range(0, len(ids), IDS_AT_ONCE):
            part = ids[start:start + IDS_AT_ONCE]
            found += self._rows(fill_ids(statement, len(part)), part)
        return found

    def _rows(self, statement: str, parameters: Sequence[Any] = ()) -> Sequence[Row]:
        with self._database.read() as cursor:
            cursor.execute(queries.adapt(statement, self._database.dialect), tuple(parameters))
            return cursor.fetchall()


def _expect(expected: int, changed: int) -> None:
    """Undo the transaction when another process was quicker."""
    if changed != expected:
        raise DuplicateKey("another process has summed these tallies")


def _by_day(fresh: Sequence[Row]) -> Iterator[tuple[str, int, list[bytes]]]:
    """Give the ids of tallies by cluster and day."""
    placed = sorted((text_of(cluster), day_of(identifier), identifier) for identifier, cluster in fresh)
    for (cluster, day), group in groupby(placed, key=lambda item: item[:2]):
        yield cluster, day, [identifier for _, _, identifier in group]
